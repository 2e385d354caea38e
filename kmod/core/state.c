// SPDX-License-Identifier: GPL-2.0
/*
 * The diagram of state.h as a table.  Every pair of state and event has its
 * entry: a state, or the errno of the refusal.
 */
#include "state.h"

#define IDLE		DMM_STATE_IDLE
#define COPYING		DMM_STATE_COPYING
#define PAUSED		DMM_STATE_PAUSED
#define FREEZING	DMM_STATE_FREEZING
#define FROZEN		DMM_STATE_FROZEN
#define FENCED		DMM_STATE_FENCED
#define DISCONN		DMM_STATE_DISCONNECTED
#define FAILED		DMM_STATE_FAILED
#define STOPPING	DMM_STATE_STOPPING

/*
 * Refusals: -EALREADY what is asked for is so; -EBUSY something else has to
 * end first; -EINVAL it can never be; -EAGAIN not yet; -ETIME no longer.
 */
static const int state_table[__DMM_STATE_MAX][__DMM_EV_MAX] = {
	[DMM_STATE_IDLE] = {
		[DMM_EV_START]		= COPYING,
		[DMM_EV_PAUSE]		= -EINVAL,
		[DMM_EV_RESUME]		= -EINVAL,
		[DMM_EV_FREEZE]		= -EINVAL,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EINVAL,
		[DMM_EV_FENCE]		= -EINVAL,
		[DMM_EV_LINK_LOST]	= IDLE,
		[DMM_EV_ERROR]		= IDLE,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
	},
	[DMM_STATE_COPYING] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= PAUSED,
		[DMM_EV_RESUME]		= -EALREADY,
		[DMM_EV_FREEZE]		= FREEZING,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_FENCE]		= -ETIME,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
	},
	[DMM_STATE_PAUSED] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= -EALREADY,
		[DMM_EV_RESUME]		= COPYING,
		[DMM_EV_FREEZE]		= -EBUSY,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_FENCE]		= -ETIME,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
	},
	[DMM_STATE_FREEZING] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
		[DMM_EV_FREEZE]		= -EALREADY,
		[DMM_EV_CONVERGED]	= FROZEN,
		[DMM_EV_THAW]		= COPYING,
		[DMM_EV_FENCE]		= -EAGAIN,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
	},
	[DMM_STATE_FROZEN] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
		[DMM_EV_FREEZE]		= -EALREADY,
		[DMM_EV_CONVERGED]	= -EALREADY,
		[DMM_EV_THAW]		= COPYING,
		[DMM_EV_FENCE]		= FENCED,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
	},
	[DMM_STATE_FENCED] = {
		[DMM_EV_START]		= -EBUSY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
		[DMM_EV_FREEZE]		= -EBUSY,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EBUSY,
		[DMM_EV_FENCE]		= -EALREADY,
		[DMM_EV_LINK_LOST]	= FENCED,
		[DMM_EV_ERROR]		= FENCED,
		[DMM_EV_STOP]		= -EBUSY,
		[DMM_EV_STOPPED]	= -EINVAL,
	},
	[DMM_STATE_DISCONNECTED] = {
		[DMM_EV_START]		= COPYING,
		[DMM_EV_PAUSE]		= -EINVAL,
		[DMM_EV_RESUME]		= -EINVAL,
		[DMM_EV_FREEZE]		= -EINVAL,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_FENCE]		= -ETIME,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
	},
	[DMM_STATE_FAILED] = {
		[DMM_EV_START]		= -EBUSY,
		[DMM_EV_PAUSE]		= -EINVAL,
		[DMM_EV_RESUME]		= -EINVAL,
		[DMM_EV_FREEZE]		= -EINVAL,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_FENCE]		= -ETIME,
		[DMM_EV_LINK_LOST]	= FAILED,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
	},
	[DMM_STATE_STOPPING] = {
		[DMM_EV_START]		= -EBUSY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
		[DMM_EV_FREEZE]		= -EBUSY,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_FENCE]		= -ETIME,
		[DMM_EV_LINK_LOST]	= STOPPING,
		[DMM_EV_ERROR]		= STOPPING,
		[DMM_EV_STOP]		= -EALREADY,
		[DMM_EV_STOPPED]	= IDLE,
	},
};

static const struct {
	const char *name;
	bool tracks, holds, ships;
} state_facts[__DMM_STATE_MAX] = {
	[DMM_STATE_IDLE]	 = { "idle",	     false, false, false },
	[DMM_STATE_COPYING]	 = { "copying",	     true,  false, true  },
	[DMM_STATE_PAUSED]	 = { "paused",	     true,  false, false },
	[DMM_STATE_FREEZING]	 = { "freezing",     true,  true,  true  },
	[DMM_STATE_FROZEN]	 = { "frozen",	     true,  true,  false },
	[DMM_STATE_FENCED]	 = { "fenced",	     true,  true,  false },
	[DMM_STATE_DISCONNECTED] = { "disconnected", true,  false, false },
	[DMM_STATE_FAILED]	 = { "failed",	     true,  false, false },
	[DMM_STATE_STOPPING]	 = { "stopping",     false, false, false },
};

/* Unsigned, so that one comparison refuses what is negative too. */
static bool state_known(enum dmm_state s)
{
	return (unsigned int)s < __DMM_STATE_MAX;
}

int dmm_state_next(enum dmm_state s, enum dmm_event ev)
{
	if (!state_known(s) || (unsigned int)ev >= __DMM_EV_MAX)
		return -EINVAL;
	return state_table[s][ev];
}

const char *dmm_state_name(enum dmm_state s)
{
	return state_known(s) ? state_facts[s].name : "unknown";
}

bool dmm_state_tracks(enum dmm_state s)
{
	return state_known(s) && state_facts[s].tracks;
}

bool dmm_state_holds(enum dmm_state s)
{
	return state_known(s) && state_facts[s].holds;
}

bool dmm_state_ships(enum dmm_state s)
{
	return state_known(s) && state_facts[s].ships;
}
