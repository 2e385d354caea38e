/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/state: the arrows of the diagram, the refusals that a
 * caller tells apart, and what each state means.  Pairs that are not listed
 * have to be refused (or, LINK_LOST and ERROR, change nothing).
 */
#ifndef DMM_VECTORS_STATE_H
#define DMM_VECTORS_STATE_H

#include "vec.h"
#include "core/state.h"

static const struct dmm_vec_arrow {
	enum dmm_state from;
	enum dmm_event ev;
	int to;		/* a state, or a negative errno */
} dmm_vec_arrows[] = {
	{ DMM_STATE_IDLE, DMM_EV_START, DMM_STATE_COPYING },
	{ DMM_STATE_COPYING, DMM_EV_PAUSE, DMM_STATE_PAUSED },
	{ DMM_STATE_PAUSED, DMM_EV_RESUME, DMM_STATE_COPYING },
	{ DMM_STATE_COPYING, DMM_EV_FREEZE, DMM_STATE_FREEZING },
	{ DMM_STATE_FREEZING, DMM_EV_CONVERGED, DMM_STATE_FROZEN },
	{ DMM_STATE_FREEZING, DMM_EV_THAW, DMM_STATE_COPYING },
	{ DMM_STATE_FROZEN, DMM_EV_THAW, DMM_STATE_COPYING },
	{ DMM_STATE_FROZEN, DMM_EV_FENCE, DMM_STATE_FENCED },

	{ DMM_STATE_COPYING, DMM_EV_LINK_LOST, DMM_STATE_DISCONNECTED },
	{ DMM_STATE_PAUSED, DMM_EV_LINK_LOST, DMM_STATE_DISCONNECTED },
	{ DMM_STATE_FREEZING, DMM_EV_LINK_LOST, DMM_STATE_DISCONNECTED },
	{ DMM_STATE_FROZEN, DMM_EV_LINK_LOST, DMM_STATE_DISCONNECTED },
	{ DMM_STATE_DISCONNECTED, DMM_EV_START, DMM_STATE_COPYING },

	{ DMM_STATE_COPYING, DMM_EV_ERROR, DMM_STATE_FAILED },
	{ DMM_STATE_PAUSED, DMM_EV_ERROR, DMM_STATE_FAILED },
	{ DMM_STATE_FREEZING, DMM_EV_ERROR, DMM_STATE_FAILED },
	{ DMM_STATE_FROZEN, DMM_EV_ERROR, DMM_STATE_FAILED },
	{ DMM_STATE_DISCONNECTED, DMM_EV_ERROR, DMM_STATE_FAILED },

	{ DMM_STATE_IDLE, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_COPYING, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_PAUSED, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_FREEZING, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_FROZEN, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_DISCONNECTED, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_FAILED, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_STOPPING, DMM_EV_STOPPED, DMM_STATE_IDLE },

	/* refusals with a meaning of their own */
	{ DMM_STATE_FREEZING, DMM_EV_FENCE, -EAGAIN },
	{ DMM_STATE_COPYING, DMM_EV_FENCE, -ETIME },
	{ DMM_STATE_PAUSED, DMM_EV_FENCE, -ETIME },
	{ DMM_STATE_DISCONNECTED, DMM_EV_FENCE, -ETIME },
	{ DMM_STATE_FAILED, DMM_EV_FENCE, -ETIME },
	{ DMM_STATE_STOPPING, DMM_EV_FENCE, -ETIME },
	{ DMM_STATE_IDLE, DMM_EV_FENCE, -EINVAL },
	{ DMM_STATE_FENCED, DMM_EV_FENCE, -EALREADY },
	{ DMM_STATE_FENCED, DMM_EV_STOP, -EBUSY },
	{ DMM_STATE_FENCED, DMM_EV_THAW, -EBUSY },
	{ DMM_STATE_FENCED, DMM_EV_START, -EBUSY },
	{ DMM_STATE_STOPPING, DMM_EV_STOP, -EALREADY },
	{ DMM_STATE_STOPPING, DMM_EV_START, -EBUSY },
	{ DMM_STATE_COPYING, DMM_EV_START, -EALREADY },
	{ DMM_STATE_PAUSED, DMM_EV_START, -EALREADY },
	{ DMM_STATE_PAUSED, DMM_EV_PAUSE, -EALREADY },
	{ DMM_STATE_COPYING, DMM_EV_RESUME, -EALREADY },
	{ DMM_STATE_COPYING, DMM_EV_THAW, -EALREADY },
	{ DMM_STATE_FREEZING, DMM_EV_FREEZE, -EALREADY },
	{ DMM_STATE_FROZEN, DMM_EV_FREEZE, -EALREADY },
	{ DMM_STATE_PAUSED, DMM_EV_FREEZE, -EBUSY },
	{ DMM_STATE_FREEZING, DMM_EV_PAUSE, -EBUSY },
	{ DMM_STATE_FROZEN, DMM_EV_PAUSE, -EBUSY },
	{ DMM_STATE_IDLE, DMM_EV_PAUSE, -EINVAL },
	{ DMM_STATE_IDLE, DMM_EV_FREEZE, -EINVAL },
	{ DMM_STATE_FAILED, DMM_EV_START, -EBUSY },
};

static const struct dmm_vec_state {
	const char *name;
	bool tracks, holds, ships;
} dmm_vec_states[] = {	/* in the order of uapi.h, whose numbers never change */
	{ "idle", 0, 0, 0 },
	{ "copying", 1, 0, 1 },
	{ "paused", 1, 0, 0 },
	{ "freezing", 1, 1, 1 },
	{ "frozen", 1, 1, 0 },
	{ "fenced", 1, 1, 0 },
	{ "disconnected", 1, 0, 0 },
	{ "failed", 1, 0, 0 },
	{ "stopping", 0, 0, 0 },
};

static inline bool dmm_vec_arrow_of(int s, int ev, int *to)
{
	unsigned int i;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_arrows); i++) {
		const struct dmm_vec_arrow *a = &dmm_vec_arrows[i];

		if ((int)a->from == s && (int)a->ev == ev) {
			*to = a->to;
			return true;
		}
	}
	return false;
}

/* Every pair; row is state * 100 + event. */
static inline void dmm_vec_check_arrows(struct dmm_vec *v)
{
	int s, ev, to, got;

	for (s = 0; s < __DMM_STATE_MAX; s++) {
		for (ev = 0; ev < __DMM_EV_MAX; ev++) {
			got = dmm_state_next(s, ev);
			if (dmm_vec_arrow_of(s, ev, &to)) {
				dmm_vec_eq(v, "arrow", s * 100 + ev, (u64)got, (u64)to);
				continue;
			}
			if (ev == DMM_EV_LINK_LOST || ev == DMM_EV_ERROR) {
				dmm_vec_eq(v, "stays", s * 100 + ev, (u64)got, (u64)s);
				continue;
			}
			dmm_vec_eq(v, "refused", s * 100 + ev,
				   got == -EINVAL || got == -EBUSY || got == -EALREADY, 1);
		}
	}
	/* out of range, as garbage in memory would be */
	dmm_vec_eq(v, "no such state", 0, (u64)dmm_state_next(__DMM_STATE_MAX, DMM_EV_STOP),
		   (u64)-EINVAL);
	dmm_vec_eq(v, "no such state", 1, (u64)dmm_state_next((enum dmm_state)~0u, DMM_EV_STOP),
		   (u64)-EINVAL);
	dmm_vec_eq(v, "no such event", 2, (u64)dmm_state_next(DMM_STATE_IDLE, __DMM_EV_MAX),
		   (u64)-EINVAL);
	dmm_vec_eq(v, "no such event", 3, (u64)dmm_state_next(DMM_STATE_IDLE, (enum dmm_event)~0u),
		   (u64)-EINVAL);
}

static inline void dmm_vec_check_states(struct dmm_vec *v)
{
	enum dmm_state s;
	unsigned int i;

	dmm_vec_eq(v, "number of states", 0, DMM_VEC_COUNT(dmm_vec_states), __DMM_STATE_MAX);
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_states); i++) {
		s = (enum dmm_state)i;
		dmm_vec_eq(v, "name", i, !strcmp(dmm_state_name(s), dmm_vec_states[i].name), 1);
		dmm_vec_eq(v, "tracks", i, dmm_state_tracks(s), dmm_vec_states[i].tracks);
		dmm_vec_eq(v, "holds", i, dmm_state_holds(s), dmm_vec_states[i].holds);
		dmm_vec_eq(v, "ships", i, dmm_state_ships(s), dmm_vec_states[i].ships);
	}
	for (i = 0; i < 2; i++) {
		s = i ? (enum dmm_state)~0u : __DMM_STATE_MAX;
		dmm_vec_eq(v, "unknown name", i, !strcmp(dmm_state_name(s), "unknown"), 1);
		dmm_vec_eq(v, "unknown does nothing", i, dmm_state_tracks(s) ||
			   dmm_state_holds(s) || dmm_state_ships(s), 0);
	}
}

/*
 * What must hold of the diagram as a whole, whatever the table says: FENCED is
 * reached from FROZEN only and never left; writes are held in what FREEZE leads to and
 * nowhere else; from every other state STOP and STOPPED lead to IDLE.
 */
static inline void dmm_vec_check_diagram(struct dmm_vec *v)
{
	int s, ev, to;

	for (s = 0; s < __DMM_STATE_MAX; s++) {
		for (ev = 0; ev < __DMM_EV_MAX; ev++) {
			to = dmm_state_next(s, ev);
			if (to < 0)
				continue;
			dmm_vec_eq(v, "a state", s * 100 + ev, to < __DMM_STATE_MAX, 1);
			if (to == DMM_STATE_FENCED && s != DMM_STATE_FENCED)
				dmm_vec_eq(v, "fenced from frozen", s * 100 + ev,
					   s == DMM_STATE_FROZEN && ev == DMM_EV_FENCE, 1);
			if (s == DMM_STATE_FENCED)
				dmm_vec_eq(v, "fenced for good", s * 100 + ev, to, s);
			if (dmm_state_holds(to) && !dmm_state_holds(s))
				dmm_vec_eq(v, "hold begins", s * 100 + ev, ev, DMM_EV_FREEZE);
			/* nothing is lost from sight on the way to the fence (invariant 8) */
			if (dmm_state_tracks(s) && !dmm_state_tracks(to))
				dmm_vec_eq(v, "tracking ends", s * 100 + ev, ev, DMM_EV_STOP);
		}
		if (s != DMM_STATE_FENCED && s != DMM_STATE_STOPPING) {
			to = dmm_state_next(s, DMM_EV_STOP);
			dmm_vec_eq(v, "stops", s, to >= 0, 1);
			dmm_vec_eq(v, "stopped", s, to >= 0 && dmm_state_next(to, DMM_EV_STOPPED) ==
				   DMM_STATE_IDLE, 1);
		}
	}
}

#endif
