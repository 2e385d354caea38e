/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fences: what keeps the disks of a source shut that has given them up, where the kernel's migrate target does not do
 * it any more, after a reboot above all.
 *
 * The device that the migration was attached to gets the error target; its table is kept by another device, whose DM
 * UUID has the migration's id and the disk's number.  Where there is no such device (yet) one of its name and that
 * UUID is made, with the error target: nobody else can make it then.
 *
 * Context: any thread; block as gate.h says.  Idempotent, from wherever an earlier one was interrupted.
 */
#ifndef DMM_FENCE_H
#define DMM_FENCE_H

#include "manifest.h"

/* 0, or -errno with @why, of DMM_MANIFEST_WHY bytes.  @spare: -EBUSY where somebody has the device open. */
int dmm_fence_put_up(const struct dmm_manifest *m, u32 disk, bool spare, char *why);

/* The device is as it was. 0, also when there is no fence; -EBUSY: somebody has it open; as above. */
int dmm_fence_take_down(const struct dmm_manifest *m, u32 disk, char *why);

/* The migration is forgotten: what it kept goes, the live device stays as shut as it is. As above. */
int dmm_fence_forget(const struct dmm_manifest *m, u32 disk, char *why);

#endif
