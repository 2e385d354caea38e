// SPDX-License-Identifier: GPL-2.0
/*
 * Who stands between: passes what two ends of TLS say to each other on, record by record, and does to one of them what is planned.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attack.h"
#include "fullio.h"
#include "wireio.h"

#define TYPE_CCS	20	/* of TLS 1.3 nobody looks at what that says */
#define TYPE_DATA	23
#define RECORD_MAX	(5 + 16384 + 256)

const char *const attack_fault_names[] = { "none", "flip", "drop", "double", "swap", "cut", "replay" };

u8 attack_kept[ATTACK_KEPT_MAX];
size_t attack_kept_bytes;

static const struct dmm_target *receiver;
static struct attack_plan *(*next_plan)(void);

struct attack_plan *attack_plan_new(void)
{
	struct attack_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		attack_die("no memory");
	plan->refs = 1;
	return plan;
}

void attack_plan_put(struct attack_plan *plan)
{
	if (plan && atomic_fetch_sub(&plan->refs, 1) == 1)
		free(plan);
}

struct half {
	int from, to;
	bool up;
	struct attack_plan *plan;
	u8 record[RECORD_MAX], next[RECORD_MAX];
};

/* Two halves. */
struct pair {
	struct half half[2];
	struct attack_plan *plan;
	int listener;		/* for this one connection */
	int client;
};

static bool get_record(int fd, u8 *p, size_t *bytes, u64 deadline_ms)
{
	size_t n;

	if (dmm_sock_read(fd, p, 5, deadline_ms, -1))
		return false;
	n = (size_t)(p[3] << 8 | p[4]);
	*bytes = 5 + n;
	return n <= RECORD_MAX - 5 && !dmm_sock_read(fd, p + 5, n, deadline_ms, -1);
}

bool attack_put(int fd, const u8 *p, size_t bytes)
{
	return !dmm_sock_write(fd, p, bytes, dmm_now_ms() + ATTACK_WAIT_MS, -1);
}

/* Is it the record that the plan is about? */
static bool is_planned(const struct half *h, unsigned int nr)
{
	struct attack_plan *plan = h->plan;
	unsigned int left;

	if (h->up != plan->up || plan->fault == NONE || nr != plan->record)
		return false;
	if (!plan->left)
		return true;
	left = *plan->left;
	while (left && !atomic_compare_exchange_weak(plan->left, &left, left - 1))
		;
	return left;
}

/* Something of it but its length, which would only have the rest waited for; in the clear nobody heeds the header. */
static void flip(struct half *h, size_t bytes)
{
	struct attack_plan *plan = h->plan;
	size_t at = plan->seed % bytes;

	if (plan->head)
		at = plan->seed % 3;
	if (at < 5 && (h->record[0] != TYPE_DATA || at >= 3))
		at = 5;
	plan->at = (unsigned int)at;
	plan->bit = (plan->seed >> 8) % 8;
	if (!plan->idle)
		h->record[at] ^= (u8)(1u << plan->bit);
}

/* What is put of that record, the next one of so many bytes besides. */
static bool put_spoilt(struct half *h, size_t bytes, size_t more)
{
	switch (h->plan->fault) {
	case DROP:
		return true;
	case DOUBLE:
		return attack_put(h->to, h->record, bytes) && attack_put(h->to, h->record, bytes);
	case SWAP:
		return attack_put(h->to, h->next, more) && attack_put(h->to, h->record, bytes);
	case CUT:
		return attack_put(h->to, h->record, bytes / 2);
	default:
		return attack_put(h->to, h->record, bytes);
	}
}

/* That record. False: nothing more passes. */
static bool spoil(struct half *h, size_t bytes)
{
	struct attack_plan *plan = h->plan;
	size_t more = 0;
	bool ok;

	plan->type = h->record[0];
	plan->bytes = (unsigned int)bytes;
	if (plan->fault == FLIP)
		flip(h, bytes);
	/* until there is a next one, it is only late */
	if (plan->fault == SWAP &&
	    !get_record(h->from, h->next, &more, plan->patience_ms ? dmm_now_ms() + plan->patience_ms : DMM_NO_DEADLINE))
		return false;
	plan->state = PLAN_PUTS;
	ok = put_spoilt(h, bytes, more);
	plan->state = ok ? PLAN_DONE : PLAN_LOST;
	return ok && plan->fault != CUT;
}

static void keep(struct half *h, size_t bytes)
{
	if (!h->plan->keep || !h->up || attack_kept_bytes + bytes > ATTACK_KEPT_MAX)
		return;
	memcpy(attack_kept + attack_kept_bytes, h->record, bytes);
	attack_kept_bytes += bytes;
}

static void *half_thread(void *arg)
{
	struct half *h = arg;
	struct attack_plan *plan = h->plan;
	u64 deadline_ms = DMM_NO_DEADLINE;
	unsigned int nr = 0;
	size_t bytes;
	bool go = true;

	while (go && get_record(h->from, h->record, &bytes, deadline_ms)) {
		if (h->record[0] == TYPE_CCS) {
			go = attack_put(h->to, h->record, bytes);
			continue;
		}
		keep(h, bytes);
		if (is_planned(h, nr)) {
			go = spoil(h, bytes);
			if (plan->patience_ms)
				deadline_ms = dmm_now_ms() + plan->patience_ms;
		} else {
			go = attack_put(h->to, h->record, bytes);
		}
		nr++;
	}
	shutdown(h->to, SHUT_WR);
	shutdown(h->from, SHUT_RD);
	return NULL;
}

int attack_connect_receiver(void)
{
	struct dmm_client c;

	if (dmm_client_connect(receiver->host, receiver->port, ATTACK_WAIT_MS, NULL, &c))
		return -1;
	return c.fd;
}

static void *pass_thread(void *arg)
{
	struct pair *p = arg;
	int server = attack_connect_receiver();
	pthread_t other;

	if (server >= 0) {
		p->half[0].up = true;
		p->half[0].plan = p->half[1].plan = p->plan;
		p->half[0].from = p->half[1].to = p->client;
		p->half[0].to = p->half[1].from = server;
		if (pthread_create(&other, NULL, half_thread, &p->half[1]))
			attack_die("no thread");
		half_thread(&p->half[0]);
		pthread_join(other, NULL);
		close(server);
	}
	close(p->client);
	attack_plan_put(p->plan);
	free(p);
	return NULL;
}

static void begin(void *(*fn)(void *), int listener, int client, struct attack_plan *plan)
{
	struct pair *p = calloc(1, sizeof(*p));
	pthread_t t;

	if (!p)
		attack_die("no memory");
	p->listener = listener;
	p->client = client;
	p->plan = plan;
	if (pthread_create(&t, NULL, fn, p))
		attack_die("no thread");
	pthread_detach(t);
}

static void *proxy_thread(void *arg)
{
	struct pair *p = arg;
	int fd;

	for (;;) {
		fd = accept(p->listener, NULL, NULL);
		if (fd >= 0)
			begin(pass_thread, -1, fd, next_plan());
	}
	return NULL;
}

/* Nobody else's connection can come by this door, however late. */
static void *once_thread(void *arg)
{
	struct pair *p = arg;
	struct pollfd door = { .fd = p->listener, .events = POLLIN };

	if (poll(&door, 1, ATTACK_WAIT_MS) > 0)
		p->client = accept(p->listener, NULL, NULL);
	close(p->listener);
	if (p->client >= 0)
		return pass_thread(p);
	attack_plan_put(p->plan);
	free(p);
	return NULL;
}

static int listen_at(u16 port, u16 *is)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16) || getsockname(fd, (struct sockaddr *)&a, &len))
		attack_die("no proxy: %s", strerror(errno));
	*is = ntohs(a.sin_port);
	return fd;
}

void attack_proxy_to(const struct dmm_target *to)
{
	receiver = to;
}

void attack_proxy_open(u16 port, struct attack_plan *(*next)(void))
{
	next_plan = next;
	begin(proxy_thread, listen_at(port, &port), -1, NULL);
}

u16 attack_proxy_once(struct attack_plan *plan)
{
	u16 port;
	int fd = listen_at(0, &port);

	atomic_fetch_add(&plan->refs, 1);
	begin(once_thread, fd, -1, plan);
	return port;
}
