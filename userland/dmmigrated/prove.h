/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Does a destination still have what it was given?  Reads it back, past the page cache, and compares with the
 * table of what was received (proof.h).  A difference is an error of the disk like one of a write: it fails, for good
 * (DMM_WERR_DIFFERS), its data connections say so to the source, and it is never handed over.
 */
#ifndef DMM_PROVE_H
#define DMM_PROVE_H

#include "disk.h"

/* The sample of a hand-over, for which a guest stands still. */
#define DMM_SAMPLE_READS	32u
#define DMM_SAMPLE_RECENT	16u	/* of these, frames that came last */
#define DMM_SAMPLE_MS		200u	/* nothing more is begun after so long */

enum dmm_sample_state {
	DMM_SAMPLE_MISSING,	/* begun by this very call: the caller takes it */
	DMM_SAMPLE_UNDER_WAY,
	DMM_SAMPLE_TAKEN,
};

/*
 * The disk was flushed to @barrier of @conn_epoch and has not changed since: was the sample of that taken?
 * MISSING: the caller has to call dmm_disk_sample() and is the only one who does.
 * Context: any thread; does not block.
 */
enum dmm_sample_state dmm_disk_sample_state(struct dmm_disk *d, u64 conn_epoch, u64 barrier);

/* The caller cannot take it. */
void dmm_disk_sample_drop(struct dmm_disk *d);

/*
 * Judges what the source has read (dmm_proof_differs()), reads back frames that came last, and known extents by chance.
 * 0: nothing differs.  Else the disk has failed, or it is one that is not read now (-errno).
 * Context: any thread; blocks as long as reading does, and begins nothing once @stop_fd is readable.
 */
int dmm_disk_sample(struct dmm_disk *d, int stop_fd);

/* What is said of an extent that was read back. */
struct dmm_proved {
	u32 generation;
	u32 crc;		/* as people know it; 0 with BUSY */
	enum dmm_wire_proved state;
};

/*
 * Reads @nr extents from number @first on, which are on the disk, or (@read false) only tells their generations.
 * 0, or -errno with @r filled; then, where it differs, the disk has failed.
 * Context: as above; waits for its turn among the digests.
 */
int dmm_disk_prove(struct dmm_disk *d, u64 first, u32 nr, bool read, int stop_fd, struct dmm_proved *out,
		   struct dmm_refusal *r);

/*
 * The source has read this crc (as people know it) of extent @i, after it had heard of @generation; remembered where it
 * differs and nothing was written since.  Says whether it was.  Any thread.
 */
bool dmm_disk_compare(struct dmm_disk *d, u64 i, u32 generation, u32 crc);

/* The source has shipped all that it had not when it read: does anything differ?  The disk has failed then. */
int dmm_disk_judge(struct dmm_disk *d, struct dmm_refusal *r);

#endif
