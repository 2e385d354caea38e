/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The file of peers, line by line: what each says, and its text for who edits it.
 */
#ifndef DMM_LIB_KEYS_PEERS_H
#define DMM_LIB_KEYS_PEERS_H

#include "keys.h"

enum dmm_peer_kind {
	DMM_PEER_NOTHING,	/* a comment, an empty line */
	DMM_PEER_PIN,
	DMM_PEER_CA,
	DMM_PEER_REVOKED,
};

struct dmm_peer_line {
	enum dmm_peer_kind kind;
	char name[DMM_PEER_NAME];	/* PIN, CA */
	struct dmm_pin pin;		/* PIN, REVOKED */
	char *addresses;		/* PIN, CA: with a blank between them */
	char *text;			/* as it is in the file, without its end */
};

struct dmm_peers {
	struct dmm_peer_line *lines;
	unsigned int nr;
};

/* No file: no lines. -EBADMSG: an error in it, -EPERM, -errno; all with @why. Then nothing is left to clear. */
int dmm_peers_load(const char *dir, struct dmm_peers *p, char why[DMM_KEYS_WHY]);
void dmm_peers_clear(struct dmm_peers *p);

/* Appends a copy of @text, parsed. -EINVAL with @wrong, a constant text; -ENOMEM. */
int dmm_peers_add(struct dmm_peers *p, const char *text, size_t bytes, const char **wrong);

bool dmm_peer_word_ok(const char *s);	/* as a NAME, or an ADDRESS */
bool dmm_peer_name_ok(const char *s);	/* and not taken for something else */

/* The same host, as text: in any case of letters, addresses in any notation. */
bool dmm_peer_host_equal(const char *a, const char *b);
/* Is it @l's NAME or one of its ADDRESSes? */
bool dmm_peer_has_host(const struct dmm_peer_line *l, const char *host);
/* The word at *@at, which moves on; false at the end. */
bool dmm_peer_address_next(const char **at, char word[DMM_PEER_NAME]);

struct dmm_peer_line *dmm_peers_find(const struct dmm_peers *p, const char *name);	/* NULL: none */
bool dmm_peers_revoked(const struct dmm_peers *p, const struct dmm_pin *pin);
static inline bool dmm_pin_equal(const struct dmm_pin *a, const struct dmm_pin *b)
{
	return !__builtin_memcmp(a, b, sizeof(*a));	/* nothing secret: any time it takes is fine */
}

#endif
