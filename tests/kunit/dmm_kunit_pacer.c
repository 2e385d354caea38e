// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-pacer: the vectors of core/pacer.
 */
#include "vec_kunit.h"
#include "vectors/pacer.h"

static void pacer_steps(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_pacer_steps(&v);
	vec_expect(test, &v);
}

static void pacer_sims(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_pacer_sims); i++) {
		struct dmm_vec v = { 0 };

		dmm_vec_check_pacer_sim(&v, i);
		vec_expect(test, &v);
	}
}

static struct kunit_case pacer_cases[] = {
	KUNIT_CASE(pacer_steps),
	KUNIT_CASE(pacer_sims),
	{}
};

static struct kunit_suite pacer_suite = {
	.name = "dmm-pacer",
	.test_cases = pacer_cases,
};

kunit_test_suite(pacer_suite);
