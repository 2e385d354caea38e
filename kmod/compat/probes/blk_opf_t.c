// SPDX-License-Identifier: GPL-2.0
/* Upstream: 6.0, 342a72a33407 "block: Introduce the type blk_opf_t" */
#include <linux/blk_types.h>

blk_opf_t probe(const struct bio *bio);
blk_opf_t probe(const struct bio *bio)
{
	return bio->bi_opf;
}
