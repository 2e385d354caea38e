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

/* Where keys of data connections are looked up; @ctx: the channel. As dmm_keyring_find() and dmm_keyring_use(). */
struct dmm_keyring_ops {
	int (*find)(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES], u8 secret[DMM_KEY_SECRET_BYTES]);
	int (*use)(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES], struct dmm_key_use *use);
};

struct dmm_channel {
	/* constant after open */
	struct dmm_keys *keys;		/* owned; NULL: plaintext, and the rest is unused; refreshed by main's thread */
	struct dmm_tls_client to;	/* other daemons */
	const struct dmm_keyring_ops *ring;	/* another process's; NULL: this one's */
	bool quiet;	/* another process of this daemon says what there is to say */
	u64 next_warning_ms;		/* main's thread: of a certificate that ends, not before */
	/* with a lock of its own */
	struct dmm_keyring keyring;
};

/* 0, or -errno, with a line in the log: no key, say.  @quiet: another process of this daemon warns of plaintext, and of keys. */
int dmm_channel_open(struct dmm_channel *ch, const struct dmm_config *c, bool quiet);
/* A new key or certificate of this host counts from now on; one that ends soon is warned of. Main's thread, every few seconds. */
void dmm_channel_tick(struct dmm_channel *ch, u64 now_ms);
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
