// SPDX-License-Identifier: GPL-2.0
/*
 * Actions of a group: the journal, and what is done to disks and peer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "group_priv.h"
#include "parse.h"
#include "stop_points.h"

static const char *action_name(const struct dmm_group *g, enum dmm_ho_action_type type)
{
	switch (type) {
	case DMM_HO_DO_APPEND:	return "write the journal";
	case DMM_HO_DO_SEND:	return "tell the peer";
	case DMM_HO_DO_FREEZE:	return "freeze the disks";
	case DMM_HO_DO_COMMIT:	return "commit the disks";
	case DMM_HO_DO_RECLAIM:	return "reclaim the disks";
	case DMM_HO_DO_THAW:	return "let writes pass again";
	case DMM_HO_DO_FENCE:	return "fence the disks";
	case DMM_HO_DO_RELEASE:	return "release the disks";
	case DMM_HO_DO_GATES:
		return g->c.nr_disks ? "move the gates" : "end the guest's stream";
	case DMM_HO_DO_SETTLE:	return "put the plain volumes in place of the gates";
	}
	return "?";
}

static void group_complain(struct dmm_group *g, enum dmm_ho_action_type type, const char *reason, const char *more)
{
	char why[DMM_GROUP_WHY + 64];

	snprintf(why, sizeof(why), "cannot %s: %s%s", action_name(g, type), reason, more);
	dmm_group_said(g, why);
}

static void group_record(const struct dmm_group *g, const struct dmm_ho_action *a,
			 struct dmm_journal_record *r)
{
	struct timespec now;

	memset(r, 0, sizeof(*r));
	clock_gettime(CLOCK_REALTIME, &now);
	memcpy(r->id, g->c.id, sizeof(r->id));
	memcpy(r->boot, g->c.boot, sizeof(r->boot));
	r->epoch = a->epoch;
	r->instance = a->instance;
	r->time_ns = (u64)now.tv_sec * 1000000000ull + (u64)now.tv_nsec;
	r->role = g->c.role;
	r->state = a->state;
	r->nr_disks = g->c.nr_disks;
	if (gethostname(r->host, sizeof(r->host) - 1))
		r->host[0] = '\0';
	if (!g->who)
		return;
	r->uid = g->who->uid;
	r->flags = g->who->forced ? DMM_JOURNAL_FORCED : 0;
	snprintf(r->by, sizeof(r->by), "%s", g->who->by);
}

/* What cannot be read is kept for people: a new journal begins beside it. */
static void group_set_aside(const struct dmm_group *g)
{
	char hex[DMM_ID_HEX], from[640], to[700];

	dmm_id_format(g->c.id, hex);
	snprintf(from, sizeof(from), "%s/%s/journal", g->dir, hex);
	snprintf(to, sizeof(to), "%s.damaged-%lld", from, (long long)time(NULL));
	if (!rename(from, to))
		dmm_warn(&g->log_id, "the damaged journal is kept as %s", to);
}

static enum dmm_ho_event_type group_append(struct dmm_group *g, const struct dmm_ho_action *a)
{
	enum dmm_ho_event_type answer;
	struct dmm_journal_record r;
	int err = 0;

	group_record(g, a, &r);
	if (g->journal) {
		answer = dmm_journal_append(g->journal, &r, &err);
		dmm_journal_unlock(g->journal);
	} else {
		if (g->ho.state == DMM_HO_LOST)
			group_set_aside(g);
		err = dmm_journal_create(g->dir, &r, NULL, &g->journal);
		answer = !err ? DMM_HO_EV_APPENDED : err == -EEXIST ? DMM_HO_EV_APPEND_STALE :
							      DMM_HO_EV_APPEND_NOTHING;
	}
	if (answer != DMM_HO_EV_APPENDED)
		group_complain(g, a->type, strerror(err ? -err : EIO), answer == DMM_HO_EV_APPEND_UNSURE ?
			       " (it may be there or not)" : "");
	return answer;
}

/* @why, of DMM_GROUP_WHY bytes: more than the errno, or nothing */
static int action_try(struct dmm_group *g, const struct dmm_ho_action *a, bool *written, char *why)
{
	const struct dmm_group_ops *ops = g->c.ops;
	void *ctx = g->c.ctx;

	*why = '\0';
	switch (a->type) {
	case DMM_HO_DO_FREEZE:
		return ops->freeze(ctx, a->epoch, a->flag, why);
	case DMM_HO_DO_COMMIT:
		return ops->commit(ctx, a->disk, a->epoch);
	case DMM_HO_DO_RECLAIM:
		return ops->reclaim(ctx, a->epoch);
	case DMM_HO_DO_THAW:
		return ops->thaw(ctx);
	case DMM_HO_DO_FENCE:
		return ops->fence(ctx, g->ho.state == DMM_HO_LOST);
	case DMM_HO_DO_RELEASE:
		return ops->release(ctx, a->epoch);
	case DMM_HO_DO_GATES:
		return ops->gates(ctx, a->gate, a->ticket ? written : NULL, why);
	case DMM_HO_DO_SETTLE:
		return ops->settle(ctx);
	default:
		return -EINVAL;
	}
}

int dmm_group_pay(struct dmm_group *g)
{
	char why[DMM_GROUP_WHY];
	bool written = false;
	int ret;

	while (g->nr_owed) {
		ret = action_try(g, &g->owed[0], &written, why);
		if (ret) {
			group_complain(g, g->owed[0].type, *why ? why : strerror(-ret), "; it is tried again");
			return ret;
		}
		g->nr_owed--;
		memmove(&g->owed[0], &g->owed[1], g->nr_owed * sizeof(g->owed[0]));
	}
	return 0;
}

bool dmm_group_holds(const struct dmm_group *g)
{
	u32 i;

	for (i = 0; i < g->nr_owed; i++) {
		if (g->owed[i].type == DMM_HO_DO_RECLAIM || g->owed[i].type == DMM_HO_DO_THAW)
			return true;
	}
	return false;
}

static void group_unowe(struct dmm_group *g, enum dmm_ho_action_type type)
{
	u32 i;

	for (i = 0; i < g->nr_owed; i++) {
		if (g->owed[i].type != type)
			continue;
		g->nr_owed--;
		memmove(&g->owed[i], &g->owed[i + 1], (g->nr_owed - i) * sizeof(g->owed[0]));
		break;
	}
}

/* Behind what is owed already; of its kind only the latest counts. */
static void group_owe(struct dmm_group *g, const struct dmm_ho_action *a)
{
	group_unowe(g, a->type);
	g->owed[g->nr_owed++] = *a;
}

#ifdef DMM_DEBUG
/* Before and after each action: "before-commit", "after-append-relinquished", "before-gates-open" ... */
static void stop_at(const char *when, const struct dmm_ho_action *a)
{
	static const char *const gates[] = { "shut", "reads", "open" };
	static const char *const names[] = {
		[DMM_HO_DO_APPEND] = "append", [DMM_HO_DO_FREEZE] = "freeze", [DMM_HO_DO_COMMIT] = "commit",
		[DMM_HO_DO_RECLAIM] = "reclaim", [DMM_HO_DO_THAW] = "thaw", [DMM_HO_DO_FENCE] = "fence",
		[DMM_HO_DO_RELEASE] = "release", [DMM_HO_DO_GATES] = "gates", [DMM_HO_DO_SETTLE] = "settle",
	};
	char here[64];

	if (a->type == DMM_HO_DO_SEND)
		return;
	snprintf(here, sizeof(here), "%s-%s%s%s", when, names[a->type],
		 a->type == DMM_HO_DO_APPEND || a->type == DMM_HO_DO_GATES ? "-" : "",
		 a->type == DMM_HO_DO_APPEND ? dmm_ho_state_name(a->state) :
		 a->type == DMM_HO_DO_GATES ? gates[a->gate] : "");
	dmm_stop_point(here);
}
#else
static void stop_at(const char *when, const struct dmm_ho_action *a)
{
	(void)when;
	(void)a;
}
#endif

static bool group_act(struct dmm_group *g, const struct dmm_ho_action *a, struct dmm_ho_event *answer)
{
	char why[DMM_GROUP_WHY] = "";
	bool written = false;
	int ret;

	memset(answer, 0, sizeof(*answer));
	answer->ticket = a->ticket;
	switch (a->type) {
	case DMM_HO_DO_SEND:
		answer->type = a->msg;
		answer->state = a->state;
		answer->epoch = a->epoch;
		answer->instance = a->instance;
		g->c.ops->send(g->c.ctx, answer);
		return false;
	case DMM_HO_DO_APPEND:
		answer->type = group_append(g, a);
		return true;
	case DMM_HO_DO_COMMIT:
		/* from the first commit to the record of it nobody else decides anything */
		ret = g->journal && !a->disk ? dmm_journal_lock(g->journal) : 0;
		break;
	case DMM_HO_DO_GATES:
		/* they are not opened first only because that was owed */
		if (a->ticket)
			group_unowe(g, a->type);
		ret = 0;
		break;
	default:
		ret = 0;
	}
	if (!ret)
		ret = dmm_group_pay(g);
	if (!ret)
		ret = action_try(g, a, &written, why);
	if (ret)
		group_complain(g, a->type, *why ? why : strerror(-ret), a->ticket || a->type == DMM_HO_DO_FREEZE ? "" :
							      "; it is tried again");
	switch (a->type) {
	case DMM_HO_DO_COMMIT:
		answer->type = ret ? DMM_HO_EV_COMMIT_FAILED : DMM_HO_EV_COMMITTED;
		if (ret && g->journal)
			dmm_journal_unlock(g->journal);
		return true;
	case DMM_HO_DO_FREEZE:
		if (!ret)
			return false;
		answer->type = DMM_HO_EV_THAWED;
		answer->epoch = a->epoch;
		return true;
	default:
		if (ret && !a->ticket)
			group_owe(g, a);
		if (!a->ticket)
			return false;
		/* nobody knows what passes a gate that could not be shut */
		answer->type = ret && !written ? DMM_HO_EV_GATES_KEPT : DMM_HO_EV_GATES_SHUT;
		answer->flag = written;
		return true;
	}
}

bool dmm_group_act(struct dmm_group *g, const struct dmm_ho_action *a, struct dmm_ho_event *answer)
{
	bool answers;

	stop_at("before", a);
	answers = group_act(g, a, answer);
	stop_at("after", a);
	return answers;
}
