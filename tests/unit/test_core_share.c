// SPDX-License-Identifier: GPL-2.0
/*
 * core/share: the vectors.
 */
#include "vec_cmocka.h"
#include "vectors/share.h"

static void test_turns(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_share_turns(&v);
	vec_assert(&v);
}

static void test_sims(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_share_sims); i++) {
		struct dmm_vec v = { 0 };

		dmm_vec_check_share_sim(&v, i);
		vec_assert(&v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_sims),
	};

	return cmocka_run_group_tests_name("core_share", tests, NULL, NULL);
}
