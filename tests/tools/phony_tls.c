// SPDX-License-Identifier: GPL-2.0
/*
 * The records of dmm-phony-recv.  The kernel makes them, on a connection to ourselves, at whose other end they come out
 * as they are: there they can be damaged before they are sent.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ktls.h"
#include "phony_tls.h"

#define HEADER		5u
#define RECORD_MAX	(HEADER + 16384u + 256)

enum { CCS = 20, ALERT = 21, HANDSHAKE = 22, DATA = 23, HEARTBEAT = 24 };	/* RFC 8446, B.1 */

enum how { WHOLE, EMPTY, EMPTIES, FLIP_TAG, FLIP_DATA, HALF_AND_CLOSE, HALF, TWICE, ACKED, RAW };

static const uint8_t zeros[8], close_notify[] = { 1, 0 }, fatal[] = { 2, 40 }, key_update[] = { 24, 0, 0, 1, 1 },
	ticket[] = { 4, 0, 0, 17, 0, 0, 0, 60, 1, 2, 3, 4, 1, 0, 0, 4, 5, 6, 7, 8, 0, 0 },
	clear_alert[] = { ALERT, 3, 3, 0, 2, 2, 40 }, ccs[] = { CCS, 3, 3, 0, 1, 1 },
	huge[] = { DATA, 3, 3, 0xff, 0xff }, tiny[] = { DATA, 3, 3, 0, 4, 1, 2, 3, 4 },
	version[] = { DATA, 2, 0, 0, 17, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17 };

static const struct record {
	const char *name;
	enum how how;
	uint8_t type;
	const uint8_t *data;	/* NULL: an acknowledgement, as it would have been */
	size_t bytes;
} records[] = {
	{ "tls-notify", WHOLE, ALERT, close_notify, sizeof(close_notify) },
	{ "tls-alert", WHOLE, ALERT, fatal, sizeof(fatal) },
	{ "tls-acked", ACKED, ALERT, fatal, sizeof(fatal) },
	{ "tls-keyupdate", WHOLE, HANDSHAKE, key_update, sizeof(key_update) },
	{ "tls-ticket", WHOLE, HANDSHAKE, ticket, sizeof(ticket) },
	{ "tls-heartbeat", WHOLE, HEARTBEAT, NULL, 0 },
	{ "tls-unknown", WHOLE, 99, NULL, 0 },
	{ "tls-typeless", WHOLE, 0, zeros, sizeof(zeros) },
	{ "tls-empty", EMPTY, 0, NULL, 0 },
	{ "tls-empties", EMPTIES, 0, NULL, 0 },
	{ "tls-badtag", FLIP_TAG, DATA, NULL, 0 },
	{ "tls-baddata", FLIP_DATA, DATA, NULL, 0 },
	{ "tls-twice", TWICE, DATA, NULL, 0 },
	{ "tls-cut", HALF_AND_CLOSE, DATA, NULL, 0 },
	{ "tls-part", HALF, DATA, NULL, 0 },
	{ "tls-clear", RAW, 0, clear_alert, sizeof(clear_alert) },
	{ "tls-ccs", RAW, 0, ccs, sizeof(ccs) },
	{ "tls-huge", RAW, 0, huge, sizeof(huge) },
	{ "tls-tiny", RAW, 0, tiny, sizeof(tiny) },
	{ "tls-version", RAW, 0, version, sizeof(version) },
};

#define NR_RECORDS	(sizeof(records) / sizeof(records[0]))

static bool put(int fd, const void *p, size_t bytes)
{
	return send(fd, p, bytes, MSG_NOSIGNAL) == (ssize_t)bytes;
}

static bool get(int fd, void *p, size_t bytes)
{
	return recv(fd, p, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

static bool connect_pair(int pair[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	socklen_t len = sizeof(a);

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pair[1] = -1;
	if (!bind(listener, (struct sockaddr *)&a, sizeof(a)) && !listen(listener, 1) &&
	    !getsockname(listener, (struct sockaddr *)&a, &len) && !connect(pair[0], (struct sockaddr *)&a, sizeof(a)))
		pair[1] = accept(listener, NULL, NULL);
	close(listener);
	if (pair[1] < 0) {
		close(pair[0]);
		return false;
	}
	setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return true;
}

bool phony_tls_open(struct phony_tls *t, int fd)
{
	int pair[2];

	t->in = t->out = -1;
	if (!connect_pair(pair))
		return false;
	t->in = pair[0];
	t->out = pair[1];
	return ktls_give_keys(t->in, TLS_TX) && ktls_give_keys(fd, TLS_RX);
}

void phony_tls_close(struct phony_tls *t)
{
	close(t->in);
	close(t->out);
}

/* The next record, as it is sent: how long it is, or 0. */
static size_t make_record(struct phony_tls *t, uint8_t type, const void *data, size_t bytes, uint8_t *record)
{
	union {
		char buf[CMSG_SPACE(1)];
		struct cmsghdr align;
	} control = { .buf = "" };
	struct iovec iov = { (void *)data, bytes };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	size_t rest;

	c->cmsg_level = SOL_TLS;
	c->cmsg_type = TLS_SET_RECORD_TYPE;
	c->cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(c) = type;
	if (sendmsg(t->in, &msg, MSG_NOSIGNAL) != (ssize_t)bytes || !get(t->out, record, HEADER))
		return 0;
	rest = (size_t)record[3] << 8 | record[4];
	return rest <= RECORD_MAX - HEADER && get(t->out, record + HEADER, rest) ? HEADER + rest : 0;
}

bool phony_tls_send(struct phony_tls *t, int fd, const void *data, size_t bytes)
{
	uint8_t record[RECORD_MAX];
	size_t n;

	for (; bytes; bytes -= n, data = (const uint8_t *)data + n) {
		n = bytes < 16384 ? bytes : 16384;
		if (!put(fd, record, make_record(t, DATA, data, n, record)))
			return false;
	}
	return true;
}

int phony_tls_record(const char *name)
{
	size_t i;

	for (i = 0; i < NR_RECORDS; i++)
		if (!strcmp(records[i].name, name))
			return (int)i;
	return -1;
}

/* Of type 0 is nothing: what comes before the zeros of its padding is the type, of no data at all here. */
static size_t make_empty(struct phony_tls *t, uint8_t *record)
{
	static const uint8_t type = DATA;

	return make_record(t, 0, &type, 1, record);
}

bool phony_tls_spoil(struct phony_tls *t, int fd, int nr, const void *data, size_t bytes)
{
	static const uint8_t junk[65536];
	const struct record *r = &records[nr];
	uint8_t record[RECORD_MAX];
	size_t n;

	if (r->how == RAW)
		return put(fd, r->data, r->bytes) && put(fd, junk, sizeof(junk));
	if (r->how == ACKED) {	/* the kernel finds both at a time */
		n = make_record(t, DATA, data, bytes, record);
		bytes = make_record(t, r->type, r->data, r->bytes, record + n);
		return n && bytes && put(fd, record, n + bytes);
	}
	if (r->how == EMPTIES) {
		while ((n = make_empty(t, record)) && put(fd, record, n))
			;
		return false;
	}
	if (r->how == EMPTY)
		return (n = make_empty(t, record)) && put(fd, record, n) && phony_tls_send(t, fd, data, bytes);
	if (r->data)
		n = make_record(t, r->type, r->data, r->bytes, record);
	else
		n = make_record(t, r->type, data, bytes, record);
	if (!n)
		return false;
	switch (r->how) {
	case FLIP_TAG:
		record[n - 1] ^= 1;
		return put(fd, record, n);
	case FLIP_DATA:
		record[HEADER] ^= 1;
		return put(fd, record, n);
	case TWICE:
		return put(fd, record, n) && put(fd, record, n);
	case HALF_AND_CLOSE:
		put(fd, record, n / 2);
		return false;
	case HALF:
		put(fd, record, n / 2);
		while (recv(fd, record, sizeof(record), 0) > 0)
			;
		return false;
	default:
		return put(fd, record, n);
	}
}
