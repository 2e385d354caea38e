/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between migrations.c, which has the table, and the other files named migration_*.c.
 */
#ifndef DMM_MIGRATION_PRIV_H
#define DMM_MIGRATION_PRIV_H

#include "migrations.h"

/* Of its manifest and journal. */
static inline const char *dmm_migration_dir(const struct dmm_migration *m)
{
	return m->all->dirs[m->role];
}

/*
 * The migration of this id, or a new one with that role and number of disks.  The reference is the caller's.  NULL
 * with @r filled.
 */
struct dmm_migration *dmm_migrations_get_or_new(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES],
						enum dmm_ho_role role, u32 nr_disks, struct dmm_refusal *r);

/*
 * All disks are known: opens what the group acts by, and the group, which begins its journal where the manifest does
 * not say that it was begun: nothing depended on one that is not there.
 * 0, or -errno with @why of DMM_GROUP_WHY bytes.  Context: change is held, or nobody else knows the migration.
 */
int dmm_migration_start(struct dmm_migration *m, char *why);

/* Saves what is known of a disk now; undone in memory when that fails.  These: 0, or -errno with @r filled; change is held. */
int dmm_migration_save_disk(struct dmm_migration *m, u32 disk, const struct dmm_manifest_disk *d, struct dmm_refusal *r);
/* The first disk says whose the migration is. */
int dmm_migration_take_peer(struct dmm_migration *m, const char *peer, struct dmm_refusal *r);
/* How the source calls its host. */
void dmm_migration_set_host(struct dmm_migration *m, const char *host);
/* Removes the volumes that were made for it, of a destination that was not handed over. */
int dmm_migration_volumes_remove(struct dmm_migration *m, struct dmm_refusal *r);
/* Those that are files lose what names their migration: they are their owner's. */
void dmm_migration_files_settle(struct dmm_migration *m);

/* The disk's volume, if it is a logical one, is there: whatever it is marked with. What fails is logged. */
void dmm_migration_lv_there(struct dmm_migration *m, u32 disk);
/* A source has its disks back: so are those that their marks have kept from being activated. */
void dmm_migration_lvs_back(struct dmm_migration *m);
/* What is staged about its guest: found again; done, or tried, if the state is the last one; done now. 0, or -errno with @why. */
void dmm_migration_guest_open(struct dmm_migration *m);
void dmm_migration_guest_state(struct dmm_migration *m, enum dmm_ho_state state);
int dmm_migration_guest_finish(struct dmm_migration *m, char why[DMM_GUEST_CONFIG_WHY]);
/* As struct dmm_group_ops has it. */
void dmm_migration_state(void *ctx, enum dmm_ho_state state, bool owes);

/* Destination. NULL: nobody has prepared it since we were started. The caller puts it. */
struct dmm_disk *dmm_migration_disk(struct dmm_migration *m, u32 disk);

/*
 * Destination: the source says which barrier of this disk was its last.  If it was flushed here, and is the last here, too, and what the
 * disk has stands the sample, the group is told.  @msg names a disk of the migration.
 * Context: any thread; does not block: the sample is taken by a thread of its own.
 */
void dmm_migration_barrier(struct dmm_migration *m, const struct dmm_handover_msg *msg);

/* The list's reference goes. */
void dmm_migration_unlist(struct dmm_migration *m);

/* Ends group, link and freezer, as far as there are any. Nobody refers to the migration. */
void dmm_migration_stop(struct dmm_migration *m);

#endif
