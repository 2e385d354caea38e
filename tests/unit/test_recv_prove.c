// SPDX-License-Identifier: GPL-2.0
/*
 * A destination proves its data: reading back, the sample of a hand-over, what the source has read, and a disk that
 * lies by one bit.
 */
#include <signal.h>

#include "recv_proof.h"

static struct peer control, data, other;
static struct dmm_disk *disk;

static void start(const struct dmm_engine_ops *engine)
{
	struct dmm_disk_name name = { .migration = { 1 } };
	struct dmm_refusal r;

	peer_features = DMM_FEATURE_ZERO | DMM_FEATURE_PROVE | (kind == DMM_SUM_POLY32 ? DMM_FEATURE_POLY32 : 0);
	receiver_start(SIZE, engine);
	peers_attach(&control, &data, SIZE);
	assert_int_equal(peer_attach(&other, 1, 1), 0);
	disk = dmm_registry_get(&rc.registry, &name, &r);
	assert_non_null(disk);
}

static int setup(void **state)
{
	(void)state;
	shadow = calloc(1, SIZE);
	start(&dmm_engine_libaio);
	return 0;
}

static int setup_fake(void **state)
{
	(void)state;
	shadow = calloc(1, SIZE);
	fake_reset(FAKE_HOLD, SIZE);
	start(&fake_engine);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dmm_registry_put(&rc.registry, disk);
	peer_close(&other);
	peers_end(&control, &data);
	free(shadow);
	return 0;
}

static void ship_zeros(struct peer *p, u64 first, u64 bytes)
{
	memset(shadow + first, 0, bytes);
	peer_zero(p, first, bytes);
	peer_expect_ack(p, DMM_MSG_ZERO, p->seq, DMM_WERR_OK);
}

/* All of it; extent 2 out of order, and 3 as zeros. */
static void ship_all(void)
{
	ship(&data, 0, MIB);
	ship(&data, MIB, 65536);
	ship(&data, MIB + 65536, MIB - 65536);
	ship(&other, 2 * MIB + 65536, MIB - 65536);
	ship(&other, 2 * MIB, 65536);
	ship_zeros(&data, 3 * MIB, MIB);
	ship(&data, 4 * MIB, LAST);
}

static u32 prove(u64 offset, u32 nr, u32 flags, struct dmm_wire_prove_ok *ok)
{
	struct dmm_wire_prove w;

	memset(&w, 0, sizeof(w));
	disk_id(&w.id);
	w.offset_bytes = cpu_to_le64(offset);
	w.extents = cpu_to_le32(nr);
	w.flags = cpu_to_le32(flags);
	return peer_request(&control, DMM_MSG_PROVE, &w, sizeof(w), DMM_MSG_PROVE_OK, ok, sizeof(*ok));
}

static void control_again(void)
{
	peer_close(&control);
	peer_hello(&control);
}

static u32 compare(u32 nr, const u64 *offsets, const u32 *generations, const u32 *crcs, u32 flags, u32 *differ)
{
	struct dmm_wire_compare_ok ok;
	struct dmm_wire_compare w;
	u32 i, code;

	memset(&w, 0, sizeof(w));
	disk_id(&w.id);
	w.extents = cpu_to_le32(nr);
	w.flags = cpu_to_le32(flags);
	for (i = 0; i < nr && i < 2; i++) {
		w.extent[i].offset_bytes = cpu_to_le64(offsets[i]);
		w.extent[i].generation = cpu_to_le32(generations[i]);
		w.extent[i].crc = cpu_to_le32(crcs[i]);
	}
	code = peer_request(&control, DMM_MSG_COMPARE, &w, sizeof(w), DMM_MSG_COMPARE_OK, &ok, sizeof(ok));
	*differ = code ? 0 : le32_to_cpu(ok.differ);
	return code;
}

/* The disk has failed, and both of its connections have said so by themselves. */
static void has_failed_aloud(void)
{
	struct dmm_wire_query_ok q;

	peer_expect_ack(&data, DMM_MSG_DATA, 0, DMM_WERR_DIFFERS);
	peer_expect_end(&data);
	peer_expect_ack(&other, DMM_MSG_DATA, 0, DMM_WERR_DIFFERS);
	peer_expect_end(&other);
	control_again();
	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_FAILED);
	assert_int_equal(le32_to_cpu(q.error), DMM_WERR_DIFFERS);
}

static void all_of_it(void **state)
{
	static const u32 states[NR] = { DMM_PROVED_SAME, DMM_PROVED_SAME, DMM_PROVED_READ, DMM_PROVED_SAME,
					DMM_PROVED_SAME };
	struct dmm_wire_prove_ok ok;
	u32 i, g[NR];

	(void)state;
	ship_all();
	assert_int_equal(prove(0, NR, DMM_PROVE_READ, &ok), 0);
	for (i = 0; i < NR; i++) {
		assert_int_equal(le32_to_cpu(ok.extents[i].state), states[i]);
		assert_int_equal(le32_to_cpu(ok.extents[i].crc), shadow_crc(i));
		g[i] = le32_to_cpu(ok.extents[i].generation);
		assert_true(g[i] > 0);
	}
	/* what was read is known from now on, too */
	assert_int_equal(prove(2 * MIB, 1, DMM_PROVE_READ, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.extents[0].state), DMM_PROVED_SAME);
	assert_int_equal(le32_to_cpu(ok.extents[1].generation), 0);
	ship(&data, MIB + 4096, 512);
	assert_int_equal(prove(0, NR, 0, &ok), 0);
	for (i = 0; i < NR; i++) {
		assert_int_equal(le32_to_cpu(ok.extents[i].generation), g[i] + (i == 1));
		assert_int_equal(ok.extents[i].state, 0);
		assert_int_equal(ok.extents[i].crc, 0);
	}
	assert_int_equal(dmm_disk_sample(disk, -1), 0);
	flip_a_bit(2 * MIB + 12345);	/* since it was read */
	assert_int_equal(prove(2 * MIB, 1, DMM_PROVE_READ, &ok), DMM_WERR_DIFFERS);
}

/* One bit of one extent, found whichever it is; who asks again is told again. */
static void a_disk_that_lies(void **state)
{
	static const u64 where[] = { 17, 2 * MIB - 1, 3 * MIB + 5, 4 * MIB + LAST - 1 };
	struct dmm_wire_prove_ok ok;
	struct dmm_wire_refuse refuse;
	struct dmm_wire_prove w;
	u32 i, g;

	for (i = 0; i < sizeof(where) / sizeof(where[0]); i++) {
		if (i)
			setup(state);
		ship_all();
		flip_a_bit(where[i]);
		memset(&w, 0, sizeof(w));
		disk_id(&w.id);
		w.extents = cpu_to_le32(NR);
		w.flags = cpu_to_le32(DMM_PROVE_READ);
		for (g = 0; g < 2; g++) {
			assert_int_equal(dmm_client_request(&control.c, DMM_MSG_PROVE, &w, sizeof(w),
							    DMM_MSG_PROVE_OK, &ok, sizeof(ok), &refuse),
					 -EREMOTEIO);
			assert_int_equal(le32_to_cpu(refuse.code), DMM_WERR_DIFFERS);
			assert_non_null(strstr((char *)refuse.text, "other data than was written, at offset"));
			control_again();
		}
		has_failed_aloud();
		if (i + 1 < sizeof(where) / sizeof(where[0]))
			teardown(state);
	}
}

static void what_is_written_now_is_busy(void **state)
{
	struct dmm_wire_prove_ok ok;

	(void)state;
	peer_fill(&data, MIB + 4096, 9, 4096);
	fake_await(&fake.nr_held, 1);
	assert_int_equal(prove(MIB, 1, DMM_PROVE_READ, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.extents[0].state), DMM_PROVED_BUSY);
	assert_int_equal(ok.extents[0].crc, 0);
	assert_int_equal(le32_to_cpu(ok.extents[0].generation), 1);
	/* its neighbours are not */
	assert_int_equal(prove(2 * MIB, 1, DMM_PROVE_READ, &ok), 0);
	assert_int_equal(le32_to_cpu(ok.extents[0].state), DMM_PROVED_READ);
}

static void the_sample_has_what_came_last(void **state)
{
	(void)state;
	ship_all();
	ship(&data, 2 * MIB + 8192, 4096);	/* of an extent that is not known */
	assert_int_equal(dmm_disk_sample(disk, -1), 0);
	flip_a_bit(2 * MIB + 8192 + 4095);
	assert_true(dmm_disk_sample(disk, -1) < 0);
	has_failed_aloud();
}

static void the_sample_has_others_by_chance(void **state)
{
	u32 i;

	(void)state;
	ship(&data, MIB, MIB);
	/* 64 others after it, so that it is none of the last */
	for (i = 0; i < DMM_PROOF_RECENT; i++)
		ship(&data, 512 * (i % 2 ? i : i + DMM_PROOF_RECENT), 512);
	assert_int_equal(dmm_disk_sample(disk, -1), 0);
	flip_a_bit(MIB + 77777);
	assert_true(dmm_disk_sample(disk, -1) < 0);
	has_failed_aloud();
}

static void a_sample_for_every_barrier(void **state)
{
	(void)state;
	ship_all();
	assert_int_equal(dmm_disk_sample_state(disk, 1, 1), DMM_SAMPLE_MISSING);
	assert_int_equal(dmm_disk_sample_state(disk, 1, 1), DMM_SAMPLE_UNDER_WAY);
	assert_int_equal(dmm_disk_sample_state(disk, 1, 2), DMM_SAMPLE_UNDER_WAY);
	assert_int_equal(dmm_disk_sample(disk, -1), 0);
	assert_int_equal(dmm_disk_sample_state(disk, 1, 1), DMM_SAMPLE_TAKEN);
	assert_int_equal(dmm_disk_sample_state(disk, 1, 2), DMM_SAMPLE_MISSING);
	/* one that was cut short is none */
	assert_true(dmm_disk_sample(disk, rc.stop_fd) == 0);
	assert_int_equal(dmm_disk_sample_state(disk, 2, 2), DMM_SAMPLE_MISSING);
	dmm_receiver_stop(&rc);
	assert_true(dmm_disk_sample(disk, rc.stop_fd) < 0);
	assert_int_equal(dmm_disk_sample_state(disk, 2, 2), DMM_SAMPLE_MISSING);
	dmm_disk_sample_drop(disk);
	assert_int_equal(dmm_disk_sample_state(disk, 2, 2), DMM_SAMPLE_MISSING);
	dmm_disk_sample_drop(disk);
	assert_int_equal(dmm_disk_error(disk), DMM_WERR_OK);
}

static void what_the_source_has_read(void **state)
{
	u64 at[2] = { MIB, 3 * MIB };
	struct dmm_wire_prove_ok ok;
	u32 differ, g[2], crcs[2];
	char what[200];

	(void)state;
	ship_all();
	assert_int_equal(prove(0, NR, DMM_PROVE_READ, &ok), 0);
	g[0] = le32_to_cpu(ok.extents[1].generation);
	g[1] = le32_to_cpu(ok.extents[3].generation);
	crcs[0] = shadow_crc(1);
	crcs[1] = shadow_crc(3);
	assert_int_equal(compare(2, at, g, crcs, 0, &differ), 0);
	assert_int_equal(differ, 0);
	assert_int_equal(compare(0, at, g, crcs, DMM_COMPARE_JUDGE, &differ), 0);
	crcs[0] ^= 1;
	crcs[1] ^= 1;
	assert_int_equal(compare(2, at, g, crcs, 0, &differ), 0);
	assert_int_equal(differ, 2);
	/* shipped since: the source had read what was newer */
	ship(&data, MIB + 4096, 4096);
	ship_zeros(&other, 3 * MIB, 512);
	assert_int_equal(compare(2, at, g, crcs, DMM_COMPARE_JUDGE, &differ), 0);
	assert_int_equal(differ, 0);
	assert_int_equal(dmm_disk_sample(disk, -1), 0);
	/* nothing comes any more, and it differs all the same: whoever finds out, the sample before a hand-over, too */
	assert_int_equal(prove(0, NR, DMM_PROVE_READ, &ok), 0);
	g[1] = le32_to_cpu(ok.extents[3].generation);
	assert_int_equal(compare(2, at, g, crcs, 0, &differ), 0);
	assert_int_equal(differ, 1);
	assert_true(dmm_disk_sample(disk, -1) < 0);
	snprintf(what, sizeof(what), "at offset %u (1048576 bytes, crc32c %08x at the source, %08x at", 3 * MIB,
		 crcs[1], shadow_crc(3));
	assert_non_null(strstr(disk->error_text, what));
	has_failed_aloud();
}

static void judged_at_once(void **state)
{
	struct dmm_wire_prove_ok ok;
	u32 differ, g, crc;
	u64 at = 0;

	(void)state;
	ship_all();
	assert_int_equal(prove(0, 1, DMM_PROVE_READ, &ok), 0);
	g = le32_to_cpu(ok.extents[0].generation);
	crc = shadow_crc(0) + 1;
	assert_int_equal(compare(1, &at, &g, &crc, DMM_COMPARE_JUDGE, &differ), DMM_WERR_DIFFERS);
	has_failed_aloud();
}

static void requests_are_checked(void **state)
{
	u64 at[2] = { 0, 5 * (u64)MIB };
	struct dmm_wire_prove_ok ok;
	u32 differ, zeros[2] = { 0 };

	(void)state;
#define REFUSED(code, request) do { \
		assert_int_equal(request, code); \
		control_again(); \
	} while (0)
	REFUSED(DMM_WERR_RANGE, prove(0, 0, 0, &ok));
	REFUSED(DMM_WERR_RANGE, prove(0, DMM_MAX_PROVE + 1, 0, &ok));
	REFUSED(DMM_WERR_RANGE, prove(512, 1, 0, &ok));
	REFUSED(DMM_WERR_RANGE, prove(0, NR + 1, 0, &ok));
	REFUSED(DMM_WERR_RANGE, prove(5 * MIB, 1, DMM_PROVE_READ, &ok));
	REFUSED(DMM_WERR_RANGE, prove(~0ull << 20, 2, DMM_PROVE_READ, &ok));
	REFUSED(DMM_WERR_PROTOCOL, prove(0, 1, 2, &ok));
	REFUSED(DMM_WERR_RANGE, compare(2, at, zeros, zeros, 0, &differ));
	REFUSED(DMM_WERR_RANGE, compare(DMM_MAX_PROVE + 1, at, zeros, zeros, 0, &differ));
	REFUSED(DMM_WERR_PROTOCOL, compare(0, at, zeros, zeros, 2, &differ));
	at[1] = MIB + 512;
	REFUSED(DMM_WERR_RANGE, compare(2, at, zeros, zeros, 0, &differ));
	peer_features = DMM_FEATURE_ZERO;
	control_again();
	REFUSED(DMM_WERR_PROTOCOL, prove(0, 1, 0, &ok));
	REFUSED(DMM_WERR_PROTOCOL, compare(0, at, zeros, zeros, 0, &differ));
	assert_int_equal(dmm_disk_error(disk), DMM_WERR_OK);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(all_of_it),
		T(a_disk_that_lies),
		cmocka_unit_test_setup_teardown(what_is_written_now_is_busy, setup_fake, teardown),
		T(the_sample_has_what_came_last),
		T(the_sample_has_others_by_chance),
		T(a_sample_for_every_barrier),
		T(what_the_source_has_read),
		T(judged_at_once),
		T(requests_are_checked),
	};

	signal(SIGPIPE, SIG_IGN);
	return run_kinds(tests);
}
