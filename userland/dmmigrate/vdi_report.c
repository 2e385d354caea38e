// SPDX-License-Identifier: GPL-2.0
/*
 * What moves on this host have left to be done, as list and status tell it.
 */
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "core/state.h"
#include "source.h"
#include "vdi.h"

struct vdi_report {
	struct dmm_tool *t;
	const struct dmm_nl_info *infos;
	unsigned int nr, said;
	struct json_object *list;
};

/* By its device: before ATTACH the kernel knows no id. */
static const struct dmm_nl_info *find_info(const struct vdi_report *r, const struct dmm_vdi *v)
{
	struct dmm_dm_dev dev;
	unsigned int i;

	if (dmm_dm_find_name(v->source, &dev) || strcmp(dev.uuid, v->uuid))
		return NULL;
	for (i = 0; i < r->nr; i++) {
		if (r->infos[i].dev == ((u32)dev.major << 20 | dev.minor))
			return &r->infos[i];
	}
	return NULL;
}

static void add(struct vdi_report *r, const struct dmm_vdi *v, const char *hex, const char *next)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "source", json_object_new_string(v->source));
	json_object_object_add(o, "migration", json_object_new_string(hex));
	json_object_object_add(o, "dest", json_object_new_string(v->dest));
	json_object_object_add(o, "moved", json_object_new_boolean(v->moved));
	json_object_object_add(o, "next", json_object_new_string(next));
	json_object_array_add(r->list, o);
	r->said++;
}

/* Over the new disk, or gone since a restart? */
static bool is_on_new(const struct dmm_vdi *v)
{
	struct dmm_source s = { .vdi = *v };
	bool on_new;

	on_new = !dmm_dm_find_name(v->source, &s.live) && !strcmp(s.live.uuid, v->uuid) && !dmm_dm_table(&s.live, false, &s.table) &&
		 dmm_vdi_on_new(&s);
	dmm_dm_table_clear(&s.table);
	return on_new;
}

static bool report_one(void *arg, const struct dmm_vdi *v)
{
	struct vdi_report *r = arg;
	const struct dmm_nl_info *info = find_info(r, v);
	char hex[DMM_ID_HEX], next[DMM_DM_NAME_BYTES + DMM_SR_NAME + DMM_PATH_MAX];

	dmm_id_format(v->id, hex);
	if (info && info->state != DMM_STATE_COMMITTED)
		return false;	/* it is told of as a migration */
	snprintf(next, sizeof(next), "dmmigrate vdi %s", v->source);
	if (info) {
		dmm_say(r->t, "%s is between its disk and %s, and its I/O is held: unless that runs, %s", v->source, v->dest, next);
	} else if (v->moved && is_on_new(v)) {
		snprintf(next, sizeof(next), "dmmigrate release %s", hex);
		dmm_say(r->t, "%s has moved to %s, and its old disk is kept: once that is not needed any more, %s", v->source, v->dest, next);
	} else if (v->moved) {
		dmm_say(r->t, "%s has moved to %s, which is not what it is since a restart of this host: %s", v->source, v->dest, next);
	} else {
		snprintf(next, sizeof(next), "dmmigrate vdi %s --to %s", v->source, v->volume.sr.kind ? v->volume.sr.name : v->dest);
		dmm_say(r->t, "%s was to move to %s, and a restart of this host, or of the tool, has ended that: %s, or dmmigrate cancel %s",
			v->source, v->dest, next, hex);
	}
	add(r, v, hex, next);
	return false;
}

unsigned int dmm_vdi_report(struct dmm_tool *t, const struct dmm_nl_info *infos, unsigned int nr)
{
	struct vdi_report r = { .t = t, .infos = infos, .nr = nr, .list = json_object_new_array() };

	dmm_result_add(t, "moves", r.list);
	dmm_vdi_each(DMM_VDI_DIR, report_one, &r);
	return r.said;
}
