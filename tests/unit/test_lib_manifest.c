// SPDX-License-Identifier: GPL-2.0
/*
 * Manifests on disk: what was saved is read again, whatever was damaged is refused, and only what is ours is
 * removed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manifest.h"

#define LV	"LVM-0123456789abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
#define ID_HEX		"ab0102030405060708090a0b0c0d0e0f"
#define OTHER_HEX	"09000000000000000000000000000000"

static const u8 id[DMM_ID_BYTES] = { 0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const u8 other[DMM_ID_BYTES] = { 9 };
static char top[64], dir[96], why[DMM_MANIFEST_WHY];

static int setup_dir(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/dmm-test.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(dir, sizeof(dir), "%s/lib/state", top);	/* saving makes both */
	return 0;
}

static int teardown_dir(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static const char *path_of(const char *hex, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", dir, hex, name);
	return path;
}

static void put(const char *path, const char *text, size_t bytes)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fwrite(text, 1, bytes, f);
	assert_int_equal(fclose(f), 0);
}

static size_t get(const char *path, char *text, size_t bytes)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, bytes - 1, f);
	text[n] = '\0';
	fclose(f);
	return n;
}

static struct dmm_manifest *source(void)
{
	struct dmm_manifest *m = dmm_manifest_new(id, DMM_HO_SOURCE, 3);

	snprintf(m->host, sizeof(m->host), "fe80::1%%eth0");
	m->port = 7791;
	strcpy(m->from, "10.0.0.1");
	m->disks[0] = (struct dmm_manifest_disk) {
		.known = true, .name = "vg-web01", .path = "/dev/vg/a \"b\"\\\n\xff",
		.size_bytes = ~0ull >> 1, .lv = LV, .has_witness = true,
		.witness = { .device_bytes = 1ull << 40, .target_bytes = 7, .inflight = 2 },
	};
	m->disks[2] = (struct dmm_manifest_disk) {
		.known = true, .name = "vg-web02", .path = "nbd://x/y", .size_bytes = 512,
	};
	return m;
}

static struct dmm_manifest *dest(u32 nr)
{
	struct dmm_manifest *m = dmm_manifest_new(id, DMM_HO_DEST, nr);
	u32 i;

	snprintf(m->host, sizeof(m->host), "host-a");
	snprintf(m->peer, sizeof(m->peer), "xen-a");
	for (i = 0; i < nr; i++) {
		m->disks[i] = (struct dmm_manifest_disk) {
			.known = true, .size_bytes = 1ull << 40, .block_bytes = 65536,
		};
		/* as long as they get, and of what takes the most room */
		memset(m->disks[i].path, 1, sizeof(m->disks[i].path) - 1);
		if (i)	/* the first has no gate */
			memset(m->disks[i].name, 1, sizeof(m->disks[i].name) - 1);
	}
	return m;
}

static void assert_round_trip(const struct dmm_manifest *m)
{
	struct dmm_manifest *got;

	assert_int_equal(dmm_manifest_save(dir, m), 0);
	assert_int_equal(dmm_manifest_load(dir, m->id, &got, why), 0);
	assert_int_equal(got->nr_disks, m->nr_disks);
	assert_memory_equal(got, m, sizeof(*m) + m->nr_disks * sizeof(m->disks[0]));
	free(got);
}

static void test_round_trip(void **state)
{
	struct dmm_manifest *m = source(), *got;
	struct stat st;
	mode_t mask;

	(void)state;
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -ENOENT);
	assert_non_null(strstr(why, ID_HEX "/manifest: No such file"));
	assert_false(dmm_manifest_complete(m));
	mask = umask(0);
	assert_round_trip(m);
	umask(mask);
	assert_int_equal(stat(path_of(ID_HEX, "manifest"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(path_of(ID_HEX, ""), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(access(path_of(ID_HEX, "manifest.new"), F_OK), -1);

	/* saved again it is replaced, whatever was left behind */
	put(path_of(ID_HEX, "manifest.new"), "rubbish", 7);
	m->disks[1] = m->disks[2];
	assert_true(dmm_manifest_complete(m));
	assert_round_trip(m);
	free(m);

	/* of one disk the volume is known, which may be half made, and no more */
	m = dest(2);
	m->disks[0].volume = (struct dmm_volume) { { "fast", DMM_SR_THIN, "vg0/pool" }, "dmm-web01-0-11111111", 512, 0 };
	assert_round_trip(m);
	memset(&m->disks[1], 0, sizeof(m->disks[1]));
	m->disks[1].volume = (struct dmm_volume) { { "slow", DMM_SR_DIR, "/srv" }, "dmm-web01-1-11111111", ~0ull >> 1, 77 };
	assert_round_trip(m);
	assert_false(dmm_manifest_complete(m));
	m->disks[1].volume.sr.place[0] = 'x';
	assert_int_equal(dmm_manifest_save(dir, m), -EINVAL);
	strcpy(m->disks[1].volume.sr.place, "/srv");
	strcpy(m->disks[1].volume.name, "dmm-../x");
	assert_int_equal(dmm_manifest_save(dir, m), -EINVAL);
	strcpy(m->disks[1].volume.name, "web01");
	assert_int_equal(dmm_manifest_save(dir, m), -EINVAL);
	free(m);

	m = dest(DMM_MAX_GROUP);
	assert_true(dmm_manifest_complete(m));
	assert_round_trip(m);
	/* what could not be read again is not saved */
	m->disks[1].block_bytes = 4095;
	assert_int_equal(dmm_manifest_save(dir, m), -EINVAL);
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), 0);
	assert_int_equal(got->disks[1].block_bytes, 65536);
	free(got);
	free(m);
}

/* Replaces the first @from of a good text. */
static void assert_refused(const char *good, const char *from, const char *to, const char *what)
{
	const char *at = strstr(good, from);
	struct dmm_manifest *got = NULL;
	char text[8192];

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
	put(path_of(ID_HEX, "manifest"), text, strlen(text));
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -EBADMSG);
	assert_null(got);
	if (!strstr(why, what))
		fail_msg("'%s' for '%s': %s", to, from, why);
	assert_null(strchr(why, '\n'));
}

static void test_fields(void **state)
{
	static const struct {
		const char *from, *to, *what;
	} source_rows[] = {
		{ "\"schema_version\":1", "\"schema_version\":2", "schema_version" },
		{ "\"schema_version\":1", "\"schema_version\":\"1\"", "schema_version" },
		{ "schema_version", "schema", "schema_version" },
		{ ID_HEX, OTHER_HEX, "another migration" },
		{ ID_HEX, "ab01", "migration" },
		{ ID_HEX, ID_HEX "00", "migration" },
		{ "\"" ID_HEX "\"", "7", "migration" },
		{ "\"source\"", "\"\"", "role" },
		{ "\"source\"", "\"sourcerer\"", "role" },
		{ "\"source\"", "1", "role" },
		{ "fe80::1%eth0", "", "host" },
		{ "fe80::1%eth0", "a\\u0000b", "host" },
		{ "\"host\"", "\"guest\"", "host" },
		{ "7791", "0", "port" },
		{ "7791", "65536", "port" },
		{ "7791", "-1", "port" },
		{ "7791", "7791.5", "port" },
		{ "\"vg-web01\"", "\"\"", "name" },
		{ "\"vg-web01\"", "null", "name" },
		{ "\"path\"", "\"way\"", "path" },
		{ "\"nbd://x/y\"", "\"\"", "path" },
		{ "\"size_bytes\":512", "\"size_bytes\":0", "size_bytes" },
		{ "\"size_bytes\":512", "\"size_bytes\":9223372036854775808", "size_bytes" },
		{ "\"size_bytes\":512", "\"size_bytes\":-512", "size_bytes" },
		{ "\"size_bytes\":512", "\"size_bytes\":true", "size_bytes" },
		{ LV, "", "a disk's lv" },
		{ LV, LV "0", "a disk's lv" },
		{ "\"" LV "\"", "7", "a disk's lv" },
		{ "\"lv\":\"LVM-01", "\"lv\":\"LVM0-1", "a disk's lv" },
		{ "device_bytes", "d", "statistics" },
		{ "target_bytes", "t", "statistics" },
		{ "inflight", "i", "statistics" },
		{ "\"inflight\":2", "\"inflight\":\"2\"", "statistics" },
		{ "null", "7", "a disk" },
		{ "null", "{}", "a disk" },
		{ "\"disks\":[", "\"disks\":7,\"tapes\":[", "disks" },
		{ "\"disks\"", "\"tapes\"", "disks" },
	}, dest_rows[] = {
		{ "65536", "65537", "block_bytes" },
		{ "65536", "2048", "block_bytes" },
		{ "65536", "2097152", "block_bytes" },
		{ "block_bytes", "block", "block_bytes" },
		{ "\"name\"", "\"nickname\"", "name" },
		{ "\"destination\"", "\"source\"", "port" },
		{ "\"begun\":0", "\"begun\":2", "begun" },
		{ "\"begun\":0", "\"began\":0", "begun" },
		{ "\"host-a\"", "null", "host" },
		{ "\"xen-a\"", "7", "peer" },
	};
	struct dmm_manifest *m = source(), *got;
	char good[8192], more[512];
	size_t i;

	(void)state;
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	free(m);
	get(path_of(ID_HEX, "manifest"), good, sizeof(good));
	for (i = 0; i < sizeof(source_rows) / sizeof(source_rows[0]); i++)
		assert_refused(good, source_rows[i].from, source_rows[i].to, source_rows[i].what);
	/* too long by one: names end before the NUL */
	memset(more, 'n', sizeof(more));
	more[DMM_DM_NAME_BYTES] = '\0';
	assert_refused(good, "vg-web01", more, "name");
	more[DMM_DM_NAME_BYTES] = 'n';
	more[DMM_HOST_MAX] = '\0';
	assert_refused(good, "fe80::1%eth0", more, "host");

	m = dest(1);
	memset(m->disks[0].path, 0, sizeof(m->disks[0].path));
	snprintf(m->disks[0].path, sizeof(m->disks[0].path), "/dev/vg/a");
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	get(path_of(ID_HEX, "manifest"), good, sizeof(good));
	for (i = 0; i < sizeof(dest_rows) / sizeof(dest_rows[0]); i++)
		assert_refused(good, dest_rows[i].from, dest_rows[i].to, dest_rows[i].what);
	/* fields that we do not know are skipped: an older daemon may read it */
	put(path_of(ID_HEX, "manifest"), good, strlen(good));
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), 0);
	assert_memory_equal(got, m, sizeof(*m) + sizeof(m->disks[0]));
	free(got);
	free(m);
}

static void test_damaged(void **state)
{
	static const char *const texts[] = { "", "\n", "{", "[]", "null", "7", "{}", "{\"schema_version\":1}" };
	char path[256], good[8192], text[8192];
	struct dmm_manifest *m = source(), *got;
	size_t n, i, refused = 0;

	(void)state;
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	free(m);
	snprintf(path, sizeof(path), "%s", path_of(ID_HEX, "manifest"));
	n = get(path, good, sizeof(good));
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		put(path, texts[i], strlen(texts[i]));
		assert_int_equal(dmm_manifest_load(dir, id, &got, why), -EBADMSG);
		assert_non_null(strstr(why, "damaged"));
	}
	for (i = 0; i + 1 < n; i++) {	/* cut off anywhere, but for the newline */
		put(path, good, i);
		assert_int_equal(dmm_manifest_load(dir, id, &got, why), -EBADMSG);
	}
	/* something behind it: a longer one that was written over, say */
	memcpy(text, good, n);
	text[n] = '}';
	put(path, text, n + 1);
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -EBADMSG);
	/* a byte changed anywhere: read, or refused, nothing else */
	for (i = 0; i < n; i++) {
		memcpy(text, good, n);
		text[i] ^= 0x15;
		put(path, text, n);
		if (dmm_manifest_load(dir, id, &got, why))
			refused++;
		else
			free(got);
	}
	assert_true(refused > n / 3);
	/* too many disks */
	n = snprintf(text, sizeof(text), "{\"schema_version\":1,\"migration\":\"" ID_HEX "\","
		     "\"role\":\"destination\",\"begun\":1,\"host\":\"\",\"disks\":[");
	for (i = 0; i <= DMM_MAX_GROUP; i++)
		n += snprintf(text + n, sizeof(text) - n, "null%s", i < DMM_MAX_GROUP ? "," : "");
	n += snprintf(text + n, sizeof(text) - n, "]}");
	put(path, text, n);
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -EBADMSG);
	assert_non_null(strstr(why, "disks"));
}

/* Of a guest no disk of which moves: complete with its name, and damaged without. */
static void test_no_disks(void **state)
{
	struct dmm_manifest *m = dmm_manifest_new(id, DMM_HO_DEST, 0), *got;
	char path[256], text[512];
	size_t n;

	(void)state;
	assert_false(dmm_manifest_complete(m));
	assert_int_equal(dmm_manifest_save(dir, m), -EINVAL);
	strcpy(m->guest, "web01");
	strcpy(m->host, "alpha");
	assert_true(dmm_manifest_complete(m));
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), 0);
	assert_memory_equal(got, m, sizeof(*m));
	free(got);
	snprintf(path, sizeof(path), "%s", path_of(ID_HEX, "manifest"));
	n = snprintf(text, sizeof(text), "{\"schema_version\":1,\"migration\":\"" ID_HEX "\","
		     "\"role\":\"destination\",\"begun\":1,\"host\":\"\",\"disks\":[]}");
	put(path, text, n);
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -EBADMSG);
	assert_non_null(strstr(why, "guest"));
	free(m);
}

static void test_unreadable(void **state)
{
	struct dmm_manifest *m = source(), *got;
	char path[256];

	(void)state;
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	snprintf(path, sizeof(path), "%s", path_of(ID_HEX, "manifest"));
	assert_int_equal(rename(path, path_of(ID_HEX, "elsewhere")), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -EISDIR);
	assert_non_null(strstr(why, "manifest: Is a directory"));
	assert_int_equal(dmm_manifest_save(dir, m), -EISDIR);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);	/* does not make us wait for a writer */
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -EBADMSG);
	free(m);
}

static void test_list(void **state)
{
	struct dmm_manifest *m = source();
	u8 (*ids)[DMM_ID_BYTES];
	unsigned int nr;
	int mine;

	(void)state;
	assert_int_equal(dmm_manifest_list(dir, &ids, &nr), 0);	/* no directory: none */
	assert_int_equal(nr, 0);
	free(ids);
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	free(m);
	put(path_of(ID_HEX, "manifest"), "damaged", 7);
	/* a directory that has nothing yet is a migration's, too */
	assert_int_equal(mkdir(path_of(OTHER_HEX, ""), 0700), 0);
	/* and these are none: not our way to write it, a file, a symlink, something else */
	assert_int_equal(mkdir(path_of("AB0102030405060708090A0B0C0D0E0F", ""), 0700), 0);
	assert_int_equal(mkdir(path_of("ab010203-0405-0607-0809-0a0b0c0d0e0f", ""), 0700), 0);
	assert_int_equal(mkdir(path_of("lost+found", ""), 0700), 0);
	put(path_of(".", "07000000000000000000000000000000"), "", 0);
	assert_int_equal(symlink(ID_HEX, path_of(".", "08000000000000000000000000000000")), 0);
	assert_int_equal(dmm_manifest_list(dir, &ids, &nr), 0);
	assert_int_equal(nr, 2);
	mine = memcmp(ids[0], id, sizeof(id)) ? 1 : 0;
	assert_memory_equal(ids[mine], id, sizeof(id));
	assert_memory_equal(ids[!mine], other, sizeof(other));
	free(ids);
	/* a file where the directory should be */
	put(path_of(".", "file"), "", 0);
	assert_int_equal(dmm_manifest_list(path_of(".", "file"), &ids, &nr), -ENOTDIR);
}

static void test_remove(void **state)
{
	struct dmm_manifest *m = source(), *got;
	u8 (*ids)[DMM_ID_BYTES];
	char victim[128];
	unsigned int nr;

	(void)state;
	assert_int_equal(dmm_manifest_remove(dir, id), 0);	/* nothing there at all */
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	assert_int_equal(dmm_manifest_remove(dir, other), 0);
	put(path_of(ID_HEX, "manifest.new"), "", 0);
	put(path_of(ID_HEX, "journal"), "", 0);
	put(path_of(ID_HEX, "journal.new"), "", 0);
	assert_int_equal(dmm_manifest_remove(dir, id), 0);
	assert_int_equal(access(path_of(ID_HEX, ""), F_OK), -1);
	assert_int_equal(dmm_manifest_remove(dir, id), 0);

	/* a symlink of a known name goes, what it names stays */
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	snprintf(victim, sizeof(victim), "%s/victim", top);
	put(victim, "precious", 8);
	assert_int_equal(symlink(victim, path_of(ID_HEX, "journal")), 0);
	assert_int_equal(dmm_manifest_remove(dir, id), 0);
	assert_int_equal(access(path_of(ID_HEX, ""), F_OK), -1);
	assert_int_equal(access(victim, F_OK), 0);

	/* a migration's directory that is a symlink is none of ours */
	unlink(victim);
	assert_int_equal(mkdir(victim, 0700), 0);
	assert_int_equal(symlink(victim, path_of(".", ID_HEX)), 0);
	put(path_of(ID_HEX, "manifest"), "", 0);
	assert_true(dmm_manifest_remove(dir, id) < 0);
	assert_true(dmm_manifest_save(dir, m) < 0);
	assert_int_equal(access(path_of(ID_HEX, "manifest"), F_OK), 0);
	assert_int_equal(unlink(path_of(".", ID_HEX)), 0);

	/* what we do not know stays, beside; a damaged journal that was set aside, say */
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	put(path_of(ID_HEX, "journal.damaged-1"), "", 0);
	assert_int_equal(dmm_manifest_remove(dir, id), 0);
	assert_int_equal(access(path_of(ID_HEX ".dropped-0", "journal.damaged-1"), F_OK), 0);
	assert_int_equal(access(path_of(ID_HEX ".dropped-0", "manifest"), F_OK), -1);
	assert_int_equal(dmm_manifest_load(dir, id, &got, why), -ENOENT);
	assert_int_equal(dmm_manifest_save(dir, m), 0);
	put(path_of(ID_HEX, "notes"), "", 0);
	assert_int_equal(dmm_manifest_remove(dir, id), 0);
	assert_int_equal(access(path_of(ID_HEX ".dropped-1", "notes"), F_OK), 0);
	assert_int_equal(dmm_manifest_list(dir, &ids, &nr), 0);
	assert_int_equal(nr, 0);
	free(ids);

	/* a beginning or an end that was interrupted; but not one with a journal */
	assert_false(dmm_manifest_sweep(dir, id));
	assert_int_equal(mkdir(path_of(".", ID_HEX), 0700), 0);
	put(path_of(ID_HEX, "manifest.new"), "", 0);
	assert_true(dmm_manifest_sweep(dir, id));
	assert_int_equal(access(path_of(".", ID_HEX), F_OK), -1);
	assert_int_equal(mkdir(path_of(".", ID_HEX), 0700), 0);
	put(path_of(ID_HEX, "journal"), "", 0);
	assert_false(dmm_manifest_sweep(dir, id));
	assert_int_equal(unlink(path_of(ID_HEX, "journal")), 0);
	put(path_of(ID_HEX, "manifest"), "", 0);
	assert_false(dmm_manifest_sweep(dir, id));
	free(m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_fields, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_damaged, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_no_disks, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_unreadable, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_list, setup_dir, teardown_dir),
		cmocka_unit_test_setup_teardown(test_remove, setup_dir, teardown_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
