// SPDX-License-Identifier: GPL-2.0
/*
 * What start says without doing: the dry run, and the result for machines.
 */
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "start.h"

void dmm_start_result(struct dmm_tool *t, const struct dmm_start *c, bool running)
{
	dmm_result_text(t, "source", t->source);
	dmm_result_text(t, "migration", c->hex);
	dmm_result_text(t, "host", c->to.host);
	dmm_result_u64(t, "port", c->to.port);
	dmm_result_text(t, "dest", c->to.path);
	dmm_result_text(t, "gate", *c->gate ? c->gate : NULL);
	dmm_result_u64(t, "size_bytes", c->pre.size_bytes);
	dmm_result_u64(t, "block_bytes", c->pre.block_bytes);
	dmm_result_u64(t, "connections", c->conns);
	dmm_result_bool(t, "was_running", running);
	dmm_result_bool(t, "resumed", c->resume);
}

static void say_table(struct dmm_tool *t, const char *what, const char *name,
		      const struct dmm_dm_table *table)
{
	dmm_autofree char *text = dmm_dm_table_format(table, false);
	char *line, *save = NULL;

	dmm_say(t, "%s %s", what, name);
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		dmm_say(t, "    %s", line);
}

int dmm_start_dry_run(struct dmm_tool *t, struct dmm_start *c)
{
	char name[DMM_DM_NAME_BYTES], uuid[DMM_DM_UUID_BYTES], params[DMM_DM_NAME_BYTES + 24];
	dmm_autofree char *text = dmm_dm_table_format(c->attached ? &c->s.origin_table :
						      &c->s.table, false);
	const char *signature = (const char *)c->prepared.signature;
	u64 sectors = c->pre.size_bytes / DMM_SECTOR_BYTES;

	dmm_origin_name(c->s.live.name, c->id, name);
	dmm_origin_uuid_format(c->id, uuid);
	snprintf(params, sizeof(params), "<%s> %u", name, c->pre.block_bytes / DMM_SECTOR_BYTES);
	dmm_say(t, "Dry run: both ends agree; nothing is done.  The steps would be:");
	if (c->resume)
		dmm_say(t, "  kernel: the lost connections of %s are replaced, what is dirty goes on",
			c->s.live.name);
	else if (c->attached)
		dmm_say(t, "  kernel: STOP of what runs no more; the migrate target of %s stays",
			c->s.live.name);
	else if (!c->pre.module_loaded)
		dmm_say(t, "  modprobe dm-migrate");
	dmm_say(t, "  receiver %s: PREPARE %s, %llu bytes%s%s", c->remote.where, c->to.path,
		c->pre.size_bytes, *signature ? ", overwriting " : "", signature);
	dmm_say(t, "  dmmigrated of both hosts: journals of who owns it%s%s", *c->gate ? "; there the gate " : "", c->gate);
	if (!c->attached) {
		dmm_say(t, "  a scratch device with the target, to see that it sees writes");
		say_table(t, "  dmsetup create, with UUID", uuid, &c->s.table);
		dmm_say(t, "    as %s", name);
		dmm_say(t, "  dmsetup load %s", c->s.live.name);
		dmm_say(t, "    0 %llu migrate %s", sectors, params);
		dmm_say(t, "  dmsetup resume --nolockfs %s", c->s.live.name);
	}
	dmm_say(t, "  receiver %s: ATTACH %u data connection%s, handed to the kernel", c->remote.where,
		c->conns, c->conns == 1 ? "" : "s");
	dmm_say(t, "  kernel: START, %s", t->args.bandwidth == DMM_UNSET || !t->args.bandwidth ?
		"unlimited" : "with the given bandwidth");
	dmm_start_result(t, c, false);
	dmm_result_bool(t, "dry_run", true);
	dmm_result_text(t, "origin_name", name);
	dmm_result_text(t, "original_table", text);
	dmm_result_u64(t, "dest_size_bytes", le64_to_cpu(c->prepared.size_bytes));
	dmm_result_text(t, "dest_signature", *signature ? signature : NULL);
	return DMM_EXIT_OK;
}
