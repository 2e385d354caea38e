/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What sysfs says of a block device, by its number.
 */
#ifndef DMM_SYSFS_H
#define DMM_SYSFS_H

#include <stddef.h>
#include <sys/types.h>

#include "core/env.h"

/* /sys/dev/block/M:N/<attribute> as text. Length or -errno. */
int dmm_sysfs_read(unsigned int major, unsigned int minor, const char *attribute, char *buf, size_t bytes);

/* Its size; 0: not known. */
u64 dmm_sysfs_sectors(dev_t dev);

/* The devices that it lies on (@dir is "slaves"), or that lie on it ("holders"): how many, @max at most. */
unsigned int dmm_sysfs_related(unsigned int major, unsigned int minor, const char *dir, dev_t *devs, unsigned int max);

#endif
