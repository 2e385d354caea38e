// SPDX-License-Identifier: GPL-2.0
/* Upstream: 5.11, 0d02129e76ed "block: merge struct block_device and struct hd_struct" */
#include <linux/blkdev.h>

struct block_device *probe(struct gendisk *disk);
struct block_device *probe(struct gendisk *disk)
{
	return disk->part0;
}
