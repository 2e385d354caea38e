// SPDX-License-Identifier: GPL-2.0
/*
 * Destinations that change under the receiver's eyes, and disks that are left
 * behind.  realpath() and flock() are the test's own: what they do besides is
 * what another process might do at that moment.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dmmigrated/dest.h"
#include "recv_fake.h"

static char top[64];
static void (*after_realpath)(void);

char *realpath(const char *path, char *resolved)
{
	char *(*real)(const char *, char *) =
		(char *(*)(const char *, char *))dlsym(RTLD_NEXT, "realpath");
	char *ret = real(path, resolved);

	if (after_realpath)
		after_realpath();
	return ret;
}

static void (*at_flock)(void);

int flock(int fd, int operation)
{
	int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "flock");

	if (at_flock)
		at_flock();
	return real(fd, operation);
}

static const char *in_top(const char *name)
{
	static char path[16][128];
	static unsigned int n;
	char *p = path[n++ % 16];

	snprintf(p, sizeof(path[0]), "%s/%s", top, name);
	return p;
}

static void make_file(const char *name)
{
	int fd = open(in_top(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	close(fd);
}

static struct dmm_allow allow;

static int setup(void **state)
{
	char **globs = calloc(1, sizeof(*globs));

	(void)state;
	strcpy(top, "/tmp/dmm-unit-dest.XXXXXX");
	assert_non_null(mkdtemp(top));
	globs[0] = strdup(in_top("allowed/*/*.img"));
	dmm_allow_init(&allow);
	dmm_allow_replace(&allow, globs, 1);
	mkdir(in_top("allowed"), 0700);
	mkdir(in_top("allowed/user"), 0700);
	mkdir(in_top("secret"), 0700);
	make_file("allowed/user/a.img");
	make_file("secret/a.img");
	after_realpath = NULL;
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	dmm_allow_exit(&allow);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

/* The code of the refusal, or 0. */
static u32 try_open(const char *name, struct dmm_refusal *r)
{
	const struct dmm_dest_request rq = {
		.peer = "",
		.path = in_top(name), .size_bytes = 1 << 20, .lbs_bytes = 512,
		.source_identity = "",
	};
	struct dmm_dest d;

	memset(r, 0, sizeof(*r));
	if (dmm_dest_open(&allow, &rq, &d, r))
		return r->code;
	dmm_dest_close(&d);
	return 0;
}

static void swap_directory(void)
{
	assert_int_equal(rename(in_top("allowed/user"), in_top("allowed/old")), 0);
	assert_int_equal(symlink(in_top("secret"), in_top("allowed/user")), 0);
}

static void a_directory_becomes_a_link(void **state)
{
	struct dmm_refusal r;

	(void)state;
	assert_int_equal(try_open("allowed/user/a.img", &r), 0);
	after_realpath = swap_directory;
	assert_int_equal(try_open("allowed/user/a.img", &r), DMM_WERR_BUSY);
	assert_non_null(strstr(r.text, "changed while"));
	after_realpath = NULL;
	assert_int_equal(try_open("allowed/user/a.img", &r), DMM_WERR_DENIED);
}

/* A second name may be in a directory that anybody can write to. */
static void a_file_with_two_names(void **state)
{
	struct dmm_refusal r;

	(void)state;
	assert_int_equal(link(in_top("secret/a.img"), in_top("allowed/user/b.img")), 0);
	assert_int_equal(try_open("allowed/user/b.img", &r), DMM_WERR_DENIED);
	assert_non_null(strstr(r.text, "2 names"));
	assert_int_equal(unlink(in_top("secret/a.img")), 0);
	assert_int_equal(try_open("allowed/user/b.img", &r), 0);
}

static pid_t writer;

/* Another program opens the file after we have looked for such. */
static void start_writer(void)
{
	int fd, started[2];
	char byte;

	assert_int_equal(pipe2(started, O_CLOEXEC), 0);
	fd = open(in_top("allowed/user/a.img"), O_WRONLY);	/* the child keeps it */
	assert_true(fd >= 0);
	writer = fork();
	if (!writer) {
		execlp("sleep", "sleep", "60", NULL);
		_exit(1);
	}
	close(fd);
	close(started[1]);
	assert_int_equal(read(started[0], &byte, 1), 0);
	close(started[0]);
}

static void a_writer_comes_in_between(void **state)
{
	struct dmm_refusal r;
	u32 code;

	(void)state;
	at_flock = start_writer;
	code = try_open("allowed/user/a.img", &r);
	at_flock = NULL;
	assert_true(writer > 0);
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	assert_int_equal(code, DMM_WERR_BUSY);
	assert_non_null(strstr(r.text, "(sleep)"));
	assert_int_equal(try_open("allowed/user/a.img", &r), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_directory_becomes_a_link),
		T(a_file_with_two_names),
		T(a_writer_comes_in_between),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
