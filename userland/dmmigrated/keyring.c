// SPDX-License-Identifier: GPL-2.0
/*
 * Keys of data connections, from KEY to their handshake.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "keyring.h"

void dmm_keyring_init(struct dmm_keyring *k)
{
	memset(k, 0, sizeof(*k));
	pthread_mutex_init(&k->lock, NULL);
}

void dmm_keyring_exit(struct dmm_keyring *k)
{
	gnutls_memset(k->entries, 0, sizeof(k->entries));
	pthread_mutex_destroy(&k->lock);
}

/* Context: the lock is held. */
static void drop_locked(struct dmm_keyring *k, u32 i)
{
	k->entries[i] = k->entries[--k->nr];
	gnutls_memset(&k->entries[k->nr], 0, sizeof(k->entries[0]));
}

/* The entry of an identity that has not expired, or NULL; the others' time is looked at in passing. */
static struct dmm_keyring_entry *find_locked(struct dmm_keyring *k, const u8 *identity, u64 now_ms)
{
	struct dmm_keyring_entry *found = NULL;
	u32 i = 0;

	while (i < k->nr) {
		if (now_ms >= k->entries[i].until_ms) {
			drop_locked(k, i);	/* what comes to be here is looked at next */
			continue;
		}
		if (identity && !memcmp(k->entries[i].key.identity, identity, DMM_KEY_IDENTITY_BYTES))
			found = &k->entries[i];
		i++;
	}
	return found;
}

static u32 count_locked(const struct dmm_keyring *k, const char *peer)
{
	u32 i, nr = 0;

	for (i = 0; i < k->nr; i++)
		nr += !strcmp(k->entries[i].use.peer, peer);
	return nr;
}

int dmm_keyring_mint(struct dmm_keyring *k, const struct dmm_key_use *use, u64 now_ms, struct dmm_tls_key *key,
		     struct dmm_refusal *r)
{
	struct dmm_keyring_entry *e;

	/* as little as this comes whole once the kernel has any */
	if (getrandom(key, sizeof(*key), 0) != (ssize_t)sizeof(*key))
		return dmm_refuse(r, DMM_WERR_INTERNAL, "no random numbers for a key");
	pthread_mutex_lock(&k->lock);
	find_locked(k, NULL, now_ms);
	e = k->nr < DMM_KEYRING_MAX && count_locked(k, use->peer) < DMM_KEYRING_PEER ? &k->entries[k->nr++] : NULL;
	if (e) {
		e->key = *key;
		e->use = *use;
		e->until_ms = now_ms + DMM_KEY_MS;
	}
	pthread_mutex_unlock(&k->lock);
	return e ? 0 : dmm_refuse(r, DMM_WERR_LIMIT, "%u keys of data connections are unused: try again in %u s",
				  DMM_KEYRING_PEER, DMM_KEY_MS / 1000);
}

int dmm_keyring_find(struct dmm_keyring *k, const u8 identity[DMM_KEY_IDENTITY_BYTES], u64 now_ms,
		     u8 secret[DMM_KEY_SECRET_BYTES])
{
	struct dmm_keyring_entry *e;

	pthread_mutex_lock(&k->lock);
	e = find_locked(k, identity, now_ms);
	if (e)
		memcpy(secret, e->key.secret, sizeof(e->key.secret));
	pthread_mutex_unlock(&k->lock);
	return e ? 0 : -ENOENT;
}

int dmm_keyring_use(struct dmm_keyring *k, const u8 identity[DMM_KEY_IDENTITY_BYTES], u64 now_ms,
		    struct dmm_key_use *use)
{
	struct dmm_keyring_entry *e;

	pthread_mutex_lock(&k->lock);
	e = find_locked(k, identity, now_ms);
	if (e) {
		*use = e->use;
		if (DMM_MUTANT != 28)	/* hazard 28 */
			drop_locked(k, (u32)(e - k->entries));
	}
	pthread_mutex_unlock(&k->lock);
	return e ? 0 : -ENOENT;
}
