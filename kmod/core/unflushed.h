/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was acknowledged, but is not covered by an acknowledged barrier (invariant 11): runs of
 * blocks in the order of their acknowledgement, the oldest first.  A barrier covers what was added
 * before it was sent, and at most one is under way: sending it seals what is there.
 *
 *	add ... add  seal  add ...  flushed	the sealed are durable: dropped
 *	add ... add  seal  add ...  unseal	the barrier is lost: nothing is known of any
 *
 * The caller gives the memory.  Pure; one caller at a time (kmod: under dmm_migration.lock).
 */
#ifndef DMM_CORE_UNFLUSHED_H
#define DMM_CORE_UNFLUSHED_H

#include "env.h"

#define DMM_UNFLUSHED_MAX_BYTES	(4u << 20)	/* of memory */
#define DMM_UNFLUSHED_LOOK	16u		/* runs that a new one may be merged with */

struct dmm_run {
	u64 first;
	u64 nr;
};

struct dmm_unflushed {
	struct dmm_run *runs;	/* constant after init; a ring */
	u32 max;		/* constant after init: how many fit */
	u32 head;		/* the oldest */
	u32 nr;			/* how many there are */
	u32 sealed;		/* the oldest of these, which the barrier under way covers */
	u64 blocks;		/* in all runs; one that is in several counts in each */
	u64 sealed_blocks;
};

/* How many runs make sense for a disk: one for each block, within the limit; @least at least. */
u32 dmm_unflushed_max(u64 nr_blocks, u32 least);

/* Empty.  Borrows @runs, of @max, until the caller frees them. */
void dmm_unflushed_init(struct dmm_unflushed *u, struct dmm_run *runs, u32 max);

/*
 * [@first, + @nr) was acknowledged.  Merged with one of the latest runs, if it touches or overlaps one
 * that is not sealed.  False: there is no room; it is not on the list.
 */
bool dmm_unflushed_add(struct dmm_unflushed *u, u64 first, u64 nr);

/* Is there room for @nr more, whatever they are? */
static inline bool dmm_unflushed_has_room(const struct dmm_unflushed *u, u32 nr)
{
	return nr <= u->max - dmm_read_once(u->nr);
}

/* A barrier is being sent: it covers what is there. */
void dmm_unflushed_seal(struct dmm_unflushed *u);
/* It was acknowledged. */
void dmm_unflushed_flushed(struct dmm_unflushed *u);
/* It never will be. */
void dmm_unflushed_unseal(struct dmm_unflushed *u);

/* Takes the oldest run.  False: there is none.  After unseal only. */
bool dmm_unflushed_take(struct dmm_unflushed *u, u64 *first, u64 *nr);

#endif
