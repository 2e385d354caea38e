// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-state: the vectors of core/state.
 */
#include "vec_kunit.h"
#include "vectors/state.h"

static void state_arrows(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_arrows(&v);
	vec_expect(test, &v);
}

static void state_facts(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_states(&v);
	vec_expect(test, &v);
}

static void state_admission(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_admission(&v);
	vec_expect(test, &v);
}

static void state_diagram(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_diagram(&v);
	vec_expect(test, &v);
}

static struct kunit_case state_cases[] = {
	KUNIT_CASE(state_arrows),
	KUNIT_CASE(state_facts),
	KUNIT_CASE(state_admission),
	KUNIT_CASE(state_diagram),
	{}
};

static struct kunit_suite state_suite = {
	.name = "dmm-state",
	.test_cases = state_cases,
};

kunit_test_suite(state_suite);
