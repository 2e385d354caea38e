// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-unflushed: the vectors of core/unflushed.
 */
#include "vec_kunit.h"
#include "vectors/unflushed.h"

static void unflushed_steps(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_unflushed_steps(&v);
	vec_expect(test, &v);
}

static void unflushed_limits(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_unflushed_limits(&v);
	vec_expect(test, &v);
}

static struct kunit_case unflushed_cases[] = {
	KUNIT_CASE(unflushed_steps),
	KUNIT_CASE(unflushed_limits),
	{}
};

static struct kunit_suite unflushed_suite = {
	.name = "dmm-unflushed",
	.test_cases = unflushed_cases,
};

kunit_test_suite(unflushed_suite);
