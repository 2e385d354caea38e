/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Token bucket in bytes per second.  Pure: the caller gives the time.
 * No locking inside: the callers serialise.  Their readings of a monotonic clock may come in any order.
 *
 * One may send whenever there is no debt, and pays afterwards: so an extent larger
 * than what a slow rate saves up passes too, and is waited for after
 * it.  In any span of T seconds no more is sent than rate * T, the burst
 * and an extent of each of those who send at once; and no less by a
 * caller that is never late by more than the burst.
 */
#ifndef DMM_CORE_PACER_H
#define DMM_CORE_PACER_H

#include "env.h"

#define DMM_PACER_BURST_MS	20	/* saved up at most: 2 % of a second */
#define DMM_PACER_MAX_RATE	(1ull << 38)	/* bytes/s; from there on it is no limit */

struct dmm_pacer {
	u64 rate;		/* bytes per second, 0 = unlimited */
	s64 tokens;		/* bytes; below zero is a debt */
	u64 frac;		/* 1e-9 bytes, less than 1e9: what a short interval earned */
	u64 last_ns;		/* up to when tokens are earned */
};

void dmm_pacer_init(struct dmm_pacer *p, u64 rate, u64 now_ns);
/*
 * Changes the rate; keeps the debt (an extent's of each of those who send at once), drops
 * savings above the new burst.  To unlimited and back forgets both.  Who sleeps on an
 * earlier dmm_pacer_delay_ns() should be woken to ask again.
 */
void dmm_pacer_set_rate(struct dmm_pacer *p, u64 rate, u64 now_ns);
/* How long to wait before @bytes may be sent: 0 = now. Takes nothing. */
u64 dmm_pacer_delay_ns(struct dmm_pacer *p, u32 bytes, u64 now_ns);
/* Account for @bytes that are being sent.  Who does not wait runs up a debt, of 2^32 - 1 bytes at most. */
void dmm_pacer_take(struct dmm_pacer *p, u32 bytes, u64 now_ns);
/*
 * Take back @bytes of what was accounted for: they were not sent after all.  More than the burst
 * is never saved up by that, nor together with what time earns.
 */
void dmm_pacer_give_back(struct dmm_pacer *p, u64 bytes);

#endif
