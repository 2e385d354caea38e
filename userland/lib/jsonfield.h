/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fields of what we wrote as JSON, read back from a file that anything may have happened to.
 * Both return 0, or -EBADMSG: not there, of another type, or out of bounds; the result is then left alone.
 */
#ifndef DMM_LIB_JSONFIELD_H
#define DMM_LIB_JSONFIELD_H

#include <stddef.h>

#include "core/env.h"

struct json_object;

/* A text without NUL inside, that fits in @bytes with its own. */
int dmm_jsonfield_text(struct json_object *o, const char *key, char *buf, size_t bytes);

/* An integer of [@min, @max]; @max is at most 2^63 - 1. */
int dmm_jsonfield_number(struct json_object *o, const char *key, u64 min, u64 max, u64 *value);

#endif
