// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-relay: stands between two ends of TCP connections; while it is told to, it lets only single bytes through, each
 * in a packet of its own.  Whoever reads what they make has to be able to stop anywhere.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

static const char help[] =
"usage: dmm-relay ADDRESS PORT TO-ADDRESS TO-PORT\n"
"Passes each connection that it accepts on.  SIGUSR1: from now on a byte every 2 ms and direction; SIGUSR2: as usual.\n";

#define DRIBBLE_US	2000
#define BUF_BYTES	65536u
#define STACK_BYTES	(BUF_BYTES * 4)

struct pipe {
	int from, to;
};

struct pair {
	struct pipe there, back;	/* each is one thread's */
	struct sockaddr_in peer;
	int accepted;
};

static bool dribbling;

static void on_signal(int nr)
{
	__atomic_store_n(&dribbling, nr == SIGUSR1, __ATOMIC_RELAXED);
}

static void __attribute__((noreturn)) quit(const char *what)
{
	fprintf(stderr, "dmm-relay: %s: %s\n", what, strerror(errno));
	exit(EXIT_USAGE);
}

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_port = htons((uint16_t)need_number(port, "port", 1, 65535));
	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1) {
		fputs(help, stderr);
		exit(EXIT_USAGE);
	}
	return a;
}

static bool pass(int fd, const char *buf, size_t n)
{
	while (n) {
		bool one = __atomic_load_n(&dribbling, __ATOMIC_RELAXED);
		ssize_t done = send(fd, buf, one ? 1 : n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		buf += done;
		n -= (size_t)done;
		if (one)
			usleep(DRIBBLE_US);
	}
	return true;
}

static void *move(void *arg)
{
	const struct pipe *p = arg;
	char buf[BUF_BYTES];
	ssize_t n;

	for (;;) {
		n = recv(p->from, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || !pass(p->to, buf, (size_t)n))
			break;
	}
	if (n < 0) {	/* what was reset on this side is cut on both */
		shutdown(p->from, SHUT_RDWR);
		shutdown(p->to, SHUT_RDWR);
	} else {
		shutdown(p->to, SHUT_WR);
		shutdown(p->from, SHUT_RD);
	}
	return NULL;
}

static void *serve(void *arg)
{
	struct pair *c = arg;
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t back;

	if (fd < 0 || connect(fd, (struct sockaddr *)&c->peer, sizeof(c->peer)))
		goto out;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(c->accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->there = (struct pipe){ c->accepted, fd };
	c->back = (struct pipe){ fd, c->accepted };
	if (pthread_create(&back, NULL, move, &c->back))
		goto out;
	move(&c->there);
	pthread_join(back, NULL);
out:
	if (fd >= 0)
		close(fd);
	close(c->accepted);
	free(c);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sockaddr_in own, peer;
	pthread_attr_t attr;
	int one = 1, fd;

	if (argc != 5) {
		fputs(help, stderr);
		return EXIT_USAGE;
	}
	own = address(argv[1], argv[2]);
	peer = address(argv[3], argv[4]);
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&own, sizeof(own)) || listen(fd, 64))
		quit(argv[1]);
	for (;;) {
		struct pair *c = calloc(1, sizeof(*c));
		pthread_t thread;

		if (!c)
			quit("memory");
		c->peer = peer;
		do {
			c->accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		} while (c->accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
		if (c->accepted < 0)
			quit("accept");
		if (pthread_create(&thread, &attr, serve, c))
			quit("thread");
	}
}
