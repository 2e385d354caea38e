// SPDX-License-Identifier: GPL-2.0
/*
 * When a lost disk is tried again, and the running of the tool.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "dmmigrated/reconnect.h"
#include "runner.h"
#include "fullio.h"

#define MIN	DMM_RECONNECT_MIN_MS
#define MAX	DMM_RECONNECT_MAX_MS

/* --- when --- */

/* Heard: at once; then not before the pause, unless it was not heard meanwhile. */
static void test_heard(void **state)
{
	struct dmm_reconnect_pace p = { 0 };

	(void)state;
	dmm_reconnect_looked(&p, false, 50, 0);
	assert_false(dmm_reconnect_due(&p, true, 50));
	dmm_reconnect_looked(&p, true, 100, 0);
	assert_true(dmm_reconnect_due(&p, true, 100));
	dmm_reconnect_tried(&p, true, false, 100, 0);
	assert_false(dmm_reconnect_due(&p, true, 100 + MIN - MIN / 4 - 1));
	assert_true(dmm_reconnect_due(&p, true, 100 + MIN - MIN / 4));
	dmm_reconnect_tried(&p, true, true, 1000, 0);
	assert_false(dmm_reconnect_due(&p, true, 1000 + MIN));
	assert_false(dmm_reconnect_due(&p, false, 1000 + MIN));
	assert_true(dmm_reconnect_due(&p, true, 1000 + MIN));
	/* but not twice within the shortest pause */
	dmm_reconnect_tried(&p, false, true, 3000, 0);
	assert_false(dmm_reconnect_due(&p, true, 3000 + MIN - 1));
	assert_true(dmm_reconnect_due(&p, true, 3000 + MIN));
}

/* Not heard: after pauses of 1, 2, 4 to 30 s, a quarter more or less. */
static void test_pauses(void **state)
{
	struct dmm_reconnect_pace p = { 0 };
	u64 now = 1000, pause = MIN;
	u32 random;

	(void)state;
	dmm_reconnect_looked(&p, true, now, 0);
	for (random = 0; random < 100; random++) {
		assert_false(dmm_reconnect_due(&p, false, now + pause - pause / 4 - 1));
		assert_true(dmm_reconnect_due(&p, false, now + pause + pause / 4));
		now += pause + pause / 4;
		/* the first pause is waited for before the first try, and once more after it */
		dmm_reconnect_tried(&p, false, false, now, random * 7919);
		if (random)
			pause = 2 * pause < MAX ? 2 * pause : MAX;
	}
	assert_int_equal(pause, MAX);
}

/* Somebody has to mend something first. */
static void test_hopeless(void **state)
{
	struct dmm_reconnect_pace p = { 0 };

	(void)state;
	dmm_reconnect_looked(&p, true, 0, 0);
	dmm_reconnect_tried(&p, true, true, 0, ~0u);
	assert_false(dmm_reconnect_due(&p, true, MAX - MAX / 4 - 1));
	assert_true(dmm_reconnect_due(&p, true, MAX + MAX / 4));
}

/* What is lost again soon is no new beginning; what was well for long is. */
static void test_flaps(void **state)
{
	struct dmm_reconnect_pace p = { 0 };

	(void)state;
	dmm_reconnect_looked(&p, true, 0, 0);
	dmm_reconnect_tried(&p, true, true, 0, 0);
	dmm_reconnect_looked(&p, false, 100, 0);
	assert_false(dmm_reconnect_due(&p, true, MAX));
	dmm_reconnect_looked(&p, true, 200, 0);
	assert_false(dmm_reconnect_due(&p, true, 2 * MIN));
	assert_true(dmm_reconnect_due(&p, true, MAX));
	dmm_reconnect_tried(&p, true, true, MAX, 0);
	dmm_reconnect_looked(&p, false, MAX + 1, 0);
	dmm_reconnect_looked(&p, true, MAX + 1 + DMM_RECONNECT_WELL_MS, 0);
	assert_true(dmm_reconnect_due(&p, true, MAX + 1 + DMM_RECONNECT_WELL_MS));
}

/* --- the tool --- */

/* Runs `sh -c @script`: its exit code, and its last line. */
static int sh(const char *script, int *err, u64 timeout_ms, int stop_fd, char line[128])
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	struct dmm_runner r;
	int ret;

	assert_int_equal(dmm_runner_begin(&r, argv), 0);
	*err = dmm_runner_wait(&r, dmm_now_ms() + timeout_ms, stop_fd);
	ret = dmm_runner_end(&r);
	dmm_runner_line(&r, line, 128);
	return ret;
}

static void test_run(void **state)
{
	char *const missing[] = { (char *)"/nonexistent/dmmigrate", NULL };
	struct dmm_runner r;
	char line[128];
	int err;

	(void)state;
	assert_int_equal(sh("exit 0", &err, 10000, -1, line), 0);
	assert_int_equal(err, 0);
	assert_string_equal(line, "");
	assert_int_equal(sh("echo one; printf 'two\\n\\n' >&2; exit 6", &err, 10000, -1, line), 6);
	assert_int_equal(err, 0);
	assert_string_equal(line, "two");
	/* much of it, without an end of line, and what a terminal must not see */
	assert_int_equal(sh("head -c 100000 /dev/zero | tr '\\0' x; printf '\\nlast\\033line'", &err,
			    10000, -1, line), 0);
	assert_string_equal(line, "last?line");
	assert_int_equal(sh("head -c 5000 /dev/zero | tr '\\0' x", &err, 10000, -1, line), 0);
	assert_int_equal(strlen(line), 127);
	assert_int_equal(dmm_runner_begin(&r, missing), -ENOENT);
}

static void test_run_killed(void **state)
{
	int stop_fd = eventfd(1, EFD_CLOEXEC), err;
	char line[128];

	(void)state;
	assert_int_equal(sh("echo begun; exec sleep 100", &err, 300, -1, line), 128 + SIGKILL);
	assert_int_equal(err, -ETIMEDOUT);
	assert_string_equal(line, "begun");
	assert_int_equal(sh("exec sleep 100", &err, 10000, stop_fd, line), 128 + SIGKILL);
	assert_int_equal(err, -ECANCELED);
	close(stop_fd);
}

/* As any program expects to find the world: no signal blocked or ignored, no descriptors of ours. */
static void test_run_clean(void **state)
{
	/* far from those that a shell opens for itself */
	int low_fd = eventfd(0, EFD_CLOEXEC), stop_fd = fcntl(low_fd, F_DUPFD_CLOEXEC, 100), err;
	char *const grep[] = {
		(char *)"grep", (char *)"SigBlk:.0000000000000000$", (char *)"/proc/self/status", NULL,
	};
	struct dmm_runner r;
	sigset_t all, before;
	char line[128], script[64];

	(void)state;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	signal(SIGPIPE, SIG_IGN);
	/* without a shell, which unblocks all of them */
	assert_int_equal(dmm_runner_begin(&r, grep), 0);
	assert_int_equal(dmm_runner_wait(&r, dmm_now_ms() + 10000, stop_fd), 0);
	assert_int_equal(dmm_runner_end(&r), 0);
	assert_int_equal(sh("i=$(sed -n 's/^SigIgn:.//p' /proc/self/status); [ $((0x$i & 0x1000)) = 0 ]", &err, 10000,
			    stop_fd, line), 0);
	snprintf(script, sizeof(script), "[ ! -e /proc/$$/fd/%d ]", stop_fd);
	assert_int_equal(sh(script, &err, 10000, stop_fd, line), 0);
	assert_int_equal(sh("read x", &err, 10000, stop_fd, line), 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(stop_fd);
	close(low_fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heard),
		cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_hopeless),
		cmocka_unit_test(test_flaps),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_run_killed),
		cmocka_unit_test(test_run_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
