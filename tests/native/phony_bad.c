// SPDX-License-Identifier: GPL-2.0
/*
 * What no good source does: bad frames, halves, silence, garbage.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "phony.h"

void phony_nack(const char *code)
{
	u64 c;

	if (dmm_parse_u64(code, 1, 99, &c))
		phony_die("nack %s", code);
	while (!ph.nack && !ph.eof) {
		phony_wait(POLLIN);
		phony_receive();
	}
	if (ph.nack != c)
		phony_die("negative acknowledgement %u, expected %llu", ph.nack, c);
	shutdown(ph.data.fd, SHUT_WR);
	phony_expect_eof();
}

void phony_corrupt(const char *kind)
{
	struct dmm_frame f = { .type = DMM_MSG_DATA, .seq = ph.seq + 1, .payload_bytes = 4096 };
	struct dmm_wire_hdr hdr;
	u32 send_bytes;

	phony_fill_payload(4096);
	if (!strcmp(kind, "seq"))
		f.seq++;
	else if (!strcmp(kind, "range"))
		f.offset_bytes = ph.size;
	else if (!strcmp(kind, "edge"))
		f.offset_bytes = ph.size - 512;
	else if (!strcmp(kind, "misaligned"))
		f.offset_bytes = 511;
	else if (!strcmp(kind, "long"))
		f.payload_bytes = DMM_MAX_EXTENT_BYTES + 512;
	else if (!strcmp(kind, "empty"))
		f.payload_bytes = 0;
	else if (!strcmp(kind, "type"))
		f.type = 77;
	else if (!strcmp(kind, "control"))
		f.type = DMM_MSG_QUERY, f.payload_bytes = DMM_WIRE_DISK_BYTES;
	else if (!strcmp(kind, "barrier0"))
		f.type = DMM_MSG_BARRIER, f.payload_bytes = 0;
	else if (!strcmp(kind, "barrier-again"))
		f.type = DMM_MSG_BARRIER, f.payload_bytes = 0, f.arg = ph.barrier;
	else if (!strcmp(kind, "end-crc"))
		f.type = DMM_MSG_END, f.payload_bytes = 0;
	send_bytes = f.payload_bytes > sizeof(ph.payload) ? sizeof(ph.payload) : f.payload_bytes;
	if (f.payload_bytes > send_bytes) {	/* sealing would read beyond the buffer */
		dmm_wire_hdr_encode(&hdr, &f);
	} else {
		phony_seal(&hdr, &f, ph.payload);
	}
	if (!strcmp(kind, "crc"))
		ph.payload[4095] ^= 0x10;
	else if (!strcmp(kind, "header"))
		hdr.offset_bytes ^= cpu_to_le64(4096);
	else if (!strcmp(kind, "end-crc"))
		hdr.crc ^= cpu_to_le32(1);
	else if (!strcmp(kind, "magic"))
		hdr.magic ^= cpu_to_le32(1);
	else if (!strcmp(kind, "flags"))
		hdr.flags = cpu_to_le16(1);
	else if (!strcmp(kind, "reserved"))
		hdr.reserved = cpu_to_le32(1);
	ph.seq++;
	phony_send(&hdr, sizeof(hdr), false);
	if (f.type == DMM_MSG_DATA)
		phony_send(ph.payload, send_bytes, false);
}

void phony_partial(bool hang_up)
{
	struct dmm_frame f = { .type = DMM_MSG_DATA, .seq = ph.seq + 1, .payload_bytes = 65536 };
	struct dmm_wire_hdr hdr;

	phony_fill_payload(65536);
	phony_seal(&hdr, &f, ph.payload);
	phony_send(&hdr, sizeof(hdr), false);
	phony_send(ph.payload, hang_up ? 32768 : 100, false);
	if (hang_up)
		dmm_client_close(&ph.data);
}

void phony_deaf(const char *ms)
{
	u64 until;

	if (dmm_parse_u64(ms, 1, 600000, &until))
		phony_die("deaf %s", ms);
	until += dmm_now_ms();
	while (!ph.eof && dmm_now_ms() < until) {
		struct pollfd p = { .fd = ph.data.fd, .events = POLLOUT };

		if (poll(&p, 1, 100) > 0 && (p.revents & (POLLERR | POLLHUP)))
			ph.eof = true;
		else if (p.revents & POLLOUT)
			phony_frame(phony_rnd() % 8 * 4096, 512, false, true);
	}
	printf("deaf: %s after %llu frames\n", ph.eof ? "closed" : "still open", ph.seq);
}

void phony_raw(const char *hex, bool after_hello)
{
	u8 byte;
	int ret;

	if (after_hello) {
		phony_open(&ph.data);
	} else {
		dmm_client_close(&ph.data);
		ret = dmm_client_connect(ph.to.host, ph.to.port, PHONY_ANSWER_MS, NULL, &ph.data);
		if (ret)
			phony_die("connect: %s", strerror(-ret));
	}
	for (; hex[0] && hex[1]; hex += 2) {
		if (sscanf(hex, "%2hhx", &byte) != 1 || !phony_send(&byte, 1, true))
			phony_die("raw");
	}
	ph.eof = false;
}

/* Bytes until the end of file: an answer to garbage, whatever it is. */
void phony_eof(void)
{
	u8 scrap[512];
	ssize_t n;

	do {
		phony_wait(POLLIN);
		n = recv(ph.data.fd, scrap, sizeof(scrap), 0);
	} while (n > 0);
	dmm_client_close(&ph.data);
}

