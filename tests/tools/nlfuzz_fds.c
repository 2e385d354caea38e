// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors for dmm-nlfuzz, and the peers of its connections: one thread
 * that serves them all, each in its own manner.
 */
#include "nlfuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/wire.h"

enum manner {
	PEER_ACKS,	/* as a receiver would */
	PEER_REFUSES,	/* now and then with an error */
	PEER_SILENT,	/* takes everything, says nothing */
	PEER_DEAF,	/* takes nothing: the sender blocks */
	PEER_GARBAGE,	/* answers with what is no acknowledgement */
	PEER_CLOSES,	/* soon */
	PEER_MANNERS
};

#define MAX_PEERS	48
#define MAX_STATIC	24

struct peer {
	int fd;			/* -1: free */
	enum manner manner;
	struct dmm_wire_hdr hdr;
	size_t have, skip;	/* bytes of the header; of payload still to come */
	uint64_t quota;		/* PEER_CLOSES: bytes until then */
};

static struct {
	int listener4, listener6;
	struct sockaddr_in addr4;
	struct sockaddr_in6 addr6;	/* port 0: no IPv6 here */
	int fds[MAX_STATIC];
	unsigned int nr_fds;
	pthread_t thread;
	atomic_bool stop;
	/* manner of the connection that comes from this local port */
	_Atomic uint8_t manner_of[65536];
} pool;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "dmm-nlfuzz: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void keep(int fd)
{
	if (fd >= 0 && pool.nr_fds < MAX_STATIC)
		pool.fds[pool.nr_fds++] = fd;
}

static int listen_on(const void *addr, socklen_t len, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, addr, len) || listen(fd, 64)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* --- peers -------------------------------------------------------------------- */

/* What @p has to say to the frame in its header. False: it hangs up. */
static bool answer(struct peer *p, struct rng *r)
{
	struct dmm_frame f;
	struct dmm_wire_ack wire;
	struct dmm_ack a = { 0 };

	/* someone wrote into the stream, or it is another protocol: hang up, as a receiver */
	if (dmm_wire_hdr_decode(&p->hdr, &f, NULL))
		return false;
	p->skip = f.payload_bytes;
	p->have = 0;
	if (p->manner == PEER_SILENT || (f.type != DMM_MSG_DATA && f.type != DMM_MSG_BARRIER))
		return true;
	a.type = f.type;
	a.seq = f.seq;
	a.arg = f.arg;
	if (p->manner == PEER_REFUSES && rng_below(r, 20) == 0)
		a.status = (uint32_t)(1 + rng_below(r, DMM_WERR_COUNT - 1));
	dmm_wire_ack_encode(&wire, &a);
	if (p->manner == PEER_GARBAGE && rng_below(r, 8) == 0)
		((uint8_t *)&wire)[rng_below(r, sizeof(wire))] ^= (uint8_t)(1 + rng_below(r, 255));
	return send(p->fd, &wire, sizeof(wire), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(wire);
}

/* Payloads are acknowledged when their header came: it is not their contents that matter here. */
static bool serve(struct peer *p, struct rng *r)
{
	static uint8_t sink[65536];	/* of the one thread */
	ssize_t n;

	if (p->skip) {
		n = recv(p->fd, sink, p->skip < sizeof(sink) ? p->skip : sizeof(sink), MSG_DONTWAIT);
		if (n > 0)
			p->skip -= (size_t)n;
	} else {
		n = recv(p->fd, (uint8_t *)&p->hdr + p->have, sizeof(p->hdr) - p->have, MSG_DONTWAIT);
		if (n > 0)
			p->have += (size_t)n;
	}
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	if (p->manner == PEER_CLOSES) {
		if (p->quota < (uint64_t)n)
			return false;
		p->quota -= (uint64_t)n;
	}
	return p->have < sizeof(p->hdr) || answer(p, r);
}

static void accept_one(int listener, struct peer *peers, struct rng *r)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int fd = accept4(listener, (void *)&a, &len, SOCK_CLOEXEC);
	unsigned int i;

	if (fd < 0)
		return;
	for (i = 0; i < MAX_PEERS && peers[i].fd >= 0; i++)
		;
	if (i == MAX_PEERS) {
		i = (unsigned int)rng_below(r, MAX_PEERS);	/* somebody has to go */
		close(peers[i].fd);
	}
	memset(&peers[i], 0, sizeof(peers[i]));
	peers[i].fd = fd;
	peers[i].quota = rng_below(r, 8 << 20);
	/* the port lies at the same place in both address families */
	peers[i].manner = atomic_load(&pool.manner_of[ntohs(((struct sockaddr_in *)&a)->sin_port)]);
}

static void *peers_thread(void *arg)
{
	struct rng r = { .state = 1 };
	struct peer peers[MAX_PEERS];
	struct pollfd p[MAX_PEERS + 2];
	unsigned int i;

	(void)arg;
	for (i = 0; i < MAX_PEERS; i++)
		peers[i].fd = -1;
	while (!atomic_load(&pool.stop)) {
		for (i = 0; i < MAX_PEERS; i++) {
			p[i].fd = peers[i].manner == PEER_DEAF ? -1 : peers[i].fd;
			p[i].events = POLLIN;
		}
		p[MAX_PEERS].fd = pool.listener4;
		p[MAX_PEERS + 1].fd = pool.listener6;
		p[MAX_PEERS].events = p[MAX_PEERS + 1].events = POLLIN;
		if (poll(p, MAX_PEERS + 2, 100) <= 0)
			continue;
		for (i = 0; i < MAX_PEERS; i++) {
			if (p[i].fd >= 0 && p[i].revents && !serve(&peers[i], &r)) {
				close(peers[i].fd);
				peers[i].fd = -1;
			}
		}
		for (; i < MAX_PEERS + 2; i++)
			if (p[i].fd >= 0 && p[i].revents)
				accept_one(p[i].fd, peers, &r);
	}
	for (i = 0; i < MAX_PEERS; i++)
		if (peers[i].fd >= 0)
			close(peers[i].fd);
	return NULL;
}

static int connect_to(bool v6, enum manner manner)
{
	struct sockaddr_in local = { .sin_family = AF_INET };
	struct sockaddr_in6 local6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t len = v6 ? sizeof(local6) : sizeof(local);
	void *a = v6 ? (void *)&local6 : (void *)&local;
	int fd;

	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* bound first: the peer has to know its manner before it accepts */
	if (bind(fd, a, len) || getsockname(fd, a, &len))
		goto err_close;
	atomic_store(&pool.manner_of[ntohs(v6 ? local6.sin6_port : local.sin_port)], manner);
	if (v6 ? connect(fd, (void *)&pool.addr6, sizeof(pool.addr6)) :
		 connect(fd, (void *)&pool.addr4, sizeof(pool.addr4)))
		goto err_close;
	return fd;

err_close:
	close(fd);
	return -1;
}

int fds_good(void)
{
	return connect_to(false, PEER_ACKS);
}

/* --- bad ones ------------------------------------------------------------------- */

/* A connection in a network namespace of its own, as a container would hand in. */
static void *other_netns(void *arg)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	socklen_t len = sizeof(a);
	int listener, fd;

	(void)arg;
	if (unshare(CLONE_NEWNET))
		return "unshare";
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr))
		return "lo of another netns";
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = listen_on(&a, sizeof(a), AF_INET);
	if (listener < 0 || getsockname(listener, (void *)&a, &len))
		return "listening in another netns";
	if (connect(fd, (void *)&a, sizeof(a)))
		return "connecting in another netns";
	keep(fd);
	keep(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	close(listener);
	return NULL;
}

static void open_netns(void)
{
	void *failed = NULL;
	pthread_t t;

	if (pthread_create(&t, NULL, other_netns, NULL) || pthread_join(t, &failed))
		die("thread");
	if (failed)
		die(failed);
}

/* Closed by the peer, or by ourselves, or with nothing behind it. */
static void open_half_dead(void)
{
	int fd = connect_to(false, PEER_SILENT);

	if (fd < 0)
		die("connecting to ourselves");
	shutdown(fd, SHUT_WR);
	keep(fd);
	fd = connect_to(false, PEER_SILENT);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	keep(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		/* TEST-NET-1: SYN_SENT at best */
		struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };

		a.sin_addr.s_addr = htonl(0xc0000201);
		(void)!connect(fd, (void *)&a, sizeof(a));
	}
	keep(fd);
}

void fds_open(void)
{
	socklen_t len = sizeof(pool.addr4);
	int pair[2];

	pool.addr4.sin_family = AF_INET;
	pool.addr4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	pool.listener4 = listen_on(&pool.addr4, len, AF_INET);
	if (pool.listener4 < 0 || getsockname(pool.listener4, (void *)&pool.addr4, &len))
		die("listening on 127.0.0.1 (is lo up?)");
	pool.addr6.sin6_family = AF_INET6;
	pool.addr6.sin6_addr = in6addr_loopback;
	len = sizeof(pool.addr6);
	pool.listener6 = listen_on(&pool.addr6, len, AF_INET6);
	if (pool.listener6 >= 0 && getsockname(pool.listener6, (void *)&pool.addr6, &len))
		die("getsockname");
	if (pool.listener6 < 0)
		printf("no IPv6 here: connections are IPv4 only\n");
	if (pthread_create(&pool.thread, NULL, peers_thread, NULL))
		die("thread");

	keep(pool.listener4);
	keep(pool.listener6);
	keep(memfd_create("nlfuzz", MFD_CLOEXEC));
	keep(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	keep(open("/", O_PATH | O_CLOEXEC));
	keep(open("/dev/null", O_RDWR | O_CLOEXEC));
	keep(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	keep(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	keep(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	keep(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		keep(pair[0]);
		keep(pair[1]);
	}
	if (!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair)) {
		keep(pair[0]);
		close(pair[1]);
	}
	if (!pipe2(pair, O_CLOEXEC)) {
		keep(pair[0]);
		keep(pair[1]);
	}
	keep(eventfd(0, EFD_CLOEXEC));
	keep(epoll_create1(EPOLL_CLOEXEC));
	open_half_dead();
	open_netns();
}

int fds_any(struct rng *r, bool *mine)
{
	static const int odd[] = { -1, 0x7fffffff, 1 << 20, 999, -0x7fffffff };

	*mine = false;
	switch (rng_below(r, 8)) {
	case 0:
		return odd[rng_below(r, sizeof(odd) / sizeof(odd[0]))];
	case 1:
	case 2:
	case 3:
		return pool.fds[rng_below(r, pool.nr_fds)];
	default:
		*mine = true;
		return connect_to(pool.listener6 >= 0 && rng_below(r, 3) == 0,
				  (enum manner)rng_below(r, PEER_MANNERS));
	}
}

int fds_bad(unsigned int i)
{
	return i < pool.nr_fds ? pool.fds[i] : -1;
}

void fds_close(void)
{
	unsigned int i;

	atomic_store(&pool.stop, true);
	pthread_join(pool.thread, NULL);
	for (i = 0; i < pool.nr_fds; i++)
		close(pool.fds[i]);
}
