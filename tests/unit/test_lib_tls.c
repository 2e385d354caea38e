// SPDX-License-Identifier: GPL-2.0
/*
 * The channel: who is let in, by what, and that what comes out of a relay is what went in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "keys_make.h"
#include "tls.h"

#define WAIT_MS		20000u

enum { CLIENT, SERVER };

static struct dmm_tls_key key;
static atomic_int uses;			/* of the key */

static int setup(void **state)
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

static int teardown(void **state)
{
	(void)state;
	keys_unmake();
	return 0;
}

/* Two ends of a TCP connection. */
static void pair(int fds[2])
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

static int find_key(void *ctx, const u8 *identity, u8 *secret)
{
	(void)ctx;
	if (memcmp(identity, key.identity, sizeof(key.identity)))
		return -ENOENT;
	memcpy(secret, key.secret, sizeof(key.secret));
	return 0;
}

static int use_key(void *ctx, const u8 *identity)
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

static void *serve(void *arg)
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

static void shake_over(struct both *b, const struct dmm_tls_client *client, const int fds[2])
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

static void shake(struct both *b, const struct dmm_tls_client *client)
{
	int fds[2];

	pair(fds);
	shake_over(b, client, fds);
}

static void end(struct both *b)
{
	if (b->fd >= 0)
		close(b->fd);
	if (b->server.fd >= 0)
		close(b->server.fd);
}

static struct dmm_tls_client by_certificate(void)
{
	return (struct dmm_tls_client){ .keys = keys[CLIENT], .host = "127.0.0.1", .carrier = DMM_TLS_RELAY };
}

static struct dmm_tls_client by_key(void)
{
	return (struct dmm_tls_client){ .key = &key, .carrier = DMM_TLS_RELAY };
}

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

#define MUCH	(24u << 20)

struct pouring {
	int fd;
	u8 seed;
};

static u8 byte_of(u8 seed, u32 i)
{
	return (u8)(seed + i * 7 + (i >> 8));
}

static void *pour(void *arg)
{
	struct pouring *p = arg;
	u8 *buf = malloc(MUCH);
	u32 i;

	for (i = 0; i < MUCH; i++)
		buf[i] = byte_of(p->seed, i);
	assert_int_equal(dmm_sock_write(p->fd, buf, MUCH, dmm_now_ms() + WAIT_MS, -1), 0);
	shutdown(p->fd, SHUT_WR);
	free(buf);
	return NULL;
}

static void drink(int fd, u8 seed)
{
	u8 *buf = malloc(MUCH);
	u32 i;

	assert_int_equal(dmm_sock_read(fd, buf, MUCH, dmm_now_ms() + WAIT_MS, -1), 0);
	for (i = 0; i < MUCH && buf[i] == byte_of(seed, i); i++)
		;
	assert_int_equal(i, MUCH);
	assert_int_equal(dmm_sock_read(fd, buf, 1, dmm_now_ms() + WAIT_MS, -1), -ENODATA);
	free(buf);
}

/* Both ways at once, more than all buffers hold, and an end of each way. */
static void relays_pass_on_all_of_it(void **state)
{
	struct dmm_tls_client c = by_certificate();
	struct pouring up, down;
	pthread_t threads[2];
	struct both b;

	c.outlives = *state;
	shake(&b, &c);
	assert_int_equal(b.ret, 0);
	up = (struct pouring){ b.fd, 1 };
	down = (struct pouring){ b.server.fd, 2 };
	pthread_create(&threads[0], NULL, pour, &up);
	pthread_create(&threads[1], NULL, pour, &down);
	drink(b.fd, 2);
	drink(b.server.fd, 1);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	end(&b);
}

static void relays_pass_on_all_of_it_as_processes(void **state)
{
	void *yes = state;

	relays_pass_on_all_of_it(&yes);
}

static int ask(int fd, unsigned long what)
{
	int bytes = -1;

	assert_int_equal(ioctl(fd, what, &bytes), 0);
	return bytes;
}

static int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_state;
}

static void await_state(int fd, int state)
{
	u64 until = dmm_now_ms() + WAIT_MS;

	while (tcp_state(fd) != state && dmm_now_ms() < until)
		usleep(2000);
	assert_int_equal(tcp_state(fd), state);
}

/*
 * A receiver that refuses closes; what is sent to it then is answered by a reset.  What it had said before comes all the same,
 * though the relay learns of the reset first, by sending, while nobody takes what it has.
 */
static void last_words_come_before_a_reset(void **state)
{
	static u8 piece[4096];
	struct dmm_tls_client c = by_certificate();
	int fds[2], net[2], i, total = 0, got;
	struct both b;
	u64 since;

	c.outlives = *state;
	pair(fds);
	for (i = 0; i < 2; i++)
		net[i] = dup(fds[i]);
	shake_over(&b, &c, fds);
	assert_int_equal(b.ret, 0);
	/* until the client's relay has something that it cannot pass on, and the connection nothing that it could lose */
	for (since = dmm_now_ms(); dmm_now_ms() - since < 500;) {
		if (ask(net[1], SIOCOUTQ) || ask(b.fd, FIONREAD) != total) {
			usleep(5000);
			continue;
		}
		assert_int_equal(dmm_sock_write(b.server.fd, piece, sizeof(piece), dmm_now_ms() + WAIT_MS, -1), 0);
		total += (int)sizeof(piece);
		since = dmm_now_ms();
	}
	assert_int_equal(ask(net[1], SIOCOUTQ), 0);
	assert_true(ask(b.fd, FIONREAD) < total);
	close(net[1]);
	close(b.server.fd);
	await_state(net[0], TCP_CLOSE_WAIT);
	assert_int_equal(send(b.fd, piece, 1, MSG_NOSIGNAL), 1);
	await_state(net[0], TCP_CLOSE);
	send(b.fd, piece, 1, MSG_NOSIGNAL);
	usleep(100000);
	for (got = 0; got < total; got += i) {
		i = (int)recv(b.fd, piece, sizeof(piece), 0);
		if (i <= 0)
			break;
	}
	assert_int_equal(got, total);
	assert_int_equal(recv(b.fd, piece, 1, 0), 0);
	close(net[0]);
	close(b.fd);
}

static void last_words_come_before_a_reset_as_processes(void **state)
{
	void *yes = state;

	last_words_come_before_a_reset(&yes);
}

/* A bit that flips on the way, in the clear part of a record or in what is encrypted: nothing of it is passed on. */
static void altered_records_end_it(void **state)
{
	struct dmm_tls_client c = by_certificate();
	u8 record[4096];
	struct both b;
	int mitm[2], i;
	ssize_t n;

	(void)state;
	for (i = 0; i < 2; i++) {
		int client[2], server[2];
		struct pollfd p[2];

		memset(&b, 0, sizeof(b));
		pair(client);
		pair(server);
		b.server.fd = server[1];
		mitm[0] = client[1];
		mitm[1] = server[0];
		pthread_create(&b.server.thread, NULL, serve, &b.server);
		b.fd = client[0];
		/* the handshake goes through whole: by a thread, for this one shakes */
		if (!fork()) {
			p[0] = (struct pollfd){ mitm[0], POLLIN, 0 };
			p[1] = (struct pollfd){ mitm[1], POLLIN, 0 };
			while (poll(p, 2, 500) > 0) {
				int k;

				for (k = 0; k < 2; k++) {
					if (!p[k].revents)
						continue;
					n = recv(mitm[k], record, sizeof(record), 0);
					if (n <= 0 || send(mitm[!k], record, n, 0) != n)
						_exit(1);
				}
			}
			_exit(0);
		}
		assert_int_equal(dmm_tls_connect(&b.fd, &c, dmm_now_ms() + WAIT_MS, -1, &b.end, b.why), 0);
		pthread_join(b.server.thread, NULL);
		assert_int_equal(b.server.ret, 0);
		usleep(700000);		/* it has ended */
		assert_int_equal(dmm_sock_write(b.fd, "0123456789", 10, dmm_now_ms() + WAIT_MS, -1), 0);
		n = recv(mitm[0], record, sizeof(record), 0);
		assert_true(n > 20);
		record[i ? n - 1 : 2] ^= 4;
		assert_int_equal(send(mitm[1], record, n, 0), n);
		assert_int_equal(dmm_sock_read(b.server.fd, record, 1, dmm_now_ms() + WAIT_MS, -1), -ENODATA);
		end(&b);
		close(mitm[0]);
		close(mitm[1]);
	}
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
		cmocka_unit_test_setup_teardown(relays_pass_on_all_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(relays_pass_on_all_of_it_as_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(last_words_come_before_a_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(last_words_come_before_a_reset_as_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(altered_records_end_it, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
