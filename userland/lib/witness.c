// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes are compared, not requests: device-mapper splits requests below its statistics, and a flush
 * without data is a write to them.  Some kernels count a write when it begins, some when it ends:
 * those that were on their way at the beginning may be in one difference only.
 */
#include <errno.h>
#include <stdio.h>

#include "core/wire.h"
#include "witness.h"

#define SYSFS_SECTOR_BYTES	512u
#define INFLIGHT_BYTES		(64ull << 20)	/* that one write on its way is about, at most */
#define LAG_BYTES		(4ull << 20)	/* ended below, not yet counted above */

int dmm_witness_device(const struct dmm_dm_dev *dev, u64 *bytes)
{
	return dmm_witness_number(dev->major, dev->minor, bytes);
}

int dmm_witness_number(unsigned int major, unsigned int minor, u64 *bytes)
{
	unsigned long long written, discarded = 0;
	char path[64];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major, minor);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	/* Documentation/block/stat.rst: the seventh and the fourteenth; no discards before 4.18 */
	n = fscanf(f, "%*u %*u %*u %*u %*u %*u %llu %*u %*u %*u %*u %*u %*u %llu", &written,
		   &discarded);
	fclose(f);
	if (n < 1)
		return -EBADMSG;
	*bytes = (written + discarded) * SYSFS_SECTOR_BYTES;
	return 0;
}

int dmm_witness_begin(struct dmm_nl *nl, const struct dmm_dm_dev *dev, struct dmm_witness *w)
{
	struct dmm_nl_info info;
	int ret;

	ret = dmm_nl_get(nl, dmm_nl_dev(dev->major, dev->minor), &info);
	if (ret)
		return ret;
	w->target_bytes = info.write_bytes;
	w->inflight = info.writes_submitted - info.writes_completed;
	return dmm_witness_device(dev, &w->device_bytes);
}

bool dmm_witness_agrees(const struct dmm_witness *begin, u64 device_bytes, u64 target_bytes,
			u64 *missing)
{
	u64 device = device_bytes - begin->device_bytes, target = target_bytes - begin->target_bytes;
	u64 slack = begin->inflight * INFLIGHT_BYTES + LAG_BYTES;

	if (DMM_MUTANT == 113)	/* hazard 13 */
		return true;
	if (device_bytes < begin->device_bytes || device <= target || device - target <= slack)
		return true;
	*missing = device - target;
	return false;
}
