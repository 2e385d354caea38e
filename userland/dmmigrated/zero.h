/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making ranges of a local destination read as zeros without shipping or
 * writing them where that can be avoided.  In this order:
 *
 *	a hole of a file		nothing
 *	FALLOC_FL_PUNCH_HOLE		of files and of block devices; the latter may unmap, and
 *					read as zeros afterwards in any case
 *	reads as zeros already		nothing: a fresh thin volume stays as thin as it is
 *	BLKZEROOUT			block devices
 *	zeros, written by the caller	whatever else there is
 *
 * What a destination refuses is found out by trying, once.
 */
#ifndef DMM_ZERO_H
#define DMM_ZERO_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/env.h"

#define DMM_ZERO_LOOK_BYTES	(128u << 10)	/* of the buffer to look with */
#define DMM_ZERO_PIECE_BYTES	(1u << 20)	/* looked at and zeroed at a time, at most */
#define DMM_ZERO_PUNCH_BYTES	(64u << 20)	/* punched at a time, at most */

/* What a destination was found to refuse, for good. One a disk; any thread. */
struct dmm_zeroer {
	atomic_bool no_punch;
	atomic_bool no_zeroout;
};

/*
 * Makes some of [@at, @end) of @fd read as zeros, from @at on.  @file: it is a regular one.
 * @look: DMM_ZERO_LOOK_BYTES, aligned for direct I/O, to look at what is there; NULL: does not look.
 * Returns how many bytes are zeros now; -EAGAIN: it was found that this destination does not
 * punch: call again, with @look; -EOPNOTSUPP: the first DMM_ZERO_PIECE_BYTES (or all,
 * if that is less) have to be written; another negative errno: the destination has failed.
 * Context: blocks for one piece; never for the whole of a long range.
 */
s64 dmm_zero_some(struct dmm_zeroer *z, int fd, bool file, u64 at, u64 end, void *look);

#endif
