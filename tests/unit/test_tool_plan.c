// SPDX-License-Identifier: GPL-2.0
/*
 * What a plan makes of what was measured.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "dmmigrate/plan.h"

#define MIB	(1ull << 20)
#define GIB	(1ull << 30)

/* A guest that writes @mib MiB per second, in @n samples of a second; from @until on nothing new. */
static void writes(struct dmm_plan_curve *c, unsigned int n, u64 mib, unsigned int until)
{
	unsigned int i;

	memset(c, 0, sizeof(*c));
	c->size_bytes = 100 * GIB;
	for (i = 0; i < n; i++) {
		c->at[i].ms = (i + 1) * 1000;
		c->at[i].bytes = mib * MIB * (i + 1 < until ? i + 1 : until);
	}
	c->nr = n;
}

static void test_curve(void **state)
{
	struct dmm_plan_curve c;

	(void)state;
	memset(&c, 0, sizeof(c));
	assert_int_equal(dmm_plan_slope(&c), 0);
	assert_int_equal(dmm_plan_written(&c, 1000), 0);
	writes(&c, 10, 8, 10);
	assert_int_equal(dmm_plan_slope(&c), 8 * MIB);
	assert_int_equal(dmm_plan_written(&c, 0), 0);
	assert_int_equal(dmm_plan_written(&c, 500), 4 * MIB);	/* between samples */
	assert_int_equal(dmm_plan_written(&c, 3000), 24 * MIB);
	assert_int_equal(dmm_plan_written(&c, 60000), 480 * MIB);	/* beyond them */
	assert_int_equal(dmm_plan_written(&c, ~0ull >> 1), 100 * GIB);	/* no more than all of it */
	/* one that rewrites the same */
	writes(&c, 10, 8, 4);
	assert_int_equal(dmm_plan_slope(&c), 0);
	assert_int_equal(dmm_plan_written(&c, 3600000), 32 * MIB);
	/* it counts how it ends, not how it began */
	writes(&c, 4, 8, 2);
	assert_int_equal(dmm_plan_slope(&c), 0);
	writes(&c, 1, 8, 1);
	assert_int_equal(dmm_plan_written(&c, 500), 4 * MIB);
	writes(&c, 2, 8, 2);
	assert_int_equal(dmm_plan_slope(&c), 8 * MIB);
}

static void test_converges(void **state)
{
	struct dmm_plan_estimate e;
	struct dmm_plan_curve c;

	(void)state;
	/* an idle guest: one pass */
	writes(&c, 10, 0, 10);
	dmm_plan_estimate(&c, 10 * GIB, 100 * MIB, 1000, &e);
	assert_true(e.converges);
	assert_int_equal(e.passes, 1);
	assert_int_equal(e.copy_ms, 102400);
	assert_int_equal(e.sent_bytes, 10 * GIB);
	assert_int_equal(e.left_bytes, 0);
	assert_int_equal(e.pause_ms, 0);
	/* everything is copied once, before the guest is held, however little it is */
	dmm_plan_estimate(&c, 10 * MIB, 100 * MIB, 1000, &e);
	assert_int_equal(e.passes, 1);
	assert_int_equal(e.copy_ms, 100);
	assert_int_equal(e.left_bytes, 0);
	/* a tenth of the speed: each pass leaves a tenth, 10 GiB, 1 GiB, 102 MiB, 10 MiB: 0.1 s */
	writes(&c, 10, 10, 10);
	dmm_plan_estimate(&c, 10 * GIB, 100 * MIB, 500, &e);
	assert_true(e.converges);
	assert_int_equal(e.passes, 3);
	assert_in_range(e.pause_ms, 100, 104);
	assert_in_range(e.copy_ms, 113600, 113700);
	/* a hot set that is never copied to an end, but small */
	writes(&c, 10, 200, 1);
	dmm_plan_estimate(&c, 10 * GIB, 400 * MIB, 1000, &e);
	assert_true(e.converges);
	assert_in_range(e.pause_ms, 499, 501);
}

static void test_does_not(void **state)
{
	struct dmm_plan_estimate e;
	struct dmm_plan_curve c;

	(void)state;
	/* as fast as it is copied */
	writes(&c, 10, 100, 10);
	dmm_plan_estimate(&c, 10 * GIB, 100 * MIB, 1000, &e);
	assert_false(e.converges);
	assert_int_equal(e.left_bytes, 10 * GIB);
	assert_int_equal(e.passes, 1);
	/* the hot set alone takes longer than is allowed */
	writes(&c, 10, 900, 1);
	dmm_plan_estimate(&c, 10 * GIB, 400 * MIB, 1000, &e);
	assert_false(e.converges);
	assert_in_range(e.pause_ms, 2249, 2251);
	dmm_plan_estimate(&c, 10 * GIB, 400 * MIB, 2300, &e);
	assert_true(e.converges);
	/* extremes end, and are no nonsense */
	dmm_plan_estimate(&c, ~0ull >> 1, 1, 0, &e);
	assert_false(e.converges);
	dmm_plan_estimate(&c, 1, ~0ull >> 1, 0, &e);
	assert_true(e.copy_ms <= ~0ull >> 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_curve),
		cmocka_unit_test(test_converges),
		cmocka_unit_test(test_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
