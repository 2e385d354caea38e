// SPDX-License-Identifier: GPL-2.0
#include "standing.h"

enum dmm_owner dmm_standing_owner(u32 state, enum dmm_journal_says says)
{
	if (state == DMM_STATE_RELEASED)
		return DMM_OWNER_DEST;
	if (!dmm_standing_needs_journal(state))
		return DMM_OWNER_SOURCE;
	switch (says) {
	case DMM_JOURNAL_SOURCE:
		return DMM_OWNER_SOURCE;
	case DMM_JOURNAL_DEST:
		return DMM_OWNER_DEST;
	case DMM_JOURNAL_NOTHING:
		return state == DMM_STATE_IDLE ? DMM_OWNER_SOURCE : DMM_OWNER_UNKNOWN;
	default:
		return DMM_OWNER_UNKNOWN;
	}
}

enum dmm_use dmm_standing_use(u32 state)
{
	switch (state) {
	case DMM_STATE_COMMITTED:
		return DMM_USE_COMMITTED;
	case DMM_STATE_RELEASED:
		return DMM_USE_RELEASED;
	default:
		return DMM_USE_ATTACHED;
	}
}
