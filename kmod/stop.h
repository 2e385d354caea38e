/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stop points of debug builds: a test arms one by debugfs and the send thread
 * waits there; discards that are taken for a kind that is not on the list, which no
 * kernel passes to us; and a shorter patience.  In other builds they are nothing.
 */
#ifndef DMM_STOP_H
#define DMM_STOP_H

#include <linux/time64.h>
#include <linux/types.h>

struct bio;

#define DMM_ACK_TIMEOUT_MS	30000u

enum dmm_stop_point {
	DMM_STOP_AFTER_CLEAR,	/* bits cleared, read not yet submitted */
	DMM_STOP_AFTER_READ,	/* read completed, not yet sent */
	DMM_STOP_BEFORE_SEND,
	DMM_STOP_BEFORE_BARRIER,
	DMM_STOP_BEFORE_FROZEN,
	DMM_STOP_IN_STATS,
	DMM_STOP_IN_COMMIT,	/* before it looks at the state */
	DMM_STOP_IN_SHUT,	/* of a gate: held, nothing decided */
	__DMM_STOP_MAX,
};

#ifdef DMM_DEBUG
void dmm_stop_init(void);
void dmm_stop_exit(void);
/*
 * Waits here when the point is armed and its count has run out, until `go` or
 * until *@abort, which may be NULL.  Context: process, sleeps.
 */
void dmm_stop_at(enum dmm_stop_point point, const bool *abort);
/* Context: as map(). */
bool dmm_stop_unknown(const struct bio *bio);
/* How long a link waits for an acknowledgement.  Context: any. */
u64 dmm_stop_ack_timeout_ns(void);
#else
static inline u64 dmm_stop_ack_timeout_ns(void)
{
	return DMM_ACK_TIMEOUT_MS * (u64)NSEC_PER_MSEC;
}
static inline bool dmm_stop_unknown(const struct bio *bio) { return false; }
static inline void dmm_stop_init(void) { }
static inline void dmm_stop_exit(void) { }
static inline void dmm_stop_at(enum dmm_stop_point point, const bool *abort) { }
#endif

#endif
