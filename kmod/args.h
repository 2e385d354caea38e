/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The table line of the `migrate` target.
 */
#ifndef DMM_ARGS_H
#define DMM_ARGS_H

#include <linux/device-mapper.h>

struct dmm_args {
	const char *origin;		/* borrowed from argv */
	u32 block_sectors;		/* a power of two, 8 to 2048 */
	unsigned int block_shift;	/* log2 of bytes */
	bool gate;
	const char *sink;		/* the same, or NULL */
};

/**
 * dmm_args_parse() - Parse `<origin device> <block size in sectors> [<#features> <features...>]`.
 *
 * Context: constructor; sets ti->error.
 * Return: 0 or -EINVAL.
 */
int dmm_args_parse(struct dm_target *ti, unsigned int argc, char **argv, struct dmm_args *args);

/*
 * Refuse an origin that the target can't serve: zoned, too small, or one whose
 * bitmap would pass max_bitmap_mib.  Sets ti->error.  0, -EINVAL or -EOPNOTSUPP.
 */
int dmm_args_check_origin(struct dm_target *ti, struct block_device *bdev,
			  const struct dmm_args *args);

/*
 * Refuse a sink that can't take the place of the origin: the same device, too small, or of larger logical
 * blocks.  As above.
 */
int dmm_args_check_sink(struct dm_target *ti, struct block_device *sink, struct block_device *origin);

#endif
