/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between cmd_cutover.c, cutover_steps.c and cutover_report.c: one hand-over and what it took.
 */
#ifndef DMM_CUTOVER_H
#define DMM_CUTOVER_H

#include "remote.h"
#include "source.h"
#include "tool.h"
#include "verify.h"

enum dmm_step {
	DMM_STEP_STOP,		/* hook */
	DMM_STEP_VERIFY,
	DMM_STEP_COMMIT,
	DMM_STEP_FINISH,
	DMM_STEP_START,		/* hook */
	DMM_STEP_RELEASE,
	DMM_NR_STEPS,
};

struct dmm_cutover {
	struct dmm_source s;
	struct dmm_nl_info info;	/* the latest */
	struct dmm_remote remote;
	struct dmm_verify verify;
	u64 epoch;
	u32 timeout_ms;
	int hold_fd;			/* a stop hook must not remove the device; -1 */
	bool stopped;			/* the stop hook was begun */
	bool frozen_asked;
	bool again;			/* found committed: only what remained was done */
	bool started;			/* an earlier run may have started the writer there */
	bool forgotten;			/* the receiver does not know the disk, nor can it be checked */
	u64 device_bytes;		/* written to the live device, by sysfs, before the hold */
	u64 begin_ns, freeze_ns, frozen_ns, end_ns;
	u64 step_ns[DMM_NR_STEPS];
	char why[768];
};

/* cmd_cutover.c */

/*
 * Checks, flushes, runs the stop hook.  0, or an exit code, reported: the source goes on.  Sets c->hold_fd.
 */
int dmm_cutover_stop_writer(struct dmm_tool *t, struct dmm_cutover *c);

/* Everything before the source is given up ends here: it goes on, the abort hook is run. Returns @code, reported. */
int dmm_cutover_abort(struct dmm_tool *t, struct dmm_cutover *c, enum dmm_exit code);

/* cutover_group.c */

/* The hand-over of a migration whose ownership is in the daemons' journals. Exit code, reported. */
int dmm_cutover_group(struct dmm_tool *t, struct dmm_cutover *c);

/* cutover_steps.c */

/* What must hold before the writer is stopped. 0 or an exit code, reported. */
int dmm_cutover_check(struct dmm_tool *t, struct dmm_cutover *c);

/* FREEZE, and waits for its end. 0 or an exit code with c->why. */
int dmm_cutover_freeze(struct dmm_tool *t, struct dmm_cutover *c, struct dmm_nl_events *ev);

/* Looks at where the freeze is: 0 frozen, -EINPROGRESS, or why it ended. */
int dmm_cutover_look(struct dmm_tool *t, struct dmm_cutover *c);

/* COMMIT: from here on everything is held. 0, or an exit code with c->why; AMBIGUOUS when nobody knows. */
int dmm_cutover_commit(struct dmm_tool *t, struct dmm_cutover *c);

/* RELEASE: the source's end. 0, or an exit code with c->why. */
int dmm_cutover_release(struct dmm_tool *t, struct dmm_cutover *c);

/*
 * Closes the kernel's connections, then FINISH; that one may have been idle for long: once more on a new
 * one.  A receiver that was restarted knows the disk no more, and needs not: the barrier before the
 * commit flushed all of it.
 * But somebody may have the destination by now: then that is an error.
 * 0 or an exit code with c->why.
 */
int dmm_cutover_finish(struct dmm_tool *t, struct dmm_cutover *c);

/* cutover_report.c */

/*
 * Compares the sides, going on where it was left, until @deadline_ns (0: to the end).  Not getting to
 * the end is no failure.  0 or an exit code with c->why.
 */
int dmm_cutover_verify(struct dmm_tool *t, struct dmm_cutover *c, u64 deadline_ns, u32 range_bytes);

/* The pause by step, for people and machines. */
void dmm_cutover_report(struct dmm_tool *t, const struct dmm_cutover *c);

#endif
