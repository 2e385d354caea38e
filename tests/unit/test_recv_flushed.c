// SPDX-License-Identifier: GPL-2.0
/*
 * What the hand-over asks of a disk: was this very barrier flushed, and has nothing come since; and to end
 * whatever writes to it.  fdatasync() is the test's own here.
 */
#include <signal.h>
#include <stdatomic.h>

#include "recv_fake.h"

#define SIZE	16384u

static const struct dmm_engine_ops *engine;
static struct peer control, data, other;
static struct dmm_disk *disk;
static atomic_int lost_write;	/* the error that the kernel has to report, once */
static atomic_int nr_flushes;
static atomic_bool slow;	/* a flush takes until it is false */

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

static int setup(void **state)
{
	struct dmm_disk_name name = { .migration = { 1 } };
	struct dmm_refusal r;

	(void)state;
	lost_write = nr_flushes = 0;
	receiver_start(SIZE, engine);
	peers_attach(&control, &data, SIZE);
	assert_int_equal(peer_attach(&other, 1, 1), 0);
	disk = dmm_registry_get(&rc.registry, &name, &r);
	assert_non_null(disk);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dmm_registry_put(&rc.registry, disk);
	peer_close(&other);
	peers_end(&control, &data);
	return 0;
}

static void barrier(struct peer *p, u64 number)
{
	peer_barrier(p, number);
	peer_expect_ack(p, DMM_MSG_BARRIER, p->seq, DMM_WERR_OK);
}

static void fill(struct peer *p, u64 offset)
{
	peer_fill(p, offset, 7, 4096);
	peer_expect_ack(p, DMM_MSG_DATA, p->seq, DMM_WERR_OK);
}

static void only_the_newest_and_nothing_after_it(void **state)
{
	(void)state;
	assert_false(dmm_disk_flushed_to(disk, 1, 0));
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
	fill(&data, 0);
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
	barrier(&data, 1);
	assert_true(dmm_disk_flushed_to(disk, 1, 1));
	assert_false(dmm_disk_flushed_to(disk, 1, 0));
	assert_false(dmm_disk_flushed_to(disk, 1, 2));
	assert_false(dmm_disk_flushed_to(disk, 0, 1));
	assert_false(dmm_disk_flushed_to(disk, 2, 1));
	/* a frame voids it, on whichever connection */
	fill(&other, 4096);
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
	barrier(&data, 2);
	assert_true(dmm_disk_flushed_to(disk, 1, 2));
	assert_false(dmm_disk_flushed_to(disk, 1, 1));	/* an older one */
	peer_zero(&data, 0, 4096);
	peer_expect_ack(&data, DMM_MSG_ZERO, data.seq, DMM_WERR_OK);
	assert_false(dmm_disk_flushed_to(disk, 1, 2));
	/* and a barrier of before, that comes late, does not make up for it */
	barrier(&other, 1);
	assert_false(dmm_disk_flushed_to(disk, 1, 2));
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
	/* one with nothing new is one, too */
	barrier(&data, 3);
	barrier(&data, 4);
	assert_true(dmm_disk_flushed_to(disk, 1, 4));
}

/* What comes while it is being flushed may not be. */
static void a_frame_beside_the_flush(void **state)
{
	(void)state;
	fill(&data, 0);
	slow = true;
	peer_barrier(&data, 1);
	while (!nr_flushes)
		nap(2);
	fill(&other, 4096);
	slow = false;
	peer_expect_ack(&data, DMM_MSG_BARRIER, data.seq, DMM_WERR_OK);
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
	barrier(&other, 2);
	assert_true(dmm_disk_flushed_to(disk, 1, 2));
}

static void another_epoch(void **state)
{
	struct peer next;

	(void)state;
	barrier(&data, 1);
	assert_int_equal(peer_attach(&next, 2, 0), 0);
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
	assert_false(dmm_disk_flushed_to(disk, 2, 1));
	barrier(&next, 1);
	assert_true(dmm_disk_flushed_to(disk, 2, 1));
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
	peer_close(&next);
}

static void a_disk_that_has_failed(void **state)
{
	(void)state;
	barrier(&data, 1);
	assert_true(dmm_disk_flushed_to(disk, 1, 1));
	lost_write = EIO;
	peer_barrier(&data, 2);
	peer_expect_ack(&data, DMM_MSG_BARRIER, data.seq, DMM_WERR_IO);
	assert_false(dmm_disk_flushed_to(disk, 1, 2));
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
}

static void quiesced_at_once(void **state)
{
	struct dmm_refusal r;
	struct peer next;
	u64 began_ms;

	(void)state;
	fill(&data, 0);
	barrier(&data, 1);
	began_ms = dmm_now_ms();
	assert_int_equal(dmm_disk_quiesce(disk, -1, &r), 0);
	assert_true(dmm_now_ms() - began_ms < 1500);	/* it does not wait for END */
	assert_int_equal(nr_flushes, 2);
	peer_expect_end(&data);
	assert_int_equal(disk->state, DMM_DISK_FINISHED);
	assert_int_equal(disk->attached, 0);
	assert_int_equal(disk->dest.fd, -1);
	assert_true(dmm_disk_flushed_to(disk, 1, 1));
	assert_int_equal(peer_attach(&next, 2, 0), DMM_WERR_NOTFOUND);
	peer_close(&next);
	assert_int_equal(dmm_disk_quiesce(disk, -1, &r), 0);
	assert_int_equal(dmm_disk_finish(disk, -1, &r), 0);
	assert_int_equal(nr_flushes, 2);
}

static void not_quiesced_what_cannot_be_flushed(void **state)
{
	struct dmm_refusal r = { 0 };

	(void)state;
	fill(&data, 0);
	barrier(&data, 1);
	lost_write = EIO;
	assert_true(dmm_disk_quiesce(disk, -1, &r) < 0);
	assert_int_equal(r.code, DMM_WERR_IO);
	assert_true(dmm_disk_quiesce(disk, -1, &r) < 0);
	assert_int_equal(disk->state, DMM_DISK_FAILED);
	assert_false(dmm_disk_flushed_to(disk, 1, 1));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(only_the_newest_and_nothing_after_it),
		T(a_frame_beside_the_flush),
		T(another_epoch),
		T(a_disk_that_has_failed),
		T(quiesced_at_once),
		T(not_quiesced_what_cannot_be_flushed),
	};

	signal(SIGPIPE, SIG_IGN);
	return run_by_every_engine(tests, engine);
}
