// SPDX-License-Identifier: GPL-2.0
/*
 * core/heat: the vectors, and random callers, for whom no unit may ever wait longer
 * than the longest wait.
 */
#include "vec_cmocka.h"
#include "vectors/heat.h"

static void run(void (*check)(struct dmm_vec *v))
{
	struct dmm_vec v = { 0 };

	check(&v);
	vec_assert(&v);
}

static void test_steps(void **state)
{
	(void)state;
	run(dmm_vec_check_heat_steps);
}

static void test_hour(void **state)
{
	(void)state;
	run(dmm_vec_check_heat_hour);
}

static void test_random(void **state)
{
	u64 rnd = test_seed("heat"), now = test_rand(&rnd) >> 1, unit, since[64] = { 0 };
	u16 units[64] = { 0 };
	struct dmm_heat h;
	unsigned int i;

	(void)state;
	assert_int_equal(dmm_heat_bytes(64), sizeof(units));
	dmm_heat_init(&h, 64, units);
	for (i = 0; i < 1000000; i++) {
		now += test_below(&rnd, 2000000000);
		unit = test_below(&rnd, 64);
		if (!test_below(&rnd, 4))
			dmm_heat_sweep(&h, test_below(&rnd, 300), 100, !test_below(&rnd, 8));
		if (!dmm_heat_defers(&h, unit, now)) {
			dmm_heat_shipped(&h, unit, now);
			since[unit] = now;
			continue;
		}
		assert_false(h.idle);
		assert_true(h.eager <= DMM_HEAT_MAX_EAGER);
		/* within one round of the clock */
		if (now - since[unit] < 1600000000000ull)
			assert_true(now - since[unit] <= 64100000000ull);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_hour),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("core_heat", tests, NULL, NULL);
}
