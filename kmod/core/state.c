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
#define COMMITTED	DMM_STATE_COMMITTED
#define RELEASED	DMM_STATE_RELEASED
#define GATED		DMM_STATE_GATED
#define DISCONN		DMM_STATE_DISCONNECTED
#define FAILED		DMM_STATE_FAILED
#define STOPPING	DMM_STATE_STOPPING
#define COMPARING	DMM_STATE_COMPARING

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
		[DMM_EV_COMMIT]		= -EINVAL,
		[DMM_EV_RECLAIM]	= -EINVAL,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= IDLE,
		[DMM_EV_ERROR]		= IDLE,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= COMPARING,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_COPYING] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= PAUSED,
		[DMM_EV_RESUME]		= -EALREADY,
		[DMM_EV_FREEZE]		= FREEZING,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_COMMIT]		= -ETIME,
		[DMM_EV_RECLAIM]	= -EALREADY,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EBUSY,
		[DMM_EV_COMPARED]	= -EALREADY,
	},
	[DMM_STATE_PAUSED] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= -EALREADY,
		[DMM_EV_RESUME]		= COPYING,
		[DMM_EV_FREEZE]		= -EBUSY,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_COMMIT]		= -ETIME,
		[DMM_EV_RECLAIM]	= -EALREADY,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EBUSY,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_FREEZING] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
		[DMM_EV_FREEZE]		= -EALREADY,
		[DMM_EV_CONVERGED]	= FROZEN,
		[DMM_EV_THAW]		= COPYING,
		[DMM_EV_COMMIT]		= -EAGAIN,
		[DMM_EV_RECLAIM]	= -EINVAL,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EBUSY,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_FROZEN] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
		[DMM_EV_FREEZE]		= -EALREADY,
		[DMM_EV_CONVERGED]	= -EALREADY,
		[DMM_EV_THAW]		= COPYING,
		[DMM_EV_COMMIT]		= COMMITTED,
		[DMM_EV_RECLAIM]	= -EINVAL,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EBUSY,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_COMMITTED] = {
		[DMM_EV_START]		= -EBUSY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
		[DMM_EV_FREEZE]		= -EBUSY,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EBUSY,
		[DMM_EV_COMMIT]		= COMMITTED,
		[DMM_EV_RECLAIM]	= COPYING,
		[DMM_EV_RELEASE]	= RELEASED,
		[DMM_EV_LINK_LOST]	= COMMITTED,
		[DMM_EV_ERROR]		= COMMITTED,
		[DMM_EV_STOP]		= -EBUSY,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EBUSY,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_DISCONNECTED] = {
		[DMM_EV_START]		= COPYING,
		[DMM_EV_PAUSE]		= -EINVAL,
		[DMM_EV_RESUME]		= -EINVAL,
		[DMM_EV_FREEZE]		= -EINVAL,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_COMMIT]		= -ETIME,
		[DMM_EV_RECLAIM]	= -EALREADY,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= COMPARING,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_FAILED] = {
		[DMM_EV_START]		= -EBUSY,
		[DMM_EV_PAUSE]		= -EINVAL,
		[DMM_EV_RESUME]		= -EINVAL,
		[DMM_EV_FREEZE]		= -EINVAL,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_COMMIT]		= -ETIME,
		[DMM_EV_RECLAIM]	= -EALREADY,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= FAILED,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EBUSY,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_STOPPING] = {
		[DMM_EV_START]		= -EBUSY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
		[DMM_EV_FREEZE]		= -EBUSY,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_COMMIT]		= -ETIME,
		[DMM_EV_RECLAIM]	= -EINVAL,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= STOPPING,
		[DMM_EV_ERROR]		= STOPPING,
		[DMM_EV_STOP]		= -EALREADY,
		[DMM_EV_STOPPED]	= IDLE,
		[DMM_EV_COMPARE]	= -EBUSY,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_RELEASED] = {
		[DMM_EV_START]		= -EINVAL,
		[DMM_EV_PAUSE]		= -EINVAL,
		[DMM_EV_RESUME]		= -EINVAL,
		[DMM_EV_FREEZE]		= -EINVAL,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EINVAL,
		[DMM_EV_COMMIT]		= -EALREADY,
		[DMM_EV_RECLAIM]	= -EINVAL,
		[DMM_EV_RELEASE]	= RELEASED,
		[DMM_EV_LINK_LOST]	= RELEASED,
		[DMM_EV_ERROR]		= RELEASED,
		[DMM_EV_STOP]		= RELEASED,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EINVAL,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_GATED] = {
		[DMM_EV_START]		= -EINVAL,
		[DMM_EV_PAUSE]		= -EINVAL,
		[DMM_EV_RESUME]		= -EINVAL,
		[DMM_EV_FREEZE]		= -EINVAL,
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EINVAL,
		[DMM_EV_COMMIT]		= -EINVAL,
		[DMM_EV_RECLAIM]	= -EINVAL,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= GATED,
		[DMM_EV_ERROR]		= GATED,
		[DMM_EV_STOP]		= -EINVAL,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EINVAL,
		[DMM_EV_COMPARED]	= -EINVAL,
	},
	[DMM_STATE_COMPARING] = {
		[DMM_EV_START]		= -EALREADY,
		[DMM_EV_PAUSE]		= -EBUSY,
		[DMM_EV_RESUME]		= -EBUSY,
#if DMM_MUTANT == 140
		[DMM_EV_FREEZE]		= FREEZING,
#else
		[DMM_EV_FREEZE]		= -EBUSY,
#endif
		[DMM_EV_CONVERGED]	= -EINVAL,
		[DMM_EV_THAW]		= -EALREADY,
		[DMM_EV_COMMIT]		= -ETIME,
		[DMM_EV_RECLAIM]	= -EALREADY,
		[DMM_EV_RELEASE]	= -EINVAL,
		[DMM_EV_LINK_LOST]	= DISCONN,
		[DMM_EV_ERROR]		= FAILED,
		[DMM_EV_STOP]		= STOPPING,
		[DMM_EV_STOPPED]	= -EINVAL,
		[DMM_EV_COMPARE]	= -EALREADY,
		[DMM_EV_COMPARED]	= COPYING,
	},
};

static const struct {
	const char *name;
	bool tracks, ships;
	enum dmm_admit admits;
} state_facts[__DMM_STATE_MAX] = {
	[DMM_STATE_IDLE]	 = { "idle",	     false, false, DMM_ADMIT_ALL },
	[DMM_STATE_COPYING]	 = { "copying",	     true,  true,  DMM_ADMIT_ALL },
	[DMM_STATE_PAUSED]	 = { "paused",	     true,  false, DMM_ADMIT_ALL },
#if DMM_MUTANT == 202	/* hazard 2 */
	[DMM_STATE_FREEZING]	 = { "freezing",     true,  true,  DMM_ADMIT_ALL },
#else
	[DMM_STATE_FREEZING]	 = { "freezing",     true,  true,  DMM_ADMIT_HOLD_WRITES },
#endif
	[DMM_STATE_FROZEN]	 = { "frozen",	     true,  false, DMM_ADMIT_HOLD_WRITES },
	[DMM_STATE_COMMITTED]	 = { "committed",    true,  false, DMM_ADMIT_HOLD_ALL },
	[DMM_STATE_DISCONNECTED] = { "disconnected", true,  false, DMM_ADMIT_ALL },
#if DMM_MUTANT == 122	/* hazard 22 */
	[DMM_STATE_FAILED]	 = { "failed",	     true,  false, DMM_ADMIT_NONE },
#else
	[DMM_STATE_FAILED]	 = { "failed",	     true,  false, DMM_ADMIT_ALL },
#endif
	[DMM_STATE_STOPPING]	 = { "stopping",     false, false, DMM_ADMIT_ALL },
	[DMM_STATE_RELEASED]	 = { "released",     false, false, DMM_ADMIT_NONE },
	[DMM_STATE_GATED]	 = { "gated",	     false, false, DMM_ADMIT_NONE },
	[DMM_STATE_COMPARING]	 = { "comparing",    true,  false, DMM_ADMIT_ALL },
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

bool dmm_state_ships(enum dmm_state s)
{
	return state_known(s) && state_facts[s].ships;
}

enum dmm_admit dmm_state_admits(enum dmm_state s)
{
	return state_known(s) ? state_facts[s].admits : DMM_ADMIT_NONE;
}

enum dmm_admit dmm_gate_admits(enum dmm_gate gate)
{
	switch (gate) {
	case DMM_GATE_NONE:
	case DMM_GATE_OPEN:
		return DMM_ADMIT_ALL;
	case DMM_GATE_READS:
		return DMM_ADMIT_READS;
	default:
		return DMM_ADMIT_NONE;
	}
}

const char *dmm_gate_name(enum dmm_gate gate)
{
	static const char *const names[__DMM_GATE_MAX] = { "-", "shut", "reads", "open" };

	return (unsigned int)gate < __DMM_GATE_MAX ? names[gate] : "unknown";
}
