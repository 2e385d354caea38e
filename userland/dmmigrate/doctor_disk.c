// SPDX-License-Identifier: GPL-2.0
/*
 * What a virtual disk's path leads to.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "dm.h"
#include "doctor.h"
#include "sysfs.h"

static void vbd_table(struct dmm_vbd *v, const struct dmm_dm_dev *dev)
{
	struct dmm_dm_table t = { 0 };
	unsigned int major, minor;
	u32 block_sectors;
	int ret = dmm_dm_table(dev, false, &t);

	if (ret)
		snprintf(v->why, sizeof(v->why), "its table cannot be read: %s", strerror(-ret));
	else if (!dmm_dm_table_migrate(&t, &major, &minor, &block_sectors) || !dmm_dm_table_gate(&t, &major, &minor))
		v->moving = true;
	else
		dmm_dm_table_check(&t, v->why, sizeof(v->why));	/* it fills why, or leaves it */
	dmm_dm_table_clear(&t);
}

static void vbd_dm(struct dmm_vbd *v, unsigned int maj, unsigned int min)
{
	char uuid[DMM_DM_UUID_BYTES + 1];
	struct dmm_dm_dev dev;
	int ret;

	if (dmm_sysfs_read(maj, min, "dm/name", v->name, sizeof(v->name)) <= 0)
		return;
	v->kind = DMM_VBD_DM;
	if (dmm_sysfs_read(maj, min, "dm/uuid", uuid, sizeof(uuid)) > 0 && dmm_dm_uuid_is_lv(uuid))
		snprintf(v->vg, sizeof(v->vg), "%.32s", uuid + 4);
	ret = dmm_dm_find_number(maj, min, &dev);
	if (ret)
		snprintf(v->why, sizeof(v->why), "device-mapper does not tell of it: %s", strerror(-ret));
	else
		vbd_table(v, &dev);
}

void dmm_vbd_look(struct dmm_vbd *v)
{
	struct stat st;

	v->kind = v->path[0] ? DMM_VBD_MISSING : DMM_VBD_EMPTY;
	if (!v->path[0])
		return;
	if (stat(v->path, &st)) {
		snprintf(v->why, sizeof(v->why), "%s", strerror(errno));
		return;
	}
	if (S_ISREG(st.st_mode)) {
		v->kind = DMM_VBD_FILE;
		v->size_bytes = (u64)st.st_size;
	} else if (S_ISBLK(st.st_mode)) {
		v->kind = DMM_VBD_BLOCK;
		v->size_bytes = dmm_sysfs_sectors(st.st_rdev) * DMM_SECTOR_BYTES;
		vbd_dm(v, major(st.st_rdev), minor(st.st_rdev));
	} else {
		snprintf(v->why, sizeof(v->why), "neither a block device nor a file");
	}
}
