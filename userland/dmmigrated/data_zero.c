// SPDX-License-Identifier: GPL-2.0
/*
 * Zero runs of a data connection.  One at a time, in pieces, and no longer at a
 * stretch than ZERO_STRETCH_MS: other extents are received, written and
 * acknowledged in between, and whoever wants an end gets it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data_priv.h"
#include "fullio.h"
#include "nbd.h"

#define ZERO_STRETCH_MS	50u
#define ZERO_NBD_BYTES	(16u << 20)	/* a request to a server that zeros by itself */

void dmm_data_zero_start(struct dmm_data *d, struct data_slot *slot)
{
	slot->zero_at = slot->extent.first_bytes;
	dmm_list_add_tail(&d->zeros, &slot->zero_node);
}

/*
 * To look with, one a connection: a buffer of the pool might be had only once
 * the writes that hold all of them have ended, which may wait for this very run.
 */
static void *zero_look_buffer(struct dmm_data *d)
{
	if (!d->look && atomic_load(&d->disk->zeroer.no_punch) &&
	    posix_memalign(&d->look, 4096, DMM_ZERO_LOOK_BYTES))
		d->look = NULL;
	return d->look;
}

static void zero_fail(struct dmm_data *d, struct data_slot *slot, int err)
{
	char what[128];

	snprintf(what, sizeof(what), "zeroing %llu bytes at %llu: %s",
		 slot->extent.end_bytes - slot->zero_at, slot->zero_at, strerror(-err));
	dmm_data_end_slot(d, slot, dmm_disk_fail(d->disk, dmm_disk_io_error(d->disk, err), what));
}

/* @bytes more of @slot are zeros. True: all of it is, and it has been acknowledged. */
static bool zero_advance(struct dmm_data *d, struct data_slot *slot, u64 bytes)
{
	slot->zero_at += bytes;
	if (slot->zero_at < slot->extent.end_bytes)
		return false;
	dmm_disk_count_received(d->disk, slot->extent.end_bytes - slot->extent.first_bytes);
	dmm_list_del(&slot->zero_node);
	dmm_data_end_slot(d, slot, DMM_WERR_OK);
	return true;
}

void dmm_data_zero_written(struct dmm_data *d, struct data_slot *slot)
{
	slot->zero_writing = false;
	if (slot->write.error) {
		dmm_list_del(&slot->zero_node);
		zero_fail(d, slot, slot->write.error);
		return;
	}
	dmm_disk_count_dirty(d->disk, slot->write.bytes);
	zero_advance(d, slot, slot->write.bytes);
}

/* The device has no way of its own: zeros are written like data; a server may know better. */
static void zero_write(struct dmm_data *d, struct data_slot *slot)
{
	u64 left = slot->extent.end_bytes - slot->zero_at;
	const struct dmm_nbd *nbd = d->disk->dest.nbd;
	u32 most = DMM_ZERO_PIECE_BYTES;

	slot->write.zero = nbd && dmm_nbd_info(nbd)->can_zero;
	if (slot->write.zero)
		most = ZERO_NBD_BYTES;
	slot->write.buf = dmm_bufpool_zeros(d->s->rc->pool);
	slot->write.bytes = left < most ? left : most;
	slot->write.offset_bytes = slot->zero_at;
	slot->zero_writing = true;
	dmm_writer_start(&d->writer, &slot->write);
}

/*
 * A run that nobody awaits any more, or that would keep a daemon from going down, is left where
 * it is: without an acknowledgement its range is dirty at the source.
 */
static bool zero_unwanted(const struct dmm_data *d)
{
	return d->broken || d->stop_ms;
}

/* The first run goes on. True: there may be more to do right now. */
static bool zero_step(struct dmm_data *d)
{
	struct data_slot *slot = dmm_list_entry(d->zeros.next, struct data_slot, zero_node);
	struct dmm_dest *dest = &d->disk->dest;
	u32 error = dmm_disk_error(d->disk);
	s64 n;

	if (slot->zero_writing)
		return false;
	if (zero_unwanted(d) || error) {
		dmm_list_del(&slot->zero_node);
		if (error)
			dmm_data_end_slot(d, slot, error);
		else
			dmm_data_drop_slot(d, slot);
		return true;
	}
	if (dest->nbd) {
		zero_write(d, slot);
		return true;
	}
	n = dmm_zero_some(&d->disk->zeroer, dest->fd, dest->flags & DMM_PREPARED_FILE, slot->zero_at,
			  slot->extent.end_bytes, zero_look_buffer(d));
	if (n > 0) {
		zero_advance(d, slot, n);
	} else if (n == -EOPNOTSUPP) {
		zero_write(d, slot);
	} else if (n == -EAGAIN) {
		dmm_info(&d->disk->log_id, "%s cannot punch holes: zeros are written where it has others",
			 dest->path);
	} else {
		dmm_list_del(&slot->zero_node);
		zero_fail(d, slot, n ? n : -EIO);
	}
	return true;
}

bool dmm_data_zero(struct dmm_data *d)
{
	u64 until_ms = dmm_now_ms() + ZERO_STRETCH_MS;

	while (!dmm_list_empty(&d->zeros)) {
		if (!zero_step(d))
			return false;
		if (dmm_now_ms() >= until_ms)
			return true;
	}
	return false;
}
