// SPDX-License-Identifier: GPL-2.0
/*
 * Device-mapper tables as data: which may be moved, how they are read and
 * printed, and the names and UUIDs of origin devices.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "dmtable.h"

static const u8 id[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
			   0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
#define ID_HEX "00112233445566778899aabbccddeeff"
#define P DMM_UUID_PREFIX

static const struct {
	const char *table;
	int ret;
	const char *why;	/* must be part of the reason */
} check_cases[] = {
	{ "0 2048 linear 8:0 0", 0, NULL },
	{ "0 2048 linear 8:0 0\n2048 2048 linear 8:16 384", 0, NULL },
	{ "0 2048 striped 2 128 8:0 0 8:16 0", 0, NULL },
	{ "0 2048 crypt aes-xts-plain64 0123456789abcdef 0 8:0 0", 0, NULL },
	{ "0 2048 thin 253:4 1", 0, NULL },
	{ "0 2048 delay 8:0 0 100", 0, NULL },
	{ "0 2048 flakey 8:0 0 1 1", 0, NULL },
	{ "0 2048 error", 0, NULL },
	{ "0 1024 linear 8:0 0\n1024 1024 error", 0, NULL },
	{ "0 2048 migrate 253:1 8", -EOPNOTSUPP, "already" },
	{ "0 2048 multipath 0 0 1 1 service-time 0 1 2 8:0 1 1", -EOPNOTSUPP, "linear device above" },
	{ "0 2048 snapshot 253:1 253:2 P 8", -EOPNOTSUPP, "snapshot" },
	{ "0 2048 snapshot-origin 253:1", -EOPNOTSUPP, "snapshots" },
	{ "0 2048 snapshot-merge 253:1 253:2 P 8", -EOPNOTSUPP, "state" },
	{ "0 2048 raid raid1 3 0 region_size 1024 2 253:0 253:1 253:2 253:3", -EOPNOTSUPP, "state" },
	{ "0 2048 mirror core 1 1024 2 8:0 0 8:16 0", -EOPNOTSUPP, "state" },
	{ "0 2048 cache 253:0 253:1 253:2 512 1 writeback default 0", -EOPNOTSUPP, "uncache" },
	{ "0 2048 writecache s 253:0 253:1 4096 0", -EOPNOTSUPP, "uncache" },
	{ "0 2048 integrity 8:0 0 28 J 0", -EOPNOTSUPP, "state" },
	{ "0 2048 vdo V4 8:0 512 4096 32768 16380", -EOPNOTSUPP, "state" },
	{ "0 2048 era 253:0 253:1 128", -EOPNOTSUPP, "state" },
	{ "0 2048 clone 253:0 253:1 253:2 8", -EOPNOTSUPP, "hydration" },
	{ "0 2048 thin-pool 253:0 253:1 128 0", -EOPNOTSUPP, "thin volumes" },
	{ "0 2048 zoned 8:0", -EOPNOTSUPP, "zoned" },
	{ "0 2048 zero", -EOPNOTSUPP, "contents" },
	{ "0 2048 frobnicate 8:0", -EOPNOTSUPP, "'frobnicate'" },
	/* one bad target spoils the table */
	{ "0 1024 linear 8:0 0\n1024 1024 mirror core 1 1024 2 8:0 0 8:16 0", -EOPNOTSUPP, "mirror" },
	/* a name that begins like an allowed one is not that one */
	{ "0 2048 linear2 8:0 0", -EOPNOTSUPP, "'linear2'" },
	{ "0 2048 Linear 8:0 0", -EOPNOTSUPP, "'Linear'" },
	/* gaps */
	{ "8 2048 linear 8:0 0", -EINVAL, "gap at sector 0" },
	{ "0 1024 linear 8:0 0\n2048 1024 linear 8:0 0", -EINVAL, "gap at sector 1024" },
	{ "0 2048 crypt aes-xts-plain64 :64:logon:cryptsetup:x-d0 0 8:0 0", -EOPNOTSUPP, "--disable-keyring" },
	{ "0 1024 linear 8:0 0\n512 1024 linear 8:0 0", -EINVAL, "gap at sector 1024" },
};

static void test_check(void **state)
{
	struct dmm_dm_table t = { 0 };
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(check_cases) / sizeof(check_cases[0]); i++) {
		print_message("%s\n", check_cases[i].table);
		assert_int_equal(dmm_dm_table_parse(check_cases[i].table, &t), 0);
		why[0] = '\0';
		assert_int_equal(dmm_dm_table_check(&t, why, sizeof(why)), check_cases[i].ret);
		if (check_cases[i].why)
			assert_non_null(strstr(why, check_cases[i].why));
		assert_null(strchr(why, '\n'));
		dmm_dm_table_clear(&t);
	}
	assert_int_equal(dmm_dm_table_check(&t, why, sizeof(why)), -EINVAL);
}

static void test_parse_bad(void **state)
{
	static const char *const bad[] = {
		"", "\n", "0", "0 2048", "x 2048 linear 8:0 0", "0 y linear 8:0 0",
		"0 0 linear 8:0 0", "-1 2048 linear 8:0 0", "0 18446744073709551615 linear 8:0 0",
		"0 1024 linear 8:0 0\n1024 linear 8:0 0",
	};
	struct dmm_dm_table t = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dmm_dm_table_parse(bad[i], &t), -EINVAL);
		assert_int_equal(t.nr, 0);
		assert_null(t.targets);
	}
}

static void test_format(void **state)
{
	static const struct { const char *in, *keys, *shown; bool secret; } cases[] = {
		{ "0 8 linear 8:0 0", "0 8 linear 8:0 0", "0 8 linear 8:0 0", false },
		{ "0 8 error", "0 8 error", "0 8 error", false },
		{ "0  8\terror ", "0 8 error", "0 8 error", false },
		{ "0 8 linear 8:0 0\n8 8 error\n", "0 8 linear 8:0 0\n8 8 error",
		  "0 8 linear 8:0 0\n8 8 error", false },
		{ "0 8 crypt aes-xts-plain64 deadbeef 7 8:0 9 1 allow_discards",
		  "0 8 crypt aes-xts-plain64 deadbeef 7 8:0 9 1 allow_discards",
		  "0 8 crypt aes-xts-plain64 00000000 7 8:0 9 1 allow_discards", true },
		{ "0 8 crypt aes-xts-plain64 :32:logon:k 7 8:0 9",
		  "0 8 crypt aes-xts-plain64 :32:logon:k 7 8:0 9",
		  "0 8 crypt aes-xts-plain64 :32:logon:k 7 8:0 9", false },
		{ "0 8 crypt cipher_null-ecb - 0 8:0 0", "0 8 crypt cipher_null-ecb - 0 8:0 0",
		  "0 8 crypt cipher_null-ecb - 0 8:0 0", false },
	};
	struct dmm_dm_table t = { 0 };
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(dmm_dm_table_parse(cases[i].in, &t), 0);
		text = dmm_dm_table_format(&t, true);
		assert_string_equal(text, cases[i].keys);
		free(text);
		text = dmm_dm_table_format(&t, false);
		assert_string_equal(text, cases[i].shown);
		free(text);
		assert_int_equal(dmm_dm_table_secret(&t), cases[i].secret);
		dmm_dm_table_clear(&t);
	}
}

static void test_equal_and_size(void **state)
{
	static const char *const texts[] = {
		"0 8 linear 8:0 0", "0 16 linear 8:0 0", "0 8 linear 8:0 8", "0 8 striped 8:0 0",
		"0 8 linear 8:0 0\n8 8 error", "8 8 linear 8:0 0",
	};
	static const u64 sectors[] = { 8, 16, 8, 8, 16, 16 };
	struct dmm_dm_table a = { 0 }, b = { 0 };
	size_t i, j;

	(void)state;
	assert_int_equal(dmm_dm_table_sectors(&a), 0);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(dmm_dm_table_parse(texts[i], &a), 0);
		assert_int_equal(dmm_dm_table_sectors(&a), sectors[i]);
		for (j = 0; j < sizeof(texts) / sizeof(texts[0]); j++) {
			assert_int_equal(dmm_dm_table_parse(texts[j], &b), 0);
			assert_int_equal(dmm_dm_table_equal(&a, &b), i == j);
			dmm_dm_table_clear(&b);
		}
		dmm_dm_table_clear(&a);
	}
}

static void test_migrate(void **state)
{
	static const struct { const char *table; int ret; unsigned int major, minor; u32 bs; } cases[] = {
		{ "0 2048 migrate 253:7 8", 0, 253, 7, 8 },
		{ "0 2048 migrate 254:1048575 2048", 0, 254, 1048575, 2048 },
		{ "0 2048 migrate 253:7 8 1 some_feature", 0, 253, 7, 8 },
		{ "0 2048 migrate 253:7 8 1 gate", -ENOENT, 0, 0, 0 },
		{ "0 2048 linear 253:7 8", -ENOENT, 0, 0, 0 },
		{ "0 1024 migrate 253:7 8\n1024 1024 error", -ENOENT, 0, 0, 0 },
		{ "8 2048 migrate 253:7 8", -ENOENT, 0, 0, 0 },
		{ "0 2048 migrate /dev/x 8", -EINVAL, 0, 0, 0 },
		{ "0 2048 migrate 253:7", -EINVAL, 0, 0, 0 },
		{ "0 2048 migrate 253:7 0", -EINVAL, 0, 0, 0 },
		{ "0 2048 migrate 253:7 8x", -EINVAL, 0, 0, 0 },
		{ "0 2048 migrate", -EINVAL, 0, 0, 0 },
	};
	struct dmm_dm_table t = { 0 };
	unsigned int major, minor;
	size_t i;
	u32 bs;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].table);
		major = minor = bs = 0;
		assert_int_equal(dmm_dm_table_parse(cases[i].table, &t), 0);
		assert_int_equal(dmm_dm_table_migrate(&t, &major, &minor, &bs), cases[i].ret);
		assert_int_equal(major, cases[i].major);
		assert_int_equal(minor, cases[i].minor);
		assert_int_equal(bs, cases[i].bs);
		dmm_dm_table_clear(&t);
	}
}

static void test_sink(void **state)
{
	static const struct {
		const char *text;
		int ret;
		unsigned int major, minor;
	} cases[] = {
		{ "0 2048 migrate 253:7 8 2 sink 254:11", 0, 254, 11 },
		{ "0 2048 migrate 253:7 8", -ENOENT, 0, 0 },
		{ "0 2048 migrate 253:7 8 1 gate", -ENOENT, 0, 0 },
		{ "0 2048 linear 253:7 8 2 sink 254:11", -ENOENT, 0, 0 },
		{ "0 1024 migrate 253:7 8 2 sink 254:11\n1024 1024 error", -ENOENT, 0, 0 },
		{ "0 2048 migrate /dev/x 8 2 sink 254:11", -EINVAL, 0, 0 },
		{ "0 2048 migrate 253:7 8 2 sink", -ENOENT, 0, 0 },
		{ "0 2048 migrate 253:7 8 2 sink /dev/x", -EINVAL, 0, 0 },
		{ "0 2048 migrate 253:7 8 2 sink 254:11 more", -EINVAL, 0, 0 },
	};
	unsigned int major, minor, i;
	u32 block;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dmm_dm_table t = { 0 };

		major = 0;
		minor = 0;
		assert_int_equal(dmm_dm_table_parse(cases[i].text, &t), 0);
		if (dmm_dm_table_sink(&t, &major, &minor) != (cases[i].ret))
			fail_msg("case %u", i);
		assert_int_equal(major, cases[i].major);
		assert_int_equal(minor, cases[i].minor);
		/* with one or without, it is a migration's */
		if (!cases[i].ret)
			assert_int_equal(dmm_dm_table_migrate(&t, &major, &minor, &block), 0);
		dmm_dm_table_clear(&t);
	}
}

static void test_gate(void **state)
{
	static const struct { const char *table; int ret; unsigned int major, minor; } cases[] = {
		{ "0 2048 migrate 253:7 8 1 gate", 0, 253, 7 },
		{ "0 2048 migrate 253:7 8 1 floodgate", -ENOENT, 0, 0 },
		{ "0 2048 migrate 253:7 8", -ENOENT, 0, 0 },
		{ "0 2048 linear 253:7 gate", -ENOENT, 0, 0 },
		{ "8 2048 migrate 253:7 8 1 gate", -ENOENT, 0, 0 },
		{ "0 1024 migrate 253:7 8 1 gate\n1024 1024 error", -ENOENT, 0, 0 },
		{ "0 2048 migrate gate", -ENOENT, 0, 0 },
		{ "0 2048 migrate /dev/x 8 1 gate", -EINVAL, 0, 0 },
		{ "0 2048 migrate 253:7 gate", -EINVAL, 0, 0 },
	};
	struct dmm_dm_table t = { 0 };
	unsigned int major, minor;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].table);
		major = minor = 0;
		assert_int_equal(dmm_dm_table_parse(cases[i].table, &t), 0);
		assert_int_equal(dmm_dm_table_gate(&t, &major, &minor), cases[i].ret);
		assert_int_equal(major, cases[i].major);
		assert_int_equal(minor, cases[i].minor);
		dmm_dm_table_clear(&t);
	}
}

/* Of the whole of one volume, and of nothing else: what is taken for that is removed. */
static void test_linear(void **state)
{
	static const struct {
		const char *table;
		int ret;
		unsigned int major, minor;
	} cases[] = {
		{ "0 2048 linear 254:3 0", 0, 254, 3 },
		{ "0 2048 linear 254:3 8", -ENOENT, 0, 0 },
		{ "0 2048 linear 254:3 0 1", -ENOENT, 0, 0 },
		{ "0 2048 linear 254:3", -ENOENT, 0, 0 },
		{ "0 2048 linear /dev/sdb 0", -ENOENT, 0, 0 },
		{ "0 1024 linear 254:3 0\n1024 1024 linear 254:4 0", -ENOENT, 0, 0 },
		{ "0 2048 migrate 254:3 128 1 gate", -ENOENT, 0, 0 },
		{ "0 2048 error", -ENOENT, 0, 0 },
	};
	struct dmm_dm_table t = { 0 };
	unsigned int major, minor;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		print_message("%s\n", cases[i].table);
		major = minor = 0;
		assert_int_equal(dmm_dm_table_parse(cases[i].table, &t), 0);
		assert_int_equal(dmm_dm_table_linear(&t, &major, &minor), cases[i].ret);
		assert_int_equal(major, cases[i].major);
		assert_int_equal(minor, cases[i].minor);
		dmm_dm_table_clear(&t);
	}
}

static void test_origin_uuid(void **state)
{
	static const char *const bad[] = {
		"", P, P "-origin", P ID_HEX, "LVM-" ID_HEX "-origin", "DMM-" ID_HEX "-origin",
		P ID_HEX "-origin0", P ID_HEX "-origin64", P ID_HEX "-origin01", P ID_HEX "-origin1x",
		P ID_HEX "-origin-1", P ID_HEX "-origin 1", P ID_HEX "-gate", P ID_HEX "0-origin",
		P "0011223344556677_899aabbccddeeff-origin", "lvm-dmm" ID_HEX "-origin",
	};
	char uuid[DMM_DM_UUID_BYTES];
	u8 out[16] = { 0 };
	u32 disk = 9;
	size_t i;

	(void)state;
	dmm_gate_uuid_format(id, 12, uuid);
	assert_string_equal(uuid, P ID_HEX "-gate12");
	assert_int_equal(dmm_origin_uuid_parse(uuid, out, &disk), -EINVAL);
	dmm_origin_uuid_format(id, 0, uuid);
	assert_string_equal(uuid, P ID_HEX "-origin");
	/* what LVM takes for its own: "LVM-", two ids of 32, and more */
	assert_int_equal(strncmp(uuid, "LVM-", 4), 0);
	assert_int_equal(strcspn(uuid + 4, "-"), 64);
	assert_int_equal(dmm_origin_uuid_parse(uuid, out, &disk), 0);
	assert_memory_equal(out, id, sizeof(id));
	assert_int_equal(disk, 0);
	dmm_origin_uuid_format(id, 63, uuid);
	assert_string_equal(uuid, P ID_HEX "-origin63");
	assert_int_equal(dmm_origin_uuid_parse(uuid, out, &disk), 0);
	assert_int_equal(disk, 63);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dmm_origin_uuid_parse(bad[i], out, &disk), -EINVAL);
}

static void test_lv_uuid(void **state)
{
	char uuid[DMM_DM_UUID_BYTES] = "LVM-0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ!#2345";

	(void)state;
	assert_true(dmm_dm_uuid_is_lv(uuid));
	uuid[5] = '-';
	assert_false(dmm_dm_uuid_is_lv(uuid));
	uuid[5] = '1';
	strcat(uuid, "-real");	/* what is below a snapshotted one */
	assert_false(dmm_dm_uuid_is_lv(uuid));
	uuid[67] = '\0';
	assert_false(dmm_dm_uuid_is_lv(uuid));
	assert_false(dmm_dm_uuid_is_lv(""));
	assert_false(dmm_dm_uuid_is_lv("CRYPT-LUKS2-0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUV"));
	dmm_fence_uuid_format(id, 0, uuid);
	assert_false(dmm_dm_uuid_is_lv(uuid));
	uuid[DMM_LV_UUID_BYTES - 1] = '\0';
	assert_false(dmm_dm_uuid_is_lv(uuid));
}

static void test_origin_name(void **state)
{
	char live[DMM_DM_NAME_BYTES], name[DMM_DM_NAME_BYTES];

	(void)state;
	dmm_origin_name("web01", id, 3, name);
	assert_string_equal(name, "web01-dmm-origin");
	memset(live, 'a', sizeof(live));
	live[116] = '\0';	/* the longest that fits: 116 + 11 = 127 */
	dmm_origin_name(live, id, 0, name);
	assert_int_equal(strlen(name), 127);
	assert_string_equal(name + 116, "-dmm-origin");
	live[116] = 'a';
	live[117] = '\0';
	dmm_origin_name(live, id, 0, name);
	assert_string_equal(name, "dmm-" ID_HEX "-origin");
	dmm_origin_name(live, id, 5, name);
	assert_string_equal(name, "dmm-" ID_HEX "-origin5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_equal_and_size),
		cmocka_unit_test(test_migrate),
		cmocka_unit_test(test_sink),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_linear),
		cmocka_unit_test(test_origin_uuid),
		cmocka_unit_test(test_lv_uuid),
		cmocka_unit_test(test_origin_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
