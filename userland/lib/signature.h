/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is on a disk already: filesystems, partitions, volumes, images of virtual disks.
 */
#ifndef DMM_LIB_SIGNATURE_H
#define DMM_LIB_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#define DMM_SIGNATURE_MAX	64

/*
 * Its name, "several" or "unknown"; @name is empty when nothing is recognised. 0 or -errno.  Context: any thread; reads
 * @fd, here and there.
 */
int dmm_signature(int fd, char *name, size_t size);
/* The UUID in an LVM label; empty when there is none, or it cannot be read.  The same. */
void dmm_signature_pv(int fd, char *uuid, size_t size);

/* What was found. */
struct dmm_probed {
	int ret;			/* 0 or -errno */
	char name[DMM_SIGNATURE_MAX];	/* a signature's name, or a UUID */
};

/* Looks for a signature, or the UUID of a label of LVM. */
void dmm_probe_here(int fd, bool pv, struct dmm_probed *p);

/*
 * By this process, unless it has another one do it: what lies on a disk is somebody else's, and libblkid knows a hundred formats.
 * Set before there are threads.
 */
extern void (*dmm_probe)(int fd, bool pv, struct dmm_probed *p);

#endif
