// SPDX-License-Identifier: GPL-2.0
/*
 * Removing leftovers of this host that may go.  Each is asked for once more by what does it: the daemon drops nothing that a disk depends on, and
 * `clean ID` gives nothing up that the journal does not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "awake.h"
#include "clean.h"
#include "cleanup.h"
#include "commands.h"
#include "dm.h"
#include "dmtable.h"
#include "manifest.h"
#include "owners.h"
#include "runner.h"
#include "source.h"

#define XL_MS	60000u

/* Is said with the entry: whose the disks are has not changed. */
static int failed(struct dmm_clean_entry *e, const char *why)
{
	snprintf(e->why, sizeof(e->why), "%.255s", why);
	return DMM_EXIT_LOCAL;
}

static int remove_domain(struct dmm_tool *t, struct dmm_clean_entry *e)
{
	char *const destroy[] = { (char *)"xl", (char *)"destroy", e->name, NULL };
	char out[512], why[96];
	int ret;

	(void)t;
	ret = dmm_runner_ask(destroy, XL_MS, -1, out, sizeof(out));

	if (!ret)
		return 0;
	if (ret < 0)
		snprintf(why, sizeof(why), "xl destroy: %s", strerror(-ret));
	else
		snprintf(why, sizeof(why), "xl destroy: exit code %d", ret);
	return failed(e, why);
}

/* As a person would have it. */
static int remove_device(struct dmm_tool *t, struct dmm_clean_entry *e)
{
	bool yes = t->args.yes;
	int ret;

	t->args.operands[0] = e->hex;
	t->args.nr_operands = 1;
	t->args.yes = true;
	ret = dmm_clean_operand(t);
	t->args.yes = yes;
	t->args.nr_operands = 0;
	return ret;
}

static int remove_scratch(struct dmm_tool *t, struct dmm_clean_entry *e)
{
	struct dmm_dm_dev dev;
	int ret;

	(void)t;
	ret = dmm_dm_find_name(e->name, &dev);
	if (ret == -ENODEV)
		return 0;	/* another dmmigrate was at it */
	if (!ret && strncmp(dev.uuid, DMM_CANARY_UUID, strlen(DMM_CANARY_UUID)))
		ret = -EEXIST;
	if (!ret)
		ret = dmm_dm_remove(&dev);
	return ret ? failed(e, ret == -EBUSY ? strerror(EBUSY) : *dmm_dm_reason() ? dmm_dm_reason() : strerror(-ret)) : 0;
}

/* The daemon's list is a moment old: it is looked at once more. */
static int remove_settled(struct dmm_tool *t, struct dmm_clean_entry *e)
{
	struct dmm_dm_table table = { 0 };
	unsigned int major, minor;
	struct dmm_dm_dev dev;
	u8 id[DMM_ID_BYTES];
	int ret;

	(void)t;
	ret = dmm_dm_find_name(e->name, &dev);
	if (ret == -ENODEV)
		return 0;
	if (!ret && (dmm_gate_uuid_parse(dev.uuid, id) || memcmp(id, e->id, sizeof(id))))
		return failed(e, "another device has this name by now");
	if (!ret)
		ret = dmm_dm_table(&dev, false, &table);
	if (!ret && dmm_dm_table_linear(&table, &major, &minor))
		ret = -EINVAL;
	dmm_dm_table_clear(&table);
	if (!ret)
		ret = dev.open_count ? -EBUSY : dmm_dm_remove(&dev);
	return ret ? failed(e, strerror(-ret)) : 0;
}

static int remove_part(struct dmm_tool *t, struct dmm_clean_entry *e)
{
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;
	dmm_autoclose int fd = -1;
	u64 origins;
	int ret;

	snprintf(t->source, sizeof(t->source), "%s", e->hex);
	if (e->role == DMM_HO_SOURCE) {
		ret = dmm_owners_source_status(t, &here, e->id, &ok);
		if (ret && here.code != DMM_WERR_NOTFOUND)
			return failed(e, here.why);
		if (ret)
			return 0;
		/* its devices go with it, or keep it: as release has it */
		if (dmm_source_origins(e->id, &origins) || origins)
			return dmm_owners_is(&ok, DMM_STATES(DMM_HO_RELEASED)) ? remove_device(t, e) :
			       failed(e, "it is attached to a device by now");
		if (!ok.disks)	/* of a guest no disk of which moves: nothing else tells that it is at it */
			fd = dmm_record_lock(DMM_RUN_DIR, e->hex);
		if (fd == -EWOULDBLOCK)
			return failed(e, "its guest is just being moved");
		ret = dmm_owners_is(&ok, DMM_STATES(DMM_HO_RELEASED)) ? dmm_owners_need_settled(t, e->id, &ok) : 0;
		if (ret)
			return ret;
	}
	dmm_remote_init(&here);
	ret = dmm_owners_drop(t, &here, e->id, e->role, e->forgotten && e->role == DMM_HO_DEST, &ok);
	if (ret && here.code == DMM_WERR_NOTFOUND)	/* it went with what was removed before */
		ret = 0;
	if (ret)
		ret = failed(e, here.why);
	dmm_remote_close(&here);
	return ret;
}

static int remove_journal(struct dmm_tool *t, struct dmm_clean_entry *e)
{
	int ret;

	(void)t;
	ret = dmm_manifest_remove_dropped(e->name);
	return ret ? failed(e, ret == -EINVAL ? "it is no directory of a migration that is over" : strerror(-ret)) : 0;
}

/* With its part, which was before it. */
static bool part_removed(const struct dmm_clean_list *l, const struct dmm_clean_entry *e)
{
	unsigned int i;

	for (i = 0; i < l->nr; i++) {
		if (l->entries[i].how == DMM_CLEAN_PART && !memcmp(l->entries[i].id, e->id, sizeof(e->id)))
			return l->entries[i].removed;
	}
	return true;	/* `clean ID` has done it */
}

int dmm_clean_remove(struct dmm_tool *t, struct dmm_clean_list *l)
{
	static int (*const removes[__DMM_CLEAN_HOW_MAX])(struct dmm_tool *t, struct dmm_clean_entry *e) = {
		[DMM_CLEAN_DOMAIN] = remove_domain, [DMM_CLEAN_DEVICE] = remove_device, [DMM_CLEAN_SCRATCH] = remove_scratch,
		[DMM_CLEAN_SETTLED] = remove_settled,
		[DMM_CLEAN_PART] = remove_part, [DMM_CLEAN_JOURNAL] = remove_journal,
	};
	enum dmm_clean_how how;
	struct dmm_clean_entry *e;
	unsigned int i;
	int ret, worst = 0;

	for (how = DMM_CLEAN_DOMAIN; how < __DMM_CLEAN_HOW_MAX; how++) {
		for (i = 0; i < l->nr; i++) {
			e = &l->entries[i];
			if (e->how != how || *e->host)
				continue;
			ret = removes[how] ? removes[how](t, e) : 0;
			e->removed = how == DMM_CLEAN_GOES ? part_removed(l, e) : !ret;
			worst = ret > worst ? ret : worst;
		}
	}
	return worst;
}
