/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How this daemon's connections are protected, in both directions.
 */
#ifndef DMM_CHANNEL_H
#define DMM_CHANNEL_H

#include "keyring.h"
#include "log.h"
#include "options.h"
#include "refusal.h"

struct dmm_session;

struct dmm_channel {
	/* constant after open */
	struct dmm_keys *keys;		/* owned; NULL: plaintext, and the rest is unused */
	struct dmm_tls_client to;	/* other daemons */
	/* with a lock of its own */
	struct dmm_keyring keyring;
};

/* 0, or -errno, with a line in the log: no key, say. */
int dmm_channel_open(struct dmm_channel *ch, const struct dmm_config *c);
/* Wipes what was given out.  The key itself is there as long as the process. */
void dmm_channel_close(struct dmm_channel *ch);

/* Is there TLS?  Accepts NULL, as a test's receiver has it. */
static inline bool dmm_channel_has_tls(const struct dmm_channel *ch)
{
	return ch && ch->keys;
}

/* What dmm_client_connect() wants; NULL: plaintext. */
const struct dmm_tls_client *dmm_channel_to(const struct dmm_channel *ch);

/*
 * A connection that came by the network: its handshake, within the time that a new connection has.  Fills what @s knows of its
 * peer, and replaces s->fd.  0, or -errno with a line in the log.
 */
int dmm_channel_accept(struct dmm_channel *ch, struct dmm_session *s);

/* Is its peer still trusted?  Asked before it is given a disk or a key.  0, or -EACCES with @r filled. */
int dmm_channel_check_again(const struct dmm_session *s, struct dmm_refusal *r);

#endif
