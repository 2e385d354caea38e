// SPDX-License-Identifier: GPL-2.0
/*
 * pause, resume, throttle: the pace of a running migration.
 */
#include <errno.h>
#include <stdlib.h>

#include "commands.h"
#include "core/state.h"
#include "group.h"
#include "progress.h"
#include "source.h"

static const struct dmm_option pace_options[] = {
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* Sends @req about one disk. */
static int pace_disk(struct dmm_tool *t, struct dmm_source *s, struct dmm_nl_req *req, const char *doing)
{
	struct dmm_nl_info info;
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	ret = dmm_source_info(t, s, &info);
	if (ret)
		return ret;
	req->dev = dmm_source_dev(s);
	req->set |= DMM_NL_BIT(DMM_A_DEV);
	ret = dmm_nl_do(t->nl, req);
	if (!ret || ret == -EALREADY)	/* it is as asked for */
		return 0;
	dmm_source_verdict(t, s, &owner, &use);
	dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "cannot %s while it is %s: %s",
			doing, dmm_state_name(info.state), dmm_nl_text(t, ret));
}

/* The device that is named or, by a migration's id, all of its disks. */
static int pace_send(struct dmm_tool *t, struct dmm_nl_req *req, const char *doing)
{
	const char *spec = t->args.operands[0];
	struct dmm_group g = { 0 };
	struct dmm_source s;
	u32 i;
	int ret;

	if (dmm_group_is_id(spec)) {
		ret = dmm_group_open_migration(t, spec, &g);
		for (i = 0; i < g.nr && !ret; i++) {
			dmm_group_speak_of(t, &g, i);
			ret = pace_disk(t, &g.disks[i], req, doing);
		}
		dmm_group_clear(&g);
	} else {
		ret = dmm_source_open_migration(t, spec, &s);
		if (!ret)
			ret = pace_disk(t, &s, req, doing);
		dmm_source_clear(&s);
	}
	if (!ret)
		dmm_result_text(t, "source", t->source);
	return ret;
}

static const struct dmm_option throttle_options[] = {
	DMM_OPTION("host", TEXT, host, "RATE",
		   "limit what all disks of this host ship together; they share it equally, and\n"
		   "what one does not use is the others'"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static int cmd_pause(struct dmm_tool *t)
{
	struct dmm_nl_req req = { .cmd = DMM_CMD_PAUSE };
	int ret = pace_send(t, &req, "pause");

	if (!ret)
		dmm_say(t, "Paused: writes are tracked, nothing is shipped.  Next: dmmigrate resume %s",
			t->source);
	return ret;
}

static int cmd_resume(struct dmm_tool *t)
{
	struct dmm_nl_req req = { .cmd = DMM_CMD_RESUME };
	int ret = pace_send(t, &req, "resume");

	if (!ret)
		dmm_say(t, "The copy goes on.");
	return ret;
}

/* Of no device: nothing to look up, nothing that could be in the wrong state. */
static int host_send(struct dmm_tool *t, const struct dmm_nl_req *req)
{
	int ret = dmm_tool_nl(t);

	if (!ret)
		ret = dmm_nl_do(t->nl, req);
	if (!ret)
		return DMM_EXIT_OK;
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
			"cannot limit the host: %s", dmm_nl_text(t, ret));
}

static int cmd_throttle(struct dmm_tool *t)
{
	struct dmm_nl_req req = { .cmd = DMM_CMD_RATE, .set = DMM_NL_BIT(DMM_A_RATE) };
	const char *text = t->args.host ? t->args.host : t->args.operands[1];
	char rate[32];
	int ret;

	if (t->args.host && t->args.nr_operands)
		return dmm_usage(t, "--host is about all disks: no SOURCE goes with it");
	if (!text)
		return dmm_usage(t, "SOURCE and RATE are needed, or --host RATE");
	if (dmm_parse_rate(text, &req.rate))
		return dmm_usage(t, "'%.64s' is not a rate: 100M, 1.5GiB/s (bytes per second) or "
				 "unlimited", text);
	ret = t->args.host ? host_send(t, &req) : pace_send(t, &req, "change the bandwidth");
	if (ret)
		return ret;
	dmm_result_u64(t, t->args.host ? "host_bandwidth_bytes_per_s" : "bandwidth_bytes_per_s",
		       req.rate);
	dmm_say(t, "Bandwidth%s: %s", t->args.host ? " of all disks together" : "", req.rate ?
		dmm_format_bytes(rate, sizeof(rate), req.rate, "/s") : "unlimited");
	return DMM_EXIT_OK;
}

const struct dmm_verb dmm_verb_pause = {
	.name = "pause",
	.operands = "SOURCE|ID",
	.brief = "stop shipping; tracking goes on",
	.options = pace_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_pause,
};

const struct dmm_verb dmm_verb_resume = {
	.name = "resume",
	.operands = "SOURCE|ID",
	.brief = "go on shipping after a pause",
	.options = pace_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_resume,
};

const struct dmm_verb dmm_verb_throttle = {
	.name = "throttle",
	.operands = "SOURCE|ID RATE | --host RATE",
	.brief = "change the bandwidth of a migration, or of all, while it runs\n\n"
		 "RATE is in bytes per second (100M, 1.5GiB/s); 0 or 'unlimited' lifts the limit.",
	.options = throttle_options,
	.max_operands = 2,
	.needs_root = true,
	.run = cmd_throttle,
};
