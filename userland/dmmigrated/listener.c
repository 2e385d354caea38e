// SPDX-License-Identifier: GPL-2.0
/*
 * Binding and accepting.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "listener.h"
#include "log.h"
#include "session.h"

#define BACKLOG		4096	/* a flood that fills it has others wait for a second, and then for two */
#define ACCEPT_ROUND	32	/* at a time: signals want to be seen, too */

/* "10.0.0.1:7790", "[::1]:7790" */
static void address_text(const struct sockaddr *sa, socklen_t len, char *buf, size_t size)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo(sa, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(buf, size, "?");
	else
		snprintf(buf, size, strchr(host, ':') ? "[%.60s]:%.8s" : "%.60s:%.8s", host, port);
}

static int bind_one(struct dmm_listener *l, const struct addrinfo *ai)
{
	char text[DMM_PEER_TEXT];
	int fd, ret, one = 1;

	address_text(ai->ai_addr, ai->ai_addrlen, text, sizeof(text));
	if (l->nr == DMM_MAX_SOCKETS) {
		dmm_err(NULL, "too many addresses to listen on: at most %d", DMM_MAX_SOCKETS);
		return -E2BIG;
	}
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    ai->ai_protocol);
	if (fd < 0) {
		ret = -errno;
		goto err_log;
	}
	/* restarting must not wait for TIME_WAIT; two daemons on one address still cannot be */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    (ai->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))) ||
	    bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, BACKLOG)) {
		ret = -errno;
		close(fd);
		goto err_log;
	}
	l->fds[l->nr++] = fd;
	dmm_info(NULL, "listening on %s", text);
	return 0;

err_log:
	dmm_err(NULL, "cannot listen on %s: %s%s", text, strerror(-ret),
		ret == -EADDRINUSE ? ": another dmmigrated?" :
		ret == -EADDRNOTAVAIL ? ": not an address of this host" : "");
	return ret;
}

static int bind_address(struct dmm_listener *l, const struct dmm_listen_address *a, u16 port)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *list, *ai;
	char service[8];
	int ret = 0;

	snprintf(service, sizeof(service), "%u", a->port ? a->port : port);
	ret = getaddrinfo(a->host, service, &hints, &list);
	if (ret) {
		dmm_err(NULL, "cannot listen on %s: %s", a->host, gai_strerror(ret));
		return -EADDRNOTAVAIL;
	}
	for (ai = list; ai && !ret; ai = ai->ai_next)
		ret = bind_one(l, ai);
	freeaddrinfo(list);
	return ret;
}

void dmm_listener_open_local(struct dmm_listener *l, const char *path)
{
	int fd = dmm_local_listen(path);

	l->nr = 0;
	l->local_path[0] = '\0';
	l->local = 0;
	if (fd < 0) {
		dmm_warn(NULL, "cannot listen on %s: %s%s; dmmigrate on this host cannot ask this daemon", path,
			 strerror(-fd), fd == -EADDRINUSE ? ": another dmmigrated?" : "");
		return;
	}
	snprintf(l->local_path, sizeof(l->local_path), "%s", path);
	l->fds[l->nr++] = fd;
}

int dmm_listener_open(struct dmm_listener *l, const struct dmm_config *c)
{
	static const struct dmm_listen_address loopback = { .host = "127.0.0.1" };
	int ret = 0;
	u32 i;

	l->nr = 0;
	l->local_path[0] = '\0';
	l->local = DMM_MAX_SOCKETS;
	if (!c->nr_listen) {
		dmm_warn(NULL, "no address to listen on was given: taking 127.0.0.1; "
			 "set 'listen' to the storage network's address in %s", c->path);
		ret = bind_address(l, &loopback, c->port);
	}
	for (i = 0; i < c->nr_listen && !ret; i++)
		ret = bind_address(l, &c->listen[i], c->port);
	if (ret)
		dmm_listener_close(l);
	return ret;
}

void dmm_listener_close(struct dmm_listener *l)
{
	while (l->nr)
		close(l->fds[--l->nr]);
	if (l->local_path[0])
		unlink(l->local_path);
}

/* Returns what tells to rest. */
static int listener_place(struct dmm_listener *l, u32 i, struct dmm_receiver *rc, struct dmm_lobby *lobby, int fd, const char *peer)
{
	int ret;

	if (lobby) {
		dmm_lobby_enter(lobby, fd, peer);
		return 0;
	}
	ret = dmm_session_start(rc, fd, peer, i == l->local, dmm_now_ms() + rc->handshake_ms);
	return ret == -EUSERS ? 0 : ret;
}

int dmm_listener_accept(struct dmm_listener *l, u32 i, struct dmm_receiver *rc, struct dmm_lobby *lobby)
{
	struct sockaddr_storage sa;
	char peer[DMM_PEER_TEXT];
	socklen_t len;
	int fd, ret, n;

	for (n = 0; n < ACCEPT_ROUND; n++) {
		if (!lobby && dmm_silent_crowded(rc))
			return -EAGAIN;
		len = sizeof(sa);
		fd = accept4(l->fds[i], (struct sockaddr *)&sa, &len, SOCK_CLOEXEC);
		if (fd < 0) {
			switch (errno) {
			case EMFILE:
			case ENFILE:
			case ENOBUFS:
			case ENOMEM:
				return -errno;
			case EAGAIN:
				return 0;
			}
			continue;	/* that peer has gone again: EINTR, ECONNABORTED, network errors */
		}
		if (i == l->local)
			snprintf(peer, sizeof(peer), "local");
		else
			address_text((struct sockaddr *)&sa, len, peer, sizeof(peer));
		ret = listener_place(l, i, rc, lobby, fd, peer);
		if (ret)
			return ret;
	}
	return 0;
}
