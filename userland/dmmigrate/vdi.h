/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk that moves on the same host: what is remembered of it on stable storage, and the steps of
 * the verb.  doc/vdi.rst has the states and what each crash leaves.
 */
#ifndef DMM_VDI_H
#define DMM_VDI_H

#include <stdbool.h>
#include <stddef.h>

#include "dm.h"
#include "journal.h"
#include "lv.h"
#include "parse.h"
#include "volume.h"
#include "witness.h"

#define DMM_VDI_DIR	DMM_JOURNAL_DIR "/vdi"

struct dmm_nl_info;
struct dmm_preflight;
struct dmm_source;
struct dmm_tool;

/* The record. */
struct dmm_vdi {
	u8 id[DMM_ID_BYTES];
	bool moved;			/* the new disk is right, and not the old one */
	char source[DMM_DM_NAME_BYTES];	/* dm name and UUID, which may be "" */
	char uuid[DMM_DM_UUID_BYTES];
	char dest[DMM_PATH_MAX];	/* as it was named, or is called */
	struct dmm_volume volume;	/* that was, or is being, made for it; of no SR: none */
	char lv[DMM_LV_UUID_BYTES];	/* of the old volume, "": it is none of LVM's */
	u64 size_bytes;
	u64 started_s;			/* CLOCK_REALTIME */
	bool has_witness;		/* the next is filled */
	struct dmm_witness witness;	/* when it began */
};

/* vdi_record.c */

/* On stable storage when it returns 0; -errno: what was there before may still be, or this. */
int dmm_vdi_save(const char *dir, const struct dmm_vdi *v);
/* -ENOENT; -EBADMSG: damaged. */
int dmm_vdi_load(const char *dir, const u8 id[DMM_ID_BYTES], struct dmm_vdi *v);
/* Missing is fine; what is gone is so for good. */
int dmm_vdi_remove(const char *dir, const u8 id[DMM_ID_BYTES]);
/* That of the device of this name and, unless it is NULL, UUID. -ENOENT. */
int dmm_vdi_find(const char *dir, const char *name, const char *uuid, struct dmm_vdi *v);

/* All that can be read, until @fn returns true: 0; -ENOENT: it never did. */
int dmm_vdi_each(const char *dir, bool (*fn)(void *arg, const struct dmm_vdi *v), void *arg);

/* vdi_dest.c */

/* The new disk, as it was found. */
struct dmm_vdi_dest {
	char path[DMM_PATH_MAX];
	unsigned int major, minor;
	u64 size_bytes;
	bool zeroed;			/* nothing was ever written to it: it reads as zeros */
	char signature[64];
};

/*
 * May @path be written in the place of @s, of @size_bytes and logical blocks of @lbs_bytes?  Looks only, but that what is
 * cached of it is written back.  0, or an exit code, reported.
 */
int dmm_vdi_dest_check(struct dmm_tool *t, const struct dmm_source *s, const char *path, u64 size_bytes, u32 lbs_bytes,
		       struct dmm_vdi_dest *d);

/* Does the disk that it copies to, which was not written yet, read as zeros? */
bool dmm_vdi_sink_is_zero(const struct dmm_source *s);

/* vdi_sr.c: a new disk that is made, in a storage repository; of other moves the last two do nothing */

/* Fills the record's volume and dest: what would be made in the SR @name.  0, or an exit code, reported: there is no such SR, or no room. */
int dmm_vdi_sr_plan(struct dmm_tool *t, struct dmm_source *s, const char *name, u64 size_bytes);
/* Makes that, once the record names it, and checks it as any other.  0 or an exit code, reported. */
int dmm_vdi_sr_make(struct dmm_tool *t, struct dmm_source *s, const struct dmm_preflight *pre, struct dmm_vdi_dest *d);
/* It has moved: the new volume is as any other of the host's.  0 or an exit code, reported. */
int dmm_vdi_sr_settle(struct dmm_tool *t, const struct dmm_source *s);
/* It has not, and nothing uses it: it goes.  0, or -EIO, which is a note. */
int dmm_vdi_sr_remove(struct dmm_tool *t, const struct dmm_source *s);

/* vdi_dry.c */

/* Says what would be done.  Exit code. */
int dmm_vdi_dry_run(struct dmm_tool *t, const struct dmm_source *s, const struct dmm_preflight *pre, const struct dmm_vdi_dest *d);

/* vdi_move.c */

/*
 * From a copy that is nearly done to the swap: freeze, commit, record, swap.  Context: signals blocked, the device's
 * lock held.  0: moved, *pause_ns is what the guest has seen; -EAGAIN: it goes on copying, with @why; or an exit code,
 * reported.
 */
int dmm_vdi_move(struct dmm_tool *t, struct dmm_source *s, u32 timeout_ms, u64 *pause_ns, char *why, size_t why_bytes);
/* What remains after the record says that it has moved, from wherever it was interrupted.  0 or an exit code, reported. */
int dmm_vdi_finish(struct dmm_tool *t, struct dmm_source *s);

/* Is the live table that over the new disk?  After a restart of the host the name may mean the old one. */
bool dmm_vdi_on_new(const struct dmm_source *s);
/* The table that it loads before the freeze, left by an interrupted run, goes. */
void dmm_vdi_unload(struct dmm_source *s);

/* vdi_config.c */

/*
 * It has moved: the configurations of guests that name it name the new disk instead, and what they were is kept; the edit of those that
 * cannot be changed is said.  Idempotent.
 */
void dmm_vdi_config_rename(struct dmm_tool *t, const struct dmm_source *s);

/* vdi_report.c: of list and status */

/*
 * Says, and adds to the result, what is left to be done of moves that are not among the kernel's @nr migrations, or whose I/O is held: each
 * with the one command that goes on.  How many those are.
 */
unsigned int dmm_vdi_report(struct dmm_tool *t, const struct dmm_nl_info *infos, unsigned int nr);

/* vdi_back.c: of other verbs */

/* Verbs that have to do with other hosts say that this is none of theirs. 0: it is; or an exit code, reported. */
int dmm_vdi_elsewhere(struct dmm_tool *t, struct dmm_source *s);

/* cancel: refused once it has moved; what is committed and has not goes on at the old disk. 0 or an exit code, reported. */
int dmm_vdi_take_back(struct dmm_tool *t, struct dmm_source *s);
/*
 * Takes mark, a volume that was made and the record away: the old disk is right, and used by its name.  What stays is a note, and
 * s->has_vdi.
 */
void dmm_vdi_forget(struct dmm_tool *t, struct dmm_source *s);
/*
 * It has moved: where nobody has the device of an old logical volume open, that is deactivated, and @name is what it is called from now on.
 * False: it keeps its name, which is a note.
 */
bool dmm_vdi_put_aside(struct dmm_tool *t, const struct dmm_source *s, char name[DMM_LV_NAME]);
/* release: the record goes, the old volume stays, with its mark. Exit code, reported. */
int dmm_vdi_release(struct dmm_tool *t, struct dmm_source *s);

#endif
