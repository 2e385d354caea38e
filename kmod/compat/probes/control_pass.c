// SPDX-License-Identifier: GPL-2.0
/* Control: compiles on every kernel.  When it does not, the probing is broken. */
#include <linux/module.h>
#include <linux/bio.h>
#include <net/sock.h>

sector_t probe(struct bio *bio);
sector_t probe(struct bio *bio)
{
	return bio->bi_iter.bi_sector;
}
