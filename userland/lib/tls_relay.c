// SPDX-License-Identifier: GPL-2.0
/*
 * Where the kernel has no TLS: a thread or a process between the connection and one end of a socketpair.  It has
 * an end when either side has closed and what was on the way has been passed on.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thread.h"
#include "tls_priv.h"

#define RAW_BYTES	(4 * DMM_RECORD_MAX)
#define TURN		16u		/* records, and then the other way's */
#define LOCAL_BYTES	(1 << 20)	/* of the socketpair's buffers: what a frame has */

struct dmm_relay {
	struct dmm_record tx, rx;
	int net, local;
	u8 *out, *sealed;		/* one record, before and after */
	size_t sealed_bytes, sealed_done;	/* not yet sent */
	u8 *raw;			/* from the net */
	size_t raw_bytes, raw_done;
	u8 *in;				/* one record */
	size_t in_bytes, in_done;	/* not yet passed on */
	bool out_over, in_over;		/* nothing more comes from the local side, from the net */
	bool more;			/* a turn was over before all was passed on */
	ino_t user;			/* of a thread's: the socket by which it is used */
	struct dmm_relay *next;		/* relays_lock; of those of this process */
};

static pthread_mutex_t relays_lock = PTHREAD_MUTEX_INITIALIZER;	/* a leaf */
static struct dmm_relay *relays;

/* Nobody takes anything any more, but what had come before says why, perhaps: that is passed on still. */
static void out_lost(struct dmm_relay *r)
{
	r->sealed_bytes = 0;
	r->sealed_done = 0;
	r->out_over = true;
	shutdown(r->local, SHUT_RD);
}

/* From the local side to the net.  False: the connection is over. */
static bool relay_out(struct dmm_relay *r)
{
	unsigned int turn;
	ssize_t n;

	for (turn = 0; !r->out_over; turn++) {
		if (turn == TURN) {
			r->more = true;
			return true;
		}
		if (r->sealed_done == r->sealed_bytes) {
			n = recv(r->local, r->out, DMM_RECORD_DATA, MSG_DONTWAIT);
			if (n < 0)
				return errno == EAGAIN || errno == EINTR;
			if (!n) {
				/* an end within TLS is not data to a kernel; what must not be cut off has its own */
				r->out_over = true;
				shutdown(r->net, SHUT_WR);
				return true;
			}
			n = dmm_record_seal(&r->tx, r->out, (size_t)n, r->sealed);
			if (n < 0)
				return false;
			r->sealed_bytes = (size_t)n;
			r->sealed_done = 0;
		}
		n = send(r->net, r->sealed + r->sealed_done, r->sealed_bytes - r->sealed_done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n < 0)
			out_lost(r);
		else
			r->sealed_done += (size_t)n;
	}
	return true;
}

/* The next record's data. 1; 0: it has not come whole yet; -errno: nothing comes any more, -ENODATA by an end, -EPROTO damaged. */
static int next_record(struct dmm_relay *r)
{
	ssize_t n, want = (ssize_t)DMM_RECORD_HEADER;
	size_t have;

	for (;;) {
		have = r->raw_bytes - r->raw_done;
		if (have >= DMM_RECORD_HEADER)
			want = dmm_record_bytes(r->raw + r->raw_done);
		if (want < 0)
			return (int)want;
		if (have >= (size_t)want)
			break;
		memmove(r->raw, r->raw + r->raw_done, have);
		r->raw_bytes = have;
		r->raw_done = 0;
		n = recv(r->net, r->raw + have, RAW_BYTES - have, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (!n)
			return -ENODATA;
		r->raw_bytes += (size_t)n;
	}
	n = dmm_record_open(&r->rx, r->raw + r->raw_done, (size_t)want, r->in);
	r->raw_done += (size_t)want;
	if (n < 0)
		return (int)n;
	r->in_bytes = (size_t)n;
	r->in_done = 0;
	return 1;
}

/* From the net to the local side. */
static bool relay_in(struct dmm_relay *r)
{
	unsigned int turn;
	ssize_t n;
	int ret;

	for (turn = 0; !r->in_over; turn++) {
		if (turn == TURN) {
			r->more = true;
			return true;
		}
		if (r->in_done == r->in_bytes) {
			ret = next_record(r);
			if (!ret)
				return true;
			if (ret < 0) {
				/* closed; or altered, or no data: then nothing that comes after counts either */
				r->in_over = true;
				shutdown(r->local, SHUT_WR);
				return ret == -ENODATA;
			}
			if (!r->in_bytes)
				continue;	/* padding alone */
		}
		n = send(r->local, r->in + r->in_done, r->in_bytes - r->in_done, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		r->in_done += (size_t)n;
	}
	return true;
}

/* False: the local side is closed for good. */
static bool relay_wait(struct dmm_relay *r)
{
	int timeout_ms = r->more ? 0 : -1;
	struct pollfd p[2] = { { .fd = r->net }, { .fd = r->local } };

	if (r->sealed_done < r->sealed_bytes)
		p[0].events |= POLLOUT;
	else if (!r->out_over)
		p[1].events |= POLLIN;
	if (r->in_done < r->in_bytes)
		p[1].events |= POLLOUT;
	else if (!r->in_over)
		p[0].events |= POLLIN;
	/* who has hung up is not looked at before something can be done about it */
	if (!p[0].events)
		p[0].fd = -1;
	if (!p[1].events && !r->out_over)
		p[1].fd = -1;
	r->more = false;
	return poll(p, 2, timeout_ms) < 0 || !r->out_over || !(p[1].revents & POLLHUP);
}

void dmm_relay_run(struct dmm_relay *r)
{
	while (relay_out(r) && relay_in(r) && !(r->out_over && r->in_over) && relay_wait(r))
		;
}

static void buffer_free(u8 *buf, size_t bytes)
{
	if (buf)
		gnutls_memset(buf, 0, bytes);
	free(buf);
}

void dmm_relay_free(struct dmm_relay *r)
{
	dmm_record_exit(&r->tx);
	dmm_record_exit(&r->rx);
	buffer_free(r->out, DMM_RECORD_DATA + 1);
	buffer_free(r->sealed, DMM_RECORD_SEALED);
	buffer_free(r->raw, RAW_BYTES);
	buffer_free(r->in, DMM_RECORD_MAX);
	if (r->local >= 0)
		close(r->local);
	if (r->net >= 0)
		close(r->net);
	free(r);
}

struct dmm_relay *dmm_relay_create(const struct dmm_tls_secrets *s, int net, int local)
{
	struct dmm_relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->net = r->local = -1;
	r->out = malloc(DMM_RECORD_DATA + 1);
	r->sealed = malloc(DMM_RECORD_SEALED);
	r->raw = malloc(RAW_BYTES);
	r->in = malloc(DMM_RECORD_MAX);
	if (!r->out || !r->sealed || !r->raw || !r->in || dmm_record_init(&r->tx, &s->tx) || dmm_record_init(&r->rx, &s->rx)) {
		dmm_relay_free(r);
		return NULL;
	}
	r->net = net;
	r->local = local;
	return r;
}

/* Who has gone without a word is noticed soon by who hands over, and by who ships before the kernel gives up. */
static void relay_options(int fd)
{
	static const struct { int name, value; } options[] = {
		{ TCP_KEEPIDLE, 5 }, { TCP_KEEPINTVL, 5 }, { TCP_KEEPCNT, 2 }, { TCP_USER_TIMEOUT, 30000 },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)	/* not essential */
		setsockopt(fd, IPPROTO_TCP, options[i].name, &options[i].value, sizeof(options[i].value));
}

static void relays_add(struct dmm_relay *r)
{
	pthread_mutex_lock(&relays_lock);
	r->next = relays;
	relays = r;
	pthread_mutex_unlock(&relays_lock);
}

static void relays_remove(struct dmm_relay *r)
{
	struct dmm_relay **p;

	pthread_mutex_lock(&relays_lock);
	for (p = &relays; *p != r; p = &(*p)->next)
		;
	*p = r->next;
	pthread_mutex_unlock(&relays_lock);
}

int dmm_tls_setsockopt(int fd, int name, int value)
{
	struct dmm_relay *r;
	struct stat st;
	int ret;

	if (!setsockopt(fd, IPPROTO_TCP, name, &value, sizeof(value)))
		return 0;
	ret = -errno;
	if (ret != -EOPNOTSUPP || fstat(fd, &st))
		return ret;
	pthread_mutex_lock(&relays_lock);
	for (r = relays; r && r->user != st.st_ino; r = r->next)
		;
	if (r)
		ret = setsockopt(r->net, IPPROTO_TCP, name, &value, sizeof(value)) ? -errno : 0;
	pthread_mutex_unlock(&relays_lock);
	return ret;
}

static void *relay_thread(void *arg)
{
	dmm_relay_run(arg);
	relays_remove(arg);
	dmm_relay_free(arg);
	return NULL;
}

/* @user: the inode of the socket by which it is used. */
static int begin_thread(const struct dmm_tls_secrets *s, int net, int local, ino_t user)
{
	struct dmm_relay *r = dmm_relay_create(s, net, local);
	int ret;

	if (!r) {
		close(net);
		close(local);
		return -ENOMEM;
	}
	r->user = user;
	relays_add(r);
	ret = dmm_thread_detached(relay_thread, r, DMM_STACK_BYTES);
	if (ret) {
		relays_remove(r);
		dmm_relay_free(r);
	}
	return ret;
}

int dmm_tls_relay(const struct dmm_tls_secrets *s, int fd, bool outlives)
{
	int pair[2], ret, i, bytes = LOCAL_BYTES;
	struct stat st;

	relay_options(fd);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	for (i = 0; i < 2; i++) {	/* not essential */
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
		setsockopt(pair[i], SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	}
	if (outlives) {
		ret = dmm_relay_spawn(s, fd, pair[1]);
		close(fd);	/* ours; the process has its own */
		close(pair[1]);
	} else {
		ret = begin_thread(s, fd, pair[1], fstat(pair[0], &st) ? 0 : st.st_ino);
	}
	if (!ret)
		return pair[0];
	close(pair[0]);
	return ret;
}
