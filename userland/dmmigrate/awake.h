/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does the target see what it has to?  A kernel that goes round it would lose writes in silence, so
 * this is asked before a migration begins, never by writing to a live disk.
 */
#ifndef DMM_AWAKE_H
#define DMM_AWAKE_H

#include "source.h"
#include "tool.h"

/* DM UUIDs of the scratch devices; names and UUIDs begin alike. */
#define DMM_CANARY_UUID		"DMM-canary"

/*
 * Writes to a scratch device with the target, above one that fails every write, and looks at the
 * target's counts.  Removes what an interrupted run left.  Context: signals blocked.
 * Both: 0, or an exit code with @why.
 */
int dmm_awake_canary(struct dmm_tool *t, char *why, size_t why_bytes);

/* Reads from the live device and looks at the target's counter. */
int dmm_awake_live(struct dmm_tool *t, const struct dmm_source *s, char *why, size_t why_bytes);

#endif
