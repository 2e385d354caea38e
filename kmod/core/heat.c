// SPDX-License-Identifier: GPL-2.0
/*
 * Hot units.  A unit's two bytes: level (2 bits), and the tick of its last
 * shipping (14 bits, 1 to 16383; 0 = never).  The clock comes round every 27 minutes: a unit
 * last shipped that long ago may be taken for one just shipped, and waits a minute at most.
 */
#include "heat.h"

#define TICK_BITS	14
#define TICK_MASK	((1u << TICK_BITS) - 1)
#define TICK_PERIOD	TICK_MASK	/* ticks run from 1 to this */

DMM_BUILD_ASSERT(DMM_HEAT_MAX_LEVEL < 1u << (16 - TICK_BITS));
DMM_BUILD_ASSERT((DMM_HEAT_BASE_TICKS << (2 * DMM_HEAT_MAX_LEVEL + 2)) < TICK_PERIOD);

static u16 heat_tick(u64 now_ns)
{
	u64 tick = dmm_div64(now_ns, DMM_HEAT_TICK_NS);

	return (u16)(tick - dmm_div64(tick, TICK_PERIOD) * TICK_PERIOD + 1);
}

/* Ticks since @unit was shipped; 0 for one that never was. */
static unsigned int heat_age(u16 unit, u16 now)
{
	unsigned int then = unit & TICK_MASK;

	if (!then)
		return 0;
	return now >= then ? now - then : now + TICK_PERIOD - then;
}

static unsigned int heat_wait(u16 unit)
{
	return DMM_HEAT_BASE_TICKS << (2 * (unit >> TICK_BITS));
}

u64 dmm_heat_bytes(u64 nr_units)
{
	return nr_units * sizeof(u16);
}

void dmm_heat_init(struct dmm_heat *h, u64 nr_units, u16 *units)
{
	h->units = units;
	h->nr_units = nr_units;
	h->eager = 0;
	h->idle = false;
}

bool dmm_heat_defers(const struct dmm_heat *h, u64 unit, u64 now_ns)
{
	u16 u;

	if (!h->units || unit >= h->nr_units || h->idle)
		return false;
	u = h->units[unit];
	return (u & TICK_MASK) && heat_age(u, heat_tick(now_ns)) < heat_wait(u) >> h->eager;
}

void dmm_heat_shipped(struct dmm_heat *h, u64 unit, u64 now_ns)
{
	u16 now = heat_tick(now_ns), u;
	unsigned int level, age;

	if (!h->units || unit >= h->nr_units)
		return;
	u = h->units[unit];
	level = u >> TICK_BITS;
	age = heat_age(u, now);
	if (u & TICK_MASK) {
		if (age < 4 * heat_wait(u))
			level += level < DMM_HEAT_MAX_LEVEL;
		else
			level -= level > 0;
	}
	h->units[unit] = (u16)(level << TICK_BITS | now);
}

void dmm_heat_sweep(struct dmm_heat *h, u64 dirty_blocks, u64 budget_blocks, bool idle)
{
	h->idle = idle;
	if (dirty_blocks > budget_blocks)
		h->eager += h->eager < DMM_HEAT_MAX_EAGER;
	else if (dirty_blocks <= budget_blocks / 2)
		h->eager -= h->eager > 0;
}
