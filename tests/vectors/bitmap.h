/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/bitmap: byte ranges to blocks, and scripts of operations
 * on bitmaps of several sizes with what each has to return.
 */
#ifndef DMM_VECTORS_BITMAP_H
#define DMM_VECTORS_BITMAP_H

#include "vec.h"
#include "core/bitmap.h"

#define VEC_MAX_U64	(~0ULL)

static const struct dmm_vec_range {
	u64 off, len;
	unsigned int shift;
	u64 size;
	u64 out_first, out_nr;
	u64 in_nr, in_first;	/* in_first is compared only if in_nr is not 0 */
} dmm_vec_ranges[] = {
	/* whole blocks */
	{ 0,     4096,  12, 1 << 20, 0, 1, 1, 0 },
	{ 4096,  4096,  12, 1 << 20, 1, 1, 1, 1 },
	{ 0,     1 << 20, 12, 1 << 20, 0, 256, 256, 0 },
	{ 8192,  65536, 12, 1 << 20, 2, 16, 16, 2 },
	/* nothing */
	{ 0,     0,     12, 1 << 20, 0, 0, 0, 0 },
	{ 4096,  0,     12, 1 << 20, 1, 0, 0, 0 },
	{ 5000,  0,     12, 1 << 20, 1, 0, 0, 0 },
	/* 512 bytes: first, middle, last sector of a block */
	{ 0,     512,   12, 1 << 20, 0, 1, 0, 0 },
	{ 2048,  512,   12, 1 << 20, 0, 1, 0, 0 },
	{ 3584,  512,   12, 1 << 20, 0, 1, 0, 0 },
	{ 4096,  512,   12, 1 << 20, 1, 1, 0, 0 },
	/* one byte, for nobody says that it is sectors */
	{ 4095,  1,     12, 1 << 20, 0, 1, 0, 0 },
	{ 4095,  2,     12, 1 << 20, 0, 2, 0, 0 },
	/* over a border, no block whole */
	{ 3584,  1024,  12, 1 << 20, 0, 2, 0, 0 },
	{ 3584,  4096,  12, 1 << 20, 0, 2, 0, 0 },
	{ 512,   4096,  12, 1 << 20, 0, 2, 0, 0 },
	/* head or tail partly covered */
	{ 512,   7680,  12, 1 << 20, 0, 2, 1, 1 },
	{ 0,     8191,  12, 1 << 20, 0, 2, 1, 0 },
	{ 0,     8193,  12, 1 << 20, 0, 3, 2, 0 },
	{ 3584,  9216,  12, 1 << 20, 0, 4, 2, 1 },
	/* the last, partial block: 10 sectors of device, 8 a block */
	{ 4096,  1024,  12, 5120, 1, 1, 1, 1 },
	{ 0,     5120,  12, 5120, 0, 2, 2, 0 },
	{ 4096,  512,   12, 5120, 1, 1, 0, 0 },
	{ 4608,  512,   12, 5120, 1, 1, 0, 0 },
	{ 512,   4608,  12, 5120, 0, 2, 1, 1 },
	/* a device smaller than a block */
	{ 0,     512,   12, 512, 0, 1, 1, 0 },
	{ 0,     512,   12, 1024, 0, 1, 0, 0 },
	{ 512,   512,   12, 1024, 0, 1, 0, 0 },
	{ 0,     1024,  12, 1024, 0, 1, 1, 0 },
	/* beyond the device */
	{ 8192,  4096,  12, 8192, 2, 1, 0, 0 },
	{ 4096,  8192,  12, 8192, 1, 2, 1, 1 },
	{ 1 << 20, 512, 12, 8192, 256, 1, 0, 0 },
	/* other block sizes */
	{ 0,     4096,  16, 1 << 20, 0, 1, 0, 0 },
	{ 61440, 8192,  16, 1 << 20, 0, 2, 0, 0 },
	{ 0,     1 << 20, 20, 1 << 20, 0, 1, 1, 0 },
	{ 0,     1 << 20, 20, 3 << 20, 0, 1, 1, 0 },
	{ 512,   1 << 20, 20, 3 << 20, 0, 2, 0, 0 },
	/* far out: 8 EiB and the last sector there is */
	{ 1ULL << 62, 4096, 12, 1ULL << 63, 1ULL << 50, 1, 1, 1ULL << 50 },
	{ VEC_MAX_U64 - 511, 512, 12, VEC_MAX_U64, (1ULL << 52) - 1, 1, 0, 0 },
	/* an end beyond 2^64 is cut off, not wrapped round */
	{ VEC_MAX_U64 - 511, 8192, 12, VEC_MAX_U64, (1ULL << 52) - 1, 1, 0, 0 },
	{ 4096, VEC_MAX_U64, 12, 1 << 20, 1, (1ULL << 52) - 1, 255, 1 },
	{ 0, VEC_MAX_U64, 12, VEC_MAX_U64, 0, 1ULL << 52, 1ULL << 52, 0 },
};

static inline void dmm_vec_check_ranges(struct dmm_vec *v)
{
	unsigned int i;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_ranges); i++) {
		const struct dmm_vec_range *r = &dmm_vec_ranges[i];
		u64 first, nr;

		dmm_range_out(r->off, r->len, r->shift, &first, &nr);
		dmm_vec_eq(v, "range_out first", i, first, r->out_first);
		dmm_vec_eq(v, "range_out nr", i, nr, r->out_nr);
		dmm_range_in(r->off, r->len, r->shift, r->size, &first, &nr);
		dmm_vec_eq(v, "range_in nr", i, nr, r->in_nr);
		if (r->in_nr)
			dmm_vec_eq(v, "range_in first", i, first, r->in_first);
	}
}

enum dmm_vec_bm_op {
	BM_NEW,		/* a new bitmap of @a blocks */
	BM_MARK,	/* [a, a + b): returns @want */
	BM_CLEAR,	/* [a, a + b): returns @want */
	BM_FIND,	/* from a to b, max c, boundary d: @want blocks at @first, 0: -ENOENT */
	BM_COUNT,	/* counter and weight */
};

#define DMM_VEC_BM_BLOCKS	20000	/* more than four chunks */

static const struct dmm_vec_bm_step {
	enum dmm_vec_bm_op op;
	u64 a, b, c, d;
	u64 want, first;
} dmm_vec_bm_steps[] = {
	/* one block at every place of a word that matters */
	{ BM_NEW, 20000 },
	{ BM_COUNT, .want = 0 },
	{ BM_FIND, 0, 20000, .want = 0 },
	{ BM_MARK, 0, 1, .want = 1 },
	{ BM_MARK, 0, 1, .want = 0 },
	{ BM_MARK, 31, 1, .want = 1 },
	{ BM_MARK, 32, 1, .want = 1 },
	{ BM_MARK, 63, 1, .want = 1 },
	{ BM_MARK, 64, 1, .want = 1 },
	{ BM_COUNT, .want = 5 },
	{ BM_FIND, 0, 20000, .want = 1, .first = 0 },
	{ BM_FIND, 1, 20000, .want = 2, .first = 31 },
	{ BM_FIND, 33, 20000, .want = 2, .first = 63 },
	{ BM_FIND, 64, 20000, .want = 1, .first = 64 },
	{ BM_FIND, 65, 20000, .want = 0 },
	{ BM_CLEAR, 1, 30, .want = 0 },
	{ BM_CLEAR, 0, 32, .want = 2 },
	{ BM_CLEAR, 0, 32, .want = 0 },
	{ BM_COUNT, .want = 3 },

	/* long ranges: inside a word, over words, over chunks, all */
	{ BM_NEW, 20000 },
	{ BM_MARK, 5, 10, .want = 10 },
	{ BM_MARK, 0, 64, .want = 54 },
	{ BM_MARK, 60, 80, .want = 76 },
	{ BM_COUNT, .want = 140 },
	{ BM_FIND, 0, 20000, .want = 140, .first = 0 },
	{ BM_MARK, 4000, 200, .want = 200 },	/* from chunk 0 into chunk 1 */
	{ BM_FIND, 140, 20000, .want = 200, .first = 4000 },
	{ BM_CLEAR, 4095, 2, .want = 2 },
	{ BM_FIND, 140, 20000, .want = 95, .first = 4000 },
	{ BM_FIND, 4095, 20000, .want = 103, .first = 4097 },
	{ BM_MARK, 0, 20000, .want = 20000 - 140 - 198 },
	{ BM_MARK, 0, 20000, .want = 0 },
	{ BM_COUNT, .want = 20000 },
	{ BM_FIND, 0, 20000, .want = 20000, .first = 0 },
	{ BM_CLEAR, 0, 20000, .want = 20000 },
	{ BM_COUNT, .want = 0 },
	{ BM_FIND, 0, 20000, .want = 0 },

	/* maximum, end of the window, boundary */
	{ BM_NEW, 20000 },
	{ BM_MARK, 100, 1000, .want = 1000 },
	{ BM_FIND, 0, 20000, 256, 0, .want = 256, .first = 100 },
	{ BM_FIND, 0, 20000, 1, 0, .want = 1, .first = 100 },
	{ BM_FIND, 0, 20000, 5000, 0, .want = 1000, .first = 100 },
	{ BM_FIND, 0, 150, .want = 50, .first = 100 },
	{ BM_FIND, 0, 101, .want = 1, .first = 100 },
	{ BM_FIND, 0, 100, .want = 0 },
	{ BM_FIND, 120, 120, .want = 0 },
	{ BM_FIND, 130, 120, .want = 0 },
	{ BM_FIND, 120, 20000, .want = 980, .first = 120 },
	{ BM_FIND, 1099, 20000, .want = 1, .first = 1099 },
	{ BM_FIND, 1100, 20000, .want = 0 },
	{ BM_FIND, 0, 20000, 0, 256, .want = 156, .first = 100 },
	{ BM_FIND, 256, 20000, 0, 256, .want = 256, .first = 256 },
	{ BM_FIND, 255, 20000, 0, 256, .want = 1, .first = 255 },
	{ BM_FIND, 257, 20000, 0, 256, .want = 255, .first = 257 },
	{ BM_FIND, 257, 20000, 100, 256, .want = 100, .first = 257 },
	{ BM_FIND, 500, 20000, 100, 256, .want = 12, .first = 500 },
	{ BM_FIND, 0, 20000, 0, 1, .want = 1, .first = 100 },
	{ BM_FIND, 0, 20000, 0, 300, .want = 200, .first = 100 },	/* no power of two */
	{ BM_FIND, 301, 20000, 0, 300, .want = 299, .first = 301 },
	{ BM_FIND, 0, 20000, 0, 100000, .want = 1000, .first = 100 },
	{ BM_FIND, 0, 20000, 0, VEC_MAX_U64, .want = 1000, .first = 100 },
	{ BM_FIND, 0, VEC_MAX_U64, VEC_MAX_U64, 0, .want = 1000, .first = 100 },

	/* sparse: the summary leads over clean chunks */
	{ BM_NEW, 20000 },
	{ BM_MARK, 4096, 1, .want = 1 },
	{ BM_MARK, 12287, 1, .want = 1 },
	{ BM_MARK, 19999, 1, .want = 1 },
	{ BM_FIND, 0, 20000, .want = 1, .first = 4096 },
	{ BM_FIND, 4097, 20000, .want = 1, .first = 12287 },
	{ BM_FIND, 12288, 20000, .want = 1, .first = 19999 },
	{ BM_FIND, 12288, 19999, .want = 0 },
	{ BM_CLEAR, 4096, 1, .want = 1 },
	{ BM_FIND, 0, 20000, .want = 1, .first = 12287 },
	/* clearing one of two leaves the chunk's summary bit */
	{ BM_MARK, 12200, 1, .want = 1 },
	{ BM_CLEAR, 12287, 1, .want = 1 },
	{ BM_FIND, 0, 20000, .want = 1, .first = 12200 },
	{ BM_COUNT, .want = 2 },
	/* marking again what was cleared is found again */
	{ BM_CLEAR, 0, 20000, .want = 2 },
	{ BM_MARK, 12287, 1, .want = 1 },
	{ BM_FIND, 0, 20000, .want = 1, .first = 12287 },
	/* a clear that ends at a chunk's last block, one that begins at its first */
	{ BM_MARK, 8192, 4096, .want = 4095 },
	{ BM_CLEAR, 8192, 4096, .want = 4096 },
	{ BM_MARK, 12288, 1, .want = 1 },
	{ BM_CLEAR, 8192, 4096, .want = 0 },
	{ BM_FIND, 0, 20000, .want = 1, .first = 12288 },

	/* sizes: one block, a word less or more one, exactly a chunk */
	{ BM_NEW, 1 },
	{ BM_MARK, 0, 1, .want = 1 },
	{ BM_FIND, 0, 1, .want = 1, .first = 0 },
	{ BM_CLEAR, 0, 1, .want = 1 },
	{ BM_FIND, 0, 1, .want = 0 },
	{ BM_NEW, 63 },
	{ BM_MARK, 0, 63, .want = 63 },
	{ BM_FIND, 0, 64, .want = 63, .first = 0 },
	{ BM_NEW, 65 },
	{ BM_MARK, 64, 1, .want = 1 },
	{ BM_FIND, 0, 65, .want = 1, .first = 64 },
	{ BM_NEW, 4096 },
	{ BM_MARK, 0, 4096, .want = 4096 },
	{ BM_CLEAR, 0, 4095, .want = 4095 },
	{ BM_FIND, 0, 4096, .want = 1, .first = 4095 },
	{ BM_NEW, 4097 },
	{ BM_MARK, 4096, 1, .want = 1 },
	{ BM_FIND, 0, 4097, .want = 1, .first = 4096 },
	{ BM_CLEAR, 4096, 1, .want = 1 },
	{ BM_COUNT, .want = 0 },

	/* what lies beyond the end is ignored, what lies before it is not */
	{ BM_NEW, 100 },
	{ BM_MARK, 100, 1, .want = 0 },
	{ BM_MARK, VEC_MAX_U64, 1, .want = 0 },
	{ BM_MARK, 90, 1000, .want = 10 },
	{ BM_COUNT, .want = 10 },
	{ BM_MARK, 50, VEC_MAX_U64, .want = 40 },
	{ BM_CLEAR, 100, 10, .want = 0 },
	{ BM_CLEAR, 95, VEC_MAX_U64, .want = 5 },
	{ BM_COUNT, .want = 45 },
	{ BM_FIND, 0, 1000, .want = 45, .first = 50 },
	{ BM_FIND, 1000, 2000, .want = 0 },
	{ BM_MARK, 10, 0, .want = 0 },
	{ BM_CLEAR, 10, 0, .want = 0 },
	{ BM_COUNT, .want = 45 },
};

/* @words and @summary: room for DMM_VEC_BM_BLOCKS. */
static inline void dmm_vec_check_bm_steps(struct dmm_vec *v, unsigned long *words,
					  unsigned long *summary)
{
	struct dmm_bitmap bm;
	unsigned int i;

	memset(&bm, 0, sizeof(bm));
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_bm_steps); i++) {
		const struct dmm_vec_bm_step *s = &dmm_vec_bm_steps[i];
		u64 first = VEC_MAX_U64, nr = VEC_MAX_U64;
		int ret;

		switch (s->op) {
		case BM_NEW:
			memset(words, 0, dmm_bitmap_words_bytes(s->a));
			memset(summary, 0, dmm_bitmap_summary_bytes(s->a));
			dmm_bitmap_init(&bm, s->a, words, summary);
			break;
		case BM_MARK:
			dmm_vec_eq(v, "mark", i, dmm_bitmap_mark(&bm, s->a, s->b), s->want);
			break;
		case BM_CLEAR:
			dmm_vec_eq(v, "clear", i, dmm_bitmap_clear(&bm, s->a, s->b), s->want);
			break;
		case BM_FIND:
			ret = dmm_bitmap_find(&bm, s->a, s->b, s->c, s->d, &first, &nr);
			dmm_vec_eq(v, "find returns", i, (u64)ret, s->want ? 0 : (u64)-ENOENT);
			dmm_vec_eq(v, "find nr", i, nr, s->want ? s->want : VEC_MAX_U64);
			dmm_vec_eq(v, "find first", i, first, s->want ? s->first : VEC_MAX_U64);
			break;
		case BM_COUNT:
			dmm_vec_eq(v, "dirty", i, dmm_bitmap_dirty(&bm), s->want);
			dmm_vec_eq(v, "weight", i, dmm_bitmap_weight(&bm), s->want);
			break;
		}
		/* after every step, in every case */
		dmm_vec_eq(v, "counter is weight", i, dmm_bitmap_weight(&bm),
			   dmm_bitmap_dirty(&bm));
	}
}

static const struct dmm_vec_bm_bytes {
	u64 blocks, words, summary;
} dmm_vec_bm_bytes[] = {	/* of 64-bit longs, of which 32-bit ones need no more */
	{ 0, 0, 0 },
	{ 1, 8, 8 },
	{ 64, 8, 8 },
	{ 65, 16, 8 },
	{ 4096, 512, 8 },
	{ 4097, 520, 8 },
	{ 1ULL << 18, 32768, 8 },
	{ (1ULL << 18) + 1, 32776, 16 },
	{ 1ULL << 28, 32ULL << 20, 8192 },		/* 1 TiB in 4 KiB blocks */
	{ 200ULL << 28, 200ULL * (32ULL << 20), 200 * 8192 },
};

static inline void dmm_vec_check_bm_bytes(struct dmm_vec *v)
{
	unsigned int i;

	for (i = 0; sizeof(long) == 8 && i < DMM_VEC_COUNT(dmm_vec_bm_bytes); i++) {
		const struct dmm_vec_bm_bytes *b = &dmm_vec_bm_bytes[i];

		dmm_vec_eq(v, "words_bytes", i, dmm_bitmap_words_bytes(b->blocks), b->words);
		dmm_vec_eq(v, "summary_bytes", i, dmm_bitmap_summary_bytes(b->blocks), b->summary);
	}
	/* the promise of the design: at most 33 MiB a TiB at 4 KiB */
	dmm_vec_eq(v, "33 MiB a TiB", 0,
		   dmm_bitmap_words_bytes(1ULL << 28) + dmm_bitmap_summary_bytes(1ULL << 28) <=
		   (33ULL << 20), 1);
}

#endif
