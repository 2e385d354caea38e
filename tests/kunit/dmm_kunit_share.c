// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-share: the vectors of core/share.
 */
#include "vec_kunit.h"
#include "vectors/share.h"

static void share_turns(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_share_turns(&v);
	vec_expect(test, &v);
}

static void share_sims(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_share_sims); i++) {
		struct dmm_vec v = { 0 };

		dmm_vec_check_share_sim(&v, i);
		vec_expect(test, &v);
	}
}

static struct kunit_case share_cases[] = {
	KUNIT_CASE(share_turns),
	KUNIT_CASE(share_sims),
	{}
};

static struct kunit_suite share_suite = {
	.name = "dmm-share",
	.test_cases = share_cases,
};

kunit_test_suite(share_suite);
