/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who owns the data, by the kernel's state and the journal of this host.  Pure.
 */
#ifndef DMM_STANDING_H
#define DMM_STANDING_H

#include "nl.h"
#include "tool.h"

/* What the daemon of this host says of a source. */
enum dmm_journal_says {
	DMM_JOURNAL_UNASKED,
	DMM_JOURNAL_NOTHING,	/* it has no journal of it: it was never begun */
	DMM_JOURNAL_SOURCE,
	DMM_JOURNAL_NOBODY,	/* given up, and the other side has not been heard yet; or lost */
	DMM_JOURNAL_DEST,
	DMM_JOURNAL_UNANSWERED,	/* no daemon, or none that answers */
};

/* Has the cutover come as far as COMMIT? */
static inline bool dmm_state_is_cut(u32 state)
{
	return state == DMM_STATE_COMMITTED || state == DMM_STATE_RELEASED;
}

/*
 * Only of these the kernel cannot tell by itself: in IDLE a target may have been loaded anew after a commit, of which
 * it knows nothing.
 */
static inline bool dmm_standing_needs_journal(u32 state)
{
	return state == DMM_STATE_COMMITTED || state == DMM_STATE_IDLE;
}

/* @state: enum dmm_state of a live target. */
enum dmm_owner dmm_standing_owner(u32 state, enum dmm_journal_says says);
enum dmm_use dmm_standing_use(u32 state);

#endif
