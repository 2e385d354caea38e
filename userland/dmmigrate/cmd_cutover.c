// SPDX-License-Identifier: GPL-2.0
/*
 * cutover: stops the writer, freezes, commits, finishes, starts the writer there, releases.
 * Until the start hook is begun every failure leaves the source authoritative, and it goes on; so it does when the
 * hook fails.  Where nobody can know whether the writer runs there both sides stand still, exit code 9.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "attach.h"
#include "commands.h"
#include "core/state.h"
#include "cutover.h"
#include "hook.h"
#include "monitor.h"
#include "standing.h"

#define FREEZE_DEFAULT_MS	5000u
#define COMMIT_RESERVE_NS	300000000ull	/* of the freeze, kept for the commit */
#define FROZEN_RANGE_BYTES	(4u << 20)	/* short ranges: the freeze has little time */

static const struct dmm_option cutover_options[] = {
	DMM_OPTION("hook-stop", TEXT, hook_stop, "CMD", "run first: stops the writer here"),
	DMM_OPTION("hook-start", TEXT, hook_start, "CMD", "run last: starts the writer there"),
	DMM_OPTION("hook-abort", TEXT, hook_abort, "CMD",
		   "run when it fails: starts the writer here again"),
	DMM_OPTION("timeout", FREEZE_MS, timeout_ms, "MS",
		   "the freeze ends by itself after so long (default 5000, at most 15000)"),
	DMM_OPTION("max-pause", MS, max_pause_ms, "MS",
		   "do not begin while the projected pause is longer, exit code 7"),
	DMM_OPTION("verify", FLAG, verify, NULL, "compare both sides before the writer starts there"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

int dmm_cutover_abort(struct dmm_tool *t, struct dmm_cutover *c, enum dmm_exit code)
{
	enum dmm_use use = DMM_USE_ATTACHED;
	char note[sizeof(c->why)];
	struct dmm_dm_dev dev;
	int ret;

	if (c->frozen_asked) {
		struct dmm_nl_req req = { .cmd = DMM_CMD_THAW, .epoch = c->epoch,
					  .set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH),
					  .dev = dmm_source_dev(&c->s) };

		/* it may have thawed already, and would by itself */
		dmm_nl_do(t->nl, &req);
	}
	snprintf(note, sizeof(note), "%s", c->why);
	if (c->stopped && t->args.hook_abort) {
		ret = dmm_hook_run(t, &c->s, t->args.hook_abort);
		if (ret)
			dmm_note(t, "the abort hook failed (%d): start the writer here by hand", ret);
	} else if (c->stopped) {
		dmm_note(t, "the stop hook may have stopped the writer, and nothing has started it again: "
			 "start it here (--hook-abort CMD would have)");
	}
	if (dmm_dm_find_number(c->s.live.major, c->s.live.minor, &dev))
		use = DMM_USE_UNKNOWN;
	else if (dev.suspended)
		use = DMM_USE_SUSPENDED;
	dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, code, DMM_OWNER_SOURCE, use, "aborted: %s", note);
}

/* The writer may run there, and may not. */
static int cutover_unknown(struct dmm_tool *t, struct dmm_cutover *c)
{
	dmm_next(t, "look whether the writer runs at %s: if so, dmmigrate clean %s; if not, dmmigrate "
		 "cancel --yes %s", c->s.record.to.host, t->source, t->source);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED,
			"%s may or may not be in use at %s: %s", c->s.record.to.path,
			c->s.record.to.host, c->why);
}

/* RELEASED: the way is forward only. */
static int cutover_stuck(struct dmm_tool *t, struct dmm_cutover *c, enum dmm_exit code)
{
	/* 3 and 8 would say that nothing was changed, and that the source has the data */
	if (code == DMM_EXIT_PREFLIGHT || code == DMM_EXIT_ABORTED)
		code = DMM_EXIT_REMOTE;
	if (c->forgotten) {	/* again would end here again */
		dmm_next(t, "make sure that nobody else has written to %s at %s since, start the writer "
			    "there, then dmmigrate clean %s", c->s.record.to.path,
			 c->s.record.to.host, t->source);
		return dmm_fail(t, code, DMM_OWNER_DEST, DMM_USE_RELEASED, "everything is at the "
				"destination, flushed by the barrier, and the source is released, but the "
				"receiver has the disk no more, it was restarted or the disk there was "
				"exchanged: %s", c->why);
	}
	dmm_next(t, "dmmigrate cutover %s%s (again: goes on from here)", t->source,
		 t->args.hook_start ? " --hook-start CMD" : "");
	return dmm_fail(t, code, DMM_OWNER_DEST, DMM_USE_RELEASED,
			"everything is at the destination and the source is released, but %s", c->why);
}

/* After COMMIT: takes the source back, unless the writer may run there already. */
static int cutover_back(struct dmm_tool *t, struct dmm_cutover *c, enum dmm_exit code)
{
	int ret;

	if (c->info.state == DMM_STATE_RELEASED)
		return cutover_stuck(t, c, code);
	if (c->started)
		return cutover_unknown(t, c);
	ret = dmm_reclaim(t, &c->s, c->epoch);
	if (ret) {
		snprintf(c->why + strlen(c->why), sizeof(c->why) - strlen(c->why),
			 "; and the source cannot be taken back: %s", dmm_nl_text(t, ret));
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED, "%s",
				c->why);
	}
	c->frozen_asked = false;
	return dmm_cutover_abort(t, c, code == DMM_EXIT_DIFFERENCE ? code : DMM_EXIT_ABORTED);
}

/*
 * A stop hook that leaves the device open may have stopped less than it should: a filesystem that
 * is mounted in another mount namespace stays mounted, and what it has cached is not migrated.
 */
static void warn_still_open(struct dmm_tool *t, const struct dmm_cutover *c)
{
	struct dmm_dm_dev dev;

	if (!dmm_dm_find_number(c->s.live.major, c->s.live.minor, &dev) && dev.open_count > 1)
		dmm_note(t, "somebody still has %s open after the stop hook: what is written from now on "
			 "does not reach the destination", t->source);
}

/*
 * What somebody wrote by the page cache must be on its way before the hold: written back later it
 * would be held and then fail.  With hold_fd open a writer's last close does not flush.
 */
static int flush_cache(struct dmm_tool *t, struct dmm_cutover *c)
{
	if (!fsync(c->hold_fd))
		return 0;
	snprintf(c->why, sizeof(c->why), "what is in the page cache of %s cannot be written: %s",
		 t->source, strerror(errno));
	return DMM_EXIT_ABORTED;
}

int dmm_cutover_stop_writer(struct dmm_tool *t, struct dmm_cutover *c)
{
	char node[160];
	int ret;

	ret = dmm_cutover_check(t, c);
	if (ret)
		return ret;
	ret = dmm_dm_node(&c->s.live, node, sizeof(node));
	if (!ret) {
		c->hold_fd = open(node, O_RDONLY | O_CLOEXEC);
		ret = c->hold_fd < 0 ? -errno : 0;
	}
	if (ret) {
		dmm_next(t, "dmsetup info %s", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"cannot hold %s open: %s", t->source, strerror(-ret));
	}
	ret = flush_cache(t, c);	/* now, so that the pause need not wait for it */
	if (ret)
		return dmm_cutover_abort(t, c, ret);
	c->begin_ns = dmm_monotonic_ns();
	if (!t->args.hook_stop)
		return 0;
	c->stopped = true;
	ret = dmm_hook_run(t, &c->s, t->args.hook_stop);
	if (ret)
		snprintf(c->why, sizeof(c->why), "the stop hook failed (%d)", ret);
	else
		ret = flush_cache(t, c);
	c->step_ns[DMM_STEP_STOP] = dmm_monotonic_ns() - c->begin_ns;
	if (ret)
		return dmm_cutover_abort(t, c, DMM_EXIT_ABORTED);
	warn_still_open(t, c);
	return 0;
}

/* Up to and including COMMIT. Exit code, reported. */
static int cutover_to_commit(struct dmm_tool *t, struct dmm_cutover *c)
{
	struct dmm_nl_events *ev = NULL;
	int ret;

	ret = dmm_nl_events_open(&ev);
	if (ret) {
		dmm_next(t, "dmmigrate status %s", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"cannot subscribe to the kernel's events: %s", strerror(-ret));
	}
	ret = dmm_cutover_stop_writer(t, c);
	if (ret)
		goto out_close;
	ret = dmm_cutover_freeze(t, c, ev);
	if (!ret && t->args.verify)
		ret = dmm_cutover_verify(t, c, c->freeze_ns + c->timeout_ms * 1000000ull -
					       COMMIT_RESERVE_NS, FROZEN_RANGE_BYTES);
	if (ret && ret != DMM_EXIT_DIFFERENCE)
		ret = DMM_EXIT_ABORTED;
	if (!ret && dmm_signal_seen()) {
		snprintf(c->why, sizeof(c->why), "interrupted");
		ret = DMM_EXIT_ABORTED;
	}
	if (!ret) {
		dmm_stop_at("frozen");
		ret = dmm_cutover_commit(t, c);
	}
	if (ret == DMM_EXIT_AMBIGUOUS) {
		dmm_next(t, "dmmigrate status %s (whatever but committed: the source goes on; committed: "
			    "dmmigrate cancel %s)", t->source, t->source);
		ret = dmm_fail(t, ret, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "%s", c->why);
	} else if (ret) {
		ret = dmm_cutover_abort(t, c, ret);
	}
out_close:
	dmm_nl_events_close(ev);
	return ret;
}

/* Starts the writer there. Exit code, reported; 0: it runs. */
static int cutover_start(struct dmm_tool *t, struct dmm_cutover *c)
{
	u64 begin_ns = dmm_monotonic_ns();
	int ret;

	/* before it: should we die in it, nobody may take the source back */
	c->s.record.start_begun = true;
	ret = dmm_record_save(DMM_RUN_DIR, &c->s.record);
	if (ret) {
		c->s.record.start_begun = c->started;
		snprintf(c->why, sizeof(c->why), "cannot write %s/%s.json: %s", DMM_RUN_DIR, c->s.hex,
			 strerror(-ret));
		return cutover_back(t, c, DMM_EXIT_LOCAL);
	}
	ret = dmm_hook_run(t, &c->s, t->args.hook_start);
	c->step_ns[DMM_STEP_START] = dmm_monotonic_ns() - begin_ns;
	if (ret >= 128) {
		snprintf(c->why, sizeof(c->why), "the start hook was killed (%d)", ret);
		c->started = true;
		return cutover_back(t, c, DMM_EXIT_REMOTE);
	}
	if (ret) {
		snprintf(c->why, sizeof(c->why), "the start hook failed (%d): the writer was not started "
			 "at %s", ret, c->s.record.to.host);
		return cutover_back(t, c, DMM_EXIT_REMOTE);
	}
	c->s.record.handed_over = true;
	ret = dmm_record_save(DMM_RUN_DIR, &c->s.record);
	if (ret)
		dmm_note(t, "cannot write %s/%s.json (%s): do not run the start hook again",
			 DMM_RUN_DIR, c->s.hex, strerror(-ret));
	dmm_stop_at("handed-over");
	return 0;
}

/* From COMMIT to where the writer runs there, or may be started. Exit code, reported. */
static int cutover_hand_over(struct dmm_tool *t, struct dmm_cutover *c)
{
	int ret;

	ret = dmm_cutover_finish(t, c);
	if (ret)
		return cutover_back(t, c, ret);
	dmm_stop_at("finished");
	if (t->args.verify) {
		ret = dmm_cutover_verify(t, c, 0, DMM_VERIFY_RANGE_BYTES);
		if (ret == DMM_EXIT_DIFFERENCE && c->info.state == DMM_STATE_RELEASED) {
			dmm_next(t, "dmmigrate verify %s (again); start neither side until it is "
				    "understood", t->source);
			return dmm_fail(t, ret, DMM_OWNER_UNKNOWN, DMM_USE_RELEASED,
					"the source is released, but %s", c->why);
		}
		if (ret)
			return cutover_back(t, c, ret);
	}
	if (dmm_signal_seen()) {
		snprintf(c->why, sizeof(c->why), "interrupted");
		return cutover_back(t, c, DMM_EXIT_ABORTED);
	}
	return t->args.hook_start ? cutover_start(t, c) : DMM_EXIT_OK;
}

/* Cut over already, and there is nothing left to do? */
static bool cutover_is_over(const struct dmm_tool *t, const struct dmm_cutover *c)
{
	return c->info.state == DMM_STATE_RELEASED &&
	       (c->s.record.handed_over || (!t->args.hook_start && !t->args.verify));
}

static int cutover_run(struct dmm_tool *t, struct dmm_cutover *c)
{
	int ret = DMM_EXIT_OK;

	if (cutover_is_over(t, c)) {
		dmm_result_text(t, "source", t->source);
		dmm_result_text(t, "migration", c->s.hex);
		dmm_result_text(t, "owner", "destination");
		dmm_result_text(t, "source_device", "released");
		dmm_say(t, "%s is cut over already.  Next: dmmigrate clean %s", t->source, t->source);
		return DMM_EXIT_OK;
	}
	if (dmm_state_is_cut(c->info.state)) {
		dmm_note(t, "the source is %s already: going on from there",
			 dmm_state_name(c->info.state));
		c->again = true;
		c->started = c->s.record.start_begun;
		c->epoch = c->info.epoch;
		c->begin_ns = dmm_monotonic_ns();
		if (c->started && !c->s.record.handed_over && !t->args.hook_start &&
		    c->info.state == DMM_STATE_COMMITTED) {
			snprintf(c->why, sizeof(c->why), "an earlier start hook was begun, and how it ended "
				 "is not known");
			return cutover_unknown(t, c);
		}
	} else {
		ret = cutover_to_commit(t, c);
		if (ret)
			return ret;
	}
	dmm_stop_at("committed");
	if (!c->s.record.handed_over)
		ret = cutover_hand_over(t, c);
	if (ret)
		return ret;
	ret = dmm_cutover_release(t, c);
	if (ret) {
		dmm_next(t, "dmmigrate cutover %s (again)", t->source);
		return dmm_fail(t, ret, DMM_OWNER_DEST, DMM_USE_COMMITTED, "%s", c->why);
	}
	c->end_ns = dmm_monotonic_ns();
	dmm_cutover_report(t, c);
	return DMM_EXIT_OK;
}

static int cutover_open(struct dmm_tool *t, struct dmm_cutover *c)
{
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	ret = dmm_source_open_migration(t, t->args.operands[0], &c->s);
	if (!ret)
		ret = dmm_source_lock(t, &c->s);
	if (!ret)	/* still one? */
		ret = dmm_source_need_migration(t, &c->s);
	if (!ret)
		ret = dmm_source_info(t, &c->s, &c->info);
	if (ret)
		return ret;
	if (!c->s.ours || !c->s.has_record) {
		dmm_source_verdict(t, &c->s, &owner, &use);
		if (dmm_state_is_cut(c->info.state))
			dmm_next(t, "start the writer at the destination if it does not run, then "
				    "dmmigrate clean %s", t->source);
		else
			dmm_next(t, "dmmigrate cancel %s, then start again", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
				"the record of the migration is %s: where the destination is, is not "
				"known", c->s.record_damaged ? "damaged" : "lost");
	}
	c->epoch = c->info.epoch + 1;
	c->timeout_ms = t->args.timeout_ms == DMM_UNSET ? FREEZE_DEFAULT_MS :
							  (u32)t->args.timeout_ms;
	return 0;
}

static int cmd_cutover(struct dmm_tool *t)
{
	struct dmm_cutover c = { .verify = { .fd = -1 }, .hold_fd = -1 };
	int ret;

	dmm_remote_init(&c.remote);
	ret = cutover_open(t, &c);
	if (!ret) {
		dmm_signals_block();
		dmm_signals_block_stop();
		ret = c.s.record.group ? dmm_cutover_group(t, &c) : cutover_run(t, &c);
	}
	if (c.hold_fd >= 0)
		close(c.hold_fd);
	dmm_verify_close(&c.verify);
	dmm_remote_close(&c.remote);
	dmm_source_clear(&c.s);
	return ret;
}

const struct dmm_verb dmm_verb_cutover = {
	.name = "cutover",
	.operands = "SOURCE",
	.brief = "hand over: stop the writer, ship the rest, start the writer there, release the source\n\n"
		 "Hooks run by sh -c with DMM_MIGRATION, DMM_SOURCE, DMM_DEST, DMM_HOST and DMM_PORT set.\n"
		 "The start hook exits with 0 when the writer runs there, with 1 to 127 when it does not and has\n"
		 "written nothing.  Until then every failure leaves the source authoritative, and in use\n"
		 "again (exit code 8).  A start hook that is killed leaves both sides standing (9).",
	.options = cutover_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_cutover,
};
