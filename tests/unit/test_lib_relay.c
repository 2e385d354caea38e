// SPDX-License-Identifier: GPL-2.0
/*
 * Relays: what comes out of one is what went in, it is TLS in between, and a process of its own has nothing of ours.
 */
#include "tls_both.h"

#include <dirent.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "cleanup.h"

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

/* --- what a relay says and understands is TLS, as GnuTLS has it --- */

#define PIECES	40u

static size_t piece_bytes(u32 i)
{
	return i % 3 ? 1 + i * 397 : 16384;
}

static void *gnutls_server(void *arg)
{
	static u8 buf[16384];
	struct dmm_keys_pair *p = dmm_keys_hold(keys[SERVER]);
	int fd = *(int *)arg, err;
	gnutls_session_t s;
	size_t got, i;
	ssize_t n;

	assert_int_equal(gnutls_init(&s, GNUTLS_SERVER | GNUTLS_NO_TICKETS), 0);
	assert_int_equal(gnutls_priority_set_direct(s, "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM", NULL), 0);
	gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, dmm_keys_credentials(p));
	gnutls_transport_set_int(s, fd);
	do
		err = gnutls_handshake(s);
	while (err < 0 && !gnutls_error_is_fatal(err));
	assert_int_equal(err, 0);
	assert_int_equal(gnutls_record_send(s, "\x06", 1), 1);
	for (i = 0; i < PIECES; i++) {
		for (got = 0; got < piece_bytes(i); got += n) {
			n = gnutls_record_recv(s, buf + got, piece_bytes(i) - got);
			assert_true(n > 0);
		}
		assert_int_equal(gnutls_record_send(s, buf, got), got);
	}
	/* padded, as ours is not, and without any data */
	assert_int_equal(gnutls_record_send2(s, "padded", 6, 100, 0), 6);
	assert_int_equal(gnutls_record_send2(s, "", 0, 10, 0), 0);
	assert_int_equal(gnutls_record_send(s, "!", 1), 1);
	/* and what no dmmigrated says */
	assert_int_equal(gnutls_alert_send(s, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED), 0);
	gnutls_record_send(s, "more", 4);
	while (gnutls_record_recv(s, buf, sizeof(buf)) > 0)
		;
	gnutls_deinit(s);
	close(fd);
	dmm_keys_release(p);
	return NULL;
}

static void relays_speak_tls(void **state)
{
	static u8 said_it[16384], heard[16384];
	struct dmm_tls_client c = by_certificate();
	struct dmm_tls_end e;
	char why[DMM_KEYS_WHY];
	pthread_t thread;
	int fds[2];
	u32 i, k;

	(void)state;
	pair(fds);
	assert_int_equal(pthread_create(&thread, NULL, gnutls_server, &fds[1]), 0);
	assert_int_equal(dmm_tls_connect(&fds[0], &c, dmm_now_ms() + WAIT_MS, -1, &e, why), 0);
	for (i = 0; i < PIECES; i++) {
		for (k = 0; k < piece_bytes(i); k++)
			said_it[k] = byte_of((u8)i, k);
		assert_int_equal(dmm_sock_write(fds[0], said_it, piece_bytes(i), dmm_now_ms() + WAIT_MS, -1), 0);
		assert_int_equal(dmm_sock_read(fds[0], heard, piece_bytes(i), dmm_now_ms() + WAIT_MS, -1), 0);
		assert_memory_equal(said_it, heard, piece_bytes(i));
	}
	assert_int_equal(dmm_sock_read(fds[0], heard, 7, dmm_now_ms() + WAIT_MS, -1), 0);
	assert_memory_equal(heard, "padded!", 7);
	assert_int_equal(dmm_sock_read(fds[0], heard, 1, dmm_now_ms() + WAIT_MS, -1), -ENODATA);
	close(fds[0]);
	pthread_join(thread, NULL);
}

/* --- a relay as a process --- */

static u8 marker[32];		/* of nobody else's memory */

/* Is it in what @pid may write to? */
static bool has_marker(int pid)
{
	unsigned long from, to;
	char path[64], line[512], mode[8];
	dmm_autofclose FILE *maps = NULL;
	dmm_autoclose int mem = -1;
	bool found = false;
	u8 *buf;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "r");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (!maps || mem < 0)
		fail_msg("/proc/%d cannot be read: %s", pid, strerror(errno));
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || mode[1] != 'w' || to - from > 64 << 20)
			continue;
		buf = malloc(to - from);
		assert_non_null(buf);
		if (pread(mem, buf, to - from, (off_t)from) == (ssize_t)(to - from))
			found |= memmem(buf, to - from, marker, sizeof(marker)) != NULL;
		memset(buf, 0, to - from);
		free(buf);
	}
	return found;
}

/* The process of our relay, which is this program. */
static int relay_pid(void)
{
	char path[64], mine[256], exe[256], name[32];
	int pid = -1, self = getpid();
	struct dirent *d;
	DIR *proc = opendir("/proc");
	ssize_t n = readlink("/proc/self/exe", mine, sizeof(mine));

	assert_true(n > 0);
	while ((d = readdir(proc))) {
		if (atoi(d->d_name) <= 0 || atoi(d->d_name) == self)
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/exe", d->d_name);
		if (readlink(path, exe, sizeof(exe)) != n || memcmp(exe, mine, (size_t)n))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/comm", d->d_name);
		if (dmm_read_text(path, name, sizeof(name)) > 0 && !strcmp(name, "dmmigrate-tls"))
			pid = atoi(d->d_name);
	}
	closedir(proc);
	return pid;
}

/* Nothing of the memory of who began it, which has the key of this host; nothing is told by arguments or environment. */
static void a_relay_begins_anew(void **state)
{
	struct dmm_tls_client c = by_certificate();
	char path[64], text[256];
	struct both b;
	int pid;

	(void)state;
	if (geteuid()) {
		print_message("only root may look at it\n");
		skip();
	}
	assert_int_equal(gnutls_rnd(GNUTLS_RND_NONCE, marker, sizeof(marker)), 0);
	c.outlives = true;
	shake(&b, &c);
	assert_int_equal(b.ret, 0);
	pid = relay_pid();
	assert_true(pid > 0);
	assert_true(has_marker(getpid()));
	assert_false(has_marker(pid));
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	assert_int_equal(dmm_read_text(path, text, sizeof(text)), strlen("dmmigrate-tls"));
	assert_string_equal(text, "dmmigrate-tls");
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	assert_int_equal(dmm_read_text(path, text, sizeof(text)), 0);
	end(&b);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(relays_pass_on_all_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(relays_pass_on_all_of_it_as_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(relays_speak_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(a_relay_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(last_words_come_before_a_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(last_words_come_before_a_reset_as_processes, setup, teardown),
		cmocka_unit_test_setup_teardown(altered_records_end_it, setup, teardown),
	};

	dmm_tls_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
