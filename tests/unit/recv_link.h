/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of links: the far end, where the test listens, and what it does there.
 * Header only: each test program is one file.
 */
#ifndef RECV_LINK_H
#define RECV_LINK_H

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "recv_handover.h"

#define SOON_MS	900u	/* in which closing has to be done */

static struct sockaddr_in far_addr;
static int far_fd = -1;			/* listens */
static struct heard there[2] = {	/* at the source: of each link */
	{ .lock = PTHREAD_MUTEX_INITIALIZER },
	{ .lock = PTHREAD_MUTEX_INITIALIZER },
};

static inline void far_listen(int backlog)
{
	int one = 1;

	far_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(setsockopt(far_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(far_fd, (struct sockaddr *)&far_addr, sizeof(far_addr)), 0);
	assert_int_equal(listen(far_fd, backlog), 0);
}

static inline void far_close(void)
{
	close(far_fd);
	far_fd = -1;
}

static inline int setup(void **state)
{
	socklen_t len = sizeof(far_addr);

	(void)state;
	handover_start();
	there[0].nr = there[1].nr = 0;
	far_addr = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	far_listen(16);
	assert_int_equal(getsockname(far_fd, (struct sockaddr *)&far_addr, &len), 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	far_close();
	handover_end();
	return 0;
}

static inline void hears(void *ctx, const struct dmm_handover_msg *msg)
{
	heard_add(ctx, msg);
}

static inline struct dmm_link *link_to(const char *host, u32 i)
{
	struct dmm_link_config c = { .port = ntohs(far_addr.sin_port), .message = hears,
				     .ctx = &there[i] };
	struct dmm_link *l;

	strcpy(c.host, host);
	memcpy(c.migration, here.known[i].id, DMM_ID_BYTES);
	assert_int_equal(dmm_link_open(&c, &l), 0);
	memset(&c, 0, sizeof(c));	/* it has its own */
	return l;
}

static inline struct dmm_link *link_open(u32 i)
{
	return link_to("127.0.0.1", i);
}

static inline void link_close(struct dmm_link *l)
{
	u64 began_ms = dmm_now_ms();

	dmm_link_close(l);
	assert_true(dmm_now_ms() - began_ms < SOON_MS);
}

static inline bool is_up(const struct dmm_link_status *st)
{
	return st->up;
}

static inline bool is_tried(const struct dmm_link_status *st)
{
	return st->why[0];
}

static inline struct dmm_link_status await(struct dmm_link *l,
					    bool (*is)(const struct dmm_link_status *st))
{
	u64 until = dmm_now_ms() + WAIT_MS;
	struct dmm_link_status st;

	for (;;) {
		dmm_link_status(l, &st);
		if (is(&st))
			return st;
		assert_true(dmm_now_ms() < until);
		nap(2);
	}
}

static inline void await_down(struct dmm_link *l, const char *why)
{
	struct dmm_link_status st = await(l, is_tried);

	assert_false(st.up);
	if (!strstr(st.why, why))
		fail_msg("'%s', not '%s'", st.why, why);
}

/* The next connection. */
static inline int far_accept(void)
{
	int fd;

	assert_int_equal(dmm_wait_fd(far_fd, POLLIN, dmm_now_ms() + WAIT_MS, -1), 0);
	fd = accept(far_fd, NULL, NULL);
	assert_true(fd >= 0);
	return fd;
}

static inline void far_serve(void)
{
	session_serve(far_accept());
}

static inline void far_takes(int fd, u16 type, u64 seq, void *payload, u32 bytes)
{
	struct dmm_frame f;
	const char *why;

	assert_int_equal(dmm_wireio_recv(fd, &f, payload, bytes, WAIT_MS, &why), 0);
	assert_int_equal(f.type, type);
	assert_true(f.seq == seq);
}

static inline void far_says(int fd, u64 *seq, const struct dmm_handover_msg *msg)
{
	struct dmm_wire_handover w;

	dmm_handover_encode(msg, &w);
	assert_int_equal(dmm_wireio_send(fd, DMM_MSG_HANDOVER, seq, &w, sizeof(w), WAIT_MS), 0);
}

/* HELLO is answered with @features; *seq as after that. */
static inline int far_hello(u64 features, u64 *seq)
{
	struct dmm_wire_hello_ok ok = { .version = cpu_to_le16(1), .features = cpu_to_le64(features) };
	struct dmm_wire_hello hello;
	int fd = far_accept();

	*seq = 0;
	far_takes(fd, DMM_MSG_HELLO, 1, &hello, sizeof(hello));
	assert_true(hello.features == cpu_to_le64(DMM_FEATURE_GROUP));
	assert_int_equal(dmm_wireio_send(fd, DMM_MSG_HELLO_OK, seq, &ok, sizeof(ok), WAIT_MS), 0);
	return fd;
}

/* Migration @i is awaited, and JOIN answered by @answer. */
static inline int far_join(u32 i, const struct dmm_handover_msg *answer, u64 *seq)
{
	struct dmm_handover_msg join = message(i, DMM_HANDOVER_JOIN, 0);
	struct dmm_wire_handover w, want;
	int fd = far_hello(DMM_FEATURE_GROUP, seq);

	far_takes(fd, DMM_MSG_HANDOVER, 2, &w, sizeof(w));
	dmm_handover_encode(&join, &want);
	assert_memory_equal(&w, &want, sizeof(w));
	far_says(fd, seq, answer ? answer : &join);
	return fd;
}

#endif
