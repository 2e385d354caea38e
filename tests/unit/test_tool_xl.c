// SPDX-License-Identifier: GPL-2.0
/*
 * What is read of xl, and what is said to it: domains, configurations, the conversation of a migration.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fullio.h"
#include "platform/xl.h"
#include "platform/xl_home.h"
#include "platform/xl_stream.h"

#define WAIT_MS	5000

/* Of xl 4.17, shortened: what `xl list -l g1` prints of a PVH domain with two disks, and of an HVM one with a drive. */
static const char pvh[] = "[ { \"domid\": 1, \"config\": { \"c_info\": { \"type\": \"pvh\", \"name\": \"g1\", \"domid\": 4294967295, "
	"\"run_hotplug_scripts\": \"True\" }, \"b_info\": { \"max_vcpus\": 1 }, \"disks\": [ { \"pdev_path\": \"/dev/mapper/gdisk\", "
	"\"vdev\": \"xvda\", \"format\": \"raw\", \"readwrite\": 1, \"colo_restore_enable\": \"False\" }, { \"pdev_path\": "
	"\"/dev/mapper/gdisk2\", \"vdev\": \"xvdb\", \"format\": \"raw\", \"readwrite\": 1 } ], \"on_reboot\": \"restart\" } } ]";
static const char hvm[] = "[ { \"domid\": 7, \"config\": { \"c_info\": { \"name\": \"win\" }, \"disks\": [ { \"vdev\": \"hdc\", "
	"\"format\": \"empty\", \"removable\": 1, \"is_cdrom\": 1 }, { \"pdev_path\": \"/srv/a.iso\", \"vdev\": \"hdd\", "
	"\"is_cdrom\": 1 } ], \"pcidevs\": [ { \"dev\": 2 } ] } } ]";

static void domains(void **state)
{
	static const char *const bad[] = {
		"", "{", "[ { \"domid\": 1 } ]", "[ { \"domid\": 1, \"config\": { \"c_info\": { } } } ]",
		"[ { \"domid\": -1, \"config\": { \"c_info\": { \"name\": \"g\" } } } ]",
		"[ { \"domid\": 1, \"config\": { \"c_info\": { \"name\": \"g\" }, \"disks\": [ { } ] } } ]",
		"[ { \"domid\": 1, \"config\": { \"c_info\": { \"name\": \"g\" }, \"disks\": [ 5 ] } } ]",
		"[ 1, 2 ]",
	};
	struct dmm_xl_domain d;
	char why[DMM_XL_TEXT];
	size_t i;

	(void)state;
	assert_int_equal(dmm_xl_domain_parse(pvh, &d, why), 0);
	assert_int_equal(d.domid, 1);
	assert_string_equal(d.name, "g1");
	assert_false(d.passthrough);
	assert_int_equal(d.nr, 2);
	assert_string_equal(d.disks[0].vdev, "xvda");
	assert_string_equal(d.disks[1].path, "/dev/mapper/gdisk2");
	assert_true(d.disks[1].readwrite && !d.disks[1].cdrom);
	assert_int_equal(dmm_xl_domain_parse(hvm, &d, why), 0);
	assert_true(d.passthrough);
	assert_int_equal(d.nr, 2);
	assert_true(d.disks[0].cdrom && !d.disks[0].readwrite);
	assert_string_equal(d.disks[0].path, "");
	assert_string_equal(d.disks[1].path, "/srv/a.iso");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dmm_xl_domain_parse(bad[i], &d, why), -EBADMSG);
	assert_int_equal(dmm_xl_domain_parse("[\n]\n", &d, why), -ENODATA);
}

/* One that reboots is gone, then there without a configuration, then there: with the disks that it had, or others. */
static void reboots(void **state)
{
	char dir[] = "/tmp/dmm-unit-path.XXXXXX", path[64], env[512], was[256], why[DMM_XL_TEXT];
	struct dmm_xl_domain d;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(was, sizeof(was), "%s", getenv("PATH"));
	snprintf(env, sizeof(env), "%s:%s", dir, was);
	snprintf(path, sizeof(path), "%s/xl", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n[ \"$*\" = 'list -l g1' ] || exit 2\necho >> %s/asked\n"
		"case $(wc -l < %s/asked) in\n1 | 2) exit 1 ;;\n3 | 4) echo '[ ]' ;;\n*) cat << 'EOS'\n%s\nEOS\nesac\n", dir, dir, pvh);
	assert_int_equal(fchmod(fileno(f), 0700), 0);
	fclose(f);
	setenv("PATH", env, 1);
	assert_int_equal(dmm_xl_domain_parse(pvh, &d, why), 0);
	d.domid = 5;
	assert_int_equal(dmm_xl_still_there(&d, 0, why), -ENOENT);
	assert_int_equal(dmm_xl_still_there(&d, WAIT_MS, why), 1);
	assert_int_equal(d.domid, 1);
	assert_int_equal(dmm_xl_still_there(&d, 0, why), 0);
	snprintf(d.disks[0].path, sizeof(d.disks[0].path), "/dev/other");
	assert_int_equal(dmm_xl_still_there(&d, 0, why), -EBUSY);
	setenv("PATH", was, 1);
	unlink(path);
	snprintf(path, sizeof(path), "%s/asked", dir);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

static void configurations(void **state)
{
	static const struct { const char *before, *after; } good[] = {
		{ "name = \"g\"\ndisk = [ 'phy:/dev/a,xvda,w' ]\nvcpus=1\n", "name = \"g\"\ndisk = [\n\t\"D0\",\n\t\"D1\"\n]\nvcpus=1\n" },
		/* brackets and hashes in texts and comments; a list of several lines */
		{ "# disk = [ 1 ]\ndisk=[ # ]\n 'a#]', \"b['\" , ]; cpus = '#'", "# disk = [ 1 ]\ndisk=[\n\t\"D0\",\n\t\"D1\"\n]; cpus = '#'" },
		{ "disk = []", "disk = [\n\t\"D0\",\n\t\"D1\"\n]" },
		/* the last one counts; others are called alike */
		{ "disks = 1\ndisk='x'\n_disk=2\ndisk = [ 'y' ] # z", "disks = 1\ndisk='x'\n_disk=2\ndisk = [\n\t\"D0\",\n\t\"D1\"\n] # z" },
		{ "vif = [ [ 'nested' ], 'disk = [ ]' ]\ndisk=['a']", "vif = [ [ 'nested' ], 'disk = [ ]' ]\ndisk=[\n\t\"D0\",\n\t\"D1\"\n]" },
	};
	static const char *const bad[] = { "disk = [ 'a'", "disk = [ 'a ]", "disk", "= 3", "disk = ['a'] x", "disk = x'a'", "disk =\n", "a b = 1\ndisk=[]" };
	static const char *const disks[] = { "D0", "D1" };
	char why[DMM_XL_TEXT], *out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(dmm_xl_config_disks(good[i].before, disks, 2, &out, why), 0);
		assert_string_equal(out, good[i].after);
		free(out);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dmm_xl_config_disks(bad[i], disks, 2, &out, why), -EBADMSG);
		assert_string_equal(why, "line 1 is not understood");
	}
	assert_int_equal(dmm_xl_config_disks("name = 'disk'", disks, 2, &out, why), -ENOENT);
	assert_int_equal(dmm_xl_config_disks("name = 'disk'", disks, 0, &out, why), 0);
	assert_string_equal(out, "name = 'disk'");
	free(out);
}

static bool is_a(void *arg, const char *path)
{
	return !strcmp(path, arg);
}

/* One disk moves: its path changes wherever it is named, and nothing else. */
static void paths(void **state)
{
	static const struct { const char *before, *after; int nr; } good[] = {
		{ "disk = [ 'phy:/dev/a,xvda,w' ]\n", "disk = [ 'phy:/new/x,xvda,w' ]\n", 1 },
		{ "disk = [ '/dev/a,raw,xvda,rw', \"/dev/ab,raw,xvdb\" ]", "disk = [ '/new/x,raw,xvda,rw', \"/dev/ab,raw,xvdb\" ]", 1 },
		{ "disk=['vdev=xvda, script=/dev/ab, target=/dev/a','format=raw,target=/dev/a']",
		  "disk=['vdev=xvda, script=/dev/ab, target=/new/x','format=raw,target=/new/x']", 2 },
		{ "disk = [ # '/dev/a\n 'raw:/dev/a ,xvda' ]", "disk = [ # '/dev/a\n 'raw:/new/x ,xvda' ]", 1 },
		/* not of the list that counts, no path of its own, another one's beginning and end */
		{ "disk = ['/dev/a']\nkernel = '/dev/a'\ndisk = [ '/dev/a' ]", "disk = ['/dev/a']\nkernel = '/dev/a'\ndisk = [ '/new/x' ]", 1 },
		{ "disk = [ '/x/dev/a', '/dev/a/b', \"x/dev/a\", '/dev/ab' ]", NULL, 0 },
		{ "kernel = '/dev/a'", NULL, 0 }, { "disk = []", NULL, 0 }, { "", NULL, 0 },
	};
	char why[DMM_XL_TEXT], was[DMM_PATH_MAX], *out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(dmm_xl_config_repath(good[i].before, is_a, (char *)"/dev/a", "/new/x", &out, was, why), good[i].nr);
		if (!good[i].nr)
			continue;
		assert_string_equal(out, good[i].after);
		assert_string_equal(was, "/dev/a");
		free(out);
	}
	assert_int_equal(dmm_xl_config_repath("disk = [ '/dev/a", is_a, (char *)"/dev/a", "/new/x", &out, was, why), -EBADMSG);
	assert_string_equal(why, "line 1 is not understood");
	/* a quote within a word: what begins there would end behind it */
	assert_int_equal(dmm_xl_config_repath("disk = x'/dev/a # b'", is_a, (char *)"/dev/a", "/new/x", &out, was, why), -EBADMSG);
}

static void domain_of_a_disk(void **state)
{
	static const char dom0[] = "[ { \"domid\": 0, \"config\": { \"c_info\": { \"type\": \"pv\" } } }, ";
	char why[DMM_XL_TEXT], all[4096];
	struct dmm_xl_domain d;
	u32 which;

	(void)state;
	/* "[ {...} ]" of both, in one list */
	snprintf(all, sizeof(all), "%s%.*s, %s", dom0, (int)strlen(hvm) - 4, hvm + 2, pvh + 2);
	assert_int_equal(dmm_xl_domain_with(all, is_a, (char *)"/dev/mapper/gdisk2", &d, &which, why), 0);
	assert_string_equal(d.name, "g1");
	assert_int_equal(which, 1);
	assert_int_equal(dmm_xl_domain_with(all, is_a, (char *)"/srv/a.iso", &d, &which, why), 0);
	assert_string_equal(d.name, "win");
	assert_int_equal(dmm_xl_domain_with(all, is_a, (char *)"/dev/mapper/gdisk", &d, &which, why), 0);
	assert_int_equal(which, 0);
	assert_int_equal(dmm_xl_domain_with(all, is_a, (char *)"/dev/other", &d, &which, why), -ENOENT);
	assert_int_equal(dmm_xl_domain_with("[]", is_a, (char *)"/dev/other", &d, &which, why), -ENOENT);
	assert_int_equal(dmm_xl_domain_with("xl: no", is_a, (char *)"/dev/other", &d, &which, why), -EBADMSG);
}

/* As xl 4.17 prints it. */
#define LIST	"Name                                        ID   Mem VCPUs\tState\tTime(s)\n" \
		"Domain-0                                     0   512     1     r-----      39.8\n"
#define LINE(name, id, state)	name "                                          " id "    96     1     " state "       3.4\n"

static void what_is_here(void **state)
{
	static const struct { const char *text; struct dmm_xl_here here; } lists[] = {
		{ LIST, { 0 } },
		{ LIST LINE("web2", "4", "-b----") LINE("web--incoming", "5", "--p---"), { 0 } },
		{ LIST LINE("web", "4", "-b----"), { .domid = 4 } },
		{ LIST LINE("web2", "3", "---s--") LINE("web", "4", "---ss-"), { .domid = 4, .suspended = true } },
		{ LIST LINE("web", "4", "---sr-"), { .domid = 4, .ended = true } },
		{ LIST LINE("web", "4", "---s--"), { .domid = 4, .ended = true } },
		{ LIST LINE("web--migratedaway", "6", "---ss-"), { .domid = 6, .suspended = true, .away = true } },
		{ LIST LINE("web--migratedaway", "6", "---s--") LINE("web", "7", "r-----"), { .domid = 7, .twice = true } },
		{ LIST LINE("web", "7", "r-----") LINE("web--migratedaway", "6", "---s--"), { .domid = 7, .twice = true } },
	};
	static const char *const bad[] = { "", "xl: no such command\n", LIST "web x y z\n", LIST "web 0 1 1 r----- 3\n", LIST "web 1 1 1 r-- 3\n" };
	struct dmm_xl_here h;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		assert_int_equal(dmm_xl_here_parse(lists[i].text, "web", &h), 0);
		assert_int_equal(h.domid, lists[i].here.domid);
		assert_int_equal(h.suspended, lists[i].here.suspended);
		assert_int_equal(h.ended, lists[i].here.ended);
		assert_int_equal(h.away, lists[i].here.away);
		assert_int_equal(h.twice, lists[i].here.twice);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(dmm_xl_here_parse(bad[i], "web", &h), -EBADMSG);
}

/* --- the stream --- */

static struct dmm_xl_stream s;
static int sender_in, sender_out, receiver;	/* of the two xl */

static int stream_setup(void **state)
{
	int a[2], b[2], c[2];

	(void)state;
	memset(&s, 0, sizeof(s));
	if (pipe(a) || pipe(b) || socketpair(AF_UNIX, SOCK_STREAM, 0, c))
		return -1;
	s.from_sender = a[0];
	sender_out = a[1];
	s.to_sender = b[1];
	sender_in = b[0];
	s.receiver = c[0];
	receiver = c[1];
	s.stop_fd = -1;
	return 0;
}

static int stream_teardown(void **state)
{
	(void)state;
	close(s.from_sender);
	close(s.to_sender);
	close(s.receiver);
	if (sender_out >= 0)
		close(sender_out);
	close(sender_in);
	if (receiver >= 0)
		close(receiver);
	return 0;
}

static const char banner[] = "xl migration receiver ready, send binary domain data.\n";
static const char ready[] = "domain received, ready to unpause";
static const char go[] = "domain is yours, you are cleared to unpause";
static const char report[] = "my copy unpause results are as follows";

static void say(int fd, const void *bytes, size_t n)
{
	assert_int_equal(write(fd, bytes, n), n);
}

static void hear(int fd, const void *bytes, size_t n)
{
	char got[128];
	size_t done = 0;
	ssize_t m;

	while (done < n) {
		m = read(fd, got + done, n - done);
		assert_true(m > 0);
		done += (size_t)m;
	}
	assert_memory_equal(got, bytes, n);
}

static bool hears_nothing(int fd)
{
	return dmm_wait_fd(fd, 1 /* POLLIN */, dmm_now_ms() + 20, -1) == -ETIMEDOUT;
}

static void *until_ready(void *arg)
{
	(void)arg;
	return (void *)(long)dmm_xl_until_ready(&s);
}

static int until_ready_ends(pthread_t thread)
{
	void *ret;

	assert_int_equal(pthread_join(thread, &ret), 0);
	return (int)(long)ret;
}

/* From the banner to READY, with memory that says READY itself, in small pieces. */
static void memory_flows(void)
{
	pthread_t thread;
	size_t i;

	assert_int_equal(pthread_create(&thread, NULL, until_ready, NULL), 0);
	for (i = 0; i < sizeof(banner) - 1; i += 7)
		say(receiver, banner + i, dmm_min_u64(7, sizeof(banner) - 1 - i));
	hear(sender_in, banner, sizeof(banner) - 1);
	say(sender_out, ready, sizeof(ready));
	say(sender_out, go, sizeof(go));
	hear(receiver, ready, sizeof(ready));
	hear(receiver, go, sizeof(go));
	for (i = 0; i < sizeof(ready); i += 5)
		say(receiver, ready + i, dmm_min_u64(5, sizeof(ready) - i));
	assert_int_equal(until_ready_ends(thread), 0);
	assert_int_equal(s.bytes, sizeof(ready) + sizeof(go));
	assert_true(s.last_ns);
}

static void word_by_word(void **state)
{
	(void)state;
	memory_flows();
	assert_true(hears_nothing(sender_in));		/* READY is held back */
	say(sender_out, go, sizeof(go));
	assert_int_equal(dmm_xl_ready(&s, dmm_now_ms() + WAIT_MS), 0);
	hear(sender_in, ready, sizeof(ready));
	assert_true(hears_nothing(receiver));		/* GO, too */
	say(receiver, report, sizeof(report));
	say(receiver, "", 1);
	assert_int_equal(dmm_xl_go(&s, dmm_now_ms() + WAIT_MS), 0);
	hear(receiver, go, sizeof(go));
	assert_int_equal(s.report, 0);
	assert_true(hears_nothing(sender_in));		/* and the report */
	assert_int_equal(dmm_xl_report(&s, 0), 0);
	hear(sender_in, report, sizeof(report));
	hear(sender_in, "", 1);
	assert_true(hears_nothing(sender_in));
}

/* The domain there cannot be unpaused: its end is waited for, and the sender is told that it may go on. */
static void told_no(void **state)
{
	(void)state;
	say(receiver, report, sizeof(report));
	say(receiver, "\3", 1);
	assert_int_equal(dmm_xl_go(&s, dmm_now_ms() + 50), -ETIMEDOUT);
	say(receiver, report, sizeof(report));
	say(receiver, "\3", 1);
	say(receiver, go, sizeof(go));
	assert_int_equal(dmm_xl_go(&s, dmm_now_ms() + WAIT_MS), 0);
	assert_int_equal(s.report, 3);
	assert_int_equal(dmm_xl_report(&s, 3), 0);
	hear(sender_in, report, sizeof(report));
	hear(sender_in, "\3", 1);
	hear(sender_in, go, sizeof(go));
	say(receiver, report, sizeof(report));
	say(receiver, "\3", 1);
	say(receiver, report, sizeof(report));
	say(receiver, report, sizeof(report));
	assert_int_equal(dmm_xl_go(&s, dmm_now_ms() + WAIT_MS), -EPROTO);
}

static int paced;		/* what pace() answers */

static int pace(void *arg)
{
	assert_ptr_equal(arg, &paced);
	return __atomic_load_n(&paced, __ATOMIC_SEQ_CST);
}

/* Memory that is to wait does, whatever the receiver says meanwhile; then it goes on, or is told to stop. */
static void memory_waits(void **state)
{
	pthread_t thread;

	(void)state;
	s.pace = pace;
	s.pace_arg = &paced;
	paced = 1;
	assert_int_equal(pthread_create(&thread, NULL, until_ready, NULL), 0);
	say(receiver, banner, sizeof(banner) - 1);
	hear(sender_in, banner, sizeof(banner) - 1);
	say(sender_out, "memory", 6);
	assert_int_equal(dmm_wait_fd(receiver, 1 /* POLLIN */, dmm_now_ms() + 600, -1), -ETIMEDOUT);
	__atomic_store_n(&paced, 0, __ATOMIC_SEQ_CST);
	hear(receiver, "memory", 6);
	__atomic_store_n(&paced, -ETIME, __ATOMIC_SEQ_CST);
	assert_int_equal(until_ready_ends(thread), -ETIME);
	/* a sender that has ended is not waited for */
	paced = 1;
	assert_int_equal(pthread_create(&thread, NULL, until_ready, NULL), 0);
	close(sender_out);
	sender_out = -1;
	assert_int_equal(until_ready_ends(thread), -EPIPE);
}

static void either_ends(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, until_ready, NULL), 0);
	close(sender_out);
	sender_out = -1;
	assert_int_equal(until_ready_ends(thread), -EPIPE);
	assert_string_equal(s.why, "xl migrate has ended");
	close(receiver);
	receiver = -1;
	assert_int_equal(dmm_xl_until_ready(&s), -ECONNRESET);
	assert_string_equal(s.why, "xl migrate-receive there has ended");
	assert_int_equal(dmm_xl_go(&s, dmm_now_ms() + WAIT_MS), -ECONNRESET);
}

static void another_word(void **state)
{
	(void)state;
	say(receiver, "xl migration receiver of tomorrow\n", 34);
	assert_int_equal(dmm_xl_until_ready(&s), -EPROTO);
	assert_non_null(strstr(s.why, "'xl migration receiver of tomorrow.'"));
	say(sender_out, ready, sizeof(ready));
	say(sender_out, ready, sizeof(ready));
	assert_int_equal(dmm_xl_ready(&s, dmm_now_ms() + WAIT_MS), -EPROTO);
	say(receiver, ready, sizeof(ready));
	say(receiver, ready, sizeof(ready));
	assert_int_equal(dmm_xl_go(&s, dmm_now_ms() + WAIT_MS), -EPROTO);
}

static void waits_have_an_end(void **state)
{
	int stop[2];

	(void)state;
	assert_int_equal(dmm_xl_ready(&s, dmm_now_ms() + 50), -ETIMEDOUT);
	assert_int_equal(dmm_xl_go(&s, dmm_now_ms() + 50), -ETIMEDOUT);
	assert_int_equal(pipe(stop), 0);
	s.stop_fd = stop[0];
	say(stop[1], "x", 1);
	assert_int_equal(dmm_xl_until_ready(&s), -ECANCELED);
	assert_int_equal(dmm_xl_ready(&s, dmm_now_ms() + WAIT_MS), -ECANCELED);
	close(stop[0]);
	close(stop[1]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, stream_setup, stream_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains),
		cmocka_unit_test(reboots),
		cmocka_unit_test(configurations),
		cmocka_unit_test(paths),
		cmocka_unit_test(domain_of_a_disk),
		T(word_by_word),
		cmocka_unit_test(what_is_here),
		T(told_no),
		T(memory_waits),
		T(either_ends),
		T(another_word),
		T(waits_have_an_end),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
