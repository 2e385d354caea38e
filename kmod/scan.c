// SPDX-License-Identifier: GPL-2.0
/*
 * Which extent is next: the sweep over the bitmap.  Clearing comes before
 * reading (invariant 3) and a block in flight is left alone (invariant 4).
 */
#include "sender.h"

/*
 * A slot in flight that overlaps [@first, + @nr), or NULL.  Slots leave
 * FREE only by the send thread, which calls this; one that becomes FREE meanwhile
 * was acknowledged.
 */
static const struct dmm_slot *find_overlap(struct dmm_sender *s, u64 first, u64 nr)
{
	const struct dmm_slot *slot;
	unsigned int i;

	for (i = 0; i < DMM_SLOTS; i++) {
		slot = &s->slots[i];
		if (dmm_slot_state(slot) != DMM_SLOT_FREE &&
		    slot->first_block < first + nr &&
		    first < slot->first_block + slot->nr_blocks)
			return slot;
	}
	return NULL;
}

static void set_range(struct dmm_sender *s, struct dmm_slot *slot, u64 first, u64 nr)
{
	const struct dmm_tracker *t = &s->m->tracker;

	slot->first_block = first;
	slot->nr_blocks = nr;
	slot->offset_bytes = first << t->block_shift;
	/* the last block may be partial */
	slot->len_bytes = min_t(u64, nr << t->block_shift, t->size_bytes - slot->offset_bytes);
	slot->resend = !s->first_sweep;
}

int dmm_scan_pick(struct dmm_sender *s, struct dmm_slot *slot)
{
	struct dmm_tracker *t = &s->m->tracker;
	u64 extent = DMM_MAX_EXTENT_BYTES >> t->block_shift;
	u64 from = s->cursor, end = t->bitmap.nr_blocks, first, nr;
	const struct dmm_slot *busy;

	for (;;) {
		/* extents never straddle a multiple of their size: the seam for several connections */
		if (dmm_bitmap_find(&t->bitmap, from, end, extent, extent, &first, &nr)) {
			s->cursor = 0;
			s->first_sweep = false;
			return -ENOENT;
		}
		busy = find_overlap(s, first, nr);
		/* any number of slots may begin inside the run: cut at the lowest */
		while (busy && busy->first_block > first) {
			nr = busy->first_block - first;
			busy = find_overlap(s, first, nr);
		}
		if (!busy)
			break;
		from = busy->first_block + busy->nr_blocks;
	}

#ifdef DMM_DEBUG
	WARN_ON_ONCE(find_overlap(s, first, nr));	/* invariant 4 */
#endif
	set_range(s, slot, first, nr);
	s->cursor = first + nr;
	return 0;
}

void dmm_scan_clear(const struct dmm_slot *slot)
{
#if DMM_MUTANT != 1
	dmm_bitmap_clear(&slot->sender->m->tracker.bitmap, slot->first_block, slot->nr_blocks);
#endif
}
