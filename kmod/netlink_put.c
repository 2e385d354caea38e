// SPDX-License-Identifier: GPL-2.0
/*
 * The attributes that GET answers with, and those of an event.
 */
#include <net/genetlink.h>

#include "host.h"
#include "netlink.h"
#include "stats.h"

int dmm_netlink_put_u64(struct sk_buff *msg, enum dmm_attr attr, u64 value)
{
	return nla_put_u64_64bit(msg, attr, value, DMM_A_PAD);
}

static int put_identity(struct sk_buff *msg, const struct dmm_migration *m,
			const struct dmm_stats *st)
{
	return dmm_netlink_put_u64(msg, DMM_A_DEV, m->dev) ||
	       nla_put(msg, DMM_A_MIGRATION, sizeof(st->id), st->id) ||
	       nla_put_u32(msg, DMM_A_DISK, st->disk) ||
	       dmm_netlink_put_u64(msg, DMM_A_CONN_EPOCH, st->conn_epoch) ||
	       nla_put_u32(msg, DMM_A_CONNS, st->conns) ||
	       dmm_netlink_put_u64(msg, DMM_A_FEATURES, st->features) ||
	       nla_put_u32(msg, DMM_A_SECURITY, st->security) ||
	       dmm_netlink_put_u64(msg, DMM_A_SIZE_BYTES, m->tracker.size_bytes) ||
	       nla_put_u32(msg, DMM_A_BLOCK_BYTES, 1u << m->tracker.block_shift);
}

static int put_state(struct sk_buff *msg, const struct dmm_stats *st)
{
	return nla_put_u32(msg, DMM_A_STATE, st->state) ||
	       nla_put_u32(msg, DMM_A_ERROR, (u32)st->error) ||
	       nla_put_u32(msg, DMM_A_ERROR_SIDE, st->error_side) ||
	       nla_put_u32(msg, DMM_A_REMOTE_STATUS, st->remote_status) ||
	       (st->reason && nla_put_string(msg, DMM_A_REASON, st->reason)) ||
	       dmm_netlink_put_u64(msg, DMM_A_RATE, st->rate) ||
	       dmm_netlink_put_u64(msg, DMM_A_HOST_RATE, dmm_host_rate()) ||
	       nla_put_u32(msg, DMM_A_HELD, st->nr_held) ||
	       nla_put_u32(msg, DMM_A_GATE, st->gate);
}

static int put_freeze(struct sk_buff *msg, const struct dmm_freeze_info *f)
{
	return dmm_netlink_put_u64(msg, DMM_A_EPOCH, f->epoch) ||
	       nla_put_u32(msg, DMM_A_FREEZE_RESULT, (u32)f->result) ||
	       dmm_netlink_put_u64(msg, DMM_A_HOLD_NS, f->hold_ns) ||
	       dmm_netlink_put_u64(msg, DMM_A_DRAIN_NS, f->drain_ns) ||
	       dmm_netlink_put_u64(msg, DMM_A_SHIP_NS, f->ship_ns) ||
	       dmm_netlink_put_u64(msg, DMM_A_BARRIER_NS, f->barrier_ns) ||
	       dmm_netlink_put_u64(msg, DMM_A_FREEZE_BLOCKS, f->blocks);
}

static int put_counts(struct sk_buff *msg, const struct dmm_stats *st)
{
	return dmm_netlink_put_u64(msg, DMM_A_DIRTY_BLOCKS, st->dirty_blocks) ||
	       dmm_netlink_put_u64(msg, DMM_A_INFLIGHT_BYTES, st->ship.inflight_bytes) ||
	       dmm_netlink_put_u64(msg, DMM_A_ACKED_BYTES, st->ship.acked_bytes) ||
	       dmm_netlink_put_u64(msg, DMM_A_SHIPPED_BYTES, st->ship.shipped_bytes) ||
	       dmm_netlink_put_u64(msg, DMM_A_SHIPPED_NS, st->ship.shipped_ns) ||
	       dmm_netlink_put_u64(msg, DMM_A_ZERO_BYTES, st->ship.zero_bytes) ||
	       dmm_netlink_put_u64(msg, DMM_A_ZERO_BLOCKS, st->ship.zero_blocks) ||
	       dmm_netlink_put_u64(msg, DMM_A_DATA_BLOCKS, st->ship.data_blocks) ||
	       dmm_netlink_put_u64(msg, DMM_A_SPEED, st->ship.speed_bps) ||
	       dmm_netlink_put_u64(msg, DMM_A_READ_NS, st->ship.read_ns) ||
	       dmm_netlink_put_u64(msg, DMM_A_SEND_NS, st->ship.send_ns) ||
	       nla_put(msg, DMM_A_READ_LATENCY, sizeof(st->latency.reads), st->latency.reads) ||
	       nla_put(msg, DMM_A_WRITE_LATENCY, sizeof(st->latency.writes), st->latency.writes) ||
	       dmm_netlink_put_u64(msg, DMM_A_PREHOLD_BYTES, st->ship.prehold_bytes) ||
	       dmm_netlink_put_u64(msg, DMM_A_RESENT_BLOCKS, st->ship.resent_blocks) ||
	       dmm_netlink_put_u64(msg, DMM_A_SWEEP_BLOCKS, st->ship.sweep_blocks) ||
	       dmm_netlink_put_u64(msg, DMM_A_BARRIER, st->ship.barrier) ||
	       dmm_netlink_put_u64(msg, DMM_A_UNFLUSHED_BYTES, st->unflushed_bytes) ||
	       nla_put(msg, DMM_A_INSTANCE, sizeof(st->instance), st->instance) ||
	       dmm_netlink_put_u64(msg, DMM_A_START_NS, st->ship.start_ns) ||
	       dmm_netlink_put_u64(msg, DMM_A_REDIRTIED_BLOCKS,
		       st->counts.redirtied - st->ship.redirtied_base) ||
	       dmm_netlink_put_u64(msg, DMM_A_WRITES_SUBMITTED, st->counts.submitted) ||
	       dmm_netlink_put_u64(msg, DMM_A_WRITES_COMPLETED, st->counts.completed) ||
	       dmm_netlink_put_u64(msg, DMM_A_WRITE_BYTES, st->counts.bytes) ||
	       dmm_netlink_put_u64(msg, DMM_A_READS, st->counts.reads) ||
	       dmm_netlink_put_u64(msg, DMM_A_ALERTS, st->counts.alerts) ||
	       dmm_netlink_put_u64(msg, DMM_A_FAILED_READS, st->counts.failed_reads) ||
	       dmm_netlink_put_u64(msg, DMM_A_FAILED_WRITES, st->counts.failed_writes);
}

int dmm_netlink_put_all(struct sk_buff *msg, struct dmm_migration *m)
{
	struct dmm_stats st;

	dmm_stats_get(m, &st);
	return put_identity(msg, m, &st) || put_state(msg, &st) || put_freeze(msg, &st.freeze) ||
	       put_counts(msg, &st);
}

int dmm_netlink_put_event(struct sk_buff *msg, const struct dmm_migration *m,
			  const struct dmm_event_note *note)
{
	return dmm_netlink_put_u64(msg, DMM_A_DEV, m->dev) ||
	       nla_put_u32(msg, DMM_A_STATE, note->state) ||
	       nla_put_u32(msg, DMM_A_OLD_STATE, note->old_state) ||
	       nla_put_u32(msg, DMM_A_ERROR, (u32)note->error) ||
	       nla_put_u32(msg, DMM_A_ERROR_SIDE, note->error_side) ||
	       dmm_netlink_put_u64(msg, DMM_A_EPOCH, note->epoch) ||
	       nla_put_u32(msg, DMM_A_FREEZE_RESULT, (u32)note->freeze_result);
}
