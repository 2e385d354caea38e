// SPDX-License-Identifier: GPL-2.0
/*
 * What both sides of a hand-over share: boot, answers to actions, and who may be
 * given which event.
 */
#include "handover_priv.h"

static const struct {
	const char *name;
	unsigned int durable;	/* roles in whose journals it may be */
} ho_states[__DMM_HO_STATE_MAX] = {
	[DMM_HO_LOST]		= { "lost", 0 },
	[DMM_HO_ACTIVE]		= { "active", DMM_HO_SOURCE },
	[DMM_HO_RELINQUISHED]	= { "relinquished", DMM_HO_SOURCE },
	[DMM_HO_RELEASED]	= { "released", DMM_HO_SOURCE },
	[DMM_HO_RECEIVING]	= { "receiving", DMM_HO_DEST },
	[DMM_HO_COMPLETE]	= { "complete", DMM_HO_DEST },
	[DMM_HO_OWNED]		= { "owned", DMM_HO_DEST },
	[DMM_HO_RUNNING]	= { "running", DMM_HO_DEST },
	[DMM_HO_REFUSED]	= { "refused", DMM_HO_DEST },
	[DMM_HO_SETTLED]	= { "settled", DMM_HO_DEST },
	[DMM_HO_FREEZING]	= { "freezing", 0 },
	[DMM_HO_FROZEN]		= { "frozen", 0 },
	[DMM_HO_FENCED]		= { "fenced", 0 },
};

#define BOTH	(DMM_HO_SOURCE | DMM_HO_DEST)

/* Who may be given it, and which outstanding action it answers. */
static const struct {
	unsigned int roles;
	enum dmm_ho_wait answers;
} ho_events[__DMM_HO_EV_MAX] = {
	[DMM_HO_EV_CUTOVER]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_ABORT]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_FORCE]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_ACQUIRE]		= { BOTH },
	[DMM_HO_EV_GO]			= { DMM_HO_DEST },
	[DMM_HO_EV_RUNS]		= { DMM_HO_DEST },
	[DMM_HO_EV_START_FAILED]	= { DMM_HO_DEST },
	[DMM_HO_EV_FROZEN]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_THAWED]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_BARRIER]		= { DMM_HO_DEST },
	[DMM_HO_EV_COMPLETE]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_REFUSED]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_RUNNING_ACK]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_ASK_SOURCE]		= { DMM_HO_SOURCE },
	[DMM_HO_EV_TOKEN]		= { DMM_HO_DEST },
	[DMM_HO_EV_ASK_REFUSE]		= { DMM_HO_DEST },
	[DMM_HO_EV_RELEASED]		= { DMM_HO_DEST },
	[DMM_HO_EV_SOURCE]		= { DMM_HO_DEST },
	[DMM_HO_EV_TICK]		= { BOTH },
	[DMM_HO_EV_COMMITTED]		= { DMM_HO_SOURCE, DMM_HO_WAIT_COMMIT },
	[DMM_HO_EV_COMMIT_FAILED]	= { DMM_HO_SOURCE, DMM_HO_WAIT_COMMIT },
	[DMM_HO_EV_APPENDED]		= { BOTH, DMM_HO_WAIT_APPEND },
	[DMM_HO_EV_APPEND_UNSURE]	= { BOTH, DMM_HO_WAIT_APPEND },
	[DMM_HO_EV_APPEND_NOTHING]	= { BOTH, DMM_HO_WAIT_APPEND },
	[DMM_HO_EV_APPEND_STALE]	= { BOTH, DMM_HO_WAIT_APPEND },
	[DMM_HO_EV_GATES_SHUT]		= { DMM_HO_DEST, DMM_HO_WAIT_SHUT },
	[DMM_HO_EV_GATES_KEPT]		= { DMM_HO_DEST, DMM_HO_WAIT_SHUT },
};

struct dmm_ho_action *dmm_ho_do(struct dmm_ho_actions *out, enum dmm_ho_action_type type)
{
	struct dmm_ho_action *a = &out->a[out->nr++];

	memset(a, 0, sizeof(*a));
	a->type = type;
	return a;
}

struct dmm_ho_action *dmm_ho_do_wait(struct dmm_ho *ho, struct dmm_ho_actions *out,
				     enum dmm_ho_action_type type, enum dmm_ho_wait wait)
{
	struct dmm_ho_action *a = dmm_ho_do(out, type);

	if (!++ho->ticket)
		ho->ticket = 1;
	ho->wait = wait;
	a->ticket = ho->ticket;
	return a;
}

void dmm_ho_append(struct dmm_ho *ho, struct dmm_ho_actions *out, enum dmm_ho_state s, u64 epoch)
{
	struct dmm_ho_action *a = dmm_ho_do_wait(ho, out, DMM_HO_DO_APPEND, DMM_HO_WAIT_APPEND);

	ho->next_state = s;
	ho->next_epoch = epoch;
	a->state = s;
	a->epoch = epoch;
	a->instance = ho->role == DMM_HO_SOURCE ? ho->instance : ho->own;
}

struct dmm_ho_action *dmm_ho_send(const struct dmm_ho *ho, struct dmm_ho_actions *out,
				  enum dmm_ho_event_type msg)
{
	struct dmm_ho_action *a = dmm_ho_do(out, DMM_HO_DO_SEND);

	a->msg = msg;
	a->epoch = ho->epoch;
	return a;
}

int dmm_ho_boot(struct dmm_ho *ho, const struct dmm_ho_config *cfg, struct dmm_ho_actions *out)
{
	static const struct dmm_ho_id none;

	out->nr = 0;
	if ((cfg->role != DMM_HO_SOURCE && cfg->role != DMM_HO_DEST) || !cfg->nr_disks ||
	    cfg->nr_disks > DMM_HO_MAX_DISKS || dmm_ho_id_equal(&cfg->instance, &none))
		return -EINVAL;
	if (cfg->journal == DMM_HO_JOURNAL_LAST && !dmm_ho_state_durable(cfg->state, cfg->role))
		return -EINVAL;
	memset(ho, 0, sizeof(*ho));
	ho->role = cfg->role;
	ho->nr_disks = cfg->nr_disks;
	ho->own = cfg->instance;
	/* as random as the instance: no answer to an action of before has a ticket of this boot */
	memcpy(&ho->ticket, cfg->instance.b, sizeof(ho->ticket));
	if (cfg->journal == DMM_HO_JOURNAL_NEW) {
		ho->state = ho->role == DMM_HO_SOURCE ? DMM_HO_ACTIVE : DMM_HO_RECEIVING;
		dmm_ho_append(ho, out, ho->state, 0);
		return 0;
	}
	if (cfg->journal == DMM_HO_JOURNAL_LAST) {
		ho->state = cfg->state;
		ho->epoch = cfg->epoch;
		ho->instance = cfg->record_instance;
	}
	if (ho->role == DMM_HO_SOURCE)
		dmm_ho_source_boot(ho, cfg->rebooted, out);
	else
		dmm_ho_dest_boot(ho, cfg->rebooted, out);
	return 0;
}

static void ho_answer(struct dmm_ho *ho, const struct dmm_ho_event *ev, struct dmm_ho_actions *out)
{
	bool source = ho->role == DMM_HO_SOURCE;

	ho->wait = DMM_HO_WAIT_NOTHING;
	switch (ev->type) {
	case DMM_HO_EV_COMMITTED:
		dmm_ho_source_committed(ho, out);
		break;
	case DMM_HO_EV_COMMIT_FAILED:
		dmm_ho_source_commit_failed(ho, out);
		break;
	case DMM_HO_EV_APPENDED:
		if (source)
			dmm_ho_source_appended(ho, out);
		else
			dmm_ho_dest_appended(ho, out);
		break;
	case DMM_HO_EV_APPEND_STALE:
		ho->stale = true;
		break;
	case DMM_HO_EV_GATES_SHUT:
		dmm_ho_dest_shut(ho, ev->flag, out);
		break;
	case DMM_HO_EV_GATES_KEPT:
		dmm_ho_dest_kept(ho, out);
		break;
	default:
		/* The destination stays as it is, does nothing of what depends on the record, and tries again. */
		if (ho->next_state == ho->state && !ho->next_epoch)
			ho->stale = true;	/* it never began */
		else if (source)
			dmm_ho_source_append_failed(ho, ev->type == DMM_HO_EV_APPEND_UNSURE, out);
	}
}

/* Barriers are not repeated: noted whatever is outstanding, and looked at when nothing is. */
static int ho_note_barrier(struct dmm_ho *ho, const struct dmm_ho_event *ev)
{
	if (ev->disk >= ho->nr_disks || !ev->epoch)
		return -EINVAL;
	if (ev->epoch > ho->barrier_epoch) {
		ho->barrier_epoch = ev->epoch;
		ho->barriers = 0;
	}
	if (ev->epoch == ho->barrier_epoch)
		ho->barriers |= 1ull << ev->disk;
	return 0;
}

int dmm_ho_event(struct dmm_ho *ho, const struct dmm_ho_event *ev, struct dmm_ho_actions *out)
{
	int ret;

	out->nr = 0;
	if ((unsigned int)ev->type >= __DMM_HO_EV_MAX || !(ho_events[ev->type].roles & ho->role))
		return -EINVAL;
	if (ho->stale)
		return -ESTALE;
	if (ho_events[ev->type].answers) {
		if (ho->wait == ho_events[ev->type].answers && ev->ticket == ho->ticket)
			ho_answer(ho, ev, out);
		return 0;
	}
	if (ev->type == DMM_HO_EV_BARRIER) {
		ret = dmm_ho_dest_unwanted(ho, ev) ? 0 : ho_note_barrier(ho, ev);
		if (ret || ho->wait)
			return ret;
	}
	if (ho->wait)
		return -EBUSY;
	return ho->role == DMM_HO_SOURCE ? dmm_ho_source_event(ho, ev, out) :
					   dmm_ho_dest_event(ho, ev, out);
}

bool dmm_ho_needs_peer(const struct dmm_ho *ho)
{
	return ho->state == DMM_HO_LOST || ho->state == DMM_HO_RELINQUISHED || ho->asking;
}

const char *dmm_ho_state_name(enum dmm_ho_state s)
{
	return (unsigned int)s < __DMM_HO_STATE_MAX ? ho_states[s].name : "unknown";
}

bool dmm_ho_state_durable(enum dmm_ho_state s, enum dmm_ho_role role)
{
	return (unsigned int)s < __DMM_HO_STATE_MAX && (ho_states[s].durable & role);
}
