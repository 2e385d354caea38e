/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/pacer: scripts with exact answers, and simulated senders
 * whose rate is measured second by second.
 */
#ifndef DMM_VECTORS_PACER_H
#define DMM_VECTORS_PACER_H

#include "vec.h"
#include "core/pacer.h"

#define VEC_S		1000000000ULL
#define VEC_MS		1000000ULL
#define VEC_HOUR	(3600 * VEC_S)
#define VEC_MIB		(1u << 20)

enum dmm_vec_pacer_op {
	PACER_INIT,	/* rate @arg */
	PACER_RATE,	/* set_rate @arg */
	PACER_TAKE,	/* @arg bytes */
	PACER_GIVE,	/* @arg bytes back */
	PACER_DELAY,	/* of @arg bytes has to be @want ns */
};

static const struct dmm_vec_pacer_step {
	enum dmm_vec_pacer_op op;
	u64 arg, now, want;
} dmm_vec_pacer_steps[] = {
	/* 1 MB/s: a byte a microsecond; the wait is the debt, and a nanosecond for rounding */
	{ PACER_INIT, 1000000, 0 },
	{ PACER_DELAY, VEC_MIB, 0, 0 },
	{ PACER_TAKE, 1000, 0 },
	{ PACER_DELAY, 1000, 0, 1000001 },
	{ PACER_DELAY, 1, 400000, 600001 },
	{ PACER_DELAY, 0, 400000, 0 },		/* nothing may always be sent */
	{ PACER_DELAY, 1000, 999999, 2 },
	{ PACER_DELAY, 1000, 1000000, 0 },
	/* idle saves up the burst and no more: 20 ms, 20000 bytes (and one) */
	{ PACER_TAKE, 20001, VEC_HOUR, 0 },
	{ PACER_DELAY, 1, VEC_HOUR, 0 },
	{ PACER_TAKE, 1, VEC_HOUR, 0 },
	{ PACER_DELAY, 1, VEC_HOUR, 1001 },

	/* unlimited never waits and owes nothing afterwards */
	{ PACER_INIT, 0, 0 },
	{ PACER_TAKE, ~0u, 0 },
	{ PACER_DELAY, ~0u, 0, 0 },
	{ PACER_RATE, 1000, 0 },
	{ PACER_DELAY, 1, 0, 0 },
	{ PACER_INIT, DMM_PACER_MAX_RATE, 0 },
	{ PACER_TAKE, ~0u, 0 },
	{ PACER_DELAY, ~0u, 0, 0 },
	{ PACER_INIT, ~0ULL, 0 },
	{ PACER_TAKE, ~0u, 0 },
	{ PACER_DELAY, ~0u, VEC_HOUR, 0 },

	/* the largest limit with the largest take: no overflow */
	{ PACER_INIT, DMM_PACER_MAX_RATE - 1, 0 },
	{ PACER_TAKE, ~0u, 0 },
	{ PACER_DELAY, 1, 0, 15625000 },	/* 2^32 / 2^38 s */
	{ PACER_DELAY, 1, ~0ULL, 0 },
	{ PACER_TAKE, ~0u, ~0ULL },
	{ PACER_DELAY, 1, ~0ULL, 0 },		/* 20 ms of that rate are more than 4 GiB */

	/* a byte a second, and fractions of a byte are kept over many looks */
	{ PACER_INIT, 1, 0 },
	{ PACER_TAKE, 1, 0 },
	{ PACER_DELAY, 1, 0, VEC_S + 1 },
	{ PACER_DELAY, 1, VEC_S / 4, VEC_S * 3 / 4 + 1 },
	{ PACER_DELAY, 1, VEC_S / 2, VEC_S / 2 + 1 },
	{ PACER_DELAY, 1, VEC_S - 1, 2 },
	{ PACER_DELAY, 1, VEC_S, 0 },

	/* a slower rate keeps the debt, at most one extent's */
	{ PACER_INIT, 1ULL << 30, 0 },
	{ PACER_TAKE, VEC_MIB, 0 },
	{ PACER_RATE, 64 << 10, 0 },
	{ PACER_DELAY, 1, 0, 16 * VEC_S + 1 },
	/* and a faster one shortens the wait at once */
	{ PACER_RATE, 1 << 20, 8 * VEC_S },
	{ PACER_DELAY, 1, 8 * VEC_S, VEC_S / 2 + 1 },
	{ PACER_RATE, 0, 8 * VEC_S },
	{ PACER_DELAY, 1, 8 * VEC_S, 0 },
	/* savings of a fast rate do not outlive it */
	{ PACER_INIT, 1000000000, 0 },
	{ PACER_DELAY, 1, VEC_S, 0 },
	{ PACER_RATE, 1000000, VEC_S },
	{ PACER_TAKE, 20002, VEC_S },
	{ PACER_DELAY, 1, VEC_S, 1001 },

	/* who does not wait owes it all; but never so much that it is no number any more */
	{ PACER_INIT, 1 << 20, 0 },
	{ PACER_TAKE, VEC_MIB, 0 },
	{ PACER_TAKE, VEC_MIB, 0 },
	{ PACER_TAKE, VEC_MIB, 0 },
	{ PACER_DELAY, 1, 0, 3 * VEC_S + 1 },
	{ PACER_TAKE, ~0u, 0 },
	{ PACER_TAKE, ~0u, 0 },
	{ PACER_DELAY, 1, 0, 4095999999047 },	/* 2^32 - 1 bytes, at 2^20 a second */

	/* what is given back is not owed; nor is it saved up beyond the burst */
	{ PACER_INIT, 1 << 20, 0 },
	{ PACER_TAKE, VEC_MIB, 0 },
	{ PACER_GIVE, VEC_MIB / 2, 0 },
	{ PACER_DELAY, 1, 0, VEC_S / 2 + 1 },
	{ PACER_GIVE, VEC_MIB / 2, 0 },
	{ PACER_DELAY, 1, 0, 0 },
	{ PACER_INIT, 1000000, 0 },
	{ PACER_GIVE, 1ULL << 40, 0 },
	{ PACER_GIVE, ~0ULL, 0 },
	{ PACER_TAKE, 20002, 0 },
	{ PACER_DELAY, 1, 0, 1001 },
	{ PACER_INIT, 1000000, 0 },
	{ PACER_TAKE, 1000, 0 },
	{ PACER_GIVE, 500, 400000 },		/* and what time has earned stays */
	{ PACER_DELAY, 1, 400000, 100001 },
	{ PACER_INIT, 0, 0 },
	{ PACER_GIVE, 1000, 0 },
	{ PACER_RATE, 1000, 0 },
	{ PACER_TAKE, 1, 0 },
	{ PACER_DELAY, 1, 0, 1000001 },

	/* readings that come late earn nothing, nor what the later ones did once more */
	{ PACER_INIT, 1 << 20, 10 * VEC_HOUR },
	{ PACER_TAKE, VEC_MIB, 10 * VEC_HOUR },
	{ PACER_DELAY, 1, 10 * VEC_HOUR, VEC_S + 1 },
	{ PACER_DELAY, 1, 10 * VEC_HOUR, VEC_S + 1 },
	{ PACER_DELAY, 1, 10 * VEC_HOUR + VEC_S / 2, VEC_S / 2 + 1 },
	{ PACER_DELAY, 1, 10 * VEC_HOUR + VEC_S / 4, VEC_S * 3 / 4 + 1 },
	{ PACER_DELAY, 1, 10 * VEC_HOUR + VEC_S / 2, VEC_S / 2 + 1 },
	{ PACER_TAKE, VEC_MIB / 2, 10 * VEC_HOUR + VEC_S / 4 },
	{ PACER_DELAY, 1, 10 * VEC_HOUR + VEC_S, VEC_S / 2 + 1 },
	{ PACER_DELAY, 1, 20 * VEC_HOUR, 0 },
};

static inline void dmm_vec_check_pacer_steps(struct dmm_vec *v)
{
	struct dmm_pacer p;
	unsigned int i;

	memset(&p, 0, sizeof(p));
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_pacer_steps); i++) {
		const struct dmm_vec_pacer_step *s = &dmm_vec_pacer_steps[i];

		switch (s->op) {
		case PACER_INIT:
			dmm_pacer_init(&p, s->arg, s->now);
			break;
		case PACER_RATE:
			dmm_pacer_set_rate(&p, s->arg, s->now);
			dmm_vec_eq(v, "rate as asked for", i, p.rate, s->arg);
			break;
		case PACER_TAKE:
			dmm_pacer_take(&p, (u32)s->arg, s->now);
			break;
		case PACER_GIVE:
			dmm_pacer_give_back(&p, s->arg);
			break;
		case PACER_DELAY:
			dmm_vec_eq(v, "delay", i, dmm_pacer_delay_ns(&p, (u32)s->arg, s->now),
				   s->want);
			break;
		}
	}
}

static const struct dmm_vec_pacer_sim {
	u64 rate;
	u32 extent;
	u64 late_ns;	/* the sender wakes up to that much late */
	u64 send_ns;	/* time that sending an extent takes */
	unsigned int seconds;
} dmm_vec_pacer_sims[] = {
	{ 64 << 10, 512, 0, 0, 20 },
	{ 64 << 10, 4096, 10 * VEC_MS, 1000, 20 },
	{ 64 << 10, 65536, 10 * VEC_MS, 1000, 50 },
	{ 64 << 10, VEC_MIB, 10 * VEC_MS, 1000, 1000 },
	{ 1 << 20, VEC_MIB, 20 * VEC_MS - 2000, 1000, 100 },
	{ 1000003, 4096, 4 * VEC_MS, 3333, 20 },
	{ 10 << 20, 512, 0, 10, 4 },
	{ 10 << 20, VEC_MIB, 10 * VEC_MS, 100000, 20 },
	{ 125000000, 4096, 4 * VEC_MS, 100, 4 },	/* 1 Gbit/s */
	{ 125000000, 65536, 10 * VEC_MS, 10000, 10 },
	{ 1250000000, VEC_MIB, 10 * VEC_MS, 10000, 10 },
	{ 1250000000, 65536, 19 * VEC_MS, 1000, 4 },
	{ 12500000000ULL, VEC_MIB, 10 * VEC_MS, 1000, 4 },
	{ 40000000000ULL, VEC_MIB, 10 * VEC_MS, 1000, 3 },
	{ 40000000000ULL, 262144, 1 * VEC_MS, 100, 2 },
	{ 40000000000ULL, VEC_MIB, 0, 0, 3 },
};

/* A few bits for lateness; any sequence will do. */
static inline u32 dmm_vec_rand(u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (u32)(*state >> 33);
}

/*
 * A sender that always has something to send.  In every second, and over all, it sends
 * what the rate says, give or take 2 % and one extent.
 */
static inline void dmm_vec_check_pacer_sim(struct dmm_vec *v, unsigned int row)
{
	const struct dmm_vec_pacer_sim *s = &dmm_vec_pacer_sims[row];
	u64 slack = dmm_div64(s->rate, 50) + s->extent;
	u64 start = 12345, now = start, sent = 0, total = 0, want, d, rnd = row;
	unsigned int second = 1;
	struct dmm_pacer p;

	dmm_pacer_init(&p, s->rate, now);
	while (second <= s->seconds) {
		d = dmm_pacer_delay_ns(&p, s->extent, now);
		if (d) {
			now += d;
			if (s->late_ns)
				now += ((u64)dmm_vec_rand(&rnd) * s->late_ns) >> 31;
		}
		for (; now >= start + second * VEC_S && second <= s->seconds; second++) {
			dmm_vec_eq(v, "too fast in a second (row * 10000 + s)", row * 10000 + second,
				   sent > s->rate + slack, 0);
			dmm_vec_eq(v, "too slow in a second (row * 10000 + s)", row * 10000 + second,
				   sent + slack < s->rate, 0);
			sent = 0;
		}
		if (d)
			continue;
		dmm_pacer_take(&p, s->extent, now);
		sent += s->extent;
		total += s->extent;
		now += s->send_ns;
	}
	want = s->rate * s->seconds;
	dmm_vec_eq(v, "too much in all", row, total > want + dmm_div64(want, 50) + s->extent, 0);
	dmm_vec_eq(v, "too little in all", row, total + dmm_div64(want, 50) + s->extent < want, 0);
}

#endif
