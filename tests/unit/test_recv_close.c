// SPDX-License-Identifier: GPL-2.0
/*
 * Closing a destination, or reading it back, may take as long as a dead file server does: nobody
 * but who asked for it waits.
 */
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "recv_fake.h"

static const struct dmm_engine_ops *engine;

#define SIZE	(1u << 20)

static atomic_bool slow;	/* closing the destination waits until it is false */
static atomic_bool slow_reads;	/* and so does reading it */
static atomic_bool closing;
static atomic_uint reading;

static bool is_dest(int fd)
{
	struct stat st, dest;

	return !fstat(fd, &st) && !stat(dest_path, &dest) &&
	       st.st_ino == dest.st_ino && st.st_dev == dest.st_dev;
}

/* In place of the C library's. */
int close(int fd)
{
	if (atomic_load(&slow) && is_dest(fd)) {
		atomic_store(&closing, true);
		while (atomic_load(&slow))
			nap(1);
	}
	return (int)syscall(SYS_close, fd);
}

ssize_t pread(int fd, void *buf, size_t bytes, off_t offset)
{
	if (atomic_load(&slow_reads) && is_dest(fd)) {
		atomic_fetch_add(&reading, 1);
		while (atomic_load(&slow_reads))
			nap(1);
	}
	return syscall(SYS_pread64, fd, buf, bytes, offset);
}

static int setup(void **state)
{
	(void)state;
	receiver_start(SIZE, engine);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	receiver_end();
	return 0;
}

static void hang(void)
{
	atomic_store(&closing, false);
	atomic_store(&slow, true);
}

static void await_closing(void)
{
	while (!atomic_load(&closing))
		nap(1);
}

/* Another one's request, and one about the very disk, are answered. */
static void others_are_served(void)
{
	struct dmm_wire_query_ok q;
	struct dmm_wire_disk id;
	struct peer p;
	u64 begin_ms = dmm_now_ms();

	disk_id(&id);
	id.migration[0]++;
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_QUERY, &id, sizeof(id), DMM_MSG_QUERY_OK, &q,
				      sizeof(q)), DMM_WERR_NOTFOUND);
	peer_close(&p);
	peer_hello(&p);
	peer_query(&p, &q);
	peer_close(&p);
	dmm_registry_expire(&rc.registry, 60000);
	assert_true(dmm_now_ms() - begin_ms < 1000);
}

static void close_is_slow(u16 type)
{
	struct dmm_wire_disk id;
	struct dmm_frame f;
	struct peer p;

	disk_id(&id);
	peer_hello(&p);
	peer_prepare(&p, SIZE);
	hang();
	assert_int_equal(dmm_wireio_send(p.c.fd, type, &p.c.tx_seq, &id, sizeof(id), WAIT_MS), 0);
	await_closing();
	others_are_served();
	atomic_store(&slow, false);
	assert_int_equal(dmm_wireio_recv(p.c.fd, &f, NULL, 0, WAIT_MS, NULL), 0);
	assert_int_equal(f.type, type + 1);
	peer_close(&p);
}

static void finish(void **state)
{
	(void)state;
	close_is_slow(DMM_MSG_FINISH);
}

static void forget(void **state)
{
	(void)state;
	close_is_slow(DMM_MSG_FORGET);
}

static void orphan(void **state)
{
	u64 begin_ms;
	struct peer p;

	(void)state;
	peer_hello(&p);
	peer_prepare(&p, SIZE);
	peer_close(&p);
	while (dmm_receiver_sessions(&rc))
		nap(5);
	hang();
	begin_ms = dmm_now_ms();
	dmm_registry_expire(&rc.registry, 0);	/* main's thread, which accepts connections */
	assert_true(dmm_now_ms() - begin_ms < 1000);
	assert_int_equal(dmm_registry_count(&rc.registry), 0);
	await_closing();
	atomic_store(&slow, false);
}

/*
 * Two disks: of one all turns at reading digests are taken and hang, one more is told so; the other's
 * answer comes.
 */
static void digests(void **state)
{
	struct dmm_disk_name name = { .migration = { 1 } };
	struct peer p[DMM_DIGESTS_AT_ONCE], other;
	struct dmm_disk *disk;
	struct dmm_refusal r;
	char path[] = "/tmp/dmm-unit.XXXXXX";
	struct dmm_wire_prepared ok;
	struct dmm_wire_prepare w;
	struct dmm_wire_digest d;
	struct dmm_frame f;
	u64 begin_ms;
	u8 digest[32];
	u32 i;
	int fd;

	(void)state;
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	memset(&d, 0, sizeof(d));
	disk_id(&d.id);
	d.length_bytes = cpu_to_le64(SIZE);
	d.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	fill_prepare(&w, SIZE);
	w.id.disk = cpu_to_le32(1);
	strcpy((char *)w.dest_path, path);
	peer_hello(&other);
	assert_int_equal(peer_request(&other, DMM_MSG_PREPARE, &w, sizeof(w), DMM_MSG_PREPARED, &ok,
				      sizeof(ok)), 0);
	peer_hello(&p[0]);
	peer_prepare(&p[0], SIZE);
	disk = dmm_registry_get(&rc.registry, &name, &r);
	assert_non_null(disk);
	disk->digester.wait_ms = 100;
	dmm_registry_put(&rc.registry, disk);
	atomic_store(&reading, 0);
	atomic_store(&slow_reads, true);
	for (i = 0; i < DMM_DIGESTS_AT_ONCE; i++) {
		if (i)
			peer_hello(&p[i]);
		assert_int_equal(dmm_wireio_send(p[i].c.fd, DMM_MSG_DIGEST, &p[i].c.tx_seq, &d, sizeof(d),
						 WAIT_MS), 0);
	}
	while (atomic_load(&reading) < DMM_DIGESTS_AT_ONCE)
		nap(1);

	d.id.disk = cpu_to_le32(1);
	begin_ms = dmm_now_ms();
	assert_int_equal(peer_request(&other, DMM_MSG_DIGEST, &d, sizeof(d), DMM_MSG_DIGEST_OK, digest,
				      sizeof(digest)), 0);
	assert_true(dmm_now_ms() - begin_ms < 5000);
	d.id.disk = 0;
	assert_int_equal(peer_request(&other, DMM_MSG_DIGEST, &d, sizeof(d), DMM_MSG_DIGEST_OK, digest,
				      sizeof(digest)), DMM_WERR_BUSY);
	peer_close(&other);
	atomic_store(&slow_reads, false);
	for (i = 0; i < DMM_DIGESTS_AT_ONCE; i++) {
		assert_int_equal(dmm_wireio_recv(p[i].c.fd, &f, digest, sizeof(digest), WAIT_MS, NULL), 0);
		assert_int_equal(f.type, DMM_MSG_DIGEST_OK);
		peer_close(&p[i]);
	}
	unlink(path);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = { T(finish), T(forget), T(orphan), T(digests) };

	signal(SIGPIPE, SIG_IGN);
	alarm(60);	/* what fails here waits for ever */
	return run_by_every_engine(tests, engine);
}
