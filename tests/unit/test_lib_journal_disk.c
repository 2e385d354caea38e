// SPDX-License-Identifier: GPL-2.0
/*
 * Journals on disk: what is synced before an append has succeeded, each write and sync failing in
 * turn, several that append at once.
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
#include <sys/wait.h>
#include <unistd.h>

#include "journal.h"
#include "parse.h"

#define RECORD	DMM_JOURNAL_RECORD_BYTES
#define ID_HEX	"0102030405060708090a0b0c0d0e0f10"

static const u8 id[DMM_ID_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static char top[64], dir[96], file[192], why[DMM_JOURNAL_WHY];

/* What reached the disk: w a write, s a sync, t a truncation; call number @io_fails is the first that fails. */
static char io_done[64];
static unsigned int io_calls, io_fails, io_fail_count;
static size_t io_short;		/* a failing write does so much of it */

static bool io_broken(char what)
{
	if (io_calls < sizeof(io_done) - 1)
		io_done[io_calls] = what;
	io_calls++;
	return io_calls >= io_fails && io_calls < io_fails + io_fail_count;
}

static ssize_t fake_pwrite(int fd, const void *buf, size_t bytes, off_t offset)
{
	static bool again;

	if (again) {	/* the rest after a short write */
		again = false;
		errno = EIO;
		return -1;
	}
	if (!io_broken('w'))
		return pwrite(fd, buf, bytes, offset);
	if (io_short) {
		again = true;
		return pwrite(fd, buf, io_short, offset);
	}
	errno = EIO;
	return -1;
}

static int fake_fsync(int fd)
{
	if (!io_broken('s'))
		return fsync(fd);
	errno = EIO;
	return -1;
}

static int fake_ftruncate(int fd, off_t bytes)
{
	if (!io_broken('t'))
		return ftruncate(fd, bytes);
	errno = EIO;
	return -1;
}

static const struct dmm_journal_io fake = { fake_pwrite, fake_fsync, fake_ftruncate };

/* The next @count calls from @first (1: the next one; 0: none) fail. */
static void io_plan(unsigned int first, unsigned int count)
{
	memset(io_done, 0, sizeof(io_done));
	io_calls = 0;
	io_fails = first ? first : ~0u;
	io_fail_count = first ? count : 0;
	io_short = 0;
}

static int setup(void **state)
{
	(void)state;
	snprintf(top, sizeof(top), "/tmp/dmm-test.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	snprintf(dir, sizeof(dir), "%s/a/b", top);
	snprintf(file, sizeof(file), "%s/" ID_HEX "/journal", dir);
	io_plan(0, 0);
	return 0;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static struct dmm_journal_record record(enum dmm_ho_state s, u64 epoch)
{
	struct dmm_journal_record r = {
		.role = DMM_HO_SOURCE, .state = s, .epoch = epoch, .nr_disks = 1, .host = "host-a", .by = "test",
	};

	memcpy(r.id, id, sizeof(id));
	return r;
}

static struct dmm_journal *begin(const struct dmm_journal_io *io)
{
	struct dmm_journal_record r = record(DMM_HO_ACTIVE, 0);
	struct dmm_journal *j;

	assert_int_equal(dmm_journal_create(dir, &r, io, &j), 0);
	return j;
}

static struct dmm_journal *reopen(struct dmm_journal *j, const struct dmm_journal_io *io)
{
	dmm_journal_close(j);
	if (dmm_journal_open(dir, id, io, &j, why))
		fail_msg("%s", why);
	return j;
}

static int append(struct dmm_journal *j, enum dmm_ho_state s, u64 epoch)
{
	struct dmm_journal_record r = record(s, epoch);
	int event, err = 1;

	event = dmm_journal_append(j, &r, &err);
	assert_true(event == DMM_HO_EV_APPENDED ? !err : err < 0);
	return event;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : st.st_size;
}

static void test_life(void **state)
{
	struct dmm_journal *j = begin(NULL), *other;
	struct dmm_journal_record r = record(DMM_HO_ACTIVE, 0);
	char path[256];
	struct stat st;

	(void)state;
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, RECORD);
	snprintf(path, sizeof(path), "%s/" ID_HEX, dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s.new", file);
	assert_int_equal(size_of(path), -1);

	assert_int_equal(dmm_journal_create(dir, &r, NULL, &other), -EEXIST);
	assert_int_equal(append(j, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPENDED);
	assert_int_equal(append(j, DMM_HO_RELINQUISHED, 1), DMM_HO_EV_APPENDED);
	j = reopen(j, NULL);
	assert_int_equal(dmm_journal_last(j)->seq, 3);
	assert_int_equal(dmm_journal_last(j)->state, DMM_HO_RELINQUISHED);
	assert_int_equal(dmm_journal_last(j)->epoch, 1);
	/* what no journal may hold */
	assert_int_equal(append(j, DMM_HO_RELEASED, 0), DMM_HO_EV_APPEND_NOTHING);
	assert_int_equal(append(j, DMM_HO_OWNED, 1), DMM_HO_EV_APPEND_NOTHING);
	assert_int_equal(append(j, DMM_HO_FENCED, 1), DMM_HO_EV_APPEND_NOTHING);
	assert_int_equal(append(j, DMM_HO_RELEASED, 1), DMM_HO_EV_APPENDED);
	assert_int_equal(size_of(file), 4 * RECORD);
	dmm_journal_close(j);
	r.state = DMM_HO_FROZEN;
	r.id[0]++;
	assert_int_equal(dmm_journal_create(dir, &r, NULL, &j), -EINVAL);
}

static void test_none(void **state)
{
	struct dmm_journal *j;

	(void)state;
	assert_int_equal(dmm_journal_open(dir, id, NULL, &j, why), -ENOENT);
	assert_non_null(strstr(why, ID_HEX "/journal: No such file"));
	dmm_journal_close(begin(NULL));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(dmm_journal_open(dir, id, NULL, &j, why), -ENOENT);
	dmm_journal_close(NULL);
}

/* Nothing succeeds before file and directory are synced, in that order, after the write. */
static void test_order(void **state)
{
	struct dmm_journal *j;

	(void)state;
	io_plan(0, 0);
	j = begin(&fake);
	/* a, b, the migration's own; once more the directory above it; the file, and where it is named */
	assert_string_equal(io_done, "sssswss");
	io_plan(0, 0);
	assert_int_equal(append(j, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPENDED);
	assert_string_equal(io_done, "wss");
	io_plan(0, 0);
	j = reopen(j, &fake);
	assert_string_equal(io_done, "wss");	/* what is read is made durable */
	assert_int_equal(size_of(file), 2 * RECORD);
	dmm_journal_close(j);
}

/* Making it fails at each write and sync: there is a whole one, or none, and it can be made afterwards. */
static void test_create_fails(void **state)
{
	struct dmm_journal_record r = record(DMM_HO_ACTIVE, 0);
	struct dmm_journal *j;
	unsigned int n;
	int ret;

	(void)state;
	for (n = 1; n <= 7; n++) {
		teardown(NULL);
		setup(NULL);
		io_plan(n, 1);
		assert_int_equal(dmm_journal_create(dir, &r, &fake, &j), -EIO);
		ret = dmm_journal_create(dir, &r, NULL, &j);
		if (n < 7)
			assert_int_equal(ret, 0);
		else if (ret == -EEXIST)	/* only its name was not synced yet: opening does that */
			assert_int_equal(dmm_journal_open(dir, id, NULL, &j, why), 0);
		assert_int_equal(dmm_journal_last(j)->seq, 1);
		dmm_journal_close(j);
	}
}

/*
 * An append fails at each of its calls, a write also after some bytes: it may be there, and the next
 * one goes on from what there is.
 */
static void test_append_unsure(void **state)
{
	static const size_t shorts[] = { 0, 1, 100, 255 };
	struct dmm_journal *j;
	unsigned int n, k;
	bool there;

	(void)state;
	for (n = 1; n <= 3; n++) {
		for (k = 0; k < (n == 1 ? 4 : 1); k++) {
			teardown(NULL);
			setup(NULL);
			j = begin(&fake);
			io_plan(n, 1);
			io_short = shorts[k];
			assert_int_equal(append(j, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPEND_UNSURE);
			there = n > 1;
			assert_int_equal(size_of(file), RECORD + (there ? RECORD : shorts[k]));
			io_plan(0, 0);
			assert_int_equal(append(j, DMM_HO_RELINQUISHED, 1), DMM_HO_EV_APPENDED);
			/* first the record before it, for sure; cut what was torn */
			assert_string_equal(io_done, shorts[k] && !there ? "wsstwss" : "wsswss");
			assert_int_equal(size_of(file), (there ? 3 : 2) * RECORD);
			j = reopen(j, NULL);
			assert_int_equal(dmm_journal_last(j)->seq, there ? 3 : 2);
			assert_int_equal(dmm_journal_last(j)->state, DMM_HO_RELINQUISHED);
			dmm_journal_close(j);
		}
	}
}

/* Nothing new is written while the record before it can't be made sure of. */
static void test_append_nothing(void **state)
{
	struct dmm_journal *j = begin(&fake);
	unsigned int n;

	(void)state;
	io_plan(2, 1);
	assert_int_equal(append(j, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPEND_UNSURE);
	for (n = 1; n <= 3; n++) {
		io_plan(n, 1);
		assert_int_equal(append(j, DMM_HO_RELINQUISHED, 1), DMM_HO_EV_APPEND_NOTHING);
		assert_int_equal(size_of(file), 2 * RECORD);
	}
	io_plan(4, 1);
	assert_int_equal(append(j, DMM_HO_RELINQUISHED, 1), DMM_HO_EV_APPEND_UNSURE);
	io_plan(0, 0);
	assert_int_equal(append(j, DMM_HO_RELINQUISHED, 1), DMM_HO_EV_APPENDED);
	assert_int_equal(dmm_journal_last(j)->epoch, 1);
	dmm_journal_close(j);
}

/* What can't be made durable is not believed, nor is a torn end cut by reading. */
static void test_open_fails(void **state)
{
	struct dmm_journal *j = begin(NULL);
	unsigned int n;
	int fd;

	(void)state;
	dmm_journal_close(j);
	for (n = 1; n <= 3; n++) {
		io_plan(n, 1);
		assert_int_equal(dmm_journal_open(dir, id, &fake, &j, why), -EIO);
		assert_non_null(strstr(why, "Input/output error: start the VM on neither host"));
	}
	fd = open(file, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "DMJ1", 4), 4);
	close(fd);
	j = reopen(NULL, &fake);
	assert_int_equal(size_of(file), RECORD + 4);
	io_plan(1, 1);	/* the cut fails: nothing is appended behind it */
	assert_int_equal(append(j, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPEND_NOTHING);
	assert_string_equal(io_done, "t");
	assert_int_equal(append(j, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPENDED);
	assert_int_equal(size_of(file), 2 * RECORD);
	dmm_journal_close(j);
}

static void test_damaged(void **state)
{
	struct dmm_journal *j = begin(NULL), *other;
	int fd;

	(void)state;
	assert_int_equal(append(j, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPENDED);
	fd = open(file, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 40), 1);
	assert_int_equal(dmm_journal_open(dir, id, NULL, &other, why), -EBADMSG);
	assert_non_null(strstr(why, "/journal: record 1, at byte 0, has a wrong checksum: start the VM on neither"));
	/* found by who has it open, too */
	assert_int_equal(append(j, DMM_HO_RELINQUISHED, 1), DMM_HO_EV_APPEND_NOTHING);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(dmm_journal_open(dir, id, NULL, &other, why), -ENODATA);
	assert_int_equal(ftruncate(fd, (off_t)DMM_JOURNAL_MAX_BYTES + 1), 0);
	assert_int_equal(dmm_journal_open(dir, id, NULL, &other, why), -EFBIG);
	close(fd);
	dmm_journal_close(j);
}

/* Two handles: only on top of what one knows, and not while the other has it. */
static void test_compared(void **state)
{
	struct dmm_journal *a = begin(NULL), *b = reopen(NULL, NULL), *c;
	char moved[256];

	(void)state;
	assert_int_equal(append(a, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPENDED);
	assert_int_equal(append(b, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPEND_STALE);
	assert_int_equal(dmm_journal_lock(b), -ESTALE);
	b = reopen(b, NULL);
	assert_int_equal(dmm_journal_lock(b), 0);
	assert_int_equal(append(a, DMM_HO_RELINQUISHED, 1), DMM_HO_EV_APPEND_NOTHING);
	assert_int_equal(dmm_journal_lock(a), -EWOULDBLOCK);
	assert_int_equal(dmm_journal_open(dir, id, NULL, &c, why), -EWOULDBLOCK);
	assert_int_equal(append(b, DMM_HO_RELINQUISHED, 1), DMM_HO_EV_APPENDED);
	assert_int_equal(dmm_journal_lock(a), -EWOULDBLOCK);	/* as long as its holder likes */
	dmm_journal_unlock(b);
	assert_int_equal(append(a, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPEND_STALE);
	/* the same seq, another record: by one whose append was in doubt */
	a = reopen(a, &fake);
	io_plan(1, 1);
	assert_int_equal(append(a, DMM_HO_RELEASED, 1), DMM_HO_EV_APPEND_UNSURE);
	io_plan(0, 0);
	assert_int_equal(append(b, DMM_HO_ACTIVE, 1), DMM_HO_EV_APPENDED);
	assert_int_equal(append(a, DMM_HO_RELEASED, 1), DMM_HO_EV_APPEND_STALE);
	/* moved away, and gone */
	snprintf(moved, sizeof(moved), "%s.old", file);
	assert_int_equal(rename(file, moved), 0);
	assert_int_equal(append(b, DMM_HO_ACTIVE, 2), DMM_HO_EV_APPEND_STALE);
	c = begin(NULL);
	assert_int_equal(append(b, DMM_HO_ACTIVE, 2), DMM_HO_EV_APPEND_STALE);
	dmm_journal_close(a);
	dmm_journal_close(b);
	dmm_journal_close(c);
}

/* Four processes decide by the same record: one of them appends, and the file shows it. */
static void test_race(void **state)
{
	struct dmm_journal *j = begin(NULL);
	unsigned int round, i, won;
	int go[2], ready[2], status, event;
	pid_t pids[4];
	char byte;

	(void)state;
	for (round = 1; round <= 50; round++) {
		won = 0;
		assert_int_equal(pipe(go), 0);
		assert_int_equal(pipe(ready), 0);
		for (i = 0; i < 4; i++) {
			pids[i] = fork();
			if (pids[i])
				continue;
			close(go[1]);
			while (dmm_journal_open(dir, id, NULL, &j, why) == -EWOULDBLOCK)
				;
			if (dmm_journal_last(j)->epoch != round - 1 || write(ready[1], "", 1) != 1 ||
			    read(go[0], &byte, 1))
				_exit(1);
			do {
				event = append(j, DMM_HO_ACTIVE, round);
			} while (event == DMM_HO_EV_APPEND_NOTHING);
			_exit(event == DMM_HO_EV_APPENDED ? 2 : event == DMM_HO_EV_APPEND_STALE ? 3 : 4);
		}
		for (i = 0; i < 4; i++)
			assert_int_equal(read(ready[0], &byte, 1), 1);
		close(go[0]);
		close(go[1]);
		close(ready[0]);
		close(ready[1]);
		for (i = 0; i < 4; i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_true(WIFEXITED(status));
			if (WEXITSTATUS(status) == 2)
				won++;
			else
				assert_int_equal(WEXITSTATUS(status), 3);
		}
		assert_int_equal(won, 1);
		j = reopen(j, NULL);
		assert_int_equal(dmm_journal_last(j)->epoch, round);
		assert_int_equal(dmm_journal_last(j)->seq, round + 1);
	}
	dmm_journal_close(j);
}

int main(void)
{
#define JOURNAL_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		JOURNAL_TEST(test_life),
		JOURNAL_TEST(test_none),
		JOURNAL_TEST(test_order),
		JOURNAL_TEST(test_create_fails),
		JOURNAL_TEST(test_append_unsure),
		JOURNAL_TEST(test_append_nothing),
		JOURNAL_TEST(test_open_fails),
		JOURNAL_TEST(test_damaged),
		JOURNAL_TEST(test_compared),
		JOURNAL_TEST(test_race),
	};

	return cmocka_run_group_tests_name("lib_journal_disk", tests, NULL, NULL);
}
