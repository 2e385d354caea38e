// SPDX-License-Identifier: GPL-2.0
/*
 * status: what is going on and what to do about it, in the manner of zpool status.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "commands.h"
#include "core/state.h"
#include "core/wire.h"
#include "dest_part.h"
#include "fullio.h"
#include "group.h"
#include "lost_commit.h"
#include "monitor.h"
#include "status_json.h"

static const struct dmm_option status_options[] = {
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

struct advice {
	const char *status, *action;	/* %s: the source */
};

static struct advice status_advice(const struct dmm_nl_info *info, const struct dmm_figures *f)
{
	switch (info->state) {
	case DMM_STATE_IDLE:
		return (struct advice) { "Attached, but not started (a start was interrupted, or its "
			"table loaded anew): nothing is tracked or copied.",
			"dmmigrate start %s HOST:/DEST begins, dmmigrate cancel %s detaches." };
	case DMM_STATE_COPYING:
		if (!f->sweep_done)
			return (struct advice) { "The first sweep is running; the guest's writes are "
				"tracked.", "None; dmmigrate wait %s ends when it may be cut over." };
		if (f->eta == DMM_ETA_NOT_CONVERGING)
			return (struct advice) { "The guest dirties blocks as fast as they are shipped.",
				"Lift the throttle (dmmigrate throttle %s unlimited), accept a longer "
				"pause (dmmigrate cutover %s --timeout 15s), or wait for a quieter hour." };
		return (struct advice) { "Caught up; what the guest writes is shipped as it comes.",
			"dmmigrate cutover %s hands over." };
	case DMM_STATE_PAUSED:
		return (struct advice) { "Paused: writes are tracked, nothing is shipped.",
			"dmmigrate resume %s" };
	case DMM_STATE_COMPARING:
		return (struct advice) { "Both sides are compared, or that was interrupted; writes are tracked, nothing "
			"is shipped yet.", "Unless it runs, dmmigrate start --resume with the migration's id compares "
			"again; dmmigrate cancel %s gives up." };
	case DMM_STATE_FREEZING:
	case DMM_STATE_FROZEN:
		return (struct advice) { "A cutover is under way: writes are held for a moment.",
			"None; what is not committed thaws by itself." };
	case DMM_STATE_COMMITTED:
		return (struct advice) { "A cutover has committed and has not ended: all I/O of the source "
			"is held.", "dmmigrate cutover %s again goes on; dmmigrate cancel %s asks the destination to "
			"give it back." };
	case DMM_STATE_RELEASED:
		return (struct advice) { "Cut over: the destination owns the data, all I/O of the source "
			"fails.", "dmmigrate verify %s compares both sides, dmmigrate clean %s removes what is "
			"left here." };
	case DMM_STATE_DISCONNECTED:
		return (struct advice) { "The connection is lost; the guest is not affected, its writes "
			"are tracked.", "dmmigrate start %s HOST:/DEST goes on, dmmigrate cancel %s "
			"gives up." };
	case DMM_STATE_FAILED:
		return (struct advice) { "The migration failed; the guest is not affected.",
			"Mend the cause; dmmigrate start %s HOST:/DEST copies again, dmmigrate cancel %s "
			"gives up." };
	case DMM_STATE_STOPPING:
		return (struct advice) { "Stopped, but the source's disk still owes the answer to a read.",
			"dmmigrate cancel %s once the disk answers." };
	default:
		return (struct advice) { "Unknown to this version of the tool.",
			"Update the tool to the module's version." };
	}
}

/* Of one that moves on this host. */
static struct advice sink_advice(const struct dmm_nl_info *info, const struct dmm_figures *f)
{
	struct advice a = status_advice(info, f);

	switch (info->state) {
	case DMM_STATE_IDLE:
	case DMM_STATE_COPYING:
		a.action = "dmmigrate vdi %s stays with it and moves it in the end.";
		break;
	case DMM_STATE_FROZEN:
	case DMM_STATE_COMMITTED:
		a.status = "It is being moved, or that was interrupted; the guest's I/O is held.";
		a.action = "Unless it runs, dmmigrate vdi %s ends this.";
		break;
	default:
		break;
	}
	return a;
}

/* Replaces every %s by the source. */
static void say_with_source(struct dmm_tool *t, const char *label, const char *text)
{
	char line[768];
	size_t n = 0;

	for (; *text && n + 1 < sizeof(line); text++) {
		if (text[0] == '%' && text[1] == 's') {
			n += snprintf(line + n, sizeof(line) - n, "%s", t->source);
			if (n >= sizeof(line))
				n = sizeof(line) - 1;
			text++;
		} else {
			line[n++] = *text;
		}
	}
	line[n] = '\0';
	dmm_say(t, "%s%s", label, line);
}

static void status_text(struct dmm_tool *t, const struct dmm_source *s,
			const struct dmm_nl_info *info, const struct dmm_figures *f)
{
	struct advice a = s->sink ? sink_advice(info, f) : status_advice(info, f);
	char line[256], size[32], shipped[32], zeros[32], hex[DMM_ID_HEX], which[32];
	const char *what;
	bool more;

	dmm_id_format(info->migration, hex);
	dmm_say(t, "   source: %s (%u:%u)%s%s%s", t->source, s->live.major, s->live.minor,
		dmm_id_is_zero(info->migration) ? "" : ", migration ",
		dmm_id_is_zero(info->migration) ? "" : hex, dmm_group_which(s, which));
	if (s->has_vdi)
		dmm_say(t, "     dest: %s, on this host", s->vdi.dest);
	else if (s->has_record)
		dmm_say(t, "     dest: %s:%u:%s", s->record.to.host, s->record.to.port,
			s->record.to.path);
	else
		dmm_say(t, "     dest: unknown (the record is %s)",
			s->record_damaged ? "damaged" : "lost");
	dmm_say(t, "    state: %s%s", dmm_state_name(info->state),
		s->live.suspended ? "; the device is SUSPENDED, not by dmmigrate: its I/O waits" : "");
	if (info->state == DMM_STATE_COMMITTED && s->has_record && s->record.moves_guest)
		a.action = "dmmigrate recover finds out whose the disks are; cancel %s asks the destination to give them back.";
	say_with_source(t, "   status: ", a.status);
	say_with_source(t, "   action: ", a.action);
	dmm_say(t, " progress: %s", dmm_format_progress(line, sizeof(line), f));
	dmm_say(t, "  shipped: %s and %s of zeros for a disk of %s, %llu blocks sent again",
		dmm_format_bytes(shipped, sizeof(shipped), info->shipped_bytes, ""),
		dmm_format_bytes(zeros, sizeof(zeros), info->zero_bytes, ""),
		dmm_format_bytes(size, sizeof(size), info->size_bytes, ""), info->resent_blocks);
	dmm_say(t, "    links: %u, %s, %s of late; in flight %s",
		info->conns, dmm_security_name(info->security), dmm_format_bytes(shipped, sizeof(shipped), info->speed_bps, "/s"),
		dmm_format_bytes(size, sizeof(size), info->inflight_bytes, ""));
	dmm_say(t, "    guest: reads half <= %s, 99%% <= %s; writes half <= %s, 99%% <= %s",
		dmm_format_latency(line, 32, info->read_latency, 50),
		dmm_format_latency(line + 32, 32, info->read_latency, 99),
		dmm_format_latency(line + 64, 32, info->write_latency, 50),
		dmm_format_latency(line + 96, 32, info->write_latency, 99));
	if (info->rate)
		dmm_say(t, " throttle: %s", dmm_format_bytes(size, sizeof(size), info->rate, "/s"));
	if (info->host_rate)
		dmm_say(t, "     host: %s for all disks together",
			dmm_format_bytes(size, sizeof(size), info->host_rate, "/s"));
	if (info->alerts)
		dmm_say(t, "   alerts: %llu writes of unknown kind (their ranges are copied whole)",
			info->alerts);
	if (info->error) {
		what = info->remote_status ? dmm_wire_err_text(info->remote_status) : strerror(-info->error);
		more = *info->reason && strcmp(what, info->reason);
		dmm_say(t, "   errors: %s: %s%s%s", dmm_side_name(info->error_side), what, more ? ": " : "",
			more ? info->reason : "");
	} else {
		dmm_say(t, "   errors: none%s%s", *info->reason ? "; " : "", info->reason);
	}
}

static void status_figures(const struct dmm_nl_info *info, struct dmm_figures *f)
{
	struct dmm_progress p = { 0 };
	struct dmm_sample sample;

	dmm_sample_from_info(info, dmm_now_ns(), &sample);
	dmm_progress_add(&p, &sample, f);
}

/* One migration. Exit code. */
static int status_one(struct dmm_tool *t, const char *spec, struct json_object *list)
{
	struct dmm_source s;
	struct dmm_nl_info info;
	struct dmm_figures f;
	int ret;

	ret = dmm_source_open_migration(t, spec, &s);
	if (!ret)
		ret = dmm_source_info(t, &s, &info);
	if (!ret) {
		/* before ATTACH the kernel knows no id; the origin device does */
		if (s.has_id)
			memcpy(info.migration, s.id, sizeof(info.migration));
		status_figures(&info, &f);
		status_text(t, &s, &info, &f);
		json_object_array_add(list, dmm_status_json(&info, &f, t->source,
							    s.has_record ? &s.record : NULL,
							    dmm_source_owner(t, &s, info.state)));
	}
	dmm_source_clear(&s);
	return ret;
}

static void status_part(struct dmm_tool *t, const struct dmm_dest_part *p, struct json_object *list)
{
	dmm_dest_part_say(t, p);
	json_object_array_add(list, dmm_dest_part_json(p));
}

/* What this host is the destination of, below the @above that start here. 0 or an exit code, reported. */
static int status_parts(struct dmm_tool *t, unsigned int above)
{
	struct json_object *list = json_object_new_array();
	dmm_autofree struct dmm_dest_part *parts = NULL;
	unsigned int nr, i;
	int ret;

	dmm_result_add(t, "destinations", list);
	ret = dmm_dest_parts(t, &parts, &nr);
	for (i = 0; i < nr && !ret; i++) {
		if (i || above)
			dmm_say(t, "%s", "");
		status_part(t, &parts[i], list);
	}
	if (!ret && !nr && !above)
		dmm_say(t, "no migrations");
	return ret;
}

static int status_all(struct dmm_tool *t, struct json_object *list)
{
	dmm_autofree struct dmm_nl_info *infos = NULL;
	struct dmm_dm_dev dev;
	unsigned int nr = 0, i;
	int ret, code = DMM_EXIT_OK;

	ret = dmm_tool_nl(t);
	if (ret == -ENOENT)	/* no module: no migrations */
		ret = 0;
	else if (!ret)
		ret = dmm_source_migrations(t, &infos, &nr);
	if (ret)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
				"cannot ask the kernel: %s", dmm_nl_text(t, ret));
	for (i = 0; i < nr; i++) {
		if (dmm_dm_find_number(infos[i].dev >> 20, infos[i].dev & 0xfffff, &dev))
			continue;	/* gone since */
		if (i)
			dmm_say(t, "%s", "");
		ret = status_one(t, dev.name, list);
		if (ret)
			code = ret;
	}
	ret = status_parts(t, nr + dmm_vdi_report(t, infos, nr));
	if (ret)
		code = ret;
	ret = dmm_report_lost_commits(t, infos, nr);
	return ret ? ret : code;
}

/* By its id: all disks of a migration from here, and what this host has of it as the destination. */
static int status_group(struct dmm_tool *t, const char *hex, struct json_object *list)
{
	struct json_object *parts = json_object_new_array();
	struct dmm_dest_part p;
	struct dmm_group g = { 0 };
	u8 id[DMM_ID_BYTES];
	u64 disks = 0;
	bool here;
	u32 i;
	int ret = 0;

	dmm_result_add(t, "destinations", parts);
	here = !dmm_id_parse(hex, id) && dmm_dest_part(t, id, &p);
	if (!here || dmm_source_disks(id, &disks) || disks)
		ret = dmm_group_open_migration(t, hex, &g);
	for (i = 0; i < g.nr && !ret; i++) {
		if (i)
			dmm_say(t, "%s", "");
		ret = status_one(t, g.specs[i], list);
	}
	if (here && !ret) {
		if (g.nr)
			dmm_say(t, "%s", "");
		status_part(t, &p, parts);
	}
	dmm_group_clear(&g);
	return ret;
}

static int cmd_status(struct dmm_tool *t)
{
	struct json_object *list = json_object_new_array();
	int ret;

	dmm_result_add(t, "migrations", list);
	if (t->args.nr_operands && dmm_group_is_id(t->args.operands[0]))
		ret = status_group(t, t->args.operands[0], list);
	else if (t->args.nr_operands)
		ret = status_one(t, t->args.operands[0], list);
	else
		ret = status_all(t, list);
	return ret;
}

const struct dmm_verb dmm_verb_status = {
	.name = "status",
	.operands = "[SOURCE|ID]",
	.brief = "tell state, progress, and what to do next",
	.options = status_options,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_status,
};
