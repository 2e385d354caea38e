/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of the channel: both ends of one, in this process.
 */
#ifndef DMM_TESTS_TLS_BOTH_H
#define DMM_TESTS_TLS_BOTH_H

#include "keys_make.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "fullio.h"
#include "tls.h"

#define WAIT_MS		20000u

enum { CLIENT, SERVER };

static struct dmm_tls_key key;
static atomic_int uses;			/* of the key */

static inline int setup(void **state)
{
	(void)state;
	keys_make();
	keys_trust(CLIENT, SERVER, "peer", "127.0.0.1");
	keys_trust(SERVER, CLIENT, "peer", "");
	memset(key.identity, 0x11, sizeof(key.identity));
	memset(key.secret, 0x22, sizeof(key.secret));
	uses = 0;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	keys_unmake();
	return 0;
}

/* Two ends of a TCP connection. */
static inline void pair(int fds[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(l, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&a, &len), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fds[0], (struct sockaddr *)&a, sizeof(a)), 0);
	fds[1] = accept(l, NULL, NULL);
	assert_true(fds[1] >= 0);
	close(l);
}

static inline int find_key(void *ctx, const u8 *identity, u8 *secret)
{
	(void)ctx;
	if (memcmp(identity, key.identity, sizeof(key.identity)))
		return -ENOENT;
	memcpy(secret, key.secret, sizeof(key.secret));
	return 0;
}

static inline int use_key(void *ctx, const u8 *identity)
{
	(void)ctx;
	(void)identity;
	return atomic_fetch_add(&uses, 1) ? -ENOENT : 0;
}

struct serving {
	int fd, ret;
	struct dmm_tls_end end;
	char why[DMM_KEYS_WHY];
	pthread_t thread;
};

static inline void *serve(void *arg)
{
	const struct dmm_tls_server server = { .keys = keys[SERVER], .carrier = DMM_TLS_RELAY, .find = find_key, .use = use_key };
	struct serving *s = arg;

	s->ret = dmm_tls_accept(&s->fd, &server, dmm_now_ms() + WAIT_MS, -1, &s->end, s->why);
	if (s->ret) {
		close(s->fd);
		s->fd = -1;
	}
	return NULL;
}

struct both {
	struct serving server;
	int fd, ret;
	struct dmm_tls_end end;
	char why[DMM_KEYS_WHY];
};

static inline void shake_over(struct both *b, const struct dmm_tls_client *client, const int fds[2])
{
	memset(b, 0, sizeof(*b));
	b->server.fd = fds[1];
	assert_int_equal(pthread_create(&b->server.thread, NULL, serve, &b->server), 0);
	b->fd = fds[0];
	b->ret = dmm_tls_connect(&b->fd, client, dmm_now_ms() + WAIT_MS, -1, &b->end, b->why);
	if (b->ret) {
		close(b->fd);
		b->fd = -1;
	}
	pthread_join(b->server.thread, NULL);
}

static inline void shake(struct both *b, const struct dmm_tls_client *client)
{
	int fds[2];

	pair(fds);
	shake_over(b, client, fds);
}

static inline void end(struct both *b)
{
	if (b->fd >= 0)
		close(b->fd);
	if (b->server.fd >= 0)
		close(b->server.fd);
}

static inline struct dmm_tls_client by_certificate(void)
{
	return (struct dmm_tls_client){ .keys = keys[CLIENT], .host = "127.0.0.1", .carrier = DMM_TLS_RELAY };
}

static inline struct dmm_tls_client by_key(void)
{
	return (struct dmm_tls_client){ .key = &key, .carrier = DMM_TLS_RELAY };
}

#endif
