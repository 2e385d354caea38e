/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between cmd_cutover.c and cutover_*.c: one hand-over and what it took.
 */
#ifndef DMM_CUTOVER_H
#define DMM_CUTOVER_H

#include "cutover_prove.h"
#include "group.h"
#include "platform/platform.h"
#include "remote.h"
#include "source.h"
#include "tool.h"
#include "verify.h"

#define DMM_CUTOVER_FREEZE_MS	5000u	/* unless somebody says */

enum dmm_step {
	DMM_STEP_STOP,		/* the platform's */
	DMM_STEP_GIVE_UP,	/* freeze, commit, journal */
	DMM_STEP_OWN,		/* the destination's journal */
	DMM_STEP_VERIFY,
	DMM_STEP_START,		/* the platform's */
	DMM_STEP_RELEASE,
	DMM_NR_STEPS,
};

struct dmm_cutover {
	struct dmm_group g;		/* all disks; of a guest without one that moves none, and disks[0] has but its record */
	struct dmm_platform *p;		/* borrowed */
	struct dmm_source *s;		/* the one that was named: for messages, and where it goes */
	struct dmm_nl_info *infos;	/* owned, of each disk: the latest */
	int *hold_fds;			/* owned, of each disk: a stop hook must not remove the device; -1 */
	struct dmm_remote remote;
	struct dmm_verify verify;
	struct dmm_proof_result proof;
	u32 timeout_ms;
	bool stopped;			/* p->stop was called */
	bool again;			/* found given up: only what remained was done */
	u64 begin_ns, end_ns;
	u64 step_ns[DMM_NR_STEPS];
	char why[768];
};

/* How what is handed over is used: at the source again; while nobody has it.  Without disks nothing is attached, or held. */
static inline enum dmm_use dmm_cutover_use(const struct dmm_cutover *c, enum dmm_use use)
{
	if (c->g.nr)
		return use;
	return use == DMM_USE_ATTACHED ? DMM_USE_UNCHANGED : DMM_USE_UNKNOWN;
}

/* cmd_cutover.c */

/* All of `cutover SOURCE` with @p, which is ended.  Exit code, reported. */
int dmm_cutover_run(struct dmm_tool *t, struct dmm_platform *p);

/* Checks, flushes, stops the writer.  0, or an exit code, reported: the source goes on.  Sets c->hold_fds. */
int dmm_cutover_stop_writer(struct dmm_tool *t, struct dmm_cutover *c);

/* Everything before the source is given up ends here: it goes on, and so does the writer. Returns @code, reported. */
int dmm_cutover_abort(struct dmm_tool *t, struct dmm_cutover *c, enum dmm_exit code);

/* cutover_hand_over.c */

/* From wherever the journals say that it is, to its end. Exit code, reported. */
int dmm_cutover_hand_over(struct dmm_tool *t, struct dmm_cutover *c);

/* cutover_check.c */

/* What must hold before the writer is stopped. 0 or an exit code, reported. */
int dmm_cutover_check(struct dmm_tool *t, struct dmm_cutover *c);

/* cutover_report.c */

/* Compares the sides, whose gates are shut. 0 or an exit code with c->why. */
int dmm_cutover_verify(struct dmm_tool *t, struct dmm_cutover *c);

/* The pause by step, for people and machines. */
void dmm_cutover_report(struct dmm_tool *t, const struct dmm_cutover *c);

#endif
