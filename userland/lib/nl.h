/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dialogue with dm-migrate.ko over generic netlink (include/dmmigrate/uapi.h is
 * the contract).  Building and parsing of messages are pure and tested without a
 * kernel; the rest sends one request and awaits its acknowledgement.
 */
#ifndef DMM_LIB_NL_H
#define DMM_LIB_NL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/env.h"
#include <dmmigrate/uapi.h>
#include <dmmigrate/wire.h>

struct nl_msg;
struct nlmsghdr;

/* What GET and EVENT say; an attribute that did not come is zero. */
struct dmm_nl_info {
	u64 present;			/* DMM_NL_BIT(enum dmm_attr): it came */
	u64 dev;			/* dmm_nl_dev() */
	u8 migration[DMM_ID_BYTES];
	u32 disk;
	u64 conn_epoch;
	u64 rate;
	u64 epoch;
	u32 state;			/* enum dmm_state */
	u32 old_state;			/* EVENT only */
	s32 error;
	u32 error_side;			/* enum dmm_side */
	s32 freeze_result;
	u64 size_bytes;
	u32 block_bytes;
	u64 dirty_blocks;
	u64 inflight_bytes;
	u64 acked_bytes;
	u64 shipped_bytes;
	u64 prehold_bytes;
	u64 resent_blocks;
	u64 redirtied_blocks;
	u64 writes_submitted;
	u64 writes_completed;
	u64 write_bytes;
	u64 reads;
	u32 held;
	u64 alerts;
	u64 sweep_blocks;
	u64 hold_ns;
	u64 drain_ns;
	u64 ship_ns;
	u64 barrier_ns;
	u64 freeze_blocks;
	u64 barrier;
	char reason[128];
	u64 start_ns;
	u32 remote_status;		/* enum dmm_wire_err */
	u32 conns;
	u64 features;			/* DMM_FEATURE_* */
	u32 security;			/* enum dmm_security */
	u64 zero_bytes;
	u64 zero_blocks;
	u64 data_blocks;
	u64 speed_bps;
	u64 host_rate;
	u64 read_ns;
	u64 send_ns;
	u64 read_latency[DMM_LATENCY_BUCKETS];	/* samples, see uapi.h */
	u64 write_latency[DMM_LATENCY_BUCKETS];
	u64 unflushed_bytes;
	u64 shipped_ns;
	u8 instance[DMM_ID_BYTES];	/* of the receiver, zero: unknown */
	u32 gate;			/* enum dmm_gate */
	u64 failed_reads;
	u64 failed_writes;
};

/* A request: the attributes of @set are sent. */
struct dmm_nl_req {
	enum dmm_cmd cmd;
	u64 set;			/* DMM_NL_BIT(): these are */
	u64 dev;
	u8 migration[DMM_ID_BYTES];
	u32 disk;
	u64 conn_epoch;
	u32 conn_index;
	u32 conns;
	u64 features;
	u32 security;			/* enum dmm_security */
	u32 fd;
	u64 rate;
	u64 epoch;
	u32 timeout_ms;
	u64 barrier_bytes;
	u32 barrier_ms;
	u8 instance[DMM_ID_BYTES];
	u8 boot[DMM_ID_BYTES];
	u32 gate;			/* enum dmm_gate */
	u64 range[2];			/* offset and length in bytes */
};

#define DMM_NL_BIT(attr)	(1ull << ((attr) - 1))	/* of DMM_A_UNSPEC there is none */
_Static_assert(DMM_A_MAX <= 64, "one bit for each attribute");

const char *dmm_security_name(u32 security);	/* enum dmm_security: "plaintext"... */

/* The kernel's dev_t. */
static inline u64 dmm_nl_dev(unsigned int major, unsigned int minor)
{
	return (u64)major << 20 | minor;
}

/* Returns a message that the caller frees with nlmsg_free(), NULL without memory. */
struct nl_msg *dmm_nl_build(int family, int flags, const struct dmm_nl_req *req);

/*
 * Parses one message of our family.  0; -EINVAL: no such message, an attribute of the wrong
 * size, or without DMM_A_DEV.  Attributes that we do not know are skipped.
 */
int dmm_nl_parse(struct nlmsghdr *nlh, struct dmm_nl_info *info);

/* libnl's error numbers are its own (-NLE_x): to negative errno. */
int dmm_nl_errno(int nlerr);

/* Owned by one thread. */
struct dmm_nl;

/* -ENOENT: the family is not there, so the module is not loaded. -errno. */
int dmm_nl_open(struct dmm_nl **nl);
void dmm_nl_close(struct dmm_nl *nl);	/* accepts NULL */
unsigned int dmm_nl_version(const struct dmm_nl *nl);

/* The kernel's own words about the last failure, or "". */
const char *dmm_nl_reason(const struct dmm_nl *nl);

/* Sends @req and awaits the acknowledgement: 0 or the kernel's negative errno. */
int dmm_nl_do(struct dmm_nl *nl, const struct dmm_nl_req *req);

/* A command that names a device and nothing else: PAUSE, RESUME, STOP. */
int dmm_nl_simple(struct dmm_nl *nl, enum dmm_cmd cmd, u64 dev);

int dmm_nl_get(struct dmm_nl *nl, u64 dev, struct dmm_nl_info *info);

/* All devices. *list is an array that the caller frees. */
int dmm_nl_dump(struct dmm_nl *nl, struct dmm_nl_info **list, unsigned int *nr);

/* Subscribes to the events, on a socket of their own. */
struct dmm_nl_events;
int dmm_nl_events_open(struct dmm_nl_events **ev);
void dmm_nl_events_close(struct dmm_nl_events *ev);	/* accepts NULL */
int dmm_nl_events_fd(const struct dmm_nl_events *ev);	/* for poll(2) */

/*
 * The next event that has come, without waiting.  1: @info filled; 0: none; -ENOBUFS: some
 * were lost (ask GET); -errno.
 */
int dmm_nl_events_next(struct dmm_nl_events *ev, struct dmm_nl_info *info);

#endif
