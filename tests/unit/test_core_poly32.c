// SPDX-License-Identifier: GPL-2.0
/*
 * core/poly32: the vectors; random data against the definition; and the promise about two bits, for every distance.
 */
#include "vec_cmocka.h"
#include "vectors/poly32.h"

#define FAR_WORDS	(128u << 20 >> 2)

/* On the heap, so that ASan sees what is read beyond it. */
static void run(void (*check)(struct dmm_vec *v, u8 *buf))
{
	u8 *buf = malloc(DMM_VEC_POLY32_MAX + 4);
	struct dmm_vec v = { 0 };

	assert_non_null(buf);
	check(&v, buf);
	free(buf);
	vec_assert(&v);
}

static void test_vectors(void **state)
{
	(void)state;
	run(dmm_vec_check_poly32);
}

static void test_zeros(void **state)
{
	(void)state;
	run(dmm_vec_check_poly32_zeros);
}

static void test_bits(void **state)
{
	(void)state;
	run(dmm_vec_check_poly32_bits);
}

static u32 by_definition(u32 sum, const u8 *p, size_t bytes)
{
	u64 x = sum;
	size_t i;

	for (i = 0; i < bytes; i += 4)
		x = (x * DMM_POLY32_K + (p[i] | (u32)p[i + 1] << 8 | (u32)p[i + 2] << 16 | (u32)p[i + 3] << 24)) %
		    DMM_POLY32_P;
	return (u32)x;
}

static void test_random(void **state)
{
	u64 rnd = test_seed("poly32");
	u8 *buf;
	size_t n, i;
	u32 round, from;

	(void)state;
	for (round = 0; round < 20000; round++) {
		n = 4 * test_below(&rnd, 300);
		from = (u32)test_below(&rnd, DMM_POLY32_P);
		buf = malloc(n ? n : 1);
		assert_non_null(buf);
		/* many words near 0 and 2^32, where a reduction too few would show */
		for (i = 0; i < n; i++)
			buf[i] = (u8)(test_below(&rnd, 3) ? 0xff * test_below(&rnd, 2) : test_rand(&rnd));
		if (round % 8 == 0)
			memset(buf, 0xff, n);
		assert_int_equal(dmm_poly32(from, buf, n), by_definition(from, buf, n));
		free(buf);
	}
}

/* Two bits, the words of which are @words apart, cancel out where K to the power of that is a power of two, or minus one. */
static void test_two_bits(void **state)
{
	u64 powers[126], power = 1, x, at;
	u32 nr = 0, i, words, met = 0;
	bool *maybe = calloc(1, 1 << 16);

	(void)state;
	assert_non_null(maybe);
	for (i = 0; i < 32; i++) {
		powers[nr++] = power;
		powers[nr++] = DMM_POLY32_P - power;
		power = power * 2 % DMM_POLY32_P;
	}
	/* and of 1/2, which is (P + 1) / 2 */
	for (i = 1, power = (DMM_POLY32_P + 1) / 2; i < 32; i++) {
		powers[nr++] = power;
		powers[nr++] = DMM_POLY32_P - power;
		power = power * ((DMM_POLY32_P + 1) / 2) % DMM_POLY32_P;
	}
	assert_int_equal(nr, sizeof(powers) / sizeof(powers[0]));
	for (i = 0; i < nr; i++)
		maybe[powers[i] & 0xffff] = true;
	for (words = 1, x = 1; words < FAR_WORDS; words++) {
		x = x * DMM_POLY32_K % DMM_POLY32_P;
		at = x & 0xffff;
		for (i = 0; maybe[at] && i < nr; i++)
			met += powers[i] == x;
	}
	assert_int_equal(met, 0);
	assert_true(maybe[1]);
	free(maybe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_two_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
