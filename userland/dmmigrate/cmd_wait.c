// SPDX-License-Identifier: GPL-2.0
/*
 * wait: until the first sweep is done and a cutover may be expected to be short.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <json-c/json.h>

#include "commands.h"
#include "monitor.h"

static const struct dmm_option wait_options[] = {
	DMM_OPTION("timeout", TIME, timeout_ms, "TIME", "give up after so long, exit code 7"),
	DMM_OPTION("max-pause", MS, max_pause_ms, "MS",
		   "what is left must ship in so long (default 1000)"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static int cmd_wait(struct dmm_tool *t)
{
	struct dmm_monitor m = { .until_ready = true, .timeout_ms = t->args.timeout_ms, .patience_ms = DMM_UNSET,
				 .max_pause_ms = DMM_READY_PAUSE_MS,
				 .interval_ms = DMM_MONITOR_INTERVAL_MS };
	enum dmm_monitor_end end;
	struct dmm_group g;
	const char *spec;
	int ret;

	if (t->args.max_pause_ms != DMM_UNSET)
		m.max_pause_ms = t->args.max_pause_ms;
	/* for scripts: a progress line is for people who look */
	m.quiet = t->args.json || !isatty(STDOUT_FILENO);
	spec = dmm_source_spec(t, &ret);
	if (!spec)
		return ret;
	ret = dmm_group_open_migration(t, spec, &g);
	if (ret)
		goto out_clear;
	dmm_signals_block();
	end = dmm_monitor_run(t, &g, &m);
	if (end == DMM_MON_READY)
		dmm_say(t, "%s is ready to be cut over.", t->source);
	ret = dmm_monitor_report(t, &m, end);
	dmm_result_bool(t, "ready", end == DMM_MON_READY || end == DMM_MON_RELEASED);
	if (m.disks && end != DMM_MON_ERROR && end != DMM_MON_GONE) {
		dmm_result_add(t, "migration_status", json_object_get(json_object_array_get_idx(m.disks, g.named)));
		dmm_result_add(t, "disks", json_object_get(m.disks));
	}
out_clear:
	dmm_monitor_clear(&m);
	dmm_group_clear(&g);
	return ret;
}

const struct dmm_verb dmm_verb_wait = {
	.name = "wait",
	.operands = "[SOURCE]",
	.brief = "wait until the first sweep is done and little is left to ship\n\n"
		 "Of all disks of the migration, whichever is named.",
	.options = wait_options,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_wait,
};
