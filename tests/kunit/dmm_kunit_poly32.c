// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-poly32: the vectors of core/poly32.
 */
#include "vec_kunit.h"
#include "vectors/poly32.h"

static void poly32_run(struct kunit *test, void (*check)(struct dmm_vec *v, u8 *buf))
{
	u8 *buf = kunit_kzalloc(test, DMM_VEC_POLY32_MAX + 4, GFP_KERNEL);
	struct dmm_vec v = { 0 };

	KUNIT_ASSERT_NOT_NULL(test, buf);
	check(&v, buf);
	vec_expect(test, &v);
}

static void poly32_vectors(struct kunit *test)
{
	poly32_run(test, dmm_vec_check_poly32);
}

static void poly32_zeros(struct kunit *test)
{
	poly32_run(test, dmm_vec_check_poly32_zeros);
}

static void poly32_bits(struct kunit *test)
{
	poly32_run(test, dmm_vec_check_poly32_bits);
}

static struct kunit_case poly32_cases[] = {
	KUNIT_CASE(poly32_vectors),
	KUNIT_CASE(poly32_zeros),
	KUNIT_CASE(poly32_bits),
	{}
};

static struct kunit_suite poly32_suite = {
	.name = "dmm-poly32",
	.test_cases = poly32_cases,
};

kunit_test_suite(poly32_suite);
