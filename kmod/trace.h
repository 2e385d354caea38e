/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints: events/dmmigrate in tracefs.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dmmigrate

#if !defined(DMM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DMM_TRACE_H

#include <linux/kdev_t.h>
#include <linux/tracepoint.h>

/* A write marks its blocks: at submission and at completion.  @fresh of them were clean. */
TRACE_EVENT(dmm_mark,
	TP_PROTO(dev_t dev, u64 first, u32 nr, u64 fresh),
	TP_ARGS(dev, first, nr, fresh),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u64, first)
		__field(u32, nr)
		__field(u64, fresh)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->first = first;
		__entry->nr = nr;
		__entry->fresh = fresh;
	),
	TP_printk("%d:%d block %llu nr %u fresh %llu", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->first, __entry->nr, __entry->fresh)
);

/* An extent was handed to the socket whole; @type DATA or ZERO, enum dmm_msg. */
TRACE_EVENT(dmm_ship,
	TP_PROTO(dev_t dev, u32 conn, u64 seq, u16 type, u64 offset, u32 bytes),
	TP_ARGS(dev, conn, seq, type, offset, bytes),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, conn)
		__field(u64, seq)
		__field(u16, type)
		__field(u64, offset)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->conn = conn;
		__entry->seq = seq;
		__entry->type = type;
		__entry->offset = offset;
		__entry->bytes = bytes;
	),
	TP_printk("%d:%d conn %u seq %llu type %u offset %llu bytes %u", MAJOR(__entry->dev),
		  MINOR(__entry->dev), __entry->conn, __entry->seq, __entry->type,
		  __entry->offset, __entry->bytes)
);

/* An acknowledgement, of whatever kind, as it was received. */
TRACE_EVENT(dmm_ack,
	TP_PROTO(dev_t dev, u32 conn, u64 seq, u16 type, u32 status),
	TP_ARGS(dev, conn, seq, type, status),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, conn)
		__field(u64, seq)
		__field(u16, type)
		__field(u32, status)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->conn = conn;
		__entry->seq = seq;
		__entry->type = type;
		__entry->status = status;
	),
	TP_printk("%d:%d conn %u seq %llu type %u status %u", MAJOR(__entry->dev),
		  MINOR(__entry->dev), __entry->conn, __entry->seq, __entry->type, __entry->status)
);

/* A change of state, enum dmm_state; @error is the first one, 0 = none. */
TRACE_EVENT(dmm_state,
	TP_PROTO(dev_t dev, u32 from, u32 to, int error),
	TP_ARGS(dev, from, to, error),
	TP_STRUCT__entry(
		__field(dev_t, dev)
		__field(u32, from)
		__field(u32, to)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->dev = dev;
		__entry->from = from;
		__entry->to = to;
		__entry->error = error;
	),
	TP_printk("%d:%d from %u to %u error %d", MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->from, __entry->to, __entry->error)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
