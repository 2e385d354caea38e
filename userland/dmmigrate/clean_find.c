// SPDX-License-Identifier: GPL-2.0
/*
 * Looking for what migrations left on this host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "awake.h"
#include "clean_find.h"
#include "cleanup.h"
#include "core/state.h"
#include "group.h"
#include "nl.h"
#include "record.h"
#include "source.h"
#include "status_json.h"

static void clean_item(struct json_object *list, const char *kind, const char *name, const char *hex, const char *action)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "kind", dmm_json_text(kind));
	json_object_object_add(o, "name", dmm_json_text(name));
	json_object_object_add(o, "migration", dmm_json_text(hex));
	json_object_object_add(o, "action", dmm_json_text(action));
	json_object_array_add(list, o);
}

/* An origin device is a leftover unless a running migration stands on it. */
static int clean_list_origin(struct dmm_tool *t, const char *hex, u32 disk, struct json_object *list)
{
	char action[DMM_SOURCE_BYTES + 64], spec[DMM_SPEC_BYTES];
	struct dmm_nl_info info;
	struct dmm_source s;
	int ret;

	snprintf(spec, sizeof(spec), "%s.%u", hex, disk);
	ret = dmm_source_open(t, spec, &s);
	if (ret)
		goto out_clear;
	snprintf(action, sizeof(action), "dmmigrate clean %s", hex);
	if (!s.ours) {
		clean_item(list, "origin device", s.origin.name, hex, action);
		goto out_clear;
	}
	ret = dmm_source_info(t, &s, &info);
	if (ret)
		goto out_clear;
	if (info.state == DMM_STATE_IDLE)
		clean_item(list, "device attached but not started", s.live.name, hex, action);
	else if (info.state == DMM_STATE_RELEASED)
		clean_item(list, "device cut over", s.live.name, hex, action);
	else if (info.state == DMM_STATE_COMMITTED)
		clean_item(list, "device whose cutover has not ended", s.live.name, hex, action);
out_clear:
	dmm_source_clear(&s);
	return ret;
}

/* A record is a leftover when no device goes with it. */
static void clean_list_record(const struct dmm_record_key *key, struct json_object *list)
{
	char uuid[DMM_DM_UUID_BYTES], hex[DMM_ID_HEX], action[96];
	struct dmm_record rec = { 0 };
	struct dmm_dm_dev dev;

	dmm_origin_uuid_format(key->id, key->disk, uuid);
	if (!dmm_dm_find_uuid(uuid, &dev))
		return;
	dmm_id_format(key->id, hex);
	snprintf(action, sizeof(action), "dmmigrate clean %s", hex);
	if (dmm_record_load(DMM_RUN_DIR, key->id, key->disk, &rec))
		clean_item(list, "damaged record", "of an unknown source", hex, action);
	else
		clean_item(list, "record of", rec.source, hex, action);
	dmm_record_clear(&rec);
}

int dmm_clean_find(struct dmm_tool *t, struct json_object *list, int *err)
{
	dmm_autofree struct dmm_dm_dev *devs = NULL;
	struct dmm_record_key *keys = NULL;
	unsigned int nr_devs, nr_keys, i;
	int ret, code = DMM_EXIT_OK;
	char action[DMM_DM_NAME_BYTES + 32], hex[DMM_ID_HEX];
	u8 id[DMM_ID_BYTES];
	u32 disk;

	ret = dmm_dm_list(&devs, &nr_devs);
	if (!ret)
		ret = dmm_record_list(DMM_RUN_DIR, &keys, &nr_keys);
	*err = ret;
	if (ret)
		return DMM_EXIT_OK;
	for (i = 0; i < nr_devs; i++) {
		if (!strncmp(devs[i].uuid, DMM_CANARY_UUID, strlen(DMM_CANARY_UUID))) {
			snprintf(action, sizeof(action), "dmsetup remove %s", devs[i].name);
			clean_item(list, "scratch device", devs[i].name, "none", action);
		}
		if (dmm_origin_uuid_parse(devs[i].uuid, id, &disk))
			continue;
		dmm_id_format(id, hex);
		ret = clean_list_origin(t, hex, disk, list);
		if (ret)
			code = ret;
	}
	for (i = 0; i < nr_keys; i++)
		clean_list_record(&keys[i], list);
	free(keys);
	return code;
}
