/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The comparison of both sides of a live disk whose bitmap was lost: between COMPARE and COMPARED.
 */
#ifndef DMM_START_COMPARE_H
#define DMM_START_COMPARE_H

#include "dm.h"
#include "parse.h"
#include "tool.h"

struct dmm_start_compare {
	/* the caller's; borrowed */
	u64 dev;			/* the live device, dmm_nl_dev(), in COMPARING */
	const struct dmm_dm_dev *origin;
	u64 size_bytes;			/* of the disk */
	const struct dmm_target *to;
	u8 id[DMM_ID_BYTES];
	u32 disk;
	u8 instance[DMM_ID_BYTES];	/* of the receiver that has the data connections, and */
	u64 conn_epoch;			/* their epoch */
	u32 conns;			/* how many, at most, to ask by */
	/* the result, after a failure too */
	u64 done_bytes;
	u64 differing_bytes;
	u64 hash_bytes;			/* fetched */
	enum dmm_exit exit;		/* after a failure, with why */
	char why[768];
};

/*
 * Reads the origin, has the receiver hash its disk, MARKs what differs, in the end says COMPARED.  Shows progress.
 * After a failure, Ctrl-C (DMM_EXIT_ABORTED) among them, the disk is COMPARING still, or the kernel has begun to count all
 * of it as dirty; it can be done again.  Context: main thread, signals blocked, the device's lock held.
 * Returns 0 or the exit code, not reported: see why.
 */
int dmm_start_compare(struct dmm_tool *t, struct dmm_start_compare *c);

#endif
