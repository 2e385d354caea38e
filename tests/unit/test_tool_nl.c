// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink messages against plain buffers: what is sent for each request, what is
 * made of answers, and what is refused.
 */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "nl.h"

#define FAMILY	77

static const u8 id[DMM_ID_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const u8 instance[DMM_ID_BYTES] = { 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1 };

static void parse_request(struct nl_msg *msg, u8 cmd, struct nlattr **tb)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);

	assert_int_equal(nlh->nlmsg_type, FAMILY);
	assert_true(nlh->nlmsg_flags & NLM_F_REQUEST);
	assert_int_equal(genlmsg_hdr(nlh)->cmd, cmd);
	assert_int_equal(genlmsg_hdr(nlh)->version, DMM_GENL_VERSION);
	assert_int_equal(genlmsg_parse(nlh, 0, tb, DMM_A_MAX, NULL), 0);
}

static unsigned int count(struct nlattr **tb)
{
	unsigned int i, n = 0;

	for (i = 0; i <= DMM_A_MAX; i++)
		n += !!tb[i];
	return n;
}

static void test_build_attach(void **state)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_ATTACH, .dev = dmm_nl_dev(253, 7), .disk = 0, .conn_epoch = 3,
		.conn_index = 0, .fd = 9,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_MIGRATION) | DMM_NL_BIT(DMM_A_DISK) |
		       DMM_NL_BIT(DMM_A_CONN_EPOCH) | DMM_NL_BIT(DMM_A_CONN_INDEX) |
		       DMM_NL_BIT(DMM_A_FD),
	};
	struct nlattr *tb[DMM_A_MAX + 1];
	struct nl_msg *msg;

	(void)state;
	memcpy(req.migration, id, sizeof(id));
	msg = dmm_nl_build(FAMILY, NLM_F_ACK, &req);
	assert_non_null(msg);
	assert_true(nlmsg_hdr(msg)->nlmsg_flags & NLM_F_ACK);
	parse_request(msg, DMM_CMD_ATTACH, tb);
	assert_int_equal(count(tb), 6);
	assert_int_equal(nla_len(tb[DMM_A_DEV]), 8);
	assert_int_equal(nla_get_u64(tb[DMM_A_DEV]), (253ull << 20) | 7);
	assert_int_equal(nla_len(tb[DMM_A_MIGRATION]), 16);
	assert_memory_equal(nla_data(tb[DMM_A_MIGRATION]), id, 16);
	assert_int_equal(nla_len(tb[DMM_A_DISK]), 4);
	assert_int_equal(nla_get_u32(tb[DMM_A_DISK]), 0);
	assert_int_equal(nla_len(tb[DMM_A_CONN_EPOCH]), 8);
	assert_int_equal(nla_get_u64(tb[DMM_A_CONN_EPOCH]), 3);
	assert_int_equal(nla_get_u32(tb[DMM_A_CONN_INDEX]), 0);
	assert_int_equal(nla_get_u32(tb[DMM_A_FD]), 9);
	nlmsg_free(msg);
}

/* Only what is asked for is sent: the kernel refuses anything else. */
static void test_build_others(void **state)
{
	static const struct { enum dmm_cmd cmd; u64 set; unsigned int nr; } cases[] = {
		{ DMM_CMD_GET, 0, 0 },
		{ DMM_CMD_GET, DMM_NL_BIT(DMM_A_DEV), 1 },
		{ DMM_CMD_START, DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_RATE), 2 },
		{ DMM_CMD_START, DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_BARRIER_BYTES) |
		  DMM_NL_BIT(DMM_A_BARRIER_MS), 3 },
		{ DMM_CMD_FREEZE, DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH) |
		  DMM_NL_BIT(DMM_A_TIMEOUT_MS), 3 },
		{ DMM_CMD_STOP, DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_FORCE), 2 },
		{ DMM_CMD_GATE, DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_GATE) |
		  DMM_NL_BIT(DMM_A_IF_CLEAN), 3 },
		{ DMM_CMD_COMPARE, DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_RATE), 2 },
		{ DMM_CMD_MARK, DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_RANGE), 2 },
		{ DMM_CMD_COMPARED, DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_CONN_EPOCH), 2 },
		{ DMM_CMD_TRACK, DMM_NL_BIT(DMM_A_DEV), 1 },
	};
	struct dmm_nl_req req = { .dev = 1, .rate = 5, .epoch = 6, .timeout_ms = 7,
				  .barrier_bytes = 1ull << 40, .barrier_ms = 8,
				  .gate = DMM_GATE_SHUT, .range = { 65536, 4096 } };
	struct nlattr *tb[DMM_A_MAX + 1];
	struct nl_msg *msg;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		req.cmd = cases[i].cmd;
		req.set = cases[i].set;
		msg = dmm_nl_build(FAMILY, 0, &req);
		assert_non_null(msg);
		parse_request(msg, cases[i].cmd, tb);
		assert_int_equal(count(tb), cases[i].nr);
		if (tb[DMM_A_RATE])
			assert_int_equal(nla_get_u64(tb[DMM_A_RATE]), 5);
		if (tb[DMM_A_EPOCH])
			assert_int_equal(nla_get_u64(tb[DMM_A_EPOCH]), 6);
		if (tb[DMM_A_TIMEOUT_MS]) {
			assert_int_equal(nla_len(tb[DMM_A_TIMEOUT_MS]), 4);
			assert_int_equal(nla_get_u32(tb[DMM_A_TIMEOUT_MS]), 7);
		}
		if (tb[DMM_A_BARRIER_BYTES]) {
			assert_int_equal(nla_get_u64(tb[DMM_A_BARRIER_BYTES]), 1ull << 40);
			assert_int_equal(nla_len(tb[DMM_A_BARRIER_MS]), 4);
			assert_int_equal(nla_get_u32(tb[DMM_A_BARRIER_MS]), 8);
		}
		if (tb[DMM_A_GATE])
			assert_int_equal(nla_get_u32(tb[DMM_A_GATE]), DMM_GATE_SHUT);
		if (tb[DMM_A_RANGE]) {
			assert_int_equal(nla_len(tb[DMM_A_RANGE]), 16);
			assert_memory_equal(nla_data(tb[DMM_A_RANGE]), req.range, 16);
		}
		if (tb[DMM_A_IF_CLEAN])
			assert_int_equal(nla_len(tb[DMM_A_IF_CLEAN]), 0);
		if (tb[DMM_A_FORCE])
			assert_int_equal(nla_len(tb[DMM_A_FORCE]), 0);
		nlmsg_free(msg);
	}
}

static struct nl_msg *answer(void)
{
	struct nl_msg *msg = nlmsg_alloc();

	assert_non_null(genlmsg_put(msg, 1, 1, FAMILY, 0, 0, DMM_CMD_GET, DMM_GENL_VERSION));
	return msg;
}

/* Every attribute of GET gets a value of its own and must land in its own field. */
static void test_parse_all(void **state)
{
	static const enum dmm_attr u64s[] = {
		DMM_A_DEV, DMM_A_CONN_EPOCH, DMM_A_RATE, DMM_A_EPOCH, DMM_A_SIZE_BYTES,
		DMM_A_DIRTY_BLOCKS, DMM_A_INFLIGHT_BYTES, DMM_A_ACKED_BYTES, DMM_A_SHIPPED_BYTES,
		DMM_A_PREHOLD_BYTES, DMM_A_RESENT_BLOCKS, DMM_A_REDIRTIED_BLOCKS,
		DMM_A_WRITES_SUBMITTED, DMM_A_WRITES_COMPLETED, DMM_A_READS, DMM_A_ALERTS,
		DMM_A_SWEEP_BLOCKS, DMM_A_HOLD_NS, DMM_A_DRAIN_NS, DMM_A_SHIP_NS, DMM_A_BARRIER_NS,
		DMM_A_FREEZE_BLOCKS, DMM_A_BARRIER, DMM_A_START_NS, DMM_A_FEATURES,
		DMM_A_WRITE_BYTES,
		DMM_A_ZERO_BYTES, DMM_A_ZERO_BLOCKS, DMM_A_DATA_BLOCKS, DMM_A_SPEED,
		DMM_A_READ_NS, DMM_A_SEND_NS, DMM_A_HOST_RATE, DMM_A_UNFLUSHED_BYTES,
		DMM_A_SHIPPED_NS,
		DMM_A_FAILED_READS, DMM_A_FAILED_WRITES,
	};
	static const enum dmm_attr u32s[] = {
		DMM_A_DISK, DMM_A_STATE, DMM_A_OLD_STATE, DMM_A_ERROR_SIDE, DMM_A_BLOCK_BYTES,
		DMM_A_HELD, DMM_A_REMOTE_STATUS, DMM_A_CONNS, DMM_A_GATE,
	};
	struct nl_msg *msg = answer();
	u64 latency[DMM_LATENCY_BUCKETS];
	struct dmm_nl_info i;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(u64s) / sizeof(u64s[0]); n++)
		nla_put_u64(msg, u64s[n], (1ull << 40) + u64s[n]);
	for (n = 0; n < sizeof(u32s) / sizeof(u32s[0]); n++)
		nla_put_u32(msg, u32s[n], 1000 + u32s[n]);
	nla_put(msg, DMM_A_MIGRATION, sizeof(id), id);
	nla_put(msg, DMM_A_INSTANCE, sizeof(instance), instance);
	nla_put_u32(msg, DMM_A_SECURITY, DMM_SECURITY_RELAY);
	nla_put_u32(msg, DMM_A_ERROR, (u32)-5);
	nla_put_u32(msg, DMM_A_FREEZE_RESULT, (u32)-62);
	nla_put_string(msg, DMM_A_REASON, "reading the origin");
	for (n = 0; n < DMM_LATENCY_BUCKETS; n++)
		latency[n] = (1ull << 33) + n;
	nla_put(msg, DMM_A_READ_LATENCY, sizeof(latency), latency);
	nla_put(msg, DMM_A_WRITE_LATENCY, sizeof(latency), latency);
	nla_put_u32(msg, DMM_A_MAX + 5, 1);	/* of a newer module */
	assert_int_equal(dmm_nl_parse(nlmsg_hdr(msg), &i), 0);
	nlmsg_free(msg);

#define U64(a, m)	assert_int_equal(i.m, (1ull << 40) + DMM_A_##a)
#define U32(a, m)	assert_int_equal(i.m, 1000 + DMM_A_##a)
	U64(DEV, dev);
	U64(CONN_EPOCH, conn_epoch);
	U64(RATE, rate);
	U64(EPOCH, epoch);
	U64(SIZE_BYTES, size_bytes);
	U64(DIRTY_BLOCKS, dirty_blocks);
	U64(INFLIGHT_BYTES, inflight_bytes);
	U64(ACKED_BYTES, acked_bytes);
	U64(SHIPPED_BYTES, shipped_bytes);
	U64(PREHOLD_BYTES, prehold_bytes);
	U64(RESENT_BLOCKS, resent_blocks);
	U64(REDIRTIED_BLOCKS, redirtied_blocks);
	U64(WRITES_SUBMITTED, writes_submitted);
	U64(WRITES_COMPLETED, writes_completed);
	U64(WRITE_BYTES, write_bytes);
	U64(READS, reads);
	U64(ALERTS, alerts);
	U64(SWEEP_BLOCKS, sweep_blocks);
	U64(HOLD_NS, hold_ns);
	U64(DRAIN_NS, drain_ns);
	U64(SHIP_NS, ship_ns);
	U64(BARRIER_NS, barrier_ns);
	U64(FREEZE_BLOCKS, freeze_blocks);
	U64(BARRIER, barrier);
	U64(START_NS, start_ns);
	U32(DISK, disk);
	U32(STATE, state);
	U32(OLD_STATE, old_state);
	U32(ERROR_SIDE, error_side);
	U32(BLOCK_BYTES, block_bytes);
	U32(HELD, held);
	U32(REMOTE_STATUS, remote_status);
	U32(CONNS, conns);
	U64(FEATURES, features);
	U64(ZERO_BYTES, zero_bytes);
	U64(ZERO_BLOCKS, zero_blocks);
	U64(DATA_BLOCKS, data_blocks);
	U64(SPEED, speed_bps);
	U64(READ_NS, read_ns);
	U64(HOST_RATE, host_rate);
	U64(SEND_NS, send_ns);
	U64(UNFLUSHED_BYTES, unflushed_bytes);
	U64(SHIPPED_NS, shipped_ns);
	U64(FAILED_READS, failed_reads);
	U64(FAILED_WRITES, failed_writes);
	U32(GATE, gate);
	assert_memory_equal(i.read_latency, latency, sizeof(latency));
	assert_memory_equal(i.write_latency, latency, sizeof(latency));
	assert_memory_equal(i.migration, id, sizeof(id));
	assert_memory_equal(i.instance, instance, sizeof(instance));
	assert_int_equal(i.security, DMM_SECURITY_RELAY);
	assert_int_equal(i.error, -5);
	assert_int_equal(i.freeze_result, -62);
	assert_string_equal(i.reason, "reading the origin");
	/* all that the contract marks as told by GET, but for padding and what is only sent */
	for (n = DMM_A_DEV; n <= DMM_A_MAX; n++) {
		if (n == DMM_A_CONN_INDEX || n == DMM_A_FD || n == DMM_A_TIMEOUT_MS ||
		    n == DMM_A_FORCE || n == DMM_A_BARRIER_BYTES || n == DMM_A_BARRIER_MS ||
		    n == DMM_A_BOOT || n == DMM_A_IF_CLEAN || n == DMM_A_RANGE)
			continue;
		assert_true(i.present & DMM_NL_BIT(n));
	}
}

static void test_parse_partial(void **state)
{
	struct nl_msg *msg = answer();
	struct dmm_nl_info i;

	(void)state;
	memset(&i, 0xff, sizeof(i));
	nla_put_u64(msg, DMM_A_DEV, 5);
	assert_int_equal(dmm_nl_parse(nlmsg_hdr(msg), &i), 0);
	assert_int_equal(i.present, DMM_NL_BIT(DMM_A_DEV));
	assert_int_equal(i.acked_bytes, 0);
	assert_string_equal(i.reason, "");
	nlmsg_free(msg);
}

static void refused(struct nl_msg *msg)
{
	struct dmm_nl_info i, before;

	memset(&i, 0x5a, sizeof(i));
	before = i;
	assert_int_equal(dmm_nl_parse(nlmsg_hdr(msg), &i), -EINVAL);
	assert_memory_equal(&i, &before, sizeof(i));	/* untouched on failure */
	nlmsg_free(msg);
}

static void test_parse_refused(void **state)
{
	static const u8 bytes[32];
	struct nl_msg *msg;

	(void)state;
	refused(answer());			/* without a device */
	msg = answer();
	nla_put_u32(msg, DMM_A_DEV, 5);		/* of the wrong size */
	refused(msg);
	msg = answer();
	nla_put_u64(msg, DMM_A_DEV, 5);
	nla_put_u64(msg, DMM_A_STATE, 1);
	refused(msg);
	msg = answer();
	nla_put_u64(msg, DMM_A_DEV, 5);
	nla_put(msg, DMM_A_MIGRATION, 15, bytes);
	refused(msg);
	msg = answer();
	nla_put_u64(msg, DMM_A_DEV, 5);
	nla_put(msg, DMM_A_SIZE_BYTES, 0, bytes);
	refused(msg);
	msg = nlmsg_alloc_simple(FAMILY, 0);	/* no generic netlink header at all */
	refused(msg);
}

/* The reason comes from the kernel, but some of it from a peer. */
static void test_parse_reason(void **state)
{
	char text[400], small[5] = { 'a', 'b', 'c', 'd', 'e' };
	struct dmm_nl_info i;
	struct nl_msg *msg = answer();

	(void)state;
	memset(text, 'x', sizeof(text));
	text[3] = '\n';
	text[5] = 0x1b;
	nla_put_u64(msg, DMM_A_DEV, 5);
	nla_put(msg, DMM_A_REASON, sizeof(text), text);	/* too long, not terminated */
	assert_int_equal(dmm_nl_parse(nlmsg_hdr(msg), &i), 0);
	assert_int_equal(strlen(i.reason), sizeof(i.reason) - 1);
	assert_memory_equal(i.reason, "xxx?x?x", 7);
	nlmsg_free(msg);
	msg = answer();
	nla_put_u64(msg, DMM_A_DEV, 5);
	nla_put(msg, DMM_A_REASON, sizeof(small), small);
	assert_int_equal(dmm_nl_parse(nlmsg_hdr(msg), &i), 0);
	assert_string_equal(i.reason, "abcde");
	nlmsg_free(msg);
}

/* Thousands of damaged messages: whatever is made of them, nothing is read beyond. */
static void test_parse_random(void **state)
{
	struct nl_msg *msg = answer();
	unsigned int round, n, taken = 0;
	struct nlmsghdr *nlh;
	size_t bytes, cut;

	(void)state;
	nla_put_u64(msg, DMM_A_DEV, 5);
	nla_put(msg, DMM_A_MIGRATION, sizeof(id), id);
	nla_put_u32(msg, DMM_A_STATE, 1);
	nla_put_string(msg, DMM_A_REASON, "of some length, so that it is hit");
	nla_put_u64(msg, DMM_A_DIRTY_BLOCKS, 7);
	bytes = nlmsg_hdr(msg)->nlmsg_len;
	srand(3);
	for (round = 0; round < 20000; round++) {
		struct dmm_nl_info i;

		cut = rand() % 4 ? bytes : NLMSG_HDRLEN + (size_t)rand() % (bytes - NLMSG_HDRLEN + 1);
		nlh = malloc(cut);	/* exactly as long, for the sanitizer */
		memcpy(nlh, nlmsg_hdr(msg), cut);
		for (n = (unsigned int)rand() % 4; n; n--)
			((u8 *)nlh)[(size_t)rand() % cut] = (u8)rand();
		nlh->nlmsg_len = (u32)cut;
		taken += !dmm_nl_parse(nlh, &i);
		free(nlh);
	}
	nlmsg_free(msg);
	print_message("%u of %u taken\n", taken, round);
	assert_in_range(taken, round / 20, round * 9 / 10);
}

static void test_dev(void **state)
{
	(void)state;
	assert_int_equal(dmm_nl_dev(253, 0), 253ull << 20);
	assert_int_equal(dmm_nl_dev(4095, 0xfffff), 0xffffffffull);
}

static void test_errno(void **state)
{
	(void)state;
	assert_int_equal(dmm_nl_errno(0), 0);
	assert_int_equal(dmm_nl_errno(-NLE_OBJ_NOTFOUND), -ENOENT);
	assert_int_equal(dmm_nl_errno(-NLE_PERM), -EPERM);
	assert_int_equal(dmm_nl_errno(NLE_NOMEM), -ENOMEM);
	assert_int_equal(dmm_nl_errno(-NLE_MSG_TRUNC), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_attach),
		cmocka_unit_test(test_build_others),
		cmocka_unit_test(test_parse_all),
		cmocka_unit_test(test_parse_partial),
		cmocka_unit_test(test_parse_refused),
		cmocka_unit_test(test_parse_reason),
		cmocka_unit_test(test_parse_random),
		cmocka_unit_test(test_dev),
		cmocka_unit_test(test_errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
