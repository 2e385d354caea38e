/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stop points of debug builds, before and after every step of the protocol: a test
 * arms one by debugfs and who comes there waits; discards that are taken for a kind
 * that is not on the list, which no kernel passes to us; and a shorter patience.  In
 * other builds they are nothing.
 */
#ifndef DMM_STOP_H
#define DMM_STOP_H

#include <linux/time64.h>
#include <linux/types.h>

struct bio;

#define DMM_ACK_TIMEOUT_MS	30000u
#define DMM_KEY_BYTES		(1ull << 38)

enum dmm_stop_point {
	/* the copy, in the thread whose step it is */
	DMM_STOP_AFTER_CLEAR,	/* bits cleared, read not yet submitted */
	DMM_STOP_AFTER_SUBMIT,
	DMM_STOP_AFTER_READ,	/* read completed, not yet sent */
	DMM_STOP_BEFORE_SEND,	/* of any frame */
	DMM_STOP_AFTER_SEND,	/* of DATA or ZERO: not yet counted as sent */
	DMM_STOP_BEFORE_ACK,	/* of DATA or ZERO: received, not yet applied */
	DMM_STOP_AFTER_ACK,
	DMM_STOP_BEFORE_SEND_BARRIER,
	DMM_STOP_AFTER_SEND_BARRIER,
	DMM_STOP_BEFORE_BARRIER_ACK,
	DMM_STOP_AFTER_BARRIER_ACK,
	DMM_STOP_BEFORE_LOST,	/* noticed, the state not yet changed */
	DMM_STOP_AFTER_LOST,
	DMM_STOP_BEFORE_CLOSE,	/* of the connections: all its threads still run */
	DMM_STOP_AFTER_CLOSE,	/* the state not yet changed */
	DMM_STOP_BEFORE_END,
	DMM_STOP_AFTER_END,
	/* the freeze */
	DMM_STOP_BEFORE_DRAIN,	/* the guest is held */
	DMM_STOP_AFTER_DRAIN,
	DMM_STOP_BEFORE_BARRIER,
	DMM_STOP_BEFORE_FROZEN,
	DMM_STOP_AFTER_FROZEN,
	/* the commands, in who gives them; outside of their lock but for IN_ */
	DMM_STOP_BEFORE_ATTACH,
	DMM_STOP_AFTER_ATTACH,
	DMM_STOP_BEFORE_START,
	DMM_STOP_AFTER_START,
	DMM_STOP_BEFORE_COMPARE,
	DMM_STOP_AFTER_COMPARE,
	DMM_STOP_BEFORE_MARK,
	DMM_STOP_AFTER_MARK,
	DMM_STOP_BEFORE_COMPARED,
	DMM_STOP_AFTER_COMPARED,
	DMM_STOP_BEFORE_FREEZE,
	DMM_STOP_AFTER_FREEZE,
	DMM_STOP_BEFORE_THAW,
	DMM_STOP_AFTER_THAW,
	DMM_STOP_BEFORE_TIMEOUT,	/* the freeze's own */
	DMM_STOP_AFTER_TIMEOUT,
	DMM_STOP_IN_COMMIT,	/* before it looks at the state */
	DMM_STOP_AFTER_COMMIT,
	DMM_STOP_BEFORE_RECLAIM,
	DMM_STOP_AFTER_RECLAIM,
	DMM_STOP_BEFORE_RELEASE,
	DMM_STOP_AFTER_RELEASE,
	DMM_STOP_BEFORE_STOP,
	DMM_STOP_AFTER_STOP,
	DMM_STOP_BEFORE_SHUT,
	DMM_STOP_IN_SHUT,	/* of a gate: held, nothing decided */
	DMM_STOP_AFTER_SHUT,
	DMM_STOP_BEFORE_READS,
	DMM_STOP_AFTER_READS,
	DMM_STOP_BEFORE_OPEN,
	DMM_STOP_AFTER_OPEN,
	DMM_STOP_IN_STATS,
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
/* How much a connection sends by one key of TLS.  Context: any. */
u64 dmm_stop_key_bytes(void);
#else
static inline u64 dmm_stop_key_bytes(void)
{
	return DMM_KEY_BYTES;
}
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
