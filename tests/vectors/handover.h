/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/handover: every situation of either side, reached from a boot by events, against every
 * event that side may be given, its variants (late, of another epoch, of another instance) included.
 * What handover_source.h and handover_dest.h do not list has to change nothing: 0 and no
 * action, or -EBUSY while an action is outstanding.
 *
 * A result as text: "-" nothing changed, "busy" and so on for a refusal, else state, epoch where it is not 3,
 * flags that changed, and actions, each after a ";".  "?" marks an action that awaits its answer.
 */
#ifndef DMM_VECTORS_HANDOVER_H
#define DMM_VECTORS_HANDOVER_H

#ifndef __KERNEL__
#include <stdio.h>
#endif
#include "vec.h"
#include "core/handover.h"

#define HO_DISKS	2u
#define HO_OWN		7	/* instances: ours, the peer's, and that of another life */
#define HO_PEER		8
#define HO_OTHER	9
#define HO_LATE		0xffffu	/* disk: the ticket of something long answered */

struct dmm_vec_ho_event {
	const char *name;
	enum dmm_ho_event_type type;
	u64 epoch;
	u8 instance;
	u32 disk;
	enum dmm_ho_state state;
	bool flag;
	bool foreign;	/* not for this side */
	bool bad;	/* no such disk or epoch */
};

/* A boot, then events by name. */
struct dmm_vec_ho_situation {
	const char *name;
	enum dmm_ho_journal journal;
	enum dmm_ho_state state;
	u64 epoch;
	bool rebooted;
	const char *events[8];
};

struct dmm_vec_ho_row {
	const char *situation;
	const char *event;
	const char *want;
};

struct dmm_vec_ho_side {
	enum dmm_ho_role role;
	const struct dmm_vec_ho_event *events;
	unsigned int nr_events;
	const struct dmm_vec_ho_situation *situations;
	unsigned int nr_situations;
	const struct dmm_vec_ho_row *rows;
	unsigned int nr_rows;
};

struct dmm_vec_ho_text {
	char s[200];
	unsigned int len;
};

static inline void dmm_vec_ho_put(struct dmm_vec_ho_text *t, const char *s)
{
	size_t n = strlen(s);

	if (t->len + n >= sizeof(t->s))
		n = sizeof(t->s) - 1 - t->len;
	memcpy(t->s + t->len, s, n);
	t->len += n;
	t->s[t->len] = '\0';
}

/* " 4", nothing for 3 */
static inline void dmm_vec_ho_put_epoch(struct dmm_vec_ho_text *t, u64 epoch)
{
	char s[24];

	if (epoch == DMM_HO_EPOCH_LAST)
		dmm_vec_ho_put(t, " last");
	if (epoch == DMM_HO_EPOCH_LAST || epoch == 3)
		return;
	snprintf(s, sizeof(s), " %llu", (unsigned long long)epoch);
	dmm_vec_ho_put(t, s);
}

static inline const char *dmm_vec_ho_message(enum dmm_ho_event_type msg)
{
	switch (msg) {
	case DMM_HO_EV_ACQUIRE:
		return "acquire";
	case DMM_HO_EV_COMPLETE:
		return "complete";
	case DMM_HO_EV_REFUSED:
		return "refused";
	case DMM_HO_EV_RUNNING_ACK:
		return "ack";
	case DMM_HO_EV_ASK_SOURCE:
		return "ask-source";
	case DMM_HO_EV_TOKEN:
		return "token";
	case DMM_HO_EV_ASK_REFUSE:
		return "ask-refuse";
	case DMM_HO_EV_RELEASED:
		return "released";
	case DMM_HO_EV_SOURCE:
		return "source";
	default:
		return "no message";
	}
}

static inline void dmm_vec_ho_put_action(struct dmm_vec_ho_text *t, const struct dmm_ho_action *a)
{
	static const char *const names[] = {
		"nothing", "append", "send", "freeze", "commit", "reclaim", "thaw", "fence", "release",
		"gates", "settle",
	};
	static const char *const gates[] = { " shut", " reads", " open" };
	char s[16];

	dmm_vec_ho_put(t, "; ");
	dmm_vec_ho_put(t, a->type < DMM_VEC_COUNT(names) ? names[a->type] : "no action");
	switch (a->type) {
	case DMM_HO_DO_APPEND:
		dmm_vec_ho_put(t, " ");
		dmm_vec_ho_put(t, dmm_ho_state_name(a->state));
		dmm_vec_ho_put_epoch(t, a->epoch);
		break;
	case DMM_HO_DO_SEND:
		dmm_vec_ho_put(t, " ");
		dmm_vec_ho_put(t, dmm_vec_ho_message(a->msg));
		if (a->msg == DMM_HO_EV_SOURCE) {
			dmm_vec_ho_put(t, " ");
			dmm_vec_ho_put(t, dmm_ho_state_name(a->state));
		}
		dmm_vec_ho_put_epoch(t, a->epoch);
		if (a->instance.b[0]) {
			snprintf(s, sizeof(s), " #%u", a->instance.b[0]);
			dmm_vec_ho_put(t, s);
		}
		break;
	case DMM_HO_DO_GATES:
		dmm_vec_ho_put(t, gates[a->gate]);
		break;
	case DMM_HO_DO_COMMIT:
		snprintf(s, sizeof(s), " disk %u", a->disk);
		dmm_vec_ho_put(t, s);
		dmm_vec_ho_put_epoch(t, a->epoch);
		break;
	case DMM_HO_DO_FREEZE:
		if (a->flag)
			dmm_vec_ho_put(t, " acquired");
		dmm_vec_ho_put_epoch(t, a->epoch);
		break;
	case DMM_HO_DO_RECLAIM:
	case DMM_HO_DO_RELEASE:
		dmm_vec_ho_put_epoch(t, a->epoch);
		break;
	default:
		break;
	}
	if (a->ticket)
		dmm_vec_ho_put(t, "?");
}

static inline void dmm_vec_ho_put_flag(struct dmm_vec_ho_text *t, const char *name, bool before,
				       bool after)
{
	if (before == after)
		return;
	dmm_vec_ho_put(t, after ? " +" : " -");
	dmm_vec_ho_put(t, name);
}

static inline void dmm_vec_ho_format(struct dmm_vec_ho_text *t, int ret, const struct dmm_ho *before,
				     const struct dmm_ho *ho, const struct dmm_ho_actions *out)
{
	static const struct {
		int ret;
		const char *name;
	} refusals[] = {
		{ -EBUSY, "busy" }, { -EALREADY, "already" }, { -EPERM, "perm" }, { -EAGAIN, "again" },
		{ -EOVERFLOW, "overflow" }, { -ESTALE, "stale" }, { -EINVAL, "inval" },
	};
	unsigned int i;

	t->len = 0;
	if (ret) {
		for (i = 0; i < DMM_VEC_COUNT(refusals) && refusals[i].ret != ret; i++)
			;
		dmm_vec_ho_put(t, i < DMM_VEC_COUNT(refusals) ? refusals[i].name : "no refusal");
		if (out->nr || memcmp(before, ho, sizeof(*ho)))
			dmm_vec_ho_put(t, " and yet something changed");
		return;
	}
	if (!out->nr && !memcmp(before, ho, sizeof(*ho))) {
		dmm_vec_ho_put(t, "-");
		return;
	}
	dmm_vec_ho_put(t, dmm_ho_state_name(ho->state));
	dmm_vec_ho_put_epoch(t, ho->epoch);
	dmm_vec_ho_put_flag(t, "stale", before->stale, ho->stale);
	dmm_vec_ho_put_flag(t, "complete", before->complete, ho->complete);
	dmm_vec_ho_put_flag(t, "unsure", before->unsure, ho->unsure);
	dmm_vec_ho_put_flag(t, "take-back", before->take_back, ho->take_back);
	dmm_vec_ho_put_flag(t, "asking", before->asking, ho->asking);
	dmm_vec_ho_put_flag(t, "acked", before->acked, ho->acked);
	dmm_vec_ho_put_flag(t, "acquired", before->acquired, ho->acquired);
	dmm_vec_ho_put_flag(t, "wanted", before->wanted, ho->wanted);
	dmm_vec_ho_put_flag(t, "heard-back", before->heard_back, ho->heard_back);
	for (i = 0; i < out->nr; i++)
		dmm_vec_ho_put_action(t, &out->a[i]);
}

static inline int dmm_vec_ho_give(struct dmm_ho *ho, const struct dmm_vec_ho_event *e,
				  struct dmm_ho_actions *out)
{
	struct dmm_ho_event ev = { .type = e->type };

	ev.epoch = e->epoch;
	ev.instance.b[0] = e->instance;
	ev.disk = e->disk == HO_LATE ? 0 : e->disk;
	ev.state = e->state;
	ev.flag = e->flag;
	ev.ticket = e->disk == HO_LATE ? ho->ticket - 1 : ho->ticket;
	return dmm_ho_event(ho, &ev, out);
}

/* Boots, and gives the events that lead there. */
static inline bool dmm_vec_ho_reach(const struct dmm_vec_ho_side *side,
				    const struct dmm_vec_ho_situation *s, struct dmm_ho *ho,
				    struct dmm_ho_actions *out)
{
	struct dmm_ho_config cfg = { .role = side->role, .nr_disks = HO_DISKS };
	unsigned int i, k;

	cfg.instance.b[0] = HO_OWN;
	cfg.journal = s->journal;
	cfg.state = s->state;
	cfg.epoch = s->epoch;
	cfg.record_instance.b[0] = HO_PEER;
	cfg.rebooted = s->rebooted;
	if (dmm_ho_boot(ho, &cfg, out))
		return false;
	for (i = 0; i < DMM_VEC_COUNT(s->events) && s->events[i]; i++) {
		for (k = 0; k < side->nr_events && strcmp(side->events[k].name, s->events[i]); k++)
			;
		if (k == side->nr_events || dmm_vec_ho_give(ho, &side->events[k], out))
			return false;
	}
	return true;
}

/* What the row says, or what goes without saying.  @ev NULL: of the boot. */
static inline const char *dmm_vec_ho_want(const struct dmm_vec_ho_side *side, const char *situation,
					  const struct dmm_vec_ho_event *ev,
					  const struct dmm_ho *before, unsigned int *used)
{
	const char *name = ev ? ev->name : "boot";
	unsigned int i;

	for (i = 0; i < side->nr_rows; i++) {
		if (strcmp(side->rows[i].situation, situation) ||
		    strcmp(side->rows[i].event, name))
			continue;
		++*used;
		return side->rows[i].want;
	}
	if (!ev)
		return "a boot always says something";
	if (ev->foreign)
		return "inval";
	if (before->stale)
		return "stale";
	if (before->wait && ev->type < DMM_HO_EV_COMMITTED && ev->type != DMM_HO_EV_BARRIER)
		return "busy";
	return ev->bad ? "inval" : "-";
}

/* What must hold whatever the tables say. */
static inline bool dmm_vec_ho_sane(const struct dmm_ho *before, const struct dmm_ho *ho,
				   const struct dmm_ho_actions *out)
{
	unsigned int i;

	if (out->nr > DMM_HO_MAX_ACTIONS || ho->epoch < before->epoch)
		return false;
	if (ho->wait && !before->wait && (!out->nr || !out->a[out->nr - 1].ticket))
		return false;
	for (i = 0; i < out->nr; i++) {
		const struct dmm_ho_action *a = &out->a[i];
		bool gives = a->type == DMM_HO_DO_THAW || a->type == DMM_HO_DO_RECLAIM;

		/* one outstanding at a time, the last of its list */
		if (a->ticket && (i + 1 != out->nr || a->ticket != ho->ticket || !ho->wait))
			return false;
		/* the guest writes at the source: only what owns it */
		if (gives && ho->state != DMM_HO_ACTIVE)
			return false;
		if (a->type == DMM_HO_DO_SEND && a->msg == DMM_HO_EV_TOKEN &&
		    (ho->state != DMM_HO_RELINQUISHED || ho->unsure))
			return false;
		if (a->type == DMM_HO_DO_GATES && a->gate == DMM_HO_GATE_OPEN &&
		    ho->state != DMM_HO_RUNNING)
			return false;
		if (a->type == DMM_HO_DO_SETTLE && ho->state != DMM_HO_SETTLED)
			return false;
	}
	return true;
}

/* Every situation against every event; row is situation * 100 + event. */
static inline void dmm_vec_check_handover(struct dmm_vec *v, const struct dmm_vec_ho_side *side)
{
	struct dmm_vec_ho_text got;
	struct dmm_ho_actions out;
	struct dmm_ho before, ho;
	unsigned int s, e, used = 0;
	const char *want;
	int ret;

	for (s = 0; s < side->nr_situations; s++) {
		if (!side->situations[s].events[0]) {
			memset(&ho, 0, sizeof(ho));
			before = ho;
			dmm_vec_eq(v, "boot", s, dmm_vec_ho_reach(side, &side->situations[s], &ho, &out), 1);
			dmm_vec_ho_format(&got, 0, &before, &ho, &out);
			want = dmm_vec_ho_want(side, side->situations[s].name, NULL, &before, &used);
			dmm_vec_eq(v, "boot", s, !strcmp(got.s, want), 1);
		}
		for (e = 0; e < side->nr_events; e++) {
			/* memcmp() sees padding, too */
			memset(&ho, 0, sizeof(ho));
			if (!dmm_vec_eq(v, side->situations[s].name, s * 100 + e,
					dmm_vec_ho_reach(side, &side->situations[s], &ho, &out), 1))
				return;
			before = ho;
			ret = dmm_vec_ho_give(&ho, &side->events[e], &out);
			/* that a barrier was noted shows later */
			before.barrier_epoch = ho.barrier_epoch;
			before.barriers = ho.barriers;
			dmm_vec_ho_format(&got, ret, &before, &ho, &out);
			want = dmm_vec_ho_want(side, side->situations[s].name, &side->events[e],
					       &before, &used);
			dmm_vec_eq(v, side->situations[s].name, s * 100 + e, !strcmp(got.s, want), 1);
			dmm_vec_eq(v, "sane", s * 100 + e, dmm_vec_ho_sane(&before, &ho, &out), 1);
		}
	}
	dmm_vec_eq(v, "rows that name nothing", 0, used, side->nr_rows);
}

#endif
