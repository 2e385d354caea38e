// SPDX-License-Identifier: GPL-2.0
/*
 * cutover: stops the writer, has both daemons hand over, starts the writer there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "cutover.h"
#include "hook.h"
#include "monitor.h"

#define FREEZE_DEFAULT_MS	5000u

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
			dmm_next(t, "dmmigrate recover %s", c->s.hex);
		else
			dmm_next(t, "dmmigrate cancel %s, then start again", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
				"the record of the migration is %s: where the destination is, is not "
				"known", c->s.record_damaged ? "damaged" : "lost");
	}
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
		ret = dmm_cutover_hand_over(t, &c);
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
		 "Hooks run by sh -c with DMM_MIGRATION, DMM_SOURCE, DMM_DEST, DMM_HOST, DMM_PORT and DMM_DEVICE\n"
		 "set: the last is what the writer is to use there, the gate above DMM_DEST where it has one.\n"
		 "The start hook exits with 0 when the writer runs there, with 1 to 127 when it does not and has\n"
		 "written nothing.  Until then every failure leaves the source authoritative, and in use\n"
		 "again (exit code 8).  A start hook that is killed leaves both sides standing (9).",
	.options = cutover_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_cutover,
};
