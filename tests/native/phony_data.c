// SPDX-License-Identifier: GPL-2.0
/*
 * The phony source's data connection: good frames, windows, acknowledgements.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "fullio.h"
#include "phony.h"

#define WINDOW	64	/* frames in flight */

u64 phony_rnd(void)
{
	ph.rng ^= ph.rng << 13;
	ph.rng ^= ph.rng >> 7;
	ph.rng ^= ph.rng << 17;
	return ph.rng;
}

void phony_attach(const char *epoch)
{
	struct dmm_wire_attach a;
	u64 e;

	if (dmm_parse_u64(epoch, 0, ~0ull, &e))
		phony_die("epoch %s", epoch);
	phony_open(&ph.data);
	memset(&a, 0, sizeof(a));
	a.id = ph.id;
	a.conn_epoch = cpu_to_le64(e);
	a.conns = cpu_to_le32(1);
	if (!phony_request(&ph.data, DMM_MSG_ATTACH, &a, sizeof(a), DMM_MSG_ATTACHED, NULL, 0))
		return;
	ph.seq = ph.barrier = ph.acked_barrier = 0;
	ph.in_flight = ph.ack_have = ph.nack = 0;
	ph.eof = false;
	memset(ph.pending, 0, sizeof(ph.pending));
}

static void ack_take(void)
{
	struct dmm_ack a;
	u8 *pending;

	if (dmm_wire_ack_decode(&ph.ack, &a))
		phony_die("malformed acknowledgement");
	if (a.status) {
		if (ph.nack)
			phony_die("a second negative acknowledgement: %u after %u", a.status, ph.nack);
		printf("nack: type=%u seq=%llu status=%u\n", a.type, a.seq, a.status);
		ph.nack = a.status;
		return;
	}
	pending = &ph.pending[a.seq % sizeof(ph.pending)];
	if (*pending != a.type)
		phony_die("acknowledgement of frame %llu, which is not in flight", a.seq);
	*pending = 0;
	if (a.type == DMM_MSG_BARRIER) {
		if (a.arg != ph.barrier || ph.in_flight != 1)
			phony_die("barrier %llu acknowledged before what it covers", a.arg);
		ph.acked_barrier = a.arg;
	}
	ph.in_flight--;
}

/* Reads acknowledgements that are there. */
void phony_receive(void)
{
	ssize_t n;

	for (;;) {
		n = recv(ph.data.fd, (u8 *)&ph.ack + ph.ack_have, sizeof(ph.ack) - ph.ack_have,
			 MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			ph.eof = true;
			return;
		}
		ph.ack_have += n;
		if (ph.ack_have == sizeof(ph.ack)) {
			ph.ack_have = 0;
			ack_take();
		}
	}
}

void phony_wait(short events)
{
	struct pollfd p = { .fd = ph.data.fd, .events = events };

	if (poll(&p, 1, PHONY_ANSWER_MS) <= 0)
		phony_die("no answer from the receiver");
}

/* Sends bytes, reading acknowledgements meanwhile. False: the receiver has hung up. */
bool phony_send(const void *buf, size_t bytes, bool deaf)
{
	ssize_t n;

	while (bytes) {
		n = send(ph.data.fd, buf, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			buf = (const char *)buf + n;
			bytes -= n;
			continue;
		}
		if (!deaf) {
			phony_wait(POLLIN | POLLOUT);
			phony_receive();
		} else {
			phony_wait(POLLOUT);
		}
	}
	return true;
}

/* The header of a frame with this payload, sealed; @flip is applied to its checksum. */
void phony_seal(struct dmm_wire_hdr *hdr, const struct dmm_frame *f, const void *payload)
{
	u32 crc;

	dmm_wire_hdr_encode(hdr, f);
	crc = dmm_wire_hdr_crc(hdr);
	if (f->payload_bytes)
		crc = dmm_crc32c(crc, payload, f->payload_bytes);
	dmm_wire_hdr_seal(hdr, crc);
}

void phony_fill_payload(u32 bytes)
{
	u64 *p = (u64 *)ph.payload;
	u32 i;

	for (i = 0; i < bytes / 8; i++)
		p[i] = phony_rnd();
}

void phony_window(u32 limit)
{
	phony_receive();
	while (ph.in_flight > limit && !ph.eof && !ph.nack) {
		phony_wait(POLLIN);
		phony_receive();
	}
	if (limit == 0 && ph.in_flight)
		phony_die("%s with %u frames in flight", ph.nack ? "refused" : "closed", ph.in_flight);
}

/* In pieces, where there are to be pauses. */
static bool send_payload(u32 bytes, bool deaf)
{
	u32 piece = ph.pause_ms ? bytes / 8 : bytes, at;

	for (at = 0; at < bytes; at += piece) {
		if (ph.pause_ms)
			poll(NULL, 0, (int)ph.pause_ms);
		if (!phony_send(ph.payload + at, piece, deaf))
			return false;
	}
	return true;
}

void phony_frame(u64 offset, u32 bytes, bool one_by_one, bool deaf)
{
	struct dmm_frame f = { .type = DMM_MSG_DATA, .seq = ph.seq + 1, .offset_bytes = offset,
			       .payload_bytes = bytes };
	struct dmm_wire_hdr hdr;
	u32 i;

	if (!deaf)
		phony_window(WINDOW - 1);
	phony_fill_payload(bytes);
	phony_seal(&hdr, &f, ph.payload);
	ph.seq++;
	ph.pending[ph.seq % sizeof(ph.pending)] = DMM_MSG_DATA;
	ph.in_flight++;
	if (ph.model >= 0 && dmm_pwrite_full(ph.model, ph.payload, bytes, offset))
		phony_die("model: %s", strerror(errno));
	if (!one_by_one) {
		if (!phony_send(&hdr, sizeof(hdr), deaf) || !send_payload(bytes, deaf))
			ph.eof = true;
		return;
	}
	for (i = 0; i < sizeof(hdr); i++)
		phony_send((u8 *)&hdr + i, 1, deaf);
	for (i = 0; i < bytes; i++)
		phony_send(ph.payload + i, 1, deaf);
}

void phony_other(u16 type, u64 arg)
{
	struct dmm_frame f = { .type = type, .seq = ++ph.seq, .arg = arg };
	struct dmm_wire_hdr hdr;

	phony_seal(&hdr, &f, NULL);
	phony_send(&hdr, sizeof(hdr), false);
}

static void model_zero(u64 offset, u64 bytes)
{
	static const u8 zeros[1 << 20];
	u64 n;

	for (; bytes; offset += n, bytes -= n) {
		n = bytes < sizeof(zeros) ? bytes : sizeof(zeros);
		if (dmm_pwrite_full(ph.model, zeros, n, offset))
			phony_die("model: %s", strerror(errno));
	}
}

void phony_zero(u64 offset, u64 bytes)
{
	struct dmm_frame f = { .type = DMM_MSG_ZERO, .seq = ph.seq + 1, .offset_bytes = offset,
			       .arg = bytes };
	struct dmm_wire_hdr hdr;

	phony_window(WINDOW - 1);
	phony_seal(&hdr, &f, NULL);
	ph.seq++;
	ph.pending[ph.seq % sizeof(ph.pending)] = DMM_MSG_ZERO;
	ph.in_flight++;
	if (ph.model >= 0)
		model_zero(offset, bytes);
	if (!phony_send(&hdr, sizeof(hdr), false))
		ph.eof = true;
}

void phony_load(const char *count, const char *span, u32 max, bool zeros)
{
	u64 n, s, offset, sectors;
	u32 bytes;

	if (dmm_parse_u64(count, 1, 1u << 30, &n) || dmm_parse_size(span, &s) || s > ph.size)
		phony_die("load %s %s", count, span);
	while (n-- && !ph.eof && !ph.nack) {
		bytes = (1 + phony_rnd() % (max / ph.lbs)) * ph.lbs;
		/* a hot spot, so that overlaps are the rule */
		sectors = (phony_rnd() % 4 ? s : s / 16) / ph.lbs;
		offset = phony_rnd() % sectors * ph.lbs;
		if (bytes > s - offset)
			bytes = s - offset;
		if (zeros && phony_rnd() % 3 == 0)
			phony_zero(offset, bytes);
		else
			phony_frame(offset, bytes, false, false);
	}
}

void phony_bulk(const char *mib, const char *length)
{
	u64 n, l, sent = 0, start = dmm_now_ms(), ms;
	struct dmm_frame f = { .type = DMM_MSG_DATA };
	struct dmm_wire_hdr hdr;

	if (dmm_parse_u64(mib, 1, 1u << 20, &n) || dmm_parse_size(length, &l) ||
	    l > DMM_MAX_EXTENT_BYTES)
		phony_die("bulk %s %s", mib, length);
	phony_fill_payload(l);
	for (; sent < n << 20; sent += l) {
		phony_window(WINDOW - 1);
		f.seq = ++ph.seq;
		f.offset_bytes = sent % (ph.size / l * l);
		f.payload_bytes = l;
		phony_seal(&hdr, &f, ph.payload);
		ph.pending[ph.seq % sizeof(ph.pending)] = DMM_MSG_DATA;
		ph.in_flight++;
		if (!phony_send(&hdr, sizeof(hdr), false) || !phony_send(ph.payload, l, false))
			phony_die("the receiver has hung up");
	}
	phony_window(0);
	ms = dmm_now_ms() - start;
	printf("bulk: %llu MiB in %llu ms, %llu MiB/s\n", n, ms, n * 1000 / (ms ? ms : 1));
}

void phony_barrier(void)
{
	phony_window(0);
	phony_other(DMM_MSG_BARRIER, ++ph.barrier);
	ph.pending[ph.seq % sizeof(ph.pending)] = DMM_MSG_BARRIER;
	ph.in_flight++;
	phony_window(0);
	if (ph.acked_barrier != ph.barrier)
		phony_die("barrier %llu not acknowledged", ph.barrier);
}

void phony_barrier_only(void)
{
	phony_other(DMM_MSG_BARRIER, ++ph.barrier);
	ph.pending[ph.seq % sizeof(ph.pending)] = DMM_MSG_BARRIER;
	ph.in_flight++;
}

/* A barrier right behind frames in flight: its acknowledgement must be the last. */
void phony_barrier_behind(void)
{
	phony_barrier_only();
	phony_window(0);
}

void phony_expect_eof(void)
{
	while (!ph.eof) {
		phony_wait(POLLIN);
		phony_receive();
	}
	dmm_client_close(&ph.data);
}

