// SPDX-License-Identifier: GPL-2.0
/*
 * PREPARE of a start, and what a person may have to confirm for it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "start.h"

int dmm_start_remote_failed(struct dmm_tool *t, struct dmm_start *c)
{
	enum dmm_owner owner;
	enum dmm_use use;

	dmm_source_verdict(t, &c->s, &owner, &use);
	if (c->remote.code == DMM_WERR_SIGNATURE)
		dmm_next(t, "dmmigrate start --yes %s %s (overwrites what is there)",
			 t->args.operands[0], t->args.operands[1]);
	else if (c->remote.err == -EADDRNOTAVAIL)
		dmm_next(t, "getent hosts %s", c->to.host);
	else if (!c->remote.code)
		dmm_next(t, "systemctl status dmmigrated (on %s)", c->to.host);
	else
		dmm_next(t, "dmmigrate start --dry-run %s %s (once that is mended)",
			 t->args.operands[0], t->args.operands[1]);
	return dmm_fail(t, c->remote.exit, owner, use, "%s", c->remote.why);
}

/*
 * The name of the gate, @name of @bytes: what is asked for, else what the migration has had, else one that in any case
 * is no name of a device that the source's host has.  0 or -ENAMETOOLONG.
 */
static int start_gate(const struct dmm_tool *t, const struct dmm_start *c, char *name, size_t bytes)
{
	bool known = c->again && c->s.has_record;
	int n;

	if (t->args.gate || t->args.no_gate)
		n = snprintf(name, bytes, "%s", t->args.no_gate ? "" : t->args.gate);
	else
		n = snprintf(name, bytes, "%s%s", known ? c->s.record.gate : c->s.live.name, known ? "" : ".dmm");
	return (size_t)n < bytes ? 0 : -ENAMETOOLONG;
}

static int start_request(const struct dmm_tool *t, struct dmm_start *c, bool overwrite, bool check,
			 struct dmm_wire_prepare *req)
{
	char path[DMM_DM_NAME_BYTES + 16];
	int ret;

	memset(req, 0, sizeof(*req));
	memcpy(req->id.migration, c->id, DMM_ID_BYTES);
	req->size_bytes = cpu_to_le64(c->pre.size_bytes);
	req->block_bytes = cpu_to_le32(c->pre.block_bytes);
	req->lbs_bytes = cpu_to_le32(c->pre.lbs_bytes);
	req->conns = cpu_to_le32(c->conns);
	req->flags = cpu_to_le32((overwrite ? DMM_PREPARE_OVERWRITE : 0) |
				 (check ? DMM_PREPARE_CHECK : 0));
	req->group_disks = cpu_to_le32(1);
	ret = start_gate(t, c, c->gate, sizeof(c->gate));
	if (!ret)
		ret = dmm_text_put(req->gate, sizeof(req->gate), c->gate);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/mapper/%s", c->s.live.name);
	return dmm_remote_texts(req, c->pre.identity, path, c->to.path);
}

int dmm_start_prepare(struct dmm_tool *t, struct dmm_start *c, bool check)
{
	/* said once for this very destination; a record that is lost does not say which one */
	bool overwrite = t->args.yes || (c->attached && c->s.has_record), asked = false;
	struct dmm_wire_prepare req;
	char question[2304];

	for (;;) {
		if (start_request(t, c, overwrite, check, &req))
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
					"a name is too long for the receiver");
		if (c->remote.client.fd < 0 && dmm_remote_open(&c->remote, &c->to))
			return dmm_start_remote_failed(t, c);
		if (!(c->remote.client.features & DMM_FEATURE_GROUP)) {
			dmm_next(t, "upgrade dmmigrated at %s", c->to.host);
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
					"the receiver is older and keeps no journal of a hand-over");
		}
		if (!dmm_remote_prepare(&c->remote, &req, &c->prepared)) {
			/* a file gets none */
			if (!check && !(le32_to_cpu(c->prepared.flags) & DMM_PREPARED_GATED))
				c->gate[0] = '\0';
			return 0;
		}
		if (c->remote.code != DMM_WERR_SIGNATURE || asked || check)
			return dmm_start_remote_failed(t, c);
		asked = true;
		snprintf(question, sizeof(question), "%s\nEverything at %s:%s will be overwritten.",
			 c->remote.why, c->to.host, c->to.path);
		if (!dmm_confirm(t, c->to.path, question))
			return dmm_start_remote_failed(t, c);
		overwrite = true;
	}
}

int dmm_start_confirm_flush(struct dmm_tool *t, struct dmm_start *c)
{
	char question[2304];

	if (!(le32_to_cpu(c->prepared.flags) & DMM_PREPARED_NOFLUSH))
		return 0;
	if (c->resume)	/* it was confirmed when the migration began */
		return 0;
	snprintf(question, sizeof(question), "%s cannot be flushed: what the guest was told is on the "
		 "disk may be lost when its server fails.", c->to.path);
	if (t->args.yes || dmm_confirm(t, c->to.path, question)) {
		dmm_note(t, "%s", question);
		return 0;
	}
	dmm_remote_forget(&c->remote, c->id);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
			"%s Confirm with --yes, or use a server that can flush", question);
}
