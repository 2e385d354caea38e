// SPDX-License-Identifier: GPL-2.0
/*
 * The allow-list.
 */
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "allow.h"
#include "keys_peers.h"
#include "nbduri.h"

void dmm_allow_init(struct dmm_allow *a)
{
	memset(a, 0, sizeof(*a));
	pthread_rwlock_init(&a->lock, NULL);
}

static void allow_free(char **globs, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		free(globs[i]);
	free(globs);
}

void dmm_allow_exit(struct dmm_allow *a)
{
	allow_free(a->globs, a->nr);
	pthread_rwlock_destroy(&a->lock);
}

void dmm_allow_replace(struct dmm_allow *a, char **globs, u32 nr)
{
	char **old;
	u32 old_nr;

	pthread_rwlock_wrlock(&a->lock);
	old = a->globs;
	old_nr = a->nr;
	a->globs = globs;
	a->nr = nr;
	pthread_rwlock_unlock(&a->lock);
	allow_free(old, old_nr);
}

bool dmm_allow_empty(struct dmm_allow *a)
{
	bool empty;

	pthread_rwlock_rdlock(&a->lock);
	empty = !a->nr;
	pthread_rwlock_unlock(&a->lock);
	return empty;
}

u32 dmm_allow_texts(struct dmm_allow *a, char *buf, u32 bytes)
{
	u32 at = 0, i;
	size_t n;

	pthread_rwlock_rdlock(&a->lock);
	for (i = 0; i < a->nr && at != ~0u; i++) {
		n = strlen(a->globs[i]) + 1;
		if (n > bytes - at) {
			at = ~0u;
			break;
		}
		memcpy(buf + at, a->globs[i], n);
		at += (u32)n;
	}
	pthread_rwlock_unlock(&a->lock);
	return at;
}

/* The words behind a pattern are names of peers; none: any. */
static bool for_peer(const char *names, const char *peer)
{
	char word[DMM_PEER_NAME];
	bool any = true;

	while (dmm_peer_address_next(&names, word)) {
		if (dmm_peer_host_equal(word, peer))
			return true;
		any = false;
	}
	return any;
}

/* The pattern of @line; false: it is none for @peer. */
static bool line_glob(const char *line, const char *peer, char glob[PATH_MAX])
{
	size_t bytes = strcspn(line, " \t");

	if (bytes >= PATH_MAX)
		return false;
	memcpy(glob, line, bytes);
	glob[bytes] = '\0';
	return !peer || for_peer(line + bytes, peer);
}

bool dmm_allow_next(struct dmm_allow *a, u32 *i, const char *peer, char glob[PATH_MAX])
{
	bool found = false;

	pthread_rwlock_rdlock(&a->lock);
	while (!found && *i < a->nr)
		found = line_glob(a->globs[(*i)++], peer, glob);
	pthread_rwlock_unlock(&a->lock);
	return found;
}

static bool allow_one(const char *line, const char *path, const char *peer)
{
	char glob[PATH_MAX];

	if (!line_glob(line, peer, glob))
		return false;
	return dmm_is_nbd(path) ? dmm_nbd_uri_under(path, glob) : !fnmatch(glob, path, FNM_PATHNAME | FNM_PERIOD);
}

bool dmm_allow_match(struct dmm_allow *a, const char *path, const char *peer)
{
	bool found = false;
	u32 i;

	pthread_rwlock_rdlock(&a->lock);
	for (i = 0; i < a->nr && !found; i++)
		found = allow_one(a->globs[i], path, peer);
	pthread_rwlock_unlock(&a->lock);
	return found;
}

/* Where only root makes names: not /dev/shm, which is everybody's. */
static bool in_dev(const char *path)
{
	return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/shm/", 9) &&
	       strncmp(path, "/dev/mqueue/", 12);
}

bool dmm_allow_destination(struct dmm_allow *a, const char *path, const char *resolved, const char *peer)
{
	if (!dmm_path_is_canonical(path) || !dmm_allow_match(a, path, peer))
		return false;
	if (in_dev(path) && in_dev(resolved))
		return true;
	return dmm_allow_match(a, resolved, peer);
}

bool dmm_path_is_canonical(const char *path)
{
	size_t n;

	if (*path != '/')
		return false;
	while (*path == '/') {
		path++;
		n = strcspn(path, "/");
		if (!n || (n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += n;
	}
	return true;
}
