// SPDX-License-Identifier: GPL-2.0
/*
 * Which extent is next: the sweep of one link over its units of the bitmap.
 * Clearing comes before reading (invariant 3) and a block in flight is left
 * alone (invariant 4).
 */
#include <linux/sched.h>

#include "sender.h"

#define SCAN_LOOKS	1024u		/* of one search: less than a millisecond */

/* log2 of blocks */
static unsigned int unit_shift(const struct dmm_link *l)
{
	return ilog2(DMM_MAX_EXTENT_BYTES) - l->sender->m->tracker.block_shift;
}

/*
 * A slot of the link in flight that overlaps [@first, + @nr), or NULL.  Slots leave
 * FREE only by the feeder, which calls this; one that becomes FREE meanwhile
 * was acknowledged.
 */
static const struct dmm_slot *find_overlap(struct dmm_link *l, u64 first, u64 nr)
{
	const struct dmm_slot *slot;
	unsigned int i;

	for (i = 0; i < l->sender->link_slots; i++) {
		slot = &l->slots[i];
		if (dmm_slot_state(slot) != DMM_SLOT_FREE &&
		    slot->first_block < first + nr &&
		    first < slot->first_block + slot->nr_blocks)
			return slot;
	}
	return NULL;
}

/* A unit that the sweep has begun goes on, in as many pieces as it takes. */
static bool deferred(const struct dmm_link *l, u64 unit, u64 now_ns)
{
	return unit != l->unit && !dmm_freezing(l->sender->m) &&
	       dmm_heat_defers(&l->sender->heat, unit, now_ns);
}

static void enter_unit(struct dmm_link *l, u64 unit, u64 now_ns)
{
	if (unit != l->unit)
		dmm_heat_shipped(&l->sender->heat, unit, now_ns);
	l->unit = unit;
}

static void set_range(struct dmm_link *l, struct dmm_slot *slot, u64 first, u64 nr)
{
	const struct dmm_tracker *t = &l->sender->m->tracker;

	slot->first_block = first;
	slot->nr_blocks = nr;
	slot->offset_bytes = first << t->block_shift;
	/* the last block may be partial */
	slot->len_bytes = min_t(u64, nr << t->block_shift, t->size_bytes - slot->offset_bytes);
	slot->resend = !l->first_sweep || first < l->swept;
}

static void end_sweep(struct dmm_link *l, unsigned int looks)
{
	l->looks += looks;
	l->cursor = 0;
	l->unit = DMM_NO_UNIT;
	l->first_sweep = false;
}

int dmm_scan_pick(struct dmm_link *l, struct dmm_slot *slot, u64 now_ns)
{
	struct dmm_tracker *t = &l->sender->m->tracker;
	const struct dmm_stripe stripe = { unit_shift(l), l->sender->nr_links, l->index };
	u64 from = l->cursor, first, nr, unit;
	unsigned int looks = SCAN_LOOKS;
	const struct dmm_slot *busy;
	int r;

	for (;; cond_resched()) {
		/* extents never straddle units */
		r = dmm_bitmap_find_own(&t->bitmap, from, &stripe, &looks, &first, &nr);
		if (r == -ENOENT) {
			end_sweep(l, SCAN_LOOKS - looks);
			return r;
		}
		unit = first >> stripe.unit_shift;
		if (!r && deferred(l, unit, now_ns)) {
			first = (unit + 1) << stripe.unit_shift;
			r = -EAGAIN;
			looks--;
		}
		if (r && looks) {
			from = first;
			continue;
		}
		if (r) {
			l->looks += SCAN_LOOKS;
			l->cursor = first;
			return r;
		}
#if DMM_MUTANT == 15	/* hazard 15 */
		break;
#endif
		busy = find_overlap(l, first, nr);
		/* any number of slots may begin inside the run: cut at the lowest */
		while (busy && busy->first_block > first) {
			nr = busy->first_block - first;
			busy = find_overlap(l, first, nr);
		}
		if (!busy)
			break;
		from = busy->first_block + busy->nr_blocks;
	}

#ifdef DMM_DEBUG
	WARN_ON_ONCE(find_overlap(l, first, nr));	/* invariant 4 */
#endif
	l->looks += SCAN_LOOKS - looks;
	enter_unit(l, unit, now_ns);
	set_range(l, slot, first, nr);
	l->cursor = first + nr;
	return 0;
}

void dmm_scan_clear(const struct dmm_slot *slot)
{
#if DMM_MUTANT != 1 && DMM_MUTANT != 3	/* hazards 1 and 3 */
	dmm_bitmap_clear(&slot->link->sender->m->tracker.bitmap, slot->first_block,
			 slot->nr_blocks);
#endif
}
