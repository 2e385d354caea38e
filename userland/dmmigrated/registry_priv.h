/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between registry*.c.
 */
#ifndef DMM_REGISTRY_PRIV_H
#define DMM_REGISTRY_PRIV_H

#include "registry.h"

/* --- registry.c; the caller holds the registry's lock where a name says so --- */

struct dmm_disk *dmm_registry_find_locked(struct dmm_registry *reg, const struct dmm_disk_name *name);
/* A reference of the caller's; it counts as a user. */
void dmm_registry_ref_locked(struct dmm_disk *d);
/* Whoever drops the last reference puts the disk on @dead, for dmm_registry_bury() without the lock. */
void dmm_registry_unlist_locked(struct dmm_registry *reg, struct dmm_disk *d, struct dmm_list *dead);
void dmm_registry_bury(struct dmm_list *dead);
/* Is there room for one more, once records of finished disks are dropped? */
bool dmm_registry_has_room_locked(struct dmm_registry *reg);
/* Drops them, as far as needed. */
bool dmm_registry_make_room(struct dmm_registry *reg);

/* --- registry_busy.c --- */

/* Is @d that device, or file of that device? Never an NBD export. */
bool dmm_dest_is(const struct dmm_dest *d, dev_t dev, ino_t ino);

/* Refuses (BUSY) an NBD export that another disk has. Takes the registry's and the disks' locks. */
int dmm_registry_check_export(struct dmm_registry *reg, const struct dmm_prepare *p,
			      struct dmm_refusal *r);

/* When @path is busy because of another disk of ours, @r says of which migration. Locks as above. */
void dmm_registry_explain_busy(struct dmm_registry *reg, const char *path, struct dmm_refusal *r);

#endif
