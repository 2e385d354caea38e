// SPDX-License-Identifier: GPL-2.0
/*
 * cutover: stops the writer, has both daemons hand over, starts the writer there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "cutover.h"
#include "fullio.h"
#include "monitor.h"
#include "pace.h"

static const struct dmm_option cutover_options[] = {
	DMM_OPTION("hook-stop", TEXT, hook_stop, "CMD", "run first: stops the writer here"),
	DMM_OPTION("hook-start", TEXT, hook_start, "CMD", "run last: starts the writer there"),
	DMM_OPTION("hook-abort", TEXT, hook_abort, "CMD",
		   "run when it fails: starts the writer here again"),
	DMM_OPTION("timeout", FREEZE_MS, timeout_ms, "MS",
		   "the freeze ends by itself after so long (default 5000, at most 15000)"),
	DMM_OPTION("max-pause", MS, max_pause_ms, "MS",
		   "do not begin while the projected pause is longer, exit code 7"),
	DMM_OPTION("verify", VERIFY, verify, "full",
		   "compare both sides before the writer starts there; =full: before the freeze, while\n"
		   "it is copied, the destination's disk with what it received, and with the source's"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

int dmm_cutover_abort(struct dmm_tool *t, struct dmm_cutover *c, enum dmm_exit code)
{
	enum dmm_use use = dmm_cutover_use(c, DMM_USE_ATTACHED);
	char note[sizeof(c->why)];
	struct dmm_dm_dev dev;
	u32 i;

	snprintf(note, sizeof(note), "%s", c->why);
	if (c->stopped && c->p->ops->abort(c->p))
		dmm_note(t, "%s", c->p->why);
	for (i = 0; i < c->g.nr; i++) {
		if (dmm_dm_find_number(c->g.disks[i].live.major, c->g.disks[i].live.minor, &dev))
			use = DMM_USE_UNKNOWN;
		else if (dev.suspended)
			use = DMM_USE_SUSPENDED;
		if (use != DMM_USE_ATTACHED) {
			dmm_group_speak_of(t, &c->g, i);
			break;
		}
	}
	if (code == DMM_EXIT_DIFFERENCE)	/* it goes on, and nothing is dirty that would mend it */
		dmm_next(t, "see why that disk does not keep what it is given; then dmmigrate cancel %s and start it anew",
			 t->source);
	else if (code == DMM_EXIT_SLOW)
		dmm_pace_remedies(t);
	else if (!c->g.nr)
		dmm_next(t, "dmmigrate vm %s ... again, once that is mended", t->source);
	else
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
	u32 i;

	for (i = 0; i < c->g.nr; i++) {
		const struct dmm_dm_dev *live = &c->g.disks[i].live;

		if (!dmm_dm_find_number(live->major, live->minor, &dev) && dev.open_count > 1)
			dmm_note(t, "somebody still has %s open after the stop hook: what is written from now on "
				 "does not reach the destination", live->name);
	}
}

/*
 * What somebody wrote by the page cache must be on its way before the hold: written back later it
 * would be held and then fail.  With hold_fds open a writer's last close does not flush.
 */
static int flush_cache(struct dmm_cutover *c)
{
	u32 i;

	for (i = 0; i < c->g.nr; i++) {
		if (!fsync(c->hold_fds[i]))
			continue;
		snprintf(c->why, sizeof(c->why), "what is in the page cache of %s cannot be written: %s",
			 c->g.disks[i].live.name, strerror(errno));
		return DMM_EXIT_ABORTED;
	}
	return 0;
}

static int hold_open(struct dmm_tool *t, struct dmm_cutover *c)
{
	char node[160];
	u32 i;
	int ret;

	for (i = 0; i < c->g.nr; i++) {
		ret = dmm_dm_node(&c->g.disks[i].live, node, sizeof(node));
		if (!ret) {
			c->hold_fds[i] = open(node, O_RDONLY | O_CLOEXEC);
			ret = c->hold_fds[i] < 0 ? -errno : 0;
		}
		if (ret) {
			dmm_group_speak_of(t, &c->g, i);
			dmm_next(t, "dmsetup info %s", t->source);
			return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
					"cannot hold %s open: %s", t->source, strerror(-ret));
		}
	}
	return 0;
}

/* One disk; what was proved is added up. 0 or an exit code, reported. */
static int prove_disk(struct dmm_tool *t, struct dmm_cutover *c, u32 i)
{
	struct dmm_proof_result one;
	char why[DMM_PROVE_WHY];
	int ret;

	dmm_group_speak_of(t, &c->g, i);
	ret = dmm_cutover_prove(t, &c->g.disks[i], &one, why);
	c->proof.extents += one.extents;
	c->proof.agreed += one.agreed;
	c->proof.differ += one.differ;
	c->proof.read_bytes += one.read_bytes;
	c->proof.rounds = dmm_max_u64(c->proof.rounds, one.rounds);
	c->proof.span_ns += one.span_ns;
	if (!ret)
		return 0;
	if (ret == DMM_EXIT_DIFFERENCE)
		dmm_next(t, "see why that disk does not keep what it is given; then dmmigrate cancel %s and start it anew",
			 t->source);
	else
		dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s", why);
}

/* Before anything stands still; it may take hours, after which everything is checked once more. */
static int prove(struct dmm_tool *t, struct dmm_cutover *c)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < c->g.nr && !ret; i++)
		ret = prove_disk(t, c, i);
	if (ret)
		return ret;
	dmm_group_speak_of(t, &c->g, DMM_GROUP_NAMED);
	dmm_cutover_proved(t, &c->proof);
	dmm_remote_close(&c->remote);	/* hours old */
	return dmm_cutover_check(t, c);
}

/* Should we die, nobody is to take up the half of it that is left. 0 or -errno with c->why. */
static int note_what_moves(struct dmm_cutover *c)
{
	struct dmm_record *record = &c->g.disks[0].record;
	const char *guest = c->p->guest ? c->p->guest : "";
	int ret;

	if (!c->g.nr)	/* the daemon has it */
		return 0;
	if (record->moves_guest == c->p->ops->moves_writer && !strcmp(record->guest, guest))
		return 0;
	record->moves_guest = c->p->ops->moves_writer;
	snprintf(record->guest, sizeof(record->guest), "%s", guest);
	ret = dmm_record_save(DMM_RUN_DIR, record);
	if (ret)
		snprintf(c->why, sizeof(c->why), "cannot write the record in %s: %s", DMM_RUN_DIR, strerror(-ret));
	return ret;
}

int dmm_cutover_stop_writer(struct dmm_tool *t, struct dmm_cutover *c)
{
	int ret;

	ret = dmm_cutover_check(t, c);
	if (!ret && t->args.verify_full)
		ret = prove(t, c);
	if (!ret)
		ret = hold_open(t, c);
	if (ret)
		return ret;
	ret = flush_cache(c);	/* now, so that the pause need not wait for it */
	if (ret)
		return dmm_cutover_abort(t, c, ret);
	if (note_what_moves(c))
		return dmm_cutover_abort(t, c, DMM_EXIT_ABORTED);
	c->begin_ns = dmm_now_ns();
	if (!c->p->ops->stop_name)
		return 0;
	c->stopped = true;
	ret = c->p->ops->stop(c->p);
	if (ret)
		snprintf(c->why, sizeof(c->why), "%s", c->p->why);
	else
		ret = flush_cache(c);
	c->step_ns[DMM_STEP_STOP] = dmm_now_ns() - c->begin_ns;
	if (c->p->stopped_ns)
		c->begin_ns = c->p->stopped_ns;
	if (ret)
		return dmm_cutover_abort(t, c, ret == -ETIME ? DMM_EXIT_SLOW : DMM_EXIT_ABORTED);
	if (!c->p->ops->moves_writer)
		warn_still_open(t, c);
	return 0;
}

/* Is one of the disks without what a hand-over needs to know of it? 0 or an exit code, reported. */
static int cutover_need_records(struct dmm_tool *t, struct dmm_cutover *c)
{
	struct dmm_source *s;
	enum dmm_owner owner;
	enum dmm_use use;
	u32 i;

	for (i = 0; i < c->g.nr; i++) {
		s = &c->g.disks[i];
		if (s->ours && s->has_record)
			continue;
		dmm_group_speak_of(t, &c->g, i);
		dmm_source_verdict(t, s, &owner, &use);
		if (dmm_state_is_cut(c->infos[i].state))
			dmm_next(t, "dmmigrate recover %s", s->hex);
		else
			dmm_next(t, "dmmigrate cancel %s, then start again", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
				"the record of the migration is %s: where the destination is, is not "
				"known", s->record_damaged ? "damaged" : "lost");
	}
	return 0;
}

static int cutover_open(struct dmm_tool *t, struct dmm_cutover *c)
{
	u32 i;
	int ret;

	ret = dmm_group_open_migration(t, t->args.operands[0], &c->g);
	if (!ret)
		ret = dmm_group_lock(t, &c->g);
	if (!ret)	/* still one? */
		ret = dmm_group_need_migration(t, &c->g);
	if (!ret)
		ret = dmm_vdi_elsewhere(t, &c->g.disks[c->g.named]);
	if (ret)
		return ret;
	c->s = &c->g.disks[c->g.named];
	c->infos = calloc(c->g.nr, sizeof(*c->infos));
	c->hold_fds = calloc(c->g.nr, sizeof(*c->hold_fds));
	if (!c->infos || !c->hold_fds)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "out of memory");
	memset(c->hold_fds, -1, c->g.nr * sizeof(*c->hold_fds));
	for (i = 0; i < c->g.nr && !ret; i++) {
		dmm_group_speak_of(t, &c->g, i);
		ret = dmm_source_info(t, &c->g.disks[i], &c->infos[i]);
	}
	if (!ret)
		ret = cutover_need_records(t, c);
	if (ret)
		return ret;
	dmm_group_speak_of(t, &c->g, DMM_GROUP_NAMED);
	c->timeout_ms = t->args.timeout_ms == DMM_UNSET ? DMM_CUTOVER_FREEZE_MS :
							  (u32)t->args.timeout_ms;
	return 0;
}

int dmm_cutover_run(struct dmm_tool *t, struct dmm_platform *p)
{
	struct dmm_cutover c = { .p = p };
	u32 i;
	int ret;

	dmm_remote_init(&c.remote);
	ret = cutover_open(t, &c);
	if (!ret) {
		dmm_signals_block();
		dmm_signals_block_stop();
		p->g = &c.g;
		ret = dmm_cutover_hand_over(t, &c);
	}
	p->ops->end(p);
	for (i = 0; c.hold_fds && i < c.g.nr; i++) {
		if (c.hold_fds[i] >= 0)
			close(c.hold_fds[i]);
	}
	free(c.hold_fds);
	free(c.infos);
	dmm_verify_clear(&c.verify);
	dmm_remote_close(&c.remote);
	dmm_group_clear(&c.g);
	return ret;
}

static int cmd_cutover(struct dmm_tool *t)
{
	struct dmm_platform p;

	dmm_platform_hook(&p, t);
	return dmm_cutover_run(t, &p);
}

const struct dmm_verb dmm_verb_cutover = {
	.name = "cutover",
	.operands = "SOURCE",
	.brief = "hand over: stop the writer, ship the rest, start the writer there, release the source\n\n"
		 "Hooks run by sh -c with DMM_MIGRATION, DMM_SOURCE, DMM_DEST, DMM_HOST, DMM_PORT and DMM_DEVICE\n"
		 "set: the last is what the writer is to use there, the gate above DMM_DEST where it has one.\n"
		 "Of a migration of DMM_DISKS disks these are the first one's, and DMM_SOURCE_1, DMM_DEST_1 and\n"
		 "DMM_DEVICE_1 the second one's, and so on.  All are handed over, whichever is named.\n"
		 "The start hook exits with 0 when the writer runs there, with 1 to 127 when it does not and has\n"
		 "written nothing.  Until then every failure leaves the source authoritative, and in use\n"
		 "again (exit code 8).  A start hook that is killed leaves both sides standing (9).",
	.options = cutover_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_cutover,
};
