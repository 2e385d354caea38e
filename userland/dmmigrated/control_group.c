// SPDX-License-Identifier: GPL-2.0
/*
 * GROUP and ADOPT: what people and toolstacks ask of a migration's hand-over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control_priv.h"
#include "fullio.h"
#include "migrations.h"

#define BUSY_MS		10000u	/* for an action that is under way */
#define MARKS_MS	5000u	/* for LVM, behind a hand-over that is over */
#define FORCE_LOOK_MS	3000u	/* for a connection to a host that is said to be off */
#define SLICE_MS	200u	/* of a wait, between two looks at whether we are to stop */

/* What may be asked by whom, and which event it is. */
static const struct {
	enum dmm_ho_event_type event;
	enum dmm_ho_role role;		/* 0: either */
	bool local;			/* by the local socket only */
} group_verbs[__DMM_GROUP_VERB_MAX] = {
	[DMM_GROUP_ACQUIRE]	= { DMM_HO_EV_ACQUIRE, DMM_HO_DEST, false },
	[DMM_GROUP_RUN]		= { DMM_HO_EV_GO, DMM_HO_DEST, false },
	[DMM_GROUP_RUNS]	= { DMM_HO_EV_RUNS, DMM_HO_DEST, false },
	[DMM_GROUP_RETURN]	= { DMM_HO_EV_START_FAILED, DMM_HO_DEST, false },
	[DMM_GROUP_CUTOVER]	= { DMM_HO_EV_CUTOVER, DMM_HO_SOURCE, true },
	[DMM_GROUP_ABORT]	= { DMM_HO_EV_ABORT, DMM_HO_SOURCE, true },
	[DMM_GROUP_FORCE]	= { DMM_HO_EV_FORCE, DMM_HO_SOURCE, true },
};

static u32 group_result(int ret)
{
	switch (ret) {
	case 0:
		return DMM_GROUP_OK;
	case -EALREADY:
		return DMM_GROUP_ALREADY;
	case -EPERM:
		return DMM_GROUP_NOT_NOW;
	case -EAGAIN:
		return DMM_GROUP_AGAIN;
	case -EOVERFLOW:
		return DMM_GROUP_OVER;
	default:
		return DMM_GROUP_FAILED;
	}
}

/* Kept, and given again, while an action is under way. */
static int group_ask(struct dmm_session *s, struct dmm_group *g, const struct dmm_group_request *rq)
{
	const struct dmm_ho_event ev = {
		.type = group_verbs[rq->verb].event, .flag = rq->verb == DMM_GROUP_FORCE,
	};
	const struct dmm_group_who who = {
		.uid = s->uid, .by = rq->by, .forced = rq->verb == DMM_GROUP_FORCE,
	};
	u64 until_ms = dmm_now_ms() + BUSY_MS;
	int ret;

	while ((ret = dmm_group_request(g, &ev, &who)) == -EBUSY && dmm_now_ms() < until_ms) {
		if (dmm_wait_fd(-1, 0, dmm_now_ms() + 20, s->rc->stop_fd) == -ECANCELED)
			break;
	}
	return ret;
}

static void group_wait(struct dmm_session *s, struct dmm_group *g, const struct dmm_group_request *rq)
{
	u64 until_ms = dmm_now_ms() + rq->await_ms, now_ms;
	struct dmm_group_status st;

	if (!rq->await)
		return;
	while ((now_ms = dmm_now_ms()) < until_ms) {
		if (!dmm_group_await(g, rq->await, dmm_min_u64(until_ms - now_ms, SLICE_MS), &st))
			return;
		if (dmm_wait_fd(-1, 0, 0, s->rc->stop_fd) == -ECANCELED)
			return;
	}
}

/* What is done by the time that a hand-over counts as over: nobody's guest waits for it. */
static void group_wait_marks(struct dmm_migration *m, struct dmm_group *g, const struct dmm_group_request *rq)
{
	const u32 over = 1u << DMM_HO_RELEASED | 1u << DMM_HO_SETTLED;
	struct dmm_group_status st;

	dmm_group_status(g, &st);
	if (rq->await & over & 1u << st.state)
		dmm_migration_await_marks(m, MARKS_MS);
}

static void group_fill(struct dmm_migration *m, struct dmm_group *g, int result,
		       struct dmm_wire_group_ok *w)
{
	struct dmm_link_status link = { 0 };
	char why[sizeof(w->why)] = "", lost[DMM_RECONNECT_WHY] = "", unmarked[DMM_LV_WHY] = "";
	char unplaced[DMM_GUEST_CONFIG_WHY] = "";
	struct dmm_group_status st;
	u32 flags = 0;

	memset(w, 0, sizeof(*w));
	w->role = cpu_to_le32(m->role);
	w->disks = cpu_to_le32(m->nr_disks);
	dmm_migration_names(m, w->peer, sizeof(w->peer), w->device, sizeof(w->device));
	if (!g) {
		w->flags = cpu_to_le32(dmm_migration_incomplete(m) ? DMM_GROUP_NOT_BEGUN : 0);
		w->result = cpu_to_le32(result ? group_result(result) : DMM_GROUP_FAILED);
		dmm_text_put(w->why, sizeof(w->why), "not all of its disks were prepared, or its journal "
			     "cannot be read: see dmmigrated's log");
		return;
	}
	dmm_group_status(g, &st);
	w->state = cpu_to_le32(st.state);
	w->gate = cpu_to_le32(st.gate);
	w->epoch = cpu_to_le64(st.epoch);
	flags |= st.needs_peer ? DMM_GROUP_NEEDS_PEER : 0;
	flags |= st.owes ? DMM_GROUP_OWES : 0;
	flags |= st.acked ? DMM_GROUP_ACKED : 0;
	if (m->role == DMM_HO_SOURCE) {
		dmm_migration_link(m, &link);
		dmm_migration_lost(m, lost);
		flags |= link.unknown_there ? DMM_GROUP_UNKNOWN_THERE : 0;
	} else {
		link.up = dmm_migration_heard(m);
	}
	flags |= link.up ? DMM_GROUP_LINKED : 0;
	flags |= m->all->tls ? 0 : DMM_GROUP_PLAINTEXT;
	flags |= dmm_migration_unmarked(m, unmarked) ? DMM_GROUP_UNMARKED : 0;
	flags |= dmm_migration_unplaced(m, unplaced) ? DMM_GROUP_UNPLACED : 0;
	w->flags = cpu_to_le32(flags);
	w->result = cpu_to_le32(group_result(result));
	/* what is so now, rather than what went wrong some time */
	snprintf(why, sizeof(why), "%s", !st.owes && lost[0] ? lost : st.why[0] ? st.why :
		 group_result(result) == DMM_GROUP_FAILED ? strerror(-result) : link.why[0] ? link.why :
		 unmarked[0] ? unmarked : unplaced);
	dmm_text_clean(why);
	dmm_text_put(w->why, sizeof(w->why), why);
}

/* A person's word that the other host is off counts only where nothing speaks against it. */
static int group_check_force(struct dmm_migration *m, struct dmm_refusal *r)
{
	/* one that has not begun has nothing to force, nor a link */
	if (!dmm_migration_group(m) || !dmm_migration_reaches(m, FORCE_LOOK_MS))
		return 0;
	return dmm_refuse(r, DMM_WERR_BUSY, "the destination's daemon is connected, or was 15 seconds ago: that host is not off. If dmmigrate "
			  "recover, without force, does not help: stop dmmigrated and the writer there, or switch that host off, and force then");
}

static int group_check(struct dmm_session *s, struct dmm_migration *m, const struct dmm_group_request *rq, struct dmm_refusal *r)
{
	if (group_verbs[rq->verb].local && !s->local)
		return dmm_refuse(r, DMM_WERR_DENIED, "only the host itself may ask for that");
	if (group_verbs[rq->verb].role && group_verbs[rq->verb].role != m->role)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "the migration's %s is here, and this is asked of "
				  "its %s", m->role == DMM_HO_SOURCE ? "source" : "destination",
				  m->role == DMM_HO_SOURCE ? "destination" : "source");
	/* nothing would hold the guest there: its tool alone has it suspended first */
	if (rq->verb == DMM_GROUP_ACQUIRE && !m->nr_disks)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no disk of this guest moves, so nothing but dmmigrate vm, at the source, hands it over");
	return rq->verb == DMM_GROUP_FORCE ? group_check_force(m, r) : 0;
}

int dmm_control_group(struct dmm_session *s, const u8 *payload, struct dmm_wire_group_ok *ok,
		      struct dmm_refusal *r)
{
	struct dmm_group_request rq;
	struct dmm_migration *m;
	enum dmm_ho_role role;
	struct dmm_group *g;
	int ret, result = 0;

	ret = dmm_group_decode(payload, &rq, r);
	if (ret)
		return ret;
	memcpy(s->log_id.migration, rq.migration, sizeof(s->log_id.migration));
	role = rq.role ? rq.role : group_verbs[rq.verb].role;
	m = s->rc->migrations ? dmm_migrations_get_part(s->rc->migrations, rq.migration,
							    role) : NULL;
	if (!m)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "this migration is not known here");
	/* a source is asked about by its own host alone */
	if (!s->local && m->role == DMM_HO_SOURCE)
		ret = dmm_refuse(r, DMM_WERR_NOTFOUND, "this migration is not known here");
	else
		ret = s->local ? 0 : dmm_migration_check_peer(m, s->peer_name, r);
	if (!ret)
		ret = group_check(s, m, &rq, r);
	if (ret)
		goto out_put;
	g = dmm_migration_group(m);
	if (rq.verb == DMM_GROUP_DROP) {
		ret = dmm_migration_drop(m, s->local, rq.flags & DMM_GROUP_SOURCE_GONE, r);
		if (!ret) {
			memset(ok, 0, sizeof(*ok));
			ok->role = cpu_to_le32(m->role);
			ok->disks = cpu_to_le32(m->nr_disks);
		}
		goto out_put;
	}
	if (g && rq.verb != DMM_GROUP_STATUS) {
		if (rq.verb == DMM_GROUP_CUTOVER)
			dmm_migration_freeze_ms(m, rq.freeze_ms);
		result = group_ask(s, g, &rq);
		if (rq.verb == DMM_GROUP_CUTOVER && result)	/* it was for a freeze that has not begun */
			dmm_migration_freeze_ms(m, DMM_FREEZER_DEFAULT_MS);
	}
	if (g && (!result || result == -EALREADY)) {
		group_wait(s, g, &rq);
		group_wait_marks(m, g, &rq);
	}
	group_fill(m, g, result, ok);
out_put:
	dmm_migration_put(m);
	return ret;
}

int dmm_control_adopt(struct dmm_session *s, const u8 *payload, struct dmm_wire_group_ok *ok,
		      struct dmm_refusal *r)
{
	struct dmm_migration *m;
	struct dmm_adopt a;
	int ret;

	if (!s->local || !s->rc->migrations)
		return dmm_refuse(r, DMM_WERR_DENIED, "only the host itself may ask for that");
	ret = dmm_adopt_decode(payload, &a, r);
	if (!ret && a.from[0] && !(s->features & DMM_FEATURE_ADOPT_FROM))
		ret = dmm_refuse(r, DMM_WERR_PROTOCOL, "an address of ADOPT without its feature in HELLO");
	if (ret)
		return ret;
	memcpy(s->log_id.migration, a.name.migration, sizeof(s->log_id.migration));
	ret = dmm_migrations_adopt(s->rc->migrations, &a, r);
	if (ret)
		return ret;
	m = dmm_migrations_get_part(s->rc->migrations, a.name.migration, DMM_HO_SOURCE);
	if (!m)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "the migration was dropped meanwhile");
	group_fill(m, dmm_migration_group(m), 0, ok);
	dmm_migration_put(m);
	return 0;
}
