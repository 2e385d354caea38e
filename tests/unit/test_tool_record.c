// SPDX-License-Identifier: GPL-2.0
/*
 * Records of migrations on disk, and the locks beside them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "dmmigrate/record.h"
#include "dmmigrate/vdi.h"

#define MIB	(1ull << 20)

static const u8 id[DMM_ID_BYTES] = { 0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
#define ID_HEX "ab0102030405060708090a0b0c0d0e0f"

static char dir[64];

static int setup_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/dmm-test.XXXXXX");
	return mkdtemp(dir) && !rmdir(dir) ? 0 : -1;	/* saving makes it */
}

static int teardown_dir(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static struct dmm_record record(void)
{
	struct dmm_record r = {
		.disks = 1, .to = { .host = "fe80::1%eth0", .port = 7791, .path = "/dev/vg/a \"b\"\\", .sr = "fast",
				    .from = "fe80::2%eth0" },
		.source = "vg-web01", .major = 253, .minor = 7, .size_bytes = 1ull << 45,
		.block_bytes = 65536, .started_s = 1700000000, .conn_epoch = 3, .conns = 16,
		.has_witness = true, .witness = { .device_bytes = 1ull << 40, .target_bytes = 7,
						  .inflight = 2 },
		.table = (char *)"0 8 linear 8:0 0\n8 8 error",
	};

	memcpy(r.id, id, sizeof(id));
	return r;
}

/* What is saved can be read again, however long the table is. */
static void test_long_table(void **state)
{
	struct dmm_record r = record(), got = { 0 };
	unsigned int segments, i;
	size_t bytes;
	FILE *f;

	(void)state;
	for (segments = 100; segments <= 10000; segments *= 10) {
		f = open_memstream(&r.table, &bytes);
		for (i = 0; i < segments; i++)
			fprintf(f, "%u 8192 linear 253:3 %u\n", i * 8192, i * 16384);
		fclose(f);
		assert_int_equal(dmm_record_save(dir, &r), 0);
		assert_int_equal(dmm_record_load(dir, id, 0, &got), 0);
		assert_string_equal(got.source, r.source);
		/* the origin device has it as well: a very long one is left out */
		if (segments == 100)
			assert_string_equal(got.table, r.table);
		dmm_record_clear(&got);
		free(r.table);
	}
}

static void test_record(void **state)
{
	struct dmm_record r = record(), got = { 0 };
	u8 other[DMM_ID_BYTES] = { 9 };
	struct dmm_record_key *keys;
	unsigned int nr;
	struct stat st;
	char path[128];

	(void)state;
	assert_int_equal(dmm_record_list(dir, &keys, &nr), 0);	/* no directory: none */
	assert_int_equal(nr, 0);
	assert_int_equal(dmm_record_load(dir, id, 0, &got), -ENOENT);
	assert_int_equal(dmm_record_save(dir, &r), 0);
	snprintf(path, sizeof(path), "%s/%s.json", dir, ID_HEX);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(dmm_record_load(dir, id, 0, &got), 0);
	assert_memory_equal(got.id, id, sizeof(id));
	assert_string_equal(got.to.host, r.to.host);
	assert_string_equal(got.to.path, r.to.path);
	assert_string_equal(got.to.sr, r.to.sr);
	assert_string_equal(got.to.from, r.to.from);
	assert_int_equal(got.to.port, r.to.port);
	assert_string_equal(got.source, r.source);
	assert_int_equal(got.major, 253);
	assert_int_equal(got.minor, 7);
	assert_true(got.size_bytes == r.size_bytes);
	assert_int_equal(got.block_bytes, r.block_bytes);
	assert_int_equal(got.started_s, r.started_s);
	assert_int_equal(got.conn_epoch, 3);
	assert_int_equal(got.conns, 16);
	assert_true(got.has_witness);
	assert_memory_equal(&got.witness, &r.witness, sizeof(r.witness));
	assert_string_equal(got.table, r.table);
	assert_false(got.start_begun);
	assert_false(got.moves_guest);
	assert_string_equal(got.guest, "");
	assert_string_equal(got.gate, "");
	dmm_record_clear(&got);

	r.start_begun = true;
	r.moves_guest = true;
	strcpy(r.guest, "web");
	assert_int_equal(dmm_record_save(dir, &r), 0);
	assert_int_equal(dmm_record_load(dir, id, 0, &got), 0);
	assert_true(got.start_begun);
	assert_true(got.moves_guest);
	assert_string_equal(got.guest, "web");
	dmm_record_clear(&got);

	assert_int_equal(dmm_record_load(dir, other, 0, &got), -ENOENT);
	assert_int_equal(dmm_record_list(dir, &keys, &nr), 0);
	assert_int_equal(nr, 1);
	assert_memory_equal(keys[0].id, id, sizeof(id));
	free(keys);
	assert_int_equal(dmm_record_remove(dir, id, 0), 0);
	assert_int_equal(dmm_record_remove(dir, id, 0), 0);	/* idempotent */
	assert_int_equal(dmm_record_load(dir, id, 0, &got), -ENOENT);
}

/* One file a disk: they do not get into each other's way. */
static void test_record_disks(void **state)
{
	static const char *const strays[] = {
		ID_HEX "-0.json", ID_HEX "-01.json", ID_HEX "-64.json", ID_HEX "-.json", ID_HEX "-1x.json",
		ID_HEX "-1.json.new", ID_HEX "-123.json", ID_HEX, "lock.253:1", "x-1.json",
	};
	struct dmm_record r = record(), got = { 0 };
	struct dmm_record_key *keys;
	unsigned int nr, i;
	char path[128], command[256];
	u64 seen = 0;

	(void)state;
	r.disks = 64;
	for (r.disk = 0; r.disk < 64; r.disk += 21)
		assert_int_equal(dmm_record_save(dir, &r), 0);
	for (i = 0; i < sizeof(strays) / sizeof(strays[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, strays[i]);
		fclose(fopen(path, "w"));
	}
	snprintf(path, sizeof(path), "%s/" ID_HEX "-63.json", dir);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(dmm_record_list(dir, &keys, &nr), 0);
	assert_int_equal(nr, 4);
	for (i = 0; i < nr; i++) {
		assert_memory_equal(keys[i].id, id, sizeof(id));
		seen |= 1ull << keys[i].disk;
	}
	assert_true(seen == (1ull | 1ull << 21 | 1ull << 42 | 1ull << 63));
	free(keys);
	assert_int_equal(dmm_record_load(dir, id, 42, &got), 0);
	assert_int_equal(got.disk, 42);
	assert_int_equal(got.disks, 64);
	dmm_record_clear(&got);
	assert_int_equal(dmm_record_remove(dir, id, 42), 0);
	assert_int_equal(dmm_record_load(dir, id, 42, &got), -ENOENT);
	assert_int_equal(dmm_record_load(dir, id, 21, &got), 0);
	dmm_record_clear(&got);

	/* of another disk than its name says, or of more than there are */
	snprintf(command, sizeof(command), "cd %s && cp " ID_HEX "-21.json " ID_HEX "-22.json", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(dmm_record_load(dir, id, 22, &got), -EBADMSG);
	r.disk = 5;
	for (r.disks = 0; r.disks < 67; r.disks++) {
		assert_int_equal(dmm_record_save(dir, &r), 0);
		assert_int_equal(dmm_record_load(dir, id, 5, &got), r.disks >= 6 && r.disks <= 64 ? 0 : -EBADMSG);
		dmm_record_clear(&got);
	}
}

/* By name and number; by one of them only where there is none that has both, and that is told. */
static void test_record_find(void **state)
{
	struct dmm_dm_dev dev = { .name = "vg-web01", .major = 253, .minor = 7 };
	struct dmm_record r = record(), got = { 0 };
	bool partly;

	(void)state;
	assert_int_equal(dmm_record_find(dir, "vg-web01", &dev, &got, &partly), -ENOENT);
	assert_int_equal(dmm_record_save(dir, &r), 0);
	assert_int_equal(dmm_record_find(dir, "vg-web01", NULL, &got, &partly), 0);
	assert_false(partly);
	dmm_record_clear(&got);
	assert_int_equal(dmm_record_find(dir, "vg-web0", NULL, &got, &partly), -ENOENT);
	assert_int_equal(dmm_record_find(dir, "vg-web01", &dev, &got, &partly), 0);
	assert_false(partly);
	dmm_record_clear(&got);
	assert_int_equal(dmm_record_find(dir, "vg-web0", &dev, &got, &partly), 0);
	assert_true(partly);
	dmm_record_clear(&got);
	dev.minor = 8;
	assert_int_equal(dmm_record_find(dir, "vg-web01", &dev, &got, &partly), 0);
	assert_true(partly);
	dmm_record_clear(&got);
	assert_int_equal(dmm_record_find(dir, "vg-web0", &dev, &got, &partly), -ENOENT);

	/* what has neither is never taken for it, in whatever order they are read */
	r.major = 9;
	strcpy(r.source, "other");
	for (r.id[1] = 100; r.id[1] < 120; r.id[1]++)
		assert_int_equal(dmm_record_save(dir, &r), 0);
	assert_int_equal(dmm_record_find(dir, "vg-web01", &dev, &got, &partly), 0);
	assert_true(partly);
	assert_memory_equal(got.id, id, sizeof(id));
	dmm_record_clear(&got);

	/* another one that has both, whichever is read first */
	r = record();
	r.minor = 8;
	r.id[0] = 0xac;
	assert_int_equal(dmm_record_save(dir, &r), 0);
	assert_int_equal(dmm_record_find(dir, "vg-web01", &dev, &got, &partly), 0);
	assert_false(partly);
	assert_memory_equal(got.id, r.id, sizeof(r.id));
	dmm_record_clear(&got);
	dev.minor = 7;
	assert_int_equal(dmm_record_find(dir, "vg-web01", &dev, &got, &partly), 0);
	assert_false(partly);
	assert_memory_equal(got.id, id, sizeof(id));
	dmm_record_clear(&got);
}

static void test_record_gate(void **state)
{
	static const char *const names[] = { "vg-web01.dmm", "" };
	struct dmm_record r = record(), got = { 0 };
	char path[128], text[4096];
	size_t i, n;
	FILE *f;

	(void)state;
	for (i = 0; i < 2; i++) {
		snprintf(r.gate, sizeof(r.gate), "%s", names[i]);
		assert_int_equal(dmm_record_save(dir, &r), 0);
		assert_int_equal(dmm_record_load(dir, id, 0, &got), 0);
		assert_string_equal(got.gate, names[i]);
		dmm_record_clear(&got);
	}
	memset(r.gate, 'g', sizeof(r.gate) - 1);
	assert_int_equal(dmm_record_save(dir, &r), 0);
	assert_int_equal(dmm_record_load(dir, id, 0, &got), 0);
	assert_string_equal(got.gate, r.gate);
	dmm_record_clear(&got);

	/* one character more is no name of a device */
	snprintf(path, sizeof(path), "%s/%s.json", dir, ID_HEX);
	f = fopen(path, "r");
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	f = fopen(path, "w");
	n = strstr(text, "ggg") - text;
	fprintf(f, "%.*sg%s", (int)n, text, text + n);
	fclose(f);
	assert_int_equal(dmm_record_load(dir, id, 0, &got), -EBADMSG);
}

/* Damage by any change is seen, crashes nothing, and leaves the result alone. */
static void test_witness(void **state)
{
	const struct dmm_witness idle = { .device_bytes = 10 * MIB, .target_bytes = 3 * MIB };
	const struct dmm_witness busy = { .device_bytes = 10 * MIB, .target_bytes = 3 * MIB,
					  .inflight = 2 };
	u64 missing = 0;

	(void)state;
	/* to the byte, fewer because they are not kept, more below since one was split */
	assert_true(dmm_witness_agrees(&idle, 110 * MIB, 103 * MIB, &missing));
	assert_true(dmm_witness_agrees(&idle, 10 * MIB, 103 * MIB, &missing));
	assert_true(dmm_witness_agrees(&idle, 0, 3 * MIB, &missing));
	/* ended below and not counted above yet */
	assert_true(dmm_witness_agrees(&idle, 114 * MIB, 103 * MIB, &missing));
	assert_int_equal(missing, 0);
	assert_false(dmm_witness_agrees(&idle, 114 * MIB + 512, 103 * MIB, &missing));
	assert_int_equal(missing, 4 * MIB + 512);
	/* nothing at all came by the target */
	assert_false(dmm_witness_agrees(&idle, 1ull << 40, 3 * MIB, &missing));
	/* what was on its way when it began may be in one account only */
	assert_true(dmm_witness_agrees(&busy, 242 * MIB, 103 * MIB, &missing));
	assert_false(dmm_witness_agrees(&busy, 242 * MIB + 512, 103 * MIB, &missing));
}

static void test_record_damaged(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "null", "7", "{}", "{\"schema_version\":1}",
		"{\"schema_version\":2,\"migration\":\"" ID_HEX "\"}",
	};
	static const u8 other[DMM_ID_BYTES] = { 9 };
	struct dmm_record r = record(), got;
	char path[128], good[4096], text[4096];
	size_t i, n, refused = 0;
	FILE *f;

	(void)state;
	assert_int_equal(dmm_record_save(dir, &r), 0);
	snprintf(path, sizeof(path), "%s/%s.json", dir, ID_HEX);
	f = fopen(path, "r");
	n = fread(good, 1, sizeof(good), f);
	fclose(f);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		f = fopen(path, "w");
		fputs(texts[i], f);
		fclose(f);
		assert_int_equal(dmm_record_load(dir, id, 0, &got), -EBADMSG);
	}
	/* another migration's */
	snprintf(text, sizeof(text), "%s/%s.json", dir, "09000000000000000000000000000000");
	f = fopen(text, "w");
	fwrite(good, 1, n, f);
	fclose(f);
	assert_int_equal(dmm_record_load(dir, other, 0, &got), -EBADMSG);
	/* cut off anywhere */
	for (i = 0; i + 3 < n; i++) {
		f = fopen(path, "w");
		fwrite(good, 1, i, f);
		fclose(f);
		assert_int_equal(dmm_record_load(dir, id, 0, &got), -EBADMSG);
	}
	/* a byte changed anywhere: read, or refused, nothing else */
	for (i = 0; i < n; i++) {
		memcpy(text, good, n);
		text[i] ^= 0x15;
		f = fopen(path, "w");
		fwrite(text, 1, n, f);
		fclose(f);
		memset(&got, 0, sizeof(got));
		if (dmm_record_load(dir, id, 0, &got))
			refused++;
		dmm_record_clear(&got);
	}
	assert_true(refused > n / 3);
}

static void test_lock(void **state)
{
	int a, b;

	(void)state;
	a = dmm_record_lock(dir, "253:7");
	assert_true(a >= 0);
	assert_int_equal(dmm_record_lock(dir, "253:7"), -EWOULDBLOCK);
	b = dmm_record_lock(dir, "253:8");	/* another device's is another */
	assert_true(b >= 0);
	close(b);
	close(a);
	a = dmm_record_lock(dir, "253:7");
	assert_true(a >= 0);
	close(a);
}

static struct dmm_vdi vdi(void)
{
	struct dmm_vdi v = {
		.moved = true, .source = "vg-web01", .uuid = "LVM-x", .dest = "/dev/vg/a \"b\"\\", .size_bytes = 1ull << 45,
		.volume = { .sr = { "fast", DMM_SR_THIN, "vg/pool" }, .name = "dmm-web01-0-01020304", .size_bytes = 77 },
		.lv = "LVM-abcdefghijklmnopqrstuvwxyz012345abcdefghijklmnopqrstuvwxyz012345",
		.started_s = 1700000000, .has_witness = true,
		.witness = { .device_bytes = 1ull << 40, .target_bytes = 7, .inflight = 2 },
	};

	memcpy(v.id, id, sizeof(id));
	return v;
}

/* Of a disk that moves on the same host: what is saved is read again, and found by name and UUID together. */
static void test_vdi(void **state)
{
	struct dmm_vdi v = vdi(), got;
	char sub[80];

	(void)state;
	snprintf(sub, sizeof(sub), "%s/vdi", dir);	/* neither is there */
	assert_int_equal(dmm_vdi_load(sub, id, &got), -ENOENT);
	assert_int_equal(dmm_vdi_find(sub, "vg-web01", "LVM-x", &got), -ENOENT);
	assert_int_equal(dmm_vdi_save(sub, &v), 0);
	memset(&got, 0xee, sizeof(got));
	assert_int_equal(dmm_vdi_load(sub, id, &got), 0);
	assert_memory_equal(got.id, v.id, sizeof(v.id));
	assert_true(got.moved && got.has_witness);
	assert_string_equal(got.source, v.source);
	assert_string_equal(got.uuid, v.uuid);
	assert_string_equal(got.dest, v.dest);
	assert_string_equal(got.lv, v.lv);
	assert_int_equal(got.volume.sr.kind, DMM_SR_THIN);
	assert_string_equal(got.volume.sr.name, "fast");
	assert_string_equal(got.volume.sr.place, "vg/pool");
	assert_string_equal(got.volume.name, v.volume.name);
	assert_int_equal(got.volume.size_bytes, 77);
	assert_int_equal(got.size_bytes, v.size_bytes);
	assert_int_equal(got.started_s, v.started_s);
	assert_memory_equal(&got.witness, &v.witness, sizeof(v.witness));

	v.moved = false;
	v.volume.sr.kind = DMM_SR_NONE;	/* none was made */
	assert_int_equal(dmm_vdi_save(sub, &v), 0);
	assert_int_equal(dmm_vdi_find(sub, "vg-web01", "LVM-x", &got), 0);
	assert_false(got.moved || got.volume.sr.kind);
	assert_int_equal(dmm_vdi_find(sub, "vg-web01", "LVM-y", &got), -ENOENT);
	assert_int_equal(dmm_vdi_find(sub, "vg-web02", "LVM-x", &got), -ENOENT);
	assert_int_equal(dmm_vdi_remove(sub, id), 0);
	assert_int_equal(dmm_vdi_load(sub, id, &got), -ENOENT);
	assert_int_equal(dmm_vdi_remove(sub, id), 0);
}

/* Anything may have happened to the file: then nothing of it counts. */
static void test_vdi_damaged(void **state)
{
	static const char *const breaks[] = {
		"s/\"moved\": *1/\"moved\": 2/", "s/\"moved\": *1/\"moved\": true/", "s/moved/moves/", "s/" ID_HEX "/" ID_HEX "0/",
		"s/LVM-abc/LVM abc/", "s/\"size_bytes\": *[0-9]*/\"size_bytes\": 0/", "s/}//", "s/\"source\"/\"sauce\"/",
		"s/\"thin\"/\"thick\"/", "s/dmm-web01/..\\/..\\/web/", "s/vg\\/pool/--config\\/x/",
	};
	struct dmm_vdi v = vdi(), got = { 0 };
	char cmd[256];
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		assert_int_equal(dmm_vdi_save(dir, &v), 0);
		assert_int_equal(dmm_vdi_load(dir, id, &got), 0);
		memset(&got, 0, sizeof(got));
		snprintf(cmd, sizeof(cmd), "sed -i '%s' %s/*.json", breaks[i], dir);
		assert_int_equal(system(cmd), 0);
		if (dmm_vdi_load(dir, id, &got) != -EBADMSG || got.moved)
			fail_msg("it took: %s", breaks[i]);
		assert_int_equal(dmm_vdi_find(dir, "vg-web01", "LVM-x", &got), -ENOENT);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_record, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_record_disks, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_long_table, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_record_find, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_record_gate, setup_dir, teardown_dir),
		cmocka_unit_test(test_witness),
		cmocka_unit_test_setup_teardown(test_record_damaged, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_lock, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_vdi, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_vdi_damaged, setup_dir, teardown_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
