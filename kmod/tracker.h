/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The tracker: marks blocks from the bio path and counts the bios that modify
 * data.  Invariants 1, 2 and 8 of doc/design.rst live here.
 */
#ifndef DMM_TRACKER_H
#define DMM_TRACKER_H

#include <linux/percpu.h>

#include <dmmigrate/uapi.h>

#include "core/bitmap.h"

/* Much memory at once: fail rather than call the OOM killer upon dom0's toolstack. */
#define DMM_GFP_BULK	(GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/* Per-CPU counters, summed on demand: an increment costs no locked instruction. */
struct dmm_tracker_counts {
	unsigned long submitted;	/* bios that modify data, passed to the origin */
	unsigned long completed;
	u64 bytes;			/* that the submitted ones were about */
	unsigned long reads;
	unsigned long alerts;		/* bios of a kind that is not on the list */
	unsigned long failed_reads;	/* not admitted */
	unsigned long failed_writes;	/* the same of flushes and what modifies */
	unsigned long passed;		/* a gate's: bios that went on to the origin */
	unsigned long returned;		/* of these, the ended ones */
	unsigned long redirtied;	/* clean blocks that a guest write made dirty */
};

/*
 * How long the guest's I/O takes, from the origin's being given it to the guest's being told:
 * bucket 0 is below 1 us, bucket n from 2^(n-1) us on.  One in DMM_LATENCY_SAMPLE is timed.
 */
struct dmm_latency {
	u64 reads[DMM_LATENCY_BUCKETS];
	u64 writes[DMM_LATENCY_BUCKETS];
};

struct dmm_tracker {
	/* constant after dmm_tracker_init() */
	struct dmm_bitmap bitmap;
	struct dmm_tracker_counts __percpu *counts;
	struct dmm_latency __percpu *latency;
	dev_t dev;			/* for the traces; set by the creator */
	u64 size_bytes;
	unsigned int block_shift;	/* log2 of bytes */
	/* written by START and STOP, read by map() and end_io() without a lock */
	bool armed;
};

/* What end_io() must know of a bio; lives in dm's per-bio data. */
struct dmm_tracked_io {
	u64 first_block;
	u64 begin_ns;		/* when .timed */
	u32 nr_blocks;
	bool counted;
	bool timed;
	bool gated;		/* counted as passed */
};

/**
 * dmm_tracker_init() - Allocate bitmap and counters.
 * @t: zeroed.
 * @size_bytes: of the device.
 * @block_shift: 12 to 20.
 * @bitmap: without one it is never armed.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int dmm_tracker_init(struct dmm_tracker *t, u64 size_bytes, unsigned int block_shift, bool bitmap);
/* Context: process.  Accepts a zeroed or half-built tracker. */
void dmm_tracker_exit(struct dmm_tracker *t);
/* Bytes of memory that the bitmap of such a device takes. */
u64 dmm_tracker_bytes(u64 size_bytes, unsigned int block_shift);

/*
 * Count and mark a bio that modifies [@off_bytes, + @len_bytes), before it goes to the
 * origin.  Context: any; the caller is in an RCU read-side section or
 * holds dmm_migration.lock, see admit.c.
 */
void dmm_tracker_submit(struct dmm_tracker *t, struct dmm_tracked_io *io,
			u64 off_bytes, u64 len_bytes);
/*
 * Mark again and count the completion, before the guest is told.  Context: any.
 */
void dmm_tracker_complete(struct dmm_tracker *t, struct dmm_tracked_io *io);
/* Count a read, before it goes to the origin.  Context: any. */
void dmm_tracker_read(struct dmm_tracker *t, struct dmm_tracked_io *io);
/* The end of one that is .timed, a write that is .counted still or a read.  Context: any. */
void dmm_tracker_time(struct dmm_tracker *t, const struct dmm_tracked_io *io);

/* Mark as a write would; reschedules.  Context: process. */
void dmm_tracker_mark(struct dmm_tracker *t, u64 first, u64 nr);
/*
 * From now on every write marks.  Then everything is marked or, without @all, nothing but by writes: what is read of
 * the origin afterwards has every write that did not mark.  Context: process, may sleep; nobody takes bits.
 */
void dmm_tracker_arm(struct dmm_tracker *t, bool all);
/* Context: process. */
void dmm_tracker_disarm(struct dmm_tracker *t);

/*
 * True when every counted bio has completed.  Stable only while no new one can
 * be counted (admit.c).  A completed bio's second mark is visible to the caller afterwards.
 */
bool dmm_tracker_drained(const struct dmm_tracker *t);
void dmm_tracker_sum(const struct dmm_tracker *t, struct dmm_tracker_counts *sum);
void dmm_tracker_latency(const struct dmm_tracker *t, struct dmm_latency *sum);

static inline u64 dmm_tracker_dirty(const struct dmm_tracker *t)
{
	return READ_ONCE(t->armed) ? dmm_bitmap_dirty(&t->bitmap) : 0;
}

#endif
