// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: header, checksum over header and payload, one send.  A frame that
 * could not be sent whole ends the connection (hazard 17).
 */
#include <linux/ktime.h>
#include <linux/mm.h>

#include "core/wire.h"
#include "send.h"
#include "stop.h"

/* Pages of the pool are never highmem, so page_address() is enough. */
static u32 payload_crc(u32 crc, struct dmm_slot *slot)
{
	u32 left = slot->len_bytes, step;
	unsigned int i;

	for (i = 0; i < slot->nr_pages; i++) {
		step = min_t(u32, left, PAGE_SIZE);
		crc = dmm_crc32c(crc, page_address(slot->pages[i]), step);
		left -= step;
	}
	return crc;
}

static void set_bvec(struct bio_vec *bv, struct page *page, unsigned int len)
{
	bv->bv_page = page;
	bv->bv_len = len;
	bv->bv_offset = 0;
}

/* Header, and the payload of @slot if there is one, into one send. */
static int send_frame(struct dmm_sender *s, const struct dmm_frame *f, struct dmm_slot *slot)
{
	struct dmm_wire_hdr *hdr = page_address(s->header);
	u32 left = f->payload_bytes, crc, step;
	unsigned int i, nr = 0;
	int r;

	if (s->ended)
		return -EPIPE;
	dmm_wire_hdr_encode(hdr, f);
	crc = dmm_wire_hdr_crc(hdr);
	if (slot)
		crc = payload_crc(crc, slot);
	dmm_wire_hdr_seal(hdr, crc);

	set_bvec(&s->bvec[nr++], s->header, sizeof(*hdr));
	for (i = 0; slot && i < slot->nr_pages; i++) {
		step = min_t(u32, left, PAGE_SIZE);
		set_bvec(&s->bvec[nr++], slot->pages[i], step);
		left -= step;
	}
	dmm_stop_at(DMM_STOP_BEFORE_SEND, &s->stopping);
	r = dmm_conn_send(&s->conn, s->bvec, nr, sizeof(*hdr) + f->payload_bytes);
	if (r) {
		WRITE_ONCE(s->send_error, r);
		dmm_send_break(s);
	}
	return r;
}

/* A frame is about to be sent that wants an acknowledgement. */
static void expect_ack_locked(struct dmm_sender *s)
{
	lockdep_assert_held(&s->m->lock);
	if (!s->nr_unacked++)
		s->progress_ns = ktime_get_ns();
}

int dmm_send_extent(struct dmm_sender *s, struct dmm_slot *slot)
{
	struct dmm_migration *m = s->m;
	struct dmm_frame f = {
		.type = DMM_MSG_DATA,
		.seq = ++s->seq,
		.offset_bytes = slot->offset_bytes,
		.payload_bytes = slot->len_bytes,
	};
	unsigned long flags;
	int r;

	spin_lock_irqsave(&m->lock, flags);
	list_del(&slot->ready);
	slot->state = DMM_SLOT_SENDING;
	slot->seq = f.seq;
	expect_ack_locked(s);
	spin_unlock_irqrestore(&m->lock, flags);

	r = send_frame(s, &f, slot);
	if (r)
		return r;	/* stays SENDING until its blocks are dirty again */

	spin_lock_irqsave(&m->lock, flags);
	m->ship.shipped_bytes += slot->len_bytes;
	if (slot->resend)
		m->ship.resent_blocks += slot->nr_blocks;
	if (slot->acked)
		dmm_slot_free_locked(slot);
	else
		slot->state = DMM_SLOT_SENT;
	spin_unlock_irqrestore(&m->lock, flags);
	return 0;
}

int dmm_send_plain(struct dmm_sender *s, u16 type, u64 arg)
{
	struct dmm_frame f = { .type = type, .seq = ++s->seq, .arg = arg };
	unsigned long flags;

	if (type == DMM_MSG_BARRIER) {
		spin_lock_irqsave(&s->m->lock, flags);
		s->barrier_seq = f.seq;
		expect_ack_locked(s);
		spin_unlock_irqrestore(&s->m->lock, flags);
	}
	return send_frame(s, &f, NULL);
}

void dmm_send_end(struct dmm_sender *s)
{
	if (s->ended)
		return;
	dmm_send_plain(s, DMM_MSG_END, 0);
	dmm_send_break(s);
}

void dmm_send_break(struct dmm_sender *s)
{
	if (s->ended)
		return;
	s->ended = true;
	dmm_conn_shutdown(&s->conn);
}
