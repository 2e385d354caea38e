// SPDX-License-Identifier: GPL-2.0
/*
 * What must hold before a cutover stops the writer.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/state.h"
#include "core/wire.h"
#include "cutover.h"
#include "monitor.h"

#define LOOK_MS	1000

/* Of the migration itself. 0 or an exit code, reported. */
static int check_state(struct dmm_tool *t, struct dmm_cutover *c)
{
	const struct dmm_nl_info *info;
	u32 i, state;

	for (i = 0; i < c->g.nr; i++) {
		info = &c->infos[i];
		state = info->state;
		if (state == DMM_STATE_COPYING)
			continue;
		dmm_group_speak_of(t, &c->g, i);
		if (state == DMM_STATE_PAUSED)
			dmm_next(t, "dmmigrate resume %s", t->source);
		else if (state == DMM_STATE_COMPARING)
			dmm_next(t, "dmmigrate start --resume %s (unless that runs)", c->g.disks[i].hex);
		else
			dmm_next(t, "dmmigrate status %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"%s is %s%s%s%s: only a migration that copies can be cut over", t->source, dmm_state_name(state),
				*info->reason ? " (" : "", info->reason, *info->reason ? ")" : "");
	}
	return 0;
}

/*
 * Is a freeze now worth stopping the writer for?  Within the first sweep it must be able to ship
 * what is left before it ends by itself; a budget must hold in any case.
 */
static int check_pause(struct dmm_tool *t, struct dmm_cutover *c)
{
	/* a platform that moves its writer keeps to a budget itself, while that moves */
	bool budget = t->args.max_pause_ms != DMM_UNSET && !c->p->ops->moves_writer;
	u64 limit_ms = budget ? dmm_min_u64(t->args.max_pause_ms, c->timeout_ms) : c->timeout_ms;
	struct dmm_progress p = { 0 };
	struct dmm_figures f;
	char pause[48] = "not known yet";
	int look, ret;

	for (look = 0; look < 2 && c->g.nr; look++) {
		if (look) {	/* one look knows no rate, only an average */
			poll(NULL, 0, LOOK_MS);
		}
		ret = dmm_monitor_look(t, &c->g, c->infos, &p, &f);
		if (!ret)
			ret = check_state(t, c);
		if (ret)
			return ret;
		if (!f.remaining_bytes || (f.sweep_done && !budget))
			return 0;
		if (!limit_ms)	/* not even a rate could make that */
			break;
		if (f.sweep_done ? dmm_progress_ready(&f, t->args.max_pause_ms) :
		    f.pause_known && f.pause_ms <= limit_ms)
			return 0;
	}
	if (!c->g.nr)
		return 0;
	if (f.pause_known)
		snprintf(pause, sizeof(pause), "about %llu ms", f.pause_ms);
	if (budget) {
		dmm_next(t, "dmmigrate wait %s --max-pause %llu", t->source, t->args.max_pause_ms);
		return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the projected pause is %s, the budget %llu ms; it goes on copying",
				pause, t->args.max_pause_ms);
	}
	dmm_next(t, "dmmigrate wait %s", t->source);
	return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
			"the first sweep is not done: the projected pause is %s, the freeze would end "
			"after %u ms; it goes on copying", pause, c->timeout_ms);
}

static int check_suspended(struct dmm_tool *t, struct dmm_cutover *c)
{
	u32 i;

	for (i = 0; i < c->g.nr; i++) {
		if (!c->g.disks[i].live.suspended)
			continue;
		dmm_group_speak_of(t, &c->g, i);
		dmm_next(t, "dmsetup resume %s, then this again", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_SUSPENDED,
				"somebody suspended %s: it is not cut over meanwhile", t->source);
	}
	return 0;
}

/* What the receiver says of one disk. */
static int check_receiver(struct dmm_tool *t, struct dmm_cutover *c, u32 i)
{
	struct dmm_wire_query_ok q;

	dmm_group_speak_of(t, &c->g, i);
	if ((c->remote.client.fd < 0 && dmm_remote_open(&c->remote, &c->s->record.to)) ||
	    dmm_remote_query(&c->remote, c->s->id, c->g.disks[i].disk, &q)) {
		dmm_next(t, "systemctl status dmmigrated (on %s)", c->s->record.to.host);
		return dmm_fail(t, c->remote.exit, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s",
				c->remote.why);
	}
	if (le32_to_cpu(q.error) || le32_to_cpu(q.state) == DMM_DISK_FAILED) {
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, DMM_EXIT_REMOTE, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the receiver has given the disk up: %s",
				dmm_wire_err_text(le32_to_cpu(q.error)));
	}
	return 0;
}

int dmm_cutover_check(struct dmm_tool *t, struct dmm_cutover *c)
{
	u32 i;
	int ret;

	ret = check_state(t, c);
	if (!ret)
		ret = check_suspended(t, c);
	if (!ret)
		ret = check_pause(t, c);
	for (i = 0; i < c->g.nr && !ret; i++)
		ret = check_receiver(t, c, i);
	if (!ret)
		dmm_group_speak_of(t, &c->g, DMM_GROUP_NAMED);
	return ret;
}
