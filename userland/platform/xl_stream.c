// SPDX-License-Identifier: GPL-2.0
/*
 * The conversation of two xl.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "dmmigrate/monitor.h"
#include "fullio.h"
#include "xl_stream.h"
#include "xl_words.h"

#define BUFFER_BYTES	(256u << 10)
#define PACE_MS		250u	/* between two questions */

/* As they are on the wire: all but the first with the zero at their end. */
static const char banner[] = "xl migration receiver ready, send binary domain data.\n";
static const char ready[] = DMM_XL_READY;
static const char go[] = DMM_XL_GO;
static const char report[] = DMM_XL_REPORT;

__attribute__((format(printf, 3, 4)))
static int fail(struct dmm_xl_stream *s, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	return err;
}

static int fail_at(struct dmm_xl_stream *s, int err, const char *who)
{
	switch (err) {
	case -ECANCELED:
		return fail(s, err, "interrupted");
	case -ETIMEDOUT:
		return fail(s, err, "%s says nothing for too long", who);
	case -ENODATA:
	case -EPIPE:
	case -ECONNRESET:
		return fail(s, err, "%s has ended", who);
	default:
		return fail(s, err, "%s: %s", who, strerror(-err));
	}
}

static int receiver_failed(struct dmm_xl_stream *s, int err)
{
	return fail_at(s, err == -ENODATA || err == -EPIPE || err == -EIO ? -ECONNRESET : err, "xl migrate-receive there");
}

static int sender_failed(struct dmm_xl_stream *s, int err)
{
	return fail_at(s, err == -ENODATA ? -EPIPE : err, "xl migrate");
}

static int pipe_write(struct dmm_xl_stream *s, const void *buf, size_t bytes)
{
	const u8 *p = buf;
	ssize_t n;

	while (bytes) {
		n = write(s->to_sender, p, bytes);	/* SIGPIPE is ignored; some words always fit */
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return sender_failed(s, n ? -errno : -EIO);
		p += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int pipe_read(struct dmm_xl_stream *s, void *buf, size_t bytes, u64 deadline_ms)
{
	u8 *p = buf;
	ssize_t n;
	int ret;

	while (bytes) {
		ret = dmm_wait_fd(s->from_sender, POLLIN, deadline_ms, s->stop_fd);
		if (ret)
			return sender_failed(s, ret);
		n = read(s->from_sender, p, bytes);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return sender_failed(s, n ? -errno : -ENODATA);
		p += n;
		bytes -= (size_t)n;
	}
	return 0;
}

/* What came instead of what was expected, for people. */
static int unexpected(struct dmm_xl_stream *s, const char *who, const char *got, size_t n)
{
	char text[64];
	size_t i;

	n = dmm_min_u64(n, sizeof(text) - 1);
	for (i = 0; i < n; i++)
		text[i] = got[i] >= ' ' && got[i] <= '~' ? got[i] : '.';
	text[n] = '\0';
	return fail(s, -EPROTO, "%s says '%s': is it xl of another Xen than 4.17?", who, text);
}

/* One move of memory. 0; -ENODATA: there is no more. */
static int move_memory(struct dmm_xl_stream *s, u8 *buf)
{
	ssize_t n = read(s->from_sender, buf, BUFFER_BYTES);
	int ret;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		return sender_failed(s, n ? -errno : -ENODATA);
	s->bytes += (u64)n;
	s->last_ns = dmm_now_ns();
	ret = dmm_sock_write(s->receiver, buf, (size_t)n, DMM_NO_DEADLINE, s->stop_fd);
	return ret ? receiver_failed(s, ret) : 0;
}

/* Some of what the receiver says before READY is complete; *got counts. */
static int hear_receiver(struct dmm_xl_stream *s, char *said, size_t *got)
{
	const size_t first = sizeof(banner) - 1, all = first + sizeof(ready);
	bool had_banner = *got >= first;
	ssize_t n = recv(s->receiver, said + *got, (had_banner ? all : first) - *got, MSG_DONTWAIT);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0)
		return receiver_failed(s, n ? -errno : -ENODATA);
	*got += (size_t)n;
	if (memcmp(said, banner, dmm_min_u64(*got, first)))
		return unexpected(s, "xl migrate-receive there", said, *got);
	if (*got > first && memcmp(said + first, ready, *got - first))
		return unexpected(s, "xl migrate-receive there", said + first, *got - first);
	return !had_banner && *got == first ? pipe_write(s, banner, first) : 0;
}

int dmm_xl_until_ready(struct dmm_xl_stream *s)
{
	char said[sizeof(banner) - 1 + sizeof(ready)];
	dmm_autofree u8 *buf = malloc(BUFFER_BYTES);
	u64 asked_ms = 0;
	struct pollfd p[3];
	size_t got = 0;
	int ret = 0, waits = 0;

	if (!buf)
		return fail(s, -ENOMEM, "out of memory");
	while (!ret && got < sizeof(said)) {
		if (s->pace && dmm_now_ms() - asked_ms >= PACE_MS) {
			waits = s->pace(s->pace_arg);
			if (waits < 0)
				return fail(s, waits, "told to stop");
			asked_ms = dmm_now_ms();
		}
		p[0] = (struct pollfd){ .fd = s->stop_fd, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = s->receiver, .events = POLLIN };
		/* one that has ended is heard in any case */
		p[2] = (struct pollfd){ .fd = s->from_sender, .events = waits ? 0 : POLLIN };
		if (poll(p, 3, s->pace ? (int)PACE_MS : -1) < 0)
			continue;
		if (p[0].revents)
			return fail(s, -ECANCELED, "interrupted");
		if (p[1].revents)
			ret = hear_receiver(s, said, &got);
		if (!ret && p[2].revents && got < sizeof(said))
			ret = move_memory(s, buf);
	}
	return ret;
}

int dmm_xl_ready(struct dmm_xl_stream *s, u64 deadline_ms)
{
	char said[sizeof(go)];
	int ret = pipe_write(s, ready, sizeof(ready));

	if (!ret)
		ret = pipe_read(s, said, sizeof(said), deadline_ms);
	if (!ret && memcmp(said, go, sizeof(said)))
		ret = unexpected(s, "xl migrate", said, sizeof(said));
	return ret;
}

int dmm_xl_go(struct dmm_xl_stream *s, u64 deadline_ms)
{
	char said[sizeof(report) + 1], said_go[sizeof(go)];
	int ret = dmm_sock_write(s->receiver, go, sizeof(go), deadline_ms, -1);

	/* no signal from here on: there is a guest that may or may not run */
	if (!ret)
		ret = dmm_sock_read(s->receiver, said, sizeof(said), deadline_ms, -1);
	if (ret)
		return receiver_failed(s, ret);
	if (memcmp(said, report, sizeof(report)))
		return unexpected(s, "xl migrate-receive there", said, sizeof(said));
	s->report = (u8)said[sizeof(report)];
	if (!s->report)
		return 0;
	/* it destroys its copy, which until then is there, paused */
	ret = dmm_sock_read(s->receiver, said_go, sizeof(said_go), deadline_ms, -1);
	if (ret)
		return receiver_failed(s, ret);
	return memcmp(said_go, go, sizeof(said_go)) ? unexpected(s, "xl migrate-receive there", said_go, sizeof(said_go)) : 0;
}

int dmm_xl_report(struct dmm_xl_stream *s, u8 code)
{
	char said[sizeof(report) + 1];
	int ret;

	memcpy(said, report, sizeof(report));
	said[sizeof(report)] = (char)code;
	ret = pipe_write(s, said, sizeof(said));
	return ret || !code ? ret : pipe_write(s, go, sizeof(go));
}
