// SPDX-License-Identifier: GPL-2.0
/*
 * The steps of a cutover: the check before it, the freeze, COMMIT, FINISH, RELEASE.  In what
 * order, and what a failure of each means, is in cmd_cutover.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/state.h"
#include "core/wire.h"
#include "cutover.h"
#include "fullio.h"
#include "monitor.h"
#include "reintroduce.h"

#define FREEZE_GRACE_MS		3000u	/* beyond the timeout, for the thaw to be told */
#define LOOK_MS			1000
#define FREEZE_LOOK_MS		200u	/* should an event be lost */

/* Of the migration itself. 0 or an exit code, reported. */
static int check_state(struct dmm_tool *t, struct dmm_cutover *c)
{
	if (c->info.state == DMM_STATE_COPYING)
		return 0;
	if (c->info.state == DMM_STATE_PAUSED)
		dmm_next(t, "dmmigrate resume %s", t->source);
	else
		dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
			"%s is %s: only a migration that copies can be cut over", t->source,
			dmm_state_name(c->info.state));
}

/*
 * Is a freeze now worth stopping the writer for?  Within the first sweep it must be able to ship
 * what is left before it ends by itself; a budget must hold in any case.
 */
static int check_pause(struct dmm_tool *t, struct dmm_cutover *c)
{
	bool budget = t->args.max_pause_ms != DMM_UNSET;
	u64 limit_ms = budget ? dmm_min_u64(t->args.max_pause_ms, c->timeout_ms) : c->timeout_ms;
	struct dmm_progress p = { 0 };
	struct dmm_sample sample;
	struct dmm_figures f;
	char pause[48] = "not known yet";
	int look, ret;

	for (look = 0; look < 2; look++) {
		if (look) {	/* one look knows no rate, only an average */
			poll(NULL, 0, LOOK_MS);
			ret = dmm_source_info(t, &c->s, &c->info);
			if (!ret)
				ret = check_state(t, c);
			if (ret)
				return ret;
		}
		dmm_sample_from_info(&c->info, dmm_monotonic_ns(), &sample);
		dmm_progress_add(&p, &sample, &f);
		if (!f.remaining_bytes || (f.sweep_done && !budget))
			return 0;
		if (!limit_ms)	/* not even a rate could make that */
			break;
		if (f.sweep_done ? dmm_progress_ready(&f, t->args.max_pause_ms) :
		    f.pause_known && f.pause_ms <= limit_ms)
			return 0;
	}
	if (f.pause_known)
		snprintf(pause, sizeof(pause), "about %llu ms", f.pause_ms);
	if (budget) {
		dmm_next(t, "dmmigrate wait %s --max-pause %llu", t->source, t->args.max_pause_ms);
		return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the projected pause is %s, the budget %llu ms; it goes on copying",
				pause, t->args.max_pause_ms);
	}
	dmm_next(t, "dmmigrate wait %s", t->source);
	return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
			"the first sweep is not done: the projected pause is %s, the freeze would end "
			"after %u ms; it goes on copying", pause, c->timeout_ms);
}

int dmm_cutover_check(struct dmm_tool *t, struct dmm_cutover *c)
{
	struct dmm_wire_query_ok q;
	int ret;

	ret = check_state(t, c);
	if (ret)
		return ret;
	if (c->s.live.suspended) {
		dmm_next(t, "dmsetup resume %s, then this again", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_SUSPENDED,
				"somebody suspended %s: it is not cut over meanwhile", t->source);
	}
	ret = check_pause(t, c);
	if (ret)
		return ret;
	if (dmm_remote_open(&c->remote, &c->s.record.to) ||
	    dmm_remote_query(&c->remote, c->s.id, &q)) {
		dmm_next(t, "systemctl status dmmigrated (on %s)", c->s.record.to.host);
		return dmm_fail(t, c->remote.exit, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s",
				c->remote.why);
	}
	if (le32_to_cpu(q.error) || le32_to_cpu(q.state) == DMM_DISK_FAILED) {
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, DMM_EXIT_REMOTE, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the receiver has given the disk up: %s",
				dmm_wire_err_text(le32_to_cpu(q.error)));
	}
	return 0;
}

int dmm_cutover_look(struct dmm_tool *t, struct dmm_cutover *c)
{
	int ret = dmm_nl_get(t->nl, dmm_source_dev(&c->s), &c->info);

	if (ret)
		return ret;
	if (c->info.epoch != c->epoch)
		return -ESTALE;
	switch (c->info.state) {
	case DMM_STATE_FROZEN:
		/* the tracker's own accounts must agree before its word is taken */
		return c->info.writes_submitted == c->info.writes_completed ? 0 : -EUCLEAN;
	case DMM_STATE_FREEZING:
		return -EINPROGRESS;
	case DMM_STATE_FAILED:
	case DMM_STATE_DISCONNECTED:
		return -EREMOTEIO;
	default:
		return c->info.freeze_result && c->info.freeze_result != -EINPROGRESS ?
			c->info.freeze_result : -ECANCELED;
	}
}

/* Frozen: has everything that was written to the device come by the target?  0 or an exit code. */
static int freeze_witness(struct dmm_tool *t, struct dmm_cutover *c)
{
	u64 missing;

	if (!c->s.record.has_witness) {
		dmm_note(t, "the record does not say how much had been written to %s when it was started: its "
			 "statistics are not compared with the target's", t->source);
		return 0;
	}
	if (dmm_witness_agrees(&c->s.record.witness, c->device_bytes, c->info.write_bytes, &missing))
		return 0;
	snprintf(c->why, sizeof(c->why), "%llu bytes were written to %s since the start that the migrate "
		 "target has not seen: something went round it; start again from a table of its own",
		 missing, t->source);
	return DMM_EXIT_ABORTED;
}

int dmm_cutover_freeze(struct dmm_tool *t, struct dmm_cutover *c, struct dmm_nl_events *ev)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_FREEZE, .dev = dmm_source_dev(&c->s), .epoch = c->epoch,
		.timeout_ms = c->timeout_ms,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH) |
		       DMM_NL_BIT(DMM_A_TIMEOUT_MS),
	};
	u64 deadline_ms = dmm_now_ms() + c->timeout_ms + FREEZE_GRACE_MS;
	struct pollfd p = { .fd = dmm_nl_events_fd(ev), .events = POLLIN };
	struct dmm_nl_info event;
	int ret;

	/* before the hold: what some kernels count as written while it waits there is none of this */
	ret = dmm_witness_device(&c->s.live, &c->device_bytes);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot read the statistics of %s: %s", t->source,
			 strerror(-ret));
		return DMM_EXIT_ABORTED;
	}
	c->frozen_asked = true;
	c->freeze_ns = dmm_monotonic_ns();
	ret = dmm_nl_do(t->nl, &req);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "the kernel does not freeze: %s",
			 dmm_nl_text(t, ret));
		return DMM_EXIT_ABORTED;
	}
	while ((ret = dmm_cutover_look(t, c)) == -EINPROGRESS) {
		if (dmm_signal_seen()) {
			ret = -EINTR;
			break;
		}
		if (dmm_now_ms() > deadline_ms)
			break;
		poll(&p, 1, FREEZE_LOOK_MS);
		while (dmm_nl_events_next(ev, &event) == 1)
			;
	}
	c->frozen_ns = dmm_monotonic_ns();
	switch (ret) {
	case 0:
		return freeze_witness(t, c);
	case -ETIME:
		snprintf(c->why, sizeof(c->why), "not everything was shipped within %u ms: it thawed "
			 "(%llu bytes were dirty at the hold)", c->timeout_ms,
			 c->info.freeze_blocks * c->info.block_bytes);
		break;
	case -EREMOTEIO:
		snprintf(c->why, sizeof(c->why), "the migration %s while freezing: %s%s%s",
			 c->info.state == DMM_STATE_FAILED ? "failed" : "lost its connection",
			 strerror(-c->info.error), *c->info.reason ? ": " : "", c->info.reason);
		break;
	case -EUCLEAN:
		snprintf(c->why, sizeof(c->why), "the target saw %llu writes and the end of %llu: its "
			 "tracking cannot be trusted", c->info.writes_submitted,
			 c->info.writes_completed);
		break;
	case -EINTR:
		snprintf(c->why, sizeof(c->why), "interrupted");
		break;
	default:
		snprintf(c->why, sizeof(c->why), "the freeze ended: %s%s%s", strerror(-ret),
			 *c->info.reason ? ": " : "", c->info.reason);
		break;
	}
	return DMM_EXIT_ABORTED;
}

/* A command that names the epoch. 0 or -errno. */
static int cutover_do(struct dmm_tool *t, const struct dmm_cutover *c, enum dmm_cmd cmd)
{
	struct dmm_nl_req req = {
		.cmd = cmd, .dev = dmm_source_dev(&c->s), .epoch = c->epoch,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH),
	};

	return dmm_nl_do(t->nl, &req);
}

int dmm_cutover_commit(struct dmm_tool *t, struct dmm_cutover *c)
{
	u64 begin_ns = dmm_monotonic_ns();
	int ret;

	/* before it: should the committed table be lost (lvchange), nobody may believe the source */
	c->s.record.committed = true;
	ret = dmm_record_save(DMM_RUN_DIR, &c->s.record);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot write %s/%s.json: %s", DMM_RUN_DIR, c->s.hex,
			 strerror(-ret));
		return DMM_EXIT_ABORTED;
	}
	dmm_stop_at("commit-recorded");
	ret = cutover_do(t, c, DMM_CMD_COMMIT);
	c->step_ns[DMM_STEP_COMMIT] = dmm_monotonic_ns() - begin_ns;
	if (!ret)
		return 0;
	snprintf(c->why, sizeof(c->why), ret == -ETIME ? "the freeze had run out before the commit: %s" :
		 "the kernel does not commit: %s", dmm_nl_text(t, ret));
	/* an answer that was lost is no answer: ask what is */
	if (dmm_nl_get(t->nl, dmm_source_dev(&c->s), &c->info))
		return DMM_EXIT_AMBIGUOUS;
	if (c->info.state == DMM_STATE_COMMITTED && c->info.epoch == c->epoch)
		return 0;
	c->s.record.committed = false;
	if (dmm_record_save(DMM_RUN_DIR, &c->s.record))
		dmm_note(t, "cannot write %s/%s.json", DMM_RUN_DIR, c->s.hex);
	return DMM_EXIT_ABORTED;
}

int dmm_cutover_release(struct dmm_tool *t, struct dmm_cutover *c)
{
	u64 begin_ns = dmm_monotonic_ns();
	int ret;

	ret = cutover_do(t, c, DMM_CMD_RELEASE);
	c->step_ns[DMM_STEP_RELEASE] = dmm_monotonic_ns() - begin_ns;
	if (!ret)
		return 0;
	snprintf(c->why, sizeof(c->why), "the kernel does not release it: %s", dmm_nl_text(t, ret));
	if (!dmm_nl_get(t->nl, dmm_source_dev(&c->s), &c->info) &&
	    c->info.state == DMM_STATE_RELEASED && c->info.epoch == c->epoch)
		return 0;
	return DMM_EXIT_LOCAL;
}

/* The receiver closes its disk only when nobody is attached to it.  What is held stays held. */
static void cutover_disconnect(struct dmm_tool *t, const struct dmm_cutover *c)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_STOP, .dev = dmm_source_dev(&c->s),
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_FORCE),
	};
	int ret = dmm_nl_do(t->nl, &req);

	if (ret)	/* FINISH will tell whether that matters */
		dmm_note(t, "the kernel does not close the connections: %s", dmm_nl_text(t, ret));
}

int dmm_cutover_finish(struct dmm_tool *t, struct dmm_cutover *c)
{
	u64 begin_ns = dmm_monotonic_ns();
	int ret = -ENOTCONN;

	cutover_disconnect(t, c);
	if (c->remote.client.fd >= 0)
		ret = dmm_remote_finish(&c->remote, c->s.id);
	if (ret && ret != -EREMOTEIO) {
		ret = dmm_remote_open(&c->remote, &c->s.record.to);
		if (!ret)
			ret = dmm_remote_finish(&c->remote, c->s.id);
	}
	if (ret && c->remote.code == DMM_WERR_NOTFOUND) {
		dmm_note(t, "the receiver was restarted since: what it had flushed is all there is");
		c->forgotten = true;
		/* only to compare the sides does it have to know the disk again */
		ret = t->args.verify ? dmm_reintroduce(&c->remote, &c->s) :
				       dmm_reintroduce_check(&c->remote, &c->s);
		c->forgotten = ret;
	}
	c->step_ns[DMM_STEP_FINISH] = dmm_monotonic_ns() - begin_ns;
	if (!ret)
		return 0;
	snprintf(c->why, sizeof(c->why), "%s", c->remote.why);
	return c->remote.exit;
}
