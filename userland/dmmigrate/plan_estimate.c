// SPDX-License-Identifier: GPL-2.0
/*
 * From what was measured to what a migration would be like.  Pure.
 */
#include "plan.h"

#define PASSES	100u	/* of one that comes nearer and nearer without an end */

/* a * b / c without overflow; all of it if c is 0. */
static u64 muldiv(u64 a, u64 b, u64 c)
{
	unsigned __int128 x = (unsigned __int128)a * b;

	if (!c || x / c > ~0ull >> 1)
		return ~0ull >> 1;
	return (u64)(x / c);
}

u64 dmm_plan_slope(const struct dmm_plan_curve *c)
{
	unsigned int half = c->nr / 2;
	u64 bytes, ms;

	if (c->nr < 2)
		return 0;
	bytes = c->at[c->nr - 1].bytes - c->at[half].bytes;
	ms = c->at[c->nr - 1].ms - c->at[half].ms;
	if (!ms) {	/* two samples: from the first */
		bytes = c->at[c->nr - 1].bytes - c->at[0].bytes;
		ms = c->at[c->nr - 1].ms - c->at[0].ms;
	}
	return ms ? muldiv(bytes, 1000, ms) : 0;
}

u64 dmm_plan_written(const struct dmm_plan_curve *c, u64 ms)
{
	u64 before_ms = 0, before = 0;
	unsigned int i;

	for (i = 0; i < c->nr; i++) {
		if (ms <= c->at[i].ms)
			return dmm_min_u64(c->size_bytes, before + muldiv(c->at[i].bytes - before, ms - before_ms,
								       c->at[i].ms - before_ms ? c->at[i].ms - before_ms : 1));
		before_ms = c->at[i].ms;
		before = c->at[i].bytes;
	}
	return dmm_min_u64(c->size_bytes, before + muldiv(dmm_plan_slope(c), ms - before_ms, 1000));
}

/*
 * Pass by pass: what was written while everything was copied is copied next, and so on.  The sender does better: it leaves what is
 * rewritten all the time for the end.
 */
void dmm_plan_estimate(const struct dmm_plan_curve *c, u64 size_bytes, u64 copy_bps, u64 max_pause_ms, struct dmm_plan_estimate *e)
{
	u64 left = size_bytes, ms, next;

	*e = (struct dmm_plan_estimate){ 0 };
	while (e->passes < PASSES) {
		ms = muldiv(left, 1000, copy_bps);
		if (e->passes && ms <= max_pause_ms) {
			e->converges = true;
			break;
		}
		next = dmm_plan_written(c, ms);
		if (e->passes && next >= left)	/* it will not become less */
			break;
		e->passes++;
		e->copy_ms = dmm_min_u64(e->copy_ms + ms, ~0ull >> 1);
		e->sent_bytes = dmm_min_u64(e->sent_bytes + left, ~0ull >> 1);
		left = next;
	}
	e->left_bytes = left;
	e->pause_ms = muldiv(left, 1000, copy_bps);
	if (e->pause_ms <= max_pause_ms)
		e->converges = true;
}
