/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The comparison of both sides of a live disk whose bitmap was lost: between COMPARE and COMPARED.
 */
#ifndef DMM_START_COMPARE_H
#define DMM_START_COMPARE_H

#include "dm.h"
#include "parse.h"
#include "tool.h"

struct dmm_start_compare_work;

struct dmm_start_compare {
	/* the caller's; borrowed; constant but for instance and conn_epoch, between two runs */
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
	char why[768];			/* of a failure */
	bool lost;			/* a failure that is one of the link: worth another run */

	struct dmm_start_compare_work *work;	/* from open to close; private */
};

/* All: context is the main thread, signals blocked, the device's lock held. Return 0 or the exit code, not reported: see why. */

/* Readers of the origin.  To be closed even after a failure. */
int dmm_start_compare_open(struct dmm_tool *t, struct dmm_start_compare *c);
void dmm_start_compare_close(struct dmm_start_compare *c);

/*
 * Reads the origin, has the receiver hash its disk, MARKs what differs, in the end says COMPARED.  Shows progress.
 * After a failure, Ctrl-C (DMM_EXIT_ABORTED) among them, the disk is COMPARING still, or the kernel has begun to count all
 * of it as dirty; once it is COMPARING again the next run goes on, with what the one before has not compared.
 */
int dmm_start_compare_run(struct dmm_tool *t, struct dmm_start_compare *c);
/* What was compared says nothing any more: the next run begins at the beginning. */
void dmm_start_compare_restart(struct dmm_start_compare *c);

#endif
