// SPDX-License-Identifier: GPL-2.0
/*
 * PREPARE of a start, and what a person may have to confirm for it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sr.h"
#include "start.h"

int dmm_start_remote_failed(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	char words[400];
	enum dmm_owner owner;
	enum dmm_use use;

	dmm_source_verdict(t, &d->s, &owner, &use);
	if (c->remote.code == DMM_WERR_SIGNATURE)
		dmm_next(t, "dmmigrate start --yes %s (overwrites what is there)",
			 dmm_start_words(t, words, sizeof(words)));
	else if (c->remote.err == -EADDRNOTAVAIL)
		dmm_next(t, "getent hosts %s", d->to.host);
	else if (!c->remote.code && c->remote.exit == DMM_EXIT_PREFLIGHT)
		dmm_next(t, "dmmigrate keys list");
	else if (!c->remote.code)
		dmm_next(t, "systemctl status dmmigrated (on %s)", d->to.host);
	else
		dmm_next(t, "dmmigrate start --dry-run %s (once that is mended)",
			 dmm_start_words(t, words, sizeof(words)));
	return dmm_fail(t, c->remote.exit, owner, use, "%s", c->remote.why);
}

/*
 * The name of the gate, @name of @bytes: what is asked for, else what the migration has had, else one that in any case
 * is no name of a device that the source's host has.  0 or -ENAMETOOLONG.
 */
static int start_gate(const struct dmm_tool *t, const struct dmm_start_disk *d, char *name, size_t bytes)
{
	bool known = d->again && d->s.has_record;
	int n;

	if (t->args.gate || t->args.no_gate)
		n = snprintf(name, bytes, "%s", t->args.no_gate ? "" : t->args.gate);
	else
		n = snprintf(name, bytes, "%s%s", known ? d->s.record.gate : d->s.live.name, known ? "" : ".dmm");
	return (size_t)n < bytes ? 0 : -ENAMETOOLONG;
}

static int start_request(const struct dmm_tool *t, const struct dmm_start *c, struct dmm_start_disk *d,
			 bool overwrite, bool check, struct dmm_wire_prepare *req)
{
	char path[DMM_DM_NAME_BYTES + 16];
	int ret;

	memset(req, 0, sizeof(*req));
	memcpy(req->id.migration, c->id, DMM_ID_BYTES);
	req->id.disk = cpu_to_le32(d->disk);
	req->size_bytes = cpu_to_le64(d->pre.size_bytes);
	req->block_bytes = cpu_to_le32(d->pre.block_bytes);
	req->lbs_bytes = cpu_to_le32(d->pre.lbs_bytes);
	req->conns = cpu_to_le32(d->conns);
	req->flags = cpu_to_le32((overwrite ? DMM_PREPARE_OVERWRITE : 0) |
				 (check ? DMM_PREPARE_CHECK : 0));
	req->group_disks = cpu_to_le32(c->total);
	ret = start_gate(t, d, d->gate, sizeof(d->gate));
	if (!ret)
		ret = dmm_text_put(req->gate, sizeof(req->gate), d->gate);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/mapper/%s", d->s.live.name);
	return dmm_remote_texts(req, d->pre.identity, path, d->to.path);
}

static void volume_request(const struct dmm_tool *t, const struct dmm_start *c, const struct dmm_start_disk *d, bool check,
			   struct dmm_wire_volume *req)
{
	char label[DMM_VOLUME_LABEL], host[65] = "";

	memset(req, 0, sizeof(*req));
	memcpy(req->id.migration, c->id, DMM_ID_BYTES);
	req->id.disk = cpu_to_le32(d->disk);
	req->group_disks = cpu_to_le32(c->total);
	req->flags = cpu_to_le32(check ? DMM_VOLUME_CHECK : 0);
	req->size_bytes = cpu_to_le64(d->pre.size_bytes);
	dmm_sr_label(t->label ? t->label : d->s.live.name, label);
	gethostname(host, sizeof(host) - 2);
	/* they fit */
	dmm_text_put(req->sr, sizeof(req->sr), d->to.sr);
	dmm_text_put(req->label, sizeof(req->label), label);
	dmm_text_put(req->source_host, sizeof(req->source_host), host);
}

/* Nothing was written yet: too little room is no failure of a disk. */
static int volume_failed(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	if (c->remote.code == DMM_WERR_NOSPC)
		c->remote.exit = DMM_EXIT_PREFLIGHT;
	return dmm_start_remote_failed(t, c, d);
}

/* 0 or an exit code, reported. */
static int start_volume(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d, bool check)
{
	struct dmm_wire_volume_ok ok;
	struct dmm_wire_volume req;
	u32 flags;

	if (c->remote.client.fd < 0 && dmm_remote_open(&c->remote, &d->to))
		return dmm_start_remote_failed(t, c, d);
	if (!(c->remote.client.features & DMM_FEATURE_VOLUME)) {
		dmm_next(t, "upgrade dmmigrated at %s", d->to.host);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"the receiver is older and has no storage repositories");
	}
	volume_request(t, c, d, check || t->needs_gate, &req);
	if (dmm_remote_volume(&c->remote, &req, &ok))
		return volume_failed(t, c, d);
	flags = le32_to_cpu(ok.flags);
	if (t->needs_gate && flags & DMM_VOLUME_FILE) {
		dmm_next(t, "name a storage repository there that is a volume group or a thin pool");
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"the storage repository %s at %s is a directory: no gate can stand before a file, and the virtual machine needs one",
				d->to.sr, d->to.host);
	}
	if (!check && t->needs_gate) {
		volume_request(t, c, d, false, &req);
		if (dmm_remote_volume(&c->remote, &req, &ok))
			return volume_failed(t, c, d);
	}
	d->made = !check;
	memcpy(d->to.path, ok.path, sizeof(d->to.path));
	if (!check)
		return 0;
	memset(&d->prepared, 0, sizeof(d->prepared));
	d->prepared.size_bytes = ok.size_bytes;
	d->prepared.flags = cpu_to_le32(flags & DMM_VOLUME_FILE ? DMM_PREPARED_FILE | DMM_PREPARED_EMPTY : DMM_PREPARED_GATED);
	if (flags & DMM_VOLUME_FILE || start_gate(t, d, d->gate, sizeof(d->gate)))
		d->gate[0] = '\0';
	return 0;
}

int dmm_start_prepare(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d, bool check)
{
	/* said once for this very destination; a record that is lost does not say which one */
	bool overwrite = t->args.yes || t->args.resume || (d->attached && d->s.has_record), asked = false;
	struct dmm_wire_prepare req;
	char question[2304];
	int ret;

	if (d->to.sr[0] && !d->resume) {
		ret = start_volume(t, c, d, check);
		if (ret || check)
			return ret;
	}
	for (;;) {
		if (start_request(t, c, d, overwrite, check, &req))
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
					"a name is too long for the receiver");
		if (c->remote.client.fd < 0 && dmm_remote_open(&c->remote, &d->to))
			return dmm_start_remote_failed(t, c, d);
		if (!(c->remote.client.features & DMM_FEATURE_GROUP)) {
			dmm_next(t, "upgrade dmmigrated at %s", d->to.host);
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
					"the receiver is older and keeps no journal of a hand-over");
		}
		if (!dmm_remote_prepare(&c->remote, &req, &d->prepared)) {
			/* a file gets none */
			if (!check && !(le32_to_cpu(d->prepared.flags) & DMM_PREPARED_GATED))
				d->gate[0] = '\0';
			d->conn_epoch = dmm_max_u64(d->conn_epoch, le64_to_cpu(d->prepared.conn_epoch) + 1);
			return 0;
		}
		if (c->remote.code != DMM_WERR_SIGNATURE || asked || check)
			return dmm_start_remote_failed(t, c, d);
		asked = true;
		snprintf(question, sizeof(question), "%s\nEverything at %s:%s will be overwritten.",
			 c->remote.why, d->to.host, d->to.path);
		if (!dmm_confirm(t, d->to.path, question))
			return dmm_start_remote_failed(t, c, d);
		overwrite = true;
	}
}

int dmm_start_confirm_flush(struct dmm_tool *t, const struct dmm_start_disk *d)
{
	char question[2304];

	if (!(le32_to_cpu(d->prepared.flags) & DMM_PREPARED_NOFLUSH))
		return 0;
	if (d->resume || t->args.resume)	/* it was confirmed when the migration began */
		return 0;
	snprintf(question, sizeof(question), "%s cannot be flushed: what the guest was told is on the "
		 "disk may be lost when its server fails.", d->to.path);
	if (t->args.yes || dmm_confirm(t, d->to.path, question)) {
		dmm_note(t, "%s", question);
		return 0;
	}
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
			"%s Confirm with --yes, or use a server that can flush", question);
}
