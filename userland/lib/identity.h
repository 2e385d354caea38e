/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which disk is this really?  A list of identities by which two hosts, or two
 * names on one host, can be found to mean the same storage, so that nobody
 * copies a LUN onto itself.
 */
#ifndef DMM_LIB_IDENTITY_H
#define DMM_LIB_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DMM_IDENTITY_MAX	256	/* dmm_wire_prepare.source_identity */
#define DMM_IDENTITY_ALL	4096	/* room for those of any stack of devices, where no wire limits it */

/*
 * Identities of the block device or regular file @path, separated by blanks, each printable and
 * without blanks, the most specific first, as many as fit into @size:
 *
 *	wwid:naa.6001405...		own: the disk itself answers to this name
 *	dm:LVM-...			own: dm UUID (LVM's are unique among all hosts)
 *	dev:253:3@BOOTID		own: while this host runs
 *	file:254:1:1234@BOOTID		own: inode; loop devices have their file's
 *	<wwid:...			beneath: storage that it, or part of it, lies on
 *	<pv:UUID			beneath: an LVM physical volume
 *	=pv:UUID			content: it carries the label of this physical volume
 *
 * A device whose slaves are all as large as itself (multipath, a linear table over
 * the whole) has their identities as its own.
 * Returns the number of identities; -ENOTBLK when it is neither block device nor file; -errno.
 * Context: reads sysfs and, for pv, the first sectors of the devices. Any thread.
 */
int dmm_disk_identity(const char *path, char *buf, size_t size);

/* The same; *left_out is how many did not fit. Each that is in @buf is whole. */
int dmm_disk_identity_fit(const char *path, char *buf, size_t size, unsigned int *left_out);

/*
 * Do two such lists mean storage that overlaps?  Own against own, own against beneath, and
 * content against beneath count; two disks that lie on the same LUN, or
 * carry the same label (one is a copy of the other), are different disks.
 * Copies the identity they share to @which (may be NULL).
 */
bool dmm_identity_same(const char *a, const char *b, char *which, size_t size);

enum dmm_identity_verdict {
	DMM_IDENTITY_UNKNOWN,		/* neither can be known */
	DMM_IDENTITY_SAME,
	DMM_IDENTITY_DIFFERENT,
};

/*
 * Are the two, on two hosts, the very same disk?  Only names of their own count, and only those that outlive a host (wwid, dm): SAME where they
 * share one, which @which (DMM_IDENTITY_MAX) gets; DIFFERENT where both have one of a kind, and none is shared.  Pure.
 */
enum dmm_identity_verdict dmm_identity_compare(const char *a, const char *b, char *which);

#endif
