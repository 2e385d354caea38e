// SPDX-License-Identifier: GPL-2.0
/*
 * LVM's lock of a volume group.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lvm_lock.h"

#define UUID	"LVM-dKdKxDd00b9xiwfNBA8M0k1ul7e7n6Y8W2rRG6mSZoFiDctd7n39OvxDpSSa9Ldk"

static char dir[] = "/tmp/dmm-lvm-lock.XXXXXX";

static const char *path_of(const char *group)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/V_%s", dir, group);
	return path;
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *uuid, *group;
	} cases[] = {
		{ "vg-web01", UUID, "vg" },
		{ "my--vg-web01", UUID, "my-vg" },
		{ "vg-web--01", UUID, "vg" },
		{ "a----b-c--d-real", UUID, "a--b" },
		{ "vg-pool-tpool", UUID "-tpool", NULL },	/* not the volume itself */
		{ "vg", UUID, NULL },
		{ "my--vg", UUID, NULL },
		{ "-web01", UUID, NULL },
		{ "", UUID, NULL },
		{ "vg-web01", "", NULL },
		{ "vg-web01", "CRYPT-x", NULL },
		{ "vg-web01.dmm", "LVM-DMM00000000000000000000000000000c6860a76ffc8dcc34b4f2217962125f6-gate0", NULL },
	};
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s %s\n", cases[i].name, cases[i].uuid);
		fd = dmm_lvm_lock(dir, cases[i].name, cases[i].uuid, 0);
		if (!cases[i].group) {
			assert_int_equal(fd, -ENOENT);
			continue;
		}
		assert_true(fd >= 0);
		assert_int_equal(unlink(path_of(cases[i].group)), 0);
		close(fd);
	}
	assert_int_equal(dmm_lvm_lock("/tmp/dmm-there-is-none", "vg-web01", UUID, 0), -ENOENT);
}

static void test_split(void **state)
{
	static const struct {
		const char *name, *group, *volume;
	} cases[] = {
		{ "vg-web01", "vg", "web01" }, { "vg--0-lv", "vg-0", "lv" }, { "a----b-c--d-real", "a--b", "c-d-real" },
		{ "vg", NULL, NULL }, { "my--vg", NULL, NULL }, { "-web01", NULL, NULL }, { "vg-", NULL, NULL }, { "", NULL, NULL },
	};
	char group[DMM_DM_NAME_BYTES], volume[DMM_DM_NAME_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int want = -ENOENT;

		if (cases[i].group)
			want = 0;
		print_message("%s\n", cases[i].name);
		assert_int_equal(dmm_lvm_split(cases[i].name, group, volume), want);
		if (!want) {
			assert_string_equal(group, cases[i].group);
			assert_string_equal(volume, cases[i].volume);
		}
	}
}

static void test_excludes(void **state)
{
	static const int how[] = { LOCK_SH, LOCK_EX };
	int fd, other = open(path_of("vg"), O_RDWR | O_CREAT, 0600);
	size_t i;

	(void)state;
	assert_true(other >= 0);
	for (i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		/* another's, be it shared, is waited for */
		assert_int_equal(flock(other, how[i]), 0);
		assert_int_equal(dmm_lvm_lock(dir, "vg-web01", UUID, 20), -ETIMEDOUT);
		flock(other, LOCK_UN);
		/* and ours keeps others out, until it is closed */
		fd = dmm_lvm_lock(dir, "vg-web01", UUID, 20);
		assert_true(fd >= 0);
		assert_int_equal(flock(other, how[i] | LOCK_NB), -1);
		assert_int_equal(errno, EWOULDBLOCK);
		close(fd);
		assert_int_equal(flock(other, how[i] | LOCK_NB), 0);
	}
	close(other);
	assert_int_equal(unlink(path_of("vg")), 0);
}

/* As LVM gives it back. */
static void *gives_it_back(void *arg)
{
	const struct timespec nap = { .tv_nsec = 50000000 };

	nanosleep(&nap, NULL);
	unlink(path_of("vg"));
	flock(*(int *)arg, LOCK_UN);
	return NULL;
}

/* What was waited for is a file that nobody will find any more. */
static void test_removed(void **state)
{
	int fd, other = open(path_of("vg"), O_RDWR | O_CREAT, 0600), next;
	pthread_t thread;

	(void)state;
	assert_int_equal(flock(other, LOCK_EX), 0);
	assert_int_equal(pthread_create(&thread, NULL, gives_it_back, &other), 0);
	fd = dmm_lvm_lock(dir, "vg-web01", UUID, 10000);
	assert_true(fd >= 0);
	pthread_join(thread, NULL);
	next = open(path_of("vg"), O_RDWR);
	assert_true(next >= 0);
	assert_int_equal(flock(next, LOCK_SH | LOCK_NB), -1);
	close(next);
	close(fd);
	close(other);
	assert_int_equal(unlink(path_of("vg")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_excludes),
		cmocka_unit_test(test_removed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
