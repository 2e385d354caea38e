/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each command takes: netlink.c's.
 */
#ifndef DMM_NETLINK_POLICY_H
#define DMM_NETLINK_POLICY_H

#include <net/genetlink.h>

#include <dmmigrate/uapi.h>
#include <dmmigrate/wire.h>

static const struct nla_policy dev_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
};

static const struct nla_policy attach_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_MIGRATION] = NLA_POLICY_EXACT_LEN(DMM_ID_BYTES),
	[DMM_A_DISK] = { .type = NLA_U32 },
	[DMM_A_CONN_EPOCH] = { .type = NLA_U64 },
	[DMM_A_CONN_INDEX] = { .type = NLA_U32 },
	[DMM_A_FD] = { .type = NLA_U32 },
	[DMM_A_CONNS] = { .type = NLA_U32 },
	[DMM_A_FEATURES] = { .type = NLA_U64 },
	[DMM_A_INSTANCE] = NLA_POLICY_EXACT_LEN(DMM_ID_BYTES),
	[DMM_A_BOOT] = NLA_POLICY_EXACT_LEN(DMM_ID_BYTES),
	[DMM_A_SECURITY] = { .type = NLA_U32 },
};

static const struct nla_policy start_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_RATE] = { .type = NLA_U64 },
	[DMM_A_BARRIER_BYTES] = { .type = NLA_U64 },
	[DMM_A_BARRIER_MS] = { .type = NLA_U32 },
};

static const struct nla_policy mark_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_RANGE] = NLA_POLICY_EXACT_LEN(2 * sizeof(u64)),
};

static const struct nla_policy compared_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_CONN_EPOCH] = { .type = NLA_U64 },
};

static const struct nla_policy rate_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_RATE] = { .type = NLA_U64 },
};

static const struct nla_policy freeze_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_EPOCH] = { .type = NLA_U64 },
	[DMM_A_TIMEOUT_MS] = { .type = NLA_U32 },
};

static const struct nla_policy epoch_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_EPOCH] = { .type = NLA_U64 },
};

static const struct nla_policy stop_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_FORCE] = { .type = NLA_FLAG },
};

static const struct nla_policy gate_policy[DMM_A_MAX + 1] = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_GATE] = { .type = NLA_U32 },
	[DMM_A_IF_CLEAN] = { .type = NLA_FLAG },
};

/* All of them, for kernels whose families have but one policy. */
static const struct nla_policy any_policy[DMM_A_MAX + 1] __maybe_unused = {
	[DMM_A_DEV] = { .type = NLA_U64 },
	[DMM_A_MIGRATION] = NLA_POLICY_EXACT_LEN(DMM_ID_BYTES),
	[DMM_A_DISK] = { .type = NLA_U32 },
	[DMM_A_CONN_EPOCH] = { .type = NLA_U64 },
	[DMM_A_CONN_INDEX] = { .type = NLA_U32 },
	[DMM_A_FD] = { .type = NLA_U32 },
	[DMM_A_RATE] = { .type = NLA_U64 },
	[DMM_A_EPOCH] = { .type = NLA_U64 },
	[DMM_A_TIMEOUT_MS] = { .type = NLA_U32 },
	[DMM_A_FORCE] = { .type = NLA_FLAG },
	[DMM_A_CONNS] = { .type = NLA_U32 },
	[DMM_A_FEATURES] = { .type = NLA_U64 },
	[DMM_A_BARRIER_BYTES] = { .type = NLA_U64 },
	[DMM_A_BARRIER_MS] = { .type = NLA_U32 },
	[DMM_A_INSTANCE] = NLA_POLICY_EXACT_LEN(DMM_ID_BYTES),
	[DMM_A_BOOT] = NLA_POLICY_EXACT_LEN(DMM_ID_BYTES),
	[DMM_A_GATE] = { .type = NLA_U32 },
	[DMM_A_IF_CLEAN] = { .type = NLA_FLAG },
	[DMM_A_RANGE] = NLA_POLICY_EXACT_LEN(2 * sizeof(u64)),
	[DMM_A_SECURITY] = { .type = NLA_U32 },
};

#endif
