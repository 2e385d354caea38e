/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * Generic netlink family "dmmigrate", version 2: the dialogue with
 * dm-migrate.ko.
 *
 * Every command needs CAP_SYS_ADMIN in the initial user namespace and (but for RATE) names
 * its device by DMM_A_DEV: the dev_t of the *live* device-mapper device that
 * has a `migrate` target, as (major << 20 | minor) (the kernel's own dev_t).
 * Attributes that a command does not list are refused.  Errors come as negative errno with an
 * extended acknowledgement text.  It can be spoken from any network namespace; events go to
 * the initial one only.
 *
 * ATTACH	DEV, MIGRATION (16 bytes), DISK (u32), CONN_EPOCH (u64), CONN_INDEX (u32), FD (u32, a
 *		descriptor of the caller: TCP, established, in the initial network
 *		namespace), optional CONNS (u32, 1 to DMM_MAX_CONNS, default 1), optional
 *		FEATURES (u64, DMM_FEATURE_* that the receiver has agreed to), optional INSTANCE and
 *		BOOT (16 bytes each, of HELLO_OK; without them nothing is known of the
 *		receiver), optional SECURITY (u32, enum dmm_security).  Given once for each of CONNS connections, in any order, CONN_INDEX
 *		from 0; all else must be the same.  The kernel takes a reference of its own; the
 *		caller closes its descriptor afterwards.
 *		IDLE, or DISCONNECTED, where it has to be the same MIGRATION and DISK with a larger
 *		CONN_EPOCH than any before (-ESTALE): the lost connections are ended then.
 *		-EBUSY otherwise, for an index or a socket that is attached
 *		already, for a connection of another set, and while the origin owes the lost ones a
 *		read; STOP closes them all.  -ERANGE for
 *		an index or number out of range, -EOPNOTSUPP for a feature that is unknown;
 *		-EBADF, -ENOTSOCK, -EPROTONOSUPPORT, -ENOTCONN, -ENONET for a bad descriptor, -ENOKEY for one without
 *		the TLS that SECURITY says it has, -EPROTOTYPE for one with TLS that it does not say.
 *		SECURITY SINK, of a table with the feature `sink`, and of no other table (-EOPNOTSUPP): without FD, CONNS is 1.
 *		FEATURES ZERO then says that the sink reads as zeros now: what reads as zeros at the origin, and
 *		has not been written there yet, is not written at all; -ENOTEMPTY once this table has written to it.
 * START	DEV, optional RATE, optional BARRIER_BYTES (u64) and BARRIER_MS (u32): a barrier is sent when
 *		so much was acknowledged since the last one, or what was is so old; at first
 *		DMM_BARRIER_BYTES and DMM_BARRIER_MS, 0 is -ERANGE.  -ENOTCONN before there are all
 *		CONNS connections.
 *		IDLE -> COPYING: marks everything dirty and ships it.
 *		DISCONNECTED -> COPYING, or PAUSED if that is where PAUSE was last: ships what is dirty.  That is also what was
 *		acknowledged and is unflushed, unless INSTANCE and BOOT are known and those of before.
 * COMPARE	As START, but IDLE -> COMPARING only (-EBUSY): tracking is on, nothing is dirty and nothing is
 *		shipped, until somebody who reads both sides has MARKed what differs.  The sides count as different all
 *		over until COMPARED: FREEZE, PAUSE and RESUME are refused (-EBUSY), and where the connections are lost or something
 *		fails in between, everything is dirty.
 *		DISCONNECTED -> COMPARING, by new connections, where they were lost in COMPARING: what was MARKed or written
 *		still is; to go on where one was, only with the same receiver, and the disk open there all the time.
 * MARK		DEV, RANGE (offset and length in bytes, not 0, within the disk; rounded out to blocks): dirty.
 *		COMPARING only, else -EINVAL; -ERANGE.
 * COMPARED	DEV, CONN_EPOCH (of the connections with which the comparison began).  COMPARING -> COPYING: all that differs, by
 *		reads that began after the answer to COMPARE, has been MARKed.  -ESTALE for other connections; then, or with
 *		-EINVAL, the comparison counts for nothing.  -EALREADY when nothing is being compared but copied.
 * TRACK	DEV.  IDLE, without connections (-EBUSY): the guest's writes mark from now on, and nothing is
 *		dirty at first, given again too; DIRTY_BLOCKS tells how much it has written in distinct
 *		blocks.  Nothing is read or shipped.  Ends with STOP; START and COMPARE begin as ever.
 *		-EOPNOTSUPP for a gate.
 * PAUSE	DEV.  COPYING -> PAUSED: tracking goes on, nothing new is read or sent.
 * RESUME	DEV.  PAUSED -> COPYING.
 * RATE		DEV, RATE (u64, bytes per second, 0 = unlimited).  Any state.  Without DEV: the host's
 *		limit, which all disks share: equally, but what one does not use is the others'.
 * FREEZE	DEV, EPOCH (u64, larger than any before of this migration), TIMEOUT_MS (u32, 1 to
 *		DMM_MAX_FREEZE_MS).  COPYING -> FREEZING -> FROZEN: writes are held,
 *		in-flight ones drain, the rest is shipped, a barrier is
 *		acknowledged.  Returns at once; the end comes as an event.
 *		When the timeout, counted from here, runs out before COMMIT: THAW by itself
 *		with FREEZE_RESULT -ETIME.
 * THAW		DEV, EPOCH.  FREEZING or FROZEN -> COPYING; held writes go on.
 *		-ESTALE when the epoch is not the frozen one.
 * COMMIT	DEV, EPOCH.  FROZEN -> COMMITTED: the timer is disarmed atomically; from now on nothing
 *		reaches the origin, reads too are held, never failed, until RECLAIM or RELEASE.
 *		-ETIME when it has thawed already, -EAGAIN while FREEZING, -ESTALE for another
 *		epoch; 0 again for the same one.
 * RECLAIM	DEV, EPOCH.  COMMITTED -> COPYING: what is held goes on to the origin.  Where the connections
 *		were lost or something failed meanwhile: by way of COPYING to DISCONNECTED or FAILED.
 *		-ESTALE as above, -EALREADY when nothing is committed, -EINVAL after RELEASE and before COMMIT.
 * RELEASE	DEV, EPOCH.  COMMITTED -> RELEASED: what is held fails with EIO, and so does whatever comes; the
 *		origin is never written again by this table.  -ESTALE as above, -EINVAL when
 *		it is not committed; 0 again for the same epoch.
 * STOP		DEV.  Any state up to FROZEN -> IDLE (at once or, while the
 *		origin owes a read, by way of STOPPING); holds are released, the
 *		connections are closed, tracking ends.  Returns within a second;
 *		-EBUSY in COMMITTED unless FORCE is given (flag): then, and in RELEASED, only
 *		the connections are closed.
 * GATE		DEV, GATE (u32, enum dmm_gate), optional IF_CLEAN (flag, not with READS).  Of a table with the feature
 *		`gate`: SHUT -> READS -> OPEN, SHUT -> OPEN, and any -> SHUT; 0 again for the one that it
 *		has.  Shutting waits for what has passed, -ETIMEDOUT after 10 s: it is shut, GATE again
 *		waits again; opening waits for the same and then stays shut.  -EBUSY: the device is suspended, with
 *		something dirty in its cache, or is to be opened while somebody goes on writing into
 *		that.  With IF_CLEAN it stays as it is and the answer is -ENOTEMPTY
 *		when a write has passed since the table was made (WRITES_SUBMITTED), or through
 *		a gate that it replaced, or is in the cache of the device; or -ETIMEDOUT.  OPEN with IF_CLEAN asks the
 *		same of a gate that is OPEN (else -EINVAL), at once, and changes nothing.  -EOPNOTSUPP without
 *		that feature, -EINVAL for OPEN -> READS.
 * GET		DEV, or as a dump of all devices.  Answers with the attributes
 *		marked G below.
 * EVENT	(multicast group "events") DEV, STATE, OLD_STATE, ERROR, ERROR_SIDE, EPOCH, FREEZE_RESULT.
 */
#ifndef DMMIGRATE_UAPI_H
#define DMMIGRATE_UAPI_H

#define DMM_GENL_NAME		"dmmigrate"
#define DMM_GENL_VERSION	2
#define DMM_GENL_MCGRP		"events"

#define DMM_MAX_FREEZE_MS	15000u
#define DMM_BARRIER_BYTES	(1ull << 30)
#define DMM_BARRIER_MS		5000u
#define DMM_MODULE_VERSION	"0.1.0"

enum dmm_cmd {
	DMM_CMD_UNSPEC,
	DMM_CMD_ATTACH,
	DMM_CMD_START,
	DMM_CMD_PAUSE,
	DMM_CMD_RESUME,
	DMM_CMD_RATE,
	DMM_CMD_FREEZE,
	DMM_CMD_THAW,
	DMM_CMD_COMMIT,
	DMM_CMD_STOP,
	DMM_CMD_GET,
	DMM_CMD_EVENT,
	DMM_CMD_RECLAIM,
	DMM_CMD_RELEASE,
	DMM_CMD_GATE,
	DMM_CMD_COMPARE,
	DMM_CMD_MARK,
	DMM_CMD_COMPARED,
	DMM_CMD_TRACK,
	__DMM_CMD_MAX,
};
#define DMM_CMD_MAX (__DMM_CMD_MAX - 1)

/* What protects a data connection.  ATTACH refuses a descriptor that is not as it says. */
enum dmm_security {
	DMM_SECURITY_NONE,	/* a TCP socket in plaintext; what ATTACH means without the attribute */
	DMM_SECURITY_TLS,	/* a TCP socket to which the kernel's TLS has been given keys, in both directions */
	DMM_SECURITY_RELAY,	/* a Unix stream socket, behind which userland encrypts */
	DMM_SECURITY_SINK,	/* no connection but the disk of this host that the table names as its sink; no FD */
	__DMM_SECURITY_MAX
};

enum dmm_attr {
	DMM_A_UNSPEC,
	DMM_A_PAD,
	DMM_A_DEV,		/* u64 G */
	DMM_A_MIGRATION,	/* binary, 16 bytes G */
	DMM_A_DISK,		/* u32 G */
	DMM_A_CONN_EPOCH,	/* u64 G */
	DMM_A_CONN_INDEX,	/* u32 */
	DMM_A_FD,		/* u32 */
	DMM_A_RATE,		/* u64, bytes/s, 0 = unlimited G */
	DMM_A_EPOCH,		/* u64: of the latest freeze G */
	DMM_A_TIMEOUT_MS,	/* u32 */
	DMM_A_FORCE,		/* flag */
	DMM_A_STATE,		/* u32, enum dmm_state G */
	DMM_A_OLD_STATE,	/* u32 */
	DMM_A_ERROR,		/* s32 as u32: negative errno of the first error, 0 = none G */
	DMM_A_ERROR_SIDE,	/* u32, enum dmm_side G */
	DMM_A_FREEZE_RESULT,	/* s32 as u32: 0 frozen, -EINPROGRESS, -ETIME, -ECANCELED G */
	DMM_A_SIZE_BYTES,	/* u64 G */
	DMM_A_BLOCK_BYTES,	/* u32 G */
	DMM_A_DIRTY_BLOCKS,	/* u64 G */
	DMM_A_INFLIGHT_BYTES,	/* u64: read or sent, not yet acknowledged G */
	DMM_A_ACKED_BYTES,	/* u64: acknowledged as written since START G */
	DMM_A_SHIPPED_BYTES,	/* u64: data sent since START (zeros are not) G */
	DMM_A_PREHOLD_BYTES,	/* u64: of these, sent before the latest freeze G */
	DMM_A_RESENT_BLOCKS,	/* u64: shipped a second time or more G */
	DMM_A_REDIRTIED_BLOCKS,	/* u64: clean ones that a guest write made dirty since START G */
	DMM_A_WRITES_SUBMITTED,	/* u64: bios that modify data, since the table was made G */
	DMM_A_WRITES_COMPLETED,	/* u64 G */
	DMM_A_READS,		/* u64 G */
	DMM_A_HELD,		/* u32: bios held now G */
	DMM_A_ALERTS,		/* u64: bios of unknown kind G */
	DMM_A_SWEEP_BLOCKS,	/* u64: blocks of the first sweep done G */
	DMM_A_HOLD_NS,		/* u64: latest freeze: begun, CLOCK_MONOTONIC G */
	DMM_A_DRAIN_NS,		/* u64: time to drain writes G */
	DMM_A_SHIP_NS,		/* u64: time to ship the rest G */
	DMM_A_BARRIER_NS,	/* u64: time of the barrier G */
	DMM_A_FREEZE_BLOCKS,	/* u64: blocks dirty when drained G */
	DMM_A_BARRIER,		/* u64: number of the last acknowledged barrier G */
	DMM_A_REASON,		/* NUL terminated string: what STOPPING or FAILED is about G */
	DMM_A_START_NS,		/* u64: CLOCK_MONOTONIC of START G */
	DMM_A_REMOTE_STATUS,	/* u32: enum dmm_wire_err of a negative acknowledgement G */
	DMM_A_CONNS,		/* u32: connections of the disk G */
	DMM_A_FEATURES,		/* u64: features of the wire in use G */
	DMM_A_WRITE_BYTES,	/* u64: that the submitted ones were about G */
	DMM_A_ZERO_BYTES,	/* u64: of ACKED_BYTES, what read as zeros and went as a header G */
	DMM_A_ZERO_BLOCKS,	/* u64: the same in blocks G */
	DMM_A_DATA_BLOCKS,	/* u64: blocks acknowledged that went as data G */
	DMM_A_SPEED,		/* u64: bytes/s, what the connections carried of late, 0 = unknown G */
	DMM_A_READ_NS,		/* u64: time of the reads of the origin since START, summed up G */
	DMM_A_SEND_NS,		/* u64: time of checksums and sending, summed up over connections G */
	DMM_A_HOST_RATE,	/* u64: of all disks together, 0 = unlimited G */
	DMM_A_READ_LATENCY,	/* binary, u64 each: guest's reads by latency, see below G */
	DMM_A_WRITE_LATENCY,	/* binary, u64 each: guest's writes by latency G */
	DMM_A_BARRIER_BYTES,	/* u64: acknowledged bytes from one barrier to the next */
	DMM_A_BARRIER_MS,	/* u32: time from one to the next */
	DMM_A_UNFLUSHED_BYTES,	/* u64: acknowledged, but not covered by a barrier yet G */
	DMM_A_SHIPPED_NS,	/* u64: CLOCK_MONOTONIC when SHIPPED_BYTES last grew, 0 = never G */
	DMM_A_INSTANCE,		/* binary, 16 bytes: of the receiver at the latest START, 0 = unknown G */
	DMM_A_BOOT,		/* binary, 16 bytes: of its host */
	DMM_A_GATE,		/* u32: enum dmm_gate G */
	DMM_A_IF_CLEAN,		/* flag */
	DMM_A_FAILED_READS,	/* u64: reads failed by a gate or after RELEASE, since the table was made G */
	DMM_A_FAILED_WRITES,	/* u64: the same of flushes and all that modifies G */
	DMM_A_RANGE,		/* binary, u64 each: offset and length in bytes */
	DMM_A_SECURITY,		/* u32: enum dmm_security G */
	__DMM_A_MAX,
};
#define DMM_A_MAX (__DMM_A_MAX - 1)

/*
 * READ_LATENCY and WRITE_LATENCY: how many took how long at the origin, since the table was made.
 * Bucket 0 is below 1 us, bucket n from 2^(n-1) us to below 2^n us, the last one is open.  One
 * in DMM_LATENCY_SAMPLE of each processor's is timed.
 */
#define DMM_LATENCY_BUCKETS	24u
#define DMM_LATENCY_SAMPLE	64u

/* One diagram of these, naming its functions, is in kmod/core/state.h. */
enum dmm_state {
	DMM_STATE_IDLE,		/* attached; bios pass, nothing is tracked */
	DMM_STATE_COPYING,
	DMM_STATE_PAUSED,
	DMM_STATE_FREEZING,	/* writes held, the rest is being shipped */
	DMM_STATE_FROZEN,	/* converged: barrier acknowledged, timer armed */
	DMM_STATE_COMMITTED,	/* everything held, until RECLAIM or RELEASE */
	DMM_STATE_DISCONNECTED,	/* connection lost; tracking goes on */
	DMM_STATE_FAILED,	/* first error kept; tracking goes on */
	DMM_STATE_STOPPING,	/* stopped, the origin still owes a read */
	DMM_STATE_RELEASED,	/* given up: everything fails, the origin is never written again */
	DMM_STATE_GATED,	/* no source but a gate, see enum dmm_gate */
	DMM_STATE_COMPARING,	/* what differs is being found out; nothing is shipped */
	__DMM_STATE_MAX,
};

enum dmm_gate {
	DMM_GATE_NONE,		/* the table has no gate */
	DMM_GATE_SHUT,		/* everything fails; so it is made */
	DMM_GATE_READS,		/* reads pass, all else fails */
	DMM_GATE_OPEN,
	__DMM_GATE_MAX,
};

enum dmm_side {
	DMM_SIDE_NONE,
	DMM_SIDE_ORIGIN,	/* reading the source's disk */
	DMM_SIDE_LINK,		/* the connection */
	DMM_SIDE_RECEIVER,	/* a negative acknowledgement, or the sink failed */
	DMM_SIDE_LOCAL,		/* table changed, out of memory, ... */
};

#endif
