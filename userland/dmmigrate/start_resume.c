// SPDX-License-Identifier: GPL-2.0
/*
 * start --resume ID: the source's host was rebooted during the copy.  Device-mapper, the kernel and /run know nothing any
 * more, the journals of both hosts do; what differs is found out by a comparison.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/state.h"
#include "journal.h"
#include "manifest.h"
#include "owners.h"
#include "start.h"

__attribute__((format(printf, 3, 4)))
static int refused(struct dmm_tool *t, enum dmm_use use, const char *fmt, ...)
{
	char why[768];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, use, "%s", why);
}

/* By the journal of this host the source owns the disks, and nothing has begun to hand them over. */
static int ask_here(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;

	if (dmm_owners_source_status(t, &here, c->id, &ok)) {
		dmm_next(t, here.code == DMM_WERR_NOTFOUND ? "dmmigrate recover (without an id: all that are known)" :
			 "systemctl start dmmigrated");
		if (here.code == DMM_WERR_NOTFOUND)
			return refused(t, DMM_USE_UNCHANGED, "this host is not the source of any migration %s", c->hex);
		return refused(t, DMM_USE_UNCHANGED, "%s", here.why);
	}
	if (dmm_owners_is(&ok, DMM_STATES(DMM_HO_ACTIVE)))
		return 0;
	dmm_next(t, "dmmigrate recover %s", c->hex);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, dmm_owners_is(&ok, DMM_STATES(DMM_HO_RELEASED)) ? DMM_OWNER_DEST :
			DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "by the journal of this host it is %s: only what is active "
			"can be copied on", dmm_ho_state_name(dmm_owners_state(&ok)));
}

static int take_manifest(struct dmm_tool *t, struct dmm_start *c)
{
	char why[DMM_MANIFEST_WHY];

	dmm_next(t, "dmmigrate recover %s", c->hex);
	if (dmm_manifest_load(DMM_JOURNAL_DIR "/source", c->id, &c->manifest, why))
		return refused(t, DMM_USE_UNCHANGED, "%s", why);
	if (!dmm_manifest_complete(c->manifest))
		return refused(t, DMM_USE_UNCHANGED, "the start of this migration did not come as far as to copy");
	return 0;
}

/* The destination still waits for this migration's data, so its disks are nobody else's. */
static int ask_there(struct dmm_tool *t, struct dmm_start *c)
{
	/* REFUSED: of an epoch that is over, the next may come */
	static const u32 waits = DMM_STATES(DMM_HO_RECEIVING) | DMM_STATES(DMM_HO_COMPLETE) | DMM_STATES(DMM_HO_REFUSED);
	const struct dmm_manifest *m = c->manifest;
	struct dmm_wire_group_ok there;
	struct dmm_target to = { .port = m->port };
	struct dmm_remote r;
	int ret;

	to.plaintext = t->args.insecure_plaintext;
	snprintf(to.host, sizeof(to.host), "%s", m->host);
	dmm_remote_init(&r);
	ret = dmm_owners_ask_there(&r, &to, c->id, DMM_GROUP_STATUS, 0, 0, &there);
	memcpy(c->instance, r.hello.instance, sizeof(c->instance));
	dmm_remote_close(&r);
	if (ret && r.code == DMM_WERR_NOTFOUND) {
		dmm_next(t, "dmmigrate cancel %s, then begin a new migration", m->disks[0].name);
		return refused(t, DMM_USE_UNCHANGED, "the destination has forgotten this migration: %s", r.why);
	}
	if (ret) {
		dmm_next(t, "systemctl status dmmigrated (on %s)", to.host);
		return dmm_fail(t, r.exit, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", r.why);
	}
	if (!dmm_owners_is(&there, waits)) {
		dmm_next(t, "dmmigrate recover %s", c->hex);
		return refused(t, DMM_USE_UNCHANGED, "the destination is %s, and takes no data any more",
			       dmm_ho_state_name(dmm_owners_state(&there)));
	}
	/* the gate as it is; of several disks it tells the first one's, and the others' are called by their sources */
	if (!there.device[0])
		t->args.no_gate = true;
	else if (m->nr_disks == 1)
		t->args.gate = strdup((const char *)there.device);	/* for as long as the program runs */
	return 0;
}

/* As if all of it had been typed: what is typed lives as long as the program, too. 0 or an exit code, reported. */
static int set_operands(struct dmm_tool *t, const struct dmm_manifest *m)
{
	char to[DMM_HOST_MAX + 16], *text;
	u32 i;

	dmm_hostport_format(m->host, m->port, to, sizeof(to));
	for (i = 0; i < m->nr_disks; i++) {
		if (asprintf(&text, "%s:%s", to, m->disks[i].path) < 0)
			return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
		t->args.operands[2 * i] = m->disks[i].name;
		t->args.operands[2 * i + 1] = text;
	}
	t->args.nr_operands = 2 * m->nr_disks;
	return 0;
}

int dmm_start_by_id(struct dmm_tool *t, struct dmm_start *c)
{
	int ret;

	if (t->args.nr_operands)
		return dmm_usage(t, "--resume goes by the journals: no SOURCE goes with it");
	if (t->args.again || t->args.gate || t->args.no_gate)
		return dmm_usage(t, "--resume goes neither with --again nor with another gate");
	if (dmm_id_parse(t->args.resume, c->id))
		return dmm_usage(t, "--resume '%.64s' is not the id of a migration", t->args.resume);
	dmm_id_format(c->id, c->hex);
	ret = ask_here(t, c);
	if (!ret)
		ret = take_manifest(t, c);
	if (!ret)
		ret = ask_there(t, c);
	return ret ? ret : set_operands(t, c->manifest);
}

int dmm_start_by_id_attached(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d,
			     const struct dmm_nl_info *info)
{
	if (memcmp(d->s.id, c->id, sizeof(c->id)) || d->s.disk != d - c->disks) {
		dmm_next(t, "dmmigrate status %s", t->source);
		return refused(t, DMM_USE_ATTACHED, "%s is the source of another migration by now, %s", t->source,
			       d->s.hex);
	}
	switch (info->state) {
	case DMM_STATE_COMPARING:
		d->compare = true;
		/* by the connections that there are, if they are to the receiver that answers; else it begins again */
		d->comparing = !memcmp(info->instance, c->instance, sizeof(c->instance));
		if (!d->comparing)
			return 0;
		d->running = true;
		d->conn_epoch = info->conn_epoch;
		d->conns = info->conns;
		memcpy(d->receiver, info->instance, sizeof(d->receiver));
		return 0;
	case DMM_STATE_IDLE:
	case DMM_STATE_FAILED:
		d->compare = true;
		return 0;
	case DMM_STATE_DISCONNECTED:
		dmm_next(t, "dmmigrate recover %s (connects again; or dmmigrate start, with all operands)", c->hex);
		return refused(t, DMM_USE_ATTACHED, "%s is disconnected: its bitmap is not lost, nothing need be compared",
			       t->source);
	default:
		d->running = true;
		return 0;
	}
}

int dmm_start_by_id_unattached(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	u64 was_bytes = c->manifest->disks[d - c->disks].size_bytes;

	d->conn_epoch = d->s.has_record ? d->s.record.conn_epoch + 1 : 1;	/* PREPARED may say more */
	d->again = true;
	d->compare = true;
	memcpy(d->s.id, c->id, sizeof(c->id));
	memcpy(d->s.hex, c->hex, sizeof(c->hex));
	d->s.has_id = true;
	d->s.disk = (u32)(d - c->disks);
	if (d->pre.size_bytes == was_bytes)
		return 0;
	dmm_next(t, "dmmigrate cancel %s, then begin a new migration", t->source);
	return refused(t, DMM_USE_UNCHANGED, "%s has %llu bytes, the migration's disk had %llu: it is another one",
		       t->source, d->pre.size_bytes, was_bytes);
}

int dmm_start_by_id_check(struct dmm_tool *t, struct dmm_start *c)
{
	struct dmm_start_disk *d;

	for (d = c->disks; d < c->disks + c->nr; d++) {
		if (d->compare)
			return 0;
	}
	dmm_source_speak_of(t, &c->disks[0].s);
	dmm_next(t, "dmmigrate status %s", t->source);
	return refused(t, DMM_USE_ATTACHED, "%s is being migrated already: its bitmap is not lost, nothing need be "
		       "compared", t->source);
}
