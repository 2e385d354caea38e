// SPDX-License-Identifier: GPL-2.0
/*
 * LEFTOVERS: what is listed of a migration in each state and of what LVM and the toolstack say, to whom; nothing that is at work.
 */
#include "dmmigrated/leftovers.h"
#include "recv_migrations.h"

#include <sys/xattr.h>

#include "volume.h"

static struct dmm_leftovers got;

/* Asks on a connection of its own, which a refusal closes; @id: of one migration. */
static u32 leftovers(bool local, const u8 *id)
{
	struct dmm_wire_leftovers w = { .first = 0 };
	struct dmm_wire_leftovers_ok ok;
	const char *why;
	struct peer p;
	int ret = 0;
	u32 code;

	dmm_leftovers_clear(&got);
	peer_features |= DMM_FEATURE_LEFTOVERS;
	if (id)
		memcpy(w.migration, id, sizeof(w.migration));
	if (local)
		local_hello(&p);
	else
		peer_hello(&p);
	do {
		w.first = cpu_to_le32(got.nr);
		code = peer_request(&p, DMM_MSG_LEFTOVERS, &w, sizeof(w), DMM_MSG_LEFTOVERS_OK, &ok, sizeof(ok));
		if (!code)
			ret = dmm_leftovers_decode(&got, &ok, &why);
		assert_true(ret >= 0);
	} while (!code && ret);
	peer_close(&p);
	return code;
}

static const struct dmm_leftover *item(enum dmm_wire_leftover_kind kind)
{
	u32 i;

	for (i = 0; i < got.nr; i++) {
		if (got.items[i].kind == kind && got.items[i].migration[0] == 1)
			return &got.items[i];
	}
	return NULL;
}

static int end(void **state)
{
	dmm_leftovers_clear(&got);
	return teardown(state);
}

static void test_received(void **state)
{
	static const u8 id[DMM_ID_BYTES] = { 1 }, other[DMM_ID_BYTES] = { 2 };
	struct peer data = { 0 }, link;
	char path[64];
	int fd;

	(void)state;
	assert_int_equal(leftovers(true, NULL), 0);
	assert_null(item(DMM_LEFTOVER_PART));
	assert_int_equal(prepare(0, 1), 0);
	ship(&data, 1, 1);
	join(&link);
	/* it is being copied */
	assert_int_equal(leftovers(true, NULL), 0);
	assert_null(item(DMM_LEFTOVER_PART));
	peer_close(&link);
	peer_close(&data);
	/* and is not, for now: as long as its source may come back it stays */
	snprintf(path, sizeof(path), "%s", dest_path);
	restart();
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(leftovers(true, NULL), 0);
	assert_non_null(item(DMM_LEFTOVER_PART));
	assert_int_equal(item(DMM_LEFTOVER_PART)->fate, DMM_LEFTOVER_PEER);
	assert_int_equal(item(DMM_LEFTOVER_PART)->role, DMM_HO_DEST);
	/* the destination is a file, of which nobody knows whose it is */
	assert_non_null(item(DMM_LEFTOVER_VOLUME));
	assert_int_equal(item(DMM_LEFTOVER_VOLUME)->fate, DMM_LEFTOVER_KEEP);
	assert_string_equal(item(DMM_LEFTOVER_VOLUME)->name, path);
	unlink(path);
	/* the source's host is told, and about the one by its id */
	assert_int_equal(leftovers(false, NULL), 0);
	assert_non_null(item(DMM_LEFTOVER_PART));
	assert_int_equal(leftovers(false, id), 0);
	assert_non_null(item(DMM_LEFTOVER_PART));
	assert_int_equal(leftovers(false, other), DMM_WERR_NOTFOUND);
	/* looking has changed nothing */
	state_is(DMM_HO_RECEIVING);
	assert_int_equal(drop_here(0), 0);
	assert_int_equal(leftovers(true, id), DMM_WERR_NOTFOUND);
	assert_int_equal(leftovers(true, NULL), 0);
	assert_null(item(DMM_LEFTOVER_PART));
}

static void test_unbegun(void **state)
{
	(void)state;
	assert_int_equal(prepare(0, 2), 0);
	/* whoever begins it may be at it */
	assert_int_equal(leftovers(true, NULL), 0);
	assert_null(item(DMM_LEFTOVER_PART));
	restart();
	assert_int_equal(leftovers(true, NULL), 0);
	assert_non_null(item(DMM_LEFTOVER_PART));
	assert_int_equal(item(DMM_LEFTOVER_PART)->fate, DMM_LEFTOVER_REMOVE);
	assert_int_equal(drop_here(0), 0);
}

static void test_owned(void **state)
{
	struct dmm_wire_group_ok ok;
	struct peer data, link;

	(void)state;
	be_owned(&data, &link, 1);
	assert_int_equal(leftovers(true, NULL), 0);
	assert_int_equal(item(DMM_LEFTOVER_PART)->fate, DMM_LEFTOVER_KEEP);
	assert_non_null(strstr(item(DMM_LEFTOVER_PART)->action, "dmmigrate run 01000000"));
	assert_non_null(strstr(item(DMM_LEFTOVER_PART)->action, "dmmigrate return 01000000"));
	assert_int_equal(ask(DMM_GROUP_RUN, DMM_HO_RUNNING, &ok), 0);
	assert_int_equal(leftovers(true, NULL), 0);
	assert_int_equal(item(DMM_LEFTOVER_PART)->fate, DMM_LEFTOVER_KEEP);
	peer_close(&link);
	peer_close(&data);
}

static void test_damaged(void **state)
{
	char path[256], kept[256];

	(void)state;
	assert_int_equal(prepare(0, 1), 0);
	dmm_receiver_stop(&rc);
	snprintf(path, sizeof(path), "%s/destination/01000000000000000000000000000000/journal", dir);
	assert_int_equal(truncate(path, 0), 0);
	restart();
	assert_int_equal(leftovers(true, NULL), 0);
	assert_int_equal(item(DMM_LEFTOVER_PART)->fate, DMM_LEFTOVER_KEEP);
	assert_non_null(strstr(item(DMM_LEFTOVER_PART)->action, "dmmigrate recover 01000000"));
	/* a manifest that nobody can read; and what was set aside of one that is over */
	snprintf(path, sizeof(path), "%s/source/02000000000000000000000000000000", dir);
	assert_true(!mkdir(path, 0700) || errno == ENOENT);
	snprintf(kept, sizeof(kept), "%s/destination/01000000000000000000000000000000.dropped-0", dir);
	assert_int_equal(mkdir(kept, 0700), 0);
	assert_int_equal(leftovers(true, NULL), 0);
	assert_non_null(item(DMM_LEFTOVER_JOURNAL));
	assert_int_equal(item(DMM_LEFTOVER_JOURNAL)->fate, DMM_LEFTOVER_REMOVE);
	assert_string_equal(item(DMM_LEFTOVER_JOURNAL)->name, kept);
}

static void test_not_agreed(void **state)
{
	struct dmm_wire_leftovers w = { .flags = cpu_to_le32(1) };
	struct dmm_wire_leftovers_ok ok;
	struct peer p;

	(void)state;
	peer_features &= ~DMM_FEATURE_LEFTOVERS;
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_LEFTOVERS, &w, sizeof(w), DMM_MSG_LEFTOVERS_OK, &ok, sizeof(ok)), DMM_WERR_PROTOCOL);
	peer_close(&p);
	peer_features |= DMM_FEATURE_LEFTOVERS;
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_LEFTOVERS, &w, sizeof(w), DMM_MSG_LEFTOVERS_OK, &ok, sizeof(ok)), DMM_WERR_PROTOCOL);
	peer_close(&p);
	w.flags = 0;
	w.first = cpu_to_le32(DMM_MAX_LEFTOVERS + 1);
	peer_hello(&p);
	assert_int_equal(peer_request(&p, DMM_MSG_LEFTOVERS, &w, sizeof(w), DMM_MSG_LEFTOVERS_OK, &ok, sizeof(ok)), DMM_WERR_PROTOCOL);
	peer_close(&p);
}

/* --- what states are, without a daemon --- */

static void test_states(void **state)
{
	static const struct {
		enum dmm_ho_role role;
		enum dmm_ho_state state;
		bool needs_peer;
		enum dmm_wire_leftover_fate fate;
		const char *action;
	} t[] = {
		{ DMM_HO_SOURCE, DMM_HO_ACTIVE, false, DMM_LEFTOVER_PEER, "start --resume" },
		{ DMM_HO_SOURCE, DMM_HO_RELINQUISHED, false, DMM_LEFTOVER_KEEP, "recover" },
		{ DMM_HO_SOURCE, DMM_HO_RELEASED, false, DMM_LEFTOVER_REMOVE, "release" },
		{ DMM_HO_SOURCE, DMM_HO_LOST, true, DMM_LEFTOVER_KEEP, "recover" },
		{ DMM_HO_DEST, DMM_HO_RECEIVING, false, DMM_LEFTOVER_PEER, "release" },
		{ DMM_HO_DEST, DMM_HO_COMPLETE, false, DMM_LEFTOVER_KEEP, "recover" },
		{ DMM_HO_DEST, DMM_HO_OWNED, false, DMM_LEFTOVER_KEEP, "return" },
		{ DMM_HO_DEST, DMM_HO_RUNNING, false, DMM_LEFTOVER_KEEP, "run" },
		{ DMM_HO_DEST, DMM_HO_RUNNING, true, DMM_LEFTOVER_KEEP, "recover" },
		{ DMM_HO_DEST, DMM_HO_REFUSED, false, DMM_LEFTOVER_PEER, "release" },
		{ DMM_HO_DEST, DMM_HO_SETTLED, false, DMM_LEFTOVER_REMOVE, "release" },
		{ DMM_HO_DEST, DMM_HO_LOST, true, DMM_LEFTOVER_KEEP, "recover" },
	};
	struct dmm_leftovers l = { .nr = 0 };
	struct dmm_leftover_part p;
	struct dmm_group_status st;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		p = (struct dmm_leftover_part){ .id = { 1 }, .role = t[i].role, .state = t[i].state };
		st = (struct dmm_group_status){ .role = t[i].role, .state = t[i].state, .needs_peer = t[i].needs_peer, .epoch = 1 };
		dmm_leftovers_judge(&l, &p, &st, "web01");
		if (l.nr != 1 || l.items[0].fate != t[i].fate || p.fate != t[i].fate || !strstr(l.items[0].action, t[i].action) ||
		    !l.items[0].why[0] || strlen(l.items[0].why) == sizeof(l.items[0].why) - 1)
			fail_msg("%s: fate %u, '%s', '%s'", dmm_ho_state_name(t[i].state), l.items[0].fate, l.items[0].action, l.items[0].why);
		dmm_leftovers_clear(&l);
	}
	/* of a guest no disk of which moves nothing is a copy, or goes on */
	p = (struct dmm_leftover_part){ .id = { 1 }, .role = DMM_HO_SOURCE, .state = DMM_HO_ACTIVE, .alone = true };
	st = (struct dmm_group_status){ .role = DMM_HO_SOURCE, .state = DMM_HO_ACTIVE };
	dmm_leftovers_judge(&l, &p, &st, "web01");
	assert_int_equal(p.fate, DMM_LEFTOVER_REMOVE);
	assert_null(strstr(l.items[0].action, "resume"));
	dmm_leftovers_clear(&l);
}

#define LV(vg, lv, tags) "  LVM2_VG_NAME='" vg "' LVM2_LV_NAME='" lv "' LVM2_LV_SKIP_ACTIVATION='1' LVM2_LV_TAGS='" tags "'\n"
#define HEX1 "01000000000000000000000000000000"
#define HEX2 "02000000000000000000000000000000"

static void test_volumes(void **state)
{
	static const char text[] = LV("vg", "root", "") LV("vg", "known", "dmmigrate-" HEX1) LV("vg", "old", "x,dmmigrate-" HEX2)
		LV("vg", "made", "dmm-made-" HEX2 ",dmmigrate-" HEX2) LV("vg", "owned", "dmm-made-" HEX2)
		LV("vg", "odd", "dmmigrate-12,dmmigrate-" HEX2 "0") "garbage\n\n" LV("vg", "last", "dmmigrate-" HEX2 ",y");
	static const struct dmm_leftover_part part = { .id = { 1 }, .role = DMM_HO_SOURCE, .state = DMM_HO_RELINQUISHED };
	struct dmm_leftovers l = { .nr = 0 };
	u32 i;

	(void)state;
	dmm_leftovers_lvs(&l, text, &part, 1);
	assert_int_equal(l.nr, 3);
	assert_string_equal(l.items[0].name, "vg/old");
	assert_non_null(strstr(l.items[0].why, "old copy"));
	assert_string_equal(l.items[1].name, "vg/made");
	assert_non_null(strstr(l.items[1].why, "made for a migration"));
	assert_string_equal(l.items[2].name, "vg/last");
	/* each may be the only good copy */
	for (i = 0; i < l.nr; i++)
		assert_int_equal(l.items[i].fate, DMM_LEFTOVER_KEEP);
	assert_string_equal(l.items[0].action, "lvremove vg/old, or lvchange -kn --deltag dmmigrate-" HEX2 " vg/old");
	dmm_leftovers_clear(&l);
}

/* A file in @where, which says that it is of the migration @hex; "": it says nothing. False: that cannot be said here. */
static bool make_file(const char *where, const char *name, const char *hex, bool written)
{
	char path[512];
	bool said;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", where, name);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	if (written)
		assert_int_equal(pwrite(fd, path, sizeof(path), 0), sizeof(path));
	said = !*hex || !fsetxattr(fd, DMM_VOLUME_XATTR, hex, strlen(hex), 0);
	close(fd);
	return said;
}

static void test_files(void **state)
{
	static const struct dmm_leftover_part part = { .id = { 1 }, .role = DMM_HO_DEST, .state = DMM_HO_RECEIVING };
	struct dmm_sr srs[] = {
		{ "thick", DMM_SR_LVM, "vg" }, { "files", DMM_SR_DIR, "" }, { "again", DMM_SR_DIR, "" }, { "gone", DMM_SR_DIR, "/nowhere/at/all" },
	};
	struct dmm_leftovers l = { .nr = 0 };
	char where[] = "/tmp/dmm-leftovers.XXXXXX", path[512];
	const struct dmm_leftover *o;
	bool can;
	u32 i;

	(void)state;
	assert_non_null(mkdtemp(where));
	strcpy(srs[1].place, where);
	strcpy(srs[2].place, where);
	can = make_file(where, "dmm-known-0-01000000", HEX1, true) && make_file(where, "dmm-web-0-02000000", HEX2, true) &&
	      make_file(where, "dmm-web-1-02000000", HEX2, false) && make_file(where, "dmm-settled-0-02000000", "", true) &&
	      make_file(where, "dmm-odd-0-02000000", "02", true) && make_file(where, "other", HEX2, true);
	if (can) {
		dmm_leftovers_files(&l, srs, 3, &part, 1);
		/* of one that is known that part tells; what was handed over is no leftover */
		assert_int_equal(l.nr, 2);
		assert_false(l.cut);
		for (i = 0; i < 2; i++) {
			o = &l.items[i];
			assert_int_equal(o->kind, DMM_LEFTOVER_VOLUME);
			/* it may be the only good copy */
			assert_int_equal(o->fate, DMM_LEFTOVER_KEEP);
			assert_int_equal(o->migration[0], 2);
			if (strstr(o->name, "dmm-web-0-02000000")) {
				assert_non_null(strstr(o->action, "if it is not needed"));
				assert_non_null(strstr(o->why, "whether its disk was handed over nobody knows"));
			} else {
				assert_non_null(strstr(o->name, "dmm-web-1-02000000"));
				assert_non_null(strstr(o->why, "nothing was ever written"));
				assert_null(strstr(o->action, "if it is not needed"));
			}
		}
		assert_string_not_equal(l.items[0].name, l.items[1].name);
		/* one that is not there is said to be missing from the list */
		dmm_leftovers_clear(&l);
		dmm_leftovers_files(&l, &srs[3], 1, &part, 1);
		assert_int_equal(l.nr, 0);
		assert_true(l.cut);
	}
	dmm_leftovers_clear(&l);
	snprintf(path, sizeof(path), "rm -r %s", where);
	assert_int_equal(system(path), 0);
	if (!can)
		skip();		/* no root, or no such attributes */
}

static void test_domains(void **state)
{
#define ROW(name) name "      7    64     1     --p---       0.0\n"
	static const struct {
		const char *name;
		struct dmm_leftover_part part;
		u32 fate;		/* 0: none is listed */
		const char *action;
	} t[] = {
		{ ROW("--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_REFUSED, .guest = "" }, 0, NULL },
		{ ROW("web"), { .role = DMM_HO_DEST, .state = DMM_HO_REFUSED, .guest = "web" }, DMM_LEFTOVER_KEEP, "xl destroy web" },
		{ ROW("web"), { .role = DMM_HO_DEST, .state = DMM_HO_RECEIVING, .guest = "web" }, DMM_LEFTOVER_KEEP, "xl destroy web" },
		{ ROW("web"), { .role = DMM_HO_DEST, .state = DMM_HO_RECEIVING, .live = true, .guest = "web" }, 0, NULL },
		{ ROW("web"), { .role = DMM_HO_DEST, .state = DMM_HO_OWNED, .guest = "web" }, DMM_LEFTOVER_KEEP, "recover 01" },
		{ ROW("web"), { .role = DMM_HO_DEST, .state = DMM_HO_RUNNING, .guest = "web" }, DMM_LEFTOVER_KEEP,
		  "xl unpause web, then dmmigrate run 01" },
		{ ROW("web"), { .role = DMM_HO_DEST, .state = DMM_HO_SETTLED, .guest = "web" }, DMM_LEFTOVER_KEEP, "xl unpause web" },
		{ ROW("web"), { .role = DMM_HO_DEST, .state = DMM_HO_LOST, .guest = "web" }, DMM_LEFTOVER_KEEP, "recover 01" },
		{ ROW("web"), { .role = DMM_HO_DEST, .state = DMM_HO_RUNNING, .guest = "db" }, 0, NULL },
		{ ROW("web"), { .role = DMM_HO_SOURCE, .state = DMM_HO_ACTIVE, .guest = "web" }, 0, NULL },
		/* one that runs is nobody's leftover */
		{ "web  7  64  1  -b----  0.0\n", { .role = DMM_HO_DEST, .state = DMM_HO_RUNNING, .guest = "web" }, 0, NULL },
		{ "web\n", { .role = DMM_HO_DEST, .state = DMM_HO_RUNNING, .guest = "web" }, 0, NULL },
		{ ROW("web--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_RECEIVING, .live = true, .linked = true, .guest = "web" }, 0, NULL },
		{ ROW("web--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_RECEIVING, .guest = "web" }, DMM_LEFTOVER_PEER, "xl destroy" },
		{ ROW("web--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_REFUSED, .guest = "web" }, DMM_LEFTOVER_REMOVE, "xl destroy" },
		{ ROW("web--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_REFUSED, .linked = true, .live = true, .guest = "web" },
		  DMM_LEFTOVER_KEEP, "xl destroy" },
		{ ROW("web--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_OWNED, .guest = "web" }, DMM_LEFTOVER_KEEP, "recover 01" },
		{ ROW("web--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_SETTLED, .guest = "web" }, DMM_LEFTOVER_KEEP, "recover 01" },
		{ ROW("web--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_LOST, .guest = "web" }, DMM_LEFTOVER_KEEP, "recover 01" },
		{ ROW("web--incoming"), { .role = DMM_HO_DEST, .state = DMM_HO_REFUSED, .guest = "db" }, DMM_LEFTOVER_KEEP, "xl destroy" },
		{ ROW("web--migratedaway"), { .role = DMM_HO_SOURCE, .state = DMM_HO_RELEASED, .guest = "web" }, DMM_LEFTOVER_REMOVE, "xl destroy" },
		{ ROW("web--migratedaway"), { .role = DMM_HO_SOURCE, .state = DMM_HO_ACTIVE, .live = true, .guest = "web" },
		  DMM_LEFTOVER_KEEP, "recover 01" },
		{ ROW("web--migratedaway"), { .role = DMM_HO_SOURCE, .state = DMM_HO_RELINQUISHED, .guest = "web" }, DMM_LEFTOVER_KEEP, "recover 01" },
		{ ROW("web--migratedaway"), { .role = DMM_HO_SOURCE, .state = DMM_HO_RELEASED, .guest = "db" }, DMM_LEFTOVER_KEEP, "recover" },
	};
	struct dmm_leftovers l = { .nr = 0 };
	struct dmm_leftover_part p;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		p = t[i].part;
		p.id[0] = 1;
		snprintf(text, sizeof(text), "Name    ID   Mem VCPUs   State   Time(s)\nDomain-0  0  1024  2  r-----  9.0\n%s", t[i].name);
		dmm_leftovers_domains(&l, text, &p, 1);
		if (l.nr != !!t[i].fate || (l.nr && (l.items[0].fate != t[i].fate || !strstr(l.items[0].action, t[i].action) ||
						     l.items[0].kind != DMM_LEFTOVER_DOMAIN)))
			fail_msg("%zu: %s: %u, fate %u, '%s'", i, t[i].name, l.nr, l.nr ? l.items[0].fate : 0, l.nr ? l.items[0].action : "");
		dmm_leftovers_clear(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_received, setup, end), cmocka_unit_test_setup_teardown(test_unbegun, setup, end),
		cmocka_unit_test_setup_teardown(test_owned, setup, end), cmocka_unit_test_setup_teardown(test_damaged, setup, end),
		cmocka_unit_test_setup_teardown(test_not_agreed, setup, end), cmocka_unit_test(test_states), cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_files), cmocka_unit_test(test_domains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
