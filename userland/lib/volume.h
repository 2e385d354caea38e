/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Volumes that are made for a migration in a storage repository, and removed when it comes to nothing.  A volume of LVM carries a tag with
 * the migration's id from its first moment, and the mark that keeps it from being activated by others (lv.h); a file is known by its
 * inode, or, before that is on record, by being as it was made: empty.  A file says by an extended attribute, where its filesystem has them, which
 * migration it is of, until that has handed it over.  None but the migration's own is ever removed.
 *
 * Context: any thread that may wait for some seconds; no dm lock is held.  Errors: -errno with @why, one line.
 */
#ifndef DMM_LIB_VOLUME_H
#define DMM_LIB_VOLUME_H

#include "facts.h"
#include "lv.h"
#include "parse.h"
#include "sr.h"

#define DMM_VOLUME_TAG	"dmm-made-"	/* and the migration's id */
#define DMM_VOLUME_XATTR "trusted.dmmigrate"	/* the migration's id */

struct json_object;

struct dmm_volume {
	struct dmm_sr sr;
	char name[DMM_VOLUME_NAME];
	u64 size_bytes;			/* that were asked for */
	u64 inode;			/* of a file, once it is made; else 0 */
};

/* What a volume for disk @disk of migration @id is called. */
void dmm_volume_call(struct dmm_volume *v, const char *label, u32 disk, const u8 id[DMM_ID_BYTES]);
void dmm_volume_path(const struct dmm_volume *v, char path[DMM_PATH_MAX]);

/* As manifests and records remember it.  -EBADMSG, with *v undefined. */
struct json_object *dmm_volume_to_json(const struct dmm_volume *v);
int dmm_volume_from_json(struct json_object *o, struct dmm_volume *v);

/* How large it is, and how much of that is free, by what @places has of LVM's (facts_host.h). 0; -ENOENT: no such place; -errno. */
int dmm_volume_space(const struct dmm_sr *sr, const struct dmm_facts *places, u64 *size, u64 *room);
/* What is free there. -ENOENT: no such place. */
int dmm_volume_room(const struct dmm_sr *sr, u64 *bytes, int stop_fd, char why[DMM_LV_WHY]);

/* How much of it is taken from what is free there already.  A volume that is not there has taken nothing. */
u64 dmm_volume_taken(const struct dmm_volume *v);

/* 1: it is there, and this migration's. 0: nothing is called so. -EEXIST: it is somebody else's. */
int dmm_volume_find(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char why[DMM_LV_WHY]);

/*
 * May it be made?  Nothing is called so there, and there is room, in *@room_bytes, beside what others @promised_bytes were to.  0, -ENOENT: no such place; -EEXIST; -ENOSPC; -errno.
 * @why begins with the name of the storage repository.
 */
int dmm_volume_check_new(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], u64 promised_bytes, u64 *room_bytes, int stop_fd,
			 char why[DMM_LV_WHY]);

/* Makes it, if it is not there already, and fills v->inode. -ENOSPC. */
int dmm_volume_make(struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char why[DMM_LV_WHY]);
/* 0, also where there is none, or somebody else's. */
int dmm_volume_remove(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char why[DMM_LV_WHY]);
/* Which migration the file @path says that it is of.  False: none. */
bool dmm_volume_file_of(const char *path, u8 id[DMM_ID_BYTES]);
/* It was taken over by its user: it loses its mark, and one of LVM is active.  Idempotent; -ENOENT: it is not there. */
int dmm_volume_settle(const struct dmm_volume *v, const u8 id[DMM_ID_BYTES], int stop_fd, char why[DMM_LV_WHY]);

#endif
