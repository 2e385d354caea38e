// SPDX-License-Identifier: GPL-2.0
/*
 * A ring of runs.  Only the latest are looked at for merging: receivers acknowledge in about
 * the order of sending, and several connections are a few units apart.
 */
#include "unflushed.h"

DMM_BUILD_ASSERT(sizeof(struct dmm_run) == 16);

static struct dmm_run *run_at(const struct dmm_unflushed *u, u32 index)
{
	u32 at = u->head + index;

	return &u->runs[at < u->max ? at : at - u->max];
}

u32 dmm_unflushed_max(u64 nr_blocks, u32 least)
{
	u64 max = dmm_min_u64(nr_blocks, DMM_UNFLUSHED_MAX_BYTES / sizeof(struct dmm_run));

	return (u32)dmm_max_u64(max, least);
}

void dmm_unflushed_init(struct dmm_unflushed *u, struct dmm_run *runs, u32 max)
{
	memset(u, 0, sizeof(*u));
	u->runs = runs;
	u->max = max;
}

static bool run_merge(struct dmm_unflushed *u, struct dmm_run *run, u64 first, u64 nr)
{
	u64 end = dmm_max_u64(run->first + run->nr, first + nr);

	if (first > run->first + run->nr || run->first > first + nr)
		return false;
	u->blocks -= run->nr;
	run->first = dmm_min_u64(run->first, first);
	run->nr = end - run->first;
	u->blocks += run->nr;
	return true;
}

bool dmm_unflushed_add(struct dmm_unflushed *u, u64 first, u64 nr)
{
	struct dmm_run *run;
	u32 i;

	for (i = u->nr; i > u->sealed && u->nr - i < DMM_UNFLUSHED_LOOK; i--)
		if (run_merge(u, run_at(u, i - 1), first, nr))
			return true;
	if (u->nr == u->max)
		return false;
	run = run_at(u, u->nr++);
	run->first = first;
	run->nr = nr;
	u->blocks += nr;
	return true;
}

void dmm_unflushed_seal(struct dmm_unflushed *u)
{
	u->sealed = u->nr;
	u->sealed_blocks = u->blocks;
}

void dmm_unflushed_flushed(struct dmm_unflushed *u)
{
#if DMM_MUTANT == 134	/* hazard 34: what was acknowledged after the barrier was sent counts, too */
	dmm_unflushed_seal(u);
#endif
	u->head += u->sealed;
	if (u->head >= u->max)
		u->head -= u->max;
	u->nr -= u->sealed;
	u->blocks -= u->sealed_blocks;
	dmm_unflushed_unseal(u);
}

void dmm_unflushed_unseal(struct dmm_unflushed *u)
{
	u->sealed = 0;
	u->sealed_blocks = 0;
}

bool dmm_unflushed_take(struct dmm_unflushed *u, u64 *first, u64 *nr)
{
	const struct dmm_run *run = run_at(u, 0);

	if (!u->nr)
		return false;
	*first = run->first;
	*nr = run->nr;
	u->blocks -= run->nr;
	u->head = u->head + 1 < u->max ? u->head + 1 : 0;
	u->nr--;
	return true;
}
