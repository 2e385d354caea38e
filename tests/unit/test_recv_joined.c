// SPDX-License-Identifier: GPL-2.0
/*
 * The destination's end of hand-over connections: sessions.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "recv_handover.h"

static int setup(void **state)
{
	(void)state;
	handover_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	handover_end();
	return 0;
}

/* 0, or the code of the refusal; *@back is what came otherwise. */
static u32 peer_says(struct peer *p, const struct dmm_handover_msg *msg,
		     struct dmm_handover_msg *back)
{
	struct dmm_wire_handover w, answer;
	struct dmm_refusal r;
	u32 code;

	dmm_handover_encode(msg, &w);
	code = peer_request(p, DMM_MSG_HANDOVER, &w, sizeof(w), DMM_MSG_HANDOVER, &answer,
			    sizeof(answer));
	if (!code)
		assert_int_equal(dmm_handover_decode(&answer, back, &r), 0);
	return code;
}

static u32 peer_join(struct peer *p, u32 i)
{
	struct dmm_handover_msg join = message(i, DMM_HANDOVER_JOIN, 0), back;
	u32 joined = heard_read(&here.heard, &here.joined), code;

	peer_hello(p);
	code = peer_says(p, &join, &back);
	if (code)
		return code;
	expect_same(&back, &join);
	heard_await(&here.heard, &here.joined, joined + 1);
	return 0;
}

static void peer_tells(struct peer *p, const struct dmm_handover_msg *msg)
{
	struct dmm_wire_handover w;

	dmm_handover_encode(msg, &w);
	assert_int_equal(dmm_client_send(&p->c, DMM_MSG_HANDOVER, &w, sizeof(w)), 0);
}

static void peer_is_told(struct peer *p, const struct dmm_handover_msg *msg)
{
	struct dmm_wire_refuse refuse;
	struct dmm_handover_msg got;
	struct dmm_wire_handover w;
	struct dmm_refusal r;

	assert_int_equal(dmm_client_receive(&p->c, DMM_MSG_HANDOVER, &w, sizeof(w), &refuse), 0);
	assert_int_equal(dmm_handover_decode(&w, &got, &r), 0);
	expect_same(&got, msg);
}

/* The end of the connection: the code of the refusal, whose text has @text. */
static void peer_is_refused(struct peer *p, u32 code, const char *text)
{
	struct dmm_wire_refuse refuse;

	assert_int_equal(dmm_client_receive(&p->c, DMM_MSG_HANDOVER, NULL, 0, &refuse), -EREMOTEIO);
	assert_int_equal(le32_to_cpu(refuse.code), code);
	assert_non_null(strstr((const char *)refuse.text, text));
	peer_close(p);
}

static struct dmm_outbox *outbox(u32 i)
{
	struct dmm_outbox *o;

	pthread_mutex_lock(&here.heard.lock);
	o = dmm_list_empty(&here.known[i].outboxes) ? NULL : dmm_outbox_of(here.known[i].outboxes.next);
	pthread_mutex_unlock(&here.heard.lock);
	return o;
}

static void await_no_outbox(u32 i)
{
	u64 until = dmm_now_ms() + WAIT_MS;

	while (outbox(i)) {
		assert_true(dmm_now_ms() < until);
		nap(2);
	}
}

static void both_ways(void **state)
{
	struct dmm_handover_msg msg;
	struct peer p;
	u32 i;

	(void)state;
	assert_int_equal(peer_join(&p, 0), 0);
	for (i = 0; i < 5; i++) {
		msg = message(0, DMM_HANDOVER_TOKEN, 1 + i);
		peer_tells(&p, &msg);
		expect_heard(&here.heard, i, &msg);
		msg = message(0, DMM_HANDOVER_COMPLETE, 1 + i);
		here_says(0, DMM_HANDOVER_COMPLETE, 1 + i);
		peer_is_told(&p, &msg);
	}
	/* longer than any timeout of the receiver */
	nap(1200);
	msg = message(0, DMM_HANDOVER_BARRIER, 6);
	msg.disk = 3;
	msg.conn_epoch = 2;
	msg.barrier = 9;
	peer_tells(&p, &msg);
	expect_heard(&here.heard, i, &msg);
	peer_close(&p);
	await_no_outbox(0);
}

/* A first message that makes no hand-over connection. */
static void not_joined(void **state)
{
	struct dmm_handover_msg msg = message(0, DMM_HANDOVER_JOIN, 0);
	struct peer p;

	(void)state;
	peer_features = DMM_FEATURE_ZERO;
	assert_int_equal(peer_join(&p, 0), DMM_WERR_PROTOCOL);
	peer_close(&p);
	peer_features = DMM_FEATURE_GROUP;

	peer_hello(&p);
	msg.event = DMM_HANDOVER_ASK_REFUSE;	/* right, but not first */
	assert_int_equal(peer_says(&p, &msg, &msg), DMM_WERR_PROTOCOL);
	peer_close(&p);

	peer_hello(&p);
	msg = message(0, DMM_HANDOVER_JOIN, 1);	/* which has no epoch */
	assert_int_equal(peer_says(&p, &msg, &msg), DMM_WERR_PROTOCOL);
	peer_close(&p);

	peer_hello(&p);
	msg = message(0, DMM_HANDOVER_JOIN, 0);
	msg.migration[3]++;
	assert_int_equal(peer_says(&p, &msg, &msg), DMM_WERR_NOTFOUND);
	peer_close(&p);

	assert_int_equal(peer_join(&p, 2), DMM_WERR_NOTFOUND);	/* its source is here */
	peer_close(&p);

	rc.migrations = NULL;
	assert_int_equal(peer_join(&p, 0), DMM_WERR_NOTFOUND);
	peer_close(&p);
	assert_int_equal(here.joined, 0);
}

/* What ends a connection that has joined. */
static void refused_later(void **state)
{
	struct dmm_handover_msg msg;
	struct dmm_wire_prepare prepare;
	struct dmm_wire_disk disk;
	struct peer p;
	u32 event;

	(void)state;
	for (event = DMM_HANDOVER_JOIN; event <= DMM_HANDOVER_ASK_SOURCE; event++) {
		assert_int_equal(peer_join(&p, 0), 0);
		msg = message(0, event, 0);
		peer_tells(&p, &msg);
		peer_is_refused(&p, DMM_WERR_PROTOCOL, "out of place");
		await_no_outbox(0);
	}
	assert_int_equal(peer_join(&p, 0), 0);
	msg = message(1, DMM_HANDOVER_TOKEN, 1);
	peer_tells(&p, &msg);
	peer_is_refused(&p, DMM_WERR_PROTOCOL, "another migration");

	assert_int_equal(peer_join(&p, 0), 0);
	msg = message(0, DMM_HANDOVER_TOKEN, 1);
	msg.disk = 1;
	peer_tells(&p, &msg);
	peer_is_refused(&p, DMM_WERR_PROTOCOL, "malformed");

	assert_int_equal(peer_join(&p, 0), 0);
	disk_id(&disk);
	assert_int_equal(dmm_client_send(&p.c, DMM_MSG_QUERY, &disk, sizeof(disk)), 0);
	peer_is_refused(&p, DMM_WERR_PROTOCOL, "out of place");

	assert_int_equal(peer_join(&p, 0), 0);
	fill_prepare(&prepare, 1 << 20);
	assert_int_equal(dmm_client_send(&p.c, DMM_MSG_PREPARE, &prepare, sizeof(prepare)), 0);
	peer_is_refused(&p, DMM_WERR_PROTOCOL, "too long");

	assert_int_equal(peer_join(&p, 0), 0);
	p.c.tx_seq++;
	msg = message(0, DMM_HANDOVER_TOKEN, 1);
	peer_tells(&p, &msg);
	peer_is_refused(&p, DMM_WERR_PROTOCOL, "sequence");
	expect_heard_no_more(&here.heard, 0);
}

/* The source came back before its old connection's end was noticed. */
static void newest_counts(void **state)
{
	struct dmm_handover_msg msg;
	struct peer before, p, other;

	(void)state;
	assert_int_equal(peer_join(&before, 0), 0);
	assert_int_equal(peer_join(&other, 1), 0);
	assert_int_equal(peer_join(&p, 0), 0);
	peer_close(&before);
	nap(60);
	here_says(0, DMM_HANDOVER_REFUSED, 4);
	msg = message(0, DMM_HANDOVER_REFUSED, 4);
	peer_is_told(&p, &msg);
	here_says(1, DMM_HANDOVER_ACQUIRE, 0);
	msg = message(1, DMM_HANDOVER_ACQUIRE, 0);
	peer_is_told(&other, &msg);
	peer_expect_silence(&p, 20);
	peer_close(&p);
	peer_close(&other);
}

/* A daemon that stops says so. */
static void stops(void **state)
{
	struct peer p;

	(void)state;
	assert_int_equal(peer_join(&p, 0), 0);
	dmm_receiver_stop(&rc);
	peer_is_refused(&p, DMM_WERR_SHUTDOWN, "going down");
	assert_int_equal(dmm_receiver_wait(&rc, WAIT_MS), 0);
}

/* A source that takes nothing is not waited for long, nor does who has something to say wait. */
static void takes_nothing(void **state)
{
	struct peer p;
	u64 until = dmm_now_ms() + WAIT_MS;
	u32 i;

	(void)state;
	assert_int_equal(peer_join(&p, 0), 0);
	while (outbox(0)) {
		assert_true(dmm_now_ms() < until);
		for (i = 0; i < 60; i++)
			here_says(0, DMM_HANDOVER_ACQUIRE + i % 5, i);
		sched_yield();
	}
	peer_close(&p);
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, name, &value, &len), 0);
	return value;
}

/* A host that is gone is noticed in time. */
static void impatient(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct dmm_handover_msg join = message(0, DMM_HANDOVER_JOIN, 0), back;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, look;
	socklen_t len = sizeof(a);
	struct dmm_wire_hello_ok ok;
	struct dmm_wire_refuse refuse;
	struct peer p = { 0 };

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	assert_int_equal(dmm_client_connect("127.0.0.1", ntohs(a.sin_port), WAIT_MS, NULL, &p.c), 0);
	fd = accept(listener, NULL, NULL);
	look = dup(fd);
	assert_true(look >= 0);
	session_serve(fd);
	p.c.features = DMM_FEATURE_GROUP;
	assert_int_equal(dmm_client_hello(&p.c, "test", &ok, &refuse), 0);
	assert_int_equal(option(look, TCP_KEEPIDLE), 60);
	assert_int_equal(peer_says(&p, &join, &back), 0);
	assert_int_equal(option(look, TCP_KEEPIDLE), 5);
	assert_int_equal(option(look, TCP_KEEPINTVL), 5);
	assert_int_equal(option(look, TCP_KEEPCNT), 2);
	assert_int_equal(option(look, TCP_USER_TIMEOUT), 10000);
	close(look);
	close(listener);
	peer_close(&p);
}

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(both_ways),
		TEST(not_joined),
		TEST(refused_later),
		TEST(newest_counts),
		TEST(stops),
		TEST(takes_nothing),
		TEST(impatient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
