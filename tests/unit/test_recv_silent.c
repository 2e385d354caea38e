// SPDX-License-Identifier: GPL-2.0
/*
 * Connections that ask for nothing: how many there are, who makes way, and what the log says.
 */
#include <signal.h>

#include "recv_fake.h"

#define SIZE	(1u << 20)

static void sessions_are_bounded(void **state)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;
	struct peer p[66];
	int sv[2];
	u32 i;

	(void)state;
	for (i = 0; i < 64; i++)
		peer_hello(&p[i]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	memset(&p[64], 0, sizeof(p[64]));
	p[64].c.fd = sv[0];
	p[64].c.timeout_ms = WAIT_MS;
	assert_int_equal(dmm_session_start(&rc, sv[1], "test", false, 0), -EUSERS);
	assert_int_equal(dmm_client_hello(&p[64].c, "test", &ok, &refuse), -EREMOTEIO);
	assert_int_equal(le32_to_cpu(refuse.code), DMM_WERR_LIMIT);
	/* they are told each, the log is told of a few in a while */
	assert_int_equal(rc.complaints.of[DMM_COMPLAIN_LIMIT].said, 1);
	for (i = 1; i < 20; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
		assert_int_equal(dmm_session_start(&rc, sv[1], "test", false, 0), -EUSERS);
		close(sv[0]);
	}
	assert_int_equal(rc.complaints.of[DMM_COMPLAIN_LIMIT].said, DMM_COMPLAIN_LINES);
	assert_int_equal(rc.complaints.of[DMM_COMPLAIN_LIMIT].unsaid, 20 - DMM_COMPLAIN_LINES);
	for (i = 0; i < 65; i++)
		peer_close(&p[i]);
	while (dmm_receiver_sessions(&rc))
		nap(5);
	peer_hello(&p[0]);
	peer_close(&p[0]);
}

/* Of each kind so many lines in a while, the rest by number. */
static void complaints_are_counted(void **state)
{
	struct dmm_complaints c;
	u32 i;

	(void)state;
	dmm_complaints_init(&c);
	for (i = 0; i < 100; i++)
		dmm_complain(&c, DMM_COMPLAIN_HELLO, 1000 + i, LOG_INFO, NULL, "one");
	dmm_complain(&c, DMM_COMPLAIN_UNKNOWN, 1100, LOG_INFO, NULL, "of another kind");
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].said, DMM_COMPLAIN_LINES);
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].unsaid, 100 - DMM_COMPLAIN_LINES);
	assert_int_equal(c.of[DMM_COMPLAIN_UNKNOWN].said, 1);
	dmm_complaints_tick(&c, 1000 + DMM_COMPLAIN_MS - 1);
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].unsaid, 100 - DMM_COMPLAIN_LINES);
	dmm_complaints_tick(&c, 1000 + DMM_COMPLAIN_MS);
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].unsaid, 0);
	dmm_complain(&c, DMM_COMPLAIN_HELLO, 2000 + DMM_COMPLAIN_MS, LOG_INFO, NULL, "one");
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].said, 1);
	assert_int_equal(c.of[DMM_COMPLAIN_HELLO].unsaid, 0);
	dmm_complaints_exit(&c);
}

static void said_hello(struct peer *p, const char *from)
{
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;

	assert_int_equal(peer_open_from(p, from), 0);
	assert_int_equal(dmm_client_hello(&p->c, "test", &ok, &refuse), 0);
}

/* One host that asks for nothing must leave room for the others. */
static void the_silent_are_bounded(void **state)
{
	static const char *const others[] = { "10.0.0.2:1", "10.0.0.12:1", "[::1]:1", "[10.0.0.1]:1" };
	struct dmm_wire_refuse refuse;
	struct dmm_wire_hello_ok ok;
	struct peer p[3], other[4], late;
	char from[32];
	u32 i;

	(void)state;
	rc.max_silent = 3;
	rc.handshake_ms = WAIT_MS;
	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "10.0.0.1:%u", 1000 + i);
		said_hello(&p[i], from);	/* which asks for nothing */
	}
	assert_int_equal(peer_open_from(&late, "10.0.0.1:7790"), -EUSERS);
	assert_int_equal(dmm_client_hello(&late.c, "test", &ok, &refuse), -EREMOTEIO);
	assert_int_equal(le32_to_cpu(refuse.code), DMM_WERR_LIMIT);
	assert_non_null(strstr((char *)refuse.text, "max_silent"));
	peer_close(&late);
	for (i = 0; i < 4; i++)
		said_hello(&other[i], others[i]);
	peer_prepare(&p[0], SIZE);
	said_hello(&late, "10.0.0.1:2");
	peer_close(&late);
	while (dmm_receiver_sessions(&rc) > 7)
		nap(5);
	/* nor does one that has gone */
	peer_close(&p[1]);
	while (dmm_receiver_sessions(&rc) > 6)
		nap(5);
	said_hello(&p[1], "10.0.0.1:3");
	for (i = 0; i < 7; i++)
		peer_close(i < 4 ? &other[i] : &p[i - 4]);
}

static bool has_ended(struct peer *p)
{
	u8 byte;

	return recv(p->c.fd, &byte, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN;
}

/* Who does not say what it is makes way: the oldest of its address, or of the address that has most of them. */
static void strangers_make_way(void **state)
{
	struct peer p[4], other[3], late;
	char from[32];
	u32 i;

	(void)state;
	rc.max_silent = 3;
	rc.max_strangers = 4;
	rc.handshake_ms = WAIT_MS;
	said_hello(&p[0], "10.0.0.1:1");
	for (i = 1; i < 4; i++) {
		snprintf(from, sizeof(from), "10.0.0.1:%u", 1000 + i);
		assert_int_equal(peer_open_from(&p[i], from), 0);
	}
	peer_expect_end(&p[1]);
	assert_false(has_ended(&p[2]));
	assert_false(has_ended(&p[3]));
	/* four in all, two of one address */
	for (i = 0; i < 3; i++) {
		snprintf(from, sizeof(from), "10.0.0.%u:1", 2 + i);
		assert_int_equal(peer_open_from(&other[i], from), 0);
	}
	peer_expect_end(&p[2]);
	assert_false(has_ended(&p[3]));
	/* and in all connections */
	while (dmm_receiver_sessions(&rc) > 5)
		nap(5);
	rc.max_sessions = 5;
	said_hello(&late, "10.0.0.9:1");
	peer_expect_end(&p[3]);
	for (i = 0; i < 3; i++)
		assert_false(has_ended(&other[i]));
	while (dmm_receiver_sessions(&rc) > 5)
		nap(5);
	assert_int_equal(rc.nr_out, 0);
	peer_prepare(&p[0], SIZE);
	peer_close(&p[0]);
	peer_close(&late);
	for (i = 0; i < 3; i++)
		peer_close(&other[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, receiver_setup, receiver_teardown)
	const struct CMUnitTest tests[] = {
		T(sessions_are_bounded),
		T(complaints_are_counted),
		T(the_silent_are_bounded),
		T(strangers_make_way),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
