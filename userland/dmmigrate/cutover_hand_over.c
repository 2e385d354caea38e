// SPDX-License-Identifier: GPL-2.0
/*
 * The daemons hand over, by their journals; this stops and starts the writer, compares, and says how it ended.
 * It may be killed anywhere and run again.
 *
 *	here: stop, CUTOVER -> relinquished      there: owned -> release, RUN, run, RUNS -> running      here: released
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "cutover.h"
#include "fullio.h"
#include "monitor.h"
#include "owners.h"

#define OWNED_MS	30000u	/* for the token to be taken */
#define BACK_MS		15000u	/* for the source to go on */
#define RELEASE_MS	15000u	/* for the source to hear that the writer runs there */

struct handover {
	struct dmm_tool *t;
	struct dmm_cutover *c;
	struct dmm_remote here;
	struct dmm_wire_group_ok src, dst;	/* the latest answers */
};

static int ask_here(struct handover *h, enum dmm_wire_group_verb verb, u32 await, u32 await_ms)
{
	return dmm_owners_ask_here(h->t, &h->here, h->c->s->id, DMM_HO_SOURCE, verb, await, await_ms,
				   &h->src);
}

static int ask_there(struct handover *h, enum dmm_wire_group_verb verb, u32 await, u32 await_ms)
{
	return dmm_owners_ask_there(&h->c->remote, &h->c->s->record.to, h->c->s->id, verb, await, await_ms,
				    &h->dst);
}

/* Nobody can tell who owns it until the other host answers, or a person looks. */
static int unknown(struct handover *h)
{
	dmm_next(h->t, "dmmigrate recover %s", h->c->s->hex);
	return dmm_fail(h->t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, dmm_cutover_use(h->c, DMM_USE_COMMITTED), "%s", h->c->why);
}

/* The source has gone on. */
static int gone_on(struct handover *h, enum dmm_exit code)
{
	u32 i;

	for (i = 0; i < h->c->g.nr && code != DMM_EXIT_DIFFERENCE; i++) {
		if (dmm_cutover_disproved(&h->c->g.disks[i], h->c->why))
			code = DMM_EXIT_DIFFERENCE;
	}
	return dmm_cutover_abort(h->t, h->c, code == DMM_EXIT_DIFFERENCE ? code : DMM_EXIT_ABORTED);
}

/* The destination has refused, or is asked to: the source goes on, or nobody knows. */
static int take_back(struct handover *h, enum dmm_exit code)
{
	const u32 ends = DMM_STATES(DMM_HO_ACTIVE) | DMM_STATES(DMM_HO_RELEASED);
	char why[sizeof(h->c->why)];

	snprintf(why, sizeof(why), "%s", h->c->why);
	if (!ask_here(h, DMM_GROUP_ABORT, ends, BACK_MS)) {
		if (dmm_owners_is(&h->src, DMM_STATES(DMM_HO_ACTIVE)))
			return gone_on(h, code);
		if (dmm_owners_is(&h->src, DMM_STATES(DMM_HO_RELEASED))) {
			dmm_next(h->t, "dmmigrate release %s", h->c->s->hex);
			return dmm_fail(h->t, DMM_EXIT_REMOTE, DMM_OWNER_DEST, dmm_cutover_use(h->c, DMM_USE_RELEASED), "%s", why);
		}
		snprintf(h->c->why, sizeof(h->c->why), "%.300s; and %.128s has not given it back yet: "
			 "%.200s", why, h->c->s->record.to.host, (const char *)h->src.why);
	} else {
		snprintf(h->c->why, sizeof(h->c->why), "%.500s; %.200s", why, h->here.why);
	}
	return unknown(h);
}

/* From ACTIVE to where the source has given up. 0 or an exit code, reported. */
static int give_up(struct handover *h)
{
	struct dmm_cutover *c = h->c;
	u64 begin_ns;
	int ret;

	ret = dmm_cutover_stop_writer(h->t, c);
	if (ret)
		return ret;
	dmm_stop_at("stopped");
	if (dmm_signal_seen()) {
		snprintf(c->why, sizeof(c->why), "interrupted");
		return dmm_cutover_abort(h->t, c, DMM_EXIT_ABORTED);
	}
	begin_ns = dmm_now_ns();
	ret = dmm_owners_cutover(h->t, &h->here, c->s->id, c->timeout_ms, &h->src);
	c->step_ns[DMM_STEP_GIVE_UP] = dmm_now_ns() - begin_ns;
	if (ret) {
		snprintf(c->why, sizeof(c->why), "%s", h->here.why);
		return take_back(h, DMM_EXIT_LOCAL);
	}
	if (dmm_owners_is(&h->src, DMM_STATES(DMM_HO_RELINQUISHED) | DMM_STATES(DMM_HO_RELEASED))) {
		dmm_stop_at("committed");
		return 0;
	}
	snprintf(c->why, sizeof(c->why), "%s", h->src.why[0] ? (const char *)h->src.why :
		 "the freeze ended before both sides had agreed");
	if (le32_to_cpu(h->src.result) == DMM_GROUP_OVER)
		snprintf(c->why, sizeof(c->why), "this migration cannot be handed over any more: cancel it, and "
			 "begin another");
	if (dmm_owners_is(&h->src, DMM_STATES(DMM_HO_ACTIVE)))
		return gone_on(h, DMM_EXIT_ABORTED);
	return take_back(h, DMM_EXIT_ABORTED);
}

/* What the destination's daemon has said last. */
static const char *reason_there(const struct handover *h)
{
	return h->dst.why[0] ? (const char *)h->dst.why : "no reason given";
}

/* Until the destination owns the disks. 0 or an exit code, reported. */
static int be_owned(struct handover *h)
{
	const u32 owned = DMM_STATES(DMM_HO_OWNED) | DMM_STATES(DMM_HO_RUNNING) |
			  DMM_STATES(DMM_HO_SETTLED);
	u64 begin_ns = dmm_now_ns(), until_ms = dmm_now_ms() + OWNED_MS;
	int ret;

	do {
		ret = ask_there(h, DMM_GROUP_STATUS, owned | DMM_STATES(DMM_HO_REFUSED), 2000);
		if (!ret && dmm_owners_is(&h->dst, owned) &&
		    !(le32_to_cpu(h->dst.flags) & DMM_GROUP_OWES)) {
			h->c->step_ns[DMM_STEP_OWN] = dmm_now_ns() - begin_ns;
			dmm_stop_at("finished");
			return 0;
		}
		if (dmm_signal_seen() || (!ret && dmm_owners_is(&h->dst, DMM_STATES(DMM_HO_REFUSED))))
			break;
	} while (dmm_now_ms() < until_ms);
	if (ret)
		snprintf(h->c->why, sizeof(h->c->why), "%s", h->c->remote.why);
	else if (dmm_signal_seen())
		snprintf(h->c->why, sizeof(h->c->why), "interrupted");
	else
		snprintf(h->c->why, sizeof(h->c->why), "%.128s does not take the disk over (%s): %s",
			 h->c->s->record.to.host, dmm_ho_state_name(dmm_owners_state(&h->dst)),
			 reason_there(h));
	return take_back(h, DMM_EXIT_REMOTE);
}

/* Only a person can tell: by `run` or `return` there. */
static int may_run_there(struct handover *h)
{
	const char *host = h->c->s->record.to.host;

	dmm_next(h->t, "look whether the writer runs at %s: if so, dmmigrate run %s there; if not, dmmigrate "
		 "return %s there", host, h->c->s->hex, h->c->s->hex);
	return dmm_fail(h->t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, dmm_cutover_use(h->c, DMM_USE_COMMITTED),
			"%s may or may not be in use at %s: %s", h->c->s->record.to.path, host, h->c->why);
}

/* Owned, and not run yet, or run and nothing written: back to the source. */
static int give_back(struct handover *h, enum dmm_exit code)
{
	int ret = ask_there(h, DMM_GROUP_RETURN, DMM_STATES(DMM_HO_REFUSED), 5000);
	size_t n;

	if (!ret && dmm_owners_kept(&h->dst)) {
		n = strlen(h->c->why);
		snprintf(h->c->why + n, sizeof(h->c->why) - n, "; and it could not be given back: %s",
			 reason_there(h));
		return may_run_there(h);
	}
	if (!ret && dmm_owners_is(&h->dst, DMM_STATES(DMM_HO_RUNNING))) {
		dmm_next(h->t, "start the writer at %s, then dmmigrate release %s", h->c->s->record.to.host,
			 h->c->s->hex);
		return dmm_fail(h->t, DMM_EXIT_REMOTE, DMM_OWNER_DEST, dmm_cutover_use(h->c, DMM_USE_COMMITTED),
				"%s; but something was written to %s there already, and stays", h->c->why,
				h->c->s->record.to.path);
	}
	return take_back(h, code);
}

/* The writer is about to be started: should we die in it, the next one must not take it for not begun. */
static int begin_run(struct handover *h)
{
	struct dmm_record *record = &h->c->g.disks[0].record;
	int ret;

	record->start_begun = true;
	if (!h->c->g.nr)	/* no other process takes it up */
		return 0;
	ret = dmm_record_save(DMM_RUN_DIR, record);
	if (ret)
		snprintf(h->c->why, sizeof(h->c->why), "cannot write the record in %s: %s", DMM_RUN_DIR,
			 strerror(-ret));
	return ret;
}

/* The gates are open. 0 or an exit code, reported. */
static int start_there(struct handover *h)
{
	struct dmm_platform *p = h->c->p;
	u64 begin_ns = dmm_now_ns();
	enum dmm_platform_run run;

	if (begin_run(h))
		return give_back(h, DMM_EXIT_LOCAL);
	run = p->ops->run(p);
	h->c->step_ns[DMM_STEP_START] += dmm_now_ns() - begin_ns;
	dmm_stop_at("unpaused");
	if (run == DMM_RUN_RUNS)
		return 0;
	if (run == DMM_RUN_NOT) {
		snprintf(h->c->why, sizeof(h->c->why), "%s: the writer was not started at %s", p->why,
			 h->c->s->record.to.host);
		return give_back(h, DMM_EXIT_REMOTE);
	}
	snprintf(h->c->why, sizeof(h->c->why), "%s", p->why);
	return may_run_there(h);
}

/* Is the writer there?  Nobody can write yet. 0 or an exit code, reported. */
static int release_there(struct handover *h)
{
	struct dmm_platform *p = h->c->p;
	u64 begin_ns = dmm_now_ns();
	int ret = p->ops->release(p);

	h->c->step_ns[DMM_STEP_START] = dmm_now_ns() - begin_ns;
	if (!ret)
		return 0;
	snprintf(h->c->why, sizeof(h->c->why), "%s", p->why);
	return give_back(h, DMM_EXIT_REMOTE);
}

/* Opens the gate and starts the writer. 0 or an exit code, reported. */
static int run_there(struct handover *h)
{
	bool begun = h->c->g.disks[0].record.start_begun;
	bool starts = h->c->p->ops->run_name;
	int ret;

	if (begun && !starts && dmm_owners_is(&h->dst, DMM_STATES(DMM_HO_RUNNING))) {
		snprintf(h->c->why, sizeof(h->c->why), "an earlier start was begun, and how it ended is not "
			 "known");
		return may_run_there(h);
	}
	if (starts && dmm_owners_is(&h->dst, DMM_STATES(DMM_HO_OWNED))) {
		ret = release_there(h);
		if (ret)
			return ret;
	}
	ret = ask_there(h, DMM_GROUP_RUN, 0, 0);
	if (ret || !dmm_owners_is(&h->dst, DMM_STATES(DMM_HO_RUNNING) | DMM_STATES(DMM_HO_SETTLED)) ||
	    le32_to_cpu(h->dst.gate) != DMM_HO_GATE_OPEN ||
	    le32_to_cpu(h->dst.flags) & DMM_GROUP_OWES) {
		snprintf(h->c->why, sizeof(h->c->why), "%.128s does not let it run (%s%s): %.500s",
			 h->c->s->record.to.host, dmm_ho_state_name(dmm_owners_state(&h->dst)),
			 le32_to_cpu(h->dst.gate) == DMM_HO_GATE_OPEN ? "" : ", its gates are not open",
			 ret ? h->c->remote.why : reason_there(h));
		return give_back(h, DMM_EXIT_REMOTE);
	}
	dmm_stop_at("running");
	return starts ? start_there(h) : 0;
}

/* The writer runs there: until the source has heard. 0 or an exit code, reported. */
static int be_released(struct handover *h)
{
	u64 begin_ns = dmm_now_ns();
	int ret;

	ret = ask_there(h, DMM_GROUP_RUNS, 0, 0);
	dmm_stop_at("handed-over");
	if (!ret)
		ret = ask_here(h, DMM_GROUP_STATUS, DMM_STATES(DMM_HO_RELEASED), RELEASE_MS);
	h->c->step_ns[DMM_STEP_RELEASE] = dmm_now_ns() - begin_ns;
	if (!ret && dmm_owners_is(&h->src, DMM_STATES(DMM_HO_RELEASED)) &&
	    !(le32_to_cpu(h->src.flags) & DMM_GROUP_OWES))
		return 0;
	if (h->c->g.nr)
		dmm_next(h->t, "dmmigrate cutover %s (again)", h->t->source);
	else
		dmm_next(h->t, "dmmigrate recover %s", h->c->s->hex);
	return dmm_fail(h->t, DMM_EXIT_REMOTE, DMM_OWNER_DEST, dmm_cutover_use(h->c, DMM_USE_COMMITTED),
			"the writer runs at the destination, but the source has not heard it yet: %s",
			ret ? (h->here.why[0] ? h->here.why : h->c->remote.why) : (const char *)h->src.why);
}

static int hand_over(struct handover *h)
{
	u32 i;
	int ret;

	h->c->remote.exit = DMM_EXIT_REMOTE;
	if (dmm_owners_is(&h->src, DMM_STATES(DMM_HO_RELINQUISHED))) {
		dmm_note(h->t, "the source has given it up already: going on from there");
		h->c->again = true;
		h->c->begin_ns = dmm_now_ns();
	} else {
		ret = give_up(h);
		if (ret)
			return ret;
	}
	ret = be_owned(h);
	if (ret)
		return ret;
	for (i = 0; i < h->c->g.nr; i++) {
		if (dmm_nl_get(h->t->nl, dmm_source_dev(&h->c->g.disks[i]), &h->c->infos[i]))
			memset(&h->c->infos[i], 0, sizeof(h->c->infos[i]));
	}
	if (h->t->args.verify && dmm_owners_is(&h->dst, DMM_STATES(DMM_HO_OWNED))) {
		ret = dmm_cutover_verify(h->t, h->c);
		if (ret)
			return give_back(h, ret);
	}
	if (dmm_signal_seen() && dmm_owners_is(&h->dst, DMM_STATES(DMM_HO_OWNED))) {
		snprintf(h->c->why, sizeof(h->c->why), "interrupted");
		return give_back(h, DMM_EXIT_ABORTED);
	}
	ret = run_there(h);
	return ret ? ret : be_released(h);
}

int dmm_cutover_hand_over(struct dmm_tool *t, struct dmm_cutover *c)
{
	struct handover h = { .t = t, .c = c };
	int ret;

	dmm_remote_init(&h.here);
	ret = ask_here(&h, DMM_GROUP_STATUS, 0, 0);
	if (ret) {
		dmm_next(t, "systemctl status dmmigrated");
		ret = dmm_fail(t, h.here.exit == DMM_EXIT_TRANSPORT ? DMM_EXIT_LOCAL : h.here.exit,
			       DMM_OWNER_SOURCE, dmm_cutover_use(c, DMM_USE_ATTACHED), "%s", h.here.why);
	} else if (dmm_owners_is(&h.src, DMM_STATES(DMM_HO_RELEASED))) {
		dmm_result_text(t, "source", t->source);
		dmm_result_text(t, "migration", c->s->hex);
		dmm_result_text(t, "owner", "destination");
		dmm_result_text(t, "source_device", "released");
		dmm_say(t, "%s is cut over already.  Next: dmmigrate release %s", t->source, c->s->hex);
	} else if (dmm_owners_is(&h.src, DMM_STATES(DMM_HO_LOST))) {
		snprintf(c->why, sizeof(c->why), "the journal of this migration is lost: %s",
			 (const char *)h.src.why);
		ret = unknown(&h);
	} else if ((c->p->ops->moves_writer || c->g.disks[0].record.moves_guest) &&
		   dmm_owners_is(&h.src, DMM_STATES(DMM_HO_RELINQUISHED))) {
		snprintf(c->why, sizeof(c->why), "a move of the guest was interrupted when the disks had been given up: see on both hosts where it is");
		ret = unknown(&h);
	} else {
		ret = hand_over(&h);
		c->end_ns = dmm_now_ns();
		if (!ret)
			dmm_cutover_report(t, c);
	}
	dmm_remote_close(&h.here);
	return ret;
}
