// SPDX-License-Identifier: GPL-2.0
/*
 * Sockets and eventfds that are memory; see world.h.
 */
#include <errno.h>
#include <poll.h>
#include <sys/uio.h>

#include "world_priv.h"

#define MAX_SOCKS	16
#define MAX_EVENTS	64
#define SOCK_BASE	0x1000000	/* descriptors that no process has */
#define EVENT_BASE	0x2000000
#define DEAF_BYTES	4096		/* that a peer which does not read leaves room for */

static struct world_sock {
	bool used, closed, eof, deaf, gone, shut, passed_shut;
	u8 *in, *out;
	size_t in_bytes, in_at, out_bytes, deaf_at;
} socks[MAX_SOCKS];

static struct { bool used; u64 count; } events[MAX_EVENTS];

static short sock_ready(const struct world_sock *s, short events)
{
	short r = 0;

	if ((events & POLLIN) && (s->eof || s->in_at < s->in_bytes))
		r |= POLLIN;
	if ((events & POLLOUT) && (s->gone || !(s->deaf && s->out_bytes >= s->deaf_at)))
		r |= POLLOUT;
	return r;
}

struct world_sock *world_sock_of(int fd)
{
	if (fd < SOCK_BASE || fd >= SOCK_BASE + MAX_SOCKS)
		return NULL;
	fuzz_assert(socks[fd - SOCK_BASE].used && !socks[fd - SOCK_BASE].closed);
	return &socks[fd - SOCK_BASE];
}

struct world_sock *world_sock_new(int *fd)
{
	struct world_sock *s = socks;

	while (s->used)
		fuzz_assert(++s < socks + MAX_SOCKS);
	memset(s, 0, sizeof(*s));
	s->used = true;
	*fd = SOCK_BASE + (int)(s - socks);
	return s;
}

void world_sock_free(struct world_sock *s)
{
	fuzz_assert(s->closed);
	free(s->in);
	free(s->out);
	s->used = false;
}

static void append(u8 **to, size_t *have, const void *buf, size_t bytes)
{
	if (!bytes)
		return;
	*to = realloc(*to, *have + bytes);
	fuzz_assert(*to);
	memcpy(*to + *have, buf, bytes);
	*have += bytes;
}

void world_say(struct world_sock *s, const void *buf, size_t bytes)
{
	append(&s->in, &s->in_bytes, buf, bytes);
}

void world_say_end(struct world_sock *s)
{
	s->eof = true;
}

void world_hang_up(struct world_sock *s)
{
	s->eof = s->gone = true;
}

void world_deafen(struct world_sock *s)
{
	if (s->deaf)
		return;
	s->deaf = true;
	s->deaf_at = s->out_bytes + DEAF_BYTES;
}

const u8 *world_heard(const struct world_sock *s, size_t *bytes)
{
	*bytes = s->out_bytes;
	return s->out;
}

const u8 *world_said(const struct world_sock *s, size_t *bytes)
{
	*bytes = s->in_bytes;
	return s->in;
}

bool world_passed_shut(const struct world_sock *s)
{
	return s->passed_shut;
}

bool world_sock_closed(const struct world_sock *s)
{
	return s->closed;
}

static ssize_t sock_recv(struct world_sock *s, const struct iovec *iov, size_t nr)
{
	size_t i, n, got = 0;

	if (s->in_at == s->in_bytes && !s->eof) {
		errno = EAGAIN;
		return -1;
	}
	for (i = 0; i < nr; i++) {
		n = s->in_bytes - s->in_at < iov[i].iov_len ? s->in_bytes - s->in_at : iov[i].iov_len;
		if (n)
			memcpy(iov[i].iov_base, s->in + s->in_at, n);
		s->in_at += n;
		got += n;
	}
	return got;
}

static ssize_t sock_send(struct world_sock *s, const struct iovec *iov, size_t nr)
{
	size_t i, n, sent = 0;

	if (!sock_ready(s, POLLOUT) || s->gone) {
		errno = s->gone ? EPIPE : EAGAIN;
		return -1;
	}
	s->passed_shut |= s->shut;
	for (i = 0; i < nr; i++) {
		n = iov[i].iov_len;
		if (s->deaf && n > s->deaf_at - s->out_bytes)
			n = s->deaf_at - s->out_bytes;
		append(&s->out, &s->out_bytes, iov[i].iov_base, n);
		sent += n;
		if (n < iov[i].iov_len)
			break;
	}
	return sent;
}

short world_fd_ready(int fd, short wanted)
{
	if (fd >= EVENT_BASE && fd < EVENT_BASE + MAX_EVENTS)
		return events[fd - EVENT_BASE].count ? wanted & POLLIN : 0;
	if (world_sock_of(fd))
		return sock_ready(world_sock_of(fd), wanted);
	fuzz_assert(fd < 0);	/* nothing real is waited for here */
	return 0;
}

/* --- in place of libc --- */

ssize_t __wrap_recv(int fd, void *buf, size_t bytes, int flags)
{
	struct world_sock *s = world_sock_of(fd);

	return s ? sock_recv(s, &(struct iovec){ buf, bytes }, 1) : __real_recv(fd, buf, bytes, flags);
}

ssize_t __wrap_read(int fd, void *buf, size_t bytes)
{
	struct world_sock *s = world_sock_of(fd);

	return s ? sock_recv(s, &(struct iovec){ buf, bytes }, 1) : __real_read(fd, buf, bytes);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	struct world_sock *s = world_sock_of(fd);

	return s ? sock_recv(s, m->msg_iov, m->msg_iovlen) : __real_recvmsg(fd, m, flags);
}

ssize_t __wrap_send(int fd, const void *buf, size_t bytes, int flags)
{
	struct world_sock *s = world_sock_of(fd);

	return s ? sock_send(s, &(struct iovec){ (void *)buf, bytes }, 1) : __real_send(fd, buf, bytes, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	struct world_sock *s = world_sock_of(fd);

	return s ? sock_send(s, m->msg_iov, m->msg_iovlen) : __real_sendmsg(fd, m, flags);
}

int __wrap_shutdown(int fd, int how)
{
	struct world_sock *s = world_sock_of(fd);

	if (!s)
		return __real_shutdown(fd, how);
	s->shut |= how != SHUT_RD;
	return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return world_sock_of(fd) ? -1 : __real_setsockopt(fd, level, name, value, len);
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	return world_sock_of(fd) ? -1 : __real_getsockopt(fd, level, name, value, len);
}

int __wrap_eventfd(unsigned int count, int flags)
{
	int i;

	if (!world_inside())
		return __real_eventfd(count, flags);
	for (i = 0; events[i].used;)
		fuzz_assert(++i < MAX_EVENTS);
	events[i].used = true;
	events[i].count = count;
	return EVENT_BASE + i;
}

int __wrap_eventfd_read(int fd, eventfd_t *v)
{
	if (fd < EVENT_BASE)
		return __real_eventfd_read(fd, v);
	*v = events[fd - EVENT_BASE].count;
	events[fd - EVENT_BASE].count = 0;
	return *v ? 0 : -1;
}

int __wrap_eventfd_write(int fd, eventfd_t v)
{
	if (fd < EVENT_BASE)
		return __real_eventfd_write(fd, v);
	fuzz_assert(events[fd - EVENT_BASE].used);
	events[fd - EVENT_BASE].count += v;
	return 0;
}

int __wrap_close(int fd)
{
	struct world_sock *s = world_sock_of(fd);

	if (s) {
		s->closed = true;
		return 0;
	}
	if (fd < EVENT_BASE)
		return __real_close(fd);
	fuzz_assert(events[fd - EVENT_BASE].used);
	events[fd - EVENT_BASE].used = false;
	return 0;
}
