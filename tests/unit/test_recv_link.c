// SPDX-License-Identifier: GPL-2.0
/*
 * The source's end of hand-over connections: links, against sessions of a receiver, and far ends
 * that do what the test says.
 */
#include "recv_link.h"

/* --- what is said --- */

static void both_ways(void **state)
{
	struct dmm_link *l = link_open(0);
	struct dmm_handover_msg msg;
	u32 i;

	(void)state;
	msg = message(0, DMM_HANDOVER_RELEASED, 77);
	dmm_link_send(l, &msg);		/* lost: not connected */
	far_serve();
	await(l, is_up);
	heard_await(&here.heard, &here.joined, 1);
	for (i = 0; i < 5; i++) {
		msg = message(0, DMM_HANDOVER_TOKEN, 1 + i);
		dmm_link_send(l, &msg);
		expect_heard(&here.heard, i, &msg);
		here_says(0, DMM_HANDOVER_COMPLETE, 1 + i);
		msg = message(0, DMM_HANDOVER_COMPLETE, 1 + i);
		expect_heard(&there[0], i, &msg);
	}
	link_close(l);
	dmm_link_close(NULL);
}

static void two_at_once(void **state)
{
	struct dmm_link *l[2] = { link_open(0), link_open(1) };
	struct dmm_handover_msg msg;
	u32 i;

	(void)state;
	far_serve();
	far_serve();
	heard_await(&here.heard, &here.joined, 2);
	for (i = 0; i < 2; i++) {
		await(l[i], is_up);
		msg = message(i, DMM_HANDOVER_TOKEN, 10 + i);
		dmm_link_send(l[i], &msg);
		expect_heard(&here.heard, i, &msg);
		here_says(i, DMM_HANDOVER_REFUSED, 10 + i);
		msg = message(i, DMM_HANDOVER_REFUSED, 10 + i);
		expect_heard(&there[i], 0, &msg);
	}
	link_close(l[1]);
	here_says(0, DMM_HANDOVER_REFUSED, 12);
	msg = message(0, DMM_HANDOVER_REFUSED, 12);
	expect_heard(&there[0], 1, &msg);
	expect_heard_no_more(&there[1], 1);
	link_close(l[0]);
}

/* What a destination does not say. */
static void out_of_place(void **state)
{
	static const char * const why[] = {
		"event 7 of a hand-over is out of place", "event 1 of a hand-over is out of place",
		"another migration", "malformed",
	};
	struct dmm_handover_msg msgs[4];
	struct dmm_link *l;
	u64 seq;
	u32 i;
	int fd;

	(void)state;
	msgs[0] = message(0, DMM_HANDOVER_TOKEN, 1);
	msgs[1] = message(0, DMM_HANDOVER_JOIN, 0);
	msgs[2] = message(1, DMM_HANDOVER_COMPLETE, 1);
	msgs[3] = message(0, DMM_HANDOVER_REFUSED, 1);
	msgs[3].barrier = 1;
	for (i = 0; i < 4; i++) {
		l = link_open(0);
		fd = far_join(0, NULL, &seq);
		await(l, is_up);
		far_says(fd, &seq, &msgs[i]);
		await_down(l, why[i]);
		link_close(l);
		close(fd);
	}
	expect_heard_no_more(&there[0], 0);
}

/* Nothing comes once closing has returned. */
static void silent_when_closed(void **state)
{
	struct dmm_handover_msg msg = message(0, DMM_HANDOVER_COMPLETE, 1);
	struct dmm_link *l = link_open(0);
	u64 seq;
	int fd = far_join(0, NULL, &seq);
	u32 i, nr;

	(void)state;
	for (i = 0; i < 500; i++)
		far_says(fd, &seq, &msg);
	heard_await(&there[0], &there[0].nr, 1);
	link_close(l);
	nr = heard_read(&there[0], &there[0].nr);
	expect_heard_no_more(&there[0], nr);
	close(fd);
}

/* --- that it is made again --- */

static void again(void **state)
{
	struct dmm_link *l = link_open(0);
	struct dmm_handover_msg msg = message(0, DMM_HANDOVER_COMPLETE, 1);
	u64 seq;
	u32 i;
	int fd;

	(void)state;
	for (i = 0; i < 3; i++) {
		fd = far_join(0, NULL, &seq);
		await(l, is_up);
		far_says(fd, &seq, &msg);
		heard_await(&there[0], &there[0].nr, i + 1);
		close(fd);
		await_down(l, "closed");
		assert_int_equal(heard_read(&there[0], &there[0].nr), i + 1);
	}
	pthread_mutex_lock(&logged.lock);
	assert_int_equal(logged.connected, 3);
	assert_int_equal(logged.lost, 3);
	pthread_mutex_unlock(&logged.lock);
	link_close(l);
}

/* Pauses grow, whether it got as far as JOIN or not, and being poked ends them. */
static void pauses(void **state)
{
	static const u64 least_ms[] = { 0, 195, 395, 795, 1595 };
	struct dmm_link *l = link_open(0);
	u64 at_ms, last_ms = dmm_now_ms(), seq;
	u32 i;
	int fd;

	(void)state;
	for (i = 0; i < 5; i++) {
		fd = i % 2 ? far_join(0, NULL, &seq) : far_accept();
		at_ms = dmm_now_ms();
		if (at_ms - last_ms < least_ms[i] || at_ms - last_ms > least_ms[i] * 5 / 4 + 1000)
			fail_msg("%llu ms before connection %u", at_ms - last_ms, i);
		if (i % 2)
			await(l, is_up);
		close(fd);
		last_ms = at_ms;
	}
	await_down(l, "");
	nap(100);	/* 3.2 s to come */
	dmm_link_poke(l);
	fd = far_accept();
	assert_true(dmm_now_ms() - last_ms < 1500);
	pthread_mutex_lock(&logged.lock);
	assert_int_equal(logged.connected, 2);
	assert_int_equal(logged.lost, 3);	/* not five */
	pthread_mutex_unlock(&logged.lock);
	link_close(l);
	close(fd);
}

/* Poked while there is a connection: that was no pause. */
static void poked_for_nothing(void **state)
{
	struct dmm_link *l = link_open(0);
	u64 at_ms, seq;
	int fd;

	(void)state;
	fd = far_join(0, NULL, &seq);
	await(l, is_up);
	dmm_link_poke(l);
	at_ms = dmm_now_ms();
	close(fd);
	fd = far_accept();
	assert_true(dmm_now_ms() - at_ms >= 195);
	link_close(l);
	close(fd);
}

/* --- what is said of it --- */

static bool is_unknown(const struct dmm_link_status *st)
{
	return st->unknown_there;
}

static bool cannot_connect(const struct dmm_link_status *st)
{
	return strstr(st->why, "refused");
}

static void unknown_there(void **state)
{
	struct dmm_link *l = link_open(2);	/* the source's here */
	struct dmm_link_status st;
	u64 seq;
	int fd;

	(void)state;
	dmm_link_status(l, &st);
	assert_false(st.up || st.unknown_there || st.why[0]);
	far_serve();
	st = await(l, is_unknown);
	assert_false(st.up);
	assert_non_null(strstr(st.why, "not known"));
	far_close();
	st = await(l, cannot_connect);
	assert_true(st.unknown_there);		/* what was heard last */
	far_listen(16);
	dmm_link_poke(l);
	fd = far_join(2, NULL, &seq);
	st = await(l, is_up);
	assert_false(st.unknown_there || st.why[0]);
	close(fd);
	await_down(l, "closed");
	dmm_link_status(l, &st);
	assert_false(st.unknown_there);
	link_close(l);
}

/* Any other refusal, or answer. */
static void not_joined(void **state)
{
	struct dmm_handover_msg odd;
	struct dmm_link_status st;
	struct dmm_link *l;
	u64 seq;
	int fd;

	(void)state;
	l = link_open(0);
	fd = far_hello(0, &seq);
	await_down(l, "127.0.0.1 is older and cannot hand over groups: upgrade it");
	link_close(l);
	close(fd);

	l = link_open(0);
	odd = message(1, DMM_HANDOVER_JOIN, 0);
	fd = far_join(0, &odd, &seq);
	await_down(l, "another migration");
	link_close(l);
	close(fd);

	l = link_open(0);
	odd = message(0, DMM_HANDOVER_ACQUIRE, 0);
	fd = far_join(0, &odd, &seq);
	await_down(l, "out of place");
	link_close(l);
	close(fd);

	dmm_receiver_stop(&rc);
	l = link_open(0);
	far_serve();
	await_down(l, "going down");
	dmm_link_status(l, &st);
	assert_false(st.unknown_there);
	link_close(l);
	expect_heard_no_more(&there[0], 0);
}

/* --- closing --- */

/* While it waits for an answer, and in a pause. */
static void closes_at_once(void **state)
{
	struct dmm_link *l;
	u64 seq;
	int fd;

	(void)state;
	l = link_open(0);
	fd = far_accept();	/* and says nothing */
	nap(20);
	link_close(l);
	close(fd);
	l = link_open(0);
	fd = far_hello(DMM_FEATURE_GROUP, &seq);
	nap(20);
	link_close(l);
	close(fd);
	far_close();
	l = link_open(0);
	nap(1700);		/* the pause after 0.2, 0.4 and 0.8 s is more than SOON_MS */
	link_close(l);
	far_listen(16);
}

/* Connecting cannot be interrupted, nor looking up a name: the thread is left alone with it. */
static void closes_while_connecting(void **state)
{
	struct dmm_link *l;
	int fill[4], fd;
	u32 i;

	(void)state;
	far_close();
	far_listen(0);		/* whoever comes when its queue is full hears nothing */
	for (i = 0; i < 4; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(fill[i], (struct sockaddr *)&far_addr, sizeof(far_addr)))
			assert_int_equal(errno, EINPROGRESS);
	}
	nap(50);
	l = link_open(0);
	nap(100);
	link_close(l);
	l = link_to("no-such-host.invalid", 0);
	link_close(l);
	for (i = 0; i < 4; i++)
		close(fill[i]);
	/* it finds out when there is room again: the connection is closed without a word */
	for (;;) {
		char scrap;

		fd = far_accept();
		if (dmm_wait_fd(fd, POLLIN, dmm_now_ms() + WAIT_MS, -1) || read(fd, &scrap, 1))
			fail_msg("a closed link speaks");
		close(fd);
		if (dmm_wait_fd(far_fd, POLLIN, dmm_now_ms() + 3000, -1))
			break;
	}
	expect_heard_no_more(&there[0], 0);
}

/* A host that is gone is noticed in time: the socket that is connected to the far end. */
static void impatient(void **state)
{
	static const struct { int name, value; } want[] = {
		{ TCP_KEEPIDLE, 5 }, { TCP_KEEPINTVL, 5 }, { TCP_KEEPCNT, 2 }, { TCP_USER_TIMEOUT, 10000 },
	};
	struct dmm_link *l = link_open(0);
	struct sockaddr_in a;
	u64 seq;
	int far = far_join(0, NULL, &seq), fd, value, found = 0;
	socklen_t len;
	u32 i;

	(void)state;
	await(l, is_up);
	for (fd = 3; fd < 256; fd++) {
		len = sizeof(a);
		if (getpeername(fd, (struct sockaddr *)&a, &len) || a.sin_family != AF_INET ||
		    a.sin_port != far_addr.sin_port)
			continue;
		found++;
		for (i = 0; i < 4; i++) {
			len = sizeof(value);
			assert_int_equal(getsockopt(fd, IPPROTO_TCP, want[i].name, &value, &len), 0);
			assert_int_equal(value, want[i].value);
		}
		len = sizeof(value);
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
		assert_true(value);
	}
	assert_int_equal(found, 1);
	link_close(l);
	close(far);
}

int main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(both_ways),
		TEST(two_at_once),
		TEST(out_of_place),
		TEST(silent_when_closed),
		TEST(again),
		TEST(pauses),
		TEST(poked_for_nothing),
		TEST(unknown_there),
		TEST(not_joined),
		TEST(closes_at_once),
		TEST(impatient),
		TEST(closes_while_connecting),	/* last: threads may be connecting still */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
