// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of leftovers: by pages to another host and back, what goes with what, and pages that lie.
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

#include "core/handover.h"
#include "leftover.h"
#include "manifest.h"
#include "dmtable.h"

static const u8 one[DMM_ID_BYTES] = { 1 }, two[DMM_ID_BYTES] = { 2 };

static struct dmm_leftover *part(struct dmm_leftovers *l, const u8 id[DMM_ID_BYTES], enum dmm_wire_leftover_fate fate, u32 role)
{
	struct dmm_leftover *o = dmm_leftovers_add(l, DMM_LEFTOVER_PART, fate, id);

	assert_non_null(o);
	o->role = role;
	return o;
}

/* @nr of them, told in pages. */
static void told(u32 nr)
{
	struct dmm_leftovers l = { .nr = 0 }, got = { .nr = 0 };
	struct dmm_wire_leftovers_ok w;
	struct dmm_leftover *o;
	const char *why;
	u32 i, pages = 0;
	int ret;

	for (i = 0; i < nr; i++) {
		o = part(&l, i % 2 ? one : two, 1 + i % 3, DMM_HO_SOURCE + i % 2);
		dmm_leftover_name(o, "vg-%u", i);
		dmm_leftover_why(o, "why %u", i);
		dmm_leftover_action(o, "do %u", i);
	}
	l.cut = nr == 9;
	do {
		dmm_leftovers_encode(&l, got.nr, &w);
		ret = dmm_leftovers_decode(&got, &w, &why);
		assert_true(ret >= 0);
		pages++;
	} while (ret);
	assert_int_equal(got.nr, nr);
	assert_int_equal(pages, nr ? (nr + DMM_LEFTOVERS_PAGE - 1) / DMM_LEFTOVERS_PAGE : 1);
	assert_int_equal(got.cut, l.cut);
	for (i = 0; i < nr; i++)
		assert_memory_equal(&got.items[i], &l.items[i], sizeof(l.items[i]));
	dmm_leftovers_clear(&l);
	dmm_leftovers_clear(&got);
}

static void test_pages(void **state)
{
	static const u32 numbers[] = { 0, 1, 8, 9, 10, 18, 100, DMM_MAX_LEFTOVERS };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		told(numbers[i]);
}

static void test_full(void **state)
{
	struct dmm_leftovers l = { .nr = 0 };
	u32 i;

	(void)state;
	for (i = 0; i < DMM_MAX_LEFTOVERS; i++)
		assert_non_null(dmm_leftovers_add(&l, DMM_LEFTOVER_DEVICE, DMM_LEFTOVER_KEEP, one));
	assert_false(l.cut);
	assert_null(dmm_leftovers_add(&l, DMM_LEFTOVER_DEVICE, DMM_LEFTOVER_KEEP, one));
	assert_true(l.cut);
	dmm_leftover_name(NULL, "nobody");
	dmm_leftovers_clear(&l);
}

/* Texts are cut, a command never is: half of one is another. */
static void test_texts(void **state)
{
	struct dmm_leftovers l = { .nr = 0 };
	struct dmm_leftover *o = part(&l, one, DMM_LEFTOVER_KEEP, DMM_HO_SOURCE);
	char text[300];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	dmm_leftover_name(o, "%s", text);
	dmm_leftover_why(o, "%s", text);
	dmm_leftover_action(o, "rm -r /a/%s", text);
	assert_int_equal(strlen(o->name), sizeof(o->name) - 1);
	assert_int_equal(strlen(o->why), sizeof(o->why) - 1);
	assert_string_equal(o->action, "");
	dmm_leftover_name(o, "a\033[2Jb\n");
	assert_string_equal(o->name, "a?[2Jb?");
	dmm_leftovers_clear(&l);
}

static void test_fates(void **state)
{
	struct dmm_leftovers l = { .nr = 0 };
	struct dmm_leftover *o;

	(void)state;
	part(&l, one, DMM_LEFTOVER_PEER, DMM_HO_DEST);
	dmm_leftovers_add(&l, DMM_LEFTOVER_VOLUME, DMM_LEFTOVER_GOES, one);
	dmm_leftovers_add(&l, DMM_LEFTOVER_DOMAIN, DMM_LEFTOVER_PEER, one);
	part(&l, two, DMM_LEFTOVER_KEEP, DMM_HO_DEST);
	dmm_leftovers_add(&l, DMM_LEFTOVER_VOLUME, DMM_LEFTOVER_GOES, two);
	dmm_leftovers_add(&l, DMM_LEFTOVER_DOMAIN, DMM_LEFTOVER_PEER, two);
	assert_null(dmm_leftovers_part(&l, one, DMM_HO_SOURCE));
	o = dmm_leftovers_part(&l, one, DMM_HO_DEST);
	assert_non_null(o);
	assert_int_equal(dmm_leftover_fate(&l, o), DMM_LEFTOVER_KEEP);
	assert_int_equal(dmm_leftover_fate(&l, &l.items[1]), DMM_LEFTOVER_KEEP);
	assert_int_equal(dmm_leftover_fate(&l, &l.items[2]), DMM_LEFTOVER_KEEP);
	dmm_leftover_forgotten(&l, o);
	assert_true(o->forgotten);
	assert_int_equal(dmm_leftover_fate(&l, o), DMM_LEFTOVER_REMOVE);
	assert_int_equal(dmm_leftover_fate(&l, &l.items[1]), DMM_LEFTOVER_REMOVE);
	assert_int_equal(dmm_leftover_fate(&l, &l.items[2]), DMM_LEFTOVER_REMOVE);
	/* what waits for a person, and not for the other host, goes on waiting */
	dmm_leftover_forgotten(&l, &l.items[3]);
	assert_false(l.items[3].forgotten);
	assert_int_equal(dmm_leftover_fate(&l, &l.items[3]), DMM_LEFTOVER_KEEP);
	assert_int_equal(dmm_leftover_fate(&l, &l.items[4]), DMM_LEFTOVER_KEEP);
	assert_int_equal(dmm_leftover_fate(&l, &l.items[5]), DMM_LEFTOVER_KEEP);
	dmm_leftovers_clear(&l);
}

static void test_lies(void **state)
{
#define W(f) offsetof(struct dmm_wire_leftovers_ok, f)
#define O(i, f) (W(leftover) + (i) * sizeof(struct dmm_wire_leftover) + offsetof(struct dmm_wire_leftover, f))
	static const struct { const char *name; size_t at; u8 value; } lies[] = {
		{ "more than the page has", W(nr), 10 }, { "more than there are", W(total), 1 },
		{ "more than there may be", W(total) + 1, 17 }, { "flags", W(flags), 4 }, { "padding", W(pad), 1 },
		{ "kind 0", O(0, kind), 0 }, { "kind 7", O(1, kind), 7 }, { "fate 0", O(0, fate), 0 }, { "fate 5", O(0, fate), 5 },
		{ "a part of nobody", O(0, role), 0 }, { "a part of a third", O(0, role), 3 }, { "role of a device", O(1, role), 1 },
		{ "name unpadded", O(0, name) + 127, 'x' }, { "why escape", O(1, why), 0x1b }, { "action unpadded", O(1, action) + 127, 'x' },
		{ "pad of one", O(0, pad), 1 }, { "beyond the last", O(2, why), 'x' },
	};
	struct dmm_leftovers l = { .nr = 0 }, got = { .nr = 0 };
	struct dmm_wire_leftovers_ok w, bad;
	const char *why;
	size_t i;

	(void)state;
	part(&l, one, DMM_LEFTOVER_PEER, DMM_HO_DEST);
	dmm_leftovers_add(&l, DMM_LEFTOVER_DEVICE, DMM_LEFTOVER_GOES, one);
	dmm_leftovers_encode(&l, 0, &w);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		bad = w;
		((u8 *)&bad)[lies[i].at] = lies[i].value;
		if (dmm_leftovers_decode(&got, &bad, &why) != -EBADMSG || !why || got.nr)
			fail_msg("%s was believed", lies[i].name);
	}
	assert_int_equal(dmm_leftovers_decode(&got, &w, &why), 0);
	dmm_leftovers_clear(&got);
	/* one who says that there is more, and has nothing, is not asked for ever */
	memset(&w, 0, sizeof(w));
	w.total = cpu_to_le32(7);
	assert_int_equal(dmm_leftovers_decode(&got, &w, &why), 0);
	dmm_leftovers_clear(&l);
	dmm_leftovers_clear(&got);
}

static void touch(const char *dir, const char *name)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static void test_dropped(void **state)
{
	static const char hex[] = "000102030405060708090a0b0c0d0e0f";
	char top[] = "/tmp/dmm-unit-dropped.XXXXXX", dir[128], name[64];

	(void)state;
	assert_non_null(mkdtemp(top));
	snprintf(name, sizeof(name), "%s.dropped-12", hex);
	assert_true(dmm_manifest_dropped(name));
	assert_false(dmm_manifest_dropped(hex));
	assert_false(dmm_manifest_dropped(""));
	assert_false(dmm_manifest_dropped("000102030405060708090a0b0c0d0e0f.dropped-"));
	assert_false(dmm_manifest_dropped("000102030405060708090a0b0c0d0e0f.dropped-1x"));
	assert_false(dmm_manifest_dropped("x00102030405060708090a0b0c0d0e0f.dropped-1"));
	snprintf(dir, sizeof(dir), "%s/%s", top, hex);
	assert_int_equal(mkdir(dir, 0700), 0);
	touch(dir, "journal.damaged-1");
	assert_int_equal(dmm_manifest_remove_dropped(dir), -EINVAL);	/* a migration's */
	assert_int_equal(dmm_manifest_remove_dropped("x"), -EINVAL);
	snprintf(name, sizeof(name), "%s/gone", top);
	assert_int_equal(rename(dir, name), 0);
	snprintf(dir, sizeof(dir), "%s/%s.dropped-0", top, hex);
	assert_int_equal(rename(name, dir), 0);
	touch(dir, "journal.damaged-2");
	touch(dir, "notes");
	assert_int_equal(dmm_manifest_remove_dropped(dir), -ENOTEMPTY);	/* a person's */
	strcat(dir, "/notes");
	assert_int_equal(unlink(dir), 0);
	*strrchr(dir, '/') = '\0';
	assert_int_equal(dmm_manifest_remove_dropped(dir), 0);
	assert_int_equal(dmm_manifest_remove_dropped(dir), 0);
	assert_int_equal(rmdir(top), 0);
}

static void test_uuids(void **state)
{
	static const char *const others[] = { "", "LVM-x", "DMM-canary0" };
	char uuid[DMM_DM_UUID_BYTES];
	u8 id[DMM_ID_BYTES];
	size_t i;

	(void)state;
	dmm_origin_uuid_format(one, 0, uuid);
	assert_string_equal(dmm_dm_uuid_kind(uuid, id), "origin");
	assert_memory_equal(id, one, sizeof(id));
	dmm_origin_uuid_format(two, 3, uuid);
	assert_string_equal(dmm_dm_uuid_kind(uuid, id), "origin");
	dmm_gate_uuid_format(two, 0, uuid);
	assert_string_equal(dmm_dm_uuid_kind(uuid, id), "gate");
	assert_memory_equal(id, two, sizeof(id));
	dmm_fence_uuid_format(one, 12, uuid);
	assert_string_equal(dmm_dm_uuid_kind(uuid, id), "fence");
	strcat(uuid, "x");
	assert_null(dmm_dm_uuid_kind(uuid, id));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_null(dmm_dm_uuid_kind(others[i], id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages), cmocka_unit_test(test_full), cmocka_unit_test(test_texts), cmocka_unit_test(test_fates),
		cmocka_unit_test(test_lies), cmocka_unit_test(test_dropped), cmocka_unit_test(test_uuids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
