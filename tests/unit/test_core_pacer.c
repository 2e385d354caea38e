// SPDX-License-Identifier: GPL-2.0
/*
 * core/pacer: the vectors, and random callers with random clocks, of
 * whom none may ever wait longer than the debt that he may have.
 */
#include "vec_cmocka.h"
#include "vectors/pacer.h"

static void test_steps(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_pacer_steps(&v);
	vec_assert(&v);
}

static void test_sims(void **state)
{
	unsigned int i;

	(void)state;
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_pacer_sims); i++) {
		struct dmm_vec v = { 0 };

		dmm_vec_check_pacer_sim(&v, i);
		vec_assert(&v);
	}
}

/* Any number of bits, so that small and large ones come equally often. */
static u64 any_u64(u64 *rnd)
{
	return test_rand(rnd) >> test_below(rnd, 64);
}

/* 1e6 calls in any order, with readings of the clock in any order: bounded, and whoever waits may send. */
static void test_random(void **state)
{
	u64 rnd = test_seed("pacer"), now = 0, rate = 0, debt = 0, d, late;
	struct dmm_pacer p;
	unsigned int i;
	u32 bytes;

	(void)state;
	dmm_pacer_init(&p, 0, 0);
	for (i = 0; i < 1000000; i++) {
		switch (test_below(&rnd, 8)) {
		case 0:
			now = any_u64(&rnd) >> 2;	/* hours and years, both ways */
			break;
		case 1:
		case 2:
			now += test_below(&rnd, 100000000);
			break;
		}
		switch (test_below(&rnd, 16)) {
		case 0:
			rate = any_u64(&rnd);
			dmm_pacer_set_rate(&p, rate, now);
			break;
		case 1:
			rate = any_u64(&rnd);
			dmm_pacer_init(&p, rate, now);
			debt = 0;
			break;
		default:
			bytes = (u32)any_u64(&rnd);
			debt = dmm_min_u64(debt + bytes, ~(u32)0);
			dmm_pacer_take(&p, bytes, now);
		}
		d = dmm_pacer_delay_ns(&p, 1, now);
		late = p.last_ns > now ? p.last_ns - now : 0;
		if (!rate || rate >= DMM_PACER_MAX_RATE)
			assert_int_equal(d, 0);
		else
			assert_true(d <= late + debt * 1000000000ULL / rate + 1);
		if (d && now + d > now) {
			/* not a nanosecond too early, and then at once */
			struct dmm_pacer q = p;

			if (d > 1)
				assert_int_not_equal(dmm_pacer_delay_ns(&q, 1, now + d - 2), 0);
			q = p;
			assert_int_equal(dmm_pacer_delay_ns(&q, 1, now + d), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_sims),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("core_pacer", tests, NULL, NULL);
}
