/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When a guest's memory may follow its disks: what is left of these is to fit into the pause, or it waits, for a while.
 */
#ifndef DMM_PACE_H
#define DMM_PACE_H

#include "group.h"
#include "progress.h"
#include "tool.h"

#define DMM_PACE_TEXT	288

enum dmm_pace_verdict {
	DMM_PACE_GO,
	DMM_PACE_WAIT,
	DMM_PACE_OVER,		/* it has waited long enough */
};

/* Owned by one thread; zeroed but for the first two is valid. */
struct dmm_pace {
	u64 max_pause_ms;
	u64 patience_ms;	/* DMM_UNSET: for ever */
	u64 over_ms;		/* since when too much is left; 0: it is not */
	struct dmm_progress progress;
	struct dmm_figures figures;	/* of all disks together, of the last dmm_pace_look() */
};

/* By these figures, of @now_ms. */
enum dmm_pace_verdict dmm_pace_judge(struct dmm_pace *p, const struct dmm_figures *f, u64 now_ms);

/* By what the kernel says now of all disks.  One that does not copy is for others to speak of: GO. */
enum dmm_pace_verdict dmm_pace_look(struct dmm_pace *p, struct dmm_tool *t, const struct dmm_group *g);

/* "the guest makes 3.1 MiB/s of its disks dirty, ..." Returns @buf (DMM_PACE_TEXT). */
const char *dmm_pace_text(char *buf, const struct dmm_figures *f, u64 max_pause_ms);

/* dmm_next() for the dmm_fail() that follows OVER. */
void dmm_pace_remedies(struct dmm_tool *t);

#endif
