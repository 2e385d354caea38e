// SPDX-License-Identifier: GPL-2.0
/*
 * Figures out of counters: percentages that never run backwards, rates, ETA,
 * "not converging", the projected pause, and how they are printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "progress.h"
#include <dmmigrate/uapi.h>

#define S	1000000000ull
#define MIB	(1ull << 20)
#define BS	4096u

/* A disk of 1000 blocks that started at second 10. */
static struct dmm_sample sample(u64 now_s, u64 swept, u64 dirty)
{
	return (struct dmm_sample) {
		.now_ns = now_s * S, .start_ns = 10 * S, .state = DMM_STATE_COPYING,
		.block_bytes = BS, .size_bytes = 1000 * BS, .sweep_blocks = swept,
		.dirty_blocks = dirty, .acked_bytes = swept * BS,
	};
}

static void test_latency(void **state)
{
	u64 b[DMM_LATENCY_BUCKETS] = { 0 };
	char buf[16];

	(void)state;
	assert_string_equal(dmm_format_latency(buf, sizeof(buf), b, 50), "-");
	b[0] = 1;
	assert_string_equal(dmm_format_latency(buf, sizeof(buf), b, 99), "1 us");
	b[7] = 98;	/* 64 to 127 us */
	b[14] = 1;
	assert_string_equal(dmm_format_latency(buf, sizeof(buf), b, 1), "1 us");
	assert_string_equal(dmm_format_latency(buf, sizeof(buf), b, 50), "128 us");
	assert_string_equal(dmm_format_latency(buf, sizeof(buf), b, 99), "128 us");
	assert_string_equal(dmm_format_latency(buf, sizeof(buf), b, 100), "16 ms");
	b[DMM_LATENCY_BUCKETS - 1] = 100;
	assert_string_equal(dmm_format_latency(buf, sizeof(buf), b, 99), "8 s");
}

/* Zeros go as fast as they are read: the pause is projected by what the link carried. */
static void test_zeros(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s;

	(void)state;
	s = sample(10, 0, 1000);
	dmm_progress_add(&p, &s, &f);
	s = sample(11, 800, 200);
	s.zero_bytes = 790 * BS;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.ship_bps, 800 * BS);
	assert_int_equal(f.pause_ms, 250);	/* nothing better is known */
	s = sample(17, 900, 100);		/* beyond the window of the rates */
	s.zero_bytes = 790 * BS;
	dmm_progress_add(&p, &s, &f);
	s = sample(18, 950, 50);
	s.zero_bytes = 790 * BS;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.ship_bps, 50 * BS);
	assert_int_equal(f.pause_ms, 1000);
	/* and by what the kernel knows of it */
	s = sample(19, 1000, 50);
	s.speed_bps = 500 * BS;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.pause_ms, 100);
}

/* Several disks are as one of all their bytes, and as far as the one that is farthest behind. */
static void test_sum(void **state)
{
	const struct dmm_sample a = {
		.now_ns = 5, .start_ns = 3, .state = DMM_STATE_FROZEN, .block_bytes = 4096, .size_bytes = 1 << 20,
		.sweep_blocks = 0, .dirty_blocks = 7, .inflight_bytes = 100, .acked_bytes = 1000, .zero_bytes = 10,
		.redirtied_blocks = 1, .speed_bps = 50,
	};
	const struct dmm_sample b = {
		.now_ns = 5, .start_ns = 2, .state = DMM_STATE_COPYING, .block_bytes = 65536, .size_bytes = 3 << 20,
		.sweep_blocks = 2, .dirty_blocks = 3, .inflight_bytes = 11, .acked_bytes = 2000, .zero_bytes = 20,
		.redirtied_blocks = 2, .speed_bps = 70,
	};
	struct dmm_sample sum = { 0 }, back = { 0 };
	struct dmm_progress p = { 0 };
	struct dmm_figures f;

	(void)state;
	dmm_sample_add(&sum, &a);
	assert_int_equal(sum.state, DMM_STATE_FROZEN);
	dmm_sample_add(&sum, &b);
	dmm_sample_add(&back, &b);
	dmm_sample_add(&back, &a);
	assert_memory_equal(&sum, &back, sizeof(sum));
	assert_int_equal(sum.state, DMM_STATE_COPYING);
	assert_int_equal(sum.start_ns, 3);
	assert_int_equal(sum.size_bytes, 4 << 20);
	assert_int_equal(sum.sweep_blocks * sum.block_bytes, 2 * 65536);
	assert_int_equal(sum.dirty_blocks * sum.block_bytes, 7 * 4096 + 3 * 65536);
	assert_int_equal(sum.redirtied_blocks * sum.block_bytes, 4096 + 2 * 65536);
	assert_int_equal(sum.inflight_bytes, 111);
	assert_int_equal(sum.acked_bytes, 3000);
	assert_int_equal(sum.zero_bytes, 30);
	assert_int_equal(sum.speed_bps, 120);
	dmm_progress_add(&p, &sum, &f);
	assert_false(f.sweep_done);
	assert_int_equal(f.remaining_bytes, 7 * 4096 + 3 * 65536 + 111);
}

static void test_sweep(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s;

	(void)state;
	s = sample(10, 0, 1000);
	dmm_progress_add(&p, &s, &f);
	assert_string_equal(f.phase, "sweep");
	assert_int_equal(f.percent_x100, 0);
	assert_int_equal(f.eta, DMM_ETA_UNKNOWN);
	assert_false(f.sweep_done);
	assert_false(f.pause_known);
	assert_int_equal(f.remaining_bytes, 1000 * BS);

	s = sample(12, 200, 800);
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.percent_x100, 1980);	/* 20 % of 99 */
	assert_int_equal(f.ship_bps, 100 * BS);
	assert_int_equal(f.dirty_bps, 0);
	assert_int_equal(f.eta, DMM_ETA_KNOWN);
	assert_int_equal(f.eta_ms, 8000);
	assert_true(f.pause_known);
	assert_int_equal(f.pause_ms, 8000);
	assert_false(dmm_progress_ready(&f, 60000));	/* the sweep is not done */

	s = sample(13, 1000, 0);
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.percent_x100, 9900);
	assert_true(f.sweep_done);
	assert_string_equal(f.phase, "catching up");
	assert_int_equal(f.remaining_bytes, 0);
	assert_int_equal(f.eta, DMM_ETA_KNOWN);
	assert_int_equal(f.eta_ms, 0);
	assert_int_equal(f.pause_ms, 1);	/* nothing takes no time */
	assert_true(dmm_progress_ready(&f, 0));
}

/* What one invocation sees that begins in the middle: the average since START. */
static void test_single_look(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s = sample(20, 500, 600);

	(void)state;
	s.redirtied_blocks = 100;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.percent_x100, 4950);
	assert_int_equal(f.ship_bps, 50 * BS);
	assert_int_equal(f.dirty_bps, 10 * BS);
	assert_int_equal(f.eta, DMM_ETA_KNOWN);
	assert_int_equal(f.eta_ms, 15000);	/* 600 blocks at 50 - 10 a second */
}

/*
 * One look long after the sweep: the average since START, with hours of little to ship and pauses,
 * is no measure of the link.  Two looks are.
 */
static void test_single_look_swept(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s = sample(10010, 1000, 1000);

	(void)state;
	s.size_bytes = 1000 * BS;
	dmm_progress_add(&p, &s, &f);
	assert_true(f.sweep_done);
	assert_false(f.pause_known);
	assert_int_equal(f.eta == DMM_ETA_NOT_CONVERGING, false);
	s.now_ns += S;
	s.acked_bytes += 500 * BS;
	s.dirty_blocks -= 500;
	dmm_progress_add(&p, &s, &f);
	assert_true(f.pause_known);
	assert_int_equal(f.pause_ms, 1000);	/* 500 blocks at 500 a second */
}

/* A byte a second for a disk of an exbibyte: no figure that overflows. */
static void test_endless(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s = sample(20, 0, 1ull << 48);

	(void)state;
	s.size_bytes = 1ull << 60;
	s.acked_bytes = 10;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.eta, DMM_ETA_NOT_CONVERGING);
	assert_int_equal(f.eta_ms, 0);
	assert_true(f.pause_known);
	assert_true(f.pause_ms >= 30 * 86400000ull && f.pause_ms < ~0ull / 1000000);
}

static void test_not_converging(void **state)
{
	static const struct { u64 acked, redirtied; enum dmm_eta eta; } cases[] = {
		{ 100, 99, DMM_ETA_KNOWN }, { 100, 100, DMM_ETA_NOT_CONVERGING },
		{ 100, 300, DMM_ETA_NOT_CONVERGING }, { 0, 0, DMM_ETA_UNKNOWN },
		{ 0, 1, DMM_ETA_NOT_CONVERGING },
	};
	struct dmm_figures f;
	struct dmm_sample s;
	char buf[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dmm_progress p = { 0 };

		s = sample(20, 500, 600);
		dmm_progress_add(&p, &s, &f);
		s.now_ns += S;
		s.acked_bytes += cases[i].acked * BS;
		s.redirtied_blocks += cases[i].redirtied;
		dmm_progress_add(&p, &s, &f);
		assert_int_equal(f.eta, cases[i].eta);
		dmm_format_eta(buf, sizeof(buf), &f);
		assert_int_equal(!strcmp(buf, "not converging"),
				 cases[i].eta == DMM_ETA_NOT_CONVERGING);
	}
}

/* Caught up, shipping exactly what is dirtied is no failure while it is little. */
static void test_caught_up(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s = sample(20, 1000, 0);

	(void)state;
	dmm_progress_add(&p, &s, &f);
	s.now_ns += S;
	s.acked_bytes += 300 * BS;
	s.redirtied_blocks += 300;
	s.dirty_blocks = 100;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.pause_ms, 333);
	assert_int_equal(f.eta, DMM_ETA_KNOWN);
	assert_int_equal(f.eta_ms, 0);
	s.now_ns += S;
	s.acked_bytes += 300 * BS;
	s.redirtied_blocks += 700;
	s.dirty_blocks = 500;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.eta, DMM_ETA_NOT_CONVERGING);
}

/* Any order of samples: the percentage only grows, until a new START. */
static void test_percent_never_backwards(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s;
	u32 last = 0;
	u64 swept = 0;
	int i;

	(void)state;
	srand(7);
	for (i = 0; i < 5000; i++) {
		/* even a kernel whose counter ran backwards must not show */
		swept = (u64)(rand() % 1001);
		s = sample(11 + (u64)i, swept, (u64)(rand() % 1001));
		s.acked_bytes = (u64)i * BS;
		s.state = (u32)(rand() % 2 ? DMM_STATE_COPYING : DMM_STATE_PAUSED);
		dmm_progress_add(&p, &s, &f);
		assert_true(f.percent_x100 >= last);
		assert_true(f.percent_x100 <= 9900);
		last = f.percent_x100;
	}
	assert_int_equal(last, 9900);
	s = sample(9000, 1000, 0);
	s.acked_bytes = 5000 * BS;
	s.state = DMM_STATE_RELEASED;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.percent_x100, 10000);
	s = sample(9001, 100, 900);
	s.start_ns = 9000 * S;
	s.acked_bytes = 6000 * BS;	/* more than the migration before had */
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.percent_x100, 990);
	/* stopped: nothing of the counters that stay is shown */
	s = sample(9002, 500, 500);
	s.start_ns = 9000 * S;
	s.state = DMM_STATE_IDLE;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.percent_x100, 0);
	assert_int_equal(f.remaining_bytes, 0);
	assert_int_equal(f.ship_bps, 0);
	assert_false(f.pause_known);
}

static void test_window(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	struct dmm_sample s;
	u64 acked = 0, i;

	(void)state;
	/* 100 blocks a second for a minute, then 10: the rate follows within the window */
	for (i = 0; i < 60; i++) {
		s = sample(11 + i, 500, 500);
		s.acked_bytes = acked += 100 * BS;
		dmm_progress_add(&p, &s, &f);
	}
	assert_int_equal(f.ship_bps, 100 * BS);
	for (i = 60; i < 66; i++) {
		s = sample(11 + i, 500, 500);
		s.acked_bytes = acked += 10 * BS;
		dmm_progress_add(&p, &s, &f);
	}
	assert_int_equal(f.ship_bps, 10 * BS);
	/* the pause is projected by what the link has shown to carry */
	assert_int_equal(f.pause_ms, 5000);
}

static void test_phases(void **state)
{
	static const struct { u32 st; const char *phase; enum dmm_eta eta; } cases[] = {
		{ DMM_STATE_IDLE, "attached", DMM_ETA_NONE },
		{ DMM_STATE_COPYING, "sweep", DMM_ETA_KNOWN },
		{ DMM_STATE_PAUSED, "paused", DMM_ETA_NONE },
		{ DMM_STATE_FREEZING, "freezing", DMM_ETA_KNOWN },
		{ DMM_STATE_FROZEN, "frozen", DMM_ETA_NONE },
		{ DMM_STATE_COMMITTED, "committed", DMM_ETA_NONE },
		{ DMM_STATE_DISCONNECTED, "disconnected", DMM_ETA_NONE },
		{ DMM_STATE_FAILED, "failed", DMM_ETA_NONE },
		{ DMM_STATE_STOPPING, "stopping", DMM_ETA_NONE },
		{ DMM_STATE_RELEASED, "released", DMM_ETA_NONE },
		{ DMM_STATE_GATED, "unknown", DMM_ETA_NONE },
		{ DMM_STATE_COMPARING, "comparing", DMM_ETA_NONE },
		{ 77, "unknown", DMM_ETA_NONE },
	};
	struct dmm_figures f;
	struct dmm_sample s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dmm_progress p = { 0 };

		s = sample(20, 500, 500);
		s.state = cases[i].st;
		dmm_progress_add(&p, &s, &f);
		assert_string_equal(f.phase, cases[i].phase);
		assert_int_equal(f.eta, cases[i].eta);
	}
	assert_int_equal(i, __DMM_STATE_MAX + 1);
}

/* Nothing is divided by zero, nothing wraps. */
static void test_odd(void **state)
{
	struct dmm_progress p = { 0 };
	struct dmm_sample s = { 0 };
	struct dmm_figures f;
	char buf[256];

	(void)state;
	dmm_progress_add(&p, &s, &f);
	dmm_format_progress(buf, sizeof(buf), &f);
	s = sample(20, 2, 3);
	s.size_bytes = 2 * BS + 512;	/* the partial last block is one, too */
	dmm_progress_add(&p, &s, &f);
	assert_false(f.sweep_done);
	s.sweep_blocks = 3;
	dmm_progress_add(&p, &s, &f);
	assert_true(f.sweep_done);
	assert_int_equal(f.remaining_bytes, 2 * BS + 512);
	/* what is in flight is not there yet */
	s = sample(20, 500, 500);
	s.inflight_bytes = 7 * BS;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.remaining_bytes, 507 * BS);
	/* a whole exabyte at full speed */
	memset(&p, 0, sizeof(p));
	s = sample(11, 0, 0);
	s.size_bytes = 1ull << 60;
	s.block_bytes = 1 << 20;
	s.dirty_blocks = 1ull << 40;
	s.sweep_blocks = 1ull << 39;
	s.acked_bytes = 1ull << 59;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.percent_x100, 4950);
	assert_int_equal(f.ship_bps, 1ull << 59);
	assert_int_equal(f.eta_ms, 2000);
	/* nonsense is no rate, and not undefined */
	memset(&p, 0, sizeof(p));
	s.start_ns = ~0ull;
	s.now_ns = ~0ull;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.ship_bps, 0);
	s.acked_bytes = ~0ull;
	s.start_ns = 1;
	s.now_ns = S / 2;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(f.ship_bps, ~0ull >> 1);
	s.acked_bytes = 0;
	/* time that goes backwards begins anew */
	s.now_ns -= S / 2;
	dmm_progress_add(&p, &s, &f);
	assert_int_equal(p.nr, 1);
}

static void test_ready(void **state)
{
	struct dmm_figures f = { .sweep_done = true, .pause_known = true, .pause_ms = 500,
				 .remaining_bytes = 100 * MIB };

	(void)state;
	assert_true(dmm_progress_ready(&f, 500));
	assert_false(dmm_progress_ready(&f, 499));
	f.pause_known = false;
	assert_false(dmm_progress_ready(&f, 500));
	f.remaining_bytes = MIB;
	assert_true(dmm_progress_ready(&f, 0));
	f.sweep_done = false;
	assert_false(dmm_progress_ready(&f, 500));
}

static void test_format(void **state)
{
	static const struct { u64 bytes; const char *text; } sizes[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" }, { MIB - 1, "1.0 MiB" }, { MIB, "1.0 MiB" },
		{ 1536 * MIB, "1.5 GiB" }, { 1ull << 40, "1.0 TiB" }, { ~0ull, "16384.0 PiB" },
	};
	struct dmm_figures f = {
		.phase = "sweep", .percent_x100 = 4529, .ship_bps = 100 * MIB, .dirty_bps = 3 * MIB / 2,
		.remaining_bytes = 5 << 20, .eta = DMM_ETA_KNOWN, .eta_ms = 3661001,
		.pause_known = true, .pause_ms = 120,
	};
	char buf[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_string_equal(dmm_format_bytes(buf, sizeof(buf), sizes[i].bytes, ""),
				    sizes[i].text);
	assert_string_equal(dmm_format_progress(buf, sizeof(buf), &f),
			    "sweep 45.2%  100.0 MiB/s  dirty 1.5 MiB/s  remaining 5.0 MiB  "
			    "ETA 1:01:02  pause ~120 ms");
	f.eta = DMM_ETA_NOT_CONVERGING;
	f.pause_known = false;
	assert_string_equal(dmm_format_progress(buf, sizeof(buf), &f),
			    "sweep 45.2%  100.0 MiB/s  dirty 1.5 MiB/s  remaining 5.0 MiB  "
			    "ETA not converging");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latency),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_single_look),
		cmocka_unit_test(test_single_look_swept),
		cmocka_unit_test(test_not_converging),
		cmocka_unit_test(test_caught_up),
		cmocka_unit_test(test_percent_never_backwards),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
