// SPDX-License-Identifier: GPL-2.0
/*
 * The loop behind watch, wait and start --wait.  An event wakes it at once, else
 * it looks once an interval; every wait is bounded.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "core/wire.h"
#include "fullio.h"
#include "monitor.h"
#include "owners.h"
#include "status_json.h"

#define STOPPING_GRACE_MS	3000u	/* as long as cancel waits for the disk */

u64 dmm_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

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

/* Does the migration's state end the watch?  -1: no. */
static int monitor_end_of(const struct dmm_monitor *m, u64 stopping_ms)
{
	switch (m->info.state) {
	case DMM_STATE_IDLE:
		return DMM_MON_IDLE;
	case DMM_STATE_RELEASED:
		return DMM_MON_RELEASED;
	case DMM_STATE_FAILED:
		return DMM_MON_FAILED;
	case DMM_STATE_STOPPING:	/* somebody cancels: idle or gone comes next, or not */
		return stopping_ms >= STOPPING_GRACE_MS ? DMM_MON_STOPPING : -1;
	case DMM_STATE_PAUSED:
		return m->until_ready ? DMM_MON_PAUSED : -1;
	case DMM_STATE_DISCONNECTED:
		return DMM_MON_DISCONNECTED;
	case DMM_STATE_COPYING:
		if (m->until_ready && dmm_progress_ready(&m->figures, m->max_pause_ms))
			return DMM_MON_READY;
		return -1;
	case DMM_STATE_FROZEN:	/* somebody cuts over right now */
	case DMM_STATE_COMMITTED:
		return m->until_ready ? DMM_MON_READY : -1;
	default:
		return -1;
	}
}

static void monitor_show(struct dmm_tool *t, const struct dmm_source *s,
			 const struct dmm_monitor *m)
{
	char line[256];

	if (m->quiet)
		return;
	if (t->args.json) {
		dmm_print_json(t, dmm_status_json(&m->info, &m->figures, t->source,
						  s->has_record ? &s->record : NULL,
						  dmm_owners_owner(t, s->id, m->info.state)));
		return;
	}
	dmm_progress_line(t, dmm_format_progress(line, sizeof(line), &m->figures));
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

enum dmm_monitor_end dmm_monitor_run(struct dmm_tool *t, const struct dmm_source *s,
				     struct dmm_monitor *m)
{
	u64 start_ms = dmm_now_ms(), next_ms = start_ms, deadline_ms = DMM_NO_DEADLINE;
	dmm_autoclose int sigfd = dmm_signals_fd();
	struct dmm_progress progress = { 0 };
	struct dmm_nl_events *ev = NULL;
	struct dmm_nl_info info;
	struct dmm_sample sample;
	u64 alive_ms = start_ms;	/* when it was not stopping, last */
	int end = -1;

	if (m->timeout_ms != DMM_UNSET)
		deadline_ms = start_ms + m->timeout_ms;
	m->err = dmm_tool_nl(t);
	if (m->err)
		return DMM_MON_ERROR;
	/* without events the regular look is all there is: slower, not wrong */
	if (dmm_nl_events_open(&ev))
		ev = NULL;
	while (end < 0) {
		m->err = dmm_nl_get(t->nl, dmm_source_dev(s), &info);
		if (m->err) {
			end = m->err == -ENODEV ? DMM_MON_GONE : DMM_MON_ERROR;
			break;
		}
		m->info = info;
		m->seen = true;
		if (info.state != DMM_STATE_STOPPING)
			alive_ms = dmm_now_ms();
		dmm_sample_from_info(&m->info, dmm_monotonic_ns(), &sample);
		dmm_progress_add(&progress, &sample, &m->figures);
		end = monitor_end_of(m, dmm_now_ms() - alive_ms);
		if (end >= 0 || dmm_now_ms() >= next_ms) {
			monitor_show(t, s, m);
			next_ms = dmm_now_ms() + m->interval_ms;
		}
		if (end >= 0)
			break;
		if (dmm_signal_seen())
			end = DMM_MON_INTERRUPTED;
		else if (dmm_now_ms() >= deadline_ms)
			end = DMM_MON_TIMEOUT;
		else
			monitor_sleep(ev, sigfd, dmm_min_u64(next_ms, deadline_ms));
	}
	dmm_nl_events_close(ev);
	dmm_progress_end(t);
	return end;
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
