/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an offline copy does with which bytes: windows over the source, and the
 * runs that a piece of it falls into.  Pure: no I/O, no locks.
 */
#ifndef DMM_COPY_PLAN_H
#define DMM_COPY_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/env.h"
#include <dmmigrate/wire.h>

#define DMM_COPY_GRANULE_BYTES	(64u << 10)	/* compared, and looked at for zeros */
#define DMM_COPY_UNIT_BYTES	(256u << 10)	/* read at a time, shipped in one frame */
#define DMM_COPY_WINDOW_BYTES	(16u << 20)	/* handed out and compared at a time */
#define DMM_COPY_UNIT_GRANULES	(DMM_COPY_UNIT_BYTES / DMM_COPY_GRANULE_BYTES)
#define DMM_COPY_WINDOW_HASHES	(DMM_COPY_WINDOW_BYTES / DMM_COPY_GRANULE_BYTES)

/* A range of the source: data to read, or nothing but a hole. */
struct dmm_copy_range {
	u64 first_bytes;
	u64 end_bytes;
	bool hole;
};

/*
 * The range to do next, from @pos (a multiple of the granule, less than @size) on.  @data: where data
 * begins, at or behind @pos, or @size; @hole: where it ends, behind @data.  What is not
 * known to be a hole is data.  Ranges of data end at multiples of the window, those
 * of holes are DMM_MAX_ZERO_BYTES at most; all of them end at granules, or at @size.
 */
struct dmm_copy_range dmm_copy_next(u64 pos, u64 size, u64 data, u64 hole);

/* Are all @bytes (at least 16, a multiple of 8) zero? */
bool dmm_copy_is_zero(const void *buf, size_t bytes);

enum dmm_copy_kind {
	DMM_COPY_SKIP,		/* is there already */
	DMM_COPY_ZERO,		/* a header will do */
	DMM_COPY_SHIP,
};

/* What becomes of zeros that are not known to be there already. */
enum dmm_copy_zeros {
	DMM_COPY_ZEROS_SKIP,	/* the destination is known to read as zeros */
	DMM_COPY_ZEROS_SEND,
	DMM_COPY_ZEROS_SHIP,	/* the receiver does not know the message */
};

struct dmm_copy_run {
	enum dmm_copy_kind kind;
	u32 at_bytes;		/* in the unit */
	u32 bytes;
};

/*
 * Cuts a unit of @bytes (whole sectors, at most DMM_COPY_UNIT_BYTES) into runs, one after the other, no two
 * of a kind in a row.  @theirs: the hashes of its granules at the destination, or NULL.
 * @runs has room for DMM_COPY_UNIT_GRANULES.  Returns how many.
 */
unsigned int dmm_copy_cut(const void *buf, u32 bytes, const u8 *theirs, enum dmm_copy_zeros zeros,
			  struct dmm_copy_run *runs);

#endif
