/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The disks of one migration at its source, by the kernel's netlink family: freezing, committing, giving up, and a thread
 * that looks at what becomes of a freeze.
 *
 * A disk is found by what the kernel says of it (migration and number), never by a name: whatever is not there cannot
 * be frozen, and has nothing to thaw.
 */
#ifndef DMM_FREEZER_H
#define DMM_FREEZER_H

#include "log.h"
#include "witness.h"

#define DMM_FREEZER_WHY		256u
#define DMM_FREEZER_DEFAULT_MS	5000u

struct dmm_freezer_config {
	struct dmm_log_id log_id;	/* with the migration; borrowed texts live as long as the freezer */
	u32 nr_disks;
	/*
	 * From the freezer's thread, again and again while it is so: a disk is frozen, converged, and its last
	 * barrier acknowledged.  And once: one is not any more, or will not be; @why is a line.
	 */
	void (*frozen)(void *ctx, u64 epoch, bool acquired, u32 disk, u64 conn_epoch, u64 barrier);
	void (*thawed)(void *ctx, u64 epoch, const char *why);
	void *ctx;
};

struct dmm_freezer;

int dmm_freezer_open(const struct dmm_freezer_config *c, struct dmm_freezer **f);	/* 0 or -errno */
/* Changes nothing in the kernel. Accepts NULL. */
void dmm_freezer_close(struct dmm_freezer *f);

/* What the device's own statistics were when the migration began: compared at every freeze. Any thread. */
void dmm_freezer_witness(struct dmm_freezer *f, u32 disk, const struct dmm_witness *w);

/* The freeze ends by itself after so long. Any thread; before the freeze. */
void dmm_freezer_timeout(struct dmm_freezer *f, u32 timeout_ms);

/*
 * For the group's thread; all disks but for commit.  0 or -errno: not done, or not for all of them.
 *
 * reclaim: whatever is committed, in whichever epoch.  thaw: whatever is frozen.
 * held: does the kernel hold this disk, or fail what comes to it?  -ENODEV: no.  -EBUSY: no, and it is in use.
 */
/* @acquired: for frozen(); @why, of DMM_FREEZER_WHY bytes, left alone or: which disk is not, and why. */
int dmm_freezer_freeze(struct dmm_freezer *f, u64 epoch, bool acquired, char *why);
int dmm_freezer_commit(struct dmm_freezer *f, u32 disk, u64 epoch);
int dmm_freezer_reclaim(struct dmm_freezer *f);
int dmm_freezer_thaw(struct dmm_freezer *f);
int dmm_freezer_held(struct dmm_freezer *f, u32 disk);
int dmm_freezer_release(struct dmm_freezer *f);

#endif
