// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: threads, HELLO, sending and refusing, an orderly end.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceptor.h"
#include "channel.h"
#include "control.h"
#include "data.h"
#include "fullio.h"
#include "guest.h"
#include "handover.h"
#include "session.h"
#include "thread.h"
#include "version.h"
#include "wireio.h"

#define LINGER_MS	2000u	/* for a refused peer to read why */
/* that this receiver has */
#define SESSION_FEATURES	(DMM_FEATURE_ZERO | DMM_FEATURE_HASHES | DMM_FEATURE_CREATE | \
				 DMM_FEATURE_GROUP | DMM_FEATURE_PROVE | DMM_FEATURE_GUEST | DMM_FEATURE_FACTS | \
				 DMM_FEATURE_GUEST_CONFIG | DMM_FEATURE_IDENTITY | DMM_FEATURE_VOLUME | DMM_FEATURE_LEFTOVERS | \
				 DMM_FEATURE_PROBE | DMM_FEATURE_POLY32 | DMM_FEATURE_ADOPT_FROM)
#define UNDECIDED_MS	60000u	/* between HELLO and the first request: a person may be asked */

/* What a new thread is given; it frees it. */
struct session_start {
	struct dmm_receiver *rc;
	int fd;
	bool local;
	u64 hello_ms;			/* by then it has to have said HELLO */
	bool known;			/* see: */
	struct dmm_session session;	/* what the acceptor has found out */
	struct dmm_silent silent;
};

int dmm_session_recv(struct dmm_session *s, struct dmm_frame *f, void *payload, u32 cap,
		     u64 start_ms, struct dmm_refusal *r)
{
	const char *why = NULL;
	int ret;

	ret = dmm_wait_fd(s->fd, POLLIN, start_ms, DMM_MUTANT == 133 ? -1 : s->rc->stop_fd);	/* hazard 33 */
	if (!ret)
		ret = dmm_wireio_recv_until(s->fd, f, payload, cap, dmm_now_ms() + s->rc->stall_ms,
					    s->rc->stop_fd, &why);
	switch (ret) {
	case 0:
		break;
	case -ENODATA:
		return ret;
	case -ECANCELED:
		return dmm_refuse(r, DMM_WERR_SHUTDOWN, "the receiver is going down");
	case -ETIMEDOUT:
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "no message, or the rest of one, in time");
	case -EBADMSG:
		return dmm_refuse(r, why && strstr(why, "checksum") ? DMM_WERR_CRC : DMM_WERR_PROTOCOL,
				  "malformed message: %s", why ? why : "it was altered within TLS");
	case -EMSGSIZE:
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "malformed message: too long");
	default:
		dmm_info(&s->log_id, "connection lost: %s", strerror(-ret));
		return -ENODATA;
	}
	if (f->seq != s->rx_seq + 1)
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "sequence number %llu instead of %llu", f->seq,
				  s->rx_seq + 1);
	s->rx_seq++;
	return 0;
}

int dmm_session_reply(struct dmm_session *s, u16 type, const void *payload, u32 bytes)
{
	return dmm_wireio_send_until(s->fd, type, &s->tx_seq, payload, bytes,
				     dmm_now_ms() + s->rc->ack_ms, s->rc->stop_fd);
}

static void session_say_refused(struct dmm_session *s, const struct dmm_refusal *r)
{
	struct dmm_wire_refuse w;

	memset(&w, 0, sizeof(w));
	w.code = cpu_to_le32(r->code);
	snprintf((char *)w.text, sizeof(w.text), "%s", r->text);
	dmm_session_reply(s, DMM_MSG_REFUSE, &w, sizeof(w));
	s->refused = true;
}

void dmm_session_refuse(struct dmm_session *s, const struct dmm_refusal *r)
{
	dmm_log(r->code == DMM_WERR_SHUTDOWN ? LOG_INFO : LOG_WARNING, &s->log_id, "refused: %s", r->text);
	session_say_refused(s, r);
}

void dmm_session_complain(struct dmm_session *s, enum dmm_complaint what, const char *why)
{
	bool out = dmm_silent_is_out(s->rc, s->silent);

	dmm_complain(&s->rc->complaints, out ? DMM_COMPLAIN_LIMIT : what, dmm_now_ms(),
		     what == DMM_COMPLAIN_HELLO && !out ? LOG_INFO : LOG_WARNING, &s->log_id, "closed before HELLO: %s",
		     out ? "it had to make way: too many connections that do not say who they are, see max_silent in dmmigrated.conf" :
		     why);
}

/* Version and features. Returns 0 when the conversation goes on. */
static int session_hello(struct dmm_session *s)
{
	u8 payload[DMM_MAX_CONTROL_BYTES];
	struct dmm_wire_hello_ok ok;
	struct dmm_refusal r;
	struct dmm_hello h;
	struct dmm_frame f;
	const char *why = NULL;
	int ret;

	/* the deadline is for all of it, so that dribbling does not help */
	ret = dmm_wireio_recv_until(s->fd, &f, payload, sizeof(payload), s->hello_ms, s->rc->stop_fd, &why);
	if (ret == -EBADMSG || ret == -EMSGSIZE) {
		ret = dmm_refuse(&r, DMM_WERR_PROTOCOL, "this is not a dmmigrate source: %s",
				 why ? why : "message too long");
	} else if (ret == -ECANCELED) {
		ret = dmm_refuse(&r, DMM_WERR_SHUTDOWN, "the receiver is going down");
	} else if (ret) {
		/* a port scanner, or a peer that says nothing: nothing is said to it either */
		dmm_session_complain(s, DMM_COMPLAIN_HELLO, ret == -ENODATA ? "the peer closed" : strerror(-ret));
		return ret;
	} else if (f.type != DMM_MSG_HELLO || f.seq != 1) {
		ret = dmm_refuse(&r, DMM_WERR_PROTOCOL, "the first message is not HELLO");
	} else {
		ret = dmm_hello_decode(payload, &h, &r);
	}
	if (!ret && (h.version_min > DMM_WIRE_VERSION || h.version_max < DMM_WIRE_VERSION))
		ret = dmm_refuse(&r, DMM_WERR_VERSION,
				 "%s speaks protocol versions %u to %u, this receiver %u: upgrade the %s",
				 h.program[0] ? h.program : "the source", h.version_min, h.version_max,
				 DMM_WIRE_VERSION,
				 h.version_min > DMM_WIRE_VERSION ? "receiver" : "source");
	if (ret) {
		dmm_complain(&s->rc->complaints, DMM_COMPLAIN_HELLO, dmm_now_ms(),
			     r.code == DMM_WERR_SHUTDOWN ? LOG_INFO : LOG_WARNING, &s->log_id, "refused: %s", r.text);
		session_say_refused(s, &r);
		return ret;
	}
	s->rx_seq = 1;
	memset(&ok, 0, sizeof(ok));
	ok.version = cpu_to_le16(DMM_WIRE_VERSION);
	s->features = h.features & SESSION_FEATURES;
	ok.features = cpu_to_le64(s->features);
	memcpy(ok.instance, s->rc->instance, sizeof(ok.instance));
	memcpy(ok.boot, s->rc->boot, sizeof(ok.boot));
	dmm_text_put(ok.program, sizeof(ok.program), "dmmigrated " DMM_VERSION);
	dmm_debug(&s->log_id, "HELLO from %s", h.program);
	dmm_silent_known(s->rc, s->silent);	/* without TLS one knows no more than that */
	return dmm_session_reply(s, DMM_MSG_HELLO_OK, &ok, sizeof(ok));
}

/*
 * Closing a socket with unread data in it resets the connection, which may overtake what
 * was said last.  So: say that this was all, and read until the peer has closed, for a while.
 */
static void session_linger(struct dmm_session *s)
{
	u64 deadline_ms = dmm_now_ms() + LINGER_MS;
	char scrap[4096];
	ssize_t n;

	shutdown(s->fd, SHUT_WR);
	while (dmm_now_ms() < deadline_ms) {
		n = recv(s->fd, scrap, sizeof(scrap), MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN && errno != EINTR))
			return;
		if (n < 0 && dmm_wait_fd(s->fd, POLLIN, deadline_ms, -1))
			return;
	}
}

static void session_set_options(int fd)
{
	static const struct { int level, name, value; } options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		/* a paused migration is silent for hours: a dead host must still be noticed */
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 60 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 15 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 4 },
		/* and one that owes TCP an acknowledgement, for then nothing is probed */
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 120000 },
	};
	size_t i;

	/* not essential, and a test's socketpair has none of them */
	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			   sizeof(options[i].value));
}

/* For the journal; the socket's mode is what keeps others away. */
static u32 session_uid(int fd)
{
	socklen_t len = sizeof(struct ucred);
	struct ucred who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) ? (u32)-1 : who.uid;
}

/* What was the key of this connection given out for? */
static int session_may(const struct dmm_session *s, u16 type, struct dmm_refusal *r)
{
	if (!s->tls || s->by_key == (type == DMM_MSG_ATTACH))
		return 0;
	return dmm_refuse(r, DMM_WERR_DENIED, s->by_key ? "the key of a data connection is good for nothing but ATTACH" :
			  "a data connection proves itself by a key that is asked for with KEY");
}

/* What the acceptor has found out, of another process's memory. */
static void session_know(struct dmm_session *s, const struct dmm_session *known)
{
	s->tls = known->tls;
	s->by_key = known->by_key;
	s->key = known->key;
	memcpy(s->peer_name, known->peer_name, sizeof(s->peer_name));
	s->peer_name[sizeof(s->peer_name) - 1] = '\0';
	s->key.peer[sizeof(s->key.peer) - 1] = '\0';
	s->peer_pin = known->peer_pin;
}

/* @fd may be another one afterwards.  @silent: may be NULL. */
static void session_life(struct dmm_receiver *rc, int *fd, const char *peer, bool local, u64 hello_ms,
			 const struct dmm_session *known, struct dmm_silent *silent)
{
	struct dmm_session s = { .rc = rc, .fd = *fd, .local = local, .hello_ms = hello_ms, .silent = silent };
	u8 payload[DMM_MAX_CONTROL_BYTES];
	struct dmm_refusal r;
	struct dmm_frame f;
	int ret;

	if (known)
		session_know(&s, known);
	snprintf(s.peer, sizeof(s.peer), "%s", peer);
	s.log_id.disk = DMM_LOG_NO_DISK;
	s.log_id.peer = s.peer;
	if (local)
		s.uid = session_uid(s.fd);
	session_set_options(s.fd);
	if (!local && !known && dmm_channel_has_tls(rc->channel)) {
		ret = dmm_channel_accept(rc->channel, &s);
		*fd = s.fd;
		if (ret)
			return;
	}
	if (rc->passes) {
		dmm_acceptor_pass(rc, &s);
		return;
	}
	if (session_hello(&s))
		goto out;
	ret = dmm_session_recv(&s, &f, payload, sizeof(payload), dmm_now_ms() + UNDECIDED_MS, &r);
	if (ret == -ENODATA)
		goto out;
	dmm_silent_no_more(rc, silent);
	if (!ret)
		ret = session_may(&s, f.type, &r);
	if (ret)
		dmm_session_refuse(&s, &r);
	else if (f.type == DMM_MSG_ATTACH)
		dmm_data_run(&s, payload);
	else if (f.type == DMM_MSG_HANDOVER)
		dmm_handover_run(&s, payload);
	else if (f.type == DMM_MSG_GUEST)
		dmm_guest_run(&s, payload);
	else
		dmm_control_run(&s, &f, payload);
out:
	if (s.refused)
		session_linger(&s);
}

void dmm_session_run(struct dmm_receiver *rc, int fd, const char *peer, bool local)
{
	session_life(rc, &fd, peer, local, dmm_now_ms() + rc->handshake_ms, NULL, NULL);
}

static void *session_thread(void *arg)
{
	struct session_start *start = arg;
	struct dmm_receiver *rc = start->rc;
	int fd = start->fd;

	session_life(rc, &fd, start->silent.peer, start->local, start->hello_ms, start->known ? &start->session : NULL,
		     &start->silent);
	dmm_silent_no_more(rc, &start->silent);
	if (fd >= 0)
		close(fd);
	dmm_silent_end(rc, &start->silent);
	free(start);
	return NULL;
}

/* Main's thread must not wait for a peer: what fits into the socket's empty buffer, and off. */
static void session_turn_away(struct dmm_receiver *rc, int fd, const char *peer, bool silent, bool handshaken)
{
	struct dmm_session s = { .rc = rc, .fd = fd };
	struct dmm_refusal r;

	s.log_id.disk = DMM_LOG_NO_DISK;
	s.log_id.peer = peer;
	if (silent)
		dmm_refuse(&r, DMM_WERR_LIMIT, "too many connections of one address that have not asked "
			   "for anything: at most %u, see max_silent in dmmigrated.conf", rc->max_silent);
	else
		dmm_refuse(&r, DMM_WERR_LIMIT, "too many connections: at most %u, see max_sessions in "
			   "dmmigrated.conf", rc->max_sessions);
	dmm_complain(&rc->complaints, DMM_COMPLAIN_LIMIT, dmm_now_ms(), LOG_WARNING, &s.log_id, "refused: %s", r.text);
	/* within TLS it would take a handshake */
	if (handshaken || !dmm_channel_has_tls(rc->channel))
		session_say_refused(&s, &r);
	shutdown(fd, SHUT_WR);
}

static int session_start(struct dmm_receiver *rc, int fd, const char *peer, bool local, u64 hello_ms,
			 const struct dmm_session *known)
{
	struct session_start *start = malloc(sizeof(*start));
	int ret;

	if (!start) {
		close(fd);
		return -ENOMEM;
	}
	start->rc = rc;
	start->fd = fd;
	start->local = local;
	start->hello_ms = hello_ms;
	start->known = known;
	if (known)
		start->session = *known;
	ret = dmm_silent_admit(rc, &start->silent, fd, peer, local);
	if (ret) {
		session_turn_away(rc, fd, peer, ret == -EUSERS, known);
		ret = -EUSERS;
		goto err_free;
	}
	if (known && known->tls)	/* in plaintext that takes a HELLO */
		dmm_silent_known(rc, &start->silent);
	ret = dmm_thread_detached(session_thread, start, DMM_STACK_BYTES);
	if (!ret)
		return 0;
	dmm_silent_end(rc, &start->silent);
err_free:
	free(start);
	close(fd);
	return ret;
}

int dmm_session_start(struct dmm_receiver *rc, int fd, const char *peer, bool local, u64 hello_ms)
{
	return session_start(rc, fd, peer, local, hello_ms, NULL);
}

int dmm_session_start_known(struct dmm_receiver *rc, int fd, const struct dmm_session *known)
{
	return session_start(rc, fd, known->peer, false, known->hello_ms, known);
}
