// SPDX-License-Identifier: GPL-2.0
/*
 * Storage repositories by their names, and volumes in them: files in a directory, and, with a program in LVM's place, what is run
 * to make one, in which order, and that nobody else's is touched.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>

#include "fullio.h"
#include "volume.h"

#define HEX	"01020304050607080900000000000000"

static const u8 id[DMM_ID_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
static char dir[64], why[DMM_LV_WHY];

/* --- names --- */

static const struct { const char *text, *wrong; } srs[] = {
	{ "fast lvm:vg0", NULL },
	{ "fast  \tthin:vg0/pool", NULL },
	{ "a.b+c_d-1 dir:/srv/images", NULL },
	{ "fast lvm:vg.0+_-", NULL },
	{ "fast", "not NAME lvm:VG" },
	{ "fast vg0", "not NAME lvm:VG" },
	{ "fast nfs:vg0", "not NAME lvm:VG" },
	{ "fast nfsxxxxxxxxxxxxxxxxx:vg0", "not NAME lvm:VG" },
	{ "", "a name is a letter" },
	{ "1fast lvm:vg0", "a name is a letter" },
	{ "-fast lvm:vg0", "a name is a letter" },
	{ "fa/st lvm:vg0", "a name is a letter" },
	{ "fa\xc3\xa4st lvm:vg0", "a name is a letter" },
	{ "shared lvm:vg0", "a name is a letter" },
	{ "abcdefghijklmnopqrstuvwxyz012345 lvm:vg0", "at most 31" },
	{ "abcdefghijklmnopqrstuvwxyz01234 lvm:vg0", NULL },
	{ "fast lvm:", "a name of LVM" },
	{ "fast lvm:-vg0", "a name of LVM" },
	{ "fast lvm:..", "a name of LVM" },
	{ "fast lvm:vg0/lv", "a name of LVM" },
	{ "fast lvm:vg0 b", "a name of LVM" },
	{ "fast lvm:vg\"0", "a name of LVM" },
	{ "fast thin:vg0", "names of LVM" },
	{ "fast thin:vg0/", "names of LVM" },
	{ "fast thin:/pool", "names of LVM" },
	{ "fast thin:vg0/--config", "names of LVM" },
	{ "fast thin:vg0/p/q", "names of LVM" },
	{ "fast dir:srv", "absolute" },
	{ "fast dir:/srv/../etc", "absolute" },
	{ "fast dir:/srv/.", "absolute" },
	{ "fast dir:/srv//x", "absolute" },
	{ "fast dir:/srv/", "absolute" },
	{ "fast dir:/dev/mapper", "absolute" },
	{ "fast dir:/srv/..x", NULL },
};

static void test_srs(void **state)
{
	struct dmm_sr sr;
	const char *wrong;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(srs) / sizeof(srs[0]); i++) {
		wrong = dmm_sr_parse(srs[i].text, &sr);
		if (!wrong != !srs[i].wrong || (wrong && !strstr(wrong, srs[i].wrong)))
			fail_msg("'%s': %s", srs[i].text, wrong ? wrong : "taken");
	}
	assert_null(dmm_sr_parse("fast thin:vg0/pool", &sr));
	assert_string_equal(sr.name, "fast");
	assert_int_equal(sr.kind, DMM_SR_THIN);
	assert_string_equal(sr.place, "vg0/pool");
}

static void test_labels(void **state)
{
	static const struct { const char *name, *label; } labels[] = {
		{ "web01", "web01" }, { "vg-web_01", "vg-web-01" }, { "--x", "x" }, { "", "disk" }, { "//", "disk" },
		{ "a b\xc3\xa4", "a-b--" }, { "db.1+x", "db.1+x" },
		{ "012345678901234567890123456789012345678901234567890123456789", "012345678901234567890123456789012345678901234567" },
	};
	char label[DMM_VOLUME_LABEL];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		dmm_sr_label(labels[i].name, label);
		assert_string_equal(label, labels[i].label);
		assert_true(dmm_sr_label_ok(label));
	}
	assert_false(dmm_sr_label_ok(""));
	assert_false(dmm_sr_label_ok("-n"));
	assert_false(dmm_sr_label_ok("a_tdata"));
	assert_false(dmm_sr_label_ok("a/b"));
	assert_false(dmm_sr_label_ok("a\"b"));
}

/* Either form, or what dmm_parse_target() says. */
static void test_destinations(void **state)
{
	static const struct {
		const char *text, *host;	/* host NULL: refused */
		u16 port;
		const char *path, *sr;
	} t[] = {
		{ "host:/dev/vg0/a", "host", 7790, "/dev/vg0/a", "" },
		{ "host:99:nbd://10.0.0.5/disk", "host", 99, "nbd://10.0.0.5/disk", "" },
		{ "host:fast", "host", 7790, "", "fast" }, { "host:99:fast", "host", 99, "", "fast" },
		{ "[::1]:fast", "::1", 7790, "", "fast" }, { "[::1]:99:f.a+s_t-1", "::1", 99, "", "f.a+s_t-1" },
		{ "host:", NULL }, { "host", NULL }, { "host:99", NULL }, { "host:99:", NULL }, { "::1:fast", NULL },
		{ ":fast", NULL }, { "host:x:fast", NULL }, { "host:0:fast", NULL }, { "host:dev/x", NULL }, { "host:shared", NULL },
		{ "host:-fast", NULL }, { "host:fa st", NULL }, { "a/b:fast", NULL },
		{ "host:abcdefghijklmnopqrstuvwxyz012345", NULL },
	};
	struct dmm_target out;
	const char *wrong;
	size_t i;
	int ret;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		wrong = NULL;
		ret = dmm_parse_destination(t[i].text, &out, &wrong);
		if (!ret != !!t[i].host || (ret && !wrong))
			fail_msg("'%s': %d", t[i].text, ret);
		if (ret)
			continue;
		assert_string_equal(out.host, t[i].host);
		assert_string_equal(out.path, t[i].path);
		assert_string_equal(out.sr, t[i].sr);
		assert_int_equal(out.port, t[i].port);
	}
}

/* --- files --- */

static void file_path(const struct dmm_volume *v, char path[DMM_PATH_MAX])
{
	dmm_volume_path(v, path);
	assert_true(!strncmp(path, dir, strlen(dir)));
}

/* May files have the mark here?  That takes root, and a filesystem that has it. */
static bool is_markable(void)
{
	char path[PATH_MAX];
	bool can;
	int fd;

	snprintf(path, sizeof(path), "%s/markable", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	can = !fsetxattr(fd, "trusted.dmmigrate", "x", 1, 0);
	close(fd);
	assert_int_equal(unlink(path), 0);
	if (!can)
		print_message("no trusted extended attributes here: a file's mark is not looked at\n");
	return can;
}

static void test_file(void **state)
{
	static const u8 other[DMM_ID_BYTES] = { 9 };
	u8 whose[DMM_ID_BYTES];
	struct dmm_volume v = { .sr = { "files", DMM_SR_DIR, "" }, .size_bytes = 3 << 20 }, before;
	char path[DMM_PATH_MAX];
	struct stat st;
	u64 room;
	int fd;

	(void)state;
	strcpy(v.sr.place, dir);
	dmm_volume_call(&v, "web01", 2, id);
	assert_string_equal(v.name, "dmm-web01-2-01020304");
	file_path(&v, path);
	assert_int_equal(dmm_volume_room(&v.sr, &room, -1, why), 0);
	assert_true(room > 0);
	assert_int_equal(dmm_volume_find(&v, id, -1, why), 0);
	assert_int_equal(dmm_volume_remove(&v, id, -1, why), 0);
	before = v;
	assert_int_equal(dmm_volume_make(&v, id, -1, why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3 << 20);
	assert_int_equal(st.st_blocks, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(v.inode == st.st_ino);
	/* it says whose it is, as far as this filesystem and this user may, until it has been handed over */
	if (is_markable()) {
		assert_true(dmm_volume_file_of(path, whose));
		assert_memory_equal(whose, id, sizeof(whose));
		assert_int_equal(dmm_volume_settle(&v, other, -1, why), 0);
		assert_true(dmm_volume_file_of(path, whose));
		assert_int_equal(dmm_volume_settle(&v, id, -1, why), 0);
		assert_int_equal(dmm_volume_settle(&v, id, -1, why), 0);
		assert_false(dmm_volume_file_of(path, whose));
	}
	/* killed before its inode was on record: it is found by what it is, and goes */
	assert_int_equal(dmm_volume_find(&before, id, -1, why), 1);
	assert_int_equal(dmm_volume_make(&before, id, -1, why), 0);
	assert_true(before.inode == v.inode);
	before.inode = 0;
	assert_int_equal(dmm_volume_remove(&before, id, -1, why), 0);
	assert_int_equal(access(path, F_OK), -1);
	/* written: by its inode alone */
	assert_int_equal(dmm_volume_make(&v, id, -1, why), 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	close(fd);
	assert_int_equal(dmm_volume_find(&before, id, -1, why), -EEXIST);
	assert_int_equal(dmm_volume_remove(&before, id, -1, why), 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(dmm_volume_make(&before, id, -1, why), -EEXIST);
	assert_non_null(strstr(why, "somebody else"));
	assert_int_equal(dmm_volume_remove(&v, id, -1, why), 0);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(dmm_volume_remove(&v, id, -1, why), 0);
	/* what a link leads to is nobody's */
	assert_int_equal(symlink("elsewhere", path), 0);
	before.inode = 0;
	assert_int_equal(dmm_volume_make(&before, id, -1, why), -EEXIST);
	assert_int_equal(dmm_volume_remove(&before, id, -1, why), 0);
	assert_int_equal(unlink(path), 0);
	strcpy(v.sr.place, "/nowhere");
	assert_int_equal(dmm_volume_room(&v.sr, &room, -1, why), -ENOENT);
	assert_int_equal(dmm_volume_make(&v, id, -1, why), -ENOENT);
	assert_string_equal(why, "cannot open /nowhere: No such file or directory");
}

/* --- LVM --- */

/* Keeps volumes as files that have their tags; what changes is in `log`. */
static const char lvm[] =
	"#!/bin/sh\n"
	"cd \"$(dirname \"$0\")\" || exit 1\n"
	"[ \"$LC_ALL\" = C ] && [ \"$2 $3\" = '--config devices{scan_lvs=0}' ] || exit 9\n"
	"verb=$1; shift 3\n"
	"for last; do :; done\n"
	"case $verb in\n"
	"vgs)	[ \"$last\" != 'vg_name=\"vg0\"' ] || echo '  vg0|0123-45|10737418240|1073741824' ;;\n"
	"lvs)	case $last in\n"
	"	*lv_layout*vg0*pool*) echo '  vg0|pool|1000000|25.00' ;;\n"
	"	*lv_layout*) ;;\n"
	"	*)	name=${last#*lv_name=\\\"}; name=${name%\\\"}\n"
	"		[ ! -e \"vol/$name\" ] || echo \"  LVM2_VG_NAME='vg0' LVM2_LV_NAME='$name' "
			"LVM2_LV_SKIP_ACTIVATION='1' LVM2_LV_TAGS='$(cat \"vol/$name\")'\" ;;\n"
	"	esac ;;\n"
	"lvcreate)\n"
	"	echo \"lvcreate $*\" >>log\n"
	"	[ ! -e full ] || { echo '  Volume group \"vg0\" has insufficient free space (1 extents): 2 required.' >&2; exit 5; }\n"
	"	while [ $# -gt 0 ]; do\n"
	"		case $1 in --addtag) tags=$tags${tags:+,}$2 ;; -n) name=$2 ;; esac\n"
	"		shift\n"
	"	done\n"
	"	echo \"$tags\" >\"vol/$name\" ;;\n"
	"lvremove)\n"
	"	echo \"lvremove $*\" >>log\n"
	"	rm \"vol/${last#*/}\" ;;\n"
	"*)	echo \"$verb $*\" >>log ;;\n"
	"esac\n";

static void log_is(const char *expect)
{
	char path[96], text[2048] = "";

	snprintf(path, sizeof(path), "%s/log", dir);
	dmm_read_text(path, text, sizeof(text));
	unlink(path);
	assert_string_equal(text, expect);
}

static void put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void take_away(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

#define TAGS	"--addtag dmm-made-" HEX " --addtag dmmigrate-" HEX

static void test_lvm(void **state)
{
	struct dmm_volume v = { .sr = { "fast", DMM_SR_LVM, "vg0" }, .size_bytes = 10000384 };
	char path[DMM_PATH_MAX];
	u64 room;

	(void)state;
	dmm_volume_call(&v, "web01", 0, id);
	dmm_volume_path(&v, path);
	assert_string_equal(path, "/dev/vg0/dmm-web01-0-01020304");
	assert_int_equal(dmm_volume_room(&v.sr, &room, -1, why), 0);
	assert_true(room == 1073741824);
	assert_int_equal(dmm_volume_find(&v, id, -1, why), 0);
	assert_int_equal(dmm_volume_remove(&v, id, -1, why), 0);
	log_is("");
	assert_int_equal(dmm_volume_make(&v, id, -1, why), 0);
	log_is("lvcreate --yes -Wn -Zn -ky -K -ay " TAGS " -n dmm-web01-0-01020304 -L 10000384b vg0");
	assert_int_equal(dmm_volume_find(&v, id, -1, why), 1);
	/* killed behind that: it is there, and may not be active */
	assert_int_equal(dmm_volume_make(&v, id, -1, why), 0);
	log_is("lvchange -ay -K vg0/dmm-web01-0-01020304");
	/* taken over: nothing keeps it from being activated any more; of a mark that is gone already nothing is left to do */
	assert_int_equal(dmm_volume_settle(&v, id, -1, why), 0);
	log_is("lvchange -ay -K vg0/dmm-web01-0-01020304\nlvchange -k n vg0/dmm-web01-0-01020304\n"
	       "lvchange --deltag dmmigrate-" HEX " vg0/dmm-web01-0-01020304");
	put("vol/dmm-web01-0-01020304", "dmm-made-" HEX, 0600);
	assert_int_equal(dmm_volume_settle(&v, id, -1, why), 0);
	log_is("lvchange -ay -K vg0/dmm-web01-0-01020304\nlvchange -k n vg0/dmm-web01-0-01020304");
	assert_int_equal(dmm_volume_check_new(&v, id, 0, &room, -1, why), -EEXIST);
	assert_non_null(strstr(why, "storage repository fast: there is a volume dmm-web01-0-01020304 already, which an earlier one"));
	assert_int_equal(dmm_volume_remove(&v, id, -1, why), 0);
	log_is("lvremove -f vg0/dmm-web01-0-01020304");
	assert_int_equal(dmm_volume_remove(&v, id, -1, why), 0);
	assert_int_equal(dmm_volume_settle(&v, id, -1, why), -ENOENT);
	assert_string_equal(why, "there is no volume dmm-web01-0-01020304 in vg0");
	assert_int_equal(dmm_volume_check_new(&v, id, 0, &room, -1, why), 0);
	v.size_bytes = 1073741825;
	assert_int_equal(dmm_volume_check_new(&v, id, 0, &room, -1, why), -ENOSPC);
	assert_string_equal(why, "storage repository fast (lvm:vg0) has 1073741824 bytes free, and the disk takes 1073741825: make room "
			    "there, or choose another");
	v.size_bytes = 10000384;
	log_is("");
	/* somebody else's */
	put("vol/dmm-web01-0-01020304", "dmm-made-0202,backup,xdmm-made-" HEX, 0600);
	assert_int_equal(dmm_volume_find(&v, id, -1, why), -EEXIST);
	assert_int_equal(dmm_volume_make(&v, id, -1, why), -EEXIST);
	assert_int_equal(dmm_volume_settle(&v, id, -1, why), -EEXIST);
	assert_int_equal(dmm_volume_remove(&v, id, -1, why), 0);
	log_is("");
	/* ours, once the other mark is gone */
	put("vol/dmm-web01-0-01020304", "backup,dmm-made-" HEX, 0600);
	assert_int_equal(dmm_volume_find(&v, id, -1, why), 1);
	take_away("vol/dmm-web01-0-01020304");
	put("full", "", 0600);
	assert_int_equal(dmm_volume_make(&v, id, -1, why), -ENOSPC);
	assert_non_null(strstr(why, "insufficient free space"));
	take_away("full");
	log_is("lvcreate --yes -Wn -Zn -ky -K -ay " TAGS " -n dmm-web01-0-01020304 -L 10000384b vg0");
	strcpy(v.sr.place, "vg1");
	assert_int_equal(dmm_volume_room(&v.sr, &room, -1, why), -ENOENT);
	assert_string_equal(why, "the volume group vg1 is not there");
}

static void test_thin(void **state)
{
	struct dmm_volume v = { .sr = { "fast", DMM_SR_THIN, "vg0/pool" }, .size_bytes = 10000384 };
	char path[DMM_PATH_MAX];
	u64 room;

	(void)state;
	dmm_volume_call(&v, "web01", 63, id);
	dmm_volume_path(&v, path);
	assert_string_equal(path, "/dev/vg0/dmm-web01-63-01020304");
	assert_int_equal(dmm_volume_room(&v.sr, &room, -1, why), 0);
	assert_true(room == 750000);
	assert_int_equal(dmm_volume_make(&v, id, -1, why), 0);
	log_is("lvcreate --yes -Wn -ky -K -ay " TAGS " -n dmm-web01-63-01020304 -V 10000384b --thinpool pool vg0");
	assert_int_equal(dmm_volume_remove(&v, id, -1, why), 0);
	log_is("lvremove -f vg0/dmm-web01-63-01020304");
	strcpy(v.sr.place, "vg0/other");
	assert_int_equal(dmm_volume_room(&v.sr, &room, -1, why), -ENOENT);
	assert_string_equal(why, "the thin pool vg0/other is not there, or not active");
}

static int set_up(void **state)
{
	char path[512];

	(void)state;
	strcpy(dir, "/tmp/dmm-volume-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/vol", dir);
	if (mkdir(path, 0700))
		return -1;
	put("lvm", lvm, 0700);
	snprintf(path, sizeof(path), "%s:/usr/bin:/bin", dir);
	return setenv("PATH", path, 1);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_srs),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_destinations),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_lvm),
		cmocka_unit_test(test_thin),
	};

	return cmocka_run_group_tests_name("lib_volume", tests, set_up, tear_down);
}
