// SPDX-License-Identifier: GPL-2.0
/*
 * The loop behind watch, wait and start --wait.  An event wakes it at once, else
 * it looks once an interval; every wait is bounded.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "core/wire.h"
#include "fullio.h"
#include "monitor.h"
#include "owners.h"
#include "pace.h"
#include "status_json.h"

#define STOPPING_GRACE_MS	3000u	/* as long as cancel waits for the disk */

void dmm_sample_from_info(const struct dmm_nl_info *info, u64 now_ns, struct dmm_sample *s)
{
	*s = (struct dmm_sample) {
		.now_ns = now_ns,
		.start_ns = info->start_ns,
		.state = info->state,
		.block_bytes = info->block_bytes,
		.size_bytes = info->size_bytes,
		.sweep_blocks = info->sweep_blocks,
		.dirty_blocks = info->dirty_blocks,
		.inflight_bytes = info->inflight_bytes,
		.acked_bytes = info->acked_bytes,
		.zero_bytes = info->zero_bytes,
		.redirtied_blocks = info->redirtied_blocks,
		.speed_bps = info->speed_bps,
	};
}

/* What is known of a disk, beside that of all. */
struct watched {
	struct dmm_nl_info info;
	struct dmm_progress progress;
	struct dmm_figures figures;
	u64 alive_ms;		/* when it was not stopping, last */
};

struct watch {
	struct dmm_tool *t;
	const struct dmm_group *g;
	struct dmm_monitor *m;
	struct watched *disks;	/* g->nr */
	struct dmm_progress progress;
	struct dmm_pace pace;
};

/* Does the state of one disk end the watch for all?  -1: no. */
static int end_of_disk(const struct dmm_monitor *m, const struct watched *d)
{
	switch (d->info.state) {
	case DMM_STATE_IDLE:
		return DMM_MON_IDLE;
	case DMM_STATE_FAILED:
		return DMM_MON_FAILED;
	case DMM_STATE_STOPPING:	/* somebody cancels: idle or gone comes next, or not */
		return dmm_now_ms() - d->alive_ms >= STOPPING_GRACE_MS ? DMM_MON_STOPPING : -1;
	case DMM_STATE_PAUSED:
		return m->until_ready ? DMM_MON_PAUSED : -1;
	case DMM_STATE_DISCONNECTED:
		return DMM_MON_DISCONNECTED;
	default:
		return -1;
	}
}

/* -1: it goes on. */
static int end_of_all(struct watch *w)
{
	bool released = true, copying = true, cutting = false;
	u32 i, state;
	int end;

	for (i = 0; i < w->g->nr; i++) {
		state = w->disks[i].info.state;
		end = end_of_disk(w->m, &w->disks[i]);
		if (end >= 0) {
			dmm_group_speak_of(w->t, w->g, i);
			w->m->info = w->disks[i].info;
			return end;
		}
		released = released && state == DMM_STATE_RELEASED;
		copying = copying && state == DMM_STATE_COPYING;
		/* somebody cuts over right now */
		cutting = cutting || state == DMM_STATE_FROZEN || state == DMM_STATE_COMMITTED;
	}
	if (released)
		return DMM_MON_RELEASED;
	if (!w->m->until_ready)
		return -1;
	if (cutting || (copying && dmm_progress_ready(&w->m->figures, w->m->max_pause_ms)))
		return DMM_MON_READY;
	if (w->m->figures.sweep_done && dmm_pace_judge(&w->pace, &w->m->figures, dmm_now_ms()) == DMM_PACE_OVER)
		return DMM_MON_SLOW;
	return -1;
}

static struct json_object *disk_status(const struct watch *w, u32 i)
{
	const struct dmm_source *s = &w->g->disks[i];
	const struct watched *d = &w->disks[i];

	return dmm_status_json(&d->info, &d->figures, s->has_live ? s->live.name : s->hex,
			       s->has_record ? &s->record : NULL, dmm_owners_owner(w->t, s->id, d->info.state));
}

static void monitor_show(const struct watch *w)
{
	char line[256];
	u32 i;

	if (w->m->quiet)
		return;
	for (i = 0; i < w->g->nr && w->t->args.json; i++)
		dmm_print_json(w->t, disk_status(w, i));
	if (!w->t->args.json)
		dmm_progress_line(w->t, dmm_format_progress(line, sizeof(line), &w->m->figures));
}

/* Asks about all disks. 0, or -errno of one, which t->source is. */
static int watch_look(struct watch *w)
{
	struct dmm_sample sample, sum = { 0 };
	u64 now_ns = dmm_now_ns();
	u32 i;
	int ret;

	for (i = 0; i < w->g->nr; i++) {
		ret = dmm_nl_get(w->t->nl, dmm_source_dev(&w->g->disks[i]), &w->disks[i].info);
		if (ret) {
			dmm_group_speak_of(w->t, w->g, i);
			return ret;
		}
		if (w->disks[i].info.state != DMM_STATE_STOPPING)
			w->disks[i].alive_ms = dmm_now_ms();
		dmm_sample_from_info(&w->disks[i].info, now_ns, &sample);
		dmm_progress_add(&w->disks[i].progress, &sample, &w->disks[i].figures);
		dmm_sample_add(&sum, &sample);
	}
	dmm_progress_add(&w->progress, &sum, &w->m->figures);
	w->m->info = w->disks[w->g->named].info;
	w->m->seen = true;
	return 0;
}

int dmm_monitor_look(struct dmm_tool *t, const struct dmm_group *g, struct dmm_nl_info *infos,
		     struct dmm_progress *p, struct dmm_figures *f)
{
	struct dmm_sample sample, sum = { 0 };
	u64 now_ns = dmm_now_ns();
	u32 i;
	int ret;

	for (i = 0; i < g->nr; i++) {
		dmm_group_speak_of(t, g, i);
		ret = dmm_source_info(t, &g->disks[i], &infos[i]);
		if (ret)
			return ret;
		dmm_sample_from_info(&infos[i], now_ns, &sample);
		dmm_sample_add(&sum, &sample);
	}
	dmm_group_speak_of(t, g, DMM_GROUP_NAMED);
	dmm_progress_add(p, &sum, f);
	return 0;
}

/* Drops what has come: it only woke us. */
static void monitor_drain(struct dmm_nl_events *ev)
{
	struct dmm_nl_info info;
	int ret;

	do {
		ret = dmm_nl_events_next(ev, &info);
	} while (ret == 1 || ret == -ENOBUFS);
}

/* Until an event, a signal, or the next look is due. */
static void monitor_sleep(struct dmm_nl_events *ev, int sigfd, u64 until_ms)
{
	struct pollfd p[2] = {
		{ .fd = sigfd, .events = POLLIN },
		{ .fd = ev ? dmm_nl_events_fd(ev) : -1, .events = POLLIN },
	};
	u64 now_ms = dmm_now_ms();

	if (until_ms > now_ms && poll(p, 2, (int)dmm_min_u64(until_ms - now_ms, 3600000)) > 0 &&
	    p[1].revents)
		monitor_drain(ev);
}

static enum dmm_monitor_end monitor_loop(struct watch *w, struct dmm_nl_events *ev, int sigfd)
{
	struct dmm_monitor *m = w->m;
	u64 next_ms = dmm_now_ms(), deadline_ms = DMM_NO_DEADLINE;
	int end;

	if (m->timeout_ms != DMM_UNSET)
		deadline_ms = next_ms + m->timeout_ms;
	for (;;) {
		m->err = watch_look(w);
		if (m->err)
			return m->err == -ENODEV ? DMM_MON_GONE : DMM_MON_ERROR;
		end = end_of_all(w);
		if (end >= 0 || dmm_now_ms() >= next_ms) {
			monitor_show(w);
			next_ms = dmm_now_ms() + m->interval_ms;
		}
		if (end >= 0)
			return end;
		if (dmm_signal_seen())
			return DMM_MON_INTERRUPTED;
		if (dmm_now_ms() >= deadline_ms)
			return DMM_MON_TIMEOUT;
		monitor_sleep(ev, sigfd, dmm_min_u64(next_ms, deadline_ms));
	}
}

enum dmm_monitor_end dmm_monitor_run(struct dmm_tool *t, const struct dmm_group *g, struct dmm_monitor *m)
{
	struct watch w = { .t = t, .g = g, .m = m, .pace = { .max_pause_ms = m->max_pause_ms, .patience_ms = m->patience_ms } };
	dmm_autoclose int sigfd = dmm_signals_fd();
	dmm_autofree struct watched *disks = calloc(g->nr, sizeof(*disks));
	struct dmm_nl_events *ev = NULL;
	enum dmm_monitor_end end;
	u32 i;

	m->err = disks ? dmm_tool_nl(t) : -ENOMEM;
	if (m->err)
		return DMM_MON_ERROR;
	w.disks = disks;
	for (i = 0; i < g->nr; i++)
		disks[i].alive_ms = dmm_now_ms();
	/* without events the regular look is all there is: slower, not wrong */
	if (dmm_nl_events_open(&ev))
		ev = NULL;
	end = monitor_loop(&w, ev, sigfd);
	dmm_nl_events_close(ev);
	dmm_progress_end(t);
	if (!t->args.json || !m->seen)
		return end;
	m->disks = json_object_new_array();
	for (i = 0; i < g->nr; i++)
		json_object_array_add(m->disks, disk_status(&w, i));
	return end;
}

void dmm_monitor_clear(struct dmm_monitor *m)
{
	json_object_put(m->disks);
	m->disks = NULL;
}

static int monitor_failed(struct dmm_tool *t, const struct dmm_monitor *m)
{
	static const char *const sides[] = {
		[DMM_SIDE_NONE] = "for an unknown reason",
		[DMM_SIDE_ORIGIN] = "reading the source's disk",
		[DMM_SIDE_LINK] = "on the connection",
		[DMM_SIDE_RECEIVER] = "at the receiver",
		[DMM_SIDE_LOCAL] = "on this host",
	};
	u32 side = m->info.error_side < sizeof(sides) / sizeof(sides[0]) ? m->info.error_side : 0;

	dmm_next(t, "dmmigrate cancel %s", t->source);
	return dmm_fail(t, dmm_exit_from_side(side), DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
			"the migration failed %s: %s%s%s", sides[side],
			side == DMM_SIDE_RECEIVER && m->info.remote_status ?
			dmm_wire_err_text(m->info.remote_status) : strerror(-m->info.error),
			*m->info.reason ? ": " : "", m->info.reason);
}

/* The target is gone while it was looked at. */
static int monitor_gone(struct dmm_tool *t, const struct dmm_monitor *m)
{
	bool cutting = !m->seen || m->info.state == DMM_STATE_FREEZING ||
		       m->info.state == DMM_STATE_FROZEN || dmm_state_is_cut(m->info.state);

	dmm_next(t, "dmmigrate status %s", t->source);
	if (cutting)
		return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
				"the migrate target is gone, and a cutover was under way");
	return dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, DMM_USE_RESTORED,
			"the migration was stopped");
}

int dmm_monitor_report(struct dmm_tool *t, const struct dmm_monitor *m, enum dmm_monitor_end end)
{
	char text[DMM_PACE_TEXT];

	switch (end) {
	case DMM_MON_READY:
	case DMM_MON_RELEASED:
		return DMM_EXIT_OK;
	case DMM_MON_GONE:
		return monitor_gone(t, m);
	case DMM_MON_IDLE:
		dmm_next(t, "dmmigrate status %s", t->source);
		return dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the migration was stopped");
	case DMM_MON_PAUSED:
		dmm_next(t, "dmmigrate resume %s", t->source);
		return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the migration is paused: it does not become ready");
	case DMM_MON_SLOW:
		dmm_pace_remedies(t);
		return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "not converging: %s; the disks go on being copied",
				dmm_pace_text(text, &m->figures, m->max_pause_ms));
	case DMM_MON_STOPPING:
		dmm_next(t, "dmmigrate cancel %s (once the disk answers)", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the migration was stopped but still waits for the source's disk to "
				"answer a read");
	case DMM_MON_FAILED:
		return monitor_failed(t, m);
	case DMM_MON_DISCONNECTED:
		dmm_next(t, "dmmigrate start %s DEST (goes on) or dmmigrate cancel %s",
			 t->source, t->source);
		return dmm_fail(t, DMM_EXIT_TRANSPORT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"the connection to the receiver is lost: %s%s%s",
				m->info.error ? strerror(-m->info.error) : "closed",
				*m->info.reason ? ": " : "", m->info.reason);
	case DMM_MON_TIMEOUT:
		dmm_next(t, "dmmigrate status %s", t->source);
		return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"not ready in time; the migration goes on");
	case DMM_MON_INTERRUPTED:
		dmm_next(t, "dmmigrate watch %s", t->source);
		return dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"detached; the migration goes on");
	default:
		dmm_next(t, "dmsetup status %s", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
				"cannot ask the kernel about %s: %s", t->source,
				dmm_nl_text(t, m->err));
	}
}
