/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All disks that this daemon has prepared, by migration and number.
 * In memory only: after a restart the source starts again.
 *
 * Locking: registry.lock, taken before any disk's lock (disk.h).
 */
#ifndef DMM_REGISTRY_H
#define DMM_REGISTRY_H

#include "disk.h"

struct dmm_workers;

struct dmm_registry {
	pthread_mutex_t lock;
	/* protected by lock */
	struct dmm_list disks;
	u32 nr_disks;
	/* constant after init */
	u32 max_disks;
	struct dmm_allow *allow;	/* borrowed */
	int opener;			/* who opens them (opener.h); -1: this process */
	struct dmm_workers *workers;	/* who has the destinations; borrowed; NULL: this process */
};

void dmm_registry_init(struct dmm_registry *reg, u32 max_disks, struct dmm_allow *allow);
/* Every reference has been put. */
void dmm_registry_exit(struct dmm_registry *reg);

/*
 * Checks the destination and registers the disk, or finds that the very same was prepared before.
 * With DMM_PREPARE_CHECK nothing stays: *disk is NULL, unless it was prepared before.
 * On success the caller owns a reference to *disk.  0 or a negative errno with @r filled.
 */
int dmm_registry_prepare(struct dmm_registry *reg, const struct dmm_prepare *p,
			 struct dmm_wire_prepared *prepared, struct dmm_disk **disk,
			 struct dmm_refusal *r);

/*
 * In a worker: lists a disk for the opened *dest, which it takes over in any case.  0, or a negative errno with @r filled.
 */
int dmm_registry_add(struct dmm_registry *reg, const struct dmm_prepare *p, u64 serial, struct dmm_dest *dest,
		     struct dmm_refusal *r);

/* The worker is no more: nor are its disks, which have to be prepared anew. */
void dmm_registry_worker_gone(struct dmm_registry *reg, const struct dmm_worker *worker);

/*
 * A reference to the disk, which counts as a user until it is put; NULL with @r filled when there is none.
 */
struct dmm_disk *dmm_registry_get(struct dmm_registry *reg, const struct dmm_disk_name *name,
				  struct dmm_refusal *r);
/* Accepts NULL. */
void dmm_registry_put(struct dmm_registry *reg, struct dmm_disk *disk);

/* Drops the record, after dmm_disk_release(). References stay valid. */
void dmm_registry_forget(struct dmm_registry *reg, struct dmm_disk *disk);

/* Releases disks that have had no connection for @orphan_ms and are not finished. */
void dmm_registry_expire(struct dmm_registry *reg, u64 orphan_ms);

u32 dmm_registry_count(struct dmm_registry *reg);

#endif
