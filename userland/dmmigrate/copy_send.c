// SPDX-License-Identifier: GPL-2.0
/*
 * Frames of an offline copy, and their acknowledgements.
 *
 * Payload is copied to the socket.  Its pages could go there as they are
 * (vmsplice, splice, and written again only once acknowledged): that was measured to
 * cost more, page by page, than copying what is in the cache anyway.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "copy_job.h"
#include "datasum.h"
#include "fullio.h"

static struct dmm_copy_frame *frame_at(struct dmm_copy_worker *w, u64 n)
{
	return &w->frames[n & (DMM_COPY_FRAMES - 1)];
}

void dmm_copy_send_reset(struct dmm_copy_worker *w)
{
	w->oldest = w->sending = w->cut = 1;	/* sequence numbers begin with 1 */
	w->begun = false;
	w->acks_bytes = 0;
	w->paced_until_ns = 0;
	w->progress_ms = dmm_now_ms();
}

void dmm_copy_slot_put(struct dmm_copy_worker *w, struct dmm_copy_slot *slot)
{
	struct dmm_copy_window *win = slot->window;

	if (--slot->refs)
		return;
	slot->window = NULL;
	dmm_copy_window_put(w, win);
}

static struct dmm_copy_frame *frame_queue(struct dmm_copy_worker *w, u16 type, u64 offset,
					  struct dmm_copy_window *win)
{
	struct dmm_copy_frame *fr = frame_at(w, w->cut);

	memset(fr, 0, sizeof(*fr));
	fr->f.type = type;
	fr->f.seq = w->cut++;
	fr->f.offset_bytes = offset;
	fr->window = win;
	win->pending++;
	return fr;
}

void dmm_copy_queue_data(struct dmm_copy_worker *w, struct dmm_copy_slot *slot, u32 at, u32 bytes)
{
	struct dmm_copy_frame *fr = frame_queue(w, DMM_MSG_DATA, slot->read.offset_bytes + at,
						slot->window);

	fr->f.payload_bytes = bytes;
	fr->payload = slot->buf + at;
	fr->slot = slot;
	slot->refs++;
}

void dmm_copy_flush_zero(struct dmm_copy_worker *w)
{
	struct dmm_copy_frame *fr;

	if (!w->zero_window)
		return;
	fr = frame_queue(w, DMM_MSG_ZERO, w->zero.first_bytes, w->zero_window);
	fr->f.arg = w->zero.end_bytes - w->zero.first_bytes;
	dmm_copy_window_put(w, w->zero_window);
	w->zero_window = NULL;
}

void dmm_copy_queue_zero(struct dmm_copy_worker *w, struct dmm_copy_window *win, u64 first, u64 bytes)
{
	if (w->zero_window == win && w->zero.end_bytes == first) {
		w->zero.end_bytes += bytes;
		return;
	}
	dmm_copy_flush_zero(w);
	w->zero_window = win;
	w->zero.first_bytes = first;
	w->zero.end_bytes = first + bytes;
	win->pending++;
}

static int send_failed(struct dmm_copy_worker *w, int err, enum dmm_copy_end *end)
{
	/* what the receiver said last is worth more: dmm_copy_take_acks() has it next time */
	if (err == -EPIPE || err == -ECONNRESET) {
		if (dmm_copy_take_acks(w, end))
			return -1;
	}
	*end = dmm_copy_fail(w, DMM_COPY_LINK, DMM_EXIT_TRANSPORT, "connection %u was lost: %s",
			     w->index, strerror(-err));
	return -1;
}

static void send_begin(struct dmm_copy_worker *w, const struct dmm_copy_frame *fr)
{
	enum dmm_sum_kind kind = dmm_sum_kind(w->data.client.features);
	u32 crc;

	dmm_wire_hdr_encode(&w->hdr, &fr->f);
	crc = dmm_wire_hdr_crc(&w->hdr);
	if (fr->f.payload_bytes)
		crc = dmm_sum_frame(kind, crc, dmm_sum(kind, 0, fr->payload, fr->f.payload_bytes), fr->f.payload_bytes);
	dmm_wire_hdr_seal(&w->hdr, crc);
	w->begun = true;
	w->hdr_sent = w->payload_sent = 0;
}

/* One step. 0 or -errno. */
static int send_some(struct dmm_copy_worker *w, const struct dmm_copy_frame *fr)
{
	struct iovec iov[2] = {
		{ .iov_base = (u8 *)&w->hdr + w->hdr_sent, .iov_len = sizeof(w->hdr) - w->hdr_sent },
		{ .iov_base = (void *)(fr->payload + w->payload_sent),
		  .iov_len = fr->f.payload_bytes - w->payload_sent },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = fr->f.payload_bytes ? 2 : 1 };
	ssize_t n;

	n = sendmsg(w->data.client.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL |
		    (w->sending + 1 < w->cut ? MSG_MORE : 0));
	if (n < 0)
		return -errno;
	if ((size_t)n > iov[0].iov_len) {
		w->payload_sent += n - iov[0].iov_len;
		w->hdr_sent = sizeof(w->hdr);
	} else {
		w->hdr_sent += n;
	}
	return 0;
}

int dmm_copy_send(struct dmm_copy_worker *w, bool *blocked, enum dmm_copy_end *end)
{
	struct dmm_copy_frame *fr;
	int ret;

	*blocked = false;
	while (w->sending < w->cut) {
		fr = frame_at(w, w->sending);
		if (!w->begun) {
			if (dmm_copy_is_paced(w, fr->f.payload_bytes))
				return 0;
			send_begin(w, fr);
		}
		ret = send_some(w, fr);
		if (ret == -EINTR)
			continue;
		if (ret == -EAGAIN) {
			*blocked = true;
			return 0;
		}
		if (ret)
			return send_failed(w, ret, end);
		if (w->hdr_sent < sizeof(w->hdr) || w->payload_sent < fr->f.payload_bytes)
			continue;
		w->begun = false;
		if (w->sending == w->oldest)
			w->progress_ms = dmm_now_ms();	/* from now on it may be acknowledged */
		w->sending++;
		if (fr->slot)	/* the socket has a copy */
			dmm_copy_slot_put(w, fr->slot);
	}
	return 0;
}

static int ack_refused(struct dmm_copy_worker *w, const struct dmm_ack *a, enum dmm_copy_end *end)
{
	const char *text = dmm_wire_err_text(a->status);

	switch (a->status) {
	case DMM_WERR_SHUTDOWN:
	case DMM_WERR_CRC:
		*end = dmm_copy_fail(w, DMM_COPY_LINK, DMM_EXIT_TRANSPORT, "connection %u was ended by "
				     "the receiver: %s", w->index, text);
		break;
	default:
		*end = dmm_copy_fail(w, DMM_COPY_FAILED, dmm_exit_from_wire(a->status),
				     "the receiver failed: %s", text);
	}
	return -1;
}

static int ack_take(struct dmm_copy_worker *w, const struct dmm_wire_ack *wire,
		    enum dmm_copy_end *end)
{
	struct dmm_copy_job *job = w->job;
	struct dmm_copy_frame *fr;
	struct dmm_ack a;
	u64 bytes;

	if (dmm_wire_ack_decode(wire, &a))
		goto err_protocol;
	if (a.status)
		return ack_refused(w, &a, end);
	/* the frame in hand is not complete: nobody can have acknowledged it */
	if (a.seq < w->oldest || a.seq >= w->sending)
		goto err_protocol;
	fr = frame_at(w, a.seq);
	if (fr->acked || fr->f.type != a.type || fr->f.arg != a.arg)
		goto err_protocol;
	fr->acked = true;
	bytes = dmm_wire_extent_bytes(&fr->f);
	atomic_fetch_add(a.type == DMM_MSG_ZERO ? &job->zeroed_bytes : &job->shipped_bytes, bytes);
	dmm_copy_window_count(w, fr->window, bytes);
	dmm_copy_window_put(w, fr->window);
	while (w->oldest < w->sending && frame_at(w, w->oldest)->acked)
		w->oldest++;
	return 0;

err_protocol:
	*end = dmm_copy_fail(w, DMM_COPY_FAILED, DMM_EXIT_TRANSPORT,
			     "the receiver acknowledged what was not sent");
	return -1;
}

int dmm_copy_take_acks(struct dmm_copy_worker *w, enum dmm_copy_end *end)
{
	u32 i, nr;
	ssize_t n;

	for (;;) {
		n = recv(w->data.client.fd, (u8 *)w->acks + w->acks_bytes,
			 sizeof(w->acks) - w->acks_bytes, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			*end = dmm_copy_fail(w, DMM_COPY_LINK, DMM_EXIT_TRANSPORT,
					     "connection %u was lost: %s", w->index,
					     n ? strerror(errno) : "the receiver closed it");
			return -1;
		}
		w->progress_ms = dmm_now_ms();
		w->acks_bytes += n;
		nr = w->acks_bytes / DMM_WIRE_ACK_BYTES;
		for (i = 0; i < nr; i++) {
			if (ack_take(w, &w->acks[i], end))
				return -1;
		}
		w->acks_bytes -= nr * DMM_WIRE_ACK_BYTES;
		memmove(w->acks, &w->acks[nr], w->acks_bytes);
	}
}
