// SPDX-License-Identifier: GPL-2.0
/*
 * Fences.  Like gates they are found by UUID, and nothing of them is remembered but by device-mapper.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/wire.h"
#include "dm.h"
#include "dmlock.h"
#include "fence.h"
#include "stop_points.h"

static int complain(char *why, int err, const char *what, const char *name)
{
	snprintf(why, DMM_MANIFEST_WHY, "cannot %s %.64s: %.100s", what, name,
		 err == -EBUSY ? strerror(EBUSY) : dmm_dm_text_locked(err));
	return err;
}

static int error_table(u64 sectors, struct dmm_dm_table *t)
{
	return dmm_dm_table_add(t, 0, sectors, "error", "");
}

static bool is_error(const struct dmm_dm_table *t)
{
	return t->nr == 1 && !strcmp(t->targets[0].type, "error");
}

/* Loads @t and makes it live. */
static int exchange(const struct dmm_dm_dev *dev, const struct dmm_dm_table *before, const struct dmm_dm_table *t)
{
	enum dmm_swap_end end;
	int ret = dmm_dm_load(dev, t, dev->read_only);

	/* whoever is above it may be anybody: the host has just come up, nothing of it lies there */
	return ret ? ret : dmm_dm_swap(dev, before, DMM_SWAP_APART, &end);
}

/* A device of the disk's own name that lets nothing pass. */
static int put_placeholder(const struct dmm_manifest_disk *d, const char *uuid, char *why)
{
	struct dmm_dm_table t = { 0 };
	struct dmm_dm_dev dev;
	int ret = error_table(d->size_bytes / DMM_SECTOR_BYTES, &t);

	if (!ret)
		ret = dmm_dm_create(d->name, uuid, &t, false, &dev);
	dmm_dm_table_clear(&t);
	return ret ? complain(why, ret, "make the device that keeps this name shut:", d->name) : 0;
}

/* The live device: its table to the keeper, which may be there already, and the error target in its place. */
static int shut_live(const struct dmm_manifest *m, u32 disk, const struct dmm_dm_dev *live, const char *uuid,
		     bool kept, char *why)
{
	struct dmm_dm_table table = { 0 }, shut = { 0 };
	char name[DMM_DM_NAME_BYTES], hex[DMM_ID_HEX];
	struct dmm_dm_dev keeper;
	int ret;

	dmm_id_format(m->id, hex);
	snprintf(name, sizeof(name), "dmm-%s-fence%u", hex, disk);
	ret = dmm_dm_table(live, false, &table);
	if (ret)
		return complain(why, ret, "read the table of", live->name);
	if (!is_error(&table)) {
		if (!kept)
			ret = dmm_dm_create(name, uuid, &table, true, &keeper);
		if (ret) {
			complain(why, ret, "keep the table of", live->name);
			goto out_clear;
		}
		dmm_stop_point("after-fence-kept");
		ret = error_table(dmm_dm_table_sectors(&table), &shut);
		if (!ret)
			ret = exchange(live, &table, &shut);
		if (ret)
			complain(why, ret, "shut", live->name);
	}
out_clear:
	dmm_dm_table_clear(&table);
	dmm_dm_table_clear(&shut);
	return ret;
}

int dmm_fence_put_up(const struct dmm_manifest *m, u32 disk, bool spare, char *why)
{
	const struct dmm_manifest_disk *d = &m->disks[disk];
	struct dmm_dm_dev fence, live;
	char uuid[DMM_DM_UUID_BYTES];
	int ret, there;

	dmm_fence_uuid_format(m->id, disk, uuid);
	dmm_dm_lock();
	ret = dmm_dm_find_uuid(uuid, &fence);
	there = dmm_dm_find_name(d->name, &live);
	if (ret && ret != -ENODEV)
		complain(why, ret, "look for the fence of", d->name);
	else if (!ret && !there && !strcmp(fence.name, live.name))
		ret = 0;	/* the placeholder */
	else if (!there && spare && live.open_count > 0)
		ret = complain(why, -EBUSY, "shut, for its journal is lost and somebody has it open:", d->name);
	else if (!there)
		ret = shut_live(m, disk, &live, uuid, !ret, why);
	else if (!ret)
		ret = 0;	/* its table is kept, and it is gone: nobody has that table */
	else
		ret = put_placeholder(d, uuid, why);
	dmm_dm_unlock();
	return ret;
}

/* The kept table goes back to the live device, where that still has the error target. */
static int open_live(const struct dmm_dm_dev *fence, const struct dmm_dm_dev *live, char *why)
{
	struct dmm_dm_table table = { 0 }, now = { 0 };
	int ret;

	ret = dmm_dm_table(live, false, &now);
	if (!ret && is_error(&now)) {
		ret = dmm_dm_table(fence, false, &table);
		if (!ret)
			ret = exchange(live, &now, &table);
	}
	if (ret)
		complain(why, ret, "put its table back into", live->name);
	dmm_dm_table_clear(&table);
	dmm_dm_table_clear(&now);
	return ret;
}

static int end_fence(const struct dmm_manifest *m, u32 disk, bool open, char *why)
{
	const struct dmm_manifest_disk *d = &m->disks[disk];
	struct dmm_dm_dev fence, live;
	char uuid[DMM_DM_UUID_BYTES];
	int ret;

	dmm_fence_uuid_format(m->id, disk, uuid);
	dmm_dm_lock();
	ret = dmm_dm_find_uuid(uuid, &fence);
	if (ret) {
		if (ret == -ENODEV || ret == -ENOSYS)	/* no device-mapper, no fence */
			ret = 0;
		else
			complain(why, ret, "look for the fence of", d->name);
		goto out_unlock;
	}
	if (open && strcmp(fence.name, d->name) && !dmm_dm_find_name(d->name, &live))
		ret = open_live(&fence, &live, why);
	if (!ret) {
		ret = dmm_dm_remove(&fence);
		if (ret)
			complain(why, ret, "remove the fence", fence.name);
	}
out_unlock:
	dmm_dm_unlock();
	return ret;
}

int dmm_fence_take_down(const struct dmm_manifest *m, u32 disk, char *why)
{
	return end_fence(m, disk, true, why);
}

int dmm_fence_forget(const struct dmm_manifest *m, u32 disk, char *why)
{
	return end_fence(m, disk, false, why);
}
