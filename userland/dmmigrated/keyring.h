/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Secrets that were handed out for data connections and have not been used: each for one connection of one disk,
 * once, for DMM_KEY_MS.
 */
#ifndef DMM_KEYRING_H
#define DMM_KEYRING_H

#include <pthread.h>

#include "ctlmsg.h"
#include "tls.h"

#define DMM_KEYRING_MAX	512u	/* a disk has at most 16 connections, and makes them one after another */
#define DMM_KEYRING_PEER	128u	/* of these, one peer's */

/* What a key is for. */
struct dmm_key_use {
	struct dmm_attach attach;
	u64 size_bytes;		/* of the disk, as prepared */
	char peer[DMM_PEER_NAME];	/* who was given it */
};

struct dmm_keyring {
	pthread_mutex_t lock;	/* a leaf; protects the rest */
	u32 nr;
	struct dmm_keyring_entry {
		struct dmm_tls_key key;
		struct dmm_key_use use;
		u64 until_ms;
	} entries[DMM_KEYRING_MAX];
};

void dmm_keyring_init(struct dmm_keyring *k);
void dmm_keyring_exit(struct dmm_keyring *k);

/* Makes a key. 0, or -errno with @r filled: too many, no random numbers. Any thread. */
int dmm_keyring_mint(struct dmm_keyring *k, const struct dmm_key_use *use, u64 now_ms, struct dmm_tls_key *key,
		     struct dmm_refusal *r);
/* Its secret, while it may be used. -ENOENT. */
int dmm_keyring_find(struct dmm_keyring *k, const u8 identity[DMM_KEY_IDENTITY_BYTES], u64 now_ms,
		     u8 secret[DMM_KEY_SECRET_BYTES]);
/* Uses it up. -ENOENT: it has been, or has expired. */
int dmm_keyring_use(struct dmm_keyring *k, const u8 identity[DMM_KEY_IDENTITY_BYTES], u64 now_ms,
		    struct dmm_key_use *use);

#endif
