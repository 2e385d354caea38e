// SPDX-License-Identifier: GPL-2.0
/*
 * Identities of disks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The very same disk on two hosts, another one, or nobody knows. */
static void identities_compared(void **state)
{
	static const struct { const char *a, *b; enum dmm_identity_verdict verdict; const char *which; } cases[] = {
		{ "wwid:naa.6001 dev:8:0@b1", "dev:8:16@b2 wwid:naa.6001", DMM_IDENTITY_SAME, "wwid:naa.6001" },
		{ "wwid:naa.6001 dev:8:0@b1", "wwid:naa.6002 dev:8:0@b1", DMM_IDENTITY_DIFFERENT, NULL },
		{ "wwid:naa.600", "wwid:naa.6001", DMM_IDENTITY_DIFFERENT, NULL },
		/* by another way, and by several */
		{ "dm:mpath-3600 wwid:naa.600", "wwid:naa.600", DMM_IDENTITY_SAME, "wwid:naa.600" },
		{ "dm:LVM-ab <wwid:naa.1", "dm:LVM-ab <wwid:naa.2", DMM_IDENTITY_SAME, "dm:LVM-ab" },
		/* two volumes on one disk are two; one beneath the other says nothing of the two */
		{ "dm:LVM-ab <wwid:naa.1", "dm:LVM-cd <wwid:naa.1", DMM_IDENTITY_DIFFERENT, NULL },
		{ "dm:LVM-ab <wwid:naa.1", "wwid:naa.1", DMM_IDENTITY_UNKNOWN, NULL },
		/* a number, or an inode, is a host's own; a label is what is on it */
		{ "dev:8:0@b1", "dev:8:0@b1", DMM_IDENTITY_UNKNOWN, NULL },
		{ "file:8:1:2@b1", "file:8:1:2@b1", DMM_IDENTITY_UNKNOWN, NULL },
		{ "dev:8:0@b1 =pv:x", "dev:8:0@b2 =pv:x", DMM_IDENTITY_UNKNOWN, NULL },
		{ "wwid:naa.1", "dev:8:0@b2", DMM_IDENTITY_UNKNOWN, NULL },
		{ "", "wwid:naa.1", DMM_IDENTITY_UNKNOWN, NULL },
		{ "", "", DMM_IDENTITY_UNKNOWN, NULL },
	};
	char which[DMM_IDENTITY_MAX];
	const char *want;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		which[0] = '\0';
		if (dmm_identity_compare(cases[i].a, cases[i].b, which) != cases[i].verdict ||
		    dmm_identity_compare(cases[i].b, cases[i].a, which) != cases[i].verdict)
			fail_msg("'%s' and '%s'", cases[i].a, cases[i].b);
		want = "";
		if (cases[i].which)
			want = cases[i].which;
		assert_string_equal(which, want);
	}
}

static void identities(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "", "", false }, { "", "wwid:x", false }, { "wwid:x", "wwid:x", true },
		{ "wwid:x", "wwid:y", false }, { "wwid:x", "wwid:xy", false },
		{ "dm:a dev:1 wwid:x", "dev:2 wwid:x", true },
		{ "dm:a <wwid:x", "wwid:x", true },		/* the LUN under the LV */
		{ "wwid:x", "dm:a <wwid:x", true },
		{ "dm:a <wwid:x", "dm:b <wwid:x", false },	/* two LVs on one LUN */
		{ "wwid:x =pv:u", "wwid:y =pv:u", false },	/* a copy */
		{ "dm:a <pv:u", "wwid:y =pv:u", true },		/* the PV by another path */
		{ "wwid:y =pv:u", "dm:a <pv:u", true },
		{ "=pv:u", "pv:u", false }, { "<pv:u", "<pv:u", false },
	};
	char which[64], buf[DMM_IDENTITY_MAX], again[DMM_IDENTITY_MAX], path[] = "/tmp/dmm-unit-id.XXXXXX";
	unsigned int left_out;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		if (dmm_identity_same(cases[i].a, cases[i].b, which, sizeof(which)) != cases[i].same)
			fail_msg("'%s' and '%s'", cases[i].a, cases[i].b);
	}
	assert_true(dmm_identity_same("dm:a <wwid:x", "z wwid:x", which, sizeof(which)));
	assert_string_equal(which, "wwid:x");

	fd = mkstemp(path);
	assert_true(dmm_disk_identity(path, buf, sizeof(buf)) >= 1);
	assert_int_equal(strncmp(buf, "file:", 5), 0);
	assert_true(dmm_disk_identity(path, again, sizeof(again)) >= 1);
	assert_true(dmm_identity_same(buf, again, NULL, 0));
	assert_int_equal(dmm_disk_identity(path, again, 10), 0);	/* no room: none, not half of one */
	assert_string_equal(again, "");
	/* what does not fit is counted, what is there is whole, and an exact fit fits */
	assert_true(dmm_disk_identity_fit(path, buf, sizeof(buf), &left_out) >= 1);
	assert_int_equal(left_out, 0);
	assert_int_equal(dmm_disk_identity_fit(path, again, 10, &left_out), 0);
	assert_true(left_out >= 1);
	assert_true(dmm_disk_identity_fit(path, again, strlen(buf) + 1, &left_out) >= 1);
	assert_string_equal(again, buf);
	assert_int_equal(left_out, 0);
	dmm_disk_identity_fit(path, again, strlen(buf), &left_out);
	assert_int_equal(left_out, 1);
	assert_true(!*again || buf[strlen(again)] == ' ');
	unlink(path);
	close(fd);
	assert_int_equal(dmm_disk_identity(path, buf, sizeof(buf)), -ENOENT);
	assert_int_equal(dmm_disk_identity("/dev/null", buf, sizeof(buf)), -ENOTBLK);
	assert_int_equal(dmm_disk_identity("/tmp", buf, sizeof(buf)), -ENOTBLK);
}

/* --- frames --- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identities),
		cmocka_unit_test(identities_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
