// SPDX-License-Identifier: GPL-2.0
/*
 * The storage network, by numbers and by the one interface that every machine has.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "network.h"
#include "wireio.h"

static void test_within(void **state)
{
	static const struct { const char *a, *net; unsigned int bits; bool within; } t[] = {
		{ "10.9.0.1", "10.9.0.0", 24, true }, { "10.9.1.1", "10.9.0.0", 24, false }, { "10.9.1.1", "10.9.0.0", 23, true },
		{ "10.9.2.1", "10.9.0.0", 23, false }, { "1.2.3.4", "99.0.0.0", 0, true }, { "10.9.0.1", "10.9.0.1", 32, true },
		{ "10.9.0.0", "10.9.0.1", 32, false }, { "10.9.0.0", "10.9.0.1", 33, false },
		{ "fd00::1", "fd00::", 64, true }, { "fd00:0:0:1::1", "fd00::", 64, false }, { "fd00:0:0:1::1", "fd00::", 63, true },
		{ "fd00::1", "fd00::1", 128, true }, { "fd00::1", "fd00::2", 128, false }, { "fd00::1", "10.9.0.0", 0, false },
	};
	struct sockaddr_storage a, net;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(dmm_address_parse(t[i].a, &a), 0);
		assert_int_equal(dmm_address_parse(t[i].net, &net), 0);
		if (dmm_address_within(&a, &net, t[i].bits) != t[i].within)
			fail_msg("%s in %s/%u", t[i].a, t[i].net, t[i].bits);
	}
	assert_int_equal(dmm_address_parse("host-b", &a), -EINVAL);
	assert_int_equal(dmm_address_parse("", &a), -EINVAL);
	assert_int_equal(dmm_address_parse("10.9.0", &a), -EINVAL);
}

static void test_find(void **state)
{
	static const struct { const char *text, *why; int ret; } bad[] = {
		{ "10.9.0.0/33", "is no network", -EINVAL }, { "10.9.0.0/", "is no network", -EINVAL }, { "/24", "is no network", -EINVAL },
		{ "fd00::/129", "is no network", -EINVAL }, { "host-b/24", "is no network", -EINVAL }, { "10.9.0.0/-1", "is no network", -EINVAL },
		{ "", "has no network interface", -ENOENT }, { "no-such-if", "has no network interface no-such-if", -ENOENT },
		{ "a-name-that-no-interface-can-have", "has no network interface", -ENOENT },
		{ "198.51.100.77/32", "has no address in the network 198.51.100.77/32", -ENOENT },
	};
	static const char *const good[] = { "lo", "127.0.0.0/8", "127.0.0.1/32", "127.99.1.2/8" };
	char why[DMM_NETWORK_WHY];
	const struct dmm_prefix *p;
	struct dmm_network n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dmm_network_find(bad[i].text, &n, why), bad[i].ret);
		if (!strstr(why, bad[i].why))
			fail_msg("'%s': %s", bad[i].text, why);
	}
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(dmm_network_find(good[i], &n, why), 0);
		p = dmm_network_has(&n, "127.0.0.1");
		assert_non_null(p);
		assert_string_equal(p->iface, "lo");
		assert_null(dmm_network_has(&n, "10.9.0.1"));
		assert_null(dmm_network_has(&n, "localhost"));
	}
	assert_int_equal(dmm_network_find("lo", &n, why), 0);
	assert_non_null(dmm_network_has(&n, "127.1.2.3"));
	assert_int_equal(dmm_network_find("127.0.0.1/32", &n, why), 0);
	assert_null(dmm_network_has(&n, "127.0.0.2"));
}

/* What is bound comes from there, and goes nowhere else. */
static void test_from(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) }, from;
	struct sockaddr_storage own;
	socklen_t len = sizeof(a);
	char text[DMM_OWN_ADDRESS];
	struct dmm_client c;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	/* what a record has counts unless --network is given */
	dmm_client_from_before("");
	dmm_client_from_before("host-b");
	dmm_client_own(text);
	assert_string_equal(text, "");
	dmm_client_from_before("127.0.0.8");
	dmm_client_own(text);
	assert_string_equal(text, "127.0.0.8");
	assert_int_equal(dmm_address_parse("127.0.0.9", &own), 0);
	dmm_client_from(&own);
	dmm_client_from_before("127.0.0.8");
	dmm_client_own(text);
	assert_string_equal(text, "127.0.0.9");
	assert_int_equal(dmm_client_connect("127.0.0.1", ntohs(a.sin_port), 2000, NULL, &c), 0);
	len = sizeof(from);
	peer = accept(fd, (struct sockaddr *)&from, &len);
	assert_true(peer >= 0);
	assert_int_equal(ntohl(from.sin_addr.s_addr), 0x7f000009);
	close(peer);
	dmm_client_close(&c);
	assert_int_equal(dmm_address_parse("::1", &own), 0);
	dmm_client_from(&own);
	assert_int_equal(dmm_client_connect("127.0.0.1", ntohs(a.sin_port), 2000, NULL, &c), -EAFNOSUPPORT);
	dmm_client_own(text);
	assert_string_equal(text, "::1");
	/* one that this host had */
	assert_int_equal(dmm_address_parse("192.0.2.77", &own), 0);
	dmm_client_from(&own);
	assert_int_equal(dmm_client_connect("127.0.0.1", ntohs(a.sin_port), 2000, NULL, &c), -EADDRNOTAVAIL);
	assert_non_null(strstr(c.why, "--network"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_from),
	};

	return cmocka_run_group_tests_name("lib_network", tests, NULL, NULL);
}
