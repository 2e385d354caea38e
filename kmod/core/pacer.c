// SPDX-License-Identifier: GPL-2.0
/*
 * Token bucket.  All sums fit 64 bits: what is multiplied by 1e9 is never more
 * than burst and debt together, see pacer_span().
 */
#include "pacer.h"

#define NS_PER_S	1000000000ull
#define PACER_MAX_BYTES	(~(u32)0)	/* of one take, and of the debt */

/* Burst and debt at their largest, in 1e-9 bytes, stay below 2^64. */
DMM_BUILD_ASSERT(DMM_PACER_MAX_RATE * DMM_PACER_BURST_MS / 1000 + PACER_MAX_BYTES <
		 ~0ull / NS_PER_S - 1);

static bool pacer_limits(const struct dmm_pacer *p)
{
	return p->rate && p->rate < DMM_PACER_MAX_RATE;
}

/* At least 1, so that a rate of a few bytes per second saves up something. */
static s64 pacer_burst(const struct dmm_pacer *p)
{
	return (s64)(dmm_div64(p->rate * DMM_PACER_BURST_MS, 1000) + 1);
}

/* Time to earn @bytes (0 to burst + debt) more, rounded up. */
static u64 pacer_span(const struct dmm_pacer *p, s64 bytes)
{
	u64 need = (u64)bytes * NS_PER_S;

	/* What a fraction of a byte took already. */
	need -= dmm_min_u64(need, p->frac);
	return dmm_div64(need, p->rate) + 1;
}

/* Earn what the time since the last call is worth. */
static void pacer_refill(struct dmm_pacer *p, u64 now_ns)
{
	s64 room = pacer_burst(p) - p->tokens;
	u64 dt, gain, bytes;

	/* Read before another's: that time has been earned already. */
	if (now_ns <= p->last_ns)
		return;
	dt = now_ns - p->last_ns;
	p->last_ns = now_ns;
	if (room <= 0)
		return;
	if (dt >= pacer_span(p, room)) {
		p->tokens += room;
		p->frac = 0;
		return;
	}
	/* dt is less than the span, so this is at most room * 1e9. */
	gain = p->rate * dt + p->frac;
	bytes = dmm_div64(gain, NS_PER_S);
	p->frac = gain - bytes * NS_PER_S;
	p->tokens += (s64)bytes;
}

void dmm_pacer_init(struct dmm_pacer *p, u64 rate, u64 now_ns)
{
	p->rate = rate;
	p->tokens = 0;
	p->frac = 0;
	p->last_ns = now_ns;
}

void dmm_pacer_set_rate(struct dmm_pacer *p, u64 rate, u64 now_ns)
{
	if (!pacer_limits(p)) {
		dmm_pacer_init(p, rate, now_ns);
		return;
	}
	pacer_refill(p, now_ns);
	p->rate = rate;
	if (!pacer_limits(p)) {
		dmm_pacer_init(p, rate, now_ns);
		return;
	}
	if (p->tokens > pacer_burst(p)) {
		p->tokens = pacer_burst(p);
		p->frac = 0;
	}
}

u64 dmm_pacer_delay_ns(struct dmm_pacer *p, u32 bytes, u64 now_ns)
{
	if (!bytes || !pacer_limits(p))
		return 0;
	pacer_refill(p, now_ns);
	if (p->tokens >= 0)
		return 0;
	return p->last_ns - now_ns + pacer_span(p, -p->tokens);
}

void dmm_pacer_take(struct dmm_pacer *p, u32 bytes, u64 now_ns)
{
	if (!pacer_limits(p))
		return;
	pacer_refill(p, now_ns);
	p->tokens -= bytes;
	if (p->tokens < -(s64)PACER_MAX_BYTES)
		p->tokens = -(s64)PACER_MAX_BYTES;
}

void dmm_pacer_give_back(struct dmm_pacer *p, u64 bytes)
{
	u64 room;

	if (!pacer_limits(p) || p->tokens >= pacer_burst(p))
		return;
	room = (u64)(pacer_burst(p) - p->tokens);
	if (bytes >= room)
		p->frac = 0;
	p->tokens += (s64)dmm_min_u64(bytes, room);
}
