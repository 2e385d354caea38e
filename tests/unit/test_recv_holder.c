// SPDX-License-Identifier: GPL-2.0
/*
 * Who has a lock: by /proc as it is, and by a made one with processes that were killed and cannot die.
 */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dmmigrated/holder.h"

#define LOCK	"/var/lib/dmmigrate/lock"
#define KILLED	0x100ull
#define LOCKED	"pos:\t0\nflags:\t02100002\nlock:\t1: FLOCK  ADVISORY  WRITE 7 fe:00:12 0 EOF\n"

static char top[64];

static int setup(void **state)
{
	(void)state;
	strcpy(top, "/tmp/dmm-holder.XXXXXX");
	return mkdtemp(top) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", top);
	return system(cmd);
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* A thread of process @pid that has @file open; @info: of its descriptor. */
static void thread(int pid, int tid, const char *comm, char st, unsigned long long pending, const char *file, const char *info)
{
	char dir[160], path[256], text[256];

	snprintf(dir, sizeof(dir), "%s/%d", top, pid);
	mkdir(dir, 0700);
	snprintf(dir, sizeof(dir), "%s/%d/task", top, pid);
	mkdir(dir, 0700);
	snprintf(dir, sizeof(dir), "%s/%d/task/%d", top, pid, tid);
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/fdinfo", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	put(path, "5", info);
	snprintf(path, sizeof(path), "%s/fd", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/fd/5", dir);
	if (file)
		assert_int_equal(symlink(file, path), 0);
	snprintf(text, sizeof(text), "%d (%s) %c 1 7 7\n", tid, comm, st);
	put(dir, "stat", text);
	snprintf(text, sizeof(text), "%s\n", comm);
	put(dir, "comm", text);
	snprintf(text, sizeof(text), "Name:\t%s\nSigPnd:\t%016llx\nShdPnd:\t0000000000000000\n", comm, pending);
	put(dir, "status", text);
}

static void test_none(void **state)
{
	struct dmm_holder h;

	(void)state;
	assert_false(dmm_holder_find(top, LOCK, &h));
	/* another file; no lock; another name that begins so */
	thread(7, 7, "dmmigrated", 'S', 0, "/dev/null", LOCKED);
	thread(8, 8, "dmmigrated", 'S', 0, LOCK, "pos:\t0\nflags:\t02100002\n");
	thread(9, 9, "dmmigrated", 'S', 0, LOCK ".old", LOCKED);
	assert_false(dmm_holder_find(top, LOCK, &h));
}

/* In whatever order the directory names them: each of eight in turn is the one. */
static void in_turn(bool stuck)
{
	struct dmm_holder h;
	char want[16];
	int one, i;

	for (one = 11; one < 19; one++) {
		for (i = 11; i < 19; i++) {
			if (stuck && i == one)
				thread(i, i, "dmm-worker", 'D', KILLED, LOCK, LOCKED);
			else
				thread(i, i, stuck || i == one ? "dmmigrated" : "dmm-worker", i & 1 ? 'S' : 'D', 0, LOCK, LOCKED);
		}
		assert_true(dmm_holder_find(top, LOCK, &h));
		snprintf(want, sizeof(want), "%d", one);
		assert_string_equal(h.pid, want);
		assert_int_equal(h.stuck, stuck);
		assert_int_equal(teardown(NULL), 0);
		assert_int_equal(setup(NULL), 0);
	}
}

static void test_daemon_rather_than_child(void **state)
{
	(void)state;
	in_turn(false);
}

static void test_stuck_rather_than_daemon(void **state)
{
	(void)state;
	in_turn(true);
}

/* The daemon is no more, its worker's first thread a zombie without files: another thread hangs. */
static void test_stuck(void **state)
{
	struct dmm_holder h;

	(void)state;
	thread(7, 7, "dmmigrated", 'S', KILLED, LOCK, LOCKED);
	thread(8, 8, "dmm-worker", 'Z', 0, NULL, "");
	thread(8, 10, "dmm) S (worker", 'D', KILLED, LOCK, LOCKED);
	thread(9, 9, "dmm-worker", 'D', 0x4000, LOCK, LOCKED);
	assert_true(dmm_holder_find(top, LOCK, &h));
	assert_string_equal(h.pid, "8");
	assert_string_equal(h.thread, "10");
	assert_int_equal(h.state, 'D');
	assert_true(h.stuck);
}

/* The kernel's own: the lock that a child holds by what it has inherited from us. */
static void test_inherited(void **state)
{
	char path[128], real[PATH_MAX], pid[16];
	struct dmm_holder h;
	pid_t child;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/lock", top);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_non_null(realpath(path, real));
	assert_false(dmm_holder_find("/proc", real, &h));
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	assert_true(child > 0);
	close(fd);
	assert_true(dmm_holder_find("/proc", real, &h));
	snprintf(pid, sizeof(pid), "%d", child);
	assert_string_equal(h.pid, pid);
	assert_false(h.stuck);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(dmm_holder_find("/proc", real, &h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_daemon_rather_than_child, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stuck_rather_than_daemon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stuck, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inherited, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
