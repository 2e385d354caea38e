// SPDX-License-Identifier: GPL-2.0
/*
 * The verification within a cutover, and the account of its pause.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "cutover.h"
#include "fullio.h"
#include "monitor.h"
#include "progress.h"

int dmm_cutover_verify(struct dmm_tool *t, struct dmm_cutover *c)
{
	struct dmm_verify *v = &c->verify;
	u64 begin_ns = dmm_now_ns();
	int ret;

	ret = dmm_verify_open(t, v, &c->g);
	if (ret)
		v->local_failed = true;
	if (!ret && c->remote.client.fd < 0)
		ret = dmm_remote_open(&c->remote, &c->s->record.to);
	if (!ret)
		ret = dmm_verify_run(t, v, &c->remote);
	c->step_ns[DMM_STEP_VERIFY] += dmm_now_ns() - begin_ns;
	if (v->diff_ranges) {
		dmm_verify_result(t, v);
		snprintf(c->why, sizeof(c->why), "the sides differ in %llu ranges of 1 MiB",
			 v->diff_ranges);
		return DMM_EXIT_DIFFERENCE;
	}
	if (!ret) {
		dmm_verify_result(t, v);
		return 0;
	}
	if (ret == -ECANCELED) {
		snprintf(c->why, sizeof(c->why), "the comparison was interrupted");
		return DMM_EXIT_ABORTED;
	}
	if (v->local_failed) {
		snprintf(c->why, sizeof(c->why), "the source's disk cannot be read to compare it: %s",
			 strerror(-ret));
		return DMM_EXIT_LOCAL;
	}
	snprintf(c->why, sizeof(c->why), "%s", c->remote.why);
	return c->remote.exit;
}

static void report_step(struct dmm_tool *t, struct json_object *steps, const char *text,
			const char *key, u64 ns, const char *remark)
{
	json_object_object_add(steps, key, json_object_new_uint64(ns));
	dmm_say(t, "  %-12s %8.1f ms%s", text, (double)ns / 1e6, remark);
}

struct freeze {
	u64 drain_ns, ship_ns, barrier_ns;	/* of the disk that took longest */
	u64 bytes, shipped_bytes, prehold_bytes, resent_blocks;	/* of all */
	u64 epoch;
};

/* All disks are frozen at the same time. */
static struct freeze freeze_of_all(const struct dmm_cutover *c)
{
	struct freeze f = { 0 };
	u32 i;

	for (i = 0; i < c->g.nr; i++) {
		const struct dmm_nl_info *info = &c->infos[i];

		if (info->drain_ns + info->ship_ns + info->barrier_ns > f.drain_ns + f.ship_ns + f.barrier_ns) {
			f.drain_ns = info->drain_ns;
			f.ship_ns = info->ship_ns;
			f.barrier_ns = info->barrier_ns;
		}
		f.bytes += info->freeze_blocks * info->block_bytes;
		f.shipped_bytes += info->shipped_bytes;
		f.prehold_bytes += info->prehold_bytes;
		f.resent_blocks += info->resent_blocks;
		f.epoch = dmm_max_u64(f.epoch, info->epoch);
	}
	return f;
}

void dmm_cutover_report(struct dmm_tool *t, const struct dmm_cutover *c)
{
	struct json_object *steps = json_object_new_object();
	struct freeze f = freeze_of_all(c), *i = &f;
	char left[32], remark[64];
	u64 pause_ns = c->end_ns - c->begin_ns;
	u64 freeze_ns = i->drain_ns + i->ship_ns + i->barrier_ns;
	u64 commit_ns = c->step_ns[DMM_STEP_GIVE_UP] - dmm_min_u64(freeze_ns, c->step_ns[DMM_STEP_GIVE_UP]);

	if (!c->g.nr)
		dmm_say(t, "%s has moved to %s.  None of its disks did.", t->source, c->s->record.to.host);
	else if (c->g.nr == 1)
		dmm_say(t, "%s is cut over to %s:%s.", t->source, c->s->record.to.host, c->s->record.to.path);
	else
		dmm_say(t, "%s and %u more, all disks of this migration, are cut over to %s.", t->source, c->g.nr - 1,
			c->s->record.to.host);
	if (!c->again) {
		snprintf(remark, sizeof(remark), "  (%s)",
			 dmm_format_bytes(left, sizeof(left), i->bytes, ""));
		if (c->p->ops->stop_name)
			report_step(t, steps, c->p->ops->stop_name, "stop_hook_ns", c->step_ns[DMM_STEP_STOP],
				    "");
		if (c->g.nr) {
			report_step(t, steps, "hold, drain", "drain_ns", i->drain_ns, "");
			report_step(t, steps, "ship", "ship_ns", i->ship_ns, remark);
			report_step(t, steps, "barrier", "barrier_ns", i->barrier_ns, "");
		}
		report_step(t, steps, "journal here", "commit_ns", commit_ns, "");
	}
	report_step(t, steps, "there", "own_ns", c->step_ns[DMM_STEP_OWN], "");
	if (t->args.verify)
		report_step(t, steps, "verify", "verify_ns", c->step_ns[DMM_STEP_VERIFY], "");
	if (c->p->ops->run_name)
		report_step(t, steps, c->p->ops->run_name, "start_hook_ns", c->step_ns[DMM_STEP_START], "");
	report_step(t, steps, "release", "release_ns", c->step_ns[DMM_STEP_RELEASE], "");
	dmm_say(t, "  %-12s %8.1f ms", c->again ? "rest" : "pause", (double)pause_ns / 1e6);
	if (t->args.verify)
		dmm_say(t, "Both sides agree in all %llu bytes.", c->verify.size_bytes);
	if (c->g.nr)
		dmm_say(t, "The destination owns the data; %s is released.  Next: dmmigrate clean %s", t->source,
		t->source);

	dmm_result_text(t, "source", t->source);
	dmm_result_text(t, "migration", c->s->hex);
	dmm_result_text(t, "owner", "destination");
	dmm_result_text(t, "source_device", c->g.nr ? "released" : NULL);
	dmm_result_u64(t, "disks", c->g.nr);
	dmm_result_u64(t, "epoch", i->epoch);
	dmm_result_bool(t, "resumed_after_commit", c->again);
	dmm_result_u64(t, c->again ? "rest_ns" : "pause_ns", pause_ns);
	dmm_result_u64(t, "freeze_ns", c->again ? 0 : freeze_ns);
	dmm_result_u64(t, "freeze_bytes", i->bytes);
	dmm_result_u64(t, "shipped_bytes", i->shipped_bytes);
	dmm_result_u64(t, "prehold_bytes", i->prehold_bytes);
	dmm_result_u64(t, "resent_blocks", i->resent_blocks);
	dmm_result_add(t, "steps", steps);
}
