/* SPDX-License-Identifier: GPL-2.0 */
/*
 * States of an attached device, and the events that move it.  Pure: no I/O, no
 * lock; the caller holds the lock that protects its state (kmod: dmm_migration.lock).
 *
 *            START                PAUSE
 *   IDLE ----------> COPYING <-----------> PAUSED
 *     ^               |    ^     RESUME
 *     |        FREEZE |    | THAW, TIMEOUT, FOREIGN_SUSPEND
 *     |               v    |
 *     |            FREEZING ----> FROZEN ----> FENCED
 *     |                 CONVERGED       FENCE
 *     |
 *     |   LINK_LOST from COPYING PAUSED FREEZING FROZEN -> DISCONNECTED
 *     |   START     from DISCONNECTED, by a new set of connections -> COPYING
 *     |   ERROR     from the same and DISCONNECTED      -> FAILED
 *     +-- STOP from any but FENCED, by way of STOPPING while the origin owes a read
 *
 * Losing the link or an error while FROZEN: the barrier was acknowledged, but the
 * freeze is void; the source goes on.  What happens cannot be refused: where the diagram has no
 * arrow for LINK_LOST or ERROR, the next state is the same one (IDLE, FENCED,
 * STOPPING; FAILED keeps its first error).  A STOP that is forced in FENCED ends
 * the connection only: FENCED has no arrow back here.
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
	DMM_EV_FENCE,
	DMM_EV_LINK_LOST,
	DMM_EV_ERROR,
	DMM_EV_STOP,		/* begins: -> STOPPING */
	DMM_EV_STOPPED,		/* STOPPING -> IDLE */
	__DMM_EV_MAX,
};

/*
 * Next state, which may be the same, or a negative errno that says why the event is not
 * allowed: -EALREADY (it is so already), -EBUSY (something else has to end first), -EINVAL (it
 * cannot be), -EAGAIN (FENCE while FREEZING), -ETIME (FENCE after a thaw, or after
 * the freeze became void).
 */
int dmm_state_next(enum dmm_state s, enum dmm_event ev);
const char *dmm_state_name(enum dmm_state s);	/* "copying" ... */
/* The tracker must be armed; in FENCED it stays so, though no write can pass. */
bool dmm_state_tracks(enum dmm_state s);
bool dmm_state_holds(enum dmm_state s);		/* writes are held */
bool dmm_state_ships(enum dmm_state s);		/* the sender may read and send */

#endif
