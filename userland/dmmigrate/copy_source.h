/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The source of an offline copy: a block device or regular file that nobody
 * may write while it is read.  Held for the whole copy: a block device by
 * O_EXCL, a file by a read lease where we may have one.
 */
#ifndef DMM_COPY_SOURCE_H
#define DMM_COPY_SOURCE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#include "identity.h"
#include "refusal.h"

/* Constant after open. */
struct dmm_copy_source {
	int fd;				/* to read by; -1: closed */
	int plain_fd;			/* the same through the page cache, for the comparison */
	char path[PATH_MAX];		/* with all links followed */
	bool block;
	bool direct;			/* fd is O_DIRECT, and reads are worth being queued */
	bool leased;
	bool holes;			/* a file that has fewer blocks than bytes */
	u64 size_bytes;
	u32 lbs_bytes;
	char identity[DMM_IDENTITY_MAX];
	struct stat st;			/* when it was opened */
	u64 writes;			/* block device: written sectors so far, as its host counts */
	bool writes_known;
};

/*
 * Opens and claims @path.  @root is put before /proc and /sys ("" but in tests).
 * Returns 0, or a negative errno with @r filled.
 * Context: looks at every process of the host.
 */
int dmm_copy_source_open(struct dmm_copy_source *s, const char *root, const char *path,
			 struct dmm_refusal *r);
/*
 * Takes the lease on a file, if it may be had.  Not before the receiver has had a look at its
 * destination: should that be this very file, it would wait for us to let go.
 * 0, or -EBUSY with @r filled: somebody has it open for writing.
 */
int dmm_copy_source_lease(struct dmm_copy_source *s, struct dmm_refusal *r);
/*
 * Opens the origin device @node of a live migration, of which @size_bytes are the disk's: it is in use and may be
 * written meanwhile, so it is read past the page cache or not at all.  0 or -errno.
 */
int dmm_copy_source_open_origin(struct dmm_copy_source *s, const char *node, u64 size_bytes);
void dmm_copy_source_close(struct dmm_copy_source *s);	/* accepts one that was never opened (fds -1) */

/*
 * Did somebody write to it, or is about to?  0, or a negative errno with @r filled.  Cheap; what
 * it says of files without a lease is only as good as their time stamps.
 */
int dmm_copy_source_check(const struct dmm_copy_source *s, struct dmm_refusal *r);

#endif
