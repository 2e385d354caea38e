// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty bitmap with a summary level.  The races, and why they are none, are
 * in bitmap.h.
 */
#include "bitmap.h"

#define BM_LONG_SHIFT		(sizeof(long) == 8 ? 6 : 5)
#define BM_CHUNK_WORDS		(1u << (DMM_BM_CHUNK_SHIFT - BM_LONG_SHIFT))

DMM_BUILD_ASSERT(sizeof(long) == 8 || sizeof(long) == 4);

static u64 bm_longs(u64 bits)
{
	return (bits >> BM_LONG_SHIFT) + !!(bits & (BITS_PER_LONG - 1));
}

static u64 bm_chunks(u64 nr_blocks)
{
	return (nr_blocks >> DMM_BM_CHUNK_SHIFT) + !!(nr_blocks & (DMM_BM_CHUNK_BITS - 1));
}

u64 dmm_bitmap_words_bytes(u64 nr_blocks)
{
	return bm_longs(nr_blocks) * sizeof(long);
}

u64 dmm_bitmap_summary_bytes(u64 nr_blocks)
{
	return bm_longs(bm_chunks(nr_blocks)) * sizeof(long);
}

void dmm_bitmap_init(struct dmm_bitmap *bm, u64 nr_blocks,
		     unsigned long *words, unsigned long *summary)
{
	bm->words = words;
	bm->summary = summary;
	bm->nr_blocks = nr_blocks;
	dmm_atomic64_set(&bm->dirty_blocks, 0);
}

/* How many of the @nr blocks from @first exist. */
static u64 bm_clip(const struct dmm_bitmap *bm, u64 first, u64 nr)
{
	if (first >= bm->nr_blocks)
		return 0;
	return dmm_min_u64(nr, bm->nr_blocks - first);
}

/*
 * The part of [first, first + nr) that lies in first's word: its mask, and in
 * *n its length.
 */
static unsigned long bm_mask(u64 first, u64 nr, unsigned int *n)
{
	unsigned int bit = first & (BITS_PER_LONG - 1);

	*n = (unsigned int)dmm_min_u64(nr, BITS_PER_LONG - bit);
	return (~0UL >> (BITS_PER_LONG - *n)) << bit;
}

static unsigned long bm_summary_bit(u64 chunk)
{
	return 1UL << (chunk & (BITS_PER_LONG - 1));
}

static unsigned long *bm_summary_word(const struct dmm_bitmap *bm, u64 chunk)
{
	return &bm->summary[chunk >> BM_LONG_SHIFT];
}

static void bm_summary_set(struct dmm_bitmap *bm, u64 chunk)
{
	unsigned long *w = bm_summary_word(bm, chunk);

	if (!(dmm_read_once(*w) & bm_summary_bit(chunk)))
		dmm_word_fetch_or(bm_summary_bit(chunk), w);
}

static bool bm_word_marked(const struct dmm_bitmap *bm, u64 idx, unsigned long mask)
{
	return !(~dmm_read_once(bm->words[idx]) & mask);
}

/* A full barrier.  Returns how many bits of @mask were clear. */
static unsigned int bm_mark_word(struct dmm_bitmap *bm, u64 idx, unsigned long mask)
{
	unsigned long old = dmm_word_fetch_or(mask, &bm->words[idx]);

	/* After the word, and ordered by its barrier; pairs with bm_settle(). */
	bm_summary_set(bm, idx >> (DMM_BM_CHUNK_SHIFT - BM_LONG_SHIFT));
	return dmm_popcount(mask & ~old);
}

/*
 * These two apart, so that the hot path need not save the registers that they need.  They count
 * first and take back what was dirty already: see dmm_bitmap_dirty().
 */
static dmm_noinline u64 bm_mark_one(struct dmm_bitmap *bm, u64 idx, unsigned long mask,
				    unsigned int nr)
{
	u64 fresh;

	dmm_atomic64_add(nr, &bm->dirty_blocks);
	fresh = bm_mark_word(bm, idx, mask);
	if (fresh != nr)
		dmm_atomic64_sub((s64)(nr - fresh), &bm->dirty_blocks);
	return fresh;
}

static dmm_noinline u64 bm_mark_range(struct dmm_bitmap *bm, u64 first, u64 nr)
{
	u64 fresh = 0, counted = 0, idx;
	unsigned long mask;
	unsigned int n;

	/* Pairs with the barriers of dmm_bitmap_clear(): see invariant 3 in bitmap.h. */
	dmm_smp_mb();
	for (; nr; nr -= n, first += n) {
		mask = bm_mask(first, nr, &n);
		idx = first >> BM_LONG_SHIFT;
		if (bm_word_marked(bm, idx, mask))
			continue;
		if (!counted) {
			counted = nr;
			dmm_atomic64_add((s64)counted, &bm->dirty_blocks);
		}
		fresh += bm_mark_word(bm, idx, mask);
	}
	if (counted != fresh)
		dmm_atomic64_sub((s64)(counted - fresh), &bm->dirty_blocks);
	return fresh;
}

u64 dmm_bitmap_mark(struct dmm_bitmap *bm, u64 first, u64 nr)
{
	u64 idx = first >> BM_LONG_SHIFT;
	unsigned long mask;
	unsigned int n;

	nr = bm_clip(bm, first, nr);
	if (!nr)
		return 0;
	mask = bm_mask(first, nr, &n);
	if (n != nr)
		return bm_mark_range(bm, first, nr);
	/*
	 * The hot path: what is marked again and again costs no atomic.  What is found clear
	 * needs no barrier here, the atomic is one.  What is found set may be an old answer.
	 */
	if (bm_word_marked(bm, idx, mask)) {
		/* Pairs with the barriers of dmm_bitmap_clear(): see invariant 3 in bitmap.h. */
		dmm_smp_mb();
		if (dmm_likely(bm_word_marked(bm, idx, mask)))
			return 0;
	}
	return bm_mark_one(bm, idx, mask, n);
}

/* The words of @chunk: their first, and their number. */
static unsigned long *bm_chunk(const struct dmm_bitmap *bm, u64 chunk, unsigned int *n)
{
	u64 idx = chunk << (DMM_BM_CHUNK_SHIFT - BM_LONG_SHIFT);

	*n = (unsigned int)dmm_min_u64(BM_CHUNK_WORDS, bm_longs(bm->nr_blocks) - idx);
	return &bm->words[idx];
}

static bool bm_chunk_dirty(const struct dmm_bitmap *bm, u64 chunk)
{
	unsigned int i, n;
	unsigned long *w = bm_chunk(bm, chunk, &n);

	for (i = 0; i < n; i++)
		if (dmm_read_once(w[i]))
			return true;
	return false;
}

/*
 * Make the summary bit of @chunk say what the chunk says, unless a marker is about to
 * say so itself.  Pairs with bm_mark_word().
 */
static void bm_settle(struct dmm_bitmap *bm, u64 chunk)
{
	if (bm_chunk_dirty(bm, chunk))
		return;
	dmm_word_fetch_andnot(bm_summary_bit(chunk), bm_summary_word(bm, chunk));
	if (bm_chunk_dirty(bm, chunk))
		dmm_word_fetch_or(bm_summary_bit(chunk), bm_summary_word(bm, chunk));
}

u64 dmm_bitmap_clear(struct dmm_bitmap *bm, u64 first, u64 nr)
{
	u64 cleared = 0, chunk = first >> DMM_BM_CHUNK_SHIFT, last;
	unsigned int n;

	nr = bm_clip(bm, first, nr);
	if (!nr)
		return 0;
	last = (first + nr - 1) >> DMM_BM_CHUNK_SHIFT;
	for (; nr; nr -= n, first += n) {
		unsigned long mask = bm_mask(first, nr, &n);
		unsigned long *w = &bm->words[first >> BM_LONG_SHIFT];

		if (dmm_read_once(*w) & mask)
			cleared += dmm_popcount(dmm_word_fetch_andnot(mask, w) & mask);
	}
	if (cleared) {
		dmm_atomic64_sub((s64)cleared, &bm->dirty_blocks);
		for (; chunk <= last; chunk++)
			bm_settle(bm, chunk);
	}
	dmm_smp_mb();
	return cleared;
}

/* First chunk in [@chunk, @end) whose summary bit is set, or @end. */
static u64 bm_next_chunk(const struct dmm_bitmap *bm, u64 chunk, u64 end)
{
	while (chunk < end) {
		unsigned long w = dmm_read_once(*bm_summary_word(bm, chunk));

		w &= ~0UL << (chunk & (BITS_PER_LONG - 1));
		chunk &= ~(u64)(BITS_PER_LONG - 1);
		if (w)
			return dmm_min_u64(chunk + dmm_ffs(w), end);
		chunk += BITS_PER_LONG;
	}
	return end;
}

/* First bit in [@from, @to) that is set, or clear with @invert ~0; @to if there is none. */
static u64 bm_scan(const struct dmm_bitmap *bm, u64 from, u64 to, unsigned long invert)
{
	while (from < to) {
		unsigned long w = dmm_read_once(bm->words[from >> BM_LONG_SHIFT]) ^ invert;

		w &= ~0UL << (from & (BITS_PER_LONG - 1));
		from &= ~(u64)(BITS_PER_LONG - 1);
		if (w)
			return dmm_min_u64(from + dmm_ffs(w), to);
		from += BITS_PER_LONG;
	}
	return to;
}

static u64 bm_next_dirty(struct dmm_bitmap *bm, u64 from, u64 to)
{
	u64 chunk, end, bit;

	while (from < to) {
		chunk = bm_next_chunk(bm, from >> DMM_BM_CHUNK_SHIFT, bm_chunks(to));
		from = dmm_max_u64(from, chunk << DMM_BM_CHUNK_SHIFT);
		end = dmm_min_u64((chunk + 1) << DMM_BM_CHUNK_SHIFT, to);
		bit = bm_scan(bm, from, end, 0);
		if (bit < end)
			return bit;
		if (from < end)
			bm_settle(bm, chunk);
		from = end;
	}
	return to;
}

int dmm_bitmap_find(struct dmm_bitmap *bm, u64 from, u64 to, u64 max_blocks,
		    u64 boundary, u64 *first, u64 *nr)
{
	u64 start, room;

	to = dmm_min_u64(to, bm->nr_blocks);
	if (from >= to)
		return -ENOENT;
	start = bm_next_dirty(bm, from, to);
	if (start >= to)
		return -ENOENT;
	room = to - start;
	if (max_blocks)
		room = dmm_min_u64(room, max_blocks);
	if (boundary)
		room = dmm_min_u64(room, boundary -
				   (start - dmm_div64(start, boundary) * boundary));
	*first = start;
	/* Nobody but the taker clears: the first bit is still there. */
	*nr = bm_scan(bm, start, start + room, ~0UL) - start;
	return 0;
}

/* The first block from @block on that lies in a unit of @stripe. */
static u64 bm_own_from(const struct dmm_stripe *stripe, u64 block)
{
	u64 unit = block >> stripe->unit_shift;
	u64 of = unit - dmm_div64(unit, stripe->of) * stripe->of;

	if (of == stripe->index)
		return block;
	return (unit + stripe->index - of + (stripe->index < of ? stripe->of : 0)) << stripe->unit_shift;
}

int dmm_bitmap_find_own(struct dmm_bitmap *bm, u64 from, const struct dmm_stripe *stripe,
			unsigned int *looks, u64 *first, u64 *nr)
{
	u64 unit_blocks = 1ull << stripe->unit_shift, start, n;

	for (from = bm_own_from(stripe, from);; from = bm_own_from(stripe, start)) {
		if (dmm_bitmap_find(bm, from, bm->nr_blocks, unit_blocks, unit_blocks, &start, &n))
			return -ENOENT;
		if (bm_own_from(stripe, start) == start) {
			*first = start;
			*nr = n;
			return 0;
		}
		if (!*looks || !--*looks) {
			*first = start;
			return -EAGAIN;
		}
	}
}

u64 dmm_bitmap_weight(struct dmm_bitmap *bm)
{
	u64 chunk = 0, end = bm_chunks(bm->nr_blocks), weight = 0;
	unsigned int i, n;
	unsigned long *w;

	while ((chunk = bm_next_chunk(bm, chunk, end)) < end) {
		w = bm_chunk(bm, chunk, &n);
		for (i = 0; i < n; i++)
			weight += dmm_popcount(dmm_read_once(w[i]));
		chunk++;
	}
	return weight;
}

void dmm_range_out(u64 off_bytes, u64 len_bytes, unsigned int block_shift, u64 *first, u64 *nr)
{
#if DMM_MUTANT == 14
	dmm_range_in(off_bytes, len_bytes, block_shift, ~0ULL, first, nr);
#else
	u64 last;

	*first = off_bytes >> block_shift;
	*nr = 0;
	if (!len_bytes)
		return;
	/* An end beyond 2^64 is no device's: cut it off there. */
	last = off_bytes + dmm_min_u64(len_bytes - 1, ~off_bytes);
	*nr = (last >> block_shift) - *first + 1;
#endif
}

void dmm_range_in(u64 off_bytes, u64 len_bytes, unsigned int block_shift,
		  u64 size_bytes, u64 *first, u64 *nr)
{
	u64 mask = (1ULL << block_shift) - 1, end;

	*first = (off_bytes >> block_shift) + !!(off_bytes & mask);
	*nr = 0;
	if (!len_bytes || off_bytes >= size_bytes)
		return;
	if (len_bytes >= size_bytes - off_bytes)
		end = (size_bytes >> block_shift) + !!(size_bytes & mask);
	else
		end = (off_bytes + len_bytes) >> block_shift;
	if (end > *first)
		*nr = end - *first;
}
