// SPDX-License-Identifier: GPL-2.0
/*
 * Groups: hand-overs between two of them, and what becomes of each when something breaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "group_fake.h"

#define SOON_MS	8000u
#define ST(s)	(1u << DMM_HO_##s)

static int ask_flag(struct side *s, enum dmm_ho_event_type type, bool flag)
{
	const struct dmm_ho_event ev = { .type = type, .flag = flag };
	const struct dmm_group_who who = { .uid = 7, .by = "a test", .forced = flag };

	return dmm_group_request(s->g, &ev, &who);
}

static int ask(struct side *s, enum dmm_ho_event_type type)
{
	return ask_flag(s, type, false);
}

static void reaches(struct side *s, unsigned int states)
{
	struct dmm_group_status st;

	if (dmm_group_await(s->g, states, SOON_MS, &st))
		fail_msg("%s, not %#x: %s", dmm_ho_state_name(st.state), states, st.why);
}

static void cut(struct side *s, bool on)
{
	pthread_mutex_lock(&s->lock);
	s->cut = on;
	pthread_mutex_unlock(&s->lock);
}

static void changes_hands(void **state)
{
	struct dmm_group_status st;

	(void)state;
	assert_int_equal(ask(&dst, DMM_HO_EV_GO), -EPERM);	/* nothing to run yet */
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(OWNED));
	assert_int_equal(dst.gate, DMM_HO_GATE_READS);
	reaches(&src, ST(RELINQUISHED));
	assert_int_equal(ask(&dst, DMM_HO_EV_GO), 0);
	dmm_group_status(dst.g, &st);
	assert_int_equal(st.state, DMM_HO_RUNNING);	/* all of it was done when it returned */
	assert_int_equal(dst.gate, DMM_HO_GATE_OPEN);
	assert_int_equal(ask(&dst, DMM_HO_EV_RUNS), 0);
	reaches(&src, ST(RELEASED));
	reaches(&dst, ST(SETTLED));
	assert_string_equal(src.did, "fccR");
	assert_non_null(strstr(dst.did, "12S"));
	dmm_group_status(src.g, &st);
	assert_int_equal(st.epoch, 1);
	assert_false(st.needs_peer);
}

/* The destination asks for it. */
static void is_acquired(void **state)
{
	(void)state;
	assert_int_equal(ask(&dst, DMM_HO_EV_ACQUIRE), 0);
	reaches(&dst, ST(OWNED));
	assert_int_equal(ask(&dst, DMM_HO_EV_ACQUIRE), -EALREADY);
}

/* An ACQUIRE arrives after whoever gave it has left: the guest is not held for nobody. */
static void a_late_acquire_is_refused(void **state)
{
	struct dmm_group_status st;

	(void)state;
	cut(&dst, true);
	assert_int_equal(ask(&dst, DMM_HO_EV_ACQUIRE), 0);
	assert_int_equal(ask(&dst, DMM_HO_EV_START_FAILED), 0);	/* nothing has come of it yet */
	assert_int_equal(ask(&dst, DMM_HO_EV_START_FAILED), -EPERM);
	cut(&dst, false);
	post(&src, DMM_HO_EV_ACQUIRE, 0, 0, false);
	reaches(&dst, ST(REFUSED));
	reaches(&src, ST(ACTIVE));
	while (!strchr(src.did, 't'))
		usleep(10000);
	assert_false(src.held);
	dmm_group_status(dst.g, &st);
	assert_int_equal(st.epoch, 1);
	assert_int_equal(ask(&dst, DMM_HO_EV_ACQUIRE), 0);
	reaches(&dst, ST(OWNED));
	dmm_group_status(dst.g, &st);
	assert_int_equal(st.epoch, 2);
}

/* What cannot be closed to the receiver is not opened, and counts as written by nobody. */
static void gates_that_do_not_open_go_back(void **state)
{
	struct dmm_group_status st;

	(void)state;
	dst.opening_fails = true;
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(OWNED));
	assert_int_equal(ask(&dst, DMM_HO_EV_GO), -EAGAIN);
	dmm_group_status(dst.g, &st);
	assert_int_equal(st.state, DMM_HO_OWNED);
	assert_int_equal(ask(&dst, DMM_HO_EV_START_FAILED), 0);
	reaches(&dst, ST(REFUSED));
	reaches(&src, ST(ACTIVE));
	/* the same, where they failed only after the record */
	dst.opening_fails = false;
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(OWNED));
	dst.opening_fails = true;
	ask(&dst, DMM_HO_EV_GO);
	reaches(&dst, ST(RUNNING));
	assert_int_equal(ask(&dst, DMM_HO_EV_START_FAILED), 0);
	reaches(&dst, ST(REFUSED));
	reaches(&src, ST(ACTIVE));
	while (src.held)
		usleep(10000);
}

static void goes_on_after_a_retire(void **state)
{
	(void)state;
	assert_int_equal(dmm_group_retire(dst.g, ST(OWNED)), -EBUSY);
	assert_int_equal(dmm_group_retire(dst.g, ST(RECEIVING)), 0);
	assert_int_equal(ask(&dst, DMM_HO_EV_ACQUIRE), -ESHUTDOWN);
	assert_int_equal(dmm_group_post(dst.g, &(struct dmm_ho_event){ .type = DMM_HO_EV_TICK }, true), -ESHUTDOWN);
	assert_int_equal(dmm_group_revive(dst.g), 0);
	assert_int_equal(ask(&dst, DMM_HO_EV_ACQUIRE), 0);
	reaches(&dst, ST(OWNED));
}

static void a_cut_link_holds_it(void **state)
{
	struct dmm_group_status st;

	(void)state;
	cut(&src, true);
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&src, ST(RELINQUISHED));
	dmm_group_status(src.g, &st);
	assert_true(st.needs_peer);
	reaches(&dst, ST(COMPLETE));
	cut(&src, false);
	reaches(&dst, ST(OWNED));	/* the token is offered again and again */
}

static void all_commit_or_none(void **state)
{
	(void)state;
	src.commit_fails = 1;
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(COMPLETE));
	reaches(&src, ST(ACTIVE));
	while (!strstr(src.did, "t"))
		usleep(10000);
	assert_string_equal(src.did, "fccrt");
	assert_false(src.held);
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(OWNED));
}

static void a_failed_start_goes_back(void **state)
{
	struct dmm_group_status st;

	(void)state;
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(OWNED));
	assert_int_equal(ask(&dst, DMM_HO_EV_GO), 0);
	assert_int_equal(ask(&dst, DMM_HO_EV_START_FAILED), 0);
	reaches(&dst, ST(REFUSED));
	assert_int_equal(dst.gate, DMM_HO_GATE_SHUT);
	reaches(&src, ST(ACTIVE));
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(OWNED));
	dmm_group_status(dst.g, &st);
	assert_int_equal(st.epoch, 2);
}

static void no_way_back_after_a_write(void **state)
{
	(void)state;
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(OWNED));
	assert_int_equal(ask(&dst, DMM_HO_EV_GO), 0);
	dst.written = true;
	ask(&dst, DMM_HO_EV_START_FAILED);
	reaches(&src, ST(RELEASED));
	assert_int_equal(dst.gate, DMM_HO_GATE_OPEN);
}

/* What cannot be shut is neither given back nor taken for written: it runs, and may be asked for again. */
static void a_gate_that_stays_open_is_kept(void **state)
{
	struct dmm_group_status st;

	(void)state;
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&dst, ST(OWNED));
	assert_int_equal(ask(&dst, DMM_HO_EV_GO), 0);
	dst.shutting_fails = true;
	assert_int_equal(ask(&dst, DMM_HO_EV_START_FAILED), 0);
	dmm_group_status(dst.g, &st);
	assert_int_equal(st.state, DMM_HO_RUNNING);
	assert_int_equal(st.gate, DMM_HO_GATE_OPEN);
	assert_false(st.acked);
	assert_false(st.owes);
	assert_non_null(strstr(st.why, "move the gates"));
	dmm_group_status(src.g, &st);
	assert_int_equal(st.state, DMM_HO_RELINQUISHED);
	dst.shutting_fails = false;
	assert_int_equal(ask(&dst, DMM_HO_EV_START_FAILED), 0);
	reaches(&dst, ST(REFUSED));
	reaches(&src, ST(ACTIVE));
}

/* Until RELINQUISHED is in the journal, without the destination's having heard of it; then begun again. */
static void relinquish_and_begin_again(u8 boot)
{
	cut(&dst, true);
	cut(&src, true);
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	/* COMPLETE does not arrive: it stays frozen until then */
	reaches(&src, ST(FROZEN));
	cut(&dst, false);
	reaches(&src, ST(RELINQUISHED));
	side_close(&src);
	memset(src.c.boot, boot, sizeof(src.c.boot));
	src.did[0] = '\0';
	src.held = src.committed = false;
	cut(&src, false);
	side_open(&src, false);
	assert_int_equal(src.did[0], 'F');	/* before open has returned */
}

static void a_restart_goes_on(void **state)
{
	(void)state;
	relinquish_and_begin_again(1);
	reaches(&dst, ST(OWNED));
	assert_true(src.held);
}

/* The guest's memory is gone: its disks come back, for it to boot from. */
static void a_reboot_takes_them_back(void **state)
{
	(void)state;
	relinquish_and_begin_again(2);
	reaches(&dst, ST(REFUSED));
	reaches(&src, ST(ACTIVE));
	assert_false(src.held);
}

static void what_failed_is_owed(void **state)
{
	struct dmm_group_status st;

	(void)state;
	cut(&dst, true);
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&src, ST(FROZEN));
	src.thaw_fails = 2;
	assert_int_equal(ask(&src, DMM_HO_EV_ABORT), 0);
	dmm_group_status(src.g, &st);
	assert_int_equal(st.state, DMM_HO_ACTIVE);
	assert_true(st.owes);
	assert_string_equal(st.why, "cannot let writes pass again: Input/output error; it is tried again");
	/* who would let them pass? */
	assert_int_equal(dmm_group_retire(src.g, ST(ACTIVE)), -EBUSY);
	/* nothing overtakes it: the freeze fails, too, and has not been begun */
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	assert_null(strchr(strchr(src.did, 't'), 'f'));
	do {
		usleep(50000);
		dmm_group_status(src.g, &st);
	} while (st.owes);
	assert_false(src.held);
	assert_string_equal(st.why, "");
}

static void journal_path(const struct side *s, char path[160])
{
	snprintf(path, 160, "%s/5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a/journal", s->dir);
}

static void a_damaged_journal_is_lost_and_kept(void **state)
{
	struct dmm_group_status st;
	char path[160], pattern[200];
	glob_t gl;
	int fd;

	(void)state;
	side_close(&src);
	journal_path(&src, path);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "XXXX", 4, 0), 4);
	close(fd);
	cut(&src, true);
	side_open(&src, false);
	dmm_group_status(src.g, &st);
	assert_int_equal(st.state, DMM_HO_LOST);
	assert_true(st.needs_peer);
	assert_non_null(strstr(st.why, path));
	assert_int_equal(src.did[0], 'F');
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), -EPERM);
	cut(&src, false);
	reaches(&src, ST(ACTIVE));		/* the destination has refused all there may be */
	reaches(&dst, ST(REFUSED));
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), -EOVERFLOW);
	snprintf(pattern, sizeof(pattern), "%s.damaged-*", path);
	assert_int_equal(glob(pattern, 0, NULL, &gl), 0);
	globfree(&gl);
	assert_int_equal(access(path, R_OK), 0);
}

static void force_is_written_down(void **state)
{
	char path[160], cmd[260];

	(void)state;
	cut(&src, true);
	assert_int_equal(ask(&src, DMM_HO_EV_CUTOVER), 0);
	reaches(&src, ST(RELINQUISHED));
	side_close(&dst);
	assert_int_equal(ask(&src, DMM_HO_EV_FORCE), -EPERM);	/* nobody vouches for it */
	assert_int_equal(ask_flag(&src, DMM_HO_EV_FORCE, true), 0);
	reaches(&src, ST(ACTIVE));
	assert_false(src.held);
	journal_path(&src, path);
	snprintf(cmd, sizeof(cmd), "grep -q 'a test' %s", path);
	assert_int_equal(system(cmd), 0);
}

static void begins_once(void **state)
{
	char why[DMM_GROUP_WHY];
	struct dmm_group *g;

	(void)state;
	src.c.begin = true;
	assert_int_equal(dmm_group_open(&src.c, &g, why), -EEXIST);
	src.c.dir = "/proc/nowhere";
	assert_int_not_equal(dmm_group_open(&src.c, &g, why), 0);
	assert_non_null(strstr(why, "cannot write the journal"));
	src.c.dir = src.dir;
	src.c.nr_disks = 3;
	src.c.begin = false;
	assert_int_equal(dmm_group_open(&src.c, &g, why), -EINVAL);
	assert_non_null(strstr(why, "other disks"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(changes_hands),
		T(is_acquired),
		T(a_late_acquire_is_refused),
		T(gates_that_do_not_open_go_back),
		T(goes_on_after_a_retire),
		T(a_cut_link_holds_it),
		T(all_commit_or_none),
		T(a_failed_start_goes_back),
		T(no_way_back_after_a_write),
		T(a_gate_that_stays_open_is_kept),
		T(a_restart_goes_on),
		T(a_reboot_takes_them_back),
		T(what_failed_is_owed),
		T(a_damaged_journal_is_lost_and_kept),
		T(force_is_written_down),
		T(begins_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
