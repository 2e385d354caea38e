// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: header, checksum over header and payload, one send.  A frame that
 * could not be sent whole ends the connection (hazard 17).
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "core/poly32.h"
#include "core/wire.h"
#include "send.h"
#include "stop.h"
#include "trace.h"

/*
 * Of the frame, @crc being the header's.
 * Pages of the pool are never highmem, so page_address() is enough.
 */
static u32 payload_crc(const struct dmm_link *l, u32 crc, const struct dmm_slot *slot)
{
	bool poly32 = l->sender->features & DMM_FEATURE_POLY32;
	u32 sum = poly32 ? 0 : crc;
	unsigned int i;

	for (i = 0; i < slot->nr_pages; i++)
		sum = (poly32 ? dmm_poly32 : dmm_crc32c)(sum, page_address(slot->bvecs[i].bv_page),
							 slot->bvecs[i].bv_len);
	return poly32 ? dmm_wire_crc_poly32(crc, sum) : sum;
}

/* Data ends the search early, mostly at its first word. */
bool dmm_slot_is_zero(const struct dmm_slot *slot)
{
	unsigned int i;

	for (i = 0; i < slot->nr_pages; i++)
		if (memchr_inv(page_address(slot->bvecs[i].bv_page), 0, slot->bvecs[i].bv_len))
			return false;
	return true;
}

/* Header, and the payload of @slot if there is one, into one send. */
static int send_frame(struct dmm_link *l, const struct dmm_frame *f, const struct dmm_slot *slot)
{
	struct dmm_wire_hdr *hdr = page_address(l->header);
	unsigned int nr = slot ? slot->nr_pages : 0;
	u32 crc;
	int r;

	if (l->ended)
		return -EPIPE;
	dmm_wire_hdr_encode(hdr, f);
	crc = dmm_wire_hdr_crc(hdr);
	if (slot)
		crc = payload_crc(l, crc, slot);
	dmm_wire_hdr_seal(hdr, crc);

	l->bvec[0].bv_page = l->header;
	l->bvec[0].bv_len = sizeof(*hdr);
	l->bvec[0].bv_offset = 0;
	if (nr)
		memcpy(&l->bvec[1], slot->bvecs, nr * sizeof(l->bvec[0]));
	dmm_stop_at(DMM_STOP_BEFORE_SEND, &l->sender->stopping);
	r = dmm_conn_send(&l->conn, l->bvec, nr + 1, sizeof(*hdr) + f->payload_bytes);
	if (r) {
		WRITE_ONCE(l->send_error, r);
		dmm_send_break(l);
	}
	return r;
}

/* A frame is about to be sent that wants an acknowledgement. */
static void expect_ack_locked(struct dmm_link *l)
{
	lockdep_assert_held(&l->sender->m->lock);
	if (!l->nr_unacked++)
		l->progress_ns = ktime_get_ns();
}

static int send_extent(struct dmm_link *l, struct dmm_slot *slot)
{
	struct dmm_migration *m = l->sender->m;
	bool zero = (l->sender->features & DMM_FEATURE_ZERO) && dmm_slot_is_zero(slot);
	struct dmm_frame f = {
		.type = zero ? DMM_MSG_ZERO : DMM_MSG_DATA,
		.seq = ++l->seq,
		.offset_bytes = slot->offset_bytes,
		.arg = zero ? slot->len_bytes : 0,
		.payload_bytes = zero ? 0 : slot->len_bytes,
	};
	u64 begin = ktime_get_ns(), end;
	unsigned long flags;
	int r;

	spin_lock_irqsave(&m->lock, flags);
	list_move_tail(&slot->list, &l->sent);
	WRITE_ONCE(slot->state, DMM_SLOT_SENDING);
	slot->seq = f.seq;
	slot->zero = zero;
	expect_ack_locked(l);
	spin_unlock_irqrestore(&m->lock, flags);

	r = send_frame(l, &f, zero ? NULL : slot);
	dmm_link_return_pages(l, slot);
	if (r)
		return r;	/* stays SENDING until its blocks are dirty again */
	dmm_stop_at(DMM_STOP_AFTER_SEND, &l->sender->stopping);

	trace_dmm_ship(m->dev, l->index, f.seq, f.type, slot->offset_bytes, slot->len_bytes);
	spin_lock_irqsave(&m->lock, flags);
	end = ktime_get_ns();
	m->ship.send_ns += end - begin;
	m->ship.shipped_bytes += f.payload_bytes;
	if (zero)
		WRITE_ONCE(l->sender->unsent_bytes, l->sender->unsent_bytes + slot->len_bytes);
	else
		m->ship.shipped_ns = end;
	if (slot->resend)
		m->ship.resent_blocks += slot->nr_blocks;
	if (slot->acked) {
		list_del(&slot->list);
		dmm_slot_free_locked(slot);
	} else {
		WRITE_ONCE(slot->state, DMM_SLOT_SENT);
	}
	spin_unlock_irqrestore(&m->lock, flags);
	if (zero && READ_ONCE(m->rate))
		dmm_kick(m);	/* the pace allows more at once */
	return 0;
}

static int send_barrier(struct dmm_link *l)
{
	struct dmm_frame f = { .type = DMM_MSG_BARRIER, .seq = ++l->seq };
	struct dmm_sender *s = l->sender;
	unsigned long flags;
	int r;

	dmm_stop_at(DMM_STOP_BEFORE_SEND_BARRIER, &s->stopping);
	spin_lock_irqsave(&s->m->lock, flags);
	f.arg = s->barrier;
	WRITE_ONCE(s->barrier_wanted, false);
	s->barrier_seq = f.seq;
	dmm_unflushed_seal(&s->m->unflushed);	/* it covers what was acknowledged before it is sent */
	expect_ack_locked(l);
	spin_unlock_irqrestore(&s->m->lock, flags);
	r = send_frame(l, &f, NULL);
	dmm_stop_at(DMM_STOP_AFTER_SEND_BARRIER, &s->stopping);
	return r;
}

/*
 * Nothing is on its way then that was not acknowledged: where TLS encrypts in the background, and a kernel has not handed END
 * to TCP yet when the socket is shut down (before its commit e01e3934a1b2), the receiver takes it for a lost connection, and that is all.
 */
static void send_end(struct dmm_link *l)
{
	struct dmm_frame f = { .type = DMM_MSG_END };

	if (l->ended)
		return;
	f.seq = ++l->seq;
	dmm_stop_at(DMM_STOP_BEFORE_END, &l->sender->stopping);
	send_frame(l, &f, NULL);
	dmm_stop_at(DMM_STOP_AFTER_END, &l->sender->stopping);
	dmm_send_break(l);
}

void dmm_send_break(struct dmm_link *l)
{
	if (l->ended)
		return;
	WRITE_ONCE(l->ended, true);
	dmm_conn_shutdown(&l->conn);
	dmm_kick(l->sender->m);
}

const struct dmm_link_ops dmm_socket_ops = {
	.send_extent = send_extent,
	.send_barrier = send_barrier,
	.say_end = send_end,
	.receive_thread = dmm_ack_thread,
};
