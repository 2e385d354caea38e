/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between freezer.c and freezer_look.c.
 */
#ifndef DMM_FREEZER_PRIV_H
#define DMM_FREEZER_PRIV_H

#include <pthread.h>

#include "core/handover.h"
#include "freezer.h"
#include "nl.h"

struct freezer_disk {
	bool has_witness;
	struct dmm_witness witness;
	u64 device_bytes;	/* by sysfs, before the latest hold */
};

struct dmm_freezer {
	struct dmm_freezer_config c;	/* constant */
	pthread_t thread;
	int wake_fd;			/* eventfd: something changed for the thread */

	pthread_mutex_t lock;		/* a leaf */
	/* protected by lock */
	bool stop;
	u64 epoch;			/* of the freeze that is looked at; 0: none */
	bool acquired;			/* the destination has asked for it */
	u32 timeout_ms;
	u64 until_ms;			/* of a migration without disks: when the freeze ends by itself, as the kernel's would */
	bool committed;			/* and that it does not any more */
	struct freezer_disk disks[DMM_HO_MAX_DISKS];
};

/* One look at all disks of the migration. */
struct look {
	struct dmm_nl *nl;
	struct dmm_nl_info *list;
	const struct dmm_nl_info *disks[DMM_HO_MAX_DISKS];	/* NULL: the kernel has none */
};

void dmm_freezer_look_end(struct look *l);

/* 0, or -errno: -ENOENT without the module. */
int dmm_freezer_look_begin(const struct dmm_freezer *f, struct look *l);

enum freeze_end {
	FREEZE_GOES_ON,
	FREEZE_COMMITTED,	/* all disks: nothing more becomes of it by itself */
	FREEZE_OVER,
};

/*
 * A disk that the kernel does not freeze: @err and @reason are the kernel's.  @info: of before that, or NULL; @why, of
 * DMM_FREEZER_WHY bytes.
 */
void dmm_freezer_refused(const struct dmm_nl_info *info, u32 disk, int err, const char *reason, char *why);

/* One round over all disks. @why, of DMM_FREEZER_WHY bytes: of OVER. */
enum freeze_end dmm_freezer_look(struct dmm_freezer *f, u64 epoch, char *why);

#endif
