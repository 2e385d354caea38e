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
	dmm_sender_read_done(slot, error);
}

void dmm_reader_submit(struct dmm_slot *slot)
{
	struct dmm_migration *m = slot->sender->m;
	u32 left = slot->len_bytes, step;
	struct bio *bio = &slot->bio;
	unsigned int i;

	bio_init(bio, m->origin->bdev, slot->bvecs, slot->nr_pages, REQ_OP_READ);
	bio->bi_iter.bi_sector = slot->offset_bytes >> SECTOR_SHIFT;
	bio->bi_private = slot;
	bio->bi_end_io = read_endio;
	for (i = 0; i < slot->nr_pages; i++) {
		step = min_t(u32, left, PAGE_SIZE);
		__bio_add_page(bio, slot->pages[i], step, 0);
		left -= step;
	}
	submit_bio_noacct(bio);
}
