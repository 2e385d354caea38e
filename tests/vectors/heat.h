/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/heat: scripts, and a hot and a cold unit copied for a while.
 */
#ifndef DMM_VECTORS_HEAT_H
#define DMM_VECTORS_HEAT_H

#include "vec.h"
#include "core/heat.h"

#define HEAT_UNITS	4u
#define HEAT_MS		1000000ULL

enum dmm_vec_heat_op {
	HEAT_RESET,
	HEAT_SHIP,	/* unit @arg */
	HEAT_WAITS,	/* unit @arg, @want 0 or 1 */
	HEAT_SWEEP,	/* @arg dirty blocks of a budget of 100 */
	HEAT_IDLE,	/* a sweep in quiet, @arg dirty blocks */
};

static const struct dmm_vec_heat_step {
	enum dmm_vec_heat_op op;
	u64 arg, ms, want;
} dmm_vec_heat_steps[] = {
	/* never shipped: never waits, whatever the time */
	{ HEAT_WAITS, 0, 0, 0 },
	{ HEAT_WAITS, 3, 1700000000000ULL, 0 },
	{ HEAT_WAITS, HEAT_UNITS, 0, 0 },	/* there is no such unit */
	{ HEAT_SHIP, HEAT_UNITS, 0 },

	/* once shipped it waits for a second, others do not */
	{ HEAT_SHIP, 1, 5000 },
	{ HEAT_WAITS, 1, 5000, 1 },
	{ HEAT_WAITS, 1, 5900, 1 },
	{ HEAT_WAITS, 1, 6000, 0 },
	{ HEAT_WAITS, 0, 5000, 0 },
	{ HEAT_WAITS, 2, 5000, 0 },
	/* dirty again at once: four times as long, up to 64 s */
	{ HEAT_SHIP, 1, 6000 },
	{ HEAT_WAITS, 1, 9900, 1 },
	{ HEAT_WAITS, 1, 10000, 0 },
	{ HEAT_SHIP, 1, 10000 },
	{ HEAT_WAITS, 1, 25900, 1 },
	{ HEAT_WAITS, 1, 26000, 0 },
	{ HEAT_SHIP, 1, 26000 },
	{ HEAT_WAITS, 1, 89900, 1 },
	{ HEAT_WAITS, 1, 90000, 0 },
	{ HEAT_SHIP, 1, 90000 },
	{ HEAT_WAITS, 1, 153900, 1 },
	{ HEAT_WAITS, 1, 154000, 0 },
	/* clean for longer than four waits: a level cooler each time */
	{ HEAT_SHIP, 1, 90000 + 256000 },
	{ HEAT_WAITS, 1, 346000 + 15900, 1 },
	{ HEAT_WAITS, 1, 346000 + 16000, 0 },
	{ HEAT_SHIP, 1, 346000 + 64000 },
	{ HEAT_WAITS, 1, 410000 + 3900, 1 },
	{ HEAT_WAITS, 1, 410000 + 4000, 0 },
	{ HEAT_SHIP, 1, 410000 + 16000 },
	{ HEAT_WAITS, 1, 426000 + 1000, 0 },
	/* not quite that long: hotter */
	{ HEAT_SHIP, 1, 426000 + 3900 },
	{ HEAT_WAITS, 1, 429900 + 3900, 1 },

	/* more is left than there should be: waits are halved, and get longer again */
	{ HEAT_RESET, 0, 0 },
	{ HEAT_SHIP, 0, 0 },
	{ HEAT_SWEEP, 100, 0 },
	{ HEAT_WAITS, 0, 900, 1 },
	{ HEAT_SWEEP, 101, 0 },
	{ HEAT_WAITS, 0, 400, 1 },
	{ HEAT_WAITS, 0, 500, 0 },
	{ HEAT_SWEEP, 1000, 0 },
	{ HEAT_WAITS, 0, 100, 1 },
	{ HEAT_WAITS, 0, 200, 0 },
	{ HEAT_SWEEP, 51, 0 },			/* as it should be */
	{ HEAT_WAITS, 0, 200, 0 },
	{ HEAT_SWEEP, 50, 0 },
	{ HEAT_WAITS, 0, 400, 1 },
	{ HEAT_SWEEP, 0, 0 },
	{ HEAT_SWEEP, 0, 0 },
	{ HEAT_SWEEP, 0, 0 },
	{ HEAT_WAITS, 0, 900, 1 },
	{ HEAT_WAITS, 0, 1000, 0 },

	/* a guest that does not write is not waited for */
	{ HEAT_SHIP, 0, 2000 },
	{ HEAT_IDLE, 60, 2000 },
	{ HEAT_WAITS, 0, 2000, 0 },
	{ HEAT_SWEEP, 60, 2000 },
	{ HEAT_WAITS, 0, 2000, 1 },
	{ HEAT_RESET, 0, 0 },
	{ HEAT_WAITS, 0, 2000, 0 },

	/* the clock comes round: 16383 ticks */
	{ HEAT_SHIP, 0, 1638200 },
	{ HEAT_WAITS, 0, 1638200, 1 },
	{ HEAT_WAITS, 0, 1638300 + 800, 1 },
	{ HEAT_WAITS, 0, 1638300 + 900, 0 },
};

static inline void dmm_vec_check_heat_steps(struct dmm_vec *v)
{
	u16 units[HEAT_UNITS + 1] = { 0 };
	struct dmm_heat h;
	unsigned int i;

	dmm_heat_init(&h, HEAT_UNITS, units);
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_heat_steps); i++) {
		const struct dmm_vec_heat_step *s = &dmm_vec_heat_steps[i];

		switch (s->op) {
		case HEAT_RESET:
			memset(units, 0, HEAT_UNITS * sizeof(units[0]));
			dmm_heat_init(&h, HEAT_UNITS, units);
			break;
		case HEAT_SHIP:
			dmm_heat_shipped(&h, s->arg, s->ms * HEAT_MS);
			break;
		case HEAT_WAITS:
			dmm_vec_eq(v, "waits", i, dmm_heat_defers(&h, s->arg, s->ms * HEAT_MS),
				   s->want);
			break;
		case HEAT_SWEEP:
		case HEAT_IDLE:
			dmm_heat_sweep(&h, s->arg, 100, s->op == HEAT_IDLE);
			break;
		}
	}
	dmm_vec_eq(v, "beyond the last unit", 0, units[HEAT_UNITS], 0);

	/* without memory nothing waits */
	dmm_heat_init(&h, HEAT_UNITS, NULL);
	dmm_heat_shipped(&h, 0, 0);
	dmm_vec_eq(v, "without memory", 0, dmm_heat_defers(&h, 0, 0), 0);
}

/*
 * An hour with a look every 100 ms at a unit that is always dirty: shipped four times in the
 * first 21 s, then once every 64 s; one that is dirty every 5 minutes is shipped each time at once.
 */
static inline void dmm_vec_check_heat_hour(struct dmm_vec *v)
{
	unsigned int hot = 0, early = 0, cold = 0;
	u16 units[2] = { 0 };
	struct dmm_heat h;
	u64 ms;

	dmm_heat_init(&h, 2, units);
	for (ms = 0; ms < 3600 * 1000; ms += 100) {
		dmm_heat_sweep(&h, 1, 100, false);
		if (!dmm_heat_defers(&h, 0, ms * HEAT_MS)) {
			dmm_heat_shipped(&h, 0, ms * HEAT_MS);
			hot++;
			early += ms <= 21000;
		}
		if (ms - dmm_div64(ms, 300000) * 300000 == 0 &&
		    !dmm_heat_defers(&h, 1, ms * HEAT_MS)) {
			dmm_heat_shipped(&h, 1, ms * HEAT_MS);
			cold++;
		}
	}
	dmm_vec_eq(v, "shipments of a hot unit at first", 0, early, 4);
	dmm_vec_eq(v, "shipments of a hot unit in an hour", 0, hot, 4 + 55);
	dmm_vec_eq(v, "shipments of a cold unit in an hour", 0, cold, 12);
}

#endif
