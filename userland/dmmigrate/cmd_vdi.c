// SPDX-License-Identifier: GPL-2.0
/*
 * vdi: a disk in use moves to another one of the same host.  doc/vdi.rst has the steps.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attach.h"
#include "awake.h"
#include "cleanup.h"
#include "commands.h"
#include "core/state.h"
#include "fullio.h"
#include "monitor.h"
#include "preflight.h"
#include "source.h"
#include "vdi.h"

#define FREEZE_DEFAULT_MS	5000u
#define MOVE_TRIES		5	/* of a guest that writes more than fits, again and again */
#define THAW_MS			(DMM_MAX_FREEZE_MS + 1000)

static const struct dmm_option vdi_options[] = {
	DMM_OPTION("to", TEXT, to, "DEVICE|SR",
		   "the new disk: any block device of this host that is not smaller, or a storage repository,\n"
		   "where one is made; what is under way already knows it"),
	DMM_OPTION_BANDWIDTH(""),
	DMM_OPTION("max-pause", MS, max_pause_ms, "MS",
		   "move when what is left is copied in so long, and let the guest go on after it in\n"
		   "any case (default: when it is 1000, 5000 at most)"),
	DMM_OPTION("timeout", TIME, timeout_ms, "TIME",
		   "stay no longer than that, exit code 7; the copy goes on"),
	DMM_OPTION("block-size", BLOCK, block_bytes, "SIZE",
		   "size of a tracked block, 4K to 1M (default 4K)"),
	DMM_OPTION_OVERWRITE,
	DMM_OPTION_CONTROL,
	DMM_OPTION("dry-run", FLAG, dry_run, NULL, "check both disks, print every table and step, do none"),
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static int confirm(struct dmm_tool *t, const struct dmm_vdi_dest *d)
{
	char question[DMM_PATH_MAX + 128];

	if (!*d->signature || t->args.yes)
		return 0;
	snprintf(question, sizeof(question), "%s carries a signature (%s).  What is there will be overwritten.", d->path,
		 d->signature);
	if (dmm_confirm(t, d->path, question))
		return 0;
	dmm_next(t, "dmmigrate vdi --yes %s --to %s (overwrites what is there)", t->source, d->path);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
			"%s carries a signature (%s): confirm that it may be overwritten, or name another disk", d->path,
			d->signature);
}

/* The sink becomes the connection, and it copies. 0 or an exit code with @why. */
static int start(struct dmm_tool *t, struct dmm_source *s, bool zeroed, char *why, size_t why_bytes)
{
	struct dmm_nl_req attach = {
		.cmd = DMM_CMD_ATTACH, .dev = dmm_source_dev(s), .security = DMM_SECURITY_SINK,
		.features = zeroed ? DMM_FEATURE_ZERO : 0, .conn_epoch = 1,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_MIGRATION) | DMM_NL_BIT(DMM_A_DISK) |
		       DMM_NL_BIT(DMM_A_CONN_EPOCH) | DMM_NL_BIT(DMM_A_CONN_INDEX) | DMM_NL_BIT(DMM_A_FEATURES) |
		       DMM_NL_BIT(DMM_A_SECURITY),
	};
	struct dmm_nl_req begin = { .cmd = DMM_CMD_START, .dev = attach.dev, .set = DMM_NL_BIT(DMM_A_DEV) };
	int ret = dmm_tool_nl(t);

	memcpy(attach.migration, s->id, sizeof(attach.migration));
	if (!ret)
		ret = dmm_nl_do(t->nl, &attach);
	if (ret == -EBUSY)	/* of a run that was interrupted right here */
		ret = 0;
	dmm_stop_at("attached");
	if (t->args.bandwidth != DMM_UNSET) {
		begin.set |= DMM_NL_BIT(DMM_A_RATE);
		begin.rate = t->args.bandwidth;
	}
	if (!ret)
		ret = dmm_nl_do(t->nl, &begin);
	if (!ret) {
		dmm_stop_at("started");
		return 0;
	}
	snprintf(why, why_bytes, "the kernel does not begin to copy: %s", dmm_nl_text(t, ret));
	return DMM_EXIT_LOCAL;
}

static int remember(struct dmm_tool *t, struct dmm_source *s, char *why, size_t why_bytes)
{
	int ret = dmm_vdi_save(DMM_VDI_DIR, &s->vdi);

	if (!ret)
		return 0;
	snprintf(why, why_bytes, "cannot write the record of %s in %s: %s", t->source, DMM_VDI_DIR, strerror(-ret));
	return DMM_EXIT_LOCAL;
}

/* It has the target. 0 or an exit code with @why. */
static int begin_attached(struct dmm_tool *t, struct dmm_source *s, bool zeroed, char *why, size_t why_bytes)
{
	int ret = dmm_awake_live(t, s, why, why_bytes);

	if (!ret) {
		s->vdi.has_witness = !dmm_witness_begin(t->nl, &s->live, &s->vdi.witness);
		ret = remember(t, s, why, why_bytes);
	}
	return ret ? ret : start(t, s, zeroed, why, why_bytes);
}

static int begin_changes(struct dmm_tool *t, struct dmm_source *s, const struct dmm_preflight *pre,
			 struct dmm_vdi_dest *d)
{
	const char *to = s->vdi.volume.sr.kind ? s->vdi.volume.sr.name : d->path;
	char sink[32], why[512] = "";
	u8 id[DMM_ID_BYTES];
	bool restored;
	int ret;

	memcpy(id, s->vdi.id, sizeof(id));
	ret = remember(t, s, why, sizeof(why));
	dmm_stop_at("recorded");
	if (!ret)
		ret = dmm_awake_canary(t, why, sizeof(why));
	if (!ret && dmm_signal_seen()) {
		snprintf(why, sizeof(why), "interrupted before it began");
		ret = DMM_EXIT_ABORTED;
	}
	if (ret) {
		dmm_next(t, "dmmigrate vdi %s --to %s (again)", t->source, to);
		ret = dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", why);
		goto out_forget;
	}
	if (s->vdi.volume.sr.kind) {
		ret = dmm_vdi_sr_make(t, s, pre, d);
		if (ret)
			goto out_forget;
	}
	snprintf(sink, sizeof(sink), "%u:%u", d->major, d->minor);
	ret = dmm_attach(t, s, id, 0, pre->block_bytes, sink);
	if (ret)
		goto out_forget;
	ret = begin_attached(t, s, d->zeroed, why, sizeof(why));
	if (!ret)
		return 0;
	if (dmm_detach(t, s, &restored))
		return ret;	/* reported; the record is needed to mend it */
	dmm_next(t, "dmmigrate vdi %s --to %s (again)", t->source, to);
	ret = dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_RESTORED, "%s", why);
out_forget:
	if (!s->ours && !s->has_origin)
		dmm_vdi_forget(t, s);
	return ret;
}

static void new_record(struct dmm_source *s, const struct dmm_preflight *pre, const u8 id[DMM_ID_BYTES])
{
	struct dmm_vdi *v = &s->vdi;

	memset(v, 0, sizeof(*v));
	memcpy(v->id, id, sizeof(v->id));
	memcpy(s->id, id, sizeof(s->id));
	dmm_id_format(id, s->hex);
	snprintf(v->source, sizeof(v->source), "%s", s->live.name);
	snprintf(v->uuid, sizeof(v->uuid), "%s", s->live.uuid);
	dmm_lv_of_name(s->live.name, v->lv);
	v->size_bytes = pre->size_bytes;
	v->started_s = (u64)time(NULL);
	s->journal = DMM_JOURNAL_SOURCE;
}

/* The new disk, as it is or is going to be. 0 or an exit code, reported. */
static int begin_dest(struct dmm_tool *t, struct dmm_source *s, const struct dmm_preflight *pre, struct dmm_vdi_dest *d)
{
	int ret;

	memset(d, 0, sizeof(*d));
	if (!strchr(t->args.to, '/'))
		return dmm_vdi_sr_plan(t, s, t->args.to, pre->size_bytes);
	ret = dmm_vdi_dest_check(t, s, t->args.to, pre->size_bytes, pre->lbs_bytes, d);
	if (!ret)
		snprintf(s->vdi.dest, sizeof(s->vdi.dest), "%s", d->path);
	return ret;
}

/* Of a copy that a restart of this host has ended, or a tool that was killed before it began. 0 or an exit code, reported. */
static int begin_anew(struct dmm_tool *t, struct dmm_source *s)
{
	if (s->has_vdi)
		dmm_vdi_forget(t, s);
	if (!s->has_vdi)
		return 0;
	dmm_next(t, "dmmigrate cancel %s", s->hex);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
			"what an earlier move of %s has left cannot be removed", t->source);
}

/* 0 or an exit code, reported. */
static int begin(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_preflight pre;
	struct dmm_vdi_dest d;
	u8 id[DMM_ID_BYTES];
	int ret;

	if (!t->args.to)
		return dmm_usage(t, "--to DEVICE or SR is missing: %.128s is not being moved yet", t->source);
	ret = dmm_preflight_source(t, s, &pre);
	if (!ret && !t->args.dry_run)
		ret = begin_anew(t, s);
	if (ret)
		return ret;
	if (dmm_id_random(id))
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "no random numbers");
	new_record(s, &pre, id);
	ret = begin_dest(t, s, &pre, &d);
	if (ret || t->args.dry_run)
		return ret ? ret : dmm_vdi_dry_run(t, s, &pre, &d);
	ret = confirm(t, &d);
	if (ret)
		return ret;
	if (!s->vdi.lv[0])
		dmm_note(t, "%s is no logical volume: make sure yourself that nothing opens its old disk by this name after "
			 "a restart of this host", t->source);
	s->has_vdi = true;
	ret = begin_changes(t, s, &pre, &d);
	if (!ret)
		dmm_say(t, "%s is being moved to %s (migration %s).", t->source, d.path, s->hex);
	return ret;
}

/* Is --to another disk than that of the record? */
static bool to_another(const struct dmm_tool *t, const struct dmm_vdi *v)
{
	return t->args.to && strcmp(t->args.to, v->dest) && (!v->volume.sr.kind || strcmp(t->args.to, v->volume.sr.name));
}

/* What an interrupted run has left of a hold ends: the copy goes on. 0 or an exit code, reported. */
static int take_up(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_nl_info info;
	char why[512] = "";
	int ret;

	if (!s->ours || !s->has_vdi) {
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the record of where %s moves is gone, or damaged", t->source);
	}
	if (to_another(t, &s->vdi))
		return dmm_usage(t, "%.128s is being moved to %.512s already, not to %.512s: cancel that first", t->source,
				 s->vdi.dest, t->args.to);
	if (t->args.block_bytes != DMM_UNSET)
		dmm_note(t, "--block-size is not applied to what runs");
	if (t->args.bandwidth != DMM_UNSET)
		dmm_note(t, "--bandwidth is not applied to what runs: dmmigrate throttle %s RATE", t->source);
	dmm_say(t, "%s is being moved to %s already (migration %s).", t->source, s->vdi.dest, s->hex);
	ret = dmm_vdi_take_back(t, s);
	if (!ret)
		ret = dmm_source_info(t, s, &info);
	if (ret || t->args.dry_run || info.state != DMM_STATE_IDLE)
		return ret;
	ret = begin_attached(t, s, dmm_vdi_sink_is_zero(s), why, sizeof(why));
	if (!ret)
		return 0;
	dmm_next(t, "dmmigrate cancel %s", t->source);
	return dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s", why);
}

/* Until little is left. 0; *@left: detached, which is no failure; or an exit code, reported. */
static int watch(struct dmm_tool *t, struct dmm_source *s, u64 until_ms, bool *left)
{
	struct dmm_monitor m = { .until_ready = true, .timeout_ms = DMM_UNSET, .patience_ms = DMM_UNSET, .quiet = t->args.json,
				 .max_pause_ms = t->args.max_pause_ms == DMM_UNSET ? DMM_READY_PAUSE_MS : t->args.max_pause_ms,
				 .interval_ms = DMM_MONITOR_INTERVAL_MS };
	enum dmm_monitor_end end;
	struct dmm_group g;
	u64 now_ms = dmm_now_ms();
	int ret;

	if (t->args.timeout_ms != DMM_UNSET)
		m.timeout_ms = until_ms > now_ms ? until_ms - now_ms : 0;
	/* who waits changes nothing: cancel, pause and the rest are free to */
	dmm_source_unlock(s);
	ret = dmm_group_open_migration(t, s->spec, &g);
	if (!ret) {
		end = dmm_monitor_run(t, &g, &m);
		*left = end == DMM_MON_INTERRUPTED;
		if (*left)
			dmm_say(t, "Detached: the copy goes on.  Next: dmmigrate vdi %s", t->source);
		else
			ret = dmm_monitor_report(t, &m, end);
	}
	dmm_monitor_clear(&m);
	dmm_group_clear(&g);
	if (ret || *left)
		return ret;
	return dmm_source_lock(t, s);
}

/* Somebody's freeze, or ours of before, ends first. False: it does not copy. */
static bool copies(struct dmm_tool *t, const struct dmm_source *s)
{
	u64 until_ms = dmm_now_ms() + THAW_MS;
	struct dmm_nl_info info;

	while (!dmm_nl_get(t->nl, dmm_source_dev(s), &info)) {
		if (info.state == DMM_STATE_COPYING)
			return true;
		if ((info.state != DMM_STATE_FREEZING && info.state != DMM_STATE_FROZEN) || dmm_now_ms() > until_ms)
			return false;
		poll(NULL, 0, 100);
	}
	return false;
}

static int not_converging(struct dmm_tool *t, const char *why)
{
	dmm_next(t, "dmmigrate vdi %s --max-pause MS (a longer one), or less load", t->source);
	return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s; the copy goes on", why);
}

/* Watches and moves, until it is done, or as often as is of use. 0 or an exit code, reported. */
static int move(struct dmm_tool *t, struct dmm_source *s, u64 *pause_ns, bool *left)
{
	u64 until_ms = t->args.timeout_ms == DMM_UNSET ? DMM_NO_DEADLINE : dmm_now_ms() + t->args.timeout_ms;
	u64 timeout_ms = t->args.max_pause_ms == DMM_UNSET ? FREEZE_DEFAULT_MS : t->args.max_pause_ms;
	char why[512] = "";
	int tries, ret;

	timeout_ms = dmm_min_u64(dmm_max_u64(timeout_ms, 1), DMM_MAX_FREEZE_MS);
	for (tries = 0; tries < MOVE_TRIES; tries++) {
		ret = watch(t, s, until_ms, left);
		if (ret || *left)
			return ret;
		if (s->sink && copies(t, s))
			ret = dmm_vdi_move(t, s, (u32)timeout_ms, pause_ns, why, sizeof(why));
		else
			ret = -EAGAIN;	/* the next look says what it does instead */
		if (ret != -EAGAIN)
			return ret;
		if (*why)
			dmm_note(t, "%s: it goes on copying", why);
	}
	return not_converging(t, *why ? why : "somebody else is at work on it");
}

static int done(struct dmm_tool *t, const struct dmm_source *s, u64 pause_ns)
{
	dmm_say(t, "%s is on %s now.", t->source, s->vdi.dest);
	if (pause_ns)
		dmm_say(t, "  pause        %8.1f ms", (double)pause_ns / 1e6);
	dmm_stop_at("finished");
	dmm_vdi_config_rename(t, s);
	dmm_say(t, "After a restart of this host %s is the old disk%s.", t->source,
		s->vdi.lv[0] ? ", which is not activated by itself" : "");
	dmm_say(t, "The old disk keeps its contents.  Next, once it is not needed any more: dmmigrate release %s", s->hex);
	dmm_result_text(t, "source", t->source);
	dmm_result_text(t, "migration", s->hex);
	dmm_result_text(t, "dest", s->vdi.dest);
	dmm_result_text(t, "owner", "destination");
	dmm_result_text(t, "source_device", "moved");
	if (pause_ns)
		dmm_result_u64(t, "pause_ns", pause_ns);
	return DMM_EXIT_OK;
}

static int run(struct dmm_tool *t, struct dmm_source *s)
{
	bool left = false;
	u64 pause_ns = 0;
	int ret;

	if (s->migrate && !s->sink) {
		dmm_next(t, "dmmigrate status %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"%s is being migrated to another host", t->source);
	}
	if (s->has_vdi && s->vdi.moved) {
		if (to_another(t, &s->vdi)) {
			dmm_next(t, "dmmigrate release %s", s->hex);
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_DEST, DMM_USE_MOVED,
					"%s has moved to %s, and that is not released yet", t->source, s->vdi.dest);
		}
		if (!s->sink && !dmm_vdi_on_new(s)) {
			dmm_next(t, "stop what uses %s, and have it use %s", t->source, s->vdi.dest);
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_DEST, DMM_USE_UNKNOWN,
					"%s has moved to %s, but that is not what it is now: it may be the old disk",
					t->source, s->vdi.dest);
		}
		ret = t->args.dry_run ? 0 : dmm_vdi_finish(t, s);
		return ret ? ret : done(t, s, 0);
	}
	ret = s->sink ? take_up(t, s) : begin(t, s);
	if (ret || t->args.dry_run)
		return ret;
	ret = move(t, s, &pause_ns, &left);
	if (ret || left)
		return ret;
	return done(t, s, pause_ns);
}

/* Its record is. */
static int not_there(struct dmm_tool *t, const struct dmm_source *s)
{
	char old[DMM_LV_NAME];

	if (s->has_vdi && s->vdi.moved) {
		int ret = t->args.dry_run ? 0 : dmm_vdi_sr_settle(t, s);

		if (ret)
			return ret;
		if (!t->args.dry_run) {
			dmm_vdi_config_rename(t, s);
			if (dmm_vdi_put_aside(t, s, old))
				dmm_say(t, "Its old volume is called %s now.", old);
		}
		dmm_next(t, "dmmigrate release %s", s->hex);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_DEST, DMM_USE_UNKNOWN, "%s has moved to %s, and is not there now",
				t->source, s->vdi.dest);
	}
	dmm_next(t, "dmmigrate cancel %s (lets the old disk be activated again)", s->hex);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNKNOWN,
			"%s is not there: a restart of this host has ended its copy", t->source);
}

static int cmd_vdi(struct dmm_tool *t)
{
	struct dmm_source s;
	int ret = dmm_source_open(t, t->args.operands[0], &s);

	if (!ret && !s.has_live)
		ret = not_there(t, &s);
	dmm_signals_block();
	if (!ret)
		ret = dmm_source_lock(t, &s);
	if (!ret)
		ret = run(t, &s);
	dmm_source_clear(&s);
	return ret;
}

const struct dmm_verb dmm_verb_vdi = {
	.name = "vdi",
	.operands = "DEVICE",
	.brief = "move a disk in use to another one of this host\n\n"
		 "The new one is named by --to, or made in the storage repository of dmmigrated.conf that --to names, and\n"
		 "removed should the move be cancelled.  The kernel copies DEVICE while it is written, then holds its I/O for a\n"
		 "moment, and lets it go on at the new disk.  Ctrl-C detaches and the copy goes on; this again takes it\n"
		 "up, cancel stops it.  A new disk that is a fresh thin volume is not written where the old one has\n"
		 "zeros.  Configurations in /etc/xen that name DEVICE name the new disk once it has moved, and what they\n"
		 "were is kept beside them.  The old disk is kept as it is; release forgets the move, and gives an old logical\n"
		 "volume that is not open another name.",
	.options = vdi_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_vdi,
};
