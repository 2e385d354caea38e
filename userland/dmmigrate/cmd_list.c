// SPDX-License-Identifier: GPL-2.0
/*
 * list: a line per migration on this host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <libsmartcols.h>

#include "cleanup.h"
#include "commands.h"
#include "core/state.h"
#include "dest_part.h"
#include "fullio.h"
#include "lost_commit.h"
#include "monitor.h"
#include "owners.h"
#include "source.h"
#include "status_json.h"

static const struct dmm_option list_options[] = {
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

enum { COL_SOURCE, COL_STATE, COL_PERCENT, COL_RATE, COL_DIRTY, COL_LEFT, COL_ETA, COL_DEST };

static struct libscols_table *list_table(void)
{
	static const struct { const char *name; int flags; } cols[] = {
		{ "SOURCE", 0 }, { "STATE", 0 }, { "%", SCOLS_FL_RIGHT }, { "RATE", SCOLS_FL_RIGHT },
		{ "DIRTIED", SCOLS_FL_RIGHT }, { "REMAINING", SCOLS_FL_RIGHT },
		{ "ETA", SCOLS_FL_RIGHT }, { "DESTINATION", 0 },
	};
	struct libscols_table *tb;
	size_t i;

	scols_init_debug(0);
	tb = scols_new_table();
	for (i = 0; tb && i < sizeof(cols) / sizeof(cols[0]); i++)
		scols_table_new_column(tb, cols[i].name, 0, cols[i].flags);
	return tb;
}

static int list_row(struct libscols_table *tb, const char *source, const struct dmm_nl_info *info,
		    const struct dmm_figures *f, const struct dmm_record *rec)
{
	struct libscols_line *ln = scols_table_new_line(tb, NULL);
	char buf[DMM_HOST_MAX + DMM_PATH_MAX + 16];
	struct dmm_vdi v;

	if (!ln)
		return -ENOMEM;
	scols_line_set_data(ln, COL_SOURCE, source);
	scols_line_set_data(ln, COL_STATE, dmm_state_name(info->state));
	snprintf(buf, sizeof(buf), "%u.%u", f->percent_x100 / 100, f->percent_x100 / 10 % 10);
	scols_line_set_data(ln, COL_PERCENT, buf);
	scols_line_set_data(ln, COL_RATE, dmm_format_bytes(buf, sizeof(buf), f->ship_bps, "/s"));
	scols_line_set_data(ln, COL_DIRTY, dmm_format_bytes(buf, sizeof(buf), f->dirty_bps, "/s"));
	scols_line_set_data(ln, COL_LEFT,
			    dmm_format_bytes(buf, sizeof(buf), f->remaining_bytes, ""));
	scols_line_set_data(ln, COL_ETA, dmm_format_eta(buf, sizeof(buf), f));
	if (rec)
		snprintf(buf, sizeof(buf), "%s:%s", rec->to.host, rec->to.path);
	else if (!dmm_vdi_find(DMM_VDI_DIR, source, NULL, &v))
		snprintf(buf, sizeof(buf), "%s", v.dest);
	else
		snprintf(buf, sizeof(buf), "?");
	scols_line_set_data(ln, COL_DEST, buf);
	return 0;
}

static int list_one(struct dmm_tool *t, const struct dmm_nl_info *info,
		    struct libscols_table *tb, struct json_object *list)
{
	struct dmm_progress p = { 0 };
	struct dmm_record rec = { 0 };
	struct dmm_figures f;
	struct dmm_sample sample;
	struct dmm_dm_dev dev;
	bool has_record;
	int ret;

	if (dmm_dm_find_number(info->dev >> 20, info->dev & 0xfffff, &dev))
		return 0;	/* gone since */
	has_record = !dmm_record_load(DMM_RUN_DIR, info->migration, info->disk, &rec);
	dmm_sample_from_info(info, dmm_now_ns(), &sample);
	dmm_progress_add(&p, &sample, &f);
	json_object_array_add(list, dmm_status_json(info, &f, dev.name, has_record ? &rec : NULL,
					    t->args.json ? dmm_owners_owner(t, info->migration, info->state) :
							   DMM_OWNER_UNKNOWN));
	ret = list_row(tb, dev.name, info, &f, has_record ? &rec : NULL);
	dmm_record_clear(&rec);
	return ret;
}

/* What this host is the destination of. 0 or an exit code, reported. */
static int list_parts(struct dmm_tool *t, bool *any)
{
	struct json_object *list = json_object_new_array();
	dmm_autofree struct dmm_dest_part *parts = NULL;
	unsigned int nr, i;
	int ret;

	dmm_result_add(t, "destinations", list);
	ret = dmm_dest_parts(t, &parts, &nr);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		json_object_array_add(list, dmm_dest_part_json(&parts[i]));
	*any = nr;
	if (t->args.json || !dmm_dest_parts_table(parts, nr))
		return 0;
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "out of memory");
}

static int cmd_list(struct dmm_tool *t)
{
	dmm_autofree struct dmm_nl_info *infos = NULL;
	struct json_object *list = json_object_new_array();
	struct libscols_table *tb = list_table();
	unsigned int nr = 0, i, moves;
	bool any = false;
	int ret, lost;

	dmm_result_add(t, "migrations", list);
	ret = tb ? dmm_tool_nl(t) : -ENOMEM;
	if (!ret)
		ret = dmm_source_migrations(t, &infos, &nr);
	else if (ret == -ENOENT)	/* no module: no migrations */
		ret = 0;
	for (i = 0; i < nr && !ret; i++)
		ret = list_one(t, &infos[i], tb, list);
	if (ret) {
		scols_unref_table(tb);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
				"cannot ask the kernel: %s", dmm_nl_text(t, ret));
	}
	if (!t->args.json && nr)
		scols_print_table(tb);
	scols_unref_table(tb);
	ret = list_parts(t, &any);
	moves = dmm_vdi_report(t, infos, nr);
	if (!nr && !any && !moves)
		dmm_say(t, "no migrations");
	lost = dmm_report_lost_commits(t, infos, nr);
	return ret ? ret : lost;
}

const struct dmm_verb dmm_verb_list = {
	.name = "list",
	.operands = "",
	.brief = "list the migrations of this host, a line each: those from here, and those to here",
	.options = list_options,
	.needs_root = true,
	.run = cmd_list,
};
