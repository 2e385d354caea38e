// SPDX-License-Identifier: GPL-2.0
/* Upstream: 5.16, 6436bd90f76e "block: add a bdev_nr_bytes helper", and bdev_nr_sectors */
#include <linux/blkdev.h>

sector_t probe(struct block_device *bdev);
sector_t probe(struct block_device *bdev)
{
	return bdev_nr_sectors(bdev) + (bdev_nr_bytes(bdev) >> SECTOR_SHIFT);
}
