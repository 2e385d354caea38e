// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations of guests: put in place, what was there kept, and what begins them when the host boots.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fullio.h"
#include "guest_config.h"

#define TEXT	"name = \"web\"\nmemory = 96\n"
#define OTHER	"name = \"web\"\nmemory = 97\n"

static char dir[64], path[DMM_GUEST_CONFIG_PATH], kept[DMM_GUEST_CONFIG_PATH], why[DMM_GUEST_CONFIG_WHY];
static const u8 id[DMM_ID_BYTES] = { 0xab }, id2[DMM_ID_BYTES] = { 0xcd };

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/dmm-unit-guests.XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char *at(const char *name)
{
	static char full[4][256];
	static unsigned int n;

	n = (n + 1) % 4;
	snprintf(full[n], sizeof(full[n]), "%s/%s", dir, name);
	return full[n];
}

static void write_file(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void has(const char *file, const char *text)
{
	char buf[256];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf));

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(buf, text, n);
}

/* How many files DIR has, hidden ones included. */
static int entries(const char *d)
{
	char command[160], text[16];
	FILE *f;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", d);
	f = popen(command, "r");
	assert_non_null(fgets(text, sizeof(text), f));
	pclose(f);
	return atoi(text);
}

static int place(const char *text, bool autostart)
{
	return dmm_guest_config_place(dir, "web", id, text, autostart, kept, why);
}

static void names(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".web", "a/b", "/etc/passwd", "../web" };
	char longest[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dmm_guest_config_path(dir, bad[i], path, why), -EINVAL);
		assert_int_equal(dmm_guest_config_check(dir, bad[i], 1, true, why), -EINVAL);
		assert_int_equal(dmm_guest_config_place(dir, bad[i], id, TEXT, true, kept, why), -EINVAL);
	}
	assert_int_equal(entries(dir), 0);
	assert_int_equal(dmm_guest_config_path(dir, "my web..1", path, why), 0);
	assert_string_equal(path, at("my web..1.cfg"));
	memset(longest, 'x', sizeof(longest));
	longest[250] = '\0';
	assert_int_equal(dmm_guest_config_path(dir, longest, path, why), -ENAMETOOLONG);
	/* what a domain's name may have at most, in a directory of that length, and all that is made of it */
	longest[63] = '\0';
	assert_int_equal(dmm_guest_config_place(dir, longest, id, TEXT, true, kept, why), 0);
	assert_int_equal(dmm_guest_config_place(dir, longest, id, OTHER, true, kept, why), 0);
	has(kept, TEXT);
}

static void a_new_one(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(dmm_guest_config_check(dir, "web", 5000, false, why), 0);
	assert_int_equal(entries(dir), 0);
	assert_int_equal(place(TEXT, false), 0);
	assert_string_equal(kept, "");
	has(at("web.cfg"), TEXT);
	assert_int_equal(stat(at("web.cfg"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(entries(dir), 1);
	/* once more, after a crash */
	assert_int_equal(place(TEXT, false), 0);
	assert_string_equal(kept, "");
	assert_int_equal(entries(dir), 1);
}

/* Whatever a person has written stays, each of it, under a name of its own. */
static void what_was_there_is_kept(void **state)
{
	char first[DMM_GUEST_CONFIG_PATH];

	(void)state;
	write_file(at("web.cfg"), "mine\n");
	assert_int_equal(place(TEXT, false), 0);
	has(at("web.cfg"), TEXT);
	has(kept, "mine\n");
	strcpy(first, kept);
	assert_int_equal(entries(dir), 2);
	write_file(at("web.cfg"), "mine, too\n");
	assert_int_equal(place(OTHER, false), 0);
	has(kept, "mine, too\n");
	has(first, "mine\n");
	assert_string_not_equal(first, kept);
	assert_int_equal(dmm_guest_config_place(dir, "web", id2, TEXT, false, kept, why), 0);
	has(kept, OTHER);
	assert_int_equal(entries(dir), 4);
}

/* It was given its other name, and then the host crashed: it is not given a second one. */
static void interrupted_when_it_was_kept(void **state)
{
	(void)state;
	write_file(at("web.cfg"), "mine\n");
	assert_int_equal(place(TEXT, false), 0);
	assert_int_equal(unlink(at("web.cfg")), 0);
	assert_int_equal(link(kept, at("web.cfg")), 0);
	write_file(at(".web.cfg.dmmigrate-ab000000000000000000000000000000"), "ha");
	assert_int_equal(place(TEXT, false), 0);
	has(at("web.cfg"), TEXT);
	has(kept, "mine\n");
	assert_int_equal(entries(dir), 2);
}

/* Neither is anything written through a link, nor is what it leads to lost. */
static void a_link_is_kept(void **state)
{
	char to[64];

	(void)state;
	write_file(at("elsewhere"), "mine\n");
	assert_int_equal(symlink("elsewhere", at("web.cfg")), 0);
	assert_int_equal(dmm_guest_config_check(dir, "web", 5000, false, why), 0);
	assert_int_equal(place(TEXT, false), 0);
	has(at("elsewhere"), "mine\n");
	has(at("web.cfg"), TEXT);
	assert_int_equal(readlink(kept, to, sizeof(to)), 9);
}

static void what_cannot_be_written(void **state)
{
	(void)state;
	assert_int_equal(mkdir(at("web.cfg"), 0700), 0);
	assert_int_equal(dmm_guest_config_check(dir, "web", 1, false, why), -EEXIST);
	assert_non_null(strstr(why, "web.cfg is no file"));
	assert_true(place(TEXT, false) < 0);
	assert_int_equal(entries(dir), 1);
	assert_int_equal(dmm_guest_config_check("/nonexistent", "web", 1, false, why), -ENOENT);
	assert_non_null(strstr(why, "/nonexistent"));
	assert_int_equal(dmm_guest_config_place("/nonexistent", "web", id, TEXT, false, kept, why), -ENOENT);
	assert_int_equal(dmm_guest_config_check("/proc", "web", 1, false, why), -ENOENT);
}

static void it_is_begun_at_boot(void **state)
{
	(void)state;
	assert_int_equal(dmm_guest_config_check(dir, "web", 1, true, why), 0);
	assert_int_equal(place(TEXT, true), 0);
	has(at("auto/web.cfg"), TEXT);
	assert_int_equal(place(OTHER, true), 0);
	has(at("auto/web.cfg"), OTHER);
	assert_int_equal(entries(at("auto")), 1);
	/* a link by another way to the same, and one that is dead */
	assert_int_equal(unlink(at("auto/web.cfg")), 0);
	assert_int_equal(symlink(at("web.cfg"), at("auto/web.cfg")), 0);
	assert_int_equal(place(OTHER, true), 0);
	has(at("auto/web.cfg"), OTHER);
	assert_int_equal(unlink(at("auto/web.cfg")), 0);
	assert_int_equal(symlink("/nonexistent/web.cfg", at("auto/web.cfg")), 0);
	assert_int_equal(dmm_guest_config_check(dir, "web", 1, true, why), 0);
	assert_int_equal(place(OTHER, true), 0);
	has(at("auto/web.cfg"), OTHER);
}

/* Another guest begins by that name: said before anything moves. */
static void another_is_begun_at_boot(void **state)
{
	(void)state;
	assert_int_equal(mkdir(at("auto"), 0700), 0);
	write_file(at("auto/web.cfg"), "mine\n");
	assert_int_equal(dmm_guest_config_check(dir, "web", 1, false, why), 0);
	assert_int_equal(dmm_guest_config_check(dir, "web", 1, true, why), -EEXIST);
	assert_non_null(strstr(why, "auto/web.cfg begins something else"));
	assert_int_equal(place(TEXT, true), -EEXIST);
	has(at("auto/web.cfg"), "mine\n");
}

static int autostart(const char *file, bool remove)
{
	return dmm_guest_config_autostart(dir, at(file), remove, path, why);
}

static void nothing_begins_it_any_more(void **state)
{
	(void)state;
	write_file(at("web.cfg"), TEXT);
	write_file(at("db.cfg"), TEXT);
	assert_int_equal(autostart("web.cfg", false), 0);	/* no directory */
	assert_int_equal(mkdir(at("auto"), 0700), 0);
	assert_int_equal(autostart("web.cfg", true), 0);
	assert_string_equal(path, "");
	assert_int_equal(symlink("../web.cfg", at("auto/10-web")), 0);
	assert_int_equal(link(at("web.cfg"), at("auto/web2.cfg")), 0);
	assert_int_equal(symlink("../db.cfg", at("auto/db.cfg")), 0);
	assert_int_equal(symlink("../gone.cfg", at("auto/gone.cfg")), 0);
	assert_int_equal(autostart("web.cfg", false), 2);
	assert_non_null(strstr(path, "/auto/"));
	assert_int_equal(entries(at("auto")), 4);
	assert_int_equal(autostart("web.cfg", true), 2);
	assert_int_equal(entries(at("auto")), 2);
	has(at("web.cfg"), TEXT);
	has(at("auto/db.cfg"), TEXT);
	assert_int_equal(autostart("web.cfg", true), 0);	/* once more */
	assert_int_equal(autostart("missing.cfg", true), 0);
}

/* The configuration itself lies there: it is moved, and takes nobody's place. */
static void the_file_lies_among_them(void **state)
{
	(void)state;
	assert_int_equal(mkdir(at("auto"), 0700), 0);
	write_file(at("auto/web.cfg"), TEXT);
	assert_int_equal(autostart("auto/web.cfg", false), 1);
	write_file(at("web.cfg"), "mine\n");
	assert_int_equal(autostart("auto/web.cfg", true), -EEXIST);
	assert_non_null(strstr(why, "auto/web.cfg still begins the guest here: remove it"));
	has(at("auto/web.cfg"), TEXT);
	has(at("web.cfg"), "mine\n");
	assert_int_equal(unlink(at("web.cfg")), 0);
	assert_int_equal(autostart("auto/web.cfg", true), 1);
	has(at("web.cfg"), TEXT);
	assert_int_equal(entries(at("auto")), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(names),
		T(a_new_one),
		T(what_was_there_is_kept),
		T(interrupted_when_it_was_kept),
		T(a_link_is_kept),
		T(what_cannot_be_written),
		T(it_is_begun_at_boot),
		T(another_is_begun_at_boot),
		T(nothing_begins_it_any_more),
		T(the_file_lies_among_them),
	};

	return cmocka_run_group_tests_name("lib_guest_config", tests, NULL, NULL);
}
