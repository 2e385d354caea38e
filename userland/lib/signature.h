/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is on a disk already: filesystems, partitions, volumes, images of virtual disks.
 */
#ifndef DMM_LIB_SIGNATURE_H
#define DMM_LIB_SIGNATURE_H

#include <stddef.h>

/*
 * Its name, "several" or "unknown"; @name is empty when nothing is recognised. 0 or -errno.  Context: any thread; reads
 * @fd, here and there.
 */
int dmm_signature(int fd, char *name, size_t size);

#endif
