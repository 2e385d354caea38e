/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Destinations that are exports of an NBD server: which texts name one.
 * Pure; both ends ask it.
 */
#ifndef DMM_LIB_NBDURI_H
#define DMM_LIB_NBDURI_H

#include <stdbool.h>

/* Does @s mean to be one, rather than a path? */
bool dmm_is_nbd(const char *s);

/*
 * Is @s well-formed: nbd://HOST[:PORT]/EXPORT or nbd+unix:///EXPORT?socket=/PATH, plain: without user,
 * percent signs, empty parts, "." and ".." that would give one place several names?
 * 0, or -EINVAL with *why a constant text.
 */
int dmm_nbd_uri_check(const char *s, const char **why);

/*
 * Does the entry @prefix of an allow-list cover @uri?  It is the whole of it, or ends with a slash
 * and is what @uri begins with.
 */
bool dmm_nbd_uri_under(const char *uri, const char *prefix);

#endif
