// SPDX-License-Identifier: GPL-2.0
/*
 * Zero runs: order, acknowledgements, the ways to zeros and what refuses them, errors, and
 * that a long run keeps nobody waiting.  fallocate(), lseek() and, of ioctl(), BLKZEROOUT are
 * the test's own.
 */
#include <linux/falloc.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "dmmigrated/zero.h"
#include "recv_fake.h"

#define MIB	(1ull << 20)
#define SIZE	(4096 * MIB)

static struct peer control, data;
static atomic_int punch_error, punches, punch_ms, zeroouts, zeroout_error, holes;
static _Atomic u64 punched_bytes, zeroed_bytes, zeroed_at;

int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
	(void)fd;
	(void)offset;
	assert_int_equal(mode, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	atomic_fetch_add(&punches, 1);
	nap(punch_ms);
	errno = punch_error;
	if (!errno)
		atomic_fetch_add(&punched_bytes, bytes);
	return errno ? -1 : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	u64 *range;

	va_start(ap, request);
	range = va_arg(ap, u64 *);
	va_end(ap);
	if (request != BLKZEROOUT)	/* who uses the destination */
		return syscall(SYS_ioctl, fd, request, range);
	zeroed_at = range[0];
	zeroed_bytes += range[1];
	zeroouts++;
	errno = zeroout_error;
	return errno ? -1 : 0;
}

/* Full of data, or one hole. */
off_t lseek(int fd, off_t offset, int whence)
{
	if (whence != SEEK_DATA)
		return syscall(SYS_lseek, fd, offset, whence);
	if (!holes)
		return offset;
	errno = ENXIO;
	return -1;
}

static void reset(void)
{
	punch_error = punches = punch_ms = zeroouts = zeroout_error = holes = 0;
	punched_bytes = zeroed_bytes = zeroed_at = 0;
}

static int setup(void **state)
{
	(void)state;
	reset();
	fake_reset(FAKE_HOLD, 64 * MIB);
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

static void expect_zero_ack(struct peer *p, u64 seq, u64 bytes, u32 status)
{
	struct dmm_ack a = { 0 };

	assert_int_equal(peer_ack(p, &a), 0);
	assert_int_equal(a.type, DMM_MSG_ZERO);
	assert_int_equal(a.seq, seq);
	assert_int_equal(a.arg, bytes);
	assert_int_equal(a.status, status);
}

static void punched_and_acknowledged(void **state)
{
	struct dmm_wire_query_ok q;

	(void)state;
	peer_zero(&data, MIB, 1024 * MIB);
	expect_zero_ack(&data, 1, 1024 * MIB, DMM_WERR_OK);
	assert_true(punched_bytes == 1024 * MIB);
	assert_true(punches > 1);
	peer_barrier(&data, 1);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 2, DMM_WERR_OK);
	peer_query(&control, &q);
	assert_int_equal(le64_to_cpu(q.received_bytes), 1024 * MIB);
	assert_int_equal(fake_read(&fake.writes), 0);
	peer_end(&data);
}

static void holes_are_left_alone(void **state)
{
	(void)state;
	holes = 1;
	peer_zero(&data, 0, 1024 * MIB);
	expect_zero_ack(&data, 1, 1024 * MIB, DMM_WERR_OK);
	assert_int_equal(punches, 0);
	peer_end(&data);
}

static void zeros_wait_for_data(void **state)
{
	(void)state;
	peer_fill(&data, 0, 'a', 8192);
	peer_zero(&data, 4096, MIB);
	fake_stays(&fake.nr_held, 1);
	assert_int_equal(punches, 0);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	expect_zero_ack(&data, 2, MIB, DMM_WERR_OK);
	assert_int_equal(punches, 1);
	peer_end(&data);
}

/* Something at @offset of the destination, for those who look. */
static void stain(u64 offset)
{
	int fd = open(dest_path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(dmm_pwrite_full(fd, "stain", 5, offset), 0);
	close(fd);
}

/* Without a way of its own to zeros, they are written like data, a piece at a time. */
static void zeros_are_written_where_there_is_no_other_way(void **state)
{
	struct dmm_wire_query_ok q;
	struct peer second;
	u32 i;

	(void)state;
	punch_error = EOPNOTSUPP;
	for (i = 0; i < 3; i++)
		stain(i * MIB + 4096);
	fake.mode = FAKE_AT_ONCE;
	peer_fill(&data, 0, 'a', 4 * 4096);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_fill(&data, 3 * MIB, 'b', 4096);
	peer_expect_ack(&data, DMM_MSG_DATA, 2, DMM_WERR_OK);
	pthread_mutex_lock(&fake.lock);
	fake.mode = FAKE_HOLD;
	pthread_mutex_unlock(&fake.lock);
	assert_int_equal(peer_attach(&second, 1, 1), 0);
	peer_zero(&data, 4096, 3 * MIB - 4096);
	for (i = 0; i < 3; i++) {
		fake_stays(&fake.nr_held, 1);
		if (!i) {
			peer_fill(&second, 2 * MIB, 'c', 4096);	/* waits for all of it */
			peer_barrier(&data, 1);
		}
		fake_end(i * MIB + 4096, 0);
	}
	fake_await(&fake.nr_held, 1);
	expect_zero_ack(&data, 3, 3 * MIB - 4096, DMM_WERR_OK);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 4, DMM_WERR_OK);
	fake_end(2 * MIB, 0);
	peer_expect_ack(&second, DMM_MSG_DATA, 1, DMM_WERR_OK);
	for (i = 0; i < 3 * MIB; i++)
		assert_int_equal(fake.disk[i], i < 4096 ? 'a' : i - 2 * MIB < 4096 ? 'c' : 0);
	assert_int_equal(fake.disk[3 * MIB], 'b');
	assert_int_equal(punches, 1);	/* it said no once and for all */
	peer_query(&control, &q);
	assert_int_equal(le64_to_cpu(q.received_bytes), 3 * MIB + 5 * 4096);
	peer_end(&second);
	peer_end(&data);
}

/* What is zero already is not written: a fresh thin volume stays thin. */
static void zeros_that_are_there_are_left_alone(void **state)
{
	(void)state;
	punch_error = EOPNOTSUPP;
	stain(2 * MIB + 300 * 1024);
	peer_zero(&data, 0, 4 * MIB);
	/* the chunk with the stain in it, and what follows it in its piece */
	fake_stays(&fake.nr_held, 1);
	assert_true(fake.held[0]->offset_bytes == 2 * MIB + 256 * 1024);
	fake_end(2 * MIB + 256 * 1024, 0);
	expect_zero_ack(&data, 1, 4 * MIB, DMM_WERR_OK);
	assert_int_equal(fake_read(&fake.writes), 1);
	peer_end(&data);
}

/* The disk has failed, for good and for everybody. */
static void has_failed(u32 error)
{
	struct dmm_wire_query_ok q;
	struct peer late;

	peer_query(&control, &q);
	assert_int_equal(le32_to_cpu(q.state), DMM_DISK_FAILED);
	assert_int_equal(le32_to_cpu(q.error), error);
	assert_int_equal(peer_attach(&late, 2, 0), error);
	peer_close(&late);
}

static void an_error_of_punching_is_final(void **state)
{
	(void)state;
	punch_error = EIO;
	peer_fill(&data, 0, 'a', 8192);
	peer_zero(&data, 0, 4096);
	peer_zero(&data, 4096, 4096);
	peer_zero(&data, 0, 4096);
	peer_barrier(&data, 1);
	fake_stays(&fake.nr_held, 1);
	fake_end(0, 0);
	peer_expect_ack(&data, DMM_MSG_DATA, 1, DMM_WERR_OK);
	expect_zero_ack(&data, 2, 4096, DMM_WERR_IO);
	/* those whose turn has come already, and those who wait for them, are not tried */
	expect_zero_ack(&data, 3, 4096, DMM_WERR_IO);
	expect_zero_ack(&data, 4, 4096, DMM_WERR_IO);
	peer_expect_ack(&data, DMM_MSG_BARRIER, 5, DMM_WERR_IO);
	peer_expect_end(&data);
	assert_int_equal(punches, 1);
	has_failed(DMM_WERR_IO);
}

static void an_error_of_writing_zeros_is_final(void **state)
{
	(void)state;
	punch_error = EOPNOTSUPP;
	stain(0);
	peer_zero(&data, 0, 2 * MIB);
	fake_await(&fake.nr_held, 1);
	fake_end(0, -ENOSPC);
	expect_zero_ack(&data, 1, 2 * MIB, DMM_WERR_NOSPC);
	peer_expect_end(&data);
	has_failed(DMM_WERR_NOSPC);
}

/* A long run keeps neither its own connection waiting, nor others, nor the daemon's end. */
static void long_runs_keep_nobody_waiting(void **state)
{
	struct peer second;
	struct dmm_ack a;
	u64 begin_ms;
	u32 i;

	(void)state;
	punch_ms = 100;
	assert_int_equal(peer_attach(&second, 1, 1), 0);
	begin_ms = dmm_now_ms();
	for (i = 0; i < 30; i++)		/* 48 s of work */
		peer_zero(&data, 1024 * MIB, 1024 * MIB);
	fake.mode = FAKE_AT_ONCE;
	peer_fill(&second, 0, 'a', 4096);
	peer_expect_ack(&second, DMM_MSG_DATA, 1, DMM_WERR_OK);
	peer_fill(&data, 0, 'a', 4096);
	peer_expect_ack(&data, DMM_MSG_DATA, 31, DMM_WERR_OK);
	dmm_receiver_stop(&rc);
	assert_int_equal(peer_ack(&data, &a), 0);
	assert_int_equal(a.seq, 0);
	assert_int_equal(a.status, DMM_WERR_SHUTDOWN);
	peer_expect_end(&data);
	assert_true(dmm_now_ms() - begin_ms < 4000);
	peer_expect_ack(&second, DMM_MSG_DATA, 0, DMM_WERR_SHUTDOWN);
	peer_expect_end(&second);
}

/* Nor those who attach anew when the connection is lost. */
static void nobody_finishes_the_runs_of_a_lost_connection(void **state)
{
	struct dmm_disk_name name = { .migration = { 1 } };
	struct dmm_proof_state s;
	struct dmm_refusal r;
	struct dmm_disk *disk;
	struct peer next;
	u64 begin_ms = dmm_now_ms();
	u32 i;

	(void)state;
	punch_ms = 100;
	for (i = 0; i < 30; i++)
		peer_zero(&data, 0, 1024 * MIB);
	while (!punches)
		nap(5);
	assert_int_equal(peer_attach(&next, 2, 0), 0);
	assert_true(dmm_now_ms() - begin_ms < 4000);
	/* and nobody takes them for zeros */
	disk = dmm_registry_get(&rc.registry, &name, &r);
	assert_non_null(disk);
	dmm_proof_get(&disk->proof, 0, &s);
	assert_false(s.known);
	dmm_registry_put(&rc.registry, disk);
	peer_end(&next);
	peer_close(&data);
}

static void bad_runs_are_refused(void **state)
{
	static const struct {
		u64 offset, bytes, seq;
		u32 status;
	} bad[] = {
		{ SIZE, 512, 2, DMM_WERR_RANGE },
		{ SIZE - 512, 1024, 2, DMM_WERR_RANGE },
		{ 1ull << 62, 512, 2, DMM_WERR_RANGE },
		{ 0, 1024 * MIB + 512, 0, DMM_WERR_PROTOCOL },
		{ 0, 0, 0, DMM_WERR_PROTOCOL },
		{ 0, 100, 0, DMM_WERR_PROTOCOL },
		{ 100, 512, 0, DMM_WERR_PROTOCOL },
	};
	struct dmm_ack a;
	u32 i;

	(void)state;
	peer_end(&data);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(peer_attach(&data, 2 + i, 0), 0);
		peer_zero(&data, SIZE - 4096, 4096);
		expect_zero_ack(&data, 1, 4096, DMM_WERR_OK);
		peer_zero(&data, bad[i].offset, bad[i].bytes);
		assert_int_equal(peer_ack(&data, &a), 0);
		assert_int_equal(a.type, bad[i].seq ? DMM_MSG_ZERO : DMM_MSG_DATA);
		assert_int_equal(a.seq, bad[i].seq);
		assert_int_equal(a.status, bad[i].status);
		peer_expect_end(&data);
	}
	assert_int_equal(punches, i);
}

static void a_source_without_the_feature_must_not(void **state)
{
	struct peer old;

	(void)state;
	assert_true(data.c.features == DMM_FEATURE_ZERO);
	peer_features = 0;
	assert_int_equal(peer_attach(&old, 1, 1), 0);
	peer_features = DMM_FEATURE_ZERO;
	assert_true(old.c.features == 0);
	peer_zero(&old, 0, 4096);
	peer_expect_ack(&old, DMM_MSG_ZERO, 1, DMM_WERR_PROTOCOL);
	peer_expect_end(&old);
	assert_int_equal(punches, 0);
}

/* --- block devices: what cannot punch is looked at, then told to write zeros --- */

static void block_devices(void **state)
{
	char path[] = "/tmp/dmm-unit-zero.XXXXXX";
	struct dmm_zeroer z = { 0 };
	static char look[DMM_ZERO_LOOK_BYTES], full[DMM_ZERO_LOOK_BYTES];
	int fd = mkstemp(path);

	(void)state;
	unlink(path);
	reset();
	assert_int_equal(ftruncate(fd, 4 * MIB), 0);
	assert_int_equal(dmm_zero_some(&z, fd, false, 0, 4 * MIB, NULL), 4 * MIB);
	assert_int_equal(punches, 1);
	punch_error = EREMOTEIO;
	assert_int_equal(dmm_zero_some(&z, fd, false, 0, 4 * MIB, NULL), -EAGAIN);
	assert_int_equal(dmm_zero_some(&z, fd, false, 0, 4 * MIB, look), MIB);
	assert_int_equal(dmm_zero_some(&z, fd, false, 3 * MIB, 4 * MIB, look), MIB);
	assert_int_equal(punches, 2);
	assert_int_equal(zeroouts, 0);
	assert_int_equal(dmm_pwrite_full(fd, "x", 1, MIB - 1), 0);
	assert_int_equal(dmm_zero_some(&z, fd, false, 0, 4 * MIB, look), MIB - DMM_ZERO_LOOK_BYTES);
	assert_int_equal(dmm_zero_some(&z, fd, false, MIB - 512, 4 * MIB, look), MIB);
	assert_true(zeroed_at == MIB - 512 && zeroed_bytes == MIB);
	zeroed_at = 0;
	assert_int_equal(dmm_zero_some(&z, fd, false, 0, 512, NULL), 512);
	memset(full, 'x', sizeof(full));
	assert_int_equal(dmm_pwrite_full(fd, full, sizeof(full), 2 * MIB), 0);
	assert_int_equal(dmm_zero_some(&z, fd, false, 2 * MIB, 2 * MIB + sizeof(full), look),
			 sizeof(full));
	assert_true(zeroed_at == 2 * MIB);
	zeroout_error = EIO;
	assert_int_equal(dmm_zero_some(&z, fd, false, MIB - 512, MIB, look), -EIO);
	zeroout_error = EOPNOTSUPP;
	assert_int_equal(dmm_zero_some(&z, fd, false, MIB - 512, MIB, look), -EOPNOTSUPP);
	zeroouts = 0;
	assert_int_equal(dmm_zero_some(&z, fd, false, MIB - 512, MIB, look), -EOPNOTSUPP);
	assert_int_equal(zeroouts, 0);
	/* what cannot be read is no zeros */
	assert_int_equal(dmm_zero_some(&z, fd, false, 4 * MIB, 5 * MIB, look), -ENODATA);
	close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(punched_and_acknowledged),
		T(holes_are_left_alone),
		T(zeros_wait_for_data),
		T(zeros_are_written_where_there_is_no_other_way),
		T(zeros_that_are_there_are_left_alone),
		T(an_error_of_punching_is_final),
		T(an_error_of_writing_zeros_is_final),
		T(long_runs_keep_nobody_waiting),
		T(nobody_finishes_the_runs_of_a_lost_connection),
		T(bad_runs_are_refused),
		T(a_source_without_the_feature_must_not),
		cmocka_unit_test(block_devices),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
