/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is a would-be destination, or the source of an offline copy, in use?
 * Mounts, swap, device-mapper and md holders, loop devices, Xen block
 * backends, and processes that have it open for writing.  O_EXCL has the last
 * word; this has the reasons.
 */
#ifndef DMM_INUSE_H
#define DMM_INUSE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "refusal.h"

/*
 * @st: of the block device or regular file that messages call @path.  @root is put before
 * "/proc" and "/sys" ("" but in tests).
 * Returns 0, or a negative errno with @r filled (DMM_WERR_BUSY).  What cannot be
 * read is not held against the destination.
 * Context: any thread; reads procfs and sysfs, may take some 10 ms.
 */
int dmm_inuse_check(const char *root, const struct stat *st, const char *path,
		    struct dmm_refusal *r);

/*
 * The same for a volume that may have the gate of DM UUID @gate above it, as long as that is shut: *gated
 * says so, and then the volume is claimed by it.
 */
int dmm_inuse_check_beneath(const char *root, const struct stat *st, const char *path,
			    const char *gate, bool *gated, struct dmm_refusal *r);

/* The same for what is to be read and must not change meanwhile; the messages are about that. */
int dmm_inuse_check_source(const char *root, const struct stat *st, const char *path,
			   struct dmm_refusal *r);

#endif
