/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How fast is a disk read?
 */
#ifndef DMM_LIB_DISKSPEED_H
#define DMM_LIB_DISKSPEED_H

#include "core/env.h"

/*
 * Reads pieces of 1 MiB that are spread over all of @fd, of @size_bytes and opened with O_DIRECT if it is to be the disk's speed, for a
 * second at most: *bytes in *ns.
 * 0; -EFBIG: smaller than a piece; -ECANCELED: @stop_fd (-1: none) became readable; -errno.
 * Context: any thread; blocks as long as the disk does.
 */
int dmm_disk_speed(int fd, u64 size_bytes, int stop_fd, u64 *bytes, u64 *ns);

#endif
