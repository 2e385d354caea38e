// SPDX-License-Identifier: GPL-2.0
/*
 * start: pre-flight on both ends, attach, connect, begin to copy.  Until the
 * receiver has said yes nothing is changed here; from then on every failure is undone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "commands.h"
#include "group.h"
#include "monitor.h"
#include "start.h"
#include "storage_network.h"

static const struct dmm_option start_options[] = {
	DMM_OPTION_BANDWIDTH("; for each\ndisk; what is started again keeps its limit; --resume reads no faster either"),
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
	DMM_OPTION_NETWORK,
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_OVERWRITE,
	DMM_OPTION_TLS,
	DMM_OPTION_PLAINTEXT,
	DMM_OPTION("again", FLAG, again, NULL,
		   "only go on with what has lost its connections: begin nothing, and nothing anew"),
	DMM_OPTION("resume", TEXT, resume, "ID",
		   "go on with a migration whose source's host was rebooted during the copy: both\n"
		   "sides are compared, and what differs is shipped"),
	DMM_OPTION("dry-run", FLAG, dry_run, NULL,
		   "check both ends, print every table and step, do none"),
	DMM_OPTION("wait", FLAG, wait, NULL,
		   "stay until the first sweep is done; Ctrl-C detaches, the copy goes on"),
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static int start_wait(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_monitor m = { .until_ready = true,
				 .max_pause_ms = t->args.max_pause_ms == DMM_UNSET ? DMM_READY_PAUSE_MS : t->args.max_pause_ms,
				 .patience_ms = t->args.patience_ms, .timeout_ms = DMM_UNSET, .quiet = t->args.json,
				 .interval_ms = DMM_MONITOR_INTERVAL_MS };
	enum dmm_monitor_end end;
	struct dmm_group g;
	u32 i;
	int ret;

	/* who waits changes nothing: cancel, cutover and the rest are free to */
	for (i = 0; i < c->nr; i++)
		dmm_source_unlock(&c->disks[i].s);
	ret = dmm_group_open_migration(t, t->args.operands[0], &g);
	if (ret)
		goto out_clear;
	end = dmm_monitor_run(t, &g, &m);
	if (end == DMM_MON_INTERRUPTED) {
		dmm_say(t, "Detached: the copy goes on.  See dmmigrate watch %s", t->source);
		goto out_clear;
	}
	if (end == DMM_MON_READY && !t->leads_on)
		dmm_say(t, "The first sweep is done.  Next: dmmigrate cutover %s", t->source);
	ret = dmm_monitor_report(t, &m, end);
out_clear:
	dmm_monitor_clear(&m);
	dmm_group_clear(&g);
	return ret;
}

/* --again, and it would begin, or begin anew. */
static int start_not_again(struct dmm_tool *t, struct dmm_start_disk *d, const char *why)
{
	enum dmm_owner owner;
	char words[400];
	enum dmm_use use;

	dmm_source_verdict(t, &d->s, &owner, &use);
	dmm_next(t, "dmmigrate start %s (without --again)", dmm_start_words(t, words, sizeof(words)));
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s does not go on: %s", t->source, why);
}

/* What was given and does not count for what runs, or is attached, already. */
static void start_note_ignored(struct dmm_tool *t, struct dmm_start_disk *d)
{
	const struct dmm_source *s = &d->s;

	if (d->resume && s->record.conns) {	/* as the receiver has prepared it */
		if (t->args.conns != DMM_UNSET && d->conns != s->record.conns)
			dmm_note(t, "--connections is not applied to what goes on");
		d->conns = s->record.conns;
	}
	if (d->attached && t->args.block_bytes != DMM_UNSET &&
	    t->args.block_bytes != s->block_sectors * DMM_SECTOR_BYTES)
		dmm_note(t, "--block-size is not applied: %s is attached with %u bytes; cancel first to change "
			 "it", t->source, (u32)(s->block_sectors * DMM_SECTOR_BYTES));
	if (!d->running)
		return;
	if (t->args.bandwidth != DMM_UNSET)
		dmm_note(t, "--bandwidth is not applied to what runs: dmmigrate throttle %s RATE",
			 t->source);
	if (t->args.conns != DMM_UNSET)
		dmm_note(t, "--connections is not applied to what runs");
	memcpy(d->gate, s->record.gate, sizeof(d->gate));
}

/* Nothing that goes on is stopped before the receiver has answered for all. 0 or an exit code, reported. */
static int start_ask_to_resume(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;

	if (c->remote.client.fd < 0 && dmm_remote_open(&c->remote, &c->disks[0].to))
		return dmm_start_remote_failed(t, c, &c->disks[0]);
	dmm_signals_block();
	for (d = c->disks; d < c->disks + c->nr; d++) {
		dmm_source_speak_of(t, &d->s);
		if (d->resume && dmm_start_resume(c, d))
			return dmm_start_remote_failed(t, c, d);
		if (t->args.again && !d->running && !d->resume)
			return start_not_again(t, d, "the receiver's disk has failed, or may have been written since");
		/* a refusal closes, though "not found" is an answer */
		if (c->remote.client.fd < 0 && dmm_remote_open(&c->remote, &d->to))
			return dmm_start_remote_failed(t, c, d);
	}
	return 0;
}

int dmm_start_prepare_all(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;
	int ret;

	ret = start_ask_to_resume(t, c);
	if (ret)
		return ret;
	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->running || (d->resume && !d->finished))
			continue;
		dmm_source_speak_of(t, &d->s);
		ret = d->attached && !d->resume ? dmm_stop(t, &d->s) : 0;
		if (ret)
			return ret;
		if (!d->again)	/* else prepared under this id before: its receiver begins anew */
			continue;
		dmm_remote_forget(&c->remote, c->id, d->disk);
		if (c->remote.client.fd < 0 && dmm_remote_open(&c->remote, &d->to))
			return dmm_start_remote_failed(t, c, d);
	}
	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->running)
			continue;
		dmm_source_speak_of(t, &d->s);
		ret = dmm_start_prepare(t, c, d, false);
		if (ret && d == c->disks && !d->made)
			return ret;
		if (!ret)
			ret = dmm_start_confirm_flush(t, d);
		if (ret) {	/* some were prepared, for nothing */
			dmm_start_undo(t, c);
			return ret;
		}
	}
	return 0;
}

static int start_dry(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;
	int ret;

	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->running)
			continue;
		dmm_source_speak_of(t, &d->s);
		ret = dmm_start_prepare(t, c, d, true);
		if (ret)
			return ret;
	}
	dmm_start_dry_run(t, c);
	return DMM_EXIT_OK;
}

static void start_say(struct dmm_tool *t, struct dmm_start *c, const struct dmm_start_disk *d)
{
	char device[DMM_PATH_MAX + 16];
	struct dmm_nl_info info;

	if (d->running) {
		dmm_say(t, "%s is being migrated to %s:%s already (migration %s).", t->source,
			d->to.host, d->to.path, c->hex);
		return;
	}
	if (le32_to_cpu(d->prepared.flags) & DMM_PREPARED_BUFFERED)
		dmm_note(t, "the destination does not take O_DIRECT: it is written buffered");
	dmm_say(t, "%s is being migrated to %s:%s%s (migration %s).", t->source, d->to.host,
		d->to.path, d->resume ? " again, from where it was" :
		t->args.resume ? " again, what differs" : "", c->hex);
	dmm_dest_device(d->gate, d->to.path, device, sizeof(device));
	dmm_say(t, "The writer there is to use %s.", device);
	if (d->resume && !dmm_tool_nl(t) && !dmm_nl_get(t->nl, dmm_source_dev(&d->s), &info) && info.state == DMM_STATE_PAUSED)
		dmm_note(t, "it was paused when it lost its connections, and still is: dmmigrate resume %s", t->source);
}

static int start_run(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;
	bool running = true;
	int ret;

	ret = dmm_start_open(t, c);
	if (!ret)
		ret = dmm_start_identify(t, c);
	if (!ret && t->args.resume)
		ret = dmm_start_by_id_check(t, c);
	if (ret)
		return ret;
	for (d = c->disks; d < c->disks + c->nr; d++) {
		dmm_source_speak_of(t, &d->s);
		if (t->args.again && !d->resume && !d->running)
			return start_not_again(t, d, "it has not lost its connections");
		start_note_ignored(t, d);
		running = running && d->running;
	}
	if (!running) {
		ret = dmm_start_need_daemon(t, c);
		if (ret)
			return ret;
		if (t->args.dry_run)
			return start_dry(t, c);
		ret = dmm_start_prepare_all(t, c);
		if (!ret)
			ret = dmm_start_change(t, c);
		if (ret)
			return ret;
	}
	if (t->args.resume) {
		dmm_signals_block();
		ret = dmm_start_by_id_compare(t, c);
		if (ret)
			return ret;
	}
	for (d = c->disks; d < c->disks + c->nr; d++) {
		dmm_source_speak_of(t, &d->s);
		start_say(t, c, d);
		if (t->dests)
			snprintf(t->dests[d - c->disks], DMM_PATH_MAX, "%s", d->to.path);
	}
	dmm_source_speak_of(t, &c->disks[0].s);
	dmm_start_result(t, c);
	dmm_signals_block();
	if (t->args.wait)
		return start_wait(t, c);
	if (!running)
		dmm_say(t, "Next: dmmigrate watch %s", t->source);
	return DMM_EXIT_OK;
}

/* "SOURCE HOST:/DEST" as often as there are disks. 0 or an exit code, reported. */
static int start_parse(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d, *e;
	const char *why;
	u32 i;
	int ret;

	if (!c->nr)
		return dmm_usage(t, "SOURCE and HOST:/DEST are missing, or --resume ID");
	if (t->args.nr_operands % 2)
		return dmm_usage(t, "%.128s has no destination: operands come in pairs, SOURCE HOST:/DEST",
				 t->args.operands[t->args.nr_operands - 1]);
	if (t->args.gate && c->nr > 1)
		return dmm_usage(t, "--gate names the gate of one disk, and there are %u", c->nr);
	for (i = 0; i < c->nr; i++) {
		d = &c->disks[i];
		d->conns = t->args.conns == DMM_UNSET ? DMM_DEFAULT_CONNS : (u32)t->args.conns;
		if (dmm_parse_destination(t->args.operands[2 * i + 1], &d->to, &why))
			return dmm_usage(t, "'%.128s': %s", t->args.operands[2 * i + 1], why);
		d->to.plaintext = t->args.insecure_plaintext;
		if (strcmp(d->to.host, c->disks[0].to.host) || d->to.port != c->disks[0].to.port)
			return dmm_usage(t, "the disks of one migration go to one host, not to %.128s and %.128s",
					 t->args.operands[1], t->args.operands[2 * i + 1]);
		for (e = c->disks; e < d; e++) {
			if (d->to.path[0] && !strcmp(d->to.path, e->to.path))
				return dmm_usage(t, "the destination %.128s is named twice", d->to.path);
		}
	}
	ret = t->args.network ? dmm_network_apply(t, &c->disks[0].to) : 0;
	for (i = 1; i < c->nr && !ret; i++)
		memcpy(c->disks[i].to.host, c->disks[0].to.host, sizeof(c->disks[0].to.host));
	return ret;
}

static int cmd_start(struct dmm_tool *t)
{
	struct dmm_start c = { 0 };
	u32 i;
	int ret;

	_Static_assert(DMM_MAX_OPERANDS == 2 * DMM_MAX_GROUP, "a pair for each disk");
	ret = t->args.resume ? dmm_start_by_id(t, &c) : 0;
	if (ret)
		goto out_free;
	c.nr = (t->args.nr_operands + 1) / 2;
	c.disks = calloc(c.nr, sizeof(*c.disks));
	if (!c.disks) {
		ret = dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
		goto out_free;
	}
	dmm_remote_init(&c.remote);
	c.remote.offer |= DMM_FEATURE_GROUP | DMM_FEATURE_VOLUME;
	ret = start_parse(t, &c);
	if (!ret)
		ret = start_run(t, &c);
	dmm_remote_close(&c.remote);
	for (i = 0; i < c.nr; i++)
		dmm_source_clear(&c.disks[i].s);
out_free:
	free(c.disks);
	free(c.manifest);
	return ret;
}

const struct dmm_verb dmm_verb_start = {
	.name = "start",
	.operands = "SOURCE HOST[:PORT]:/DEST|SR [SOURCE HOST[:PORT]:/DEST|SR ...] | --resume ID",
	.brief = "attach SOURCE and begin to copy it, live, to /DEST at HOST\n\n"
		 "All disks that are named together are one migration, and are handed over as one, all or none: name\n"
		 "all disks of a virtual machine.\n\n"
		 "SOURCE stays in use all the time.  /DEST is a block device or file there, at least as\n"
		 "large.  With SR, a name without slash, a volume is made in the storage repository that the host there\n"
		 "calls so ('sr' in its dmmigrated.conf); it goes again should the migration come to nothing.\n\n"
		 "Starting again what runs already is the same migration; what lost its connection\n"
		 "goes on from where it was, what has failed is copied from the beginning.  Where the bitmap was\n"
		 "lost with its host, --resume reads both disks instead; until that has ended nothing can be cut\n"
		 "over, and what is interrupted is done again.",
	.options = start_options,
	.max_operands = DMM_MAX_OPERANDS,
	.needs_root = true,
	.run = cmd_start,
};
