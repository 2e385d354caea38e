// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving on a data connection.  A frame is validated whole, checksum
 * included, before anything is done with it; payloads are read straight into
 * the buffer that is written, together with the next header.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/wire.h"
#include "data_priv.h"
#include "datasum.h"
#include "fullio.h"

/* Bounds of one round, so that writes are submitted and acknowledged in between. */
#define ROUND_FRAMES	16u
#define ROUND_BYTES	(1u << 20)
/* So much of a payload is worth waking up for: by segments of 64 KiB it costs 5 % of the rate. */
#define WAKE_BYTES	(128u << 10)
/* Payloads are summed up by multiples of this. */
#define SUM_AT_ONCE	64u

void dmm_data_refuse(struct dmm_data *d, u32 werr, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	if (d->phase == RX_OVER)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dmm_warn(&d->s->log_id, "refused: %s", text);
	d->have_final = true;
	d->final.type = DMM_MSG_DATA;
	if (d->frame.type == DMM_MSG_BARRIER || d->frame.type == DMM_MSG_ZERO)
		d->final.type = d->frame.type;
	d->final.seq = d->frame.seq;
	d->final.arg = d->final.type == DMM_MSG_DATA ? 0 : d->frame.arg;
	d->final.status = werr;
	d->phase = RX_OVER;
}

static void rx_lost(struct dmm_data *d, const char *why)
{
	dmm_notice(&d->s->log_id, "connection lost%s: %s",
		   dmm_data_in_frame(d) ? " in the middle of a frame" : "", why);
	d->broken = true;
	d->phase = RX_OVER;
}

bool dmm_data_wants_bytes(const struct dmm_data *d)
{
	return d->phase == RX_HEADER || d->phase == RX_PAYLOAD;
}

bool dmm_data_in_frame(const struct dmm_data *d)
{
	return d->phase == RX_PAYLOAD || (d->phase == RX_HEADER && d->hdr_have);
}

void dmm_data_expect_bytes(struct dmm_data *d)
{
	u32 bytes = 1;

	/* the kernel's TLS waits for records, not for bytes */
	if (d->phase == RX_PAYLOAD && !d->s->tls)
		bytes = (u32)dmm_min_u64(d->frame.payload_bytes - d->payload_have, WAKE_BYTES);
	if (bytes == d->wake_bytes)
		return;
	d->wake_bytes = bytes;
	/* not essential, and a test's socketpair does not heed it */
	setsockopt(d->s->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

static void rx_next_header(struct dmm_data *d)
{
	d->phase = RX_HEADER;
	d->frame.seq = 0;		/* what a refusal is about when the header is unreadable */
	d->frame.type = DMM_MSG_DATA;
}

static void rx_data_header(struct dmm_data *d)
{
	const struct dmm_frame *f = &d->frame;
	u32 lbs = d->disk->prepare.lbs_bytes;	/* the destination's are no larger */
	u32 error = dmm_disk_error(d->disk);
	u64 bytes = dmm_wire_extent_bytes(f);

	if (error) {
		dmm_data_refuse(d, error, "the disk has failed");
	} else if (dmm_wire_data_check(f, d->disk->prepare.size_bytes)) {
		dmm_data_refuse(d, DMM_WERR_RANGE, "extent of %llu bytes at %llu lies outside the disk",
				bytes, f->offset_bytes);
	} else if (f->offset_bytes % lbs || bytes % lbs) {
		/* cannot come from a source whose logical blocks are as large as PREPARE said */
		dmm_data_refuse(d, DMM_WERR_RANGE, "extent of %llu bytes at %llu is not of whole "
				"logical blocks of %u bytes", bytes, f->offset_bytes, lbs);
	} else {
		d->phase = RX_BUFFER;
	}
}

static void rx_header(struct dmm_data *d)
{
	const char *why = "?";
	struct dmm_frame f;

	d->hdr_have = 0;
	if (dmm_wire_hdr_decode(&d->hdr, &f, &why)) {
		dmm_data_refuse(d, DMM_WERR_PROTOCOL, "malformed header: %s", why);
		return;
	}
	d->frame = f;
	if (f.seq != d->seq + 1) {
		dmm_data_refuse(d, DMM_WERR_PROTOCOL, "sequence number %llu instead of %llu", f.seq,
				d->seq + 1);
		return;
	}
	if (f.type != DMM_MSG_DATA && f.type != DMM_MSG_BARRIER && f.type != DMM_MSG_END &&
	    (f.type != DMM_MSG_ZERO || !(d->s->features & DMM_FEATURE_ZERO))) {
		dmm_data_refuse(d, DMM_WERR_PROTOCOL, "message %u is out of place here", f.type);
		return;
	}
	d->hdr_crc = dmm_wire_hdr_crc(&d->hdr);
	if (f.type != DMM_MSG_DATA && !dmm_wire_crc_ok(&f, d->hdr_crc)) {
		dmm_data_refuse(d, DMM_WERR_CRC, "checksum mismatch in frame %llu", f.seq);
		return;
	}
	d->seq = f.seq;
	switch (f.type) {
	case DMM_MSG_DATA:
	case DMM_MSG_ZERO:
		rx_data_header(d);
		break;
	case DMM_MSG_BARRIER:
		if (f.arg <= d->barrier) {
			dmm_data_refuse(d, DMM_WERR_PROTOCOL, "barrier %llu after barrier %llu", f.arg,
					d->barrier);
			break;
		}
		d->barrier = f.arg;
		d->phase = RX_BARRIER;
		break;
	default:	/* END */
		dmm_info(&d->s->log_id, "the source has ended the connection after %llu frames", f.seq);
		d->phase = RX_OVER;
	}
}

/* A slot and a buffer for the frame in hand; false: wait. */
static bool rx_buffer(struct dmm_data *d)
{
	struct data_slot *slot;
	void *buffer = NULL;

	if (dmm_list_empty(&d->free) || !dmm_data_has_ack_room(d))
		return false;
	if (d->frame.type == DMM_MSG_DATA) {
		buffer = dmm_bufpool_get(d->s->rc->pool, &d->user);
		if (!buffer)
			return false;
	}
	slot = dmm_list_entry(d->free.next, struct data_slot, node);
	dmm_list_del(&slot->node);
	slot->buffer = buffer;
	slot->type = d->frame.type;
	slot->seq = d->frame.seq;
	slot->ordered = false;
	slot->extent.first_bytes = d->frame.offset_bytes;
	slot->extent.end_bytes = d->frame.offset_bytes + dmm_wire_extent_bytes(&d->frame);
	d->rx_progress_ms = dmm_now_ms();	/* it was us who kept the peer waiting */
	if (slot->type == DMM_MSG_ZERO) {
		rx_next_header(d);
		dmm_data_accept(d, slot);
		return true;
	}
	d->slot = slot;
	d->payload_have = d->summed = d->sum = 0;
	d->phase = RX_PAYLOAD;
	return true;
}

static void rx_payload_complete(struct dmm_data *d)
{
	struct data_slot *slot = d->slot;

	d->slot = NULL;
	if (!dmm_wire_crc_ok(&d->frame, dmm_sum_frame(d->sum_kind, d->hdr_crc, d->sum, d->frame.payload_bytes))) {
		dmm_data_put_slot(d, slot);
		dmm_data_refuse(d, DMM_WERR_CRC, "checksum mismatch in frame %llu, %u bytes at %llu",
				d->frame.seq, d->frame.payload_bytes, d->frame.offset_bytes);
		return;
	}
	slot->sum = d->sum;
	slot->write.zero = false;
	slot->write.buf = slot->buffer;
	slot->write.bytes = d->frame.payload_bytes;
	slot->write.offset_bytes = d->frame.offset_bytes;
	rx_next_header(d);
	dmm_data_accept(d, slot);
}

/* While it is in the cache. */
static void rx_sum(struct dmm_data *d)
{
	u32 until = d->payload_have;

	if (until < d->frame.payload_bytes)
		until -= until % SUM_AT_ONCE;
	d->sum = dmm_sum(d->sum_kind, d->sum, (u8 *)d->slot->buffer + d->summed, until - d->summed);
	d->summed = until;
}

/* Takes @n bytes that were read into the payload and then the header. */
static void rx_take(struct dmm_data *d, size_t n)
{
	size_t part = 0;

	d->rx_progress_ms = dmm_now_ms();
	if (d->phase == RX_PAYLOAD) {
		part = d->frame.payload_bytes - d->payload_have;
		if (part > n)
			part = n;
		d->payload_have += part;
		rx_sum(d);
		d->hdr_have = n - part;
		if (d->payload_have == d->frame.payload_bytes)
			rx_payload_complete(d);
	} else {
		d->hdr_have += n;
	}
	if (d->phase == RX_HEADER && d->hdr_have == sizeof(d->hdr))
		rx_header(d);
}

bool dmm_data_receive(struct dmm_data *d)
{
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	u32 frames = 0, bytes = 0;
	ssize_t n;

	while (frames < ROUND_FRAMES && bytes < ROUND_BYTES) {
		if (d->phase == RX_BUFFER && !rx_buffer(d))
			return false;
		if (!dmm_data_wants_bytes(d))
			return false;
		msg.msg_iovlen = 0;
		if (d->phase == RX_PAYLOAD) {
			iov[0].iov_base = (u8 *)d->slot->buffer + d->payload_have;
			iov[0].iov_len = d->frame.payload_bytes - d->payload_have;
			msg.msg_iovlen = 1;
		}
		iov[msg.msg_iovlen].iov_base = (u8 *)&d->hdr + d->hdr_have;
		iov[msg.msg_iovlen++].iov_len = sizeof(d->hdr) - d->hdr_have;
		n = recvmsg(d->s->fd, &msg, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0) {
			rx_lost(d, n ? strerror(errno) : "the source closed it without END");
			return false;
		}
		bytes += n;
		frames++;
		rx_take(d, n);
	}
	return true;
}
