/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who owns the data, by the kernel's state and what is on record of the cutover.  Pure.
 */
#ifndef DMM_STANDING_H
#define DMM_STANDING_H

#include "record.h"
#include "tool.h"

/* Has the cutover come as far as COMMIT? */
static inline bool dmm_state_is_cut(u32 state)
{
	return state == DMM_STATE_COMMITTED || state == DMM_STATE_RELEASED;
}

/*
 * @state: enum dmm_state of a live target; @record may be NULL.  While it is committed the source
 * owns the data until the start hook is begun, and nobody knows who does until that has ended.
 */
enum dmm_owner dmm_standing_owner(u32 state, const struct dmm_record *record);
enum dmm_use dmm_standing_use(u32 state);

#endif
