// SPDX-License-Identifier: GPL-2.0
/*
 * Connections that have said nothing yet, over TCP: who goes on, who is put out, and who makes way.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>

#include "dmmigrated/lobby.h"
#include "recv_fake.h"

static struct dmm_lobby lobby;
static struct pollfd polled[DMM_LOBBY_PLACES];

static int lobby_setup(void **state)
{
	int ret = receiver_setup(state);

	rc.handshake_ms = WAIT_MS;
	dmm_lobby_init(&lobby, &rc, true);
	return ret;
}

static int lobby_teardown(void **state)
{
	dmm_lobby_exit(&lobby);
	while (dmm_receiver_sessions(&rc))
		nap(5);
	return receiver_teardown(state);
}

/* The peer's end of a connection whose other end enters as @from. */
static int enter(const char *from)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(l, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(listen(l, 1), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	dmm_lobby_enter(&lobby, accept(l, NULL, NULL), from);
	close(l);
	return fd;
}

/* One round; returns how many places something was seen at. */
static int serve(int timeout_ms, bool rests, u64 later_ms)
{
	u64 until_ms = (u64)-1;
	u32 nr = dmm_lobby_poll(&lobby, polled, rests, &until_ms);
	int seen = poll(polled, nr, timeout_ms);

	assert_int_equal(dmm_lobby_serve(&lobby, polled, nr, dmm_now_ms() + later_ms), 0);
	return seen;
}

static void say(int fd, const void *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

/* Closed by the lobby: a FIN, or a reset where something was unread. */
static bool is_closed(int fd)
{
	u8 byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN;
}

/* A byte at a time wakes nobody between the header and the end of the record. */
static void a_whole_record_goes_on(void **state)
{
	static const u8 header[] = { 22, 3, 1, 1, 0 };
	u8 body[256] = { 0 };
	int fd = enter("10.0.0.1:1");

	(void)state;
	assert_int_equal(serve(0, false, 0), 0);
	say(fd, header, 3);
	assert_int_equal(serve(1000, false, 0), 1);
	assert_int_equal(serve(20, false, 0), 0);	/* level triggered: it would spin else */
	say(fd, header + 3, 2);
	assert_int_equal(serve(1000, false, 0), 1);
	say(fd, body, 255);
	assert_int_equal(serve(20, false, 0), 0);
	assert_int_equal(lobby.nr, 1);
	say(fd, body, 1);
	assert_int_equal(serve(20, true, 0), 0);	/* not while it rests */
	assert_int_equal(serve(1000, false, 0), 1);
	assert_int_equal(lobby.nr, 0);
	assert_int_equal(dmm_receiver_sessions(&rc), 1);
	close(fd);
}

static void in_plaintext_a_byte_will_do(void **state)
{
	int fd = enter("10.0.0.1:1");

	(void)state;
	lobby.tls = false;
	assert_int_equal(serve(0, false, 0), 0);
	say(fd, "x", 1);
	assert_int_equal(serve(1000, false, 0), 1);
	assert_int_equal(lobby.nr, 0);
	assert_int_equal(dmm_receiver_sessions(&rc), 1);
	close(fd);
}

static void garbage_is_put_out(void **state)
{
	static const struct { const char *bytes; size_t n; } garbage[] = {
		{ "G", 1 }, { "GET / HTTP/1.0\r\n\r\n", 18 }, { "\x16\x02", 2 }, { "\x15\x03\x03\x00\x02\x01", 6 },
		{ "\x16\x03\x01\x40\x01", 5 }, { "\x16\x03\x01\xff\xff garbage", 13 },
	};
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		fd = enter("10.0.0.1:1");
		say(fd, garbage[i].bytes, garbage[i].n);
		assert_int_equal(serve(1000, false, 0), 1);
		assert_int_equal(lobby.nr, 0);
		close(fd);
	}
	assert_int_equal(dmm_receiver_sessions(&rc), 0);
	assert_int_equal(rc.complaints.of[DMM_COMPLAIN_HELLO].said + rc.complaints.of[DMM_COMPLAIN_HELLO].unsaid, i);
}

/* Before the first byte, and in the middle of a header and of a record. */
static void who_leaves_leaves_no_trace(void **state)
{
	static const u8 begun[] = { 22, 3, 1, 1, 0, 1 };
	static const size_t bytes[] = { 0, 2, 6 };
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < 3; i++) {
		fd = enter("10.0.0.1:1");
		say(fd, begun, bytes[i]);
		if (bytes[i])
			assert_int_equal(serve(1000, false, 0), 1);
		assert_int_equal(lobby.nr, 1);
		shutdown(fd, SHUT_WR);
		assert_int_equal(serve(1000, false, 0), 1);
		assert_int_equal(lobby.nr, 0);
		close(fd);
	}
	assert_int_equal(dmm_receiver_sessions(&rc), 0);
}

static void silence_has_an_end(void **state)
{
	int a = enter("10.0.0.1:1"), b = enter("10.0.0.2:1");
	u64 until_ms = (u64)-1;

	(void)state;
	dmm_lobby_poll(&lobby, polled, false, &until_ms);
	assert_in_range(until_ms, dmm_now_ms() + WAIT_MS / 2, dmm_now_ms() + WAIT_MS);
	assert_int_equal(serve(0, false, WAIT_MS / 2), 0);
	assert_int_equal(lobby.nr, 2);
	assert_int_equal(serve(0, true, WAIT_MS), 0);
	assert_int_equal(lobby.nr, 0);
	assert_true(is_closed(a));
	close(a);
	close(b);
}

/* Whose address has its share makes way for itself; who comes from elsewhere displaces the oldest. */
static void a_full_lobby_has_room(void **state)
{
	int fd[DMM_LOBBY_PLACES], own, other;
	u32 i;

	(void)state;
	fd[0] = enter("10.0.0.2:1");	/* older than all of the flood */
	for (i = 1; i < DMM_LOBBY_PLACES; i++)
		fd[i] = enter("10.0.0.1:1");
	own = enter("10.0.0.1:2");
	assert_int_equal(lobby.nr, DMM_LOBBY_PLACES);
	assert_true(is_closed(fd[1]));
	assert_false(is_closed(fd[0]));
	other = enter("10.0.0.12:1");
	assert_true(is_closed(fd[0]));
	assert_false(is_closed(fd[2]));
	assert_false(is_closed(own));
	assert_int_equal(lobby.nr, DMM_LOBBY_PLACES);
	for (i = 0; i < DMM_LOBBY_PLACES; i++)
		close(fd[i]);
	close(own);
	close(other);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, lobby_setup, lobby_teardown)
	const struct CMUnitTest tests[] = {
		T(a_whole_record_goes_on),
		T(in_plaintext_a_byte_will_do),
		T(garbage_is_put_out),
		T(who_leaves_leaves_no_trace),
		T(silence_has_an_end),
		T(a_full_lobby_has_room),
	};

	struct rlimit rl;

	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
