/* SPDX-License-Identifier: GPL-2.0 */
/*
 * States of an attached device, and the events that move it.  Pure: no I/O, no
 * lock; the caller holds the lock that protects its state (kmod: dmm_migration.lock).
 *
 *            START                PAUSE
 *   IDLE ----------> COPYING <-----------> PAUSED
 *     ^               |    ^     RESUME
 *     |        FREEZE |    | THAW, TIMEOUT, FOREIGN_SUSPEND; RECLAIM
 *     |               v    |
 *     |            FREEZING ----> FROZEN ----> COMMITTED ----> RELEASED
 *     |                 CONVERGED       COMMIT           RELEASE
 *     |
 *     |   COMPARE   from IDLE -> COMPARING, COMPARED from there -> COPYING; from DISCONNECTED too, by
 *     |             a new set of connections, if the link was lost while COMPARING
 *     |   LINK_LOST from COPYING PAUSED FREEZING FROZEN COMPARING -> DISCONNECTED
 *     |   START     from DISCONNECTED, by a new set of connections -> COPYING
 *     |   ERROR     from the same and DISCONNECTED      -> FAILED
 *     +-- STOP from any up to FROZEN, by way of STOPPING while the origin owes a read
 *
 * Losing the link or an error while FROZEN: the barrier was acknowledged, but the
 * freeze is void; the source goes on.  What happens cannot be refused: where the diagram has no
 * arrow for LINK_LOST or ERROR, the next state is the same one (IDLE, COMMITTED, RELEASED,
 * GATED, STOPPING; FAILED keeps its first error).  A STOP that is forced in COMMITTED ends
 * the connections only.  RELEASED has no arrow back here; a STOP there ends the connections.
 *
 * COMPARING has no arrow to a freeze: what differs is not known before COMPARED.
 *
 * GATED is the only state of a table with the feature `gate`: it is no source.
 */
#ifndef DMM_CORE_STATE_H
#define DMM_CORE_STATE_H

#include "env.h"
#include <dmmigrate/uapi.h>

enum dmm_event {
	DMM_EV_START,
	DMM_EV_PAUSE,
	DMM_EV_RESUME,
	DMM_EV_FREEZE,
	DMM_EV_CONVERGED,
	DMM_EV_THAW,		/* asked for, timed out, or a foreign suspend */
	DMM_EV_COMMIT,
	DMM_EV_RECLAIM,
	DMM_EV_RELEASE,
	DMM_EV_LINK_LOST,
	DMM_EV_ERROR,
	DMM_EV_STOP,		/* begins: -> STOPPING */
	DMM_EV_STOPPED,		/* STOPPING -> IDLE */
	DMM_EV_COMPARE,		/* instead of START: what differs is going to be found out */
	DMM_EV_COMPARED,	/* it has been */
	__DMM_EV_MAX,
};

/* What a bio is about. */
enum dmm_op {
	DMM_OP_READ,
	DMM_OP_FLUSH,		/* and nothing else */
	DMM_OP_MODIFY,
	DMM_OP_UNKNOWN,		/* may be anything */
};

/* Which of the guest's bios go on to the origin, and what becomes of the others. */
enum dmm_admit {
	DMM_ADMIT_ALL,
	DMM_ADMIT_HOLD_WRITES,	/* reads and flushes pass */
	DMM_ADMIT_HOLD_ALL,
	DMM_ADMIT_READS,	/* all else fails */
	DMM_ADMIT_NONE,		/* everything fails */
};

enum dmm_verdict { DMM_PASS, DMM_HOLD, DMM_FAIL };

/*
 * Next state, which may be the same, or a negative errno that says why the event is not
 * allowed: -EALREADY (it is so already), -EBUSY (something else has to end first), -EINVAL (it
 * cannot be), -EAGAIN (COMMIT while FREEZING), -ETIME (COMMIT after a thaw, or after
 * the freeze became void).
 */
int dmm_state_next(enum dmm_state s, enum dmm_event ev);
const char *dmm_state_name(enum dmm_state s);	/* "copying" ... */
/* The tracker must be armed; in COMMITTED it stays so, though no write can pass. */
bool dmm_state_tracks(enum dmm_state s);
bool dmm_state_ships(enum dmm_state s);		/* the sender may read and send */
/* GATED: what it is made with; then the gate says. */
enum dmm_admit dmm_state_admits(enum dmm_state s);
enum dmm_admit dmm_gate_admits(enum dmm_gate gate);
const char *dmm_gate_name(enum dmm_gate gate);	/* "shut" ..., "-" for none */

static inline enum dmm_verdict dmm_admit_verdict(enum dmm_admit admit, enum dmm_op op)
{
	switch (admit) {
	case DMM_ADMIT_ALL:
		return DMM_PASS;
	case DMM_ADMIT_HOLD_WRITES:
		return op == DMM_OP_READ || op == DMM_OP_FLUSH ? DMM_PASS : DMM_HOLD;
	case DMM_ADMIT_HOLD_ALL:
		return DMM_HOLD;
	case DMM_ADMIT_READS:
		return op == DMM_OP_READ ? DMM_PASS : DMM_FAIL;
	case DMM_ADMIT_NONE:
		break;
	}
	return DMM_FAIL;
}

#endif
