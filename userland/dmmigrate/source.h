/* SPDX-License-Identifier: GPL-2.0 */
/*
 * SOURCE: what the user named, and everything that device-mapper and the
 * records know about it.  Found anew by every verb; nothing is believed that
 * device-mapper does not say.
 */
#ifndef DMM_SOURCE_H
#define DMM_SOURCE_H

#include "dm.h"
#include "nl.h"
#include "record.h"
#include "standing.h"
#include "tool.h"
#include "vdi.h"

struct dmm_source {
	bool has_live;			/* there is such a device */
	struct dmm_dm_dev live;
	struct dmm_dm_table table;	/* its live table; empty when it has none */
	bool named_origin;		/* the user named the origin device itself */
	bool migrate;			/* one target `migrate` */
	bool ours;			/* ... above an origin device of ours */
	bool sink;			/* ... which copies to a disk of this host: vdi */
	u32 block_sectors;		/* of that target */
	bool inactive_ours;		/* a migrate table above our origin is loaded, not live */

	bool has_origin;		/* an origin device of ours belongs to it */
	struct dmm_dm_dev origin;
	struct dmm_dm_table origin_table;

	bool has_id;
	u8 id[DMM_ID_BYTES];
	u32 disk;			/* of the migration, from 0 */
	char hex[DMM_ID_HEX];

	const char *spec;		/* what the user typed */
	int lock_fd;			/* 0: not locked */
	bool has_record;
	bool record_damaged;
	struct dmm_record record;
	bool has_vdi;			/* it moves, or has moved, to another disk of this host */
	struct dmm_vdi vdi;
	enum dmm_journal_says journal;	/* dmm_source_journal() */
};

/*
 * Finds out about @spec: a dm name, a path of a block device, a migration id (of which the first disk that
 * there is), or ID.DISK.  Fills @s and
 * sets t->source.  Returns 0, or the exit code of a failure that it has reported (nothing
 * by that name, no dm device).  dmm_source_clear() in any case.
 */
int dmm_source_open(struct dmm_tool *t, const char *spec, struct dmm_source *s);
void dmm_source_clear(struct dmm_source *s);

/* Messages are about this one from now on. */
void dmm_source_speak_of(struct dmm_tool *t, const struct dmm_source *s);

/* The same for a verb that needs a migration: reports when @s is none. 0 or an exit code. */
int dmm_source_open_migration(struct dmm_tool *t, const char *spec, struct dmm_source *s);
/* Just the last: what is open is a migration. */
int dmm_source_need_migration(struct dmm_tool *t, struct dmm_source *s);

/* The disks of a migration that this host has an origin device of, bit by number. 0 or -errno. */
int dmm_source_origins(const u8 id[DMM_ID_BYTES], u64 *disks);
/* The same of those that it has a device or a record of. */
int dmm_source_disks(const u8 id[DMM_ID_BYTES], u64 *disks);

/*
 * The source that the first operand names or, without one, the only migration of this host.
 * NULL: reported, *code is the exit code.  The text lives as long as @t.
 */
const char *dmm_source_spec(struct dmm_tool *t, int *code);

static inline u64 dmm_source_dev(const struct dmm_source *s)
{
	return dmm_nl_dev(s->live.major, s->live.minor);
}

/* What the kernel says of it. 0 or an exit code, reported. */
int dmm_source_info(struct dmm_tool *t, const struct dmm_source *s, struct dmm_nl_info *info);

/* All migrations of this host: gates are none. *list is an array that the caller frees. 0 or -errno. */
int dmm_source_migrations(struct dmm_tool *t, struct dmm_nl_info **list, unsigned int *nr);

/* What the journal of this host says of @s, asked once. */
enum dmm_journal_says dmm_source_journal(struct dmm_tool *t, struct dmm_source *s);

/* Nobody can be asked what the journal says: reports that. Exit code. */
int dmm_source_unanswered(struct dmm_tool *t);

/*
 * By the journal the source has given its disk up, or nobody can be asked, and no live target holds or fails its I/O:
 * reports that. 0 when it is not so.
 */
int dmm_source_commit_lost(struct dmm_tool *t, struct dmm_source *s);

/* Who owns the data now, and how the device is, as far as can be found out. */
void dmm_source_verdict(struct dmm_tool *t, struct dmm_source *s, enum dmm_owner *owner,
			enum dmm_use *use);

/* Just the owner, where the state of its target is known. */
enum dmm_owner dmm_source_owner(struct dmm_tool *t, struct dmm_source *s, u32 state);

/*
 * The lock of the device (or of the migration, where there is no device).  Reads everything once
 * more under it, for another dmmigrate may have been at work until now. Returns 0 or an exit
 * code, reported; held until the process ends, or until it is given back: who only looks on needs none.
 */
int dmm_source_lock(struct dmm_tool *t, struct dmm_source *s);
void dmm_source_unlock(struct dmm_source *s);
/*
 * A descriptor that is the lock named @key, or -errno; waits a little for another one to end: it may be the daemon's, which has a lost
 * connection made anew.
 */
int dmm_source_lock_wait(const char *key, u32 wait_ms);

#endif
