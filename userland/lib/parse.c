// SPDX-License-Identifier: GPL-2.0
/*
 * Parsers for what people type and for text fields of wire structures.
 * strtoull() alone is not used: it takes signs, blanks and locale digits,
 * and wraps around.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "nbduri.h"
#include "parse.h"
#include "sr.h"

/* Reads digits at *s, advances it. */
static int parse_digits(const char **s, u64 *value)
{
	const char *p = *s;
	u64 v = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, (u64)10, &v) ||
		    __builtin_add_overflow(v, (u64)(*p - '0'), &v))
			return -ERANGE;
	}
	*s = p;
	*value = v;
	return 0;
}

int dmm_parse_u64(const char *s, u64 min, u64 max, u64 *value)
{
	u64 v;
	int ret = parse_digits(&s, &v);

	if (ret)
		return ret;
	if (*s)
		return -EINVAL;
	if (v < min || v > max)
		return -ERANGE;
	*value = v;
	return 0;
}

/* The power of two that a unit stands for, or -EINVAL. */
static int parse_unit_shift(const char *s)
{
	static const char letters[] = "kmgtp";
	const char *l;
	int shift = 0;

	if (!*s || !strcmp(s, "B"))
		return 0;
	l = strchr(letters, *s >= 'A' && *s <= 'Z' ? *s + ('a' - 'A') : *s);
	if (!l || !*l)
		return -EINVAL;
	shift = 10 * (int)(l - letters + 1);
	s++;
	if (!*s || !strcasecmp(s, "b") || !strcasecmp(s, "ib"))
		return shift;
	return -EINVAL;
}

int dmm_parse_size(const char *s, u64 *bytes)
{
	u64 whole, frac = 0, scale = 1, v;
	int shift, ret;

	ret = parse_digits(&s, &whole);
	if (ret)
		return ret;
	if (*s == '.') {
		const char *first = ++s;

		ret = parse_digits(&s, &frac);
		if (ret)
			return ret;
		if (s - first > 3)	/* keeps frac << shift below 2^63 */
			return -EINVAL;
		for (; first < s; first++)
			scale *= 10;
	}
	shift = parse_unit_shift(s);
	if (shift < 0)
		return shift;
	if (scale > 1 && !shift)
		return -EINVAL;
	if (whole > (1ull << 63) >> shift)
		return -ERANGE;
	v = whole << shift;
	v += (frac << shift) / scale;
	if (v > 1ull << 63)
		return -ERANGE;
	*bytes = v;
	return 0;
}

int dmm_parse_rate(const char *s, u64 *bytes_per_s)
{
	size_t n = strlen(s);
	char buf[40];

	if (!strcasecmp(s, "unlimited")) {
		*bytes_per_s = 0;
		return 0;
	}
	if (n > 2 && !strcmp(s + n - 2, "/s"))
		n -= 2;
	if (n >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, s, n);
	buf[n] = '\0';
	return dmm_parse_size(buf, bytes_per_s);
}

int dmm_parse_duration_ms(const char *s, u64 *ms)
{
	static const struct { const char *unit; u64 ms; } units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "min", 60000 },
		{ "h", 3600000 }, { "d", 86400000 },
	};
	size_t i;
	u64 v;
	int ret = parse_digits(&s, &v);

	if (ret)
		return ret;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(s, units[i].unit))
			continue;
		if (__builtin_mul_overflow(v, units[i].ms, &v) || v > 1ull << 53)
			return -ERANGE;
		*ms = v;
		return 0;
	}
	return -EINVAL;
}

static int parse_fail(const char **why, const char *text)
{
	if (why)
		*why = text;
	return -EINVAL;
}

static int parse_host(const char *s, size_t n, char *host, const char **why)
{
	size_t i;

	if (!n)
		return parse_fail(why, "the host is missing");
	if (n >= DMM_HOST_MAX)
		return parse_fail(why, "the host's name is too long");
	for (i = 0; i < n; i++) {
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '/')
			return parse_fail(why, "the host's name has a character that no name has");
	}
	memcpy(host, s, n);
	host[n] = '\0';
	return 0;
}

static int parse_port(const char *s, size_t n, u16 *port, const char **why)
{
	char buf[8];
	u64 v;

	if (!n || n >= sizeof(buf))
		return parse_fail(why, "the port is not a number from 1 to 65535");
	memcpy(buf, s, n);
	buf[n] = '\0';
	if (dmm_parse_u64(buf, 1, 65535, &v))
		return parse_fail(why, "the port is not a number from 1 to 65535");
	*port = v;
	return 0;
}

/*
 * The host at @s, in brackets or up to the first colon, checked but not copied.
 * Returns what follows it, or NULL.
 */
static const char *parse_host_end(const char *s, const char **host, size_t *n, const char **why)
{
	const char *end;

	if (*s == '[') {
		end = strchr(s, ']');
		if (!end) {
			parse_fail(why, "the closing bracket of the IPv6 address is missing");
			return NULL;
		}
		*host = s + 1;
		*n = end - s - 1;
		if (!memchr(*host, ':', *n)) {
			parse_fail(why, "brackets are for IPv6 addresses only");
			return NULL;
		}
		return end + 1;
	}
	end = s + strcspn(s, ":");
	*host = s;
	*n = end - s;
	return end;
}

int dmm_parse_target(const char *s, struct dmm_target *t, const char **why)
{
	struct dmm_target r = { .port = DMM_DEFAULT_PORT };
	const char *rest, *host, *uri_why = NULL;
	size_t n, i;
	int ret;

	rest = parse_host_end(s, &host, &n, why);
	if (!rest)
		return -EINVAL;
	if (*rest != ':')
		return parse_fail(why, "expected HOST[:PORT]:/ABSOLUTE/PATH");
	ret = parse_host(host, n, r.host, why);
	if (ret)
		return ret;
	rest++;
	if (*rest != '/' && !dmm_is_nbd(rest)) {
		const char *slash = strchr(rest, '/');
		const char *colon = strchr(rest, ':');

		if (!colon || (slash && colon > slash))
			return parse_fail(why, "the destination's path must be absolute: "
					       "HOST[:PORT]:/ABSOLUTE/PATH");
		if (memchr(colon + 1, ':', strlen(colon + 1)) && s[0] != '[' && colon[1] != '/' &&
		    !dmm_is_nbd(colon + 1))
			return parse_fail(why, "put an IPv6 address in brackets: "
					       "[ADDRESS][:PORT]:/ABSOLUTE/PATH");
		ret = parse_port(rest, colon - rest, &r.port, why);
		if (ret)
			return ret;
		rest = colon + 1;
	}
	if (*rest != '/' && !dmm_is_nbd(rest))
		return parse_fail(why, "the destination's path must be absolute: "
				       "HOST[:PORT]:/ABSOLUTE/PATH");
	if (dmm_is_nbd(rest) && dmm_nbd_uri_check(rest, &uri_why))
		return parse_fail(why, uri_why);
	n = strlen(rest);
	if (n >= sizeof(r.path))
		return parse_fail(why, "the destination's path is too long");
	for (i = 0; i < n; i++) {
		if ((unsigned char)rest[i] < ' ' || rest[i] == 0x7f)
			return parse_fail(why, "the destination's path has a control character");
	}
	memcpy(r.path, rest, n + 1);
	*t = r;
	return 0;
}

int dmm_parse_destination(const char *s, struct dmm_target *t, const char **why)
{
	struct dmm_target r = { .port = DMM_DEFAULT_PORT };
	const char *rest, *host, *colon;
	size_t n;

	rest = parse_host_end(s, &host, &n, why);
	if (!rest)
		return -EINVAL;
	if (*rest != ':' || strchr(rest, '/') || parse_host(host, n, r.host, NULL))
		return dmm_parse_target(s, t, why);
	rest++;
	colon = strchr(rest, ':');
	if (colon && !parse_port(rest, (size_t)(colon - rest), &r.port, NULL))
		rest = colon + 1;
	if (!dmm_sr_name_ok(rest))
		return dmm_parse_target(s, t, why);
	strcpy(r.sr, rest);
	*t = r;
	return 0;
}

int dmm_parse_hostport(const char *s, char *host, u16 *port, const char **why)
{
	const char *h, *rest, *first = strchr(s, ':');
	char buf[DMM_HOST_MAX];
	u16 p = 0;
	size_t n;
	int ret;

	if (*s != '[' && first && strchr(first + 1, ':')) {	/* a bare IPv6 address */
		h = s;
		n = strlen(s);
		rest = s + n;
	} else {
		rest = parse_host_end(s, &h, &n, why);
		if (!rest)
			return -EINVAL;
	}
	ret = parse_host(h, n, buf, why);
	if (ret)
		return ret;
	if (*rest == ':') {
		ret = parse_port(rest + 1, strlen(rest + 1), &p, why);
		if (ret)
			return ret;
	} else if (*rest) {
		return parse_fail(why, "expected ADDRESS or ADDRESS:PORT, IPv6 as [ADDRESS]:PORT");
	}
	memcpy(host, buf, n + 1);
	if (p)
		*port = p;
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

void dmm_hostport_format(const char *host, u16 port, char *buf, size_t bytes)
{
	bool v6 = strchr(host, ':');

	snprintf(buf, bytes, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "", port);
}

int dmm_id_parse(const char *s, u8 id[DMM_ID_BYTES])
{
	u8 out[DMM_ID_BYTES] = { 0 };
	unsigned int digits = 0;
	int v;

	for (; *s; s++) {
		if (*s == '-' && digits && digits < 2 * DMM_ID_BYTES)
			continue;
		v = hex_value(*s);
		if (v < 0 || digits == 2 * DMM_ID_BYTES)
			return -EINVAL;
		out[digits / 2] |= digits % 2 ? v : v << 4;
		digits++;
	}
	if (digits != 2 * DMM_ID_BYTES)
		return -EINVAL;
	memcpy(id, out, sizeof(out));
	return 0;
}

void dmm_id_format(const u8 id[DMM_ID_BYTES], char hex[DMM_ID_HEX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned int i;

	for (i = 0; i < DMM_ID_BYTES; i++) {
		hex[2 * i] = digits[id[i] >> 4];
		hex[2 * i + 1] = digits[id[i] & 15];
	}
	hex[2 * DMM_ID_BYTES] = '\0';
}

bool dmm_id_is_zero(const u8 id[DMM_ID_BYTES])
{
	static const u8 zero[DMM_ID_BYTES];

	return !memcmp(id, zero, DMM_ID_BYTES);
}

int dmm_id_random(u8 id[DMM_ID_BYTES])
{
	u8 out[DMM_ID_BYTES];

	do {
		/* up to 256 bytes are given whole or not at all */
		if (getrandom(out, sizeof(out), 0) != (ssize_t)sizeof(out))
			return errno ? -errno : -EIO;
	} while (dmm_id_is_zero(out));
	if (DMM_MUTANT == 125)	/* hazard 25 */
		memset(out, 1, sizeof(out));
	memcpy(id, out, sizeof(out));
	return 0;
}

/* Length of the character at @p, of at most @n bytes; 0: a control character or no UTF-8. */
static size_t text_char(const u8 *p, size_t n)
{
	static const struct { u8 mask, lead; u32 min; } forms[] = {
		{ 0x80, 0x00, 0x20 }, { 0xe0, 0xc0, 0xa0 },	/* below 0xa0: C1 controls */
		{ 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
	};
	size_t len, i;
	u32 c;

	for (len = 0; len < 4 && (p[0] & forms[len].mask) != forms[len].lead;)
		len++;
	if (len == 4 || len >= n)
		return 0;
	c = p[0] & (u8)~forms[len].mask;
	for (i = 1; i <= len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < forms[len].min || c == 0x7f || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	return len + 1;
}

int dmm_text_check(const u8 *field, size_t cap)
{
	size_t i = 0, n;

	while (i < cap && field[i]) {
		n = text_char(field + i, cap - i);
		if (!n)
			return -EBADMSG;
		i += n;
	}
	if (i == cap)
		return -EBADMSG;
	for (; i < cap; i++) {
		if (field[i])
			return -EBADMSG;
	}
	return 0;
}

void dmm_text_clean(char *s)
{
	size_t n, left = strlen(s);

	for (; left; s += n, left -= n) {
		n = text_char((u8 *)s, left);
		if (n)
			continue;
		*s = '?';
		n = 1;
	}
}

int dmm_text_put(u8 *field, size_t cap, const char *s)
{
	size_t n = strlen(s);

	if (n >= cap)
		return -ENAMETOOLONG;
	memset(field, 0, cap);
	memcpy(field, s, n);
	return 0;
}
