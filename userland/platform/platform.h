/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A toolstack, as a hand-over sees it: who stops the writer here and starts it there.  doc/platforms.rst tells how to write one.
 *
 *	stop -> (the disks change hands) -> release -> (the gates open) -> run -> end
 *	  any of them fails, and the disks are the source's again: abort -> end
 *
 * All of it in one thread, in this order.  Each takes as long as it takes, but no longer than it says; signals are blocked, and an
 * implementation that waits looks at dmm_signal_seen().
 */
#ifndef DMM_PLATFORM_H
#define DMM_PLATFORM_H

#include "core/env.h"
#include "dmmigrate/group.h"
#include "dmmigrate/tool.h"

struct dmm_platform;

/* What became of the writer at the destination. */
enum dmm_platform_run {
	DMM_RUN_RUNS,
	DMM_RUN_NOT,		/* it does not, has not written anything, and will not */
	DMM_RUN_UNKNOWN,
};

struct dmm_platform_ops {
	const char *stop_name, *run_name;	/* what reports call the two steps; NULL: that step does nothing */

	/* The writer stands still here, and can go on here or there.  0, or -errno with p->why; -ETIME: too much is left of its disks. */
	int (*stop)(struct dmm_platform *p);

	/*
	 * The destination owns the disks, and nobody can write yet: is the writer there, and may it run?  0, or -errno with p->why:
	 * it will not.  Never called again after a failure.
	 */
	int (*release)(struct dmm_platform *p);

	/* The gates are open.  Anything but RUNS with p->why. */
	enum dmm_platform_run (*run)(struct dmm_platform *p);

	/* After stop() was begun: the disks are the source's, the writer goes on here.  0, or -errno with p->why: somebody has to look. */
	int (*abort)(struct dmm_platform *p);

	/* Of either end, always the last; frees what stop() and the rest have made. */
	void (*end)(struct dmm_platform *p);

	/* The writer itself moves: one that stands still has the disks open, and run() is nothing without the stop() before it. */
	bool moves_writer;
};

struct dmm_platform {
	const struct dmm_platform_ops *ops;
	struct dmm_tool *t;
	const struct dmm_group *g;	/* borrowed; set by the hand-over, before stop() */
	u64 stopped_ns;			/* set by stop(), CLOCK_MONOTONIC: when the writer stood still; 0: when it was called */
	const char *guest;		/* of one that moves its writer: the toolstack's name of it; borrowed */
	char why[256];
};

/* The admin's own commands, --hook-stop and the rest: what is not given does nothing.  *p is the caller's. */
void dmm_platform_hook(struct dmm_platform *p, struct dmm_tool *t);

#endif
