// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that makes its disks dirty faster than they are shipped: its memory waits, for a while, and who waits for it is told why.
 * The kernel is the test's own.
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
#include <json-c/json.h>

#include "core/state.h"
#include "dmmigrate/commands.h"
#include "dmmigrate/monitor.h"
#include "dmmigrate/pace.h"
#include "platform/xl.h"

#define MIB	(1ull << 20)
#define SECOND	1000000000ull

static struct dmm_nl_info kernel;
static u64 dirtied;		/* blocks that become dirty, and are shipped, between two looks */
static int looks, calm_after;	/* from that look on little is left; 0: never */

typeof(dmm_tool_nl) __wrap_dmm_tool_nl;
typeof(dmm_nl_get) __wrap_dmm_nl_get;
typeof(dmm_nl_events_open) __wrap_dmm_nl_events_open;

int __wrap_dmm_tool_nl(struct dmm_tool *t)
{
	(void)t;
	return 0;
}

int __wrap_dmm_nl_events_open(struct dmm_nl_events **ev)
{
	(void)ev;
	return -ENOENT;
}

int __wrap_dmm_nl_get(struct dmm_nl *nl, u64 dev, struct dmm_nl_info *info)
{
	(void)nl;
	(void)dev;
	looks++;
	kernel.redirtied_blocks += dirtied;
	kernel.acked_bytes += dirtied * 4096;
	*info = kernel;
	if (calm_after && looks >= calm_after)
		info->dirty_blocks = 1;
	return 0;
}

/* Swept, 8 MiB are left of it, and 16 MiB/s would go there. */
static int setup(void **state)
{
	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.state = DMM_STATE_COPYING;
	kernel.block_bytes = 4096;
	kernel.size_bytes = 64 * MIB;
	kernel.sweep_blocks = 16384;
	kernel.dirty_blocks = 2048;
	kernel.speed_bps = 16 * MIB;
	kernel.start_ns = 1;
	dirtied = 1;
	looks = calm_after = 0;
	return 0;
}

static void judges(void **state)
{
	struct dmm_pace p = { .max_pause_ms = 300, .patience_ms = 1000 };
	struct dmm_figures f = { .sweep_done = true, .pause_known = true, .pause_ms = 301, .remaining_bytes = 8 * MIB };

	(void)state;
	assert_int_equal(dmm_pace_judge(&p, &f, 5000), DMM_PACE_WAIT);
	assert_int_equal(dmm_pace_judge(&p, &f, 5999), DMM_PACE_WAIT);
	assert_int_equal(dmm_pace_judge(&p, &f, 6000), DMM_PACE_OVER);
	f.pause_ms = 300;
	assert_int_equal(dmm_pace_judge(&p, &f, 6001), DMM_PACE_GO);
	/* from there on it waits anew */
	f.pause_ms = 400;
	assert_int_equal(dmm_pace_judge(&p, &f, 6002), DMM_PACE_WAIT);
	assert_int_equal(dmm_pace_judge(&p, &f, 7001), DMM_PACE_WAIT);
	assert_int_equal(dmm_pace_judge(&p, &f, 7002), DMM_PACE_OVER);
	p.patience_ms = DMM_UNSET;
	assert_int_equal(dmm_pace_judge(&p, &f, 1ull << 60), DMM_PACE_WAIT);
	p.patience_ms = 0;
	assert_int_equal(dmm_pace_judge(&p, &f, 7003), DMM_PACE_OVER);
}

/* Of two disks together; one that does not copy is not this one's to speak of. */
static void looks_at_all(void **state)
{
	struct dmm_pace p = { .max_pause_ms = 1000, .patience_ms = DMM_UNSET };
	struct dmm_source disks[2] = { { .has_live = true }, { .has_live = true } };
	const struct dmm_group g = { .nr = 2, .disks = disks };
	struct dmm_tool t = { 0 };

	(void)state;
	assert_int_equal(dmm_pace_look(&p, &t, &g), DMM_PACE_GO);
	assert_int_equal(looks, 2);
	assert_int_equal(p.figures.remaining_bytes, 16 * MIB);
	p.max_pause_ms = 499;	/* two links carry twice as much */
	assert_int_equal(dmm_pace_look(&p, &t, &g), DMM_PACE_WAIT);
	assert_int_equal(p.figures.pause_ms, 500);
	kernel.state = DMM_STATE_DISCONNECTED;
	assert_int_equal(dmm_pace_look(&p, &t, &g), DMM_PACE_GO);
	assert_int_equal(p.over_ms, 0);
}

static void text(void **state)
{
	struct dmm_figures f = { .dirty_bps = 3 * MIB, .ship_bps = MIB / 2, .remaining_bytes = 8 * MIB };
	char buf[DMM_PACE_TEXT];

	(void)state;
	assert_string_equal(dmm_pace_text(buf, &f, 300), "how fast the guest makes its disks dirty is not known yet, and the 8.0 MiB that are left "
			    "would take a time that is not known yet of a pause of at most 300 ms");
	f.rates_known = true;
	assert_string_equal(dmm_pace_text(buf, &f, 300), "the guest makes 3.0 MiB/s of its disks dirty, 512.0 KiB/s are shipped, and the 8.0 MiB "
			    "that are left would take a time that is not known yet of a pause of at most 300 ms");
	f.pause_known = true;
	f.pause_ms = 500;
	assert_string_equal(dmm_pace_text(buf, &f, 300), "the guest makes 3.0 MiB/s of its disks dirty, 512.0 KiB/s are shipped, and the 8.0 MiB "
			    "that are left would take about 500 ms of a pause of at most 300 ms");
}

/* Of a quarter of a second, between two sweeps, nothing says how fast anything is. */
static void rates_known(void **state)
{
	struct dmm_sample s = { .now_ns = 10 * SECOND, .start_ns = 10 * SECOND, .state = DMM_STATE_COPYING, .block_bytes = 4096,
				.size_bytes = 64 * MIB, .sweep_blocks = 16384, .dirty_blocks = 2048 };
	struct dmm_progress p = { 0 };
	struct dmm_figures f;

	(void)state;
	dmm_progress_add(&p, &s, &f);
	assert_false(f.rates_known);
	s.now_ns += SECOND / 4;
	dmm_progress_add(&p, &s, &f);
	assert_false(f.rates_known);
	s.now_ns = 11 * SECOND - 1;
	dmm_progress_add(&p, &s, &f);
	assert_false(f.rates_known);
	s.now_ns = 11 * SECOND;
	dmm_progress_add(&p, &s, &f);
	assert_true(f.rates_known);
	/* the first look is an average since START */
	memset(&p, 0, sizeof(p));
	dmm_progress_add(&p, &s, &f);
	assert_true(f.rates_known);
}

/* An xl in PATH that lists one domain, in this state. */
static void xl_lists(const char *dir, const char *state)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/xl", dir);
	unlink(path);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n[ \"$*\" = list ] || exit 1\necho 'Name ID Mem VCPUs State Time(s)'\n"
		"echo 'Domain-0 0 512 1 r----- 39.8'\necho 'web 4 96 1 %s 3.4'\n", state);
	assert_int_equal(fchmod(fileno(f), 0700), 0);
	fclose(f);
}

/* A domain that runs has its memory wait; one that is suspended, or has ended, has not, whatever is left. */
static void of_xl(void **state)
{
	char dir[] = "/tmp/dmm-unit-path.XXXXXX", path[64], env[512], was[256];
	struct dmm_xl_domain domain = { .name = "web" };
	struct dmm_source disk = { .has_live = true };
	const struct dmm_group g = { .nr = 1, .disks = &disk };
	struct dmm_tool t = { .verb = &dmm_verb_vm, .args = { .max_pause_ms = 100, .patience_ms = DMM_UNSET, .json = true } };
	struct dmm_xl x;

	(void)state;
	t.result = json_object_new_object();
	assert_non_null(mkdtemp(dir));
	snprintf(was, sizeof(was), "%s", getenv("PATH"));
	snprintf(env, sizeof(env), "%s:%s", dir, was);
	setenv("PATH", env, 1);
	dmm_xl_init(&x, &t, &domain, "");
	x.p.g = &g;
	assert_true(x.firm);
	xl_lists(dir, "-b----");
	assert_int_equal(x.stream.pace(x.stream.pace_arg), 1);
	calm_after = looks + 1;
	assert_int_equal(x.stream.pace(x.stream.pace_arg), 0);
	calm_after = 0;
	xl_lists(dir, "---s--");
	assert_int_equal(x.stream.pace(x.stream.pace_arg), 0);
	x.pace.patience_ms = 0;
	assert_int_equal(x.stream.pace(x.stream.pace_arg), 0);
	xl_lists(dir, "r-----");
	assert_int_equal(x.stream.pace(x.stream.pace_arg), -ETIME);
	xl_lists(dir, "---ss-");
	assert_int_equal(x.stream.pace(x.stream.pace_arg), 0);
	/* which is known from then on */
	xl_lists(dir, "r-----");
	assert_int_equal(x.stream.pace(x.stream.pace_arg), 0);
	/* nobody knows: nobody waits */
	x.suspended = false;
	xl_lists(dir, "?");
	assert_int_equal(x.stream.pace(x.stream.pace_arg), 0);
	t.args.max_pause_ms = DMM_UNSET;
	dmm_xl_init(&x, &t, &domain, "");
	assert_true(!x.firm && x.pace.max_pause_ms == DMM_READY_PAUSE_MS);
	setenv("PATH", was, 1);
	snprintf(path, sizeof(path), "%s/xl", dir);
	unlink(path);
	rmdir(dir);
	json_object_put(t.result);
}

static enum dmm_monitor_end watched(struct dmm_monitor *m, u64 patience_ms)
{
	struct dmm_source disk = { .has_live = true };
	const struct dmm_group g = { .nr = 1, .disks = &disk };
	struct dmm_tool t = { 0 };

	*m = (struct dmm_monitor) { .until_ready = true, .quiet = true, .max_pause_ms = 100, .patience_ms = patience_ms,
				    .timeout_ms = 600, .interval_ms = 20 };
	return dmm_monitor_run(&t, &g, m);
}

/* Who waits until it is ready has an end of that, too, but not before the first sweep is done. */
static void waits(void **state)
{
	struct dmm_monitor m;

	(void)state;
	assert_int_equal(watched(&m, 100), DMM_MON_SLOW);
	assert_int_equal(m.figures.pause_ms, 500);
	setup(state);
	calm_after = 5;
	assert_int_equal(watched(&m, 500), DMM_MON_READY);
	setup(state);
	kernel.sweep_blocks = 100;
	assert_int_equal(watched(&m, 0), DMM_MON_TIMEOUT);
	setup(state);
	assert_int_equal(watched(&m, DMM_UNSET), DMM_MON_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges),
		cmocka_unit_test_setup(looks_at_all, setup),
		cmocka_unit_test(rates_known),
		cmocka_unit_test(text),
		cmocka_unit_test_setup(of_xl, setup),
		cmocka_unit_test_setup(waits, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
