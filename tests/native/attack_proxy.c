// SPDX-License-Identifier: GPL-2.0
/*
 * Who stands between: passes what two ends of TLS say to each other on, record by record, and does to one of them what is planned.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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
static int proxy_fd;

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

/* That record. False: nothing more passes. */
static bool spoil(struct half *h, size_t bytes)
{
	struct attack_plan *plan = h->plan;
	size_t more, at;

	plan->done = true;
	switch (plan->fault) {
	case FLIP:
		/* anything of it but its length, which would only have the rest waited for; in the clear nobody heeds the header */
		at = plan->seed % bytes;
		if (at < 5 && (h->record[0] != TYPE_DATA || at >= 3))
			at = 5;
		h->record[at] ^= (u8)(1u << (plan->seed >> 8) % 8);
		return attack_put(h->to, h->record, bytes);
	case DROP:
		return true;
	case DOUBLE:
		return attack_put(h->to, h->record, bytes) && attack_put(h->to, h->record, bytes);
	case SWAP:
		return get_record(h->from, h->next, &more, plan->patience_ms ? dmm_now_ms() + plan->patience_ms : DMM_NO_DEADLINE) &&
		       attack_put(h->to, h->next, more) && attack_put(h->to, h->record, bytes);
	case CUT:
		attack_put(h->to, h->record, bytes / 2);
		return false;
	default:
		return attack_put(h->to, h->record, bytes);
	}
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

static void *proxy_thread(void *arg)
{
	struct pair *p;
	pthread_t t;
	int fd;

	(void)arg;
	for (;;) {
		fd = accept(proxy_fd, NULL, NULL);
		if (fd < 0)
			continue;
		p = calloc(1, sizeof(*p));
		if (!p)
			attack_die("no memory");
		p->client = fd;
		p->plan = next_plan();
		if (pthread_create(&t, NULL, pass_thread, p))
			attack_die("no thread");
		pthread_detach(t);
	}
	return NULL;
}

u16 attack_proxy_open(const struct dmm_target *to, u16 port, struct attack_plan *(*next)(void))
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int on = 1;
	pthread_t t;

	receiver = to;
	next_plan = next;
	proxy_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(proxy_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(proxy_fd, (struct sockaddr *)&a, sizeof(a)) || listen(proxy_fd, 16) ||
	    getsockname(proxy_fd, (struct sockaddr *)&a, &len) || pthread_create(&t, NULL, proxy_thread, NULL))
		attack_die("no proxy: %s", strerror(errno));
	return ntohs(a.sin_port);
}
