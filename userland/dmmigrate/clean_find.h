/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What migrations left on this host.
 */
#ifndef DMM_CLEAN_FIND_H
#define DMM_CLEAN_FIND_H

#include "tool.h"

struct json_object;

/*
 * Appends an object for each to @list: kind, name, migration, and the action that removes it.  Changes nothing but the name of
 * the source in @t.  0, or the exit code of what could not be looked at, reported; *err: neither device-mapper nor the records
 * answer, which is left to the caller.
 */
int dmm_clean_find(struct dmm_tool *t, struct json_object *list, int *err);

#endif
