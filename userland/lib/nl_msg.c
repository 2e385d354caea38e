// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink messages of the family: building requests, parsing answers and events.
 * The tables are the whole knowledge of types; both directions are pure.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <string.h>

#include "nl.h"

enum field_type { FIELD_U32, FIELD_U64, FIELD_ID, FIELD_TEXT, FIELD_FLAG,
		  FIELD_LATENCY, FIELD_RANGE };

struct field {
	enum dmm_attr attr;
	enum field_type type;
	size_t offset;
};

#define REQ(a, t, m)	{ DMM_A_##a, FIELD_##t, offsetof(struct dmm_nl_req, m) }
#define INFO(a, t, m)	{ DMM_A_##a, FIELD_##t, offsetof(struct dmm_nl_info, m) }

static const struct field req_fields[] = {
	REQ(DEV, U64, dev),
	REQ(MIGRATION, ID, migration),
	REQ(DISK, U32, disk),
	REQ(CONN_EPOCH, U64, conn_epoch),
	REQ(CONN_INDEX, U32, conn_index),
	REQ(FD, U32, fd),
	REQ(CONNS, U32, conns),
	REQ(FEATURES, U64, features),
	REQ(SECURITY, U32, security),
	REQ(RATE, U64, rate),
	REQ(EPOCH, U64, epoch),
	REQ(TIMEOUT_MS, U32, timeout_ms),
	REQ(BARRIER_BYTES, U64, barrier_bytes),
	REQ(BARRIER_MS, U32, barrier_ms),
	REQ(INSTANCE, ID, instance),
	REQ(BOOT, ID, boot),
	{ DMM_A_FORCE, FIELD_FLAG, 0 },
	REQ(GATE, U32, gate),
	{ DMM_A_IF_CLEAN, FIELD_FLAG, 0 },
	REQ(RANGE, RANGE, range),
};

static const struct field info_fields[] = {
	INFO(DEV, U64, dev),
	INFO(MIGRATION, ID, migration),
	INFO(DISK, U32, disk),
	INFO(CONN_EPOCH, U64, conn_epoch),
	INFO(RATE, U64, rate),
	INFO(EPOCH, U64, epoch),
	INFO(STATE, U32, state),
	INFO(OLD_STATE, U32, old_state),
	INFO(ERROR, U32, error),
	INFO(ERROR_SIDE, U32, error_side),
	INFO(FREEZE_RESULT, U32, freeze_result),
	INFO(SIZE_BYTES, U64, size_bytes),
	INFO(BLOCK_BYTES, U32, block_bytes),
	INFO(DIRTY_BLOCKS, U64, dirty_blocks),
	INFO(INFLIGHT_BYTES, U64, inflight_bytes),
	INFO(ACKED_BYTES, U64, acked_bytes),
	INFO(SHIPPED_BYTES, U64, shipped_bytes),
	INFO(PREHOLD_BYTES, U64, prehold_bytes),
	INFO(RESENT_BLOCKS, U64, resent_blocks),
	INFO(REDIRTIED_BLOCKS, U64, redirtied_blocks),
	INFO(WRITES_SUBMITTED, U64, writes_submitted),
	INFO(WRITES_COMPLETED, U64, writes_completed),
	INFO(WRITE_BYTES, U64, write_bytes),
	INFO(READS, U64, reads),
	INFO(HELD, U32, held),
	INFO(ALERTS, U64, alerts),
	INFO(SWEEP_BLOCKS, U64, sweep_blocks),
	INFO(HOLD_NS, U64, hold_ns),
	INFO(DRAIN_NS, U64, drain_ns),
	INFO(SHIP_NS, U64, ship_ns),
	INFO(BARRIER_NS, U64, barrier_ns),
	INFO(FREEZE_BLOCKS, U64, freeze_blocks),
	INFO(BARRIER, U64, barrier),
	INFO(REASON, TEXT, reason),
	INFO(START_NS, U64, start_ns),
	INFO(REMOTE_STATUS, U32, remote_status),
	INFO(CONNS, U32, conns),
	INFO(FEATURES, U64, features),
	INFO(SECURITY, U32, security),
	INFO(ZERO_BYTES, U64, zero_bytes),
	INFO(ZERO_BLOCKS, U64, zero_blocks),
	INFO(DATA_BLOCKS, U64, data_blocks),
	INFO(SPEED, U64, speed_bps),
	INFO(HOST_RATE, U64, host_rate),
	INFO(READ_NS, U64, read_ns),
	INFO(SEND_NS, U64, send_ns),
	INFO(READ_LATENCY, LATENCY, read_latency),
	INFO(WRITE_LATENCY, LATENCY, write_latency),
	INFO(UNFLUSHED_BYTES, U64, unflushed_bytes),
	INFO(SHIPPED_NS, U64, shipped_ns),
	INFO(INSTANCE, ID, instance),
	INFO(GATE, U32, gate),
	INFO(FAILED_READS, U64, failed_reads),
	INFO(FAILED_WRITES, U64, failed_writes),
};

static int req_put(struct nl_msg *msg, const struct field *fd, const struct dmm_nl_req *req)
{
	const void *from = (const char *)req + fd->offset;

	switch (fd->type) {
	case FIELD_U32:
		return nla_put_u32(msg, fd->attr, *(const u32 *)from);
	case FIELD_U64:
		return nla_put_u64(msg, fd->attr, *(const u64 *)from);
	case FIELD_ID:
		return nla_put(msg, fd->attr, DMM_ID_BYTES, from);
	case FIELD_FLAG:
		return nla_put_flag(msg, fd->attr);
	case FIELD_RANGE:
		return nla_put(msg, fd->attr, 2 * sizeof(u64), from);
	default:
		return -NLE_INVAL;
	}
}

struct nl_msg *dmm_nl_build(int family, int flags, const struct dmm_nl_req *req)
{
	struct nl_msg *msg = nlmsg_alloc();
	size_t i;

	if (!msg)
		return NULL;
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags | NLM_F_REQUEST,
			 req->cmd, DMM_GENL_VERSION))
		goto err_free;
	for (i = 0; i < sizeof(req_fields) / sizeof(req_fields[0]); i++) {
		if (!(req->set & DMM_NL_BIT(req_fields[i].attr)))
			continue;
		if (req_put(msg, &req_fields[i], req) < 0)
			goto err_free;
	}
	return msg;

err_free:
	nlmsg_free(msg);
	return NULL;
}

static int info_take(const struct nlattr *attr, const struct field *fd, struct dmm_nl_info *info)
{
	void *to = (char *)info + fd->offset;
	int bytes = nla_len(attr);
	const char *text;
	size_t i;

	switch (fd->type) {
	case FIELD_U32:
		if (bytes != sizeof(u32))
			return -EINVAL;
		memcpy(to, nla_data(attr), sizeof(u32));
		return 0;
	case FIELD_U64:
		if (bytes != sizeof(u64))
			return -EINVAL;
		memcpy(to, nla_data(attr), sizeof(u64));
		return 0;
	case FIELD_ID:
		if (bytes != DMM_ID_BYTES)
			return -EINVAL;
		memcpy(to, nla_data(attr), DMM_ID_BYTES);
		return 0;
	case FIELD_LATENCY:
		if (bytes != sizeof(info->read_latency))
			return -EINVAL;
		memcpy(to, nla_data(attr), sizeof(info->read_latency));
		return 0;
	case FIELD_TEXT:	/* a longer one is cut; control characters never reach a terminal */
		text = nla_data(attr);
		for (i = 0; i < sizeof(info->reason) - 1 && i < (size_t)bytes && text[i]; i++) {
			((char *)to)[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ?
				'?' : text[i];
		}
		return 0;
	default:
		return -EINVAL;
	}
}

int dmm_nl_parse(struct nlmsghdr *nlh, struct dmm_nl_info *info)
{
	struct nlattr *tb[DMM_A_MAX + 1];
	struct dmm_nl_info r;
	size_t i;

	if (!genlmsg_valid_hdr(nlh, 0))
		return -EINVAL;
	if (nla_parse(tb, DMM_A_MAX, genlmsg_attrdata(genlmsg_hdr(nlh), 0),
		      genlmsg_attrlen(genlmsg_hdr(nlh), 0), NULL))
		return -EINVAL;
	memset(&r, 0, sizeof(r));
	for (i = 0; i < sizeof(info_fields) / sizeof(info_fields[0]); i++) {
		const struct field *fd = &info_fields[i];

		if (!tb[fd->attr])
			continue;
		if (info_take(tb[fd->attr], fd, &r))
			return -EINVAL;
		r.present |= DMM_NL_BIT(fd->attr);
	}
	if (!(r.present & DMM_NL_BIT(DMM_A_DEV)))
		return -EINVAL;
	*info = r;
	return 0;
}

const char *dmm_security_name(u32 security)
{
	switch (security) {
	case DMM_SECURITY_NONE:
		return "plaintext";
	case DMM_SECURITY_TLS:
		return "TLS by the kernel";
	case DMM_SECURITY_RELAY:
		return "TLS by relays";
	case DMM_SECURITY_SINK:
		return "a disk of this host";
	default:
		return "unknown";
	}
}
