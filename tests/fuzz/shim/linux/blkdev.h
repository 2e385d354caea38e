/* SPDX-License-Identifier: GPL-2.0 */
/* What kmod/args.c needs of the kernel, in userland. */
#ifndef DMM_FUZZ_BLKDEV_H
#define DMM_FUZZ_BLKDEV_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/env.h"

#define SECTOR_SHIFT	9

struct block_device {
	dev_t bd_dev;
	u64 nr_sectors;
	unsigned int logical_block_size;
	bool zoned;
};

static inline bool bdev_is_zoned(struct block_device *bdev)
{
	return bdev->zoned;
}

static inline unsigned int bdev_logical_block_size(struct block_device *bdev)
{
	return bdev->logical_block_size;
}

static inline u64 bdev_nr_sectors(struct block_device *bdev)
{
	return bdev->nr_sectors;
}

#endif
