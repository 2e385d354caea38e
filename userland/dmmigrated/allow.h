/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The allow-list: which destinations peers may have prepared.  Without one,
 * none.
 */
#ifndef DMM_ALLOW_H
#define DMM_ALLOW_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>

#include "core/env.h"

#define DMM_ALLOW_MAX	256u

struct dmm_allow {
	pthread_rwlock_t lock;		/* a leaf; protects all below */
	char **globs;
	u32 nr;
};

void dmm_allow_init(struct dmm_allow *a);
void dmm_allow_exit(struct dmm_allow *a);
/* Takes @globs (malloc'ed strings in a malloc'ed array) in place of what there was. */
void dmm_allow_replace(struct dmm_allow *a, char **globs, u32 nr);
bool dmm_allow_empty(struct dmm_allow *a);
/* Its lines, each with a NUL, into @buf. How many bytes; ~0: it does not fit. */
u32 dmm_allow_texts(struct dmm_allow *a, char *buf, u32 bytes);
/* The next pattern that is for @peer (NULL: anybody), from number *i (0 at first) on. */
bool dmm_allow_next(struct dmm_allow *a, u32 *i, const char *peer, char glob[PATH_MAX]);

/*
 * Is the name @path allowed to @peer ("": nobody who is known), by itself?  fnmatch(3) with FNM_PATHNAME: a '*' does not cross
 * a '/'.
 */
bool dmm_allow_match(struct dmm_allow *a, const char *path, const char *peer);

/*
 * May the destination called @path, which is @resolved once all symbolic links are followed, be
 * written?  Both names must be allowed; only that a name in /dev leads to another in /dev
 * (LVM's and udev's links, which root alone makes) is taken on trust.
 */
bool dmm_allow_destination(struct dmm_allow *a, const char *path, const char *resolved, const char *peer);

/* Absolute, without "//", "/./", "/../", or a slash at the end: what globs can be trusted with. */
bool dmm_path_is_canonical(const char *path);

#endif
