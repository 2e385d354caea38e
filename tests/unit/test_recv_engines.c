// SPDX-License-Identifier: GPL-2.0
/*
 * One suite for every engine, on real files; which engine a machine gets.
 */
#include <dlfcn.h>
#include <liburing.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <pthread.h>
#include <sys/vfs.h>

#include "dmmigrated/writer.h"
#include "recv_engine.h"

/* The kernel's answer to setting up a ring; 0: whatever it is. */
static int uring_forbidden;

int io_uring_queue_init_params(unsigned int entries, struct io_uring *ring, struct io_uring_params *p)
{
	static int (*real)(unsigned int entries, struct io_uring *ring, struct io_uring_params *p);

	if (uring_forbidden)
		return -uring_forbidden;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "io_uring_queue_init_params");
	return real(entries, ring, p);
}

static const struct dmm_engine_ops *engine;

static int open_engine(struct dmm_writer *w, int fd, u32 depth, const void *buffers, u64 bytes)
{
	const struct dmm_engine_target t = { .fd = fd, .buffers = buffers, .buffers_bytes = bytes };

	return dmm_writer_open(w, engine, &t, depth, 1);
}

/* Until there is something to reap, as a connection's thread waits for it. */
static void await(struct dmm_writer *w)
{
	if (!dmm_writer_has_ended(w))
		assert_int_equal(dmm_wait_fd(w->ops->event_fd(w->engine), POLLIN,
					     dmm_now_ms() + WAIT_MS, -1), 0);
}

#define BLOCKS	200u

static void writes_of(void *registered, u64 registered_bytes, u8 *model)
{
	char path[] = "/tmp/dmm-unit-engine.XXXXXX";
	struct dmm_write writes[BLOCKS], *done[16];
	u32 i, j, in_flight = 0, ended = 0;
	struct dmm_writer w;
	u8 *got;
	int fd, n;

	fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	got = malloc(BLOCKS * 4096);
	assert_int_equal(open_engine(&w, fd, 16, registered, registered_bytes), 0);
	assert_int_equal(dmm_writer_reap(&w, done, 16, false), 0);
	for (i = 0; i < BLOCKS; i++) {
		j = i * 37 % BLOCKS;
		memset(model + j * 4096, i, 4096);
		writes[i].zero = false;
		writes[i].buf = model + j * 4096;
		writes[i].bytes = 4096;
		writes[i].offset_bytes = j * 4096ull;
		/* far more than the engine's depth: the rest waits in the backlog */
		dmm_writer_start(&w, &writes[i]);
		in_flight++;
	}
	dmm_writer_submit(&w);
	assert_int_equal(dmm_writer_flush(&w), -EBUSY);
	while (ended < in_flight) {
		await(&w);
		n = dmm_writer_reap(&w, done, 3, false);
		assert_true(n >= 0);
		for (i = 0; i < (u32)n; i++)
			assert_int_equal(done[i]->error, 0);
		ended += n;
		dmm_writer_submit(&w);
	}
	assert_int_equal(dmm_writer_flush(&w), 0);
	/* and awaited */
	dmm_writer_start(&w, &writes[0]);
	dmm_writer_submit(&w);
	assert_int_equal(dmm_writer_reap(&w, done, 16, true), 1);
	assert_ptr_equal(done[0], &writes[0]);
	assert_int_equal(done[0]->error, 0);
	assert_int_equal(dmm_pread_full(fd, got, BLOCKS * 4096, 0), 0);
	assert_memory_equal(got, model, BLOCKS * 4096);
	/* nothing touches the buffer of a write in flight once it is closed */
	dmm_writer_start(&w, &writes[0]);
	dmm_writer_submit(&w);
	dmm_writer_close(&w);
	free(got);
	close(fd);
}

static void engine_writes(void **state)
{
	u8 *model = calloc(BLOCKS, 4096);

	(void)state;
	writes_of(NULL, 0, model);
	free(model);
}

/* Some of the memory is registered, as the pool's is; the engine must tell which. */
static void engine_writes_registered_memory(void **state)
{
	u8 *model = NULL;

	(void)state;
	assert_int_equal(posix_memalign((void **)&model, 4096, BLOCKS * 4096), 0);
	writes_of(model, BLOCKS * 4096, model);
	writes_of(model + 4096, (BLOCKS / 2 - 1) * 4096 + 512, model);
	free(model);
}

static void engine_reports_errors(void **state)
{
	const struct rlimit small = { 65536, RLIM_INFINITY },
			    unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct dmm_write write = { .bytes = 4096 }, *done[1];
	char path[] = "/tmp/dmm-unit-engine.XXXXXX";
	struct dmm_writer w;
	char buf[4096];
	int fd;

	(void)state;
	write.buf = buf;
	/* refused when it is submitted */
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(open_engine(&w, fd, 4, NULL, 0), 0);
	dmm_writer_start(&w, &write);
	dmm_writer_submit(&w);
	await(&w);
	assert_int_equal(dmm_writer_reap(&w, done, 1, true), 1);
	assert_int_equal(done[0]->error, -EBADF);
	dmm_writer_close(&w);
	close(fd);
	/* fails when it is executed */
	fd = mkstemp(path);
	unlink(path);
	write.offset_bytes = 1 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(open_engine(&w, fd, 4, NULL, 0), 0);
	dmm_writer_start(&w, &write);
	dmm_writer_submit(&w);
	assert_int_equal(dmm_writer_reap(&w, done, 1, true), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
	assert_int_equal(done[0]->error, -EFBIG);
	dmm_writer_close(&w);
	close(fd);
}

/* With its last descriptor a destination is free again, at once: FINISH promises that. */
static void engine_gives_the_claim_back(void **state)
{
	char path[] = "/tmp/dmm-unit-engine.XXXXXX";
	struct dmm_write write = { .bytes = 4096 }, *done[1];
	struct dmm_writer w;
	static char buf[4096];
	int fd, i;

	(void)state;
	close(mkstemp(path));
	write.buf = buf;
	for (i = 0; i < 100; i++) {
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (flock(fd, LOCK_EX | LOCK_NB))
			fail_msg("still locked in round %d", i);
		assert_int_equal(open_engine(&w, fd, 4, buf, sizeof(buf)), 0);
		dmm_writer_start(&w, &write);
		dmm_writer_submit(&w);
		assert_int_equal(dmm_writer_reap(&w, done, 1, true), 1);
		dmm_writer_close(&w);
		close(fd);
	}
	unlink(path);
}

static void *drain_later(void *fd)
{
	static char scrap[1 << 20];

	nap(200);
	while (read(*(int *)fd, scrap, sizeof(scrap)) == sizeof(scrap))
		;
	return NULL;
}

/* Closing waits for what is in flight, whose buffer is another's afterwards. */
static void engine_close_waits(void **state)
{
	struct dmm_write one = { .bytes = 4096 };
	struct dmm_writer w;
	static char buf[65536];
	u64 begin_ms;
	pthread_t t;
	int p[2];

	(void)state;
	if (engine != &dmm_engine_uring)	/* only io_uring writes to what may hang without a device */
		return;
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	while (write(p[1], buf, sizeof(buf)) > 0)
		;
	fcntl(p[1], F_SETFL, 0);
	one.buf = buf;
	assert_int_equal(open_engine(&w, p[1], 4, NULL, 0), 0);
	dmm_writer_start(&w, &one);
	dmm_writer_submit(&w);
	begin_ms = dmm_now_ms();
	pthread_create(&t, NULL, drain_later, &p[0]);
	dmm_writer_close(&w);
	assert_true(dmm_now_ms() - begin_ms >= 150);
	pthread_join(t, NULL);
	close(p[0]);
	close(p[1]);
}

static void engines_by_name(void **state)
{
	char why[DMM_ENGINE_WHY];
	unsigned int i;

	(void)state;
	assert_ptr_equal(dmm_engine_find("libaio"), &dmm_engine_libaio);
	assert_ptr_equal(dmm_engine_find("io_uring"), &dmm_engine_uring);
	assert_null(dmm_engine_find("auto"));
	assert_null(dmm_engine_find("uring"));
	assert_string_equal(dmm_engine_name(0), "auto");
	for (i = 1; dmm_engine_name(i); i++)
		assert_string_equal(dmm_engine_find(dmm_engine_name(i))->name, dmm_engine_name(i));
	assert_int_equal(i, 4);
	assert_ptr_equal(dmm_engine_choose(&dmm_engine_libaio, why), &dmm_engine_libaio);
	assert_non_null(dmm_engine_choose(NULL, why));
}


/* What auto leaves to plain writes. */
static void inline_for_memory(void **state)
{
	char path[] = "/tmp/dmm-unit-engine.XXXXXX", shm[] = "/dev/shm/dmm-unit-engine.XXXXXX";
	int fd = mkstemp(path), mem = mkstemp(shm);
	struct statfs fs;

	(void)state;
	assert_true(dmm_engine_inline_suits(fd));
	assert_true(dmm_engine_inline_suits(mem));
	if (!fcntl(fd, F_SETFL, O_RDWR | O_DIRECT) && !fstatfs(fd, &fs) && fs.f_type != TMPFS_MAGIC)
		assert_false(dmm_engine_inline_suits(fd));
	fcntl(mem, F_SETFL, O_RDWR | O_DIRECT);
	assert_true(dmm_engine_inline_suits(mem));
	close(fd);
	close(mem);
	unlink(path);
	unlink(shm);
}

#define TURN_BYTES	(8u << 20)

struct other_writer {
	int fd;
	atomic_bool stop;
};

static void *writes_all_the_time(void *arg)
{
	struct other_writer *o = arg;
	struct dmm_engine_target t = { .fd = o->fd };
	struct dmm_io io = { .buf = calloc(1, TURN_BYTES), .bytes = TURN_BYTES };
	struct dmm_engine *e;

	assert_int_equal(dmm_engine_inline.open(&t, 4, &e), 0);
	while (!atomic_load(&o->stop)) {
		dmm_engine_inline.queue(e, &io);
		dmm_engine_inline.submit(e);
	}
	dmm_engine_inline.close(e);
	free(io.buf);
	return NULL;
}

/* Who finds the file busy is sent away once, and served when he comes again. */
static void inline_takes_turns(void **state)
{
	struct other_writer o = { .fd = memfd_create("dmm", MFD_CLOEXEC) };
	struct dmm_engine_target t = { .fd = o.fd };
	u8 ours[3] = "abc", there[3];
	struct dmm_io io = { .buf = ours, .bytes = 3, .offset_bytes = TURN_BYTES };
	enum dmm_io_outcome outcome = DMM_IO_DONE;
	struct dmm_engine *e;
	u32 tries, waited;
	pthread_t thread;

	(void)state;
	assert_int_equal(dmm_engine_inline.open(&t, 4, &e), 0);
	assert_int_equal(dmm_engine_inline.queue(e, &io), DMM_IO_DONE);
	assert_int_equal(pthread_create(&thread, NULL, writes_all_the_time, &o), 0);
	for (waited = 0; waited < 3; waited++) {
		for (tries = 0, outcome = DMM_IO_DONE; outcome == DMM_IO_DONE && tries < 100000; tries++) {
			outcome = dmm_engine_inline.queue(e, &io);
			usleep(100);
		}
		assert_int_equal(outcome, DMM_IO_BUSY);
		/* again, and what comes behind it */
		io.result = 0;
		assert_int_equal(dmm_engine_inline.queue(e, &io), DMM_IO_DONE);
		assert_int_equal(io.result, 3);
		assert_int_equal(dmm_engine_inline.queue(e, &io), DMM_IO_DONE);
		dmm_engine_inline.submit(e);
	}
	atomic_store(&o.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(pread(o.fd, there, 3, TURN_BYTES), 3);
	assert_memory_equal(there, ours, 3);
	dmm_engine_inline.close(e);
	close(o.fd);
}

/* What the kernel forbids: auto takes the other one and says why; what was asked for is not replaced. */
static void engine_falls_back(void **state)
{
	char why[DMM_ENGINE_WHY];

	(void)state;
	uring_forbidden = EPERM;
	assert_ptr_equal(dmm_engine_choose(NULL, why), &dmm_engine_libaio);
	assert_non_null(strstr(why, "io_uring_disabled"));
	assert_null(dmm_engine_choose(&dmm_engine_uring, why));
	uring_forbidden = ENOSYS;
	assert_ptr_equal(dmm_engine_choose(NULL, why), &dmm_engine_libaio);
	assert_non_null(strstr(why, "the kernel has none"));
	uring_forbidden = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(engines_by_name),
		cmocka_unit_test(engine_falls_back),
		cmocka_unit_test(inline_for_memory),
		cmocka_unit_test(inline_takes_turns),
	};
	const struct CMUnitTest every_engine[] = {
		cmocka_unit_test(engine_writes),
		cmocka_unit_test(engine_writes_registered_memory),
		cmocka_unit_test(engine_reports_errors),
		cmocka_unit_test(engine_gives_the_claim_back),
		cmocka_unit_test(engine_close_waits),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed + run_by_every_engine(every_engine, engine);
}
