// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-heat: the vectors of core/heat.
 */
#include "vec_kunit.h"
#include "vectors/heat.h"

static void heat_steps(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_heat_steps(&v);
	vec_expect(test, &v);
}

static void heat_hour(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_heat_hour(&v);
	vec_expect(test, &v);
}

static struct kunit_case heat_cases[] = {
	KUNIT_CASE(heat_steps),
	KUNIT_CASE(heat_hour),
	{}
};

static struct kunit_suite heat_suite = {
	.name = "dmm-heat",
	.test_cases = heat_cases,
};

kunit_test_suite(heat_suite);
