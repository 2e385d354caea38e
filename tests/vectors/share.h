/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/share: disks that send under one limit, and what each of them gets.
 */
#ifndef DMM_VECTORS_SHARE_H
#define DMM_VECTORS_SHARE_H

#include "vec.h"
#include "core/share.h"

#define SHARE_USERS	4u
#define SHARE_MS	1000000ULL

/*
 * 20 s at @rate.  User i sends extents of @extent[i] bytes from @from_s[i] on, until @to_s[i]; 0:
 * there is no such user.  In the seconds from @look_s on, up to 20, he must get @percent[i] of the rate.
 */
static const struct dmm_vec_share_sim {
	u64 rate;
	u32 extent[SHARE_USERS];
	unsigned int from_s[SHARE_USERS], to_s[SHARE_USERS], look_s, percent[SHARE_USERS];
} dmm_vec_share_sims[] = {
	/* alone: all of it */
	{ 10 << 20, { 1 << 20 }, { 0 }, { 20 }, 2, { 100 } },
	/* two alike, and four */
	{ 10 << 20, { 1 << 20, 1 << 20 }, { 0 }, { 20, 20 }, 2, { 50, 50 } },
	{ 100 << 20, { 1 << 20, 1 << 20, 1 << 20, 1 << 20 }, { 0 }, { 20, 20, 20, 20 }, 2,
	  { 25, 25, 25, 25 } },
	/* by bytes, not by extents */
	{ 20 << 20, { 1 << 20, 65536, 4096 }, { 0 }, { 20, 20, 20 }, 2, { 33, 33, 33 } },
	/* who comes later gets his share from then on, not what he had not wanted */
	{ 10 << 20, { 1 << 20, 1 << 20 }, { 0, 10 }, { 20, 20 }, 10, { 50, 50 } },
	/* what one leaves is the others' */
	{ 10 << 20, { 1 << 20, 65536, 1 << 20 }, { 0, 0, 0 }, { 20, 20, 10 }, 10, { 50, 50 } },
	/* slow: less than an extent a second */
	{ 1 << 20, { 1 << 20, 1 << 20 }, { 0 }, { 20, 20 }, 0, { 50, 50 } },
};

/* Serves everybody who is due, at @now; returns when the next one is. */
static inline u64 dmm_vec_share_round(struct dmm_share *sh, struct dmm_share_user *u,
				      const struct dmm_vec_share_sim *s, u64 *wake, u64 *got, u64 now)
{
	struct dmm_share_user *turn;
	u64 next = ~0ULL, delay;
	unsigned int i;

	for (i = 0; i < SHARE_USERS; i++) {
		if (!s->extent[i] || now < s->from_s[i] * 1000 * SHARE_MS ||
		    now >= s->to_s[i] * 1000 * SHARE_MS) {
			dmm_share_leave(&u[i]);
			wake[i] = s->from_s[i] * 1000 * SHARE_MS;
			if (s->extent[i] && wake[i] > now)
				next = dmm_min_u64(next, wake[i]);
			continue;
		}
		if (now >= wake[i]) {
			delay = dmm_share_ask(sh, &u[i], now, &turn);
			if (turn)
				wake[turn - u] = now;
			if (!delay) {
				dmm_share_take(sh, &u[i], s->extent[i], now);
				got[i] += s->extent[i];
				delay = 1;
			}
			/* timers have a resolution of 4 ms */
			wake[i] = now + delay;
			wake[i] += 4 * SHARE_MS - (wake[i] - dmm_div64(wake[i], 4 * SHARE_MS) * 4 * SHARE_MS);
			if (delay == 1)
				wake[i] = now + 1;
		}
	}
	for (i = 0; i < SHARE_USERS; i++)
		if (s->extent[i] && now < s->to_s[i] * 1000 * SHARE_MS)
			next = dmm_min_u64(next, dmm_max_u64(wake[i], now + 1));
	return next;
}

static inline void dmm_vec_check_share_sim(struct dmm_vec *v, unsigned int row)
{
	const struct dmm_vec_share_sim *s = &dmm_vec_share_sims[row];
	u64 wake[SHARE_USERS] = { 0 }, got[SHARE_USERS] = { 0 }, now = 0, end = 20000 * SHARE_MS;
	u64 want, slack = s->rate / 50 * (20 - s->look_s) + 2 * (1 << 20);
	struct dmm_share_user u[SHARE_USERS];
	struct dmm_share sh;
	unsigned int i;
	bool looked = !s->look_s;

	memset(u, 0, sizeof(u));
	dmm_share_init(&sh, 0);
	dmm_share_set_rate(&sh, s->rate, 0);
	for (i = 0; i < SHARE_USERS; i++)
		dmm_share_add(&sh, &u[i]);
	while (now < end) {
		if (!looked && now >= s->look_s * 1000 * SHARE_MS) {
			memset(got, 0, sizeof(got));
			looked = true;
		}
		now = dmm_vec_share_round(&sh, u, s, wake, got, now);
	}
	for (i = 0; i < SHARE_USERS; i++) {
		want = dmm_div64(s->rate * (20 - s->look_s) * s->percent[i], 100);
		dmm_vec_eq(v, "too much (row * 10 + user)", row * 10 + i, got[i] > want + slack, 0);
		dmm_vec_eq(v, "too little (row * 10 + user)", row * 10 + i, got[i] + slack < want, 0);
	}
}

static inline void dmm_vec_check_share_both(struct dmm_vec *v)
{
	struct dmm_share_user u[2], *turn;
	struct dmm_share sh;

	memset(u, 0, sizeof(u));
	dmm_share_init(&sh, 0);
	dmm_share_set_rate(&sh, 1 << 20, 0);
	dmm_share_add(&sh, &u[0]);
	dmm_share_add(&sh, &u[1]);
	dmm_vec_eq(v, "the one may", 0, dmm_share_ask(&sh, &u[0], 1000, &turn), 0);
	dmm_vec_eq(v, "the other may", 0, dmm_share_ask(&sh, &u[1], 900, &turn), 0);
	dmm_share_take(&sh, &u[0], 1 << 20, 1000);
	dmm_share_take(&sh, &u[1], 1 << 20, 900);
	dmm_vec_eq(v, "both are owed", 0,
		   dmm_share_ask(&sh, &u[0], 1000, &turn) > 1990 * SHARE_MS, 1);
}

/* Turns, one by one. */
static inline void dmm_vec_check_share_turns(struct dmm_vec *v)
{
	struct dmm_share_user u[3], *turn;
	struct dmm_share sh;

	memset(u, 0, sizeof(u));
	dmm_share_init(&sh, 0);
	dmm_share_add(&sh, &u[0]);
	dmm_share_add(&sh, &u[1]);
	/* without a limit nobody waits */
	dmm_vec_eq(v, "no limit", 0, dmm_share_ask(&sh, &u[0], 0, &turn), 0);
	dmm_share_take(&sh, &u[0], 1 << 20, 0);
	dmm_vec_eq(v, "no limit, had more", 0, dmm_share_ask(&sh, &u[0], 1, &turn), 0);

	dmm_share_set_rate(&sh, 1 << 20, 0);
	/* user 1 wants something and had less: his turn, until he is late */
	dmm_vec_eq(v, "had least", 0, dmm_share_ask(&sh, &u[1], 100, &turn), 0);
	dmm_vec_eq(v, "not his turn", 0, dmm_share_ask(&sh, &u[0], 200, &turn) > 0, 1);
	dmm_vec_eq(v, "whose it is", 0, turn == &u[1], 1);
	dmm_vec_eq(v, "the other is late", 0,
		   dmm_share_ask(&sh, &u[0], 300 + DMM_SHARE_PATIENCE_NS, &turn), 0);
	/* what was not sent is not counted */
	dmm_share_take(&sh, &u[0], 1 << 20, 300 + DMM_SHARE_PATIENCE_NS);
	dmm_vec_eq(v, "in debt", 0,
		   dmm_share_ask(&sh, &u[0], 300 + DMM_SHARE_PATIENCE_NS, &turn) > 0, 1);
	dmm_vec_eq(v, "nobody is to be woken in debt", 0, !turn, 1);
	dmm_share_give_back(&sh, &u[0], 1 << 20);
	dmm_vec_eq(v, "given back", 0,
		   dmm_share_ask(&sh, &u[0], 400 + DMM_SHARE_PATIENCE_NS, &turn), 0);
	/* two who may both, for they had alike: what both take is waited for */
	dmm_vec_check_share_both(v);
	/* who is gone is waited for by nobody */
	dmm_share_ask(&sh, &u[1], 400 + DMM_SHARE_PATIENCE_NS, &turn);
	dmm_share_remove(&sh, &u[1]);
	dmm_share_remove(&sh, &u[1]);
	dmm_share_remove(&sh, &u[2]);
	dmm_share_take(&sh, &u[0], 1, 400 + DMM_SHARE_PATIENCE_NS);
	dmm_share_give_back(&sh, &u[0], 1);
	dmm_vec_eq(v, "alone", 0, dmm_share_ask(&sh, &u[0], 500 + DMM_SHARE_PATIENCE_NS, &turn), 0);
	dmm_share_remove(&sh, &u[0]);
	dmm_vec_eq(v, "nobody is left", 0, !sh.users, 1);
}

#endif
