// SPDX-License-Identifier: GPL-2.0
/*
 * The table of what a destination received: when an extent is known, which frames came last, generations.
 */
#include <sched.h>

#include "recv_proof.h"

static struct dmm_proof table;
static struct dmm_order order;
static struct dmm_order_owner owner;

static int setup(void **state)
{
	(void)state;
	shadow = calloc(1, SIZE);
	dmm_order_init(&order);
	dmm_order_owner_init(&owner, -1);
	dmm_proof_init(&table);
	assert_int_equal(dmm_proof_open(&table, SIZE), 0);
	assert_int_equal(table.nr, NR);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dmm_proof_exit(&table);
	dmm_order_exit(&order);
	free(shadow);
	return 0;
}

static void bring(u64 first, u32 bytes)
{
	struct dmm_extent e = { .first_bytes = first, .end_bytes = first + bytes, .owner = &owner };

	shadow_fill(first, bytes);
	assert_true(dmm_proof_add(&table, &order, &e, false, kind, dmm_sum(kind, 0, shadow + first, bytes)));
	dmm_order_done(&order, &e);
}

static void bring_zeros(u64 first, u64 bytes)
{
	struct dmm_extent e = { .first_bytes = first, .end_bytes = first + bytes, .owner = &owner };

	memset(shadow + first, 0, bytes);
	assert_true(dmm_proof_add(&table, &order, &e, true, kind, 0x12345678));
	dmm_order_done(&order, &e);
}

/* Extent @i is known, or not; what is known is right. */
static void known_is(u64 i, bool known)
{
	struct dmm_proof_state s;

	dmm_proof_get(&table, i, &s);
	assert_int_equal(s.offset_bytes, i * MIB);
	assert_int_equal(s.bytes, i == NR - 1 ? LAST : MIB);
	assert_int_equal(s.known, known);
	if (known)
		assert_int_equal(s.sum, s.kind == kind ? shadow_sum(i) : dmm_crc32c(0, shadow + i * MIB, s.bytes));
}

static u32 generation(u64 i)
{
	struct dmm_proof_state s;

	dmm_proof_get(&table, i, &s);
	return s.generation;
}

static void known_when_whole_and_in_order(void **state)
{
	u32 g;

	(void)state;
	known_is(0, false);
	bring(0, MIB);
	known_is(0, true);
	/* in pieces, and others in between */
	bring(MIB, 512);
	bring(MIB + 512, 65536);
	bring(2 * MIB, 4096);
	known_is(1, false);
	bring(MIB + 512 + 65536, MIB - 512 - 65536);
	known_is(1, true);
	known_is(2, false);
	/* the last one is shorter */
	bring(4 * MIB, LAST - 512);
	known_is(4, false);
	bring(4 * MIB + LAST - 512, 512);
	known_is(4, true);
	/* rewritten in part */
	g = generation(0);
	bring(65536, 512);
	known_is(0, false);
	assert_int_equal(generation(0), g + 1);
	known_is(1, true);
	/* and whole again, from its beginning on */
	bring(0, 4096);
	bring(4096, MIB - 4096);
	known_is(0, true);
	/* its first part anew: the rest is not known to follow */
	bring(0, 4096);
	known_is(0, false);
	bring(8192, MIB - 8192);
	known_is(0, false);
	/* out of order, with a gap, twice */
	bring(3 * MIB + 4096, MIB - 4096);
	bring(3 * MIB, 4096);
	known_is(3, false);
	bring(3 * MIB, 4096);
	bring(3 * MIB + 4096, 4096);
	bring(3 * MIB + 4096, 4096);
	bring(3 * MIB + 8192, MIB - 8192);
	known_is(3, false);
}

static void zeros_and_borders(void **state)
{
	u32 g[3];

	(void)state;
	bring_zeros(0, SIZE);
	known_is(0, true);
	known_is(3, true);
	known_is(4, true);
	/* part data, part zeros */
	bring(MIB, 8192);
	bring_zeros(MIB + 8192, MIB - 8192 + 4096);
	known_is(1, true);
	known_is(2, false);
	bring(2 * MIB + 4096, MIB - 4096);
	known_is(2, true);
	/* across a border: of neither part the checksum is known */
	g[0] = generation(0);
	g[1] = generation(1);
	g[2] = generation(2);
	bring(MIB / 2, MIB);
	known_is(0, false);
	known_is(1, false);
	known_is(2, true);
	assert_int_equal(generation(0), g[0] + 1);
	assert_int_equal(generation(1), g[1] + 1);
	assert_int_equal(generation(2), g[2]);
	bring(MIB + MIB / 2, MIB / 2);
	known_is(1, false);
	bring(MIB, MIB);
	known_is(1, true);
	/* what may not have been written is not known */
	dmm_proof_unsure(&table, MIB - 512, MIB + 512);
	known_is(1, false);
	known_is(2, true);
}

static void read_only_of_the_same_generation(void **state)
{
	struct dmm_proof_state s;

	(void)state;
	bring(4096, 4096);
	dmm_proof_get(&table, 0, &s);
	assert_true(dmm_proof_read(&table, &s, dmm_crc32c(0, shadow, MIB)));
	known_is(0, true);
	/* written while it was read */
	dmm_proof_get(&table, 0, &s);
	bring(4096, 4096);
	assert_false(dmm_proof_read(&table, &s, 0x1234));
	known_is(0, false);
	/* one that came whole meanwhile stays what it is */
	dmm_proof_get(&table, 0, &s);
	bring(0, MIB);
	assert_false(dmm_proof_read(&table, &s, 0x1234));
	known_is(0, true);
}

static void frames_that_came_last(void **state)
{
	struct dmm_proof_frame f, old;
	u32 i;

	(void)state;
	assert_false(dmm_proof_recent(&table, 0, &f));
	bring(4096, 4096);
	bring(MIB, 8192);
	assert_true(dmm_proof_recent(&table, 1, &old));
	assert_int_equal(old.offset_bytes, 4096);
	assert_true(dmm_proof_recent(&table, 0, &f));
	assert_int_equal(f.offset_bytes, MIB);
	assert_int_equal(f.bytes, 8192);
	assert_int_equal(f.sum, dmm_sum(kind, 0, shadow + MIB, 8192));
	/* overlapped by the least: what it had is not there any more */
	bring(4096 + 3584, 1024);
	assert_false(dmm_proof_is_last(&table, &old));
	assert_false(dmm_proof_recent(&table, 2, &old));
	assert_true(dmm_proof_is_last(&table, &f));
	bring(MIB - 512, 512);
	bring(MIB + 8192, 512);
	assert_true(dmm_proof_is_last(&table, &f));
	bring_zeros(MIB + 512, 512);
	assert_false(dmm_proof_is_last(&table, &f));
	assert_true(dmm_proof_recent(&table, 0, &f));
	dmm_proof_unsure(&table, f.offset_bytes, f.offset_bytes + 512);
	assert_false(dmm_proof_is_last(&table, &f));
	/* its place was taken */
	bring(0, 512);
	assert_true(dmm_proof_recent(&table, 0, &f));
	for (i = 1; i < DMM_PROOF_RECENT; i++)
		bring(2 * MIB + 512 * i, 512);
	assert_true(dmm_proof_is_last(&table, &f));
	bring(3 * MIB, 512);
	assert_false(dmm_proof_is_last(&table, &f));
	assert_false(dmm_proof_recent(&table, DMM_PROOF_RECENT, &f));
}

static void read_back(u64 i)
{
	struct dmm_proof_state s;

	dmm_proof_get(&table, i, &s);
	assert_true(dmm_proof_read(&table, &s, dmm_crc32c(0, shadow + i * MIB, s.bytes)));
	known_is(i, true);
}

static void differences_of_the_same_generation(void **state)
{
	struct dmm_proof_state s;
	u32 g, crc, source = 0;

	(void)state;
	bring(0, MIB);
	bring(3 * MIB, MIB);
	crc = dmm_crc32c(0, shadow, MIB);
	g = generation(0);
	/* the source has crc32c: nothing to compare with before that was read */
	assert_true(kind == DMM_SUM_CRC32C || !dmm_proof_differs(&table, 0, g, crc ^ 1));
	read_back(0);
	read_back(3);
	assert_false(dmm_proof_differs(&table, 0, g, crc));
	assert_false(dmm_proof_differs(&table, 0, g - 1, crc ^ 1));	/* it was written since */
	assert_false(dmm_proof_differs(&table, 1, 0, crc));		/* not known */
	assert_false(dmm_proof_judge(&table, &s, &source));
	assert_true(dmm_proof_differs(&table, 0, g, crc ^ 1));
	assert_true(dmm_proof_differs(&table, 3, generation(3), 5));
	assert_true(dmm_proof_judge(&table, &s, &source));
	assert_int_equal(s.offset_bytes, 0);
	assert_int_equal(s.sum, crc);
	assert_int_equal(source, crc ^ 1);
	/* what comes afterwards is what the source had not shipped */
	bring(8192, 4096);
	assert_true(dmm_proof_judge(&table, &s, &source));
	assert_int_equal(s.offset_bytes, 3 * MIB);
	dmm_proof_unsure(&table, 3 * MIB, 3 * MIB + 512);
	assert_false(dmm_proof_judge(&table, &s, &source));
}

/* Several connections: what the table says is what the last write in the order leaves. */
#define WRITERS	4
static _Atomic u32 turn;

static void *writer_thread(void *arg)
{
	struct dmm_order_owner mine;
	u8 *data = malloc(MIB);
	struct dmm_extent e;
	u32 i;

	dmm_order_owner_init(&mine, eventfd(0, EFD_NONBLOCK));
	for (i = 0; i < 300; i++) {
		e = (struct dmm_extent){ .first_bytes = 0, .end_bytes = MIB, .owner = &mine };
		memset(data, (int)(atomic_fetch_add(&turn, 1) * 7 + (u32)(uintptr_t)arg), MIB);
		if (!dmm_proof_add(&table, &order, &e, false, kind, dmm_sum(kind, 0, data, MIB)))
			while (!dmm_order_ready(&order, &mine))
				sched_yield();
		memcpy(shadow, data, MIB);
		dmm_order_done(&order, &e);
	}
	close(mine.wake_fd);
	free(data);
	return NULL;
}

static void several_connections(void **state)
{
	pthread_t threads[WRITERS];
	u32 i, round;

	(void)state;
	for (round = 0; round < 5; round++) {
		for (i = 0; i < WRITERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, writer_thread, (void *)(uintptr_t)i), 0);
		for (i = 0; i < WRITERS; i++)
			pthread_join(threads[i], NULL);
		known_is(0, true);
	}
	assert_int_equal(generation(0), 5 * WRITERS * 300);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(known_when_whole_and_in_order),
		T(zeros_and_borders),
		T(read_only_of_the_same_generation),
		T(frames_that_came_last),
		T(differences_of_the_same_generation),
		T(several_connections),
	};

	return run_kinds(tests);
}
