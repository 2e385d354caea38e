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
	{ DMM_STATE_FROZEN, DMM_EV_COMMIT, DMM_STATE_COMMITTED },
	{ DMM_STATE_COMMITTED, DMM_EV_COMMIT, DMM_STATE_COMMITTED },
	{ DMM_STATE_COMMITTED, DMM_EV_RECLAIM, DMM_STATE_COPYING },
	{ DMM_STATE_COMMITTED, DMM_EV_RELEASE, DMM_STATE_RELEASED },
	{ DMM_STATE_RELEASED, DMM_EV_RELEASE, DMM_STATE_RELEASED },
	{ DMM_STATE_RELEASED, DMM_EV_STOP, DMM_STATE_RELEASED },

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

	{ DMM_STATE_IDLE, DMM_EV_COMPARE, DMM_STATE_COMPARING },
	{ DMM_STATE_COMPARING, DMM_EV_COMPARED, DMM_STATE_COPYING },
	{ DMM_STATE_DISCONNECTED, DMM_EV_COMPARE, DMM_STATE_COMPARING },
	{ DMM_STATE_COMPARING, DMM_EV_LINK_LOST, DMM_STATE_DISCONNECTED },
	{ DMM_STATE_COMPARING, DMM_EV_ERROR, DMM_STATE_FAILED },
	{ DMM_STATE_COMPARING, DMM_EV_STOP, DMM_STATE_STOPPING },

	{ DMM_STATE_IDLE, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_COPYING, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_PAUSED, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_FREEZING, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_FROZEN, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_DISCONNECTED, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_FAILED, DMM_EV_STOP, DMM_STATE_STOPPING },
	{ DMM_STATE_STOPPING, DMM_EV_STOPPED, DMM_STATE_IDLE },

	/* refusals with a meaning of their own */
	{ DMM_STATE_FREEZING, DMM_EV_COMMIT, -EAGAIN },
	{ DMM_STATE_COPYING, DMM_EV_COMMIT, -ETIME },
	{ DMM_STATE_PAUSED, DMM_EV_COMMIT, -ETIME },
	{ DMM_STATE_DISCONNECTED, DMM_EV_COMMIT, -ETIME },
	{ DMM_STATE_FAILED, DMM_EV_COMMIT, -ETIME },
	{ DMM_STATE_STOPPING, DMM_EV_COMMIT, -ETIME },
	{ DMM_STATE_IDLE, DMM_EV_COMMIT, -EINVAL },
	{ DMM_STATE_RELEASED, DMM_EV_COMMIT, -EALREADY },
	{ DMM_STATE_RELEASED, DMM_EV_RECLAIM, -EINVAL },
	{ DMM_STATE_COPYING, DMM_EV_RECLAIM, -EALREADY },
	{ DMM_STATE_DISCONNECTED, DMM_EV_RECLAIM, -EALREADY },
	{ DMM_STATE_FROZEN, DMM_EV_RECLAIM, -EINVAL },
	{ DMM_STATE_FROZEN, DMM_EV_RELEASE, -EINVAL },
	{ DMM_STATE_COPYING, DMM_EV_RELEASE, -EINVAL },
	{ DMM_STATE_COMMITTED, DMM_EV_STOP, -EBUSY },
	{ DMM_STATE_COMMITTED, DMM_EV_THAW, -EBUSY },
	{ DMM_STATE_COMMITTED, DMM_EV_START, -EBUSY },
	{ DMM_STATE_GATED, DMM_EV_COMMIT, -EINVAL },
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
	/* before COMPARED there is no way to a freeze, nor round it */
	{ DMM_STATE_COMPARING, DMM_EV_FREEZE, -EBUSY },
	{ DMM_STATE_COMPARING, DMM_EV_RESUME, -EBUSY },
	{ DMM_STATE_COMPARING, DMM_EV_PAUSE, -EBUSY },
	{ DMM_STATE_COMPARING, DMM_EV_START, -EALREADY },
	{ DMM_STATE_COMPARING, DMM_EV_COMPARE, -EALREADY },
	{ DMM_STATE_COMPARING, DMM_EV_COMMIT, -ETIME },
	/* nor from anywhere else into it, or out of it by its end */
	{ DMM_STATE_COPYING, DMM_EV_COMPARE, -EBUSY },
	{ DMM_STATE_FAILED, DMM_EV_COMPARE, -EBUSY },
	{ DMM_STATE_COPYING, DMM_EV_COMPARED, -EALREADY },
	{ DMM_STATE_DISCONNECTED, DMM_EV_COMPARED, -EINVAL },
	{ DMM_STATE_PAUSED, DMM_EV_COMPARED, -EINVAL },
	{ DMM_STATE_IDLE, DMM_EV_COMPARED, -EINVAL },
};

static const struct dmm_vec_state {
	const char *name;
	bool tracks, ships;
	enum dmm_admit admits;
} dmm_vec_states[] = {	/* in the order of uapi.h, whose numbers never change */
	{ "idle", 0, 0, DMM_ADMIT_ALL },
	{ "copying", 1, 1, DMM_ADMIT_ALL },
	{ "paused", 1, 0, DMM_ADMIT_ALL },
	{ "freezing", 1, 1, DMM_ADMIT_HOLD_WRITES },
	{ "frozen", 1, 0, DMM_ADMIT_HOLD_WRITES },
	{ "committed", 1, 0, DMM_ADMIT_HOLD_ALL },
	{ "disconnected", 1, 0, DMM_ADMIT_ALL },
	{ "failed", 1, 0, DMM_ADMIT_ALL },
	{ "stopping", 0, 0, DMM_ADMIT_ALL },
	{ "released", 0, 0, DMM_ADMIT_NONE },
	{ "gated", 0, 0, DMM_ADMIT_NONE },
	{ "comparing", 1, 0, DMM_ADMIT_ALL },
};

/* What becomes of a read, a flush, a write and something unknown, in the order of enum dmm_admit. */
static const enum dmm_verdict dmm_vec_verdicts[][4] = {
	{ DMM_PASS, DMM_PASS, DMM_PASS, DMM_PASS },
	{ DMM_PASS, DMM_PASS, DMM_HOLD, DMM_HOLD },
	{ DMM_HOLD, DMM_HOLD, DMM_HOLD, DMM_HOLD },
	{ DMM_PASS, DMM_FAIL, DMM_FAIL, DMM_FAIL },
	{ DMM_FAIL, DMM_FAIL, DMM_FAIL, DMM_FAIL },
};

static const struct dmm_vec_gate {
	const char *name;
	enum dmm_admit admits;
} dmm_vec_gates[] = {	/* in the order of uapi.h */
	{ "-", DMM_ADMIT_ALL },
	{ "shut", DMM_ADMIT_NONE },
	{ "reads", DMM_ADMIT_READS },
	{ "open", DMM_ADMIT_ALL },
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
		dmm_vec_eq(v, "ships", i, dmm_state_ships(s), dmm_vec_states[i].ships);
		dmm_vec_eq(v, "admits", i, dmm_state_admits(s), dmm_vec_states[i].admits);
	}
	for (i = 0; i < 2; i++) {
		s = i ? (enum dmm_state)~0u : __DMM_STATE_MAX;
		dmm_vec_eq(v, "unknown name", i, !strcmp(dmm_state_name(s), "unknown"), 1);
		dmm_vec_eq(v, "unknown does nothing", i, dmm_state_tracks(s) ||
			   dmm_state_ships(s), 0);
		dmm_vec_eq(v, "unknown admits nothing", i, dmm_state_admits(s), DMM_ADMIT_NONE);
	}
}

static inline void dmm_vec_check_admission(struct dmm_vec *v)
{
	unsigned int i, op;
	enum dmm_gate g;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_verdicts); i++)
		for (op = DMM_OP_READ; op <= DMM_OP_UNKNOWN; op++)
			dmm_vec_eq(v, "verdict", i * 10 + op,
				   dmm_admit_verdict((enum dmm_admit)i, (enum dmm_op)op),
				   dmm_vec_verdicts[i][op]);
	dmm_vec_eq(v, "unknown fails all", 0,
		   dmm_admit_verdict((enum dmm_admit)~0u, DMM_OP_READ), DMM_FAIL);
	dmm_vec_eq(v, "number of gates", 0, DMM_VEC_COUNT(dmm_vec_gates), __DMM_GATE_MAX);
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_gates); i++) {
		g = (enum dmm_gate)i;
		dmm_vec_eq(v, "gate name", i, !strcmp(dmm_gate_name(g), dmm_vec_gates[i].name), 1);
		dmm_vec_eq(v, "gate admits", i, dmm_gate_admits(g), dmm_vec_gates[i].admits);
	}
	for (i = 0; i < 2; i++) {
		g = i ? (enum dmm_gate)~0u : __DMM_GATE_MAX;
		dmm_vec_eq(v, "unknown gate", i, !strcmp(dmm_gate_name(g), "unknown"), 1);
		dmm_vec_eq(v, "unknown gate is shut", i, dmm_gate_admits(g), DMM_ADMIT_NONE);
	}
}

/* Does @s hold writes or fail them? */
static inline bool dmm_vec_stops_writes(int s)
{
	return dmm_admit_verdict(dmm_state_admits((enum dmm_state)s), DMM_OP_MODIFY) != DMM_PASS;
}

/*
 * What must hold of the diagram as a whole, whatever the table says: COMMITTED is reached from FROZEN
 * only, and left by RECLAIM and RELEASE only; RELEASED from COMMITTED only, and never left;
 * nothing fails a source's bios before it; GATED is by itself.  Writes are held in what FREEZE leads to and
 * nowhere else; from every other state STOP and STOPPED lead to IDLE.
 */
static inline void dmm_vec_check_arrow(struct dmm_vec *v, int s, int ev, int to)
{
	unsigned int row = s * 100 + ev;

	dmm_vec_eq(v, "a state", row, to < __DMM_STATE_MAX, 1);
	dmm_vec_eq(v, "gated is by itself", row, to == DMM_STATE_GATED, s == DMM_STATE_GATED);
	if (to == DMM_STATE_COMMITTED && s != to)
		dmm_vec_eq(v, "committed from frozen", row,
			   s == DMM_STATE_FROZEN && ev == DMM_EV_COMMIT, 1);
	if (s == DMM_STATE_COMMITTED && s != to)
		dmm_vec_eq(v, "decided", row, ev == DMM_EV_RECLAIM || ev == DMM_EV_RELEASE, 1);
	if (to == DMM_STATE_RELEASED && s != to)
		dmm_vec_eq(v, "released when committed", row,
			   s == DMM_STATE_COMMITTED && ev == DMM_EV_RELEASE, 1);
	if (s == DMM_STATE_RELEASED)
		dmm_vec_eq(v, "released for good", row, to, s);
	if (dmm_vec_stops_writes(to) && !dmm_vec_stops_writes(s))
		dmm_vec_eq(v, "hold begins", row, ev, DMM_EV_FREEZE);
	/* what differs is known only when somebody says so */
	if (s == DMM_STATE_COMPARING && (dmm_state_ships((enum dmm_state)to) || dmm_vec_stops_writes(to)))
		dmm_vec_eq(v, "compared", row, ev, DMM_EV_COMPARED);
	/* nothing is lost from sight while the source may be the owner (invariant 8) */
	if (dmm_state_tracks((enum dmm_state)s) && !dmm_state_tracks((enum dmm_state)to))
		dmm_vec_eq(v, "tracking ends", row, ev == DMM_EV_STOP || ev == DMM_EV_RELEASE, 1);
}

static inline void dmm_vec_check_diagram(struct dmm_vec *v)
{
	int s, ev, to;

	for (s = 0; s < __DMM_STATE_MAX; s++) {
		for (ev = 0; ev < __DMM_EV_MAX; ev++) {
			to = dmm_state_next(s, ev);
			if (to >= 0)
				dmm_vec_check_arrow(v, s, ev, to);
		}
		if (s == DMM_STATE_COMMITTED || s == DMM_STATE_STOPPING || s == DMM_STATE_RELEASED ||
		    s == DMM_STATE_GATED)
			continue;
		to = dmm_state_next(s, DMM_EV_STOP);
		dmm_vec_eq(v, "stops", s, to >= 0, 1);
		dmm_vec_eq(v, "stopped", s, to >= 0 && dmm_state_next(to, DMM_EV_STOPPED) ==
			   DMM_STATE_IDLE, 1);
	}
}

#endif
