// SPDX-License-Identifier: GPL-2.0
/*
 * core/state: every pair of state and event, and what must hold of the
 * diagram as a whole.
 */
#include "vec_cmocka.h"
#include "vectors/state.h"

static void test_arrows(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_arrows(&v);
	vec_assert(&v);
	assert_true(v.checked >= __DMM_STATE_MAX * __DMM_EV_MAX);
}

static void test_states(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_states(&v);
	vec_assert(&v);
}

static void test_admission(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_admission(&v);
	vec_assert(&v);
}

static void test_diagram(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_diagram(&v);
	vec_assert(&v);
}

/* Random events: nothing leaves the diagram, and IDLE can be reached again unless released. */
static void test_walk(void **state)
{
	u64 rnd = test_seed("state");
	unsigned int i, visited = 0;
	int s = DMM_STATE_IDLE, to;

	(void)state;
	for (i = 0; i < 1000000; i++) {
		to = dmm_state_next(s, test_below(&rnd, __DMM_EV_MAX));
		if (to < 0)
			continue;
		assert_true(to < __DMM_STATE_MAX);
		visited |= 1u << to;
		/* the table was replaced: a new device */
		s = to == DMM_STATE_RELEASED ? DMM_STATE_IDLE : to;
	}
	/* GATED is another table's */
	assert_int_equal(visited | 1u << DMM_STATE_GATED, (1u << __DMM_STATE_MAX) - 1);
	assert_int_equal(visited & 1u << DMM_STATE_GATED, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrows),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_admission),
		cmocka_unit_test(test_diagram),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests_name("core_state", tests, NULL, NULL);
}
