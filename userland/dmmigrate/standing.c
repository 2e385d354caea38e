// SPDX-License-Identifier: GPL-2.0
#include "standing.h"

enum dmm_owner dmm_standing_owner(u32 state, const struct dmm_record *record)
{
	switch (state) {
	case DMM_STATE_RELEASED:
		return DMM_OWNER_DEST;
	case DMM_STATE_COMMITTED:
		if (!record)
			return DMM_OWNER_UNKNOWN;
		if (record->handed_over)
			return DMM_OWNER_DEST;
		if (record->group)	/* the journals know */
			return DMM_OWNER_UNKNOWN;
		return record->start_begun ? DMM_OWNER_UNKNOWN : DMM_OWNER_SOURCE;
	case DMM_STATE_IDLE:
		/* loaded anew after a commit: this target knows nothing of it */
		return record && record->committed ? DMM_OWNER_UNKNOWN : DMM_OWNER_SOURCE;
	default:
		return DMM_OWNER_SOURCE;
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
