// SPDX-License-Identifier: GPL-2.0
/*
 * The channel: who is let in, and by what.
 */
#include <netinet/tcp.h>

#include "tls_both.h"

static void check_refused(struct both *b, int client, int server, const char *client_why, const char *server_why)
{
	if (b->ret != client || b->server.ret != server)
		print_message("client %d %s, server %d %s\n", b->ret, b->why, b->server.ret, b->server.why);
	assert_int_equal(b->ret, client);
	assert_int_equal(b->server.ret, server);
	if (client_why)
		assert_non_null(strstr(b->why, client_why));
	if (server_why)
		assert_non_null(strstr(b->server.why, server_why));
	end(b);
}

static void both_know_each_other(void **state)
{
	struct dmm_tls_client c = by_certificate();
	struct both b;
	char buf[6];

	(void)state;
	shake(&b, &c);
	assert_int_equal(b.ret, 0);
	assert_int_equal(b.server.ret, 0);
	assert_false(b.end.by_key);
	assert_string_equal(b.server.end.who.name, "peer");
	assert_memory_equal(&b.server.end.who.pin, dmm_keys_pin(keys[CLIENT]), sizeof(struct dmm_pin));
	assert_memory_equal(&b.end.who.pin, dmm_keys_pin(keys[SERVER]), sizeof(struct dmm_pin));
	assert_int_equal(dmm_sock_write(b.fd, "hello", 6, dmm_now_ms() + WAIT_MS, -1), 0);
	assert_int_equal(dmm_sock_read(b.server.fd, buf, 6, dmm_now_ms() + WAIT_MS, -1), 0);
	assert_string_equal(buf, "hello");
	end(&b);
}

/* What hands over wants to notice sooner who has gone; the connection itself is the relay's. */
static void options_reach_the_connection(void **state)
{
	struct dmm_tls_client c = by_certificate();
	int value = 0, spare, fds[2];
	socklen_t len = sizeof(value);
	struct serving s = { 0 };
	struct both b;

	(void)state;
	pair(fds);
	spare = dup(fds[0]);
	s.fd = fds[1];
	assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
	assert_int_equal(dmm_tls_connect(&fds[0], &c, dmm_now_ms() + WAIT_MS, -1, &b.end, b.why), 0);
	pthread_join(s.thread, NULL);
	assert_int_equal(dmm_tls_setsockopt(fds[0], TCP_USER_TIMEOUT, 1234), 0);
	assert_int_equal(getsockopt(spare, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
	assert_int_equal(value, 1234);
	close(fds[0]);
	close(s.fd);
	close(spare);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);	/* no TCP at all */
	assert_int_equal(dmm_tls_setsockopt(fds[0], TCP_USER_TIMEOUT, 1234), -EOPNOTSUPP);
	close(fds[0]);
	close(fds[1]);
}

static void a_client_that_is_not_known_learns_what_to_do(void **state)
{
	struct dmm_tls_client c = by_certificate();
	struct both b;

	(void)state;
	keys_trust(SERVER, SERVER, "peer", "");	/* the same name, another key */
	shake(&b, &c);
	check_refused(&b, -EPERM, -EACCES, "dmmigrate keys show", "keys trust");
}

static void a_server_has_to_be_the_one_asked_for(void **state)
{
	struct dmm_tls_client c = by_certificate();
	struct both b;

	(void)state;
	c.host = "10.9.9.9";
	shake(&b, &c);
	assert_int_equal(b.ret, -EACCES);
	assert_non_null(strstr(b.why, "10.9.9.9"));
	assert_int_not_equal(b.server.ret, -EACCES);
	end(&b);
}

static void a_key_counts_once(void **state)
{
	struct dmm_tls_client c = by_key();
	struct both b;

	(void)state;
	shake(&b, &c);
	assert_int_equal(b.ret, 0);
	assert_int_equal(b.server.ret, 0);
	assert_true(b.server.end.by_key);
	assert_memory_equal(b.server.end.identity, key.identity, sizeof(key.identity));
	end(&b);
	shake(&b, &c);
	check_refused(&b, -EPERM, -EACCES, "used or expired", "used");
}

static void a_key_has_to_be_right(void **state)
{
	struct dmm_tls_client c = by_key();
	struct dmm_tls_key other = key;
	struct both b;

	(void)state;
	c.key = &other;
	other.secret[31] ^= 1;
	shake(&b, &c);
	assert_true(b.ret < 0);
	assert_int_equal(b.server.ret, -EPROTO);
	end(&b);
	other = key;
	other.identity[0] ^= 1;
	shake(&b, &c);
	check_refused(&b, -EPERM, -EACCES, "used or expired", "not known");
	assert_int_equal(uses, 0);
}

/* Plaintext, other versions, nothing at all: by what they send. */
static int server_meets(const void *bytes, size_t nr, u64 wait_ms)
{
	const struct dmm_tls_server server = { .keys = keys[SERVER], .carrier = DMM_TLS_RELAY, .find = find_key, .use = use_key };
	char why[DMM_KEYS_WHY];
	struct dmm_tls_end e;
	int fds[2], ret;

	pair(fds);
	assert_int_equal(send(fds[0], bytes, nr, 0), nr);
	ret = dmm_tls_accept(&fds[1], &server, dmm_now_ms() + wait_ms, -1, &e, why);
	close(fds[0]);
	close(fds[1]);
	return ret;
}

static void what_is_no_tls_gets_nowhere(void **state)
{
	static const u8 plain[48] = { 0x44, 0x4d, 0x4d, 0x31, 1 };
	static const u8 alert[7] = { 21, 3, 3, 0, 2, 2, 40 };

	(void)state;
	assert_int_equal(server_meets(plain, sizeof(plain), WAIT_MS), -EPROTO);
	assert_int_equal(server_meets(alert, sizeof(alert), WAIT_MS), -EPROTO);
	assert_int_equal(server_meets(plain, 1, 100), -ETIMEDOUT);
}

static u8 said[4096];
static size_t said_bytes;

static ssize_t keep_said(gnutls_transport_ptr_t ptr, const void *buf, size_t bytes)
{
	(void)ptr;
	assert_true(said_bytes + bytes <= sizeof(said));
	memcpy(said + said_bytes, buf, bytes);
	said_bytes += bytes;
	return bytes;
}

static ssize_t hear_nothing(gnutls_transport_ptr_t ptr, void *buf, size_t bytes)
{
	(void)ptr;
	(void)buf;
	(void)bytes;
	errno = EAGAIN;
	return -1;
}

/* What a client begins with. */
static void say_client_hello(void)
{
	gnutls_certificate_credentials_t cred;
	gnutls_session_t s;

	gnutls_certificate_allocate_credentials(&cred);
	assert_int_equal(gnutls_init(&s, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
	assert_int_equal(gnutls_priority_set_direct(s, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL), 0);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred);
	gnutls_transport_set_push_function(s, keep_said);
	gnutls_transport_set_pull_function(s, hear_nothing);
	said_bytes = 0;
	assert_int_equal(gnutls_handshake(s), GNUTLS_E_AGAIN);
	gnutls_deinit(s);
	gnutls_certificate_free_credentials(cred);
}

/* A handshake has an end by bytes, too: of records that do not count, or of one message that has none. */
static void a_handshake_is_bounded(void **state)
{
	static const u8 ignored[] = { 20, 3, 3, 0, 1, 1 };
	static const u8 large[] = { 22, 3, 1, 0x40, 0, 1, 1, 0xf0, 0, 3, 3 };	/* ClientHello, of 124 KiB */
	u8 *much = calloc(1, 256 << 10);
	size_t n;

	(void)state;
	say_client_hello();
	memcpy(much, said, said_bytes);
	n = said_bytes;
	assert_int_equal(server_meets(much, n, 300), -ETIMEDOUT);
	for (; n < 128 << 10; n += sizeof(ignored))
		memcpy(much + n, ignored, sizeof(ignored));
	assert_int_equal(server_meets(much, n, WAIT_MS), -EPROTO);
	memset(much, 0, 256 << 10);
	for (n = 0; n < 6 * (5 + 0x4000); n += 5 + 0x4000)
		memcpy(much + n, large, 5);
	memcpy(much, large, sizeof(large));
	assert_int_equal(server_meets(much, n, WAIT_MS), -EPROTO);
	free(much);
}

static void an_older_version_is_refused(void **state)
{
	gnutls_certificate_credentials_t cred;
	gnutls_session_t s;
	struct both b = { .fd = -1 };
	int fds[2], err;

	(void)state;
	pair(fds);
	b.server.fd = fds[1];
	assert_int_equal(pthread_create(&b.server.thread, NULL, serve, &b.server), 0);
	gnutls_certificate_allocate_credentials(&cred);
	assert_int_equal(gnutls_init(&s, GNUTLS_CLIENT), 0);
	assert_int_equal(gnutls_priority_set_direct(s, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL), 0);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred);
	gnutls_transport_set_int(s, fds[0]);
	do
		err = gnutls_handshake(s);
	while (err < 0 && !gnutls_error_is_fatal(err));
	assert_int_equal(err, GNUTLS_E_FATAL_ALERT_RECEIVED);
	assert_int_equal(gnutls_alert_get(s), GNUTLS_A_PROTOCOL_VERSION);
	pthread_join(b.server.thread, NULL);
	assert_int_equal(b.server.ret, -EPROTO);
	gnutls_deinit(s);
	gnutls_certificate_free_credentials(cred);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_know_each_other, setup, teardown),
		cmocka_unit_test_setup_teardown(options_reach_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_that_is_not_known_learns_what_to_do, setup, teardown),
		cmocka_unit_test_setup_teardown(a_server_has_to_be_the_one_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_has_to_be_right, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_tls_gets_nowhere, setup, teardown),
		cmocka_unit_test_setup_teardown(a_handshake_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(an_older_version_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
