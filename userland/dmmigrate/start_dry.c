// SPDX-License-Identifier: GPL-2.0
/*
 * What start says without doing: the dry run, and the result for machines.
 */
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "start.h"
#include "status_json.h"

static struct json_object *disk_json(const struct dmm_tool *t, const struct dmm_start *c, const struct dmm_start_disk *d)
{
	struct json_object *o = json_object_new_object();
	const char *signature = (const char *)d->prepared.signature;
	char name[DMM_DM_NAME_BYTES];

	json_object_object_add(o, "source", dmm_json_text(d->s.live.name));
	json_object_object_add(o, "migration", dmm_json_text(c->hex));
	json_object_object_add(o, "disk", json_object_new_int64(d->disk));
	json_object_object_add(o, "host", dmm_json_text(d->to.host));
	json_object_object_add(o, "port", json_object_new_int64(d->to.port));
	json_object_object_add(o, "dest", dmm_json_text(d->to.path));
	json_object_object_add(o, "gate", dmm_json_text(*d->gate ? d->gate : NULL));
	json_object_object_add(o, "size_bytes", json_object_new_uint64(d->pre.size_bytes));
	json_object_object_add(o, "block_bytes", json_object_new_uint64(d->pre.block_bytes));
	json_object_object_add(o, "connections", json_object_new_int64(d->conns));
	json_object_object_add(o, "was_running", json_object_new_boolean(d->running));
	json_object_object_add(o, "resumed", json_object_new_boolean(d->resume));
	if (t->args.dry_run && !d->running) {
		dmm_autofree char *text = dmm_dm_table_format(d->attached ? &d->s.origin_table : &d->s.table, false);

		dmm_origin_name(d->s.live.name, c->id, d->disk, name);
		json_object_object_add(o, "dry_run", json_object_new_boolean(true));
		json_object_object_add(o, "origin_name", dmm_json_text(name));
		json_object_object_add(o, "original_table", dmm_json_text(text));
		json_object_object_add(o, "dest_size_bytes",
				       json_object_new_uint64(le64_to_cpu(d->prepared.size_bytes)));
		json_object_object_add(o, "dest_signature", dmm_json_text(*signature ? signature : NULL));
	}
	return o;
}

void dmm_start_result(struct dmm_tool *t, const struct dmm_start *c)
{
	struct json_object *list = json_object_new_array(), *first = disk_json(t, c, &c->disks[0]);
	u32 i;

	/* as of the days of one disk, and then all of them */
	json_object_object_foreach(first, key, value)
		dmm_result_add(t, key, json_object_get(value));
	json_object_put(first);
	for (i = 0; i < c->nr; i++)
		json_object_array_add(list, disk_json(t, c, &c->disks[i]));
	dmm_result_add(t, "disks", list);
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

static void dry_disk(struct dmm_tool *t, struct dmm_start *c, const struct dmm_start_disk *d)
{
	char name[DMM_DM_NAME_BYTES], uuid[DMM_DM_UUID_BYTES], params[DMM_DM_NAME_BYTES + 24];
	const char *signature = (const char *)d->prepared.signature;

	dmm_origin_name(d->s.live.name, c->id, d->disk, name);
	dmm_origin_uuid_format(c->id, d->disk, uuid);
	snprintf(params, sizeof(params), "<%s> %u", name, d->pre.block_bytes / DMM_SECTOR_BYTES);
	if (d->resume)
		dmm_say(t, "  kernel: the lost connections of %s are replaced, what is dirty goes on",
			d->s.live.name);
	else if (d->attached)
		dmm_say(t, "  kernel: STOP of what runs no more; the migrate target of %s stays",
			d->s.live.name);
	else if (!d->pre.module_loaded)
		dmm_say(t, "  modprobe dm-migrate");
	if (d->to.sr[0])
		dmm_say(t, "  receiver %s: VOLUME %s, in the storage repository %s", c->remote.where, d->to.path, d->to.sr);
	dmm_say(t, "  receiver %s: PREPARE %s, %llu bytes%s%s", c->remote.where, d->to.path,
		d->pre.size_bytes, *signature ? ", overwriting " : "", signature);
	dmm_say(t, "  dmmigrated of both hosts: journals of who owns it%s%s", *d->gate ? "; there the gate " : "", d->gate);
	if (!d->attached) {
		dmm_say(t, "  a scratch device with the target, to see that it sees writes");
		say_table(t, "  dmsetup create, with UUID", uuid, &d->s.table);
		dmm_say(t, "    as %s", name);
		dmm_say(t, "  dmsetup load %s", d->s.live.name);
		dmm_say(t, "    0 %llu migrate %s", d->pre.size_bytes / DMM_SECTOR_BYTES, params);
		dmm_say(t, "  dmsetup resume --nolockfs %s", d->s.live.name);
	}
	dmm_say(t, "  receiver %s: ATTACH %u data connection%s, handed to the kernel", c->remote.where,
		d->conns, d->conns == 1 ? "" : "s");
	dmm_say(t, "  kernel: START, %s", t->args.bandwidth == DMM_UNSET || !t->args.bandwidth ?
		"unlimited" : "with the given bandwidth");
}

void dmm_start_dry_run(struct dmm_tool *t, struct dmm_start *c)
{
	u32 i;

	dmm_say(t, "Dry run: both ends agree; nothing is done.  The steps would be:");
	for (i = 0; i < c->nr; i++) {
		if (c->nr > 1)
			dmm_say(t, " %s (disk %u of %u)%s", c->disks[i].s.live.name, c->disks[i].disk + 1, c->total,
				c->disks[i].running ? ": nothing, it runs" : ":");
		if (!c->disks[i].running)
			dry_disk(t, c, &c->disks[i]);
	}
	dmm_start_result(t, c);
}
