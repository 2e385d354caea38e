// SPDX-License-Identifier: GPL-2.0
/*
 * watch: one status line, redrawn; plain lines when piped; JSON lines with --json.
 */
#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "commands.h"
#include "monitor.h"

static const struct dmm_option watch_options[] = {
	DMM_OPTION("interval", TIME, interval_ms, "TIME", "between two looks (default 1s)"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static int cmd_watch(struct dmm_tool *t)
{
	struct dmm_monitor m = { .timeout_ms = DMM_UNSET, .interval_ms = DMM_MONITOR_INTERVAL_MS };
	enum dmm_monitor_end end;
	struct dmm_group g;
	const char *spec;
	int ret;

	if (t->args.interval_ms != DMM_UNSET)
		m.interval_ms = t->args.interval_ms;
	if (m.interval_ms < 100 || m.interval_ms > 3600000)
		return dmm_usage(t, "--interval must be between 100ms and 1h");
	spec = dmm_source_spec(t, &ret);
	if (!spec)
		return ret;
	ret = dmm_group_open_migration(t, spec, &g);
	if (ret)
		goto out_clear;
	dmm_signals_block();
	end = dmm_monitor_run(t, &g, &m);
	if (end == DMM_MON_INTERRUPTED)
		dmm_say(t, "The migration goes on.");
	else if (end == DMM_MON_RELEASED)
		dmm_say(t, "Cut over: the destination owns the data.");
	else
		ret = dmm_monitor_report(t, &m, end);
	/* the last JSON line says how it ended; a failure has its own */
	t->result_printed = !ret;
out_clear:
	dmm_monitor_clear(&m);
	dmm_group_clear(&g);
	return ret;
}

const struct dmm_verb dmm_verb_watch = {
	.name = "watch",
	.operands = "[SOURCE]",
	.brief = "show the progress until Ctrl-C or the end of the migration\n\n"
		 "Of all its disks together, whichever is named.",
	.options = watch_options,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_watch,
};
