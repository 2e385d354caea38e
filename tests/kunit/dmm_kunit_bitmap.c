// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit suite dmm-bitmap: the vectors of core/bitmap.
 */
#include <linux/module.h>

#include "vec_kunit.h"
#include "vectors/bitmap.h"

static void bitmap_ranges(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_ranges(&v);
	vec_expect(test, &v);
}

static void bitmap_bytes(struct kunit *test)
{
	struct dmm_vec v = { 0 };

	dmm_vec_check_bm_bytes(&v);
	vec_expect(test, &v);
}

static void bitmap_steps(struct kunit *test)
{
	unsigned long *words, *summary;
	struct dmm_vec v = { 0 };

	/* not a byte more than is asked for: KASAN looks on */
	words = kunit_kzalloc(test, dmm_bitmap_words_bytes(DMM_VEC_BM_BLOCKS), GFP_KERNEL);
	summary = kunit_kzalloc(test, dmm_bitmap_summary_bytes(DMM_VEC_BM_BLOCKS), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, words);
	KUNIT_ASSERT_NOT_NULL(test, summary);
	dmm_vec_check_bm_steps(&v, words, summary);
	vec_expect(test, &v);
}

static struct kunit_case bitmap_cases[] = {
	KUNIT_CASE(bitmap_ranges),
	KUNIT_CASE(bitmap_bytes),
	KUNIT_CASE(bitmap_steps),
	{}
};

static struct kunit_suite bitmap_suite = {
	.name = "dmm-bitmap",
	.test_cases = bitmap_cases,
};

kunit_test_suite(bitmap_suite);

MODULE_DESCRIPTION("KUnit suites of dm-migrate's core");
MODULE_LICENSE("GPL");
