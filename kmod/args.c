// SPDX-License-Identifier: GPL-2.0
/*
 * Parsing and checking of the table line; every refusal says what to do.
 */
#include <linux/blkdev.h>
#include <linux/log2.h>

#include "args.h"
#include "dmm.h"

#define MIN_BLOCK_SECTORS	(DMM_MIN_BLOCK_BYTES >> SECTOR_SHIFT)
#define MAX_BLOCK_SECTORS	(DMM_MAX_BLOCK_BYTES >> SECTOR_SHIFT)

/* ti->error must outlive the constructor: constant texts, by log2 of the bytes. */
static char *const too_big_text[] = {
	[13] = "Bitmap exceeds max_bitmap_mib: use a block size of at least 16 sectors",
	[14] = "Bitmap exceeds max_bitmap_mib: use a block size of at least 32 sectors",
	[15] = "Bitmap exceeds max_bitmap_mib: use a block size of at least 64 sectors",
	[16] = "Bitmap exceeds max_bitmap_mib: use a block size of at least 128 sectors",
	[17] = "Bitmap exceeds max_bitmap_mib: use a block size of at least 256 sectors",
	[18] = "Bitmap exceeds max_bitmap_mib: use a block size of at least 512 sectors",
	[19] = "Bitmap exceeds max_bitmap_mib: use a block size of at least 1024 sectors",
	[20] = "Bitmap exceeds max_bitmap_mib: use a block size of 2048 sectors",
	[21] = "Bitmap exceeds max_bitmap_mib at any block size: raise max_bitmap_mib",
};

static int parse_block_size(struct dm_target *ti, const char *arg, struct dmm_args *args)
{
	if (kstrtou32(arg, 10, &args->block_sectors)) {
		ti->error = "Invalid block size: expected a number of sectors";
		return -EINVAL;
	}
	if (!is_power_of_2(args->block_sectors) || args->block_sectors < MIN_BLOCK_SECTORS ||
	    args->block_sectors > MAX_BLOCK_SECTORS) {
		ti->error = "Invalid block size: a power of two from 8 to 2048 sectors is needed";
		return -EINVAL;
	}
	args->block_shift = ilog2(args->block_sectors) + SECTOR_SHIFT;
	return 0;
}

static int parse_features(struct dm_target *ti, unsigned int argc, char **argv,
			  struct dmm_args *args)
{
	unsigned int nr, i;

	args->gate = false;
	args->sink = NULL;
	if (!argc)
		return 0;
	if (kstrtouint(argv[0], 10, &nr) || nr != argc - 1) {
		ti->error = "Invalid number of feature arguments";
		return -EINVAL;
	}
	for (i = 1; i <= nr; i++) {
		if (!strcmp(argv[i], "gate") && !args->gate) {
			args->gate = true;
		} else if (!strcmp(argv[i], "sink") && !args->sink && i < nr) {
			args->sink = argv[++i];
		} else {
			ti->error = "Unrecognised feature requested: there are 'gate' and 'sink <device>', once";
			return -EINVAL;
		}
	}
	if (args->gate && args->sink) {
		ti->error = "A gate has no sink";
		return -EINVAL;
	}
	return 0;
}

int dmm_args_parse(struct dm_target *ti, unsigned int argc, char **argv, struct dmm_args *args)
{
	int r;

	if (argc < 2) {
		ti->error = "Expected <origin device> <block size in sectors> [<#features> <features>]";
		return -EINVAL;
	}
	args->origin = argv[0];
	r = parse_block_size(ti, argv[1], args);
	if (!r)
		r = parse_features(ti, argc - 2, argv + 2, args);
	return r;
}

static char *too_big_for(u64 size_bytes, unsigned int block_shift)
{
	unsigned int shift;
	u64 max = (u64)dmm_max_bitmap_mib << 20;

	if (dmm_tracker_bytes(size_bytes, block_shift) <= max)
		return NULL;
	for (shift = block_shift + 1; shift <= 20; shift++)
		if (dmm_tracker_bytes(size_bytes, shift) <= max)
			return too_big_text[shift];
	return too_big_text[21];
}

int dmm_args_check_origin(struct dm_target *ti, struct block_device *bdev,
			  const struct dmm_args *args)
{
	char *too_big;

	if (bdev_is_zoned(bdev)) {
		ti->error = "Zoned origin devices are not supported";
		return -EOPNOTSUPP;
	}
	if (bdev_logical_block_size(bdev) > 1u << args->block_shift) {
		ti->error = "Block size is smaller than the origin's logical block size";
		return -EINVAL;
	}
	if (bdev_nr_sectors(bdev) < ti->len) {
		ti->error = "Origin device is smaller than the target";
		return -EINVAL;
	}
	too_big = args->gate ? NULL : too_big_for((u64)ti->len << SECTOR_SHIFT, args->block_shift);
	if (too_big) {
		ti->error = too_big;
		return -EINVAL;
	}
	return 0;
}

int dmm_args_check_sink(struct dm_target *ti, struct block_device *sink, struct block_device *origin)
{
	if (sink->bd_dev == origin->bd_dev) {
		ti->error = "The sink is the origin device itself";
		return -EINVAL;
	}
	if (bdev_is_zoned(sink)) {
		ti->error = "Zoned sinks are not supported";
		return -EOPNOTSUPP;
	}
	/* the guest has seen the origin's, and its disk may end with one of these */
	if (bdev_logical_block_size(sink) > bdev_logical_block_size(origin)) {
		ti->error = "The sink's logical block is larger than the origin's: the guest could not go on there";
		return -EINVAL;
	}
	if (bdev_nr_sectors(sink) < ti->len) {
		ti->error = "The sink is smaller than the target";
		return -EINVAL;
	}
	return 0;
}
