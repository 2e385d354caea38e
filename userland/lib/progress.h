/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From the kernel's counters to what people read: phase, per cent, rates,
 * remaining bytes, ETA, projected pause.  Pure: the caller gives samples with
 * their time (CLOCK_MONOTONIC, as the kernel's DMM_A_START_NS).
 *
 * The percentage is that of the first sweep, which never runs backwards, scaled
 * to 0..99; the last per cent is the hand-over (100 only once released).  So two
 * invocations that know nothing of each other never show less than before.
 */
#ifndef DMM_LIB_PROGRESS_H
#define DMM_LIB_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/env.h"
#include <dmmigrate/uapi.h>

#define DMM_PROGRESS_SAMPLES	16
#define DMM_PROGRESS_WINDOW_NS	5000000000ull

struct dmm_sample {
	u64 now_ns;		/* 0: nothing was added yet */
	u64 start_ns;		/* of START; 0 = not started */
	u32 state;		/* enum dmm_state */
	u32 block_bytes;
	u64 size_bytes;
	u64 sweep_blocks;
	u64 dirty_blocks;
	u64 inflight_bytes;
	u64 acked_bytes;
	u64 zero_bytes;		/* of these, what cost no more than a header */
	u64 redirtied_blocks;
	u64 speed_bps;		/* what the kernel saw the links carry, 0 = unknown */
};

enum dmm_eta {
	DMM_ETA_KNOWN,		/* eta_ms */
	DMM_ETA_UNKNOWN,	/* too early to tell */
	DMM_ETA_NOT_CONVERGING,	/* dirtied at least as fast as shipped */
	DMM_ETA_NONE,		/* nothing is under way */
};

struct dmm_figures {
	const char *phase;
	u32 percent_x100;	/* 0..10000 */
	u64 ship_bps;		/* acknowledged by the receiver, bytes per second */
	u64 dirty_bps;		/* clean blocks made dirty by the guest */
	bool rates_known;	/* both are of a time that is long enough to say something */
	u64 remaining_bytes;
	enum dmm_eta eta;
	u64 eta_ms;
	bool sweep_done;
	bool pause_known;
	u64 pause_ms;		/* projected: to ship what is left at the best rate seen, here or there */
};

/* Owned by one thread; zeroed is valid. */
struct dmm_progress {
	struct dmm_sample ring[DMM_PROGRESS_SAMPLES];
	unsigned int nr;
	unsigned int head;	/* of the next one */
	u32 percent_x100;
	u64 best_bps;		/* seen while at least half of what was shipped was data */
	u64 best_any_bps;	/* seen at all: zeros cost reading, not the link */
};

/*
 * Adds @one to @sum, which is zeroed before the first, for all disks of a migration together: in blocks of the smallest
 * size, in the state that is furthest from the end.  Both of the same time.
 */
void dmm_sample_add(struct dmm_sample *sum, const struct dmm_sample *one);

/* Takes a sample and computes the figures.  A new START begins anew. */
void dmm_progress_add(struct dmm_progress *p, const struct dmm_sample *s, struct dmm_figures *f);

/*
 * May the cutover be expected to be short?  The first sweep is done and what is left ships
 * within @max_pause_ms, or is less than a MiB.
 */
bool dmm_progress_ready(const struct dmm_figures *f, u64 max_pause_ms);

/* "1.5 GiB" (or "1.5 GiB/s" with @unit "/s"); "0:01:30". Return @buf. */
char *dmm_format_bytes(char *buf, size_t size, u64 bytes, const char *unit);
char *dmm_format_eta(char *buf, size_t size, const struct dmm_figures *f);

/*
 * The latency that @percent of the samples in a histogram of the kernel's (uapi.h) do not exceed, as
 * "64 us" or "8 ms", "-" where there are none.  An upper bound: buckets double.
 */
char *dmm_format_latency(char *buf, size_t size, const u64 *buckets, unsigned int percent);

/* "sweep 45.2%  112.3 MiB/s  dirty 3.1 MiB/s  remaining 5.2 GiB  ETA 0:00:47  pause ~120 ms" */
char *dmm_format_progress(char *buf, size_t size, const struct dmm_figures *f);

#endif
