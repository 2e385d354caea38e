// SPDX-License-Identifier: GPL-2.0
/* Upstream: 5.18, 49add4966d79 "block: pass a block_device and opf to bio_init" */
#include <linux/bio.h>

void probe(struct bio *bio, struct block_device *bdev, struct bio_vec *bv);
void probe(struct bio *bio, struct block_device *bdev, struct bio_vec *bv)
{
	bio_init(bio, bdev, bv, 1, REQ_OP_READ);
}
