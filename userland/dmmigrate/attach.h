/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attaching a device to a migration and detaching it: the origin device, the swap
 * of the live table, and the way back from any point between.  The old table lives
 * on as the origin device, so whoever comes after a crash finds everything.
 */
#ifndef DMM_ATTACH_H
#define DMM_ATTACH_H

#include "remote.h"
#include "source.h"
#include "tool.h"

/*
 * Makes the origin device of @disk of migration @id and puts the migrate target above it into the live
 * device.  Updates @s.  On failure everything is as before (or, once, a suspended device is
 * reported).  Context: signals blocked, the device's lock held.
 * Returns 0 or an exit code, reported.
 */
int dmm_attach(struct dmm_tool *t, struct dmm_source *s, const u8 id[DMM_ID_BYTES], u32 disk,
	       u32 block_bytes, const char *sink);

/* The table that dmm_attach() will load; @sink is its "MAJOR:MINOR", or NULL. Caller clears it. -ENOMEM. */
int dmm_attach_table(u64 sectors, unsigned int major, unsigned int minor, u32 block_bytes, const char *sink,
		     struct dmm_dm_table *table);

/* STOP, and waits until the kernel has nothing of it any more. 0 or an exit code, reported. */
int dmm_stop(struct dmm_tool *t, struct dmm_source *s);

/*
 * The way back, from wherever an attach or a detach was left: stops the migration, puts the
 * original table back if the live one is ours, removes the origin device.  A live table that is not ours
 * is left alone.  Refuses in COMMITTED and RELEASED.  Idempotent.
 * Context as above.  Returns 0 or an exit code, reported; *restored says whether a table was put back.
 */
int dmm_detach(struct dmm_tool *t, struct dmm_source *s, bool *restored);

/*
 * COMMITTED, and the writer runs nowhere else: the source goes on, the record says so.
 * Returns 0, or a negative errno: it is still committed, or cannot be asked.
 */
int dmm_reclaim(struct dmm_tool *t, struct dmm_source *s, u64 epoch);

/*
 * Gives the source up, RELEASED or a table that was loaded anew after a commit: replaces the live table by
 * `error` and removes the origin device.  Returns 0 or an exit code, reported.
 */
int dmm_give_up(struct dmm_tool *t, struct dmm_source *s);

/* Removes the origin device, which nothing may use any more. 0 or an exit code, reported. */
int dmm_origin_remove(struct dmm_tool *t, struct dmm_source *s, enum dmm_owner owner,
		      enum dmm_use use);

/* Both journals of a migration, here first: a source that knows nothing of it can't be asked to hand over.  What stays is noted. */
void dmm_forget_group(struct dmm_tool *t, struct dmm_source *s, struct dmm_remote *r);

/*
 * Tells the receiver to forget the disk, and removes its record; with the last disk of the migration on this host, its journals
 * on both.  A receiver that cannot be reached is a note.
 */
void dmm_forget(struct dmm_tool *t, struct dmm_source *s);

#endif
