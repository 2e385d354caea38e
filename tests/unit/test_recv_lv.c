// SPDX-License-Identifier: GPL-2.0
/*
 * Marks on logical volumes, with a program in LVM's place: what is run, in which order, from wherever an earlier one was
 * interrupted; and which state asks for what.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "dmmigrated/marks.h"
#include "fullio.h"

#define VG	"0123456789abcdefghijklmnopqrstuv"
#define LV	"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
#define UUID	"LVM-" VG LV
#define SELECT	"vg_uuid=\"012345-6789-abcd-efgh-ijkl-mnop-qrstuv\" && " \
		"lv_uuid=\"ABCDEF-GHIJ-KLMN-OPQR-STUV-WXYZ-012345\""

#define TAG	"dmmigrate-01000000000000000000000000000000"
#define OTHER	"dmmigrate-02000000000000000000000000000000"

static const u8 id[DMM_ID_BYTES] = { 1 };
static char dir[64], why[DMM_LV_WHY];

/* --- the program --- */

/*
 * Keeps skip and tag as files, and what it was asked in `log`; tells once, long before it ends, where there is a file `slow`; fails where there is a file `broken`, hangs where there is
 * `hung`, and dies after its first change where there is `dies`.
 */
static const char lvm[] =
	"#!/bin/sh\n"
	"cd \"$(dirname \"$0\")\" || exit 1\n"
	"verb=$1; shift 3\n"
	"[ ! -e hung ] || exec sleep 60\n"
	"[ ! -e broken ] || { echo '  Volume group \"vg\" is read-only.' >&2; exit 5; }\n"
	"[ \"$LC_ALL\" = C ] || exit 9\n"
	"if [ $verb = lvs ]; then\n"
	"	for select; do :; done\n"
	"	echo \"$select\" >select\n"
	"	echo '  WARNING: something else entirely.' >&2\n"
	"	[ ! -e gone ] || exit 0\n"
	"	[ ! -e slow ] || { rm slow; slow=y; }\n"
	"	skip=0; [ ! -e skip ] || skip=1\n"
	"	echo \"  LVM2_VG_NAME='vg' LVM2_LV_NAME='web-01' LVM2_LV_SKIP_ACTIVATION='$skip' "
		"LVM2_LV_TAGS='$(cat tags)'\"\n"
	"	[ -z \"$slow\" ] || sleep 0.5\n"
	"	exit 0\n"
	"fi\n"
	"echo \"$*\" >>log\n"
	"[ ! -e dead ] || exit 5\n"
	"case $* in\n"
	"'-k y vg/web-01') touch skip ;;\n"
	"'-k n vg/web-01') rm skip ;;\n"
	"'--addtag " TAG " vg/web-01') sed -i 's/,b/," TAG ",b/' tags ;;\n"
	"'--deltag '*) sed -i \"s/,$2//\" tags ;;\n"
	"'-aay -K vg/web-01') ;;\n"
	"'-ay -K vg/web-01') ;;\n"
	"'vg/web-01 vg/web-01.moved-0100') ;;\n"
	"*) exit 5 ;;\n"
	"esac\n"
	"[ ! -e dies ] || touch dead\n";

static void put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void take(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

static const char *get(const char *name)
{
	static char text[1024];
	char path[128];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f)
		return NULL;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return text;
}

/* What it was asked since the last time. */
static void assert_asked(const char *what)
{
	const char *got = get("log");

	assert_string_equal(got ? got : "", what);
	if (got)
		take("log");
}

static void assert_marked(bool skip, const char *tags)
{
	assert_int_equal(!!get("skip"), skip);
	assert_string_equal(get("tags"), tags);
}

static int setup(void **state)
{
	char path[256];

	(void)state;
	strcpy(dir, "/tmp/dmm-unit-lv.XXXXXX");
	assert_non_null(mkdtemp(dir));
	put("lvm", lvm, 0755);
	put("tags", "a,b\n", 0644);
	snprintf(path, sizeof(path), "%s:/usr/sbin:/usr/bin:/sbin:/bin", dir);
	setenv("PATH", path, 1);
	setenv("LC_ALL", "de_DE.UTF-8", 1);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* --- one volume --- */

#define SET_IT	"--addtag " TAG " vg/web-01\n-k y vg/web-01\n"
#define CLEAR_IT "-aay -K vg/web-01\n-k n vg/web-01\n--deltag " TAG " vg/web-01\n"

static void test_mark(void **state)
{
	(void)state;
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), 0);
	assert_string_equal(get("select"), SELECT "\n");
	assert_asked(SET_IT);
	assert_marked(true, "a," TAG ",b\n");
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), 0);
	assert_asked("");
	/* no device here: it was kept from being activated */
	assert_int_equal(dmm_lv_mark(UUID, id, false, -1, why), 0);
	assert_asked(CLEAR_IT);
	assert_marked(false, "a,b\n");
	assert_int_equal(dmm_lv_mark(UUID, id, false, -1, why), 0);
	assert_asked("");
	assert_int_equal(dmm_lv_activate(UUID, -1, why), 0);
	assert_asked("-ay -K vg/web-01\n");
}

/* The first change is made, and no other. */
static void die_after_one(bool set)
{
	put("dies", "", 0644);
	assert_int_equal(dmm_lv_mark(UUID, id, set, -1, why), -EIO);
	take("dies");
	take("dead");
}

static void *set_thread(void *arg)
{
	char w[DMM_LV_WHY];

	*(int *)arg = dmm_lv_mark(UUID, id, true, -1, w);
	return NULL;
}

/* An earlier migration makes up for its clearing while the next one marks the same volume. */
static void test_mark_twice_at_once(void **state)
{
	static const u8 other[DMM_ID_BYTES] = { 2 };
	pthread_t thread;
	int ret = -1;

	(void)state;
	put("tags", "a," OTHER ",b\n", 0644);
	put("skip", "", 0644);
	put("slow", "", 0644);
	assert_int_equal(pthread_create(&thread, NULL, set_thread, &ret), 0);
	while (get("slow"))
		usleep(1000);
	assert_int_equal(dmm_lv_mark(UUID, other, false, -1, why), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ret, 0);
	assert_marked(true, "a," TAG ",b\n");
}

/* Interrupted anywhere it goes on, and never takes its own mark for somebody else's. */
static void test_mark_interrupted(void **state)
{
	(void)state;
	die_after_one(true);
	assert_asked("--addtag " TAG " vg/web-01\n-k y vg/web-01\n");
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), 0);
	assert_asked("-k y vg/web-01\n");
	assert_marked(true, "a," TAG ",b\n");
	die_after_one(false);
	assert_asked("-aay -K vg/web-01\n-k n vg/web-01\n");
	assert_int_equal(dmm_lv_mark(UUID, id, false, -1, why), 0);
	assert_asked(CLEAR_IT);
	assert_marked(false, "a,b\n");
	/* between the last two */
	put("tags", TAG "\n", 0644);
	assert_int_equal(dmm_lv_mark(UUID, id, false, -1, why), 0);
	assert_asked("--deltag " TAG " vg/web-01\n");
}

/* What somebody else has marked is marked, and stays so. */
static void test_mark_of_others(void **state)
{
	(void)state;
	put("skip", "", 0644);
	put("tags", "x" TAG ",dmmigrate\n", 0644);
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), 0);
	assert_int_equal(dmm_lv_mark(UUID, id, false, -1, why), 0);
	assert_asked("");
	assert_marked(true, "x" TAG ",dmmigrate\n");
}

/* Of two migrations of one volume neither takes away the mark of the other, but by setting its own. */
static void test_mark_of_another_migration(void **state)
{
	(void)state;
	put("skip", "", 0644);
	put("tags", "a," OTHER ",b\n", 0644);
	assert_int_equal(dmm_lv_mark(UUID, id, false, -1, why), 0);
	assert_asked("");
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), 0);
	assert_asked("--addtag " TAG " vg/web-01\n--deltag " OTHER " vg/web-01\n");
	assert_marked(true, "a," TAG ",b\n");
	/* interrupted in between */
	put("tags", "a," OTHER "," TAG "," OTHER "3,b\n", 0644);
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), 0);
	assert_asked("--deltag " OTHER " vg/web-01\n--deltag " OTHER "3 vg/web-01\n");
	assert_int_equal(dmm_lv_mark(UUID, id, false, -1, why), 0);
	assert_asked(CLEAR_IT);
}

static void test_mark_impossible(void **state)
{
	int stop_fd = eventfd(1, EFD_CLOEXEC);
	u64 began_ms = dmm_now_ms();

	(void)state;
	put("gone", "", 0644);
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), 0);
	assert_int_equal(dmm_lv_activate(UUID, -1, why), -ENOENT);
	assert_string_equal(why, "LVM knows no volume of id ABCDEF-GHIJ-KLMN-OPQR-STUV-WXYZ-012345");
	take("gone");
	put("broken", "", 0644);
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), -EIO);
	assert_string_equal(why, "lvm lvs: Volume group \"vg\" is read-only.");
	take("broken");
	put("hung", "", 0644);
	assert_int_equal(dmm_lv_mark(UUID, id, true, stop_fd, why), -ECANCELED);
	assert_in_range(dmm_now_ms() - began_ms, 0, 10000);
	take("hung");
	close(stop_fd);
	/* until it was buried no other begins */
	while (dmm_lv_mark(UUID, id, true, -1, why)) {
		assert_string_equal(why, "an earlier lvm still hangs on a device that does not answer");
		usleep(10000);
	}
	assert_asked(SET_IT);
	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), -EIO);
	assert_string_equal(why, "cannot run lvm: No such file or directory");
	setenv("PATH", "/usr/bin:/bin", 1);
	if (access("/usr/bin/lvm", X_OK) && access("/bin/lvm", X_OK)) {
		assert_int_equal(dmm_lv_mark(UUID, id, true, -1, why), -EIO);
		assert_string_equal(why, "lvm is not installed");
	}
}

static void test_parse(void **state)
{
	static const struct {
		const char *text, *name;
		bool skip;
		const char *tags;
	} t[] = {
		{ "  LVM2_VG_NAME='v' LVM2_LV_NAME='l' LVM2_LV_SKIP_ACTIVATION='1' LVM2_LV_TAGS='dmmigrate'\n",
		  "v/l", true, "dmmigrate" },
		{ "noise\n LVM2_VG_NAME='v' LVM2_LV_NAME='l' LVM2_LV_SKIP_ACTIVATION='0' LVM2_LV_TAGS=''\nnoise",
		  "v/l", false, "" },
		{ "LVM2_VG_NAME='v' LVM2_LV_NAME='l' LVM2_LV_SKIP_ACTIVATION='-1' LVM2_LV_TAGS='a,dmmigrate'",
		  "v/l", false, "a,dmmigrate" },
		{ "", NULL },
		{ "LVM2_VG_NAME='v' LVM2_LV_NAME='l' LVM2_LV_SKIP_ACTIVATION='1' LVM2_LV_TAGS='a", NULL },
		{ "LVM2_VG_NAME='v' LVM2_LV_NAME='' LVM2_LV_SKIP_ACTIVATION='1' LVM2_LV_TAGS=''", NULL },
		{ "LVM2_VG_NAME='v' LVM2_LV_NAME='l'\n LVM2_LV_TAGS=''", NULL },
	};
	char text[512];
	struct dmm_lv lv;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(dmm_lv_parse(t[i].text, &lv), t[i].name ? 0 : -ENOENT);
		if (!t[i].name)
			continue;
		assert_string_equal(lv.name, t[i].name);
		assert_int_equal(lv.skip, t[i].skip);
		assert_string_equal(lv.tags, t[i].tags);
	}
	snprintf(text, sizeof(text), "LVM2_VG_NAME='%0200d' LVM2_LV_NAME='l' LVM2_LV_SKIP_ACTIVATION='1' "
		 "LVM2_LV_TAGS=''", 1);
	assert_int_equal(dmm_lv_parse(text, &lv), -ENOENT);
}

/* --- all of a migration --- */

static void test_states(void **state)
{
	enum dmm_ho_state s;

	(void)state;
	for (s = 0; s < __DMM_HO_STATE_MAX; s++) {
		enum dmm_mark source = DMM_MARK_KEEP, dest = DMM_MARK_KEEP;

		if (s == DMM_HO_RELINQUISHED || s == DMM_HO_RELEASED)
			source = DMM_MARK_SET;
		else if (s == DMM_HO_ACTIVE)
			source = DMM_MARK_CLEAR;
		else if (s == DMM_HO_SETTLED)
			dest = DMM_MARK_CLEAR;
		else if (s >= DMM_HO_RECEIVING && s < DMM_HO_SETTLED)
			dest = DMM_MARK_SET;
		if (s < DMM_HO_RECEIVING || s > DMM_HO_SETTLED) {
			assert_int_equal(dmm_mark_for(DMM_HO_SOURCE, s, false), source);
			assert_int_equal(dmm_mark_for(DMM_HO_SOURCE, s, true),
					 source == DMM_MARK_CLEAR ? DMM_MARK_KEEP : source);
		} else {
			assert_int_equal(dmm_mark_for(DMM_HO_DEST, s, false), dest);
			assert_int_equal(dmm_mark_for(DMM_HO_DEST, s, true),
					 dest == DMM_MARK_CLEAR ? DMM_MARK_KEEP : dest);
		}
	}
}

static void test_thread(void **state)
{
	struct dmm_manifest *m = dmm_manifest_new(id, DMM_HO_SOURCE, 3);
	struct dmm_log_id log_id = { .migration = { 1 }, .disk = DMM_LOG_NO_DISK };
	struct dmm_marks *marks;

	(void)state;
	/* not a volume among them: nothing to do, nothing owed */
	assert_int_equal(dmm_marks_open(m, &log_id, &marks), 0);
	assert_null(marks);
	dmm_marks_want(marks, DMM_MARK_SET);
	dmm_marks_wait(marks, 1000);
	assert_int_equal(dmm_marks_finish(marks, DMM_MARK_SET, 1000, why), 0);
	assert_false(dmm_marks_owe(marks, why));

	strcpy(m->disks[1].lv, UUID);
	put("broken", "", 0644);
	assert_int_equal(dmm_marks_open(m, &log_id, &marks), 0);
	assert_false(dmm_marks_owe(marks, why));
	dmm_marks_want(marks, DMM_MARK_KEEP);
	assert_false(dmm_marks_owe(marks, why));
	assert_int_equal(dmm_marks_finish(marks, DMM_MARK_SET, 10000, why), -EAGAIN);
	assert_string_equal(why, "disk 1: cannot set LVM's activation-skip: lvm lvs: Volume group \"vg\" is "
			    "read-only.");
	assert_true(dmm_marks_owe(marks, why));
	assert_asked("");
	/* and again by itself */
	take("broken");
	while (dmm_marks_owe(marks, why))
		usleep(10000);
	assert_asked(SET_IT);
	dmm_marks_want(marks, DMM_MARK_KEEP);
	assert_false(dmm_marks_owe(marks, why));
	assert_int_equal(dmm_marks_finish(marks, DMM_MARK_CLEAR, 10000, why), 0);
	assert_asked(CLEAR_IT);
	dmm_marks_want(marks, DMM_MARK_SET);
	dmm_marks_wait(marks, 10000);
	assert_asked(SET_IT);
	/* what was half undone when it was wanted again is not taken for done */
	put("dies", "", 0644);
	assert_int_equal(dmm_marks_finish(marks, DMM_MARK_CLEAR, 10000, why), -EAGAIN);
	take("dies");
	take("dead");
	take("log");
	take("skip");
	assert_int_equal(dmm_marks_finish(marks, DMM_MARK_SET, 10000, why), 0);
	assert_asked("-k y vg/web-01\n");

	/* one that hangs keeps nobody who closes */
	put("hung", "", 0644);
	dmm_marks_want(marks, DMM_MARK_SET);
	dmm_marks_close(marks);
	dmm_marks_close(NULL);
	free(m);
}

/* Once it has moved: nobody finds it by its name. */
static void test_put_aside(void **state)
{
	char name[DMM_LV_NAME] = "";

	(void)state;
	assert_int_equal(dmm_lv_put_aside(UUID, ".moved-0100", -1, name, why), 0);
	assert_string_equal(name, "vg/web-01.moved-0100");
	assert_asked("vg/web-01 vg/web-01.moved-0100\n");
	/* it is called so */
	assert_int_equal(dmm_lv_put_aside(UUID, "-01", -1, name, why), 0);
	assert_string_equal(name, "vg/web-01");
	assert_asked("");
	put("gone", "", 0644);
	assert_int_equal(dmm_lv_put_aside(UUID, ".moved-0100", -1, name, why), -ENOENT);
	take("gone");
	put("broken", "", 0644);
	assert_int_equal(dmm_lv_put_aside(UUID, ".moved-0100", -1, name, why), -EIO);
	assert_string_equal(why, "lvm lvs: Volume group \"vg\" is read-only.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_aside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_twice_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_of_another_migration, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_impossible, setup, teardown),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_states),
		cmocka_unit_test_setup_teardown(test_thread, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
