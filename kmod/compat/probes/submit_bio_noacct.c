// SPDX-License-Identifier: GPL-2.0
/*
 * Upstream: 5.9, ed00aabd5eb9 "block: rename generic_make_request to submit_bio_noacct"
 */
#include <linux/blkdev.h>

void probe(struct bio *bio);
void probe(struct bio *bio)
{
	submit_bio_noacct(bio);
}
