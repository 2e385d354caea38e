// SPDX-License-Identifier: GPL-2.0
/*
 * flood FROM HOST PORT IDLE GARBAGE: strangers, from the address FROM.
 *
 * IDLE connections that say nothing, and GARBAGE that send something that is no TLS.  Each that the receiver closes is made anew
 * PAUSE_MS later, for as long as this runs.  Says "all there" once each was made, and, at SIGTERM, how often that was.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "parse.h"

#define PAUSE_MS	1000
#define GARBAGE_BYTES	1000

struct stranger {
	int fd;			/* -1: it rests */
	u64 again_ms;
	bool garbage, made, there;
};

static struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET };
static u64 made, closed;
static atomic_int over;	/* set by a signal */

static void on_term(int sig)
{
	(void)sig;
	over = 1;
}

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("flood: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	exit(1);
}

static void begin(struct stranger *s)
{
	const struct linger by_reset = { .l_onoff = 1 };	/* no TIME_WAIT: there are so many ports only */
	int one = 1;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		die("no socket: %s", strerror(errno));
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &by_reset, sizeof(by_reset));
	setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(s->fd, (struct sockaddr *)&from, sizeof(from)))
		die("cannot be %s: %s", inet_ntoa(from.sin_addr), strerror(errno));
	s->there = false;
	if (connect(s->fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS)
		die("cannot connect: %s", strerror(errno));
}

static void end(struct stranger *s, u64 now_ms)
{
	close(s->fd);
	s->fd = -1;
	s->again_ms = now_ms + PAUSE_MS;
}

/* Something has come to pass on it. */
static void look(struct stranger *s, u64 now_ms)
{
	char buf[GARBAGE_BYTES];
	socklen_t len = sizeof(int);
	ssize_t n;
	int err;

	if (!s->there) {
		if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len) || err) {
			end(s, now_ms);
			return;
		}
		s->there = true;
		s->made = true;
		made++;
		memset(buf, (int)made, sizeof(buf));
		if (s->garbage && send(s->fd, buf, sizeof(buf), MSG_NOSIGNAL) < 0)
			end(s, now_ms);
		return;
	}
	n = recv(s->fd, buf, sizeof(buf), 0);
	if (n > 0 || (n < 0 && errno == EAGAIN))
		return;
	closed++;
	end(s, now_ms);
}

int main(int argc, char **argv)
{
	u64 idle, garbage, port, now_ms;
	struct stranger *s;
	struct pollfd *p;
	struct rlimit rl;
	bool said = false;
	size_t i, nr, there;

	if (argc != 6 || inet_pton(AF_INET, argv[1], &from.sin_addr) != 1 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 ||
	    dmm_parse_u64(argv[3], 1, 65535, &port) || dmm_parse_u64(argv[4], 0, 100000, &idle) ||
	    dmm_parse_u64(argv[5], 0, 100000, &garbage))
		die("FROM HOST PORT IDLE GARBAGE");
	to.sin_port = htons((u16)port);
	nr = idle + garbage;
	s = calloc(nr, sizeof(*s));
	p = calloc(nr, sizeof(*p));
	if (!s || !p)
		die("out of memory");
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	if (rl.rlim_max < nr + 16 || setrlimit(RLIMIT_NOFILE, &rl))
		die("%zu descriptors are needed: ulimit -Hn", nr + 16);
	signal(SIGTERM, on_term);
	for (i = 0; i < nr; i++) {
		s[i].fd = -1;
		s[i].garbage = i >= idle;
	}
	while (!over) {
		now_ms = dmm_now_ms();
		there = 0;
		for (i = 0; i < nr; i++) {
			if (s[i].fd < 0 && now_ms >= s[i].again_ms)
				begin(&s[i]);
			p[i] = (struct pollfd){ .fd = s[i].fd, .events = s[i].there ? POLLIN : POLLOUT };
			there += s[i].made;
		}
		if (there == nr && !said) {
			puts("all there");
			fflush(stdout);
			said = true;
		}
		if (poll(p, nr, 20) <= 0)
			continue;
		for (i = 0; i < nr; i++) {
			if (p[i].fd >= 0 && p[i].revents)
				look(&s[i], now_ms);
		}
	}
	printf("%llu connections made, %llu closed by the receiver\n", made, closed);
	return 0;
}
