/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All disks of one migration: they are handed over, taken back and cleaned up as one, whichever of them was named.
 */
#ifndef DMM_GROUP_H
#define DMM_GROUP_H

#include "source.h"
#include "tool.h"

#define DMM_SPEC_BYTES	DMM_SOURCE_BYTES

struct dmm_group {
	struct dmm_source *disks;	/* owned, by the disks' numbers; nr of them */
	char (*specs)[DMM_SPEC_BYTES];	/* owned: by which each is found again */
	u32 nr;				/* that there are on this host; at least 1 after dmm_group_open() */
	u32 named;			/* the one that was named */
};

/*
 * Opens what @spec names (dmm_source_open()) and, where that is a disk of a migration, the others of it.  t->source is the
 * named one's.  Returns 0 or an exit code, reported; dmm_group_clear() in any case.
 */
int dmm_group_open(struct dmm_tool *t, const char *spec, struct dmm_group *g);
void dmm_group_clear(struct dmm_group *g);	/* accepts a zeroed one */

/* The same of a verb that needs a migration, with all its disks: reports what is missing. */
int dmm_group_open_migration(struct dmm_tool *t, const char *spec, struct dmm_group *g);
/* Just the last: what is open is a whole migration. */
int dmm_group_need_migration(struct dmm_tool *t, struct dmm_group *g);

/* The locks of all of them, in their order (dmm_source_lock()). */
int dmm_group_lock(struct dmm_tool *t, struct dmm_group *g);

/*
 * @fn of each, in their order, with t->source being its name; afterwards the named one's.  Returns what the first that
 * does not return 0 does, whose name t->source stays.
 */
int dmm_group_each(struct dmm_tool *t, struct dmm_group *g, int (*fn)(struct dmm_tool *t, struct dmm_source *s));

/* Messages are about this one from now on; the named one where @i is DMM_GROUP_NAMED. */
#define DMM_GROUP_NAMED	(~0u)
void dmm_group_speak_of(struct dmm_tool *t, const struct dmm_group *g, u32 i);

/* " (disk 2 of 3)", or "" where there is one disk only: for messages. */
const char *dmm_group_which(const struct dmm_source *s, char buf[32]);

/* Is @spec a migration's id, and so means all of its disks? */
bool dmm_group_is_id(const char *spec);

#endif
