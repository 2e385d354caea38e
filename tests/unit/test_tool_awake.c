// SPDX-License-Identifier: GPL-2.0
/*
 * Is the tracker awake?  A kernel that goes round the target is found out, by the scratch device and by
 * the live one.  Device-mapper and the module are the test's own here.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "dmmigrate/awake.h"
#include "dmmigrate/record.h"

/* What a module counts of one write, or read, and what comes back from below. */
static struct module {
	u32 submitted, completed, reads;
	int err;
} module;

static struct dmm_nl_info counts;
static int nr_devices;		/* scratch devices that are there */
static char why[256];

/* In place of the C library's: /dev/null is nothing to be opened with O_DIRECT. */
int open(const char *path, int flags, ...)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags & ~O_DIRECT, 0);
}

static ssize_t answer(size_t bytes)
{
	errno = module.err;
	return module.err ? -1 : (ssize_t)bytes;
}

ssize_t pwrite(int fd, const void *buf, size_t bytes, off_t offset)
{
	(void)fd;
	(void)buf;
	(void)offset;
	counts.writes_submitted += module.submitted;
	counts.writes_completed += module.completed;
	return answer(bytes);
}

ssize_t pread(int fd, void *buf, size_t bytes, off_t offset)
{
	(void)fd;
	(void)offset;
	memset(buf, 0, bytes);
	counts.reads += module.reads;
	return answer(bytes);
}

/* Makefile: these take the place of the library's and the tool's. */
typeof(dmm_record_lock) __wrap_dmm_record_lock;
typeof(dmm_tool_nl) __wrap_dmm_tool_nl;
typeof(dmm_nl_get) __wrap_dmm_nl_get;
typeof(dmm_dm_find_uuid) __wrap_dmm_dm_find_uuid;
typeof(dmm_dm_create) __wrap_dmm_dm_create;
typeof(dmm_dm_remove) __wrap_dmm_dm_remove;
typeof(dmm_dm_node) __wrap_dmm_dm_node;

int __wrap_dmm_record_lock(const char *dir, const char *key)
{
	(void)dir;
	(void)key;
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int __wrap_dmm_tool_nl(struct dmm_tool *t)
{
	(void)t;
	return 0;
}

int __wrap_dmm_nl_get(struct dmm_nl *nl, u64 dev, struct dmm_nl_info *info)
{
	(void)nl;
	(void)dev;
	*info = counts;
	return 0;
}

int __wrap_dmm_dm_find_uuid(const char *uuid, struct dmm_dm_dev *dev)
{
	/* the device itself is made last and removed first */
	bool there = nr_devices > (strstr(uuid, "-origin") ? 0 : 1);

	memset(dev, 0, sizeof(*dev));
	return there ? 0 : -ENODEV;
}

int __wrap_dmm_dm_create(const char *name, const char *uuid, const struct dmm_dm_table *t,
			 bool read_only, struct dmm_dm_dev *dev)
{
	(void)name;
	(void)uuid;
	(void)t;
	(void)read_only;
	memset(dev, 0, sizeof(*dev));
	nr_devices++;
	return 0;
}

int __wrap_dmm_dm_remove(const struct dmm_dm_dev *dev)
{
	(void)dev;
	nr_devices--;
	return 0;
}

int __wrap_dmm_dm_node(const struct dmm_dm_dev *dev, char *path, size_t bytes)
{
	(void)dev;
	snprintf(path, bytes, "/dev/null");
	return 0;
}

static void judge(const struct module *m, bool canary, int want, const char *text)
{
	struct dmm_tool t = { .source = "web01" };
	struct dmm_source s = { .has_live = true };
	int got;

	module = *m;
	why[0] = '\0';
	got = canary ? dmm_awake_canary(&t, why, sizeof(why)) : dmm_awake_live(&t, &s, why, sizeof(why));
	assert_int_equal(got, want);
	assert_non_null(strstr(why, text));
	assert_int_equal(nr_devices, 0);
}

static void the_scratch_device_counts_its_write(void **state)
{
	static const struct {
		struct module m;
		int want;
		const char *text;
	} cases[] = {
		{ { .submitted = 1, .completed = 1, .err = EIO }, 0, "" },
		{ { .err = EIO }, DMM_EXIT_LOCAL, "does not see writes" },
		{ { .submitted = 1, .err = EIO }, DMM_EXIT_LOCAL, "does not see writes" },
		{ { .completed = 1, .err = EIO }, DMM_EXIT_LOCAL, "does not see writes" },
		{ { .submitted = 2, .completed = 2, .err = EIO }, DMM_EXIT_LOCAL, "does not see writes" },
		/* it went somewhere else, whatever is counted */
		{ { .submitted = 1, .completed = 1 }, DMM_EXIT_LOCAL, "cannot try" },
		{ { .submitted = 1, .completed = 1, .err = ENOSPC }, DMM_EXIT_LOCAL, "cannot try" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		judge(&cases[i].m, true, cases[i].want, cases[i].text);
	/* what an interrupted run left is no hindrance */
	nr_devices = 2;
	judge(&cases[0].m, true, 0, "");
}

static void the_live_device_counts_its_read(void **state)
{
	(void)state;
	judge(&(struct module){ .reads = 1 }, false, 0, "");
	judge(&(struct module){ .reads = 3 }, false, 0, "");	/* the guest reads, too */
	judge(&(struct module){ .reads = 1, .err = EIO }, false, 0, "");
	judge(&(struct module){ .submitted = 1 }, false, DMM_EXIT_LOCAL, "does not see the I/O of web01");
	judge(&(struct module){ .reads = 1, .err = EINVAL }, false, DMM_EXIT_LOCAL, "cannot read web01");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_scratch_device_counts_its_write),
		cmocka_unit_test(the_live_device_counts_its_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
