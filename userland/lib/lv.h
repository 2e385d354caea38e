/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Logical volumes, by LVM's own program.  A volume that must not be activated by whoever comes first is marked: LVM's
 * activation-skip, and a tag with the migration's id.  By that our mark is told from one that somebody else has set, which
 * is left alone, and from that of another migration of the same volume: none takes away a mark but its own.
 *
 * LVM reads the labels of the host's devices, and one that does not answer (another migration's, held) hangs it: each
 * command has a time limit, and is left to itself where not even SIGKILL ends it.  Logical volumes, guests' disks, it
 * never reads.  Nothing of the device itself changes but by dmm_lv_activate(): activation-skip and tags are metadata.
 *
 * Volumes are named by DM UUID, never by name.  Context: any thread that may wait for some seconds; no dm lock is held.
 */
#ifndef DMM_LIB_LV_H
#define DMM_LIB_LV_H

#include <stdbool.h>

#include <dmmigrate/wire.h>

#include "dmtable.h"

#define DMM_LV_WHY	256u
#define DMM_LV_NAME	260u	/* VG/LV */
#define DMM_LV_TAG	"dmmigrate-"	/* and the migration's id */
#define DMM_LV_TAGS	1024u

/* What LVM says of one. */
struct dmm_lv {
	char name[DMM_LV_NAME];
	bool skip;		/* activation-skip */
	char tags[DMM_LV_TAGS];	/* with commas between them */
};

/*
 * The volume that the dm device of this name, or this block device, is, or that lies beneath it where it is a device of ours,
 * such as a gate that has settled and stays in use; "": none.
 */
void dmm_lv_of_name(const char *name, char uuid[DMM_LV_UUID_BYTES]);
void dmm_lv_of_path(const char *path, char uuid[DMM_LV_UUID_BYTES]);

/* Is its device there? */
bool dmm_lv_active(const char *uuid);

/*
 * Sets the mark of migration @id, in place of what earlier ones have left, or takes it away; where it had kept the volume
 * from being activated, that is made up for first, as far as the host's configuration activates it by itself.
 * Idempotent, from wherever an earlier one was interrupted.
 * 0, also when there is no such volume any more; -ECANCELED (@stop_fd can be read); -errno with @why.
 */
int dmm_lv_mark(const char *uuid, const u8 id[DMM_ID_BYTES], bool marked, int stop_fd, char why[DMM_LV_WHY]);

/* Activates it whatever it is marked with, unless it is active. The same; -ENOENT: no such volume. */
int dmm_lv_activate(const char *uuid, int stop_fd, char why[DMM_LV_WHY]);

/*
 * Puts the volume aside, so that nobody finds it by the name that it had: deactivates it, and appends @suffix to its name, unless that is
 * there. 0 with @name: VG/LV as it is called then; -ENOENT: no such volume; -EBUSY: somebody has it open, and nothing was changed.
 */
int dmm_lv_put_aside(const char *uuid, const char *suffix, int stop_fd, char name[DMM_LV_NAME], char why[DMM_LV_WHY]);

/* What `lvs --nameprefixes` printed. 0, -ENOENT: no volume in it. */
int dmm_lv_parse(const char *text, struct dmm_lv *lv);

#endif
