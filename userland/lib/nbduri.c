// SPDX-License-Identifier: GPL-2.0
/*
 * Names of NBD exports.  Narrower than NBD's own URIs: what an allow-list
 * compares as text must not have two spellings.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "nbduri.h"
#include "parse.h"

#define TCP_SCHEME	"nbd://"
#define UNIX_SCHEME	"nbd+unix:///"

bool dmm_is_nbd(const char *s)
{
	return !strncmp(s, "nbd:", 4) || !strncmp(s, "nbd+", 4);
}

static int bad(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* No part of the path [@s, @end) is empty, "." or "..", but for @s itself being empty. */
static bool parts_are_plain(const char *s, const char *end)
{
	size_t n;

	while (s < end) {
		for (n = 0; s + n < end && s[n] != '/'; n++)
			;
		if (!n || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += n;
		if (s < end && ++s == end)
			return false;	/* ends with a slash */
	}
	return true;
}

static int check_host(const char *s, size_t n, const char **why)
{
	char host[DMM_HOST_MAX], name[DMM_HOST_MAX];
	u16 port = 0;

	if (!n || n >= sizeof(host))
		return bad(why, "expected nbd://HOST[:PORT]/EXPORT");
	memcpy(host, s, n);
	host[n] = '\0';
	return dmm_parse_hostport(host, name, &port, why);
}

int dmm_nbd_uri_check(const char *s, const char **why)
{
	const char *path, *query, *end = s + strlen(s), *p;
	int ret;

	for (p = s; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-._~:/?=+[],", *p))
			return bad(why, "an NBD export's name takes letters, digits and -._~:/+,[] only");
	}
	query = strchr(s, '?');
	if (!strncmp(s, UNIX_SCHEME, strlen(UNIX_SCHEME))) {
		path = s + strlen(UNIX_SCHEME);
		if (!query || strncmp(query, "?socket=/", 9) || !query[9] || strchr(query + 1, '?'))
			return bad(why, "expected nbd+unix:///EXPORT?socket=/PATH");
		if (!parts_are_plain(query + 9, end))
			return bad(why, "write the socket's path without //, . and ..");
		end = query;
	} else if (!strncmp(s, TCP_SCHEME, strlen(TCP_SCHEME))) {
		s += strlen(TCP_SCHEME);
		path = strchr(s, '/');
		if (query || !path)
			return bad(why, "expected nbd://HOST[:PORT]/EXPORT");
		ret = check_host(s, path - s, why);
		if (ret)
			return ret;
		path++;
	} else {
		return bad(why, "expected nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=/PATH");
	}
	if (!parts_are_plain(path, end))
		return bad(why, "write the export's name without //, . and ..");
	return 0;
}

bool dmm_nbd_uri_under(const char *uri, const char *prefix)
{
	size_t n = strlen(prefix);

	if (!dmm_is_nbd(prefix) || strncmp(uri, prefix, n))
		return false;
	return !uri[n] || (n && prefix[n - 1] == '/');
}
