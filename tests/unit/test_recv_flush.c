// SPDX-License-Identifier: GPL-2.0
/*
 * Buffered destinations: a lost write is reported to one fdatasync only, so
 * whoever calls it must put the error on record; and what is dirty is bounded.
 * fdatasync() is the test's own here.
 */
#include <signal.h>
#include <stdatomic.h>

#include "recv_fake.h"

#define SIZE	4096u	/* too short to be tried for O_DIRECT */

static const struct dmm_engine_ops *engine;
static struct peer control, data;
static atomic_int lost_write;	/* the error that the kernel has to report, once */
static atomic_int nr_flushes;
static atomic_bool slow;	/* a flush takes until it is false */

/* As the kernel does it for one open file: whoever asks first is told. */
int fdatasync(int fd)
{
	int err = atomic_exchange(&lost_write, 0);

	(void)fd;
	atomic_fetch_add(&nr_flushes, 1);
	while (slow)
		nap(2);
	if (!err)
		return 0;
	errno = err;
	return -1;
}

/* How often a whole file was dropped from the cache, after how many flushes. */
static int nr_drops, drop_after;

int posix_fadvise(int fd, off_t offset, off_t bytes, int advice)
{
	(void)fd;
	if (!offset && !bytes && advice == POSIX_FADV_DONTNEED) {
		nr_drops++;
		drop_after = nr_flushes;
	}
	return 0;
}

static int setup(void **state)
{
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;

	(void)state;
	lost_write = nr_flushes = nr_drops = 0;
	receiver_start(SIZE, engine);
	peer_hello(&control);
	fill_prepare(&w, SIZE);
	assert_int_equal(peer_request(&control, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok,
				      sizeof(ok)), 0);
	assert_int_equal(le32_to_cpu(ok.flags), DMM_PREPARED_FILE | DMM_PREPARED_BUFFERED);
	assert_int_equal(peer_attach(&data, 1, 0), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	slow = false;
	peers_end(&control, &data);
	return 0;
}

static u32 digest(struct peer *p)
{
	struct dmm_wire_digest_ok ok;
	struct dmm_wire_digest d;

	memset(&d, 0, sizeof(d));
	disk_id(&d.id);
	d.length_bytes = cpu_to_le64(SIZE);
	d.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	return peer_request(p, DMM_MSG_DIGEST, &d, sizeof(d), DMM_MSG_DIGEST_OK, &ok, sizeof(ok));
}

/* A digest that finds a lost write must not be the only one to know. */
static void digest_after_a_lost_write(void **state)
{
	struct dmm_wire_query_ok q;
	struct dmm_wire_disk id;
	struct peer late;

	(void)state;
	peer_fill(&data, 0, 'a', 4096);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	assert_int_equal(digest(&control), 0);
	lost_write = EIO;
	assert_int_equal(digest(&control), DMM_WERR_IO);
	peer_close(&control);
	peer_barrier(&data, 1);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 2, DMM_WERR_IO);
	peer_expect_end(&data);
	peer_hello(&control);
	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_FAILED);
	assert_int_equal(le32_to_cpu(q.error), DMM_WERR_IO);
	assert_int_equal(le64_to_cpu(q.barrier), 0);
	disk_id(&id);
	assert_int_equal(peer_request(&control, DMM_MSG_FINISH, &id, sizeof(id), DMM_MSG_FINISH_OK,
				      NULL, 0), DMM_WERR_IO);
	peer_close(&control);
	peer_hello(&control);
	assert_int_equal(digest(&control), DMM_WERR_IO);
	assert_int_equal(peer_attach(&late, 2, 0), DMM_WERR_IO);
	peer_close(&late);
}

/* And the other way round. */
static void digest_after_a_failed_barrier(void **state)
{
	(void)state;
	lost_write = ENOSPC;
	peer_barrier(&data, 1);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 1, DMM_WERR_NOSPC);
	peer_expect_end(&data);
	assert_int_equal(digest(&control), DMM_WERR_NOSPC);
}

#define FRAMES	(18u << 20 >> 12)	/* of 4 KiB: more than 16 MiB, less than twice that */

static void write_frames(u32 nr)
{
	u32 i, acked = 0;
	struct dmm_ack a;

	for (i = 0; i < nr; i++) {
		peer_fill(&data, 0, i, 4096);
		if (i - acked < 16)
			continue;
		assert_int_equal(peer_ack(&data, &a), 0);
		assert_int_equal(a.status, DMM_WERR_OK);
		acked++;
	}
	for (; acked < nr; acked++) {
		assert_int_equal(peer_ack(&data, &a), 0);
		assert_int_equal(a.status, DMM_WERR_OK);
	}
}

/* The page cache must not hold more than a barrier can flush in time. */
static void dirty_data_is_bounded(void **state)
{
	u64 seq;

	(void)state;
	write_frames(FRAMES);
	assert_int_equal(nr_flushes, 1);
	peer_barrier(&data, 1);
	seq = data.seq;
	peer_expect_ack(&data, DMM_MSG_BARRIER, seq, DMM_WERR_OK);
	assert_int_equal(nr_flushes, 2);
	/* its error is as much on record as a barrier's */
	lost_write = EIO;
	write_frames((15u << 20) >> 12);
	assert_int_equal(nr_flushes, 2);
	lost_write = EIO;
	for (seq = 0; seq < (2u << 20) >> 12 && nr_flushes == 2; seq++) {
		struct dmm_ack a;

		peer_fill(&data, 0, 1, 4096);
		assert_int_equal(peer_ack(&data, &a), 0);
	}
	peer_barrier(&data, 2);
	peer_expect_ack(&data, DMM_MSG_BARRIER, data.seq, DMM_WERR_IO);
	assert_int_equal(lost_write, 0);
	assert_int_equal(nr_flushes, 3);
}

static u32 hashes(struct peer *p)
{
	struct dmm_wire_hashes h;
	u8 out[16];

	memset(&h, 0, sizeof(h));
	disk_id(&h.id);
	h.length_bytes = cpu_to_le64(SIZE);
	h.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	h.granule_bytes = cpu_to_le32(4096);
	return peer_request(p, DMM_MSG_HASHES, &h, sizeof(h), DMM_MSG_HASHES_OK, out, sizeof(out));
}

/* What an earlier receiver lost on its way to the disk may still be cached: it is not compared. */
static void hashes_are_not_of_what_was_cached_before(void **state)
{
	struct peer p;

	(void)state;
	peer_features = DMM_FEATURE_HASHES;
	peer_hello(&p);
	assert_int_equal(hashes(&p), 0);
	assert_int_equal(nr_drops, 1);
	assert_int_equal(drop_after, 1);
	assert_int_equal(hashes(&p), 0);
	assert_int_equal(nr_drops, 1);
	assert_int_equal(nr_flushes, 1);
	peer_close(&p);
	peer_features = DMM_FEATURE_ZERO;
}

/* And a loss that shows itself now is the disk's error. */
static void hashes_after_a_lost_write(void **state)
{
	struct dmm_wire_query_ok q;
	struct peer p;

	(void)state;
	peer_features = DMM_FEATURE_HASHES;
	lost_write = EIO;
	peer_hello(&p);
	assert_int_equal(hashes(&p), DMM_WERR_IO);
	assert_int_equal(nr_drops, 0);
	peer_close(&p);
	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_FAILED);
	peer_features = DMM_FEATURE_ZERO;
}

static void *end_flush(void *arg)
{
	(void)arg;
	nap(200);
	slow = false;
	return NULL;
}

/* Numbers of barriers begin anew with every epoch: one that an older connection is still busy with is none. */
static void a_barrier_of_an_older_epoch_is_forgotten(void **state)
{
	u64 until = dmm_now_ms() + WAIT_MS;
	struct dmm_wire_query_ok q;
	struct peer next;
	pthread_t thread;

	(void)state;
	slow = true;
	peer_barrier(&data, 7);
	while (!nr_flushes) {
		assert_true(dmm_now_ms() < until);
		nap(2);
	}
	assert_int_equal(pthread_create(&thread, NULL, end_flush, NULL), 0);
	assert_int_equal(peer_attach(&next, 2, 0), 0);	/* waits for it */
	pthread_join(thread, NULL);
	peer_query(&control, &q);
	assert_int_equal(le64_to_cpu(q.barrier), 0);
	peer_barrier(&next, 1);
	peer_expect_ack(&next, DMM_MSG_BARRIER, 1, DMM_WERR_OK);
	peer_query(&control, &q);
	assert_int_equal(le64_to_cpu(q.barrier), 1);
	peer_end(&next);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(digest_after_a_lost_write),
		T(digest_after_a_failed_barrier),
		T(dirty_data_is_bounded),
		T(hashes_are_not_of_what_was_cached_before),
		T(hashes_after_a_lost_write),
		T(a_barrier_of_an_older_epoch_is_forgotten),
	};

	signal(SIGPIPE, SIG_IGN);
	return run_by_every_engine(tests, engine);
}
