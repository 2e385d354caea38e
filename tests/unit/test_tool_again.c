// SPDX-License-Identifier: GPL-2.0
/*
 * A handshake that is cut off is tried again, for a while; nothing else is.
 */
#include "tls_both.h"

#include "core/handover.h"
#include "dmmigrate/remote.h"

static struct dmm_target to = { .host = "127.0.0.1" };
static int listener, cut;		/* so many are closed before one is served */
static atomic_int came;

static void *closes_some(void *arg)
{
	struct serving s;
	int fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (atomic_fetch_add(&came, 1) < cut) {
			close(fd);
			continue;
		}
		memset(&s, 0, sizeof(s));
		s.fd = fd;
		serve(&s);
		if (s.fd >= 0)
			close(s.fd);
	}
	return NULL;
}

static int open_after(int nr, struct dmm_remote *r)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	pthread_t thread;
	int ret;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	to.port = ntohs(a.sin_port);
	cut = nr;
	came = 0;
	assert_int_equal(pthread_create(&thread, NULL, closes_some, NULL), 0);
	dmm_remote_init(r);
	ret = dmm_remote_open(r, &to);
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	return ret;
}

static void a_handshake_is_tried_again(void **state)
{
	struct dmm_remote r;

	(void)state;
	to.plaintext = false;
	/* the one that is served closes after the handshake, and HELLO is not tried again */
	assert_true(open_after(3, &r) < 0);
	assert_int_equal(came, 4);
	assert_non_null(strstr(r.why, "agree on a version"));
	dmm_remote_close(&r);
}

static void not_for_ever(void **state)
{
	u64 start = dmm_now_ms();
	struct dmm_remote r;

	(void)state;
	to.plaintext = false;
	assert_int_equal(open_after(1000, &r), -ECONNRESET);
	assert_in_range(came, 3, 20);
	assert_true(dmm_now_ms() - start < WAIT_MS / 2);
	assert_non_null(strstr(r.why, "too many connections"));
}

static void who_is_not_trusted_stays_so(void **state)
{
	struct dmm_remote r;

	(void)state;
	keys_trust(SERVER, SERVER, "peer", "");
	assert_int_equal(open_after(0, &r), -EPERM);
	assert_int_equal(came, 1);
}

static int setup_tool(void **state)
{
	setup(state);
	return dmm_remote_security(dirs[CLIENT], "relay");
}

int main(int argc, char **argv)
{
	/* the first one's keys are read once, by the process */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_is_tried_again),
		cmocka_unit_test(not_for_ever),
		cmocka_unit_test(who_is_not_trusted_stays_so),
	};

	dmm_tls_main(argc, argv);
	return cmocka_run_group_tests(tests, setup_tool, teardown);
}
