// SPDX-License-Identifier: GPL-2.0
/*
 * One snapshot serves `dmsetup status` and netlink.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"

#include "stats.h"
#include "stop.h"

static const char *const side_name[] = {
	[DMM_SIDE_NONE] = "none",
	[DMM_SIDE_ORIGIN] = "origin",
	[DMM_SIDE_LINK] = "link",
	[DMM_SIDE_RECEIVER] = "receiver",
	[DMM_SIDE_LOCAL] = "local",
};

void dmm_stats_get(struct dmm_migration *m, struct dmm_stats *st)
{
	unsigned long flags;

	dmm_tracker_sum(&m->tracker, &st->counts);
	dmm_tracker_latency(&m->tracker, &st->latency);
	dmm_stop_at(DMM_STOP_IN_STATS, NULL);
	spin_lock_irqsave(&m->lock, flags);
	/*
	 * What goes from dirty to in flight was counted there, under the lock, before it was
	 * cleared (feed.c); and comes back in one step under the lock (dmm_link_dirty_again()).
	 */
	st->dirty_blocks = dmm_tracker_dirty(&m->tracker);
	/* a comparison that came to no end: START will mark everything */
	if (m->uncompared && m->state != DMM_STATE_COMPARING && dmm_state_tracks(m->state))
		st->dirty_blocks = m->tracker.bitmap.nr_blocks;
	st->state = m->state;
	st->error = m->error;
	st->error_side = m->error_side;
	st->reason = m->state == DMM_STATE_STOPPING ? m->waits_for : m->reason;
	st->remote_status = m->remote_status;
	memcpy(st->id, m->id, sizeof(st->id));
	st->disk = m->disk;
	st->conn_epoch = m->conn_epoch;
	st->conns = m->conns;
	st->features = m->features;
	st->security = m->security;
	st->rate = m->rate;
	st->nr_held = m->nr_held;
	st->gate = m->gate;
	st->freeze = m->freeze;
	st->ship = m->ship;
	memcpy(st->instance, m->peer.instance, sizeof(st->instance));
	st->unflushed_bytes = m->unflushed.blocks << m->tracker.block_shift;
	spin_unlock_irqrestore(&m->lock, flags);
}

void dmm_stats_emit(struct dmm_migration *m, char *result, unsigned int maxlen)
{
	struct dmm_stats st;
	unsigned int sz = 0;

	dmm_stats_get(m, &st);
	DMEMIT("%s %u %llu %llu %llu %llu %llu %lu %lu %lu %u %lu ",
	       dmm_state_name(st.state),
	       1u << (m->tracker.block_shift - SECTOR_SHIFT),
	       m->tracker.bitmap.nr_blocks,
	       st.dirty_blocks,
	       st.ship.inflight_bytes,
	       st.ship.shipped_bytes,
	       st.ship.resent_blocks,
	       st.counts.submitted,
	       st.counts.completed,
	       st.counts.reads,
	       st.nr_held,
	       st.counts.alerts);
	if (st.error)
		DMEMIT("%s:%d", side_name[st.error_side], st.error);
	else
		DMEMIT("-");
	DMEMIT(" %lu %lu %s", st.counts.failed_reads, st.counts.failed_writes,
	       dmm_gate_name(st.gate));
}
