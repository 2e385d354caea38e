// SPDX-License-Identifier: GPL-2.0
/*
 * Closing a destination may take as long as a dead file server does: nobody but
 * who asked for it waits.
 */
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "recv_fake.h"

static const struct dmm_engine_ops *engine;

#define SIZE	(1u << 20)

static atomic_bool slow;	/* closing the destination waits until it is false */
static atomic_bool closing;

/* In place of the C library's. */
int close(int fd)
{
	struct stat st, dest;

	if (atomic_load(&slow) && !fstat(fd, &st) && !stat(dest_path, &dest) &&
	    st.st_ino == dest.st_ino && st.st_dev == dest.st_dev) {
		atomic_store(&closing, true);
		while (atomic_load(&slow))
			nap(1);
	}
	return (int)syscall(SYS_close, fd);
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

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = { T(finish), T(forget), T(orphan) };

	signal(SIGPIPE, SIG_IGN);
	alarm(60);	/* what fails here waits for ever */
	return run_by_every_engine(tests, engine);
}
