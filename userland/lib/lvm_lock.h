/* SPDX-License-Identifier: GPL-2.0 */
/*
 * LVM's lock of a volume group, held while the table of one of its volumes is exchanged.  An LVM command that finds an active volume
 * suspended, as it is for a moment then, loads its own table again (vgchange -aay, which udev runs when a disk appears, too), and
 * ours would be gone.  Each such command holds the lock.
 */
#ifndef DMM_LIB_LVM_LOCK_H
#define DMM_LIB_LVM_LOCK_H

#include "dmtable.h"

#define DMM_LVM_LOCK_DIR	"/run/lock/lvm"	/* lvm.conf's locking_dir, as every distribution has it */

/*
 * Of the group of the dm device @name with @uuid, by a file in @dir; closing the descriptor gives it back.  Waits for @ms milliseconds.
 * -ENOENT: it is no volume of LVM's, or LVM does not lock here.  -ETIMEDOUT: others have it.  -errno.
 */
int dmm_lvm_lock(const char *dir, const char *name, const char *uuid, u32 ms);

/* dm calls a logical volume GROUP-VOLUME, where each - within either is two. 0, or -ENOENT. */
int dmm_lvm_split(const char *name, char group[DMM_DM_NAME_BYTES], char volume[DMM_DM_NAME_BYTES]);

#endif
