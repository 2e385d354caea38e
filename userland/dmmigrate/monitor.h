/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Staying with a running migration: samples, the progress line, and the end.
 */
#ifndef DMM_MONITOR_H
#define DMM_MONITOR_H

#include "nl.h"
#include "group.h"
#include "progress.h"
#include "tool.h"

enum dmm_monitor_end {
	DMM_MON_READY,		/* swept, and little is left (only when asked to end there) */
	DMM_MON_RELEASED,
	DMM_MON_IDLE,		/* stopped by somebody */
	DMM_MON_STOPPING,	/* stopped, the source's disk owes a read, for seconds */
	DMM_MON_SLOW,		/* swept, and too much is left, for longer than it may (only when asked to end there) */
	DMM_MON_PAUSED,		/* it will not become ready (only when asked to end there) */
	DMM_MON_FAILED,
	DMM_MON_DISCONNECTED,
	DMM_MON_TIMEOUT,
	DMM_MON_INTERRUPTED,	/* Ctrl-C */
	DMM_MON_GONE,		/* the device has no migrate target any more */
	DMM_MON_ERROR,		/* the kernel does not answer: errno in err */
};

struct dmm_monitor {
	bool until_ready;
	bool quiet;		/* no progress lines */
	u64 max_pause_ms;	/* what counts as little */
	u64 patience_ms;	/* how long more than that may be left after the first sweep; DMM_UNSET: for ever */
	u64 timeout_ms;		/* DMM_UNSET: none */
	u64 interval_ms;
	/* results */
	int err;
	bool seen;		/* info was read at least once */
	struct dmm_nl_info info;	/* the last one, of the disk that the end is about */
	struct dmm_figures figures;	/* of all disks together */
	struct json_object *disks;	/* the last status of each, for --json; owned, see dmm_monitor_clear() */
};

#define DMM_MONITOR_INTERVAL_MS	1000
#define DMM_READY_PAUSE_MS	1000

/*
 * Of all disks of a migration together: it is ready when all are.  When it ends for one of them, t->source is that one.
 * Context: signals blocked (dmm_signals_block()).
 */
enum dmm_monitor_end dmm_monitor_run(struct dmm_tool *t, const struct dmm_group *g, struct dmm_monitor *m);
void dmm_monitor_clear(struct dmm_monitor *m);

/*
 * One look at all of them, which is added to @p.  @infos has g->nr.  0, or an exit code, reported.
 */
int dmm_monitor_look(struct dmm_tool *t, const struct dmm_group *g, struct dmm_nl_info *infos,
		     struct dmm_progress *p, struct dmm_figures *f);

/* Reports any end but READY and RELEASED as a failure: its exit code. */
int dmm_monitor_report(struct dmm_tool *t, const struct dmm_monitor *m, enum dmm_monitor_end end);

void dmm_sample_from_info(const struct dmm_nl_info *info, u64 now_ns, struct dmm_sample *s);

#endif
