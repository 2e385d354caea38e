/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Text that people type: numbers, sizes, rates, times, addresses, identifiers.
 * Pure: no side effects, no logging.  Everything returns 0 or a negative
 * errno and leaves the result untouched on failure.
 */
#ifndef DMM_LIB_PARSE_H
#define DMM_LIB_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/env.h"
#include <dmmigrate/wire.h>

#define DMM_ID_HEX	(2 * DMM_ID_BYTES + 1)	/* with the NUL */
#define DMM_HOST_MAX	256
#define DMM_PATH_MAX	1024			/* dmm_wire_prepare.dest_path */

/* Decimal, nothing else. -EINVAL not a number, -ERANGE outside [min, max]. */
int dmm_parse_u64(const char *s, u64 min, u64 max, u64 *value);

/*
 * "4096", "100M", "1.5GiB", "64k": K M G T P are powers of 1024, in either case,
 * with an optional "iB" or "B".  A fraction is rounded down to a byte.
 * -EINVAL, -ERANGE (beyond 2^63).
 */
int dmm_parse_size(const char *s, u64 *bytes);

/* As a size, with an optional "/s"; "unlimited" is 0. */
int dmm_parse_rate(const char *s, u64 *bytes_per_s);

/* "500ms", "2s", "5m", "1h", "1d"; a bare number is seconds. */
int dmm_parse_duration_ms(const char *s, u64 *ms);

#define DMM_OWN_ADDRESS	64u		/* with a %zone */

/* Where the tool sends to: HOST[:PORT]:/ABSOLUTE/PATH or HOST[:PORT]:nbd://..., an IPv6 address in brackets. */
struct dmm_target {
	char host[DMM_HOST_MAX];	/* without brackets; may carry a %zone */
	u16 port;			/* DMM_DEFAULT_PORT when not given */
	char path[DMM_PATH_MAX];
	char sr[DMM_SR_NAME];		/* storage repository there, in which the daemon makes @path; "": none */
	bool plaintext;			/* no TLS; false when parsed */
	char from[DMM_OWN_ADDRESS];	/* of this host, in numbers, which connections to it come from; "": any; "" when parsed */
};
/* -EINVAL with *why (may be NULL) a constant text. */
int dmm_parse_target(const char *s, struct dmm_target *t, const char **why);

/* The same, or HOST[:PORT]:SR, whose path is empty. */
int dmm_parse_destination(const char *s, struct dmm_target *t, const char **why);

/*
 * An address with optional port: "10.0.0.1", "10.0.0.1:7790", "::1", "[::1]:7790", "name:7790".
 * *port is left alone when there is none.  @host has room for DMM_HOST_MAX.
 */
int dmm_parse_hostport(const char *s, char *host, u16 *port, const char **why);

/* The way back, with the port in any case: "10.0.0.1:7790", "[::1]:7790"; cut to fit. */
void dmm_hostport_format(const char *host, u16 port, char *buf, size_t bytes);

/* 32 hex digits, dashes allowed anywhere between them (a UUID). */
int dmm_id_parse(const char *s, u8 id[DMM_ID_BYTES]);
void dmm_id_format(const u8 id[DMM_ID_BYTES], char hex[DMM_ID_HEX]);
bool dmm_id_is_zero(const u8 id[DMM_ID_BYTES]);
/* Random, never zero. -errno of getrandom(2). */
int dmm_id_random(u8 id[DMM_ID_BYTES]);

/*
 * A NUL terminated and padded text field of a wire structure of @cap bytes: UTF-8 without
 * control characters (C0, DEL, C1), padding all zero. 0 or -EBADMSG.
 */
int dmm_text_check(const u8 *field, size_t cap);
/* Puts a '?' for every byte that dmm_text_check() would refuse, a character that was cut included. */
void dmm_text_clean(char *s);
/* Fills such a field; -ENAMETOOLONG when @s does not fit with its NUL. */
int dmm_text_put(u8 *field, size_t cap, const char *s);

#endif
