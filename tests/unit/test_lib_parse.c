// SPDX-License-Identifier: GPL-2.0
/*
 * Parsers of the library: what people type, text in
 * wire structures, control frames over a socketpair.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "nbduri.h"
#include "parse.h"
#include "wireio.h"

#define NONE	0x5555555555555555ull	/* untouched */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct number {
	const char *text;
	int ret;
	u64 value;
};

static void numbers(const struct number *n, size_t nr, int (*parse)(const char *, u64 *))
{
	size_t i;
	u64 v;

	for (i = 0; i < nr; i++) {
		v = NONE;
		if (parse(n[i].text, &v) != n[i].ret || v != (n[i].ret ? NONE : n[i].value))
			fail_msg("'%s' gives %llu", n[i].text, v);
	}
}

static int parse_any(const char *s, u64 *v)
{
	return dmm_parse_u64(s, 0, ~0ull, v);
}

static int parse_5_to_7(const char *s, u64 *v)
{
	return dmm_parse_u64(s, 5, 7, v);
}

static void plain_numbers(void **state)
{
	static const struct number any[] = {
		{ "0", 0, 0 }, { "007", 0, 7 }, { "18446744073709551615", 0, ~0ull },
		{ "18446744073709551616", -ERANGE, 0 }, { "99999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { " 1", -EINVAL, 0 }, { "1 ", -EINVAL, 0 }, { "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 }, { "0x10", -EINVAL, 0 }, { "1.0", -EINVAL, 0 },
	};
	static const struct number some[] = {
		{ "4", -ERANGE, 0 }, { "5", 0, 5 }, { "7", 0, 7 }, { "8", -ERANGE, 0 },
	};

	(void)state;
	numbers(any, COUNT(any), parse_any);
	numbers(some, COUNT(some), parse_5_to_7);
}

static void sizes(void **state)
{
	static const struct number n[] = {
		{ "0", 0, 0 }, { "4096", 0, 4096 }, { "512B", 0, 512 }, { "1k", 0, 1024 },
		{ "1K", 0, 1024 }, { "100M", 0, 100 << 20 }, { "1.5G", 0, 3ull << 29 },
		{ "1.5GiB", 0, 3ull << 29 }, { "1.5gb", 0, 3ull << 29 }, { "2T", 0, 2ull << 40 },
		{ "0.5k", 0, 512 }, { "1.001k", 0, 1025 }, { "8191P", 0, 8191ull << 50 },
		{ "8192P", 0, 1ull << 63 }, { "8193P", -ERANGE, 0 }, { "8192.1P", -ERANGE, 0 },
		{ "9223372036854775808", 0, 1ull << 63 }, { "9223372036854775809", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { "M", -EINVAL, 0 }, { "1.M", -EINVAL, 0 }, { ".5M", -EINVAL, 0 },
		{ "1.5", -EINVAL, 0 }, { "1.5B", -EINVAL, 0 }, { "1.1234k", -EINVAL, 0 },
		{ "1 M", -EINVAL, 0 }, { "1MM", -EINVAL, 0 }, { "1iB", -EINVAL, 0 },
		{ "1E", -EINVAL, 0 }, { "1b", -EINVAL, 0 }, { "-1M", -EINVAL, 0 }, { "1M/s", -EINVAL, 0 },
	};

	(void)state;
	numbers(n, COUNT(n), dmm_parse_size);
}

static void rates_and_times(void **state)
{
	static const struct number rates[] = {
		{ "0", 0, 0 }, { "unlimited", 0, 0 }, { "100M", 0, 100 << 20 },
		{ "100MiB/s", 0, 100 << 20 }, { "1.5G/s", 0, 3ull << 29 }, { "/s", -EINVAL, 0 },
		{ "1/s/s", -EINVAL, 0 }, { "", -EINVAL, 0 },
		{ "1000000000000000000000000000000000000000000", -EINVAL, 0 },
	};
	static const struct number times[] = {
		{ "0", 0, 0 }, { "5", 0, 5000 }, { "500ms", 0, 500 }, { "2s", 0, 2000 },
		{ "3m", 0, 180000 }, { "3min", 0, 180000 }, { "1h", 0, 3600000 },
		{ "1d", 0, 86400000 }, { "1w", -EINVAL, 0 }, { "s", -EINVAL, 0 }, { "1.5s", -EINVAL, 0 },
		{ "99999999999999999d", -ERANGE, 0 },
	};

	(void)state;
	numbers(rates, COUNT(rates), dmm_parse_rate);
	numbers(times, COUNT(times), dmm_parse_duration_ms);
}

static void targets(void **state)
{
	static const struct {
		const char *text, *host;	/* host NULL: refused */
		u16 port;
		const char *path;
	} t[] = {
		{ "host:/dev/vg0/a", "host", 7790, "/dev/vg0/a" },
		{ "10.1.2.3:/x", "10.1.2.3", 7790, "/x" },
		{ "host:99:/dev/x", "host", 99, "/dev/x" },
		{ "[fe80::1%eth0]:/dev/x", "fe80::1%eth0", 7790, "/dev/x" },
		{ "[::1]:1:/a:b", "::1", 1, "/a:b" },
		{ "host:/a:/b", "host", 7790, "/a:/b" },
		{ "host", NULL, 0, NULL }, { "host:", NULL, 0, NULL }, { "", NULL, 0, NULL },
		{ ":/x", NULL, 0, NULL }, { "host:x", NULL, 0, NULL }, { "host:dev/x", NULL, 0, NULL },
		{ "host:0:/x", NULL, 0, NULL }, { "host:65536:/x", NULL, 0, NULL },
		{ "host:7790:x", NULL, 0, NULL }, { "host:77a:/x", NULL, 0, NULL },
		{ "::1:/x", NULL, 0, NULL }, { "fe80::1:/x", NULL, 0, NULL }, { "[::1:/x", NULL, 0, NULL },
		{ "[::1]/x", NULL, 0, NULL }, { "[host]:/x", NULL, 0, NULL }, { "[]:/x", NULL, 0, NULL },
		{ "h:/dev/x\ny", NULL, 0, NULL }, { "h:/\177", NULL, 0, NULL },
		{ "h:/\x1b[2J", NULL, 0, NULL }, { "h:/\xc3\xa4 b", "h", 7790, "/\xc3\xa4 b" },
		{ "h:nbd://10.0.0.5/disk", "h", 7790, "nbd://10.0.0.5/disk" },
		{ "h:99:nbd://10.0.0.5:10809/a/b", "h", 99, "nbd://10.0.0.5:10809/a/b" },
		{ "[::1]:nbd+unix:///?socket=/run/x.sock", "::1", 7790, "nbd+unix:///?socket=/run/x.sock" },
		{ "h:nbd://10.0.0.5", NULL, 0, NULL }, { "h:nbd:x", NULL, 0, NULL },
		{ "a b:/x", NULL, 0, NULL }, { "/dev/x", NULL, 0, NULL }, { "a/b:/x", NULL, 0, NULL },
	};
	struct dmm_target out;
	char longer[1200];
	const char *why;
	size_t i;
	int ret;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		why = NULL;
		ret = dmm_parse_target(t[i].text, &out, &why);
		if (!ret != !!t[i].host || (ret && !why))
			fail_msg("'%s': %d", t[i].text, ret);
		if (ret)
			continue;
		assert_string_equal(out.host, t[i].host);
		assert_string_equal(out.path, t[i].path);
		assert_int_equal(out.port, t[i].port);
	}
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "h:/", 3);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(dmm_parse_target(longer, &out, NULL), -EINVAL);
	longer[2 + 1023] = '\0';
	assert_int_equal(dmm_parse_target(longer, &out, NULL), 0);
	memset(longer, 'x', 300);
	memcpy(longer + 300, ":/x", 4);
	assert_int_equal(dmm_parse_target(longer, &out, NULL), -EINVAL);
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *host;
		u16 port;			/* 0: left alone */
	} a[] = {
		{ "10.0.0.1", "10.0.0.1", 0 }, { "10.0.0.1:99", "10.0.0.1", 99 }, { "::1", "::1", 0 },
		{ "::", "::", 0 }, { "[::1]", "::1", 0 }, { "[::1]:99", "::1", 99 }, { "name:1", "name", 1 },
		{ "[::1]x", NULL, 0 }, { "name:", NULL, 0 }, { "name:0", NULL, 0 }, { "", NULL, 0 },
		{ "[::1]:", NULL, 0 }, { ":99", NULL, 0 }, { "a b", NULL, 0 },
	};
	char host[DMM_HOST_MAX];
	const char *why;
	size_t i;
	u16 port;
	char back[DMM_HOST_MAX + 16], again[DMM_HOST_MAX];
	u16 port2 = 0;
	int ret;

	(void)state;
	for (i = 0; i < COUNT(a); i++) {
		port = 4711;
		why = NULL;
		ret = dmm_parse_hostport(a[i].text, host, &port, &why);
		if (!ret != !!a[i].host || (ret && !why))
			fail_msg("'%s': %d", a[i].text, ret);
		assert_int_equal(port, !ret && a[i].port ? a[i].port : 4711);
		if (!ret)
			assert_string_equal(host, a[i].host);
		if (!ret) {	/* and back */
			dmm_hostport_format(host, port, back, sizeof(back));
			assert_int_equal(dmm_parse_hostport(back, again, &port2, &why), 0);
			assert_string_equal(again, host);
			assert_int_equal(port2, port);
		}
	}
	dmm_hostport_format("10.0.0.1", 7790, back, sizeof(back));
	assert_string_equal(back, "10.0.0.1:7790");
	dmm_hostport_format("::1", 1, back, sizeof(back));
	assert_string_equal(back, "[::1]:1");
}

static void ids_and_texts(void **state)
{
	u8 id[DMM_ID_BYTES], other[DMM_ID_BYTES];
	u8 field[8];
	char hex[DMM_ID_HEX];

	(void)state;
	assert_int_equal(dmm_id_parse("00112233-4455-6677-8899-aabbccDDEEFF", id), 0);
	dmm_id_format(id, hex);
	assert_string_equal(hex, "00112233445566778899aabbccddeeff");
	assert_int_equal(dmm_id_parse(hex, other), 0);
	assert_memory_equal(id, other, sizeof(id));
	assert_int_equal(dmm_id_parse("0011", id), -EINVAL);
	assert_int_equal(dmm_id_parse("00112233445566778899aabbccddeeff0", id), -EINVAL);
	assert_int_equal(dmm_id_parse("00112233445566778899aabbccddeeff-", id), -EINVAL);
	assert_int_equal(dmm_id_parse("-0112233445566778899aabbccddeeff0", id), -EINVAL);
	assert_int_equal(dmm_id_parse("00112233445566778899aabbccddeefg", id), -EINVAL);
	assert_int_equal(dmm_id_random(id), 0);
	assert_int_equal(dmm_id_random(other), 0);
	assert_memory_not_equal(id, other, sizeof(id));
	assert_false(dmm_id_is_zero(id));

	assert_int_equal(dmm_text_put(field, 8, "1234567"), 0);
	assert_int_equal(dmm_text_check(field, 8), 0);
	assert_int_equal(dmm_text_put(field, 8, "12345678"), -ENAMETOOLONG);
	assert_memory_equal(field, "1234567", 8);
	field[7] = 'x';
	assert_int_equal(dmm_text_check(field, 8), -EBADMSG);
	assert_int_equal(dmm_text_put(field, 8, "a\nb"), 0);
	assert_int_equal(dmm_text_check(field, 8), -EBADMSG);
	assert_int_equal(dmm_text_put(field, 8, "ab"), 0);
	field[5] = 'x';
	assert_int_equal(dmm_text_check(field, 8), -EBADMSG);
}

static void printable_text(void **state)
{
	static const struct {
		const char *in, *out;	/* out NULL: fine as it is */
	} t[] = {
		{ "", NULL }, { "plain ~", NULL }, { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xbe", NULL },
		{ "\xc2\xa0", NULL }, { "\xef\xbf\xbd", NULL }, { "\xf4\x8f\xbf\xbf", NULL },
		{ "a\nb\x1b[31m\x7f", "a?b?[31m?" },
		{ "a\302\23331m", "a??31m" },		/* CSI, a C1 control */
		{ "\xc2\x80\xc2\x9f", "????" },
		{ "a\x9b\xff", "a??" }, { "\xc3", "?" }, { "\xe2\x82", "??" },	/* cut */
		{ "\xe2\x82x", "??x" }, { "\xf0\x9f\x92", "???" }, { "\x80", "?" },
		{ "\xc0\xaf", "??" }, { "\xe0\x80\xaf", "???" },	/* overlong */
		{ "\xed\xa0\x80", "???" },				/* a surrogate */
		{ "\xf4\x90\x80\x80", "????" }, { "\xf8\x88\x80\x80\x80", "?????" },
	};
	char buf[32];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		memset(buf, 0, sizeof(buf));
		strcpy(buf, t[i].in);
		if (!dmm_text_check((u8 *)buf, sizeof(buf)) != !t[i].out)
			fail_msg("%zu: %s", i, t[i].in);
		dmm_text_clean(buf);
		assert_string_equal(buf, t[i].out ? t[i].out : t[i].in);
		assert_int_equal(dmm_text_check((u8 *)buf, sizeof(buf)), 0);
	}
	/* a character that the end of the field cuts */
	memset(buf, 'x', sizeof(buf));
	buf[31] = '\xc3';
	assert_int_equal(dmm_text_check((u8 *)buf, sizeof(buf)), -EBADMSG);
}

static void frames(void **state)
{
	struct dmm_wire_disk disk = { .migration = "0123456789abcde", .disk = cpu_to_le32(3) }, got;
	struct dmm_frame f;
	const char *why;
	u64 seq = 0;
	u8 byte;
	int sv[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	assert_int_equal(dmm_wireio_send(sv[0], DMM_MSG_QUERY, &seq, &disk, sizeof(disk), 1000), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(dmm_wireio_recv(sv[1], &f, &got, sizeof(got), 1000, &why), 0);
	assert_int_equal(f.type, DMM_MSG_QUERY);
	assert_int_equal(f.seq, 1);
	assert_memory_equal(&got, &disk, sizeof(got));
	/* no room */
	assert_int_equal(dmm_wireio_send(sv[0], DMM_MSG_QUERY, &seq, &disk, sizeof(disk), 1000), 0);
	assert_int_equal(dmm_wireio_recv(sv[1], &f, &got, sizeof(got) - 1, 1000, &why), -EMSGSIZE);
	assert_int_equal(dmm_sock_read(sv[1], &got, sizeof(got), dmm_now_ms() + 1000, -1), 0);
	/* one bit */
	disk.disk = cpu_to_le32(4);
	assert_int_equal(dmm_wireio_send(sv[0], DMM_MSG_QUERY, &seq, &disk, sizeof(disk), 1000), 0);
	{
		u8 raw[DMM_WIRE_HDR_BYTES + sizeof(disk)];

		assert_int_equal(dmm_sock_read(sv[1], raw, sizeof(raw), dmm_now_ms() + 1000, -1), 0);
		raw[sizeof(raw) - 1] ^= 1;
		assert_int_equal(dmm_sock_write(sv[0], raw, sizeof(raw), dmm_now_ms() + 1000, -1), 0);
	}
	assert_int_equal(dmm_wireio_recv(sv[1], &f, &got, sizeof(got), 1000, &why), -EBADMSG);
	assert_string_equal(why, "checksum mismatch");
	/* nothing, half, end */
	assert_int_equal(dmm_wireio_recv(sv[1], &f, &got, sizeof(got), 30, &why), -ETIMEDOUT);
	assert_int_equal(dmm_sock_write(sv[0], "DMM1", 4, dmm_now_ms() + 1000, -1), 0);
	assert_int_equal(dmm_wireio_recv(sv[1], &f, &got, sizeof(got), 30, &why), -ETIMEDOUT);
	assert_int_equal(dmm_wireio_send(sv[0], DMM_MSG_QUERY, &seq, NULL, DMM_MAX_CONTROL_BYTES + 1,
					 1000), -EMSGSIZE);
	assert_int_equal(dmm_sock_write(sv[0], "xx", 2, dmm_now_ms() + 1000, -1), 0);
	close(sv[0]);
	assert_int_equal(dmm_sock_read(sv[1], &got, 3, dmm_now_ms() + 1000, -1), -ECONNRESET);
	assert_int_equal(dmm_sock_read(sv[1], &byte, 1, dmm_now_ms() + 1000, -1), -ENODATA);
	assert_int_equal(dmm_sock_write(sv[1], &byte, 1, dmm_now_ms() + 1000, -1), -EPIPE);
	close(sv[1]);
}

struct bulk {
	int fd, ret;
	u8 bytes[1 << 20];
};

static void *send_bulk(void *arg)
{
	struct bulk *b = arg;

	b->ret = dmm_sock_write(b->fd, b->bytes, sizeof(b->bytes), dmm_now_ms() + 5000, -1);
	return NULL;
}

/* More than a socket takes at once: all of it, in order. */
static void sent_in_parts(void **state)
{
	static struct bulk b;
	static u8 got[sizeof(b.bytes)];
	pthread_t thread;
	int sv[2];
	u32 i;

	(void)state;
	for (i = 0; i < sizeof(b.bytes); i++)
		b.bytes[i] = (u8)(i * 7 + (i >> 8));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	b.fd = sv[0];
	assert_int_equal(pthread_create(&thread, NULL, send_bulk, &b), 0);
	assert_int_equal(dmm_sock_read(sv[1], got, sizeof(got), dmm_now_ms() + 3000, -1), 0);
	pthread_join(thread, NULL);
	assert_int_equal(b.ret, 0);
	assert_memory_equal(got, b.bytes, sizeof(got));
	close(sv[0]);
	close(sv[1]);
}

static void nbd_exports(void **state)
{
	static const struct {
		const char *uri;
		bool good;
	} t[] = {
		{ "nbd://host/", true }, { "nbd://host/a", true }, { "nbd://host/a/b", true },
		{ "nbd://host:10809/a", true }, { "nbd://10.1.2.3/a", true }, { "nbd://[::1]:7/a", true },
		{ "nbd+unix:///?socket=/run/x", true }, { "nbd+unix:///a/b?socket=/run/x.sock", true },
		{ "nbd:", false }, { "nbd://", false }, { "nbd://host", false }, { "nbd:///a", false },
		{ "nbds://host/a", false }, { "nbd+ssh://host/a", false }, { "nbd+vsock:///a", false },
		{ "nbd://host:0/a", false }, { "nbd://host:x/a", false }, { "nbd://u@host/a", false },
		{ "nbd://host/a?tls-certificates=/x", false }, { "nbd://host/%61", false },
		{ "nbd://host//a", false }, { "nbd://host/a//b", false }, { "nbd://host/a/", false },
		{ "nbd://host/..", false }, { "nbd://host/a/../b", false }, { "nbd://host/./a", false },
		{ "nbd://host/a b", false }, { "nbd://host/a#b", false }, { "nbd://host/a\\b", false },
		{ "nbd+unix:///", false }, { "nbd+unix:///?socket=", false }, { "nbd+unix:///?socket=/", false },
		{ "nbd+unix:///?socket=run/x", false }, { "nbd+unix:///?socket=/run/../x", false },
		{ "nbd+unix:///?socket=/run//x", false }, { "nbd+unix:///?socket=/x&uid=1", false },
		{ "nbd+unix:///?socket=/x?y", false }, { "nbd+unix://h/?socket=/x", false },
		{ "nbd+unix:///?uid=/x", false }, { "nbd+unix:///a/?socket=/x", false },
	};
	static const struct {
		const char *uri, *prefix;
		bool under;
	} u[] = {
		{ "nbd://h/a", "nbd://h/a", true }, { "nbd://h/a", "nbd://h/", true },
		{ "nbd://h/a/b", "nbd://h/a/", true }, { "nbd://h/ab", "nbd://h/a", false },
		{ "nbd://hh/a", "nbd://h", false }, { "nbd://h/a", "nbd://", true },
		{ "nbd://h/a", "/dev/*", false }, { "nbd://h/a", "nbd://h/b", false },
		{ "nbd+unix:///?socket=/run/nbd/x", "nbd+unix:///?socket=/run/nbd/", true },
		{ "nbd+unix:///?socket=/run/nbd2/x", "nbd+unix:///?socket=/run/nbd", false },
	};
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(t); i++) {
		why = NULL;
		if (!dmm_nbd_uri_check(t[i].uri, &why) != t[i].good || (!t[i].good && !why))
			fail_msg("%s", t[i].uri);
	}
	for (i = 0; i < COUNT(u); i++) {
		if (dmm_nbd_uri_under(u[i].uri, u[i].prefix) != u[i].under)
			fail_msg("%s under %s", u[i].uri, u[i].prefix);
	}
	assert_true(dmm_is_nbd("nbd://x") && dmm_is_nbd("nbd+unix:///x"));
	assert_false(dmm_is_nbd("/nbd://x") || dmm_is_nbd("nbdx") || dmm_is_nbd(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_numbers),
		cmocka_unit_test(sizes),
		cmocka_unit_test(rates_and_times),
		cmocka_unit_test(targets),
		cmocka_unit_test(nbd_exports),
		cmocka_unit_test(addresses),
		cmocka_unit_test(ids_and_texts),
		cmocka_unit_test(printable_text),
		cmocka_unit_test(frames),
		cmocka_unit_test(sent_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
