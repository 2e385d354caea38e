// SPDX-License-Identifier: GPL-2.0
/*
 * start: pre-flight on both ends, attach, connect, begin to copy.  Until the
 * receiver has said yes nothing is changed here; from then on every failure is undone.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attach.h"
#include "awake.h"
#include "cleanup.h"
#include "commands.h"
#include "core/state.h"
#include "monitor.h"
#include "owners.h"
#include "start.h"

static const struct dmm_option start_options[] = {
	DMM_OPTION_BANDWIDTH("; what\nis started again keeps its limit"),
	DMM_OPTION("block-size", BLOCK, block_bytes, "SIZE",
		   "size of a tracked block, 4K to 1M (default 4K)"),
	DMM_OPTION_CONNECTIONS,
	DMM_OPTION("barrier-size", SIZE, barrier_bytes, "SIZE",
		   "have the destination flushed whenever so much has come (default 1G; what\n"
		   "is started again keeps it)"),
	DMM_OPTION("barrier-interval", PERIOD, barrier_ms, "TIME",
		   "and what has come is that old (default 5)"),
	DMM_OPTION("gate", TEXT, gate, "NAME",
		   "device at the destination that the writer is to use: it lets nothing pass before\n"
		   "the hand-over (default: the source's name, and \".dmm\"; what is started again\n"
		   "keeps it)"),
	DMM_OPTION("no-gate", FLAG, no_gate, NULL, "none: the writer uses /DEST itself"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_OVERWRITE,
	DMM_OPTION("again", FLAG, again, NULL,
		   "only go on with what has lost its connections: begin nothing, and nothing anew"),
	DMM_OPTION("dry-run", FLAG, dry_run, NULL,
		   "check both ends, print every table and step, do none"),
	DMM_OPTION("wait", FLAG, wait, NULL,
		   "stay until the first sweep is done; Ctrl-C detaches, the copy goes on"),
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static bool same_target(const struct dmm_target *a, const struct dmm_target *b)
{
	return !strcmp(a->host, b->host) && a->port == b->port && !strcmp(a->path, b->path);
}

/* The target is live: it is this migration, or another one is in the way. */
static int start_attached(struct dmm_tool *t, struct dmm_start *c, bool *running)
{
	struct dmm_nl_info info;
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	*running = false;
	ret = dmm_source_info(t, &c->s, &info);
	if (ret)
		return ret;
	dmm_source_verdict(t, &c->s, &owner, &use);
	if (!c->s.ours) {
		dmm_next(t, "dmsetup table %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
				"%s has a migrate target that this tool did not attach", t->source);
	}
	if (c->s.has_record && !same_target(&c->s.record.to, &c->to)) {
		dmm_next(t, owner == DMM_OWNER_DEST ? "dmmigrate clean %s" : "dmmigrate cancel %s",
			 t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
				"%s is being migrated to %s:%u:%s already", t->source,
				c->s.record.to.host, c->s.record.to.port, c->s.record.to.path);
	}
	memcpy(c->id, c->s.id, sizeof(c->id));
	c->attached = true;
	c->again = true;
	c->conn_epoch = dmm_max_u64(info.conn_epoch, c->s.record.conn_epoch) + 1;
	switch (info.state) {
	case DMM_STATE_COMMITTED:
		dmm_next(t, "dmmigrate cutover %s", t->source);
		return dmm_fail(t, owner == DMM_OWNER_UNKNOWN ? DMM_EXIT_AMBIGUOUS : DMM_EXIT_PREFLIGHT,
				owner, use, "a cutover of %s has not ended", t->source);
	case DMM_STATE_RELEASED:
		dmm_next(t, "dmmigrate clean %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s has been cut over already", t->source);
	case DMM_STATE_STOPPING:
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, owner, use,
				"a stopped migration still waits for the source's disk");
	case DMM_STATE_DISCONNECTED:
		c->resume = c->s.has_record;
		memcpy(c->instance, info.instance, sizeof(c->instance));
		return 0;
	case DMM_STATE_IDLE:
	case DMM_STATE_FAILED:
		return 0;	/* begin again below */
	default:
		if (!c->s.has_record) {
			dmm_next(t, "dmmigrate cancel %s", t->source);
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
					"%s is being migrated already, where to is not on record",
					t->source);
		}
		*running = true;
		return 0;
	}
}

/* Chooses the id: a new one, or that of a start to the same place that came no further. */
static int start_identify(struct dmm_tool *t, struct dmm_start *c)
{
	int ret;

	c->conn_epoch = 1;
	if (c->s.has_record) {
		if (!same_target(&c->s.record.to, &c->to)) {
			dmm_next(t, "dmmigrate clean %s", c->s.hex);
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
					"a start to %s:%u:%s was interrupted and left its record",
					c->s.record.to.host, c->s.record.to.port,
					c->s.record.to.path);
		}
		memcpy(c->id, c->s.id, sizeof(c->id));
		c->conn_epoch = c->s.record.conn_epoch + 1;
		c->again = true;
		return 0;
	}
	ret = dmm_id_random(c->id);
	if (ret)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"no random numbers: %s", strerror(-ret));
	return 0;
}

/* The receiver prepared a disk and we have a record of it: neither is of use any more. */
static void start_undo(struct dmm_tool *t, struct dmm_start *c)
{
	c->s.has_id = true;
	memcpy(c->s.id, c->id, sizeof(c->id));
	memcpy(c->s.hex, c->hex, sizeof(c->hex));
	c->s.has_record = true;
	c->s.record.to = c->to;
	dmm_forget(t, &c->s);
}

/* @witness: NULL before there is one.  0 or -errno. */
static int start_save(const struct dmm_start *c, const struct dmm_witness *witness)
{
	dmm_autofree char *table = dmm_dm_table_format(c->s.origin_table.nr ?
					&c->s.origin_table : &c->s.table, false);
	struct dmm_record rec = {
		.to = c->to, .major = c->s.live.major, .minor = c->s.live.minor,
		.size_bytes = c->pre.size_bytes, .block_bytes = c->pre.block_bytes,
		.started_s = (u64)time(NULL), .conn_epoch = c->conn_epoch, .conns = c->conns,
		.table = table,
	};

	memcpy(rec.id, c->id, sizeof(c->id));
	snprintf(rec.source, sizeof(rec.source), "%s", c->s.live.name);
	memcpy(rec.gate, c->gate, sizeof(rec.gate));
	rec.has_witness = witness;
	if (witness)
		rec.witness = *witness;
	return table ? dmm_record_save(DMM_RUN_DIR, &rec) : -ENOMEM;
}

/* The daemon of this host keeps the journal of who owns the disk: nothing begins without one. */
static int start_need_daemon(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_remote here;
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	dmm_remote_init(&here);
	ret = dmm_owners_find(t, &here);
	dmm_remote_close(&here);
	if (!ret)
		return 0;
	dmm_source_verdict(t, &c->s, &owner, &use);
	dmm_next(t, "systemctl start dmmigrated");
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s", here.why);
}

/* What the record says, for the daemon's journal. 0 or an exit code, with c->why. */
static int start_adopt(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_record rec = { 0 };
	struct dmm_remote here;
	int ret;

	dmm_remote_init(&here);
	ret = dmm_record_load(DMM_RUN_DIR, c->id, &rec);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot read %s/%s.json: %s", DMM_RUN_DIR, c->hex,
			 strerror(-ret));
		return DMM_EXIT_LOCAL;
	}
	ret = dmm_owners_adopt(t, &here, &rec);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "%s", here.why);
		ret = here.exit == DMM_EXIT_TRANSPORT ? DMM_EXIT_LOCAL : here.exit;
	}
	dmm_remote_close(&here);
	dmm_record_clear(&rec);
	return ret;
}

static int start_record(struct dmm_tool *t, struct dmm_start *c)
{
	/* what goes on has been watched all the time */
	bool watched = c->resume && c->s.record.has_witness;
	int ret = start_save(c, watched ? &c->s.record.witness : NULL);

	if (!ret)
		return 0;
	dmm_next(t, "df %s", DMM_RUN_DIR);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE,
			c->attached ? DMM_USE_ATTACHED : DMM_USE_UNCHANGED,
			"cannot write %s/%s.json: %s", DMM_RUN_DIR, c->hex, strerror(-ret));
}

/* From here on the target's account and that of the device itself have to agree. */
static int start_witness(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_witness witness;
	int ret;

	ret = dmm_witness_begin(t->nl, &c->s.live, &witness);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot read the statistics of %s: %s", t->source,
			 strerror(-ret));
		return DMM_EXIT_LOCAL;
	}
	ret = start_save(c, &witness);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot write %s/%s.json: %s", DMM_RUN_DIR, c->hex,
			 strerror(-ret));
		return DMM_EXIT_LOCAL;
	}
	return start_adopt(t, c);
}

static const char start_interrupted[] = "interrupted before it began";

/* From PREPARED on: the changes, and their way back. */
static int start_change(struct dmm_tool *t, struct dmm_start *c)
{
	bool restored;
	int ret;

	ret = start_record(t, c);
	if (ret)
		goto err_forget;
	dmm_stop_at("prepared");
	ret = start_adopt(t, c);
	if (ret) {
		dmm_next(t, "systemctl status dmmigrated");
		ret = dmm_fail(t, ret, DMM_OWNER_SOURCE, c->attached ? DMM_USE_ATTACHED : DMM_USE_UNCHANGED,
			       "%s", c->why);
		goto err_forget;
	}
	dmm_next(t, "dmmigrate start %s %s (again)", t->args.operands[0], t->args.operands[1]);
	if (dmm_signal_seen()) {
		ret = dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE,
			       c->attached ? DMM_USE_ATTACHED : DMM_USE_UNCHANGED, "%s",
			       start_interrupted);
		goto err_forget;
	}
	if (!c->attached) {
		ret = dmm_awake_canary(t, c->why, sizeof(c->why));
		if (ret) {
			ret = dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", c->why);
			goto err_forget;
		}
		ret = dmm_attach(t, &c->s, c->id, c->pre.block_bytes);
		if (ret)
			goto err_forget;
	}
	ret = dmm_awake_live(t, &c->s, c->why, sizeof(c->why));
	if (!ret && !c->resume)
		ret = start_witness(t, c);
	if (!ret)
		ret = dmm_start_connect(t, c);
	if (!ret && dmm_signal_seen()) {
		snprintf(c->why, sizeof(c->why), "%s", start_interrupted);
		ret = DMM_EXIT_ABORTED;
	}
	if (!ret)
		return 0;
	if (c->attached)	/* and it stays so, as this start found it */
		return dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s", c->why);
	if (dmm_detach(t, &c->s, &restored)) {
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s", c->why);
	}
	dmm_next(t, "dmmigrate start %s %s (again)", t->args.operands[0], t->args.operands[1]);
	ret = dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_RESTORED, "%s", c->why);
err_forget:
	/* what is left of a failed attach is needed to mend it */
	if (!c->s.has_origin)
		start_undo(t, c);
	return ret;
}

static int start_wait(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_monitor m = { .until_ready = true, .max_pause_ms = DMM_READY_PAUSE_MS,
				 .timeout_ms = DMM_UNSET, .quiet = t->args.json,
				 .interval_ms = DMM_MONITOR_INTERVAL_MS };
	enum dmm_monitor_end end;

	/* who waits changes nothing: cancel, cutover and the rest are free to */
	dmm_source_unlock(&c->s);
	end = dmm_monitor_run(t, &c->s, &m);
	if (end == DMM_MON_INTERRUPTED) {
		dmm_say(t, "Detached: the copy goes on.  See dmmigrate watch %s", t->source);
		return DMM_EXIT_OK;
	}
	if (end == DMM_MON_READY)
		dmm_say(t, "The first sweep is done.  Next: dmmigrate cutover %s", t->source);
	return dmm_monitor_report(t, &m, end);
}

/* --again, and it would begin, or begin anew. */
static int start_not_again(struct dmm_tool *t, struct dmm_start *c, const char *why)
{
	enum dmm_owner owner;
	enum dmm_use use;

	dmm_source_verdict(t, &c->s, &owner, &use);
	dmm_next(t, "dmmigrate start %s %s (without --again)", t->args.operands[0], t->args.operands[1]);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s does not go on: %s", t->source, why);
}

static int start_run(struct dmm_tool *t, struct dmm_start *c)
{
	char device[DMM_PATH_MAX + 16];
	bool running = false;
	int ret;

	ret = dmm_source_open(t, t->args.operands[0], &c->s);
	if (!ret && t->args.again) {
		/* nobody's way is barred while a host that is off is waited for */
		if (dmm_remote_open(&c->remote, &c->to))
			return dmm_start_remote_failed(t, c);
	}
	if (!ret && !c->s.has_live) {
		dmm_next(t, "dmmigrate clean %s", t->args.operands[0]);
		ret = dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNKNOWN,
			       "there is no such device any more, only leftovers of a migration");
	}
	if (!ret && !t->args.dry_run)	/* which changes nothing, not even /run */
		ret = dmm_source_lock(t, &c->s);
	if (!ret)
		ret = dmm_source_commit_lost(t, &c->s);
	if (ret)
		return ret;
	if (c->s.migrate && !c->s.named_origin) {
		ret = start_attached(t, c, &running);
		if (!ret)
			ret = dmm_preflight_sizes(t, &c->s, &c->pre);
	} else {
		ret = dmm_preflight_source(t, &c->s, &c->pre);
		if (!ret)
			ret = start_identify(t, c);
	}
	if (!ret && t->args.again && !c->resume && !running)
		ret = start_not_again(t, c, "it has not lost its connections");
	if (ret)
		return ret;
	dmm_id_format(c->id, c->hex);
	if (c->resume && c->s.record.conns) {	/* as the receiver has prepared it */
		if (t->args.conns != DMM_UNSET && c->conns != c->s.record.conns)
			dmm_note(t, "--connections is not applied to what goes on");
		c->conns = c->s.record.conns;
	}
	if (c->attached && t->args.block_bytes != DMM_UNSET &&
	    t->args.block_bytes != c->s.block_sectors * DMM_SECTOR_BYTES)
		dmm_note(t, "--block-size is not applied: %s is attached with %u bytes; cancel first to change "
			 "it", t->source, (u32)(c->s.block_sectors * DMM_SECTOR_BYTES));
	if (running) {
		if (t->args.bandwidth != DMM_UNSET)
			dmm_note(t, "--bandwidth is not applied to what runs: dmmigrate throttle %s RATE",
				 t->source);
		if (t->args.conns != DMM_UNSET)
			dmm_note(t, "--connections is not applied to what runs");
		dmm_say(t, "%s is being migrated to %s:%s already (migration %s).", t->source,
			c->to.host, c->to.path, c->hex);
		memcpy(c->gate, c->s.record.gate, sizeof(c->gate));
		dmm_start_result(t, c, true);
		dmm_signals_block();
		return t->args.wait ? start_wait(t, c) : DMM_EXIT_OK;
	}
	ret = start_need_daemon(t, c);
	if (ret)
		return ret;
	if (t->args.dry_run) {
		ret = dmm_start_prepare(t, c, true);
		return ret ? ret : dmm_start_dry_run(t, c);
	}
	/* nothing that goes on is stopped before the receiver has answered */
	if (c->remote.client.fd < 0 && dmm_remote_open(&c->remote, &c->to))
		return dmm_start_remote_failed(t, c);
	dmm_signals_block();
	if (c->resume && dmm_start_resume(c))
		return dmm_start_remote_failed(t, c);
	if (t->args.again && !c->resume)
		return start_not_again(t, c, "the receiver's disk has failed, or was closed for good");
	if (c->attached && !c->resume) {
		ret = dmm_stop(t, &c->s);
		if (ret)
			return ret;
	}
	if (c->again && !c->resume)	/* prepared under this id before: its receiver begins anew */
		dmm_remote_forget(&c->remote, c->id);
	ret = dmm_start_prepare(t, c, false);
	if (!ret)
		ret = dmm_start_confirm_flush(t, c);
	if (!ret)
		ret = start_change(t, c);
	if (ret)
		return ret;
	if (le32_to_cpu(c->prepared.flags) & DMM_PREPARED_BUFFERED)
		dmm_note(t, "the destination does not take O_DIRECT: it is written buffered");
	dmm_say(t, "%s is being migrated to %s:%s%s (migration %s).", t->source, c->to.host,
		c->to.path, c->resume ? " again, from where it was" : "", c->hex);
	dmm_dest_device(c->gate, c->to.path, device, sizeof(device));
	dmm_say(t, "The writer there is to use %s.", device);
	dmm_start_result(t, c, false);
	if (t->args.wait)
		return start_wait(t, c);
	dmm_say(t, "Next: dmmigrate watch %s", t->source);
	return DMM_EXIT_OK;
}

static int cmd_start(struct dmm_tool *t)
{
	struct dmm_start c = { 0 };
	const char *why;
	int ret;

	c.conns = t->args.conns == DMM_UNSET ? DMM_DEFAULT_CONNS : (u32)t->args.conns;
	if (dmm_parse_target(t->args.operands[1], &c.to, &why))
		return dmm_usage(t, "'%.128s': %s", t->args.operands[1], why);
	dmm_remote_init(&c.remote);
	c.remote.offer |= DMM_FEATURE_GROUP;
	ret = start_run(t, &c);
	dmm_remote_close(&c.remote);
	dmm_source_clear(&c.s);
	return ret;
}

const struct dmm_verb dmm_verb_start = {
	.name = "start",
	.operands = "SOURCE HOST[:PORT]:/DEST",
	.brief = "attach SOURCE and begin to copy it, live, to /DEST at HOST\n\n"
		 "SOURCE stays in use all the time.  /DEST is a block device or file there, at least as\n"
		 "large.  Starting again what runs already is the same migration; what lost its connection\n"
		 "goes on from where it was, what has failed is copied from the beginning.",
	.options = start_options,
	.min_operands = 2,
	.max_operands = 2,
	.needs_root = true,
	.run = cmd_start,
};
