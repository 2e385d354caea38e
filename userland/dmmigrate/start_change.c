// SPDX-License-Identifier: GPL-2.0
/*
 * The changes of a start, once the receiver has said yes to all disks, and their way back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attach.h"
#include "awake.h"
#include "cleanup.h"
#include "owners.h"
#include "start.h"

/* @witness: NULL before there is one.  0 or -errno. */
static int start_save(const struct dmm_start *c, const struct dmm_start_disk *d, const struct dmm_witness *witness)
{
	dmm_autofree char *table = dmm_dm_table_format(d->s.origin_table.nr ?
					&d->s.origin_table : &d->s.table, false);
	struct dmm_record rec = {
		.disk = d->disk, .disks = c->total, .to = d->to,
		.major = d->s.live.major, .minor = d->s.live.minor,
		.size_bytes = d->pre.size_bytes, .block_bytes = d->pre.block_bytes,
		.started_s = (u64)time(NULL), .conn_epoch = d->conn_epoch, .conns = d->conns,
		.table = table,
	};

	memcpy(rec.id, c->id, sizeof(c->id));
	snprintf(rec.source, sizeof(rec.source), "%s", d->s.live.name);
	memcpy(rec.gate, d->gate, sizeof(rec.gate));
	rec.has_witness = witness;
	if (witness)
		rec.witness = *witness;
	return table ? dmm_record_save(DMM_RUN_DIR, &rec) : -ENOMEM;
}

int dmm_start_need_daemon(struct dmm_tool *t, struct dmm_start *c)
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
	dmm_source_speak_of(t, &c->disks[0].s);
	dmm_source_verdict(t, &c->disks[0].s, &owner, &use);
	dmm_next(t, "systemctl start dmmigrated");
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s", here.why);
}

/* What the record says, for the daemon's journal. 0 or an exit code, with c->why. */
static int start_adopt(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	struct dmm_record rec = { 0 };
	struct dmm_remote here;
	int ret;

	dmm_remote_init(&here);
	ret = dmm_record_load(DMM_RUN_DIR, c->id, d->disk, &rec);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot read the record of %s in %s: %s", t->source, DMM_RUN_DIR,
			 strerror(-ret));
		return DMM_EXIT_LOCAL;
	}
	ret = dmm_owners_adopt(t, &here, &rec);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "%s", here.why);
		/* what this host's own daemon refuses is nobody else's doing */
		ret = here.exit == DMM_EXIT_TRANSPORT ? DMM_EXIT_LOCAL :
		      here.exit == DMM_EXIT_REMOTE ? DMM_EXIT_PREFLIGHT : here.exit;
	}
	dmm_remote_close(&here);
	dmm_record_clear(&rec);
	return ret;
}

static enum dmm_use use_of(const struct dmm_start_disk *d)
{
	return d->attached ? DMM_USE_ATTACHED : DMM_USE_UNCHANGED;
}

static int start_record(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	/* what goes on has been watched all the time */
	bool watched = d->resume && d->s.record.has_witness;
	int ret = start_save(c, d, watched ? &d->s.record.witness : NULL);

	if (!ret)
		return 0;
	dmm_next(t, "df %s", DMM_RUN_DIR);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, use_of(d), "cannot write the record of %s in %s: %s",
			t->source, DMM_RUN_DIR, strerror(-ret));
}

/* From here on the target's account and that of the device itself have to agree. */
static int start_witness(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	struct dmm_witness witness;
	int ret;

	ret = dmm_witness_begin(t->nl, &d->s.live, &witness);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot read the statistics of %s: %s", t->source,
			 strerror(-ret));
		return DMM_EXIT_LOCAL;
	}
	ret = start_save(c, d, &witness);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot write the record of %s in %s: %s", t->source,
			 DMM_RUN_DIR, strerror(-ret));
		return DMM_EXIT_LOCAL;
	}
	return start_adopt(t, c, d);
}

static const char start_interrupted[] = "interrupted before it began";

static void next_again(struct dmm_tool *t)
{
	char words[400];

	dmm_next(t, "dmmigrate start %s (again)", dmm_start_words(t, words, sizeof(words)));
}

/* Records, and journals: nothing is done to a device yet. 0 or an exit code, reported. */
static int start_remember(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;
	int ret;

	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->running)
			continue;
		dmm_source_speak_of(t, &d->s);
		ret = start_record(t, c, d);
		if (ret)
			return ret;
	}
	dmm_stop_at("prepared");
	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->running)
			continue;
		dmm_source_speak_of(t, &d->s);
		ret = start_adopt(t, c, d);
		if (ret) {
			if (ret == DMM_EXIT_PREFLIGHT)
				next_again(t);
			else
				dmm_next(t, "systemctl status dmmigrated");
			return dmm_fail(t, ret, DMM_OWNER_SOURCE, use_of(d), "%s", c->why);
		}
	}
	next_again(t);
	if (dmm_signal_seen())
		return dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, use_of(&c->disks[0]), "%s",
				start_interrupted);
	return 0;
}

/* The target into all live devices that do not have it. 0 or an exit code, reported. */
static int start_attach(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;
	bool looked = false;
	int ret;

	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->attached)
			continue;
		dmm_source_speak_of(t, &d->s);
		ret = looked ? 0 : dmm_awake_canary(t, c->why, sizeof(c->why));
		if (ret)
			return dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", c->why);
		looked = true;
		ret = dmm_attach(t, &d->s, c->id, d->disk, d->pre.block_bytes, NULL);
		if (ret)
			return ret;
	}
	return 0;
}

/* All have the target: one after the other begins to copy. 0 or an exit code, with c->why. */
static int start_copying(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;
	int ret;

	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->running)
			continue;
		dmm_source_speak_of(t, &d->s);
		ret = dmm_awake_live(t, &d->s, c->why, sizeof(c->why));
		if (!ret && !d->resume)
			ret = start_witness(t, c, d);
		if (!ret)
			ret = dmm_start_connect(t, c, d);
		if (ret)
			return ret;
		if (dmm_signal_seen()) {
			snprintf(c->why, sizeof(c->why), "%s", start_interrupted);
			return DMM_EXIT_ABORTED;
		}
	}
	return 0;
}

/* Puts back what this start attached.  False: one of them stays as it is, which is reported. */
static bool start_detach(struct dmm_tool *t, struct dmm_start *c)
{
	bool restored, all = true;
	u32 i;

	for (i = c->nr; i-- > 0;) {
		struct dmm_start_disk *d = &c->disks[i];

		if (d->attached || !d->s.ours)	/* what is left of a failed attach is needed to mend it */
			continue;
		dmm_source_speak_of(t, &d->s);
		if (dmm_detach(t, &d->s, &restored))
			all = false;
	}
	return all;
}

void dmm_start_undo(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;

	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->attached || d->s.has_origin)
			continue;
		if (t->args.resume) {	/* there the migration is what it was, for another try */
			dmm_record_remove(DMM_RUN_DIR, c->id, d->disk);
			continue;
		}
		dmm_source_speak_of(t, &d->s);
		d->s.has_id = true;
		memcpy(d->s.id, c->id, sizeof(c->id));
		memcpy(d->s.hex, c->hex, sizeof(c->hex));
		d->s.disk = d->disk;
		d->s.has_record = true;
		d->s.record.to = d->to;
		dmm_forget(t, &d->s);
	}
}

int dmm_start_change(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;
	char failed[DMM_SOURCE_BYTES];
	bool any_attached = false;
	int ret;

	for (d = c->disks; d < c->disks + c->nr; d++)
		any_attached = any_attached || d->attached;
	ret = start_remember(t, c);
	if (!ret)
		ret = start_attach(t, c);
	if (ret) {	/* reported */
		start_detach(t, c);
		dmm_start_undo(t, c);
		return ret;
	}
	ret = start_copying(t, c);
	if (!ret)
		return 0;
	snprintf(failed, sizeof(failed), "%s", t->source);
	if (!start_detach(t, c)) {
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, ret, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s", c->why);
	}
	next_again(t);
	snprintf(t->source, sizeof(t->source), "%s", failed);
	/* what was attached before stays so, as this start found it */
	ret = dmm_fail(t, ret, DMM_OWNER_SOURCE, any_attached ? DMM_USE_ATTACHED : DMM_USE_RESTORED, "%s", c->why);
	dmm_start_undo(t, c);
	return ret;
}
