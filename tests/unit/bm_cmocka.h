/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bitmaps with memory of their own, and a clock, for the tests of core/bitmap.
 */
#ifndef DMM_UNIT_BM_CMOCKA_H
#define DMM_UNIT_BM_CMOCKA_H

#include <time.h>

#include "core/bitmap.h"
#include "vec_cmocka.h"

static inline void bm_create(struct dmm_bitmap *bm, u64 nr)
{
	unsigned long *words = calloc(1, dmm_bitmap_words_bytes(nr));
	unsigned long *summary = calloc(1, dmm_bitmap_summary_bytes(nr));

	assert_non_null(words);
	assert_non_null(summary);
	dmm_bitmap_init(bm, nr, words, summary);
}

static inline void bm_destroy(struct dmm_bitmap *bm)
{
	free(bm->words);
	free(bm->summary);
}

static inline void assert_summary_clear(const struct dmm_bitmap *bm)
{
	u64 i;

	for (i = 0; i < dmm_bitmap_summary_bytes(bm->nr_blocks) / sizeof(long); i++)
		assert_int_equal(bm->summary[i], 0);
}

static inline u64 now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

#endif
