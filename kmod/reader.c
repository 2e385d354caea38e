// SPDX-License-Identifier: GPL-2.0
/*
 * Each slot has a bio of its own; completion may come in interrupt context.
 * No timeout: a late completion must find its pages.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>

#include "reader.h"
#include "sender.h"

static void read_endio(struct bio *bio)
{
	struct dmm_slot *slot = bio->bi_private;
	int error = blk_status_to_errno(bio->bi_status);

	bio_uninit(bio);
	dmm_link_read_done(slot, error);
}

void dmm_reader_submit(struct dmm_slot *slot)
{
	struct dmm_migration *m = slot->link->sender->m;
	struct bio *bio = &slot->bio;

	bio_init(bio, m->origin->bdev, slot->bvecs, slot->nr_pages, REQ_OP_READ);
	bio->bi_iter.bi_sector = slot->offset_bytes >> SECTOR_SHIFT;
	bio->bi_private = slot;
	bio->bi_end_io = read_endio;
	/* the pages are in its vector already (dmm_link_take_pages()) */
	bio->bi_vcnt = slot->nr_pages;
	bio->bi_iter.bi_size = slot->len_bytes;
	submit_bio_noacct(bio);
}
