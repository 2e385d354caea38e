/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dirty bitmap: one bit per block and a summary bit per chunk of
 * DMM_BM_CHUNK_BITS blocks, so that finding the next dirty run costs what the
 * runs cost, not what the device's size costs.
 *
 * The caller gives the memory and keeps it.  Nothing here sleeps, locks or
 * allocates.
 *
 * Concurrency: mark may run on any number of CPUs, in any context, together
 * with everything else.  clear, find and weight have one caller at a time, "the
 * taker" (the sender thread).
 *
 * Invariant 3, clear then read (W: the guest's write, its data at the origin):
 *
 *	marker, at completion of W		taker
 *	W is at the origin			clear the bit
 *	full barrier (in mark)			full barrier (in clear)
 *	test the bit				read the block from the origin
 *
 * Either the marker sees the bit clear, and sets it again, or the taker's
 * read sees W.  Without the marker's barrier its test could be answered before
 * W left its store buffer (the origin may be memory: brd, zram, null_blk), the
 * bit be found set just before the taker clears it, and W be lost.
 *
 * Summary: a marker that changes a word sets the summary bit after it; the
 * taker, having emptied a chunk, clears the summary bit and then looks at the
 * words again, and sets it again when it finds one.
 *
 *	marker					taker
 *	set the word's bit			clear the summary bit
 *	full barrier (the atomic)		full barrier (the atomic)
 *	test the summary bit, set if clear	look at the words, set if any
 *
 * Again one of the two sees the other, so a dirty word never stays without a
 * summary bit once both are through.  The other way round, a summary bit without a
 * dirty word, costs find one look at the chunk, which drops it.
 *
 * Marker B may find the bit set by marker A that has not come to the summary
 * yet.  B leaves it to A: the block is then found when A's mark has returned.  That is
 * enough, since both hold a write in flight around their marks: nothing
 * converges before A is through (invariant 6).  The caller must keep to that: count a
 * write as in flight before its first mark, and until after its last.
 */
#ifndef DMM_CORE_BITMAP_H
#define DMM_CORE_BITMAP_H

#include "env.h"

#define DMM_BM_CHUNK_SHIFT	12		/* 4096 blocks: 64 words */
#define DMM_BM_CHUNK_BITS	(1u << DMM_BM_CHUNK_SHIFT)

struct dmm_bitmap {
	unsigned long *words;		/* constant after init; bits beyond nr_blocks stay 0 */
	unsigned long *summary;		/* constant after init */
	u64 nr_blocks;			/* constant after init */
	dmm_atomic64_t dirty_blocks;	/* exact once no mark is running */
};

/*
 * Bytes of memory for @nr_blocks: what the caller allocates, zeroed, long-aligned.
 */
u64 dmm_bitmap_words_bytes(u64 nr_blocks);
u64 dmm_bitmap_summary_bytes(u64 nr_blocks);

/* Borrows @words and @summary, zeroed, until the caller frees them. */
void dmm_bitmap_init(struct dmm_bitmap *bm, u64 nr_blocks,
		     unsigned long *words, unsigned long *summary);

/*
 * Mark @nr blocks from @first dirty, word by word.  What lies beyond the
 * bitmap is ignored.  A full barrier comes before the test that counts (see above);
 * only words that change are written.  Never reschedules: mark a whole device in pieces.
 * Context: any.
 * Return: how many of them were clean before.
 */
u64 dmm_bitmap_mark(struct dmm_bitmap *bm, u64 first, u64 nr);

/*
 * Clear @nr blocks from @first; what lies beyond the bitmap is ignored.  Ends with
 * a full barrier: what is read from the origin afterwards is not older.
 * Context: the taker.
 * Return: how many were dirty.
 */
u64 dmm_bitmap_clear(struct dmm_bitmap *bm, u64 first, u64 nr);

/*
 * Find the first dirty run that begins in [@from, @to): at most @max_blocks
 * long (0 = any), not reaching beyond @to, nor straddling a multiple of @boundary blocks
 * (0 = none).  Clears no dirty bit.
 * Context: the taker.
 * Return: 0 and the run, or -ENOENT, with *@first and *@nr untouched.
 */
int dmm_bitmap_find(struct dmm_bitmap *bm, u64 from, u64 to, u64 max_blocks,
		    u64 boundary, u64 *first, u64 *nr);

/* A part of the disk: of units of 2^@unit_shift blocks those whose number modulo @of is @index. */
struct dmm_stripe {
	unsigned int unit_shift;
	u64 of;			/* not 0 */
	u64 index;		/* below @of */
};

/*
 * Find the first dirty run that begins at @from or later in a unit of @stripe; it ends with the
 * unit at the latest.  Dirty runs in other units are looked at too, at most *@looks in all, which
 * is counted down: where another stripe is dirty all over, a search can be as long as the disk.
 * Context: the taker.
 * Return: 0 and the run; -ENOENT; or -EAGAIN with *@first as the place to go on from, beyond @from.
 */
int dmm_bitmap_find_own(struct dmm_bitmap *bm, u64 from, const struct dmm_stripe *stripe,
			unsigned int *looks, u64 *first, u64 *nr);

/*
 * Number of dirty blocks by counting bits (not the counter). O(summary + dirty chunks).
 * Context: the taker.
 */
u64 dmm_bitmap_weight(struct dmm_bitmap *bm);

/*
 * The counter.  A mark counts its blocks before it sets them and takes back what was dirty already; a
 * clear counts after it cleared.  So it never says less than the bits, however long the range
 * that is being marked: what has been dirty all the time is in it.  It may say more for a moment.
 */
static inline u64 dmm_bitmap_dirty(const struct dmm_bitmap *bm)
{
	return dmm_min_u64((u64)dmm_atomic64_read(&bm->dirty_blocks), bm->nr_blocks);
}

/*
 * Byte range -> block range.  Rounded out when marking: every block touched.
 * Rounded in when clearing: only blocks covered whole; the last, partial
 * block of the device counts as covered when the range reaches the end of the device.
 * @len_bytes 0 gives *@nr 0.  @block_shift: log2 of the block size in bytes.
 */
void dmm_range_out(u64 off_bytes, u64 len_bytes, unsigned int block_shift, u64 *first, u64 *nr);
void dmm_range_in(u64 off_bytes, u64 len_bytes, unsigned int block_shift,
		  u64 size_bytes, u64 *first, u64 *nr);

#endif
