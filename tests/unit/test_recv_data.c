// SPDX-License-Identifier: GPL-2.0
/*
 * Data connections over an engine whose completions the test decides: what
 * is written when, acknowledged when, flushed when, and what errors do.
 */
#include <signal.h>

#include "recv_fake.h"

#define SIZE	(8u << 20)

static struct peer control, data;

static int setup(void **state)
{
	(void)state;
	fake_reset(FAKE_HOLD, SIZE);
	receiver_start(SIZE, &fake_engine);
	peers_attach(&control, &data, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peers_end(&control, &data);
	return 0;
}

static void acknowledged_when_written(void **state)
{
	(void)state;
	peer_fill(&data, 0, 'a', 4096);
	peer_fill(&data, 8192, 'b', 4096);
	fake_await(&fake.nr_held, 2);
	peer_expect_silence(&data, 60);
	fake_end(8192, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 2, DMM_WERR_OK);
	peer_expect_silence(&data, 60);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_end(&data);
}

static void overlaps_wait(void **state)
{
	(void)state;
	peer_fill(&data, 0, 'a', 8192);
	peer_fill(&data, 4096, 'b', 8192);	/* overlaps the first */
	peer_fill(&data, 8192, 'c', 4096);	/* overlaps the second only */
	peer_fill(&data, 65536, 'd', 4096);
	fake_stays(&fake.nr_held, 2);
	fake_end(65536, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 4, DMM_WERR_OK);
	fake_stays(&fake.nr_held, 1);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	fake_stays(&fake.nr_held, 1);
	fake_end(4096, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 2, DMM_WERR_OK);
	fake_await(&fake.nr_held, 1);
	fake_end(8192, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 3, DMM_WERR_OK);
	assert_int_equal(fake.disk[4095], 'a');
	assert_int_equal(fake.disk[4096], 'b');
	assert_int_equal(fake.disk[8191], 'b');
	assert_int_equal(fake.disk[8192], 'c');
	assert_int_equal(fake.disk[12287], 'c');
	peer_end(&data);
}

static void overlaps_wait_across_connections(void **state)
{
	struct peer second;

	(void)state;
	assert_int_equal(peer_attach(&second, 1, 1), 0);
	peer_fill(&data, 0, 'a', 8192);
	fake_stays(&fake.nr_held, 1);
	peer_fill(&second, 4096, 'b', 4096);
	peer_fill(&second, 65536, 'x', 512);
	fake_stays(&fake.nr_held, 2);
	fake_end(65536, 0);
	peer_expect_ack(&second, DMM_MSG_DATA, 2, DMM_WERR_OK);
	peer_expect_silence(&second, 60);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	fake_await(&fake.nr_held, 1);
	fake_end(4096, 0);
	peer_expect_ack(&second, DMM_MSG_DATA, 1, DMM_WERR_OK);
	assert_int_equal(fake.disk[4095], 'a');
	assert_int_equal(fake.disk[4096], 'b');
	peer_end(&second);
}

static void random_load(u32 frames)
{
	u8 *model = calloc(1, SIZE), *payload = malloc(65536);
	u32 i, j, bytes, in_flight = 0;
	u64 offset, until = dmm_now_ms() + 5 * WAIT_MS;
	struct dmm_ack a;

	srand(4711);
	for (i = 0; i < frames; i++) {
		bytes = 512 * (1 + rand() % 128);
		offset = 512ull * (rand() % 512);
		for (j = 0; j < bytes; j += 512)
			memset(payload + j, rand(), 512);
		memcpy(model + offset, payload, bytes);
		peer_data(&data, offset, payload, bytes);
		in_flight++;
		while (in_flight > (i + 1 < frames ? 28 : 0)) {
			if (dmm_wait_fd(data.c.fd, POLLIN, dmm_now_ms() + 5, -1)) {
				assert_true(dmm_now_ms() < until);
				fake_kick();
				continue;
			}
			assert_int_equal(peer_ack(&data, &a), 0);
			assert_int_equal(a.status, DMM_WERR_OK);
			in_flight--;
		}
	}
	assert_memory_equal(fake.disk, model, SIZE);
	free(model);
	free(payload);
	peer_end(&data);
}

static void newest_first_keeps_order(void **state)
{
	(void)state;
	fake.mode = FAKE_LAST_FIRST;
	random_load(1500);
}

static void short_writes_are_completed(void **state)
{
	(void)state;
	fake.mode = FAKE_LAST_FIRST;
	fake.short_every = 3;
	random_load(600);
}

static void refusals_of_the_engine_are_repeated(void **state)
{
	(void)state;
	fake.mode = FAKE_LAST_FIRST;
	fake.busy_above = 3;
	fake.again_every = 5;
	random_load(600);
}

static void an_engine_that_is_done_at_once(void **state)
{
	(void)state;
	fake.mode = FAKE_AT_ONCE;
	fake.short_every = 4;
	random_load(600);
}

static void barrier_flushes_after_completions(void **state)
{
	struct dmm_wire_query_ok q;

	(void)state;
	peer_fill(&data, 0, 'a', 4096);
	peer_fill(&data, 0, 'b', 4096);		/* waits for the first */
	peer_fill(&data, 65536, 'c', 4096);
	peer_barrier(&data, 7);
	fake_stays(&fake.nr_held, 2);
	assert_int_equal(fake_read(&fake.flushes), 0);
	fake_end(65536, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 3, DMM_WERR_OK);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	fake_stays(&fake.nr_held, 1);
	assert_int_equal(fake_read(&fake.flushes), 0);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 2, DMM_WERR_OK);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 4, DMM_WERR_OK);
	assert_int_equal(fake_read(&fake.flushes), 1);
	assert_int_equal(fake_read(&fake.flushes_too_early), 0);
	peer_query(&control, &q);
	assert_int_equal(le64_to_cpu(q.barrier), 7);
	assert_int_equal(le64_to_cpu(q.received_bytes), 3 * 4096);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_RECEIVING);
	peer_end(&data);
}

/* Everything about the disk is refused with this error from now on. */
static void disk_has_failed(u32 error)
{
	struct dmm_wire_query_ok q;
	struct dmm_wire_disk id;
	struct peer late;

	disk_id(&id);
	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_FAILED);
	assert_int_equal(le32_to_cpu(q.error), error);
	assert_int_equal(peer_attach(&late, 2, 0), error);
	peer_close(&late);
	assert_int_equal(peer_request(&control, DMM_MSG_FINISH, &id, sizeof(id), DMM_MSG_FINISH_OK,
				      NULL, 0), error);
}

static void flush_error_sticks(void **state)
{
	(void)state;
	fake.flush_result = -EIO;
	peer_fill(&data, 0, 'a', 4096);
	peer_barrier(&data, 1);
	fake_await(&fake.nr_held, 1);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 2, DMM_WERR_IO);
	peer_expect_end(&data);
	/* a second flush would succeed: the kernel reports a lost write once */
	fake.flush_result = 0;
	disk_has_failed(DMM_WERR_IO);
	assert_int_equal(fake_read(&fake.flushes), 1);
}

static void flush_error_reaches_other_connections(void **state)
{
	struct peer second;

	(void)state;
	fake.mode = FAKE_AT_ONCE;
	assert_int_equal(peer_attach(&second, 1, 1), 0);
	fake.flush_result = -EIO;
	peer_barrier(&second, 1);
	peer_expect_ack(&second, DMM_MSG_BARRIER, 1, DMM_WERR_IO);
	peer_expect_end(&second);
	fake.flush_result = 0;
	peer_barrier(&data, 1);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 1, DMM_WERR_IO);
	peer_expect_end(&data);
	assert_int_equal(fake_read(&fake.flushes), 1);	/* no second try */
}

static void write_error_fails_waiters_and_barrier(void **state)
{
	struct dmm_ack a;
	u32 seen = 0, i;

	(void)state;
	peer_fill(&data, 0, 'a', 4096);
	peer_fill(&data, 0, 'b', 4096);
	peer_fill(&data, 8192, 'c', 4096);
	peer_barrier(&data, 1);
	fake_stays(&fake.nr_held, 2);
	fake_end(0, -ENOSPC);
	/* the one that waited is not written any more: nobody may rely on it */
	for (i = 0; i < 2; i++) {
		assert_int_equal(peer_ack(&data, &a), 0);
		assert_int_equal(a.status, DMM_WERR_NOSPC);
		seen |= 1u << a.seq;
	}
	assert_int_equal(seen, 1 << 1 | 1 << 2);
	fake_stays(&fake.nr_held, 1);
	fake_end(8192, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 3, DMM_WERR_OK);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 4, DMM_WERR_NOSPC);
	peer_expect_end(&data);
	assert_int_equal(fake_read(&fake.flushes), 0);
	assert_int_equal(fake.disk[0], 0);
	disk_has_failed(DMM_WERR_NOSPC);
}

/* What fails later says nothing new: the first error is everybody's answer. */
static void first_write_error_sticks(void **state)
{
	(void)state;
	peer_fill(&data, 0, 'a', 4096);
	peer_fill(&data, 8192, 'b', 4096);
	fake_await(&fake.nr_held, 2);
	fake_end(0, -EIO);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_IO);
	fake_end(8192, -ENOSPC);
	peer_expect_ack(&data, DMM_MSG_DATA, 2, DMM_WERR_IO);
	peer_expect_end(&data);
	disk_has_failed(DMM_WERR_IO);
}

static void end_of_file_is_an_error(void **state)
{
	u32 i;

	(void)state;
	peer_fill(&data, 0, 'a', 8192);
	/* a write that never gets anywhere ends, in the end */
	fake_await(&fake.nr_held, 1);
	fake.again_every = 1;
	for (i = 0; i <= 100; i++) {
		fake_await(&fake.nr_held, 1);
		fake_end(0, 0);
		nap(1);
	}
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_IO);
	peer_expect_end(&data);
}

/* --- bad frames --- */

static void damage_crc(struct dmm_wire_hdr *h)
{
	h->crc ^= cpu_to_le32(1u << 7);
}

static void damage_flags(struct dmm_wire_hdr *h)
{
	h->flags = cpu_to_le16(1);
}

static void damage_magic(struct dmm_wire_hdr *h)
{
	h->magic = 0;
}

static const struct bad_frame {
	const char *name;
	struct dmm_frame f;
	void (*damage)(struct dmm_wire_hdr *);
	u32 status;
	u64 seq;		/* of the negative acknowledgement */
} bad_frames[] = {
	{ "crc", { .type = DMM_MSG_DATA, .payload_bytes = 4096 }, damage_crc, DMM_WERR_CRC, 2 },
	{ "flags", { .type = DMM_MSG_DATA, .payload_bytes = 4096 }, damage_flags,
	  DMM_WERR_PROTOCOL, 0 },
	{ "magic", { .type = DMM_MSG_DATA, .payload_bytes = 4096 }, damage_magic,
	  DMM_WERR_PROTOCOL, 0 },
	{ "seq again", { .type = DMM_MSG_DATA, .seq = 1, .payload_bytes = 512 }, NULL,
	  DMM_WERR_PROTOCOL, 1 },
	{ "seq ahead", { .type = DMM_MSG_DATA, .seq = 3, .payload_bytes = 512 }, NULL,
	  DMM_WERR_PROTOCOL, 3 },
	{ "behind the end", { .type = DMM_MSG_DATA, .offset_bytes = SIZE, .payload_bytes = 512 },
	  NULL, DMM_WERR_RANGE, 2 },
	{ "across the end", { .type = DMM_MSG_DATA, .offset_bytes = SIZE - 512,
			      .payload_bytes = 1024 }, NULL, DMM_WERR_RANGE, 2 },
	{ "far away", { .type = DMM_MSG_DATA, .offset_bytes = 1ull << 62, .payload_bytes = 512 },
	  NULL, DMM_WERR_RANGE, 2 },
	{ "type", { .type = 99 }, NULL, DMM_WERR_PROTOCOL, 0 },
	{ "a reply", { .type = DMM_MSG_ATTACHED }, NULL, DMM_WERR_PROTOCOL, 2 },
	{ "barrier 0", { .type = DMM_MSG_BARRIER }, NULL, DMM_WERR_PROTOCOL, 0 },
	{ "barrier crc", { .type = DMM_MSG_BARRIER, .arg = 1 }, damage_crc, DMM_WERR_CRC, 2 },
	{ "end crc", { .type = DMM_MSG_END }, damage_crc, DMM_WERR_CRC, 2 },
};

static void bad_frames_end_the_connection(void **state)
{
	static u8 payload[4096];
	const struct bad_frame *b;
	struct dmm_frame f;
	size_t i;
	u16 type;

	(void)state;
	peer_end(&data);
	for (i = 0; i < sizeof(bad_frames) / sizeof(bad_frames[0]); i++) {
		b = &bad_frames[i];
		fake_reset(FAKE_AT_ONCE, SIZE);
		memset(payload, 'x', sizeof(payload));
		assert_int_equal(peer_attach(&data, i + 2, 0), 0);
		peer_fill(&data, 65536, 'g', 4096);
		f = b->f;
		peer_frame(&data, &f, payload, b->damage);
		peer_fill(&data, 131072, 'n', 4096);
		peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
		type = b->f.type == DMM_MSG_BARRIER && b->seq ? DMM_MSG_BARRIER : DMM_MSG_DATA;
		print_message("%s\n", b->name);
		peer_expect_ack(&data, type, b->seq, b->status);
		shutdown(data.c.fd, SHUT_WR);
		peer_expect_end(&data);
		assert_int_equal(fake_read(&fake.writes), 1);
		assert_int_equal(fake_read(&fake.flushes), 0);
		assert_int_equal(fake.disk[0], 0);
		assert_int_equal(fake.disk[131072], 0);
	}
	assert_int_equal(peer_attach(&data, 99, 0), 0);
	peer_end(&data);
}

static void barriers_must_grow(void **state)
{
	(void)state;
	peer_barrier(&data, 5);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 1, DMM_WERR_OK);
	peer_barrier(&data, 5);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 2, DMM_WERR_PROTOCOL);
	peer_expect_end(&data);
}

static void nothing_of_a_stopped_receiver_is_lost(void **state)
{
	(void)state;
	peer_fill(&data, 0, 'a', 4096);
	fake_await(&fake.nr_held, 1);
	dmm_receiver_stop(&rc);
	peer_expect_silence(&data, 60);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_expect_ack(&data, DMM_MSG_DATA, 0, DMM_WERR_SHUTDOWN);
	peer_expect_end(&data);
}

static void writes_end_before_the_connection(void **state)
{
	struct peer next;

	(void)state;
	peer_fill(&data, 0, 'a', 4096);
	fake_await(&fake.nr_held, 1);
	peer_close(&data);		/* the peer vanishes */
	nap(60);
	assert_int_equal(fake_read(&fake.closed), 0);
	fake_end(0, 0);
	fake_await(&fake.closed, 1);
	assert_int_equal(peer_attach(&next, 2, 0), 0);
	peer_end(&next);
}

static void a_stalled_frame_is_refused(void **state)
{
	struct dmm_frame f = { .type = DMM_MSG_DATA, .seq = 1, .payload_bytes = 4096 };
	struct dmm_wire_hdr hdr;

	(void)state;
	dmm_wire_hdr_encode(&hdr, &f);
	assert_int_equal(dmm_sock_write(data.c.fd, &hdr, sizeof(hdr), DMM_NO_DEADLINE, -1), 0);
	peer_expect_silence(&data, 200);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_PROTOCOL);
	shutdown(data.c.fd, SHUT_WR);
	peer_expect_end(&data);
}

static void silence_between_frames_is_fine(void **state)
{
	(void)state;
	nap(1200);		/* more than twice the stall timeout */
	peer_fill(&data, 0, 'a', 4096);
	fake_await(&fake.nr_held, 1);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_end(&data);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(acknowledged_when_written),
		T(overlaps_wait),
		T(overlaps_wait_across_connections),
		T(newest_first_keeps_order),
		T(short_writes_are_completed),
		T(refusals_of_the_engine_are_repeated),
		T(an_engine_that_is_done_at_once),
		T(barrier_flushes_after_completions),
		T(flush_error_sticks),
		T(flush_error_reaches_other_connections),
		T(write_error_fails_waiters_and_barrier),
		T(first_write_error_sticks),
		T(end_of_file_is_an_error),
		T(bad_frames_end_the_connection),
		T(barriers_must_grow),
		T(nothing_of_a_stopped_receiver_is_lost),
		T(writes_end_before_the_connection),
		T(a_stalled_frame_is_refused),
		T(silence_between_frames_is_fine),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
