/* SPDX-License-Identifier: GPL-2.0 */
/*
 * plan: what the guest writes, how fast it would be copied, and what follows from these.
 */
#ifndef DMM_PLAN_H
#define DMM_PLAN_H

#include "preflight.h"
#include "remote.h"
#include "source.h"
#include "tool.h"

#define DMM_PLAN_SAMPLES	32u

/* Distinct bytes written since tracking began, at increasing times. */
struct dmm_plan_curve {
	unsigned int nr;
	struct {
		u64 ms;
		u64 bytes;
	} at[DMM_PLAN_SAMPLES];
	u64 size_bytes;			/* it never becomes more */
};

/* By the curve @ms after tracking began; beyond what was seen it grows as in its second half. */
u64 dmm_plan_written(const struct dmm_plan_curve *c, u64 ms);
/* How fast it grows in the end, bytes per second. */
u64 dmm_plan_slope(const struct dmm_plan_curve *c);

struct dmm_plan_estimate {
	bool converges;		/* what is left at the end is copied within the pause that is allowed */
	u64 copy_ms;		/* until then; of one that does not converge: of the first pass */
	u64 sent_bytes;		/* until then, at most: zeros are not */
	u64 left_bytes;		/* at the end */
	u64 pause_ms;		/* to copy that: of the disks, without the VM's memory */
	unsigned int passes;
};

/* @size_bytes are copied with @copy_bps (not 0) while @c is written. */
void dmm_plan_estimate(const struct dmm_plan_curve *c, u64 size_bytes, u64 copy_bps, u64 max_pause_ms, struct dmm_plan_estimate *e);

/* --- measuring --- */

struct dmm_plan_disk {
	struct dmm_source s;
	char spec[DMM_PATH_MAX];	/* what names it */
	struct dmm_target to;		/* its path may be "": not measured there */
	struct dmm_preflight pre;
	bool opened, attached;
	u64 read_bps;			/* 0: not known */
	u64 dest_bps;			/* the same */
	struct dmm_plan_curve curve;
};

/* Attaches and tracks them all, for @ms, and puts everything back, whatever happens. 0 or an exit code, reported. */
int dmm_plan_track(struct dmm_tool *t, struct dmm_plan_disk *disks, unsigned int nr, u64 ms);

/* How fast @d is read here. 0 or an exit code, reported. */
int dmm_plan_read(struct dmm_tool *t, struct dmm_plan_disk *d);

/* By one connection: what it carries, and its round trip. 0, or -errno with @r's why. */
int dmm_plan_link(struct dmm_remote *r, u64 *bps, u64 *rtt_ns);

#endif
