// SPDX-License-Identifier: GPL-2.0
/*
 * Writes and acknowledgements of a data connection.  An extent is
 * acknowledged when its write has completed, never before; a barrier
 * when, after all that, the destination has flushed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/wire.h"
#include "data_priv.h"
#include "fullio.h"

bool dmm_data_has_ack_room(const struct dmm_data *d)
{
	u32 waiting = d->acks_bytes / DMM_WIRE_ACK_BYTES;

	/* those in flight, this one, a barrier and the final one */
	return waiting + d->in_order + 3 <= DATA_ACKS;
}

void dmm_data_queue_ack(struct dmm_data *d, const struct dmm_ack *ack)
{
	if (d->broken)
		return;
	if (d->acks_bytes == d->acks_sent)
		d->tx_began_ms = d->tx_progress_ms = dmm_now_ms();
	dmm_wire_ack_encode(&d->acks[d->acks_bytes / DMM_WIRE_ACK_BYTES], ack);
	d->acks_bytes += DMM_WIRE_ACK_BYTES;
}

bool dmm_data_send_acks(struct dmm_data *d)
{
	ssize_t n;

	while (!d->broken && d->acks_sent < d->acks_bytes) {
		n = send(d->s->fd, (u8 *)d->acks + d->acks_sent, d->acks_bytes - d->acks_sent,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			dmm_notice(&d->s->log_id, "connection lost while acknowledging: %s",
				   strerror(errno));
			d->broken = true;
			d->phase = RX_OVER;
			break;
		}
		d->acks_sent += n;
		d->tx_progress_ms = dmm_now_ms();
	}
	/* whole acknowledgements that went make room */
	n = d->acks_sent / DMM_WIRE_ACK_BYTES * DMM_WIRE_ACK_BYTES;
	if (n) {
		memmove(d->acks, (u8 *)d->acks + n, d->acks_bytes - n);
		d->acks_bytes -= n;
		d->acks_sent -= n;
	}
	return n;
}

void dmm_data_put_slot(struct dmm_data *d, struct data_slot *slot)
{
	if (slot->buffer)
		dmm_bufpool_put(d->s->rc->pool, &d->user, slot->buffer);
	slot->buffer = NULL;
	dmm_list_add_tail(&d->free, &slot->node);
}

static void end_slot(struct dmm_data *d, struct data_slot *slot)
{
	dmm_order_done(&d->disk->order, &slot->extent);
	slot->ordered = false;
	d->in_order--;
	dmm_data_put_slot(d, slot);
}

void dmm_data_drop_slot(struct dmm_data *d, struct data_slot *slot)
{
	dmm_proof_unsure(&d->disk->proof, slot->extent.first_bytes, slot->extent.end_bytes);
	end_slot(d, slot);
}

void dmm_data_end_slot(struct dmm_data *d, struct data_slot *slot, u32 status)
{
	struct dmm_ack ack = { .type = slot->type, .seq = slot->seq, .status = status };

	if (slot->type == DMM_MSG_ZERO)
		ack.arg = slot->extent.end_bytes - slot->extent.first_bytes;
	end_slot(d, slot);
	dmm_data_queue_ack(d, &ack);
	if (!status)
		return;
	/* this acknowledgement says why the connection ends; a barrier that waits gets its own */
	if (d->phase == RX_BARRIER) {
		d->have_final = true;
		d->final.type = DMM_MSG_BARRIER;
		d->final.seq = d->frame.seq;
		d->final.arg = d->frame.arg;
		d->final.status = status;
	}
	d->phase = RX_OVER;
}

static void slot_start(struct dmm_data *d, struct data_slot *slot)
{
	u32 error = dmm_disk_error(d->disk);

	if (error)
		dmm_data_end_slot(d, slot, error);
	else if (slot->type == DMM_MSG_ZERO)
		dmm_data_zero_start(d, slot);
	else
		dmm_writer_start(&d->writer, &slot->write);
}

void dmm_data_accept(struct dmm_data *d, struct data_slot *slot)
{
	bool ready;

	slot->extent.owner = &d->owner;
	slot->ordered = true;
	d->in_order++;
	ready = dmm_proof_add(&d->disk->proof, &d->disk->order, &slot->extent,
			      slot->type == DMM_MSG_ZERO, d->sum_kind, slot->sum);
	dmm_disk_count_frame(d->disk);	/* after the order knows it: see dmm_disk_digest_end() */
	if (ready)
		slot_start(d, slot);
}

void dmm_data_start_ready(struct dmm_data *d)
{
	struct dmm_extent *e;

	while ((e = dmm_order_ready(&d->disk->order, &d->owner)))
		slot_start(d, dmm_list_entry(e, struct data_slot, extent));
}

/* A write has ended, whole or with an error. */
static void write_ended(struct dmm_data *d, struct data_slot *slot)
{
	const struct dmm_write *w = &slot->write;
	char what[128];

	if (slot->type == DMM_MSG_ZERO) {
		dmm_data_zero_written(d, slot);
		return;
	}
	if (!w->error) {
		dmm_disk_count_dirty(d->disk, w->bytes);
		dmm_disk_count_received(d->disk, w->bytes);
		dmm_data_end_slot(d, slot, DMM_WERR_OK);
		return;
	}
	snprintf(what, sizeof(what), "writing %u bytes at %llu: %s", w->bytes, w->offset_bytes,
		 strerror(-w->error));
	dmm_data_end_slot(d, slot, dmm_disk_fail(d->disk, dmm_disk_io_error(d->disk, w->error), what));
}

void dmm_data_reap(struct dmm_data *d)
{
	struct dmm_write *done[DMM_DATA_DEPTH];
	int i, n;

	do {
		n = dmm_writer_reap(&d->writer, done, DMM_DATA_DEPTH, false);
		if (n < 0) {
			dmm_disk_fail(d->disk, DMM_WERR_INTERNAL, strerror(-n));
			d->engine_broken = true;
			d->phase = RX_OVER;
			return;
		}
		for (i = 0; i < n; i++)
			write_ended(d, dmm_list_entry(done[i], struct data_slot, write));
	} while (n == DMM_DATA_DEPTH);
}

void dmm_data_barrier(struct dmm_data *d)
{
	struct dmm_ack ack = { .type = DMM_MSG_BARRIER, .seq = d->frame.seq, .arg = d->frame.arg };

	/* a flush need not cover a write that is in flight (hazard 16) */
	if (d->phase != RX_BARRIER || (d->in_order && DMM_MUTANT != 116) || !dmm_data_has_ack_room(d))
		return;
	ack.status = dmm_disk_barrier(d->disk, &d->at, &d->writer, d->frame.arg);
	dmm_data_queue_ack(d, &ack);
	d->rx_progress_ms = dmm_now_ms();
	d->frame.seq = 0;
	d->frame.type = DMM_MSG_DATA;
	d->phase = ack.status ? RX_OVER : RX_HEADER;
}
