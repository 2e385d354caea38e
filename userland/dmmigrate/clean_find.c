// SPDX-License-Identifier: GPL-2.0
/*
 * Looking for what migrations left on this host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "awake.h"
#include "clean.h"
#include "cleanup.h"
#include "core/state.h"
#include "group.h"
#include "nl.h"
#include "record.h"
#include "source.h"

void dmm_clean_clear(struct dmm_clean_list *l)
{
	free(l->entries);
	memset(l, 0, sizeof(*l));
}

struct dmm_clean_entry *dmm_clean_add(struct dmm_clean_list *l, enum dmm_clean_how how, const char *kind, const char *hex)
{
	struct dmm_clean_entry *e, *grown = reallocarray(l->entries, l->nr + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	l->entries = grown;
	e = &l->entries[l->nr++];
	memset(e, 0, sizeof(*e));
	e->how = how;
	e->kind = kind;
	snprintf(e->hex, sizeof(e->hex), "%s", hex);
	if (dmm_id_parse(hex, e->id))
		memset(e->id, 0, sizeof(e->id));
	return e;
}

/* Of this host. -ENOMEM. */
static int clean_item(struct dmm_clean_list *l, enum dmm_clean_how how, const char *kind, const char *name, const char *hex)
{
	struct dmm_clean_entry *e = dmm_clean_add(l, how, kind, hex);

	if (!e)
		return -ENOMEM;
	snprintf(e->name, sizeof(e->name), "%s", name);
	if (how == DMM_CLEAN_SCRATCH)
		snprintf(e->action, sizeof(e->action), "dmsetup remove %s", name);
	else
		snprintf(e->action, sizeof(e->action), "dmmigrate clean %s", hex);
	if (how == DMM_CLEAN_KEPT)
		snprintf(e->why, sizeof(e->why), "whose its disk is the journals say, or a person");
	return 0;
}

static int no_memory(struct dmm_tool *t)
{
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "cannot look for leftovers: out of memory");
}

/* An origin device is a leftover unless a running migration stands on it. */
static int clean_list_origin(struct dmm_tool *t, const char *hex, u32 disk, struct dmm_clean_list *l)
{
	char spec[DMM_SPEC_BYTES];
	struct dmm_nl_info info;
	struct dmm_source s;
	int ret;

	snprintf(spec, sizeof(spec), "%s.%u", hex, disk);
	ret = dmm_source_open(t, spec, &s);
	if (ret)
		goto out_clear;
	if (!s.ours) {
		ret = clean_item(l, DMM_CLEAN_DEVICE, "origin device", s.origin.name, hex) ? no_memory(t) : 0;
		goto out_clear;
	}
	ret = dmm_source_info(t, &s, &info);
	if (ret)
		goto out_clear;
	if (info.state == DMM_STATE_IDLE)
		ret = clean_item(l, DMM_CLEAN_DEVICE, "device attached but not started", s.live.name, hex);
	else if (info.state == DMM_STATE_RELEASED)
		ret = clean_item(l, DMM_CLEAN_DEVICE, "device cut over", s.live.name, hex);
	else if (info.state == DMM_STATE_COMMITTED)
		ret = clean_item(l, DMM_CLEAN_KEPT, "device whose cutover has not ended", s.live.name, hex);
	if (ret)
		ret = no_memory(t);
out_clear:
	dmm_source_clear(&s);
	return ret;
}

/* A record is a leftover when no device goes with it. */
static int clean_list_record(const struct dmm_record_key *key, struct dmm_clean_list *l)
{
	char uuid[DMM_DM_UUID_BYTES], hex[DMM_ID_HEX];
	struct dmm_record rec = { 0 };
	struct dmm_dm_dev dev;
	int ret;

	dmm_origin_uuid_format(key->id, key->disk, uuid);
	if (!dmm_dm_find_uuid(uuid, &dev))
		return 0;
	dmm_id_format(key->id, hex);
	if (dmm_record_load(DMM_RUN_DIR, key->id, key->disk, &rec))
		ret = clean_item(l, DMM_CLEAN_DEVICE, "damaged record", "of an unknown source", hex);
	else
		ret = clean_item(l, DMM_CLEAN_DEVICE, "record of", rec.source, hex);
	dmm_record_clear(&rec);
	return ret;
}

int dmm_clean_find(struct dmm_tool *t, struct dmm_clean_list *l, int *err)
{
	dmm_autofree struct dmm_dm_dev *devs = NULL;
	struct dmm_record_key *keys = NULL;
	unsigned int nr_devs, nr_keys, i;
	int ret, code = DMM_EXIT_OK;
	char hex[DMM_ID_HEX];
	u8 id[DMM_ID_BYTES];
	u32 disk;

	ret = dmm_dm_list(&devs, &nr_devs);
	if (!ret)
		ret = dmm_record_list(DMM_RUN_DIR, &keys, &nr_keys);
	*err = ret;
	if (ret)
		return DMM_EXIT_OK;
	for (i = 0; i < nr_devs; i++) {
		if (!strncmp(devs[i].uuid, DMM_CANARY_UUID, strlen(DMM_CANARY_UUID)) &&
		    clean_item(l, DMM_CLEAN_SCRATCH, "scratch device", devs[i].name, "none"))
			code = no_memory(t);
		if (dmm_origin_uuid_parse(devs[i].uuid, id, &disk))
			continue;
		dmm_id_format(id, hex);
		ret = clean_list_origin(t, hex, disk, l);
		if (ret)
			code = ret;
	}
	for (i = 0; i < nr_keys; i++) {
		if (clean_list_record(&keys[i], l))
			code = no_memory(t);
	}
	free(keys);
	return code;
}
