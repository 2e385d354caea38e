/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which units of the disk are hot: written again and again while it is copied.
 * Shipping such a unit whenever it is dirty ships it without end; shipping it in the end only would
 * leave everything for the freeze.  So a unit that turns out dirty soon after it was
 * shipped is deferred, four times as long each time, until it cools or
 * the end; and as long as more is left dirty than a freeze should have to ship, the
 * waits are halved, sweep by sweep, which lets the hottest wait and the others go.
 *
 * Nothing is noted when the guest writes: what is dirty again has been written.  A
 * deferred block stays dirty, so nothing else changes: it is counted as
 * such, and a freeze ships it like any other.
 *
 * Two bytes a unit.  The caller gives the memory.  Pure; one caller at a time, the
 * taker of the bitmap.
 */
#ifndef DMM_CORE_HEAT_H
#define DMM_CORE_HEAT_H

#include "env.h"

#define DMM_HEAT_TICK_NS	100000000ull	/* resolution of its clock */
#define DMM_HEAT_BASE_TICKS	10u		/* first wait: 1 s; then 4, 16, 64 s */
#define DMM_HEAT_MAX_LEVEL	3u
#define DMM_HEAT_MAX_EAGER	10u		/* waits divided by 2^10: none */

struct dmm_heat {
	u16 *units;		/* constant; NULL: nothing is ever deferred */
	u64 nr_units;		/* constant */
	unsigned int eager;	/* waits are divided by 2^this */
	bool idle;		/* the guest does not write: there is nothing to wait for */
};

u64 dmm_heat_bytes(u64 nr_units);
/* Borrows @units, zeroed, until the caller frees them; may be NULL. */
void dmm_heat_init(struct dmm_heat *h, u64 nr_units, u16 *units);

/* @unit has dirty blocks: shall they wait?  Never before it was shipped for the first time. */
bool dmm_heat_defers(const struct dmm_heat *h, u64 unit, u64 now_ns);
/* What is dirty in @unit is being shipped now. */
void dmm_heat_shipped(struct dmm_heat *h, u64 unit, u64 now_ns);
/*
 * A sweep begins, that of the whole disk: @dirty_blocks are left of the one before, at most
 * @budget_blocks should be.  @idle: nothing was written since then.
 */
void dmm_heat_sweep(struct dmm_heat *h, u64 dirty_blocks, u64 budget_blocks, bool idle);

#endif
