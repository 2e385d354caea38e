// SPDX-License-Identifier: GPL-2.0
/*
 * What a process can still do once it has given up its privileges: in a child for each, which exits with what it saw.
 */
#include "recv_engine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "dmmigrated/engine_uring.h"
#include "dmmigrated/sandbox.h"
#include "fullio.h"

#define MAY	0
#define MAY_NOT	1

static char dir[] = "/tmp/dmm-sandbox.XXXXXX";
static bool landlock, seccomp;

struct try {
	const char *name;
	int (*run)(void);	/* 0: it could be done */
};

/* --- what is tried --- */

static int in_dir(int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/file", dir);
	return open(path, flags, 0600) < 0;
}

static int try_read_file(void) { return in_dir(O_RDONLY); }
static int try_write_file(void) { return in_dir(O_WRONLY); }
static int try_passwd(void) { return open("/etc/passwd", O_RDONLY) < 0; }
static int try_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0; }
static int try_netlink(void) { return socket(AF_NETLINK, SOCK_RAW, 0) < 0; }
static int try_fork(void) { return fork() < 0; }
static int try_exec(void) { return execl("/bin/true", "true", (char *)NULL); }
static int try_kill(void) { return kill(getppid(), 0); }
static int try_root(void) { return setuid(0) || geteuid(); }
static int try_groups(void) { return setgroups(0, NULL); }
static int try_zeroout(void) { return !(ioctl(0, BLKZEROOUT, NULL) && errno != EPERM); }
static int try_discard(void) { return !(ioctl(0, BLKDISCARD, NULL) && errno != EPERM); }
static int try_ring(void) { return syscall(SYS_io_uring_setup, 4, NULL) != -1 || errno == EPERM; }
static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static void *nothing(void *arg)
{
	return arg;
}

static int try_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, nothing, NULL) || pthread_join(t, NULL);
}

/* A file that it has: written by what engines there are. */
static char data[4096] __attribute__((aligned(4096)));
static int shared = -1;
static struct io_uring restricted;	/* made before the sandbox */

static int write_by(const struct dmm_engine_ops *ops, int fd)
{
	const struct dmm_engine_target t = { .fd = fd, .buffers = data, .buffers_bytes = sizeof(data) };
	struct dmm_io io = { .buf = data, .bytes = sizeof(data) }, *done;
	struct dmm_engine *e;
	int ret = ops->open(&t, 1, &e);

	if (ret)
		return ret;
	ret = ops->queue(e, &io) != DMM_IO_QUEUED;
	if (!ret) {
		ops->submit(e);
		ret = ops->reap(e, &done, 1, true) != 1 || io.result != (int)sizeof(data) || ops->flush(e);
	}
	ops->close(e);
	return ret;
}

static int try_libaio(void) { return write_by(&dmm_engine_libaio, shared); }

static void *uring_in_a_thread(void *arg)
{
	*(int *)arg = write_by(&dmm_engine_uring, shared);
	return NULL;
}

/* Twice, by two threads: the ring goes from one to the other. */
static int try_uring(void)
{
	int ret = write_by(&dmm_engine_uring, shared), other = -1;
	pthread_t t;

	if (ret || pthread_create(&t, NULL, uring_in_a_thread, &other) || pthread_join(t, NULL))
		return ret ? ret : -1;
	return other;
}

/* --- running it --- */

static int in_child(const struct dmm_sandbox *box, int (*run)(void))
{
	char what[DMM_SANDBOX_WHAT];
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (dmm_uring_restricted(&restricted))
			restricted.ring_fd = -1;	/* a test that needs it says so */
		dmm_uring_stock(1);
		if (dmm_sandbox_enter(box, what)) {
			fprintf(stderr, "%s\n", what);
			_exit(99);
		}
		_exit(run() ? MAY_NOT : MAY);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 99);
	return WEXITSTATUS(status);
}

static void expect_all(const struct dmm_sandbox *box, const struct try *tries, size_t nr, int what)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (in_child(box, tries[i].run) != what)
			fail_msg("%s: %s", tries[i].name, what == MAY ? "cannot be done" : "can be done");
	}
}

#define EXPECT(box, tries, what)	expect_all(box, tries, sizeof(tries) / sizeof((tries)[0]), what)

static const struct dmm_sandbox worker = { .kind = DMM_SANDBOX_WORKER, .uid = DMM_SANDBOX_UID + 1 };

static void test_worker(void **state)
{
	static const struct try may[] = {
		{ "a thread", try_thread },
		{ "writing what it has, by libaio", try_libaio },
		{ "zeroing a device that it has", try_zeroout },
	};
	static const struct try calls[] = {
		{ "a socket", try_socket }, { "netlink", try_netlink }, { "a process", try_fork }, { "a program", try_exec },
		{ "a signal", try_kill }, { "being root", try_root }, { "groups", try_groups }, { "new code", try_code },
		{ "discarding", try_discard }, { "a ring without restrictions", try_ring },
	};
	static const struct try files[] = {
		{ "reading a file", try_read_file }, { "writing a file", try_write_file }, { "reading /etc", try_passwd },
	};

	(void)state;
	EXPECT(&worker, may, MAY);
	if (seccomp)
		EXPECT(&worker, calls, MAY_NOT);
	if (landlock || seccomp)
		EXPECT(&worker, files, MAY_NOT);
}

static void test_worker_uring(void **state)
{
	char why[DMM_ENGINE_WHY];

	(void)state;
	if (dmm_engine_uring.probe(why)) {
		print_message("no io_uring here: %s\n", why);
		skip();
	}
	assert_int_equal(in_child(&worker, try_uring), MAY);
}

/* By a ring with restrictions: @op with @flags on descriptor @fd, of which 0 is registered. Returns the result. */
static int ring_does(int op, unsigned int flags, int fd)
{
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	struct io_uring *ring = &restricted;
	int ret;

	if (io_uring_register_files(ring, &shared, 1))
		return -ENODEV;
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_rw(op, sqe, fd, data, 512, 0);
	io_uring_sqe_set_flags(sqe, flags);
	ret = io_uring_submit(ring);
	if (ret != 1 || io_uring_wait_cqe(ring, &cqe))
		return -EIO;
	return cqe->res;
}

static int ring_writes(void) { return ring_does(IORING_OP_WRITE, IOSQE_FIXED_FILE, 0) != 512; }
static int ring_reads(void) { return ring_does(IORING_OP_READ, IOSQE_FIXED_FILE, 0) != 512; }
static int ring_opens(void) { return ring_does(IORING_OP_OPENAT, IOSQE_FIXED_FILE, 0) == -EACCES; }
static int ring_other(void) { return ring_does(IORING_OP_WRITE, 0, shared) != 512; }

static void test_ring(void **state)
{
	static const struct try may[] = { { "writing the registered file", ring_writes } };
	static const struct try not[] = {
		{ "reading it", ring_reads }, { "opening", ring_opens }, { "writing another file", ring_other },
	};
	char why[DMM_ENGINE_WHY];

	(void)state;
	if (dmm_engine_uring.probe(why)) {
		print_message("no io_uring here: %s\n", why);
		skip();
	}
	EXPECT(&worker, may, MAY);
	EXPECT(&worker, not, MAY_NOT);
}

static void test_acceptor(void **state)
{
	const struct dmm_sandbox box = { .kind = DMM_SANDBOX_ACCEPTOR, .uid = DMM_SANDBOX_UID };
	static const struct try may[] = { { "a thread", try_thread } };
	static const struct try not[] = {
		{ "a socket", try_socket }, { "a process", try_fork }, { "a program", try_exec }, { "being root", try_root },
		{ "new code", try_code }, { "a ring", try_ring }, { "writing a file", try_write_file },
		{ "reading a file", try_read_file }, { "reading /etc", try_passwd },
	};

	(void)state;
	EXPECT(&box, may, MAY);
	if (seccomp)
		EXPECT(&box, not, MAY_NOT);
}

static void test_export(void **state)
{
	const struct dmm_sandbox box = { .kind = DMM_SANDBOX_EXPORT };
	static const struct try may[] = { { "a socket", try_socket }, { "the resolver's files", try_passwd } };
	static const struct try not[] = {
		{ "a process", try_fork }, { "a program", try_exec }, { "new code", try_code }, { "a ring", try_ring },
	};

	(void)state;
	EXPECT(&box, may, MAY);
	if (seccomp)
		EXPECT(&box, not, MAY_NOT);
	if (landlock)
		assert_int_equal(in_child(&box, try_read_file), MAY_NOT);
}

static int try_read_it(void)
{
	return pread(shared, data, sizeof(data), 0) != sizeof(data);
}

static int try_size(void)
{
	u64 bytes;

	return !(ioctl(0, BLKGETSIZE64, &bytes) && errno != EPERM);
}

static void test_prober(void **state)
{
	const struct dmm_sandbox box = { .kind = DMM_SANDBOX_PROBER, .uid = DMM_SANDBOX_PROBER_UID };
	static const struct try may[] = { { "reading the disk that it has", try_read_it }, { "asking for its size", try_size } };
	static const struct try not[] = {
		{ "a socket", try_socket }, { "a process", try_fork }, { "a program", try_exec }, { "being root", try_root },
		{ "new code", try_code }, { "a ring", try_ring }, { "a signal", try_kill }, { "zeroing", try_zeroout },
		{ "writing a file", try_write_file }, { "reading a file", try_read_file }, { "reading /etc", try_passwd },
	};

	(void)state;
	EXPECT(&box, may, MAY);
	if (seccomp)
		EXPECT(&box, not, MAY_NOT);
}

static int set_up(void **state)
{
	char path[64];

	(void)state;
	landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u /* LANDLOCK_CREATE_RULESET_VERSION */) > 0;
	seccomp = !syscall(SYS_seccomp, 2u /* SECCOMP_GET_ACTION_AVAIL */, 0, &(u32){ 0x00050000u /* SECCOMP_RET_ERRNO */ });
	print_message("Landlock: %s, seccomp: %s\n", landlock ? "yes" : "no", seccomp ? "yes" : "no");
	assert_non_null(mkdtemp(dir));
	chmod(dir, 0755);
	snprintf(path, sizeof(path), "%s/file", dir);
	shared = open(path, O_RDWR | O_CREAT, 0644);
	assert_true(shared >= 0);
	return dmm_pwrite_full(shared, data, sizeof(data), 0);
}

static int tear_down(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/file", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker),
		cmocka_unit_test(test_worker_uring),
		cmocka_unit_test(test_ring),
		cmocka_unit_test(test_acceptor),
		cmocka_unit_test(test_export),
		cmocka_unit_test(test_prober),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
