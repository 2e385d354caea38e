// SPDX-License-Identifier: GPL-2.0
/*
 * What device-mapper's thin target says of itself.
 */
#include <errno.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <string.h>

#include "dm.h"
#include "dm_priv.h"

/* "<mapped sectors> <highest mapped sector>", or "Fail", "Error". */
int dmm_dm_thin_mapped(const struct dmm_dm_dev *dev, u64 *sectors)
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_STATUS);
	char *type = NULL, *params = NULL;
	uint64_t start, length;
	int ret = -ENOMEM;

	if (!dmt)
		return -ENOSYS;
	if (dm_task_set_major_minor(dmt, dev->major, dev->minor, 1))
		ret = dmm_dm_run(dmt);
	if (!ret && (dm_get_next_target(dmt, NULL, &start, &length, &type, &params) || !type ||
		     strcmp(type, "thin") || !params || sscanf(params, "%llu", sectors) != 1))
		ret = -ENOENT;
	dm_task_destroy(dmt);
	return ret;
}

/* Does the pool zero the rest of a block of which a part is written? */
static bool pool_zeroes(unsigned int major, unsigned int minor)
{
	struct dmm_dm_table table = { 0 };
	struct dmm_dm_dev pool;
	bool zeroes;

	if (dmm_dm_find_number(major, minor, &pool) || dmm_dm_table(&pool, false, &table))
		return false;
	zeroes = table.nr == 1 && !strcmp(table.targets[0].type, "thin-pool") &&
		 !strstr(table.targets[0].params, "skip_block_zeroing");
	dmm_dm_table_clear(&table);
	return zeroes;
}

bool dmm_dm_thin_is_zero(const struct dmm_dm_dev *dev)
{
	struct dmm_dm_table table = { 0 };
	unsigned int major, minor, id;
	u64 sectors = 1;
	bool zero;
	int end = 0;

	if (dmm_dm_table(dev, false, &table))
		return false;
	/* behind the id there would be an external origin, of which unwritten blocks are */
	zero = table.nr == 1 && !strcmp(table.targets[0].type, "thin") &&
	       sscanf(table.targets[0].params, "%u:%u %u%n", &major, &minor, &id, &end) == 3 &&
	       !table.targets[0].params[end] && !dmm_dm_thin_mapped(dev, &sectors) && !sectors && pool_zeroes(major, minor);
	dmm_dm_table_clear(&table);
	return zero;
}
