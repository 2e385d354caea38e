/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Gates: the dm devices above the volumes that a migration's destination is made of (doc/dm-migrate.rst).  What
 * libdevmapper does is serialised here; it is not thread safe.
 *
 * A gate is found by its DM UUID, which has the migration's id and the disk's number, never by its name.
 *
 * Context: any thread; block as long as device-mapper, udev (bounded) and the volume do.  Idempotent.
 */
#ifndef DMM_GATE_H
#define DMM_GATE_H

#include "core/handover.h"
#include "identity.h"
#include "manifest.h"
#include "refusal.h"

/* Is there a dm-migrate module here that has gates? 0, or -errno with @r filled. */
int dmm_gate_possible(struct dmm_refusal *r);

/* By what the volume at @path is known again after a reboot; empty: nothing. */
void dmm_gate_identity(const char *path, char identity[DMM_IDENTITY_MAX]);

/*
 * Makes the gate of disk @disk of @m, shut, above the volume at its path, or finds the one that was made before
 * and shuts that.  0, or -errno with @r filled: the name is taken, the volume is in use, no module.
 */
int dmm_gate_make(const struct dmm_manifest *m, u32 disk, struct dmm_refusal *r);

/*
 * Sets the gate.  @written NULL: whatever has passed.  Else, for DMM_HO_GATE_SHUT: only if no write has passed
 * since it was made, otherwise *written is set and it stays as it is.  0 or -errno; -ENODEV: there is none.
 */
int dmm_gate_set(const struct dmm_manifest *m, u32 disk, enum dmm_ho_gate gate, bool *written);

/*
 * Has a write passed since it was made, one that the page cache still has included?  1, also of one that is gone, 0, or -errno: nobody
 * knows.
 */
int dmm_gate_has_written(const struct dmm_manifest *m, u32 disk);

/* Swaps an open gate's table for a linear one above the volume; nobody notices. 0 or -errno. */
int dmm_gate_settle(const struct dmm_manifest *m, u32 disk);

/* Removes it, gate or linear. 0, also when there is none; -EBUSY: somebody has it open; -errno. */
int dmm_gate_remove(const struct dmm_manifest *m, u32 disk);

/* Of a disk that has settled: the volume by the gate's name goes. 0, also where there is none; -EBUSY: in use; -EINVAL: it is a gate. */
int dmm_gate_settled_remove(const struct dmm_manifest *m, u32 disk);

/* Is a gate, by its UUID, the plain volume by now? */
bool dmm_gate_is_settled(const struct dmm_dm_dev *dev);

#endif
