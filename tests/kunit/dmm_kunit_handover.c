// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-handover: the vectors of core/handover.
 */
#include "vec_kunit.h"
#include "vectors/handover_dest.h"
#include "vectors/handover_source.h"

static void handover_source(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_handover(&v, &dmm_vec_ho_source);
	vec_expect(test, &v);
}

static void handover_dest(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_handover(&v, &dmm_vec_ho_dest);
	vec_expect(test, &v);
}

static struct kunit_case handover_cases[] = {
	KUNIT_CASE(handover_source),
	KUNIT_CASE(handover_dest),
	{}
};

static struct kunit_suite handover_suite = {
	.name = "dmm-handover",
	.test_cases = handover_cases,
};

kunit_test_suite(handover_suite);
