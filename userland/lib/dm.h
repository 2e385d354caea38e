/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libdevmapper, as far as the tool needs it.  Thin: one ioctl, or one sequence that must
 * not be torn, per function.  Policy (what may be done to which device) is the caller's.
 * Not thread safe, as the library is not.
 */
#ifndef DMM_LIB_DM_H
#define DMM_LIB_DM_H

#include <stdbool.h>

#include "dmtable.h"

struct dmm_dm_dev {
	unsigned int major, minor;
	char name[DMM_DM_NAME_BYTES];
	char uuid[DMM_DM_UUID_BYTES];
	bool suspended;
	bool live_table;
	bool inactive_table;
	bool read_only;
	int open_count;
};

/*
 * Once, first: routes the library's messages to dmm_dm_reason(), and works without udev
 * (nodes are then made by the library itself) where udev does not run.
 */
void dmm_dm_init(void);

/* Was udev not waited for any longer, since the program began? */
bool dmm_dm_udev_late(void);

/* What library and kernel said about the last failure, or "". */
const char *dmm_dm_reason(void);

/* -ENODEV: no such device. All of these: -ENOSYS: the kernel's device-mapper does not answer. */
int dmm_dm_find_name(const char *name, struct dmm_dm_dev *dev);
int dmm_dm_find_uuid(const char *uuid, struct dmm_dm_dev *dev);
int dmm_dm_find_number(unsigned int major, unsigned int minor, struct dmm_dm_dev *dev);

/* All devices; the caller frees *list. */
int dmm_dm_list(struct dmm_dm_dev **list, unsigned int *nr);

/* The live table, or the inactive one; @t must be empty, dmm_dm_table_clear() it. */
int dmm_dm_table(const struct dmm_dm_dev *dev, bool inactive, struct dmm_dm_table *t);

/* How much of a thin volume has been written, in sectors. 0; -ENOENT: it is none, or does not say; -errno. */
int dmm_dm_thin_mapped(const struct dmm_dm_dev *dev, u64 *sectors);

/*
 * Is it a thin volume to which nothing was ever written, so that it reads as zeros, and goes on to do so around what is
 * written?  False where that cannot be found out.
 */
bool dmm_dm_thin_is_zero(const struct dmm_dm_dev *dev);

/* Is there a target of this name?  1, 0, -errno. */
int dmm_dm_has_target(const char *name, unsigned int version[3]);

/*
 * Makes a device that udev, LVM and blkid leave alone.  Fills @dev.
 * On failure nothing is left behind.
 */
int dmm_dm_create(const char *name, const char *uuid, const struct dmm_dm_table *t, bool read_only,
		  struct dmm_dm_dev *dev);

/* Removes it; waits up to 5 s for somebody who has it open for a moment. -EBUSY. */
int dmm_dm_remove(const struct dmm_dm_dev *dev);

/* Loads the inactive table: nothing happens yet. */
int dmm_dm_load(const struct dmm_dm_dev *dev, const struct dmm_dm_table *t, bool read_only);

/* Drops the inactive table. */
int dmm_dm_drop_inactive(const struct dmm_dm_dev *dev);

enum dmm_swap {
	DMM_SWAP_DRAIN,		/* in-flight I/O drains; for every swap outside a hold */
	DMM_SWAP_APART,		/* the same of a disk that nothing of this host's lies on: locks no memory */
	DMM_SWAP_HELD,		/* bios are held by the target: it requeues them (noflush) */
};

enum dmm_swap_end {
	DMM_SWAP_DONE,
	DMM_SWAP_UNCHANGED,	/* the table from before is live and running */
	DMM_SWAP_SUSPENDED,	/* neither worked: the device is suspended, I/O hangs */
};

/*
 * Makes the loaded table live by one resume, never freezing a filesystem.  @before is the table
 * to return to if that fails.  A disk that does not answer ends it after 10 s, with nothing changed: -EINTR.
 * Queue attributes that people may have set are kept.
 * Context: any thread; memory is locked here for the time of the swap, SIGALRM is taken.
 * Returns 0 or the -errno of the failure; *end says what is live then.
 */
int dmm_dm_swap(const struct dmm_dm_dev *dev, const struct dmm_dm_table *before, enum dmm_swap how,
		enum dmm_swap_end *end);

/* A node to open the device by: /dev/dm-N, /dev/mapper/NAME; checked. -ENXIO. */
int dmm_dm_node(const struct dmm_dm_dev *dev, char *path, size_t bytes);

#endif
