// SPDX-License-Identifier: GPL-2.0
/*
 * Messages for dmm-nlfuzz: about half of them right, the others with
 * attributes spoilt in one way or another.
 */
#include "nlfuzz.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdatomic.h>
#include <string.h>

#include <dmmigrate/uapi.h>

#define NLA_BYTES_MAX	6000	/* more than any reasonable one, so that it does not fit a page */

/* What each attribute has to be; the others are strings and numbers of answers. */
static const struct {
	uint16_t type;
	uint16_t bytes;
} attrs[] = {
	{ DMM_A_DEV, 8 }, { DMM_A_MIGRATION, 16 }, { DMM_A_DISK, 4 }, { DMM_A_CONN_EPOCH, 8 },
	{ DMM_A_CONN_INDEX, 4 }, { DMM_A_CONNS, 4 }, { DMM_A_FEATURES, 8 }, { DMM_A_FD, 4 },
	{ DMM_A_RATE, 8 }, { DMM_A_EPOCH, 8 }, { DMM_A_TIMEOUT_MS, 4 }, { DMM_A_FORCE, 0 },
	{ DMM_A_BARRIER_BYTES, 8 }, { DMM_A_BARRIER_MS, 4 },
	{ DMM_A_INSTANCE, 16 }, { DMM_A_BOOT, 16 },
	{ DMM_A_GATE, 4 }, { DMM_A_IF_CLEAN, 0 }, { DMM_A_RANGE, 16 },
	{ DMM_A_SECURITY, 4 },
};
#define NR_ATTRS (sizeof(attrs) / sizeof(attrs[0]))

/* Attributes of each command, as bits of attrs[]. */
static const uint32_t wants[DMM_CMD_MAX + 1] = {
	[DMM_CMD_ATTACH] = 0xff | 0xc000 | 0x80000,
	[DMM_CMD_START] = 0x01 | 0x100 | 0x1000 | 0x2000,
	[DMM_CMD_PAUSE] = 0x01,
	[DMM_CMD_RESUME] = 0x01,
	[DMM_CMD_RATE] = 0x01 | 0x100,
	[DMM_CMD_FREEZE] = 0x01 | 0x200 | 0x400,
	[DMM_CMD_THAW] = 0x01 | 0x200,
	[DMM_CMD_COMMIT] = 0x01 | 0x200,
	[DMM_CMD_STOP] = 0x01 | 0x800,
	[DMM_CMD_GET] = 0x01,
	[DMM_CMD_RECLAIM] = 0x01 | 0x200,
	[DMM_CMD_RELEASE] = 0x01 | 0x200,
	[DMM_CMD_GATE] = 0x01 | 0x10000 | 0x20000,
	[DMM_CMD_COMPARE] = 0x01 | 0x100 | 0x1000 | 0x2000,
	[DMM_CMD_MARK] = 0x01 | 0x40000,
	[DMM_CMD_COMPARED] = 0x01 | 0x08,
	[DMM_CMD_TRACK] = 0x01,
};

void nlfuzz_begin(struct nlfuzz_worker *w, uint8_t cmd, uint16_t flags)
{
	struct nlmsghdr *h = (void *)w->msg;
	struct genlmsghdr *g = (void *)(w->msg + NLMSG_HDRLEN);

	memset(w->msg, 0, NLMSG_HDRLEN + GENL_HDRLEN);
	h->nlmsg_type = fuzz.family;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	h->nlmsg_seq = ++w->seq;
	g->cmd = cmd;
	g->version = DMM_GENL_VERSION;
	w->bytes = NLMSG_HDRLEN + GENL_HDRLEN;
}

/* @bytes of @data, and what is missing of them from anywhere; nla_len as @len says. */
void nlfuzz_put(struct nlfuzz_worker *w, uint16_t type, const void *data, size_t bytes, uint16_t len)
{
	struct nlattr *a = (void *)(w->msg + w->bytes);

	if (w->bytes + NLA_HDRLEN + NLA_ALIGN(bytes) > NLFUZZ_MSG_BYTES)
		return;
	a->nla_type = type;
	a->nla_len = len;
	memset((uint8_t *)a + NLA_HDRLEN, 0, NLA_ALIGN(bytes));
	if (bytes)
		memcpy((uint8_t *)a + NLA_HDRLEN, data, bytes);
	w->bytes += (uint32_t)(NLA_HDRLEN + NLA_ALIGN(bytes));
}

void nlfuzz_put_right(struct nlfuzz_worker *w, uint16_t type, uint64_t value, size_t bytes)
{
	/* little endian machines only, as all that dom0 runs on */
	nlfuzz_put(w, type, &value, bytes, (uint16_t)(NLA_HDRLEN + bytes));
}

static uint64_t any_number(struct nlfuzz_worker *w)
{
	static const uint64_t edges[] = { 0, 1, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff,
					  1ull << 32, 1ull << 63, ~0ull, ~0ull - 1 };

	if (nlfuzz_odds(w, 2))
		return edges[rng_below(&w->r, sizeof(edges) / sizeof(edges[0]))];
	return rng_next(&w->r) >> rng_below(&w->r, 64);
}

/* A value that means something to @type, mostly. */
static uint64_t any_value(struct nlfuzz_worker *w, uint8_t cmd, uint16_t type)
{
	uint64_t epoch = atomic_load(&fuzz.epoch);

	if (nlfuzz_odds(w, 8))
		return any_number(w);
	switch (type) {
	case DMM_A_DEV:
		if (nlfuzz_odds(w, 16))
			return fuzz.dev + rng_below(&w->r, 5) - 2;
		return nlfuzz_odds(w, 24) ? fuzz.dev | 1ull << (32 + rng_below(&w->r, 32)) : fuzz.dev;
	case DMM_A_EPOCH:
		if (cmd == DMM_CMD_FREEZE && !nlfuzz_odds(w, 8))
			return atomic_fetch_add(&fuzz.epoch, 1) + 1;
		return nlfuzz_odds(w, 8) ? epoch - rng_below(&w->r, 3) : epoch;
	case DMM_A_TIMEOUT_MS:
		return nlfuzz_odds(w, 8) ? 14999 + rng_below(&w->r, 3) : 1 + rng_below(&w->r, 500);
	case DMM_A_RATE:
		return nlfuzz_odds(w, 2) ? 0 : rng_below(&w->r, 64 << 20);
	case DMM_A_BARRIER_BYTES:
		return nlfuzz_odds(w, 8) ? 0 : rng_below(&w->r, 4 << 20);
	case DMM_A_BARRIER_MS:
		return rng_below(&w->r, 500);
	case DMM_A_DISK:
		return rng_below(&w->r, 3);
	case DMM_A_GATE:
		return rng_below(&w->r, 5);
	case DMM_A_CONN_EPOCH:		/* nlfuzz_put_right() attaches by 1 */
		return cmd == DMM_CMD_COMPARED ? 1 : rng_next(&w->r);
	case DMM_A_RANGE:		/* this is where it begins */
		return rng_below(&w->r, 16 << 20);
	case DMM_A_CONN_INDEX:
		return nlfuzz_odds(w, 8);
	case DMM_A_CONNS:
		return 1 + nlfuzz_odds(w, 4);
	case DMM_A_FEATURES:
		return !nlfuzz_odds(w, 2);
	case DMM_A_SECURITY:
		return nlfuzz_odds(w, 2) ? 0 : rng_below(&w->r, 5);
	default:
		return rng_next(&w->r);
	}
}

/* One attribute, spoilt or not.  Returns a descriptor to close, or -1. */
static int put_attr(struct nlfuzz_worker *w, uint8_t cmd, unsigned int i, bool spoil)
{
	uint16_t type = attrs[i].type, bytes = attrs[i].bytes;
	uint8_t data[NLA_BYTES_MAX];
	uint64_t value = any_value(w, cmd, type);
	uint16_t len;
	bool mine = false;

	if (type == DMM_A_FD)
		value = (uint32_t)fds_any(&w->r, &mine);
	memset(data, (int)rng_next(&w->r), sizeof(data));
	memcpy(data, &value, sizeof(value));
	if (type == DMM_A_RANGE) {
		value = nlfuzz_odds(w, 4) ? any_number(w) : 1 + rng_below(&w->r, 1 << 20);
		memcpy(data + sizeof(value), &value, sizeof(value));
	}
	len = (uint16_t)(NLA_HDRLEN + bytes);
	if (spoil) {
		switch (rng_below(&w->r, 7)) {
		case 0:		/* too short */
			bytes = (uint16_t)rng_below(&w->r, bytes + 1u);
			len = (uint16_t)(NLA_HDRLEN + bytes);
			break;
		case 1:		/* too long */
			bytes = (uint16_t)(bytes + rng_below(&w->r, NLA_BYTES_MAX - bytes));
			len = (uint16_t)(NLA_HDRLEN + bytes);
			break;
		case 2:		/* a length that is none */
			len = (uint16_t)any_number(w);
			break;
		case 3:		/* of another kind */
			type |= nlfuzz_odds(w, 2) ? NLA_F_NESTED : NLA_F_NET_BYTEORDER;
			break;
		case 4:		/* one that the command does not take, or nobody knows */
			type = (uint16_t)rng_below(&w->r, nlfuzz_odds(w, 2) ? DMM_A_MAX + 3 : 0x4000);
			break;
		case 5:		/* twice */
			nlfuzz_put(w, type, data, bytes, len);
			memset(data, (int)rng_next(&w->r), sizeof(value));
			break;
		case 6:		/* not at all */
			return mine ? (int)value : -1;
		}
	}
	nlfuzz_put(w, type, data, bytes, len);
	return mine ? (int)value : -1;
}

void nlfuzz_make(struct nlfuzz_worker *w, int *to_close)
{
	static const uint16_t more_flags[] = { NLM_F_ROOT, NLM_F_MATCH, NLM_F_DUMP, NLM_F_ECHO,
					       NLM_F_MULTI, NLM_F_EXCL, 0xffff };
	uint8_t cmd = (uint8_t)(1 + rng_below(&w->r, DMM_CMD_MAX));
	bool spoil = nlfuzz_odds(w, 2);
	struct genlmsghdr *g = (void *)(w->msg + NLMSG_HDRLEN);
	uint32_t wanted;
	unsigned int i;

	if (nlfuzz_odds(w, 16))
		cmd = (uint8_t)rng_next(&w->r);
	/* what ends everything comes less often, or nothing would ever go on */
	if (cmd == DMM_CMD_RELEASE && !fuzz.release_often && !nlfuzz_odds(w, 20))
		cmd = DMM_CMD_RECLAIM;
	if ((fuzz.no_commit && cmd == DMM_CMD_COMMIT) || (cmd == DMM_CMD_STOP && !nlfuzz_odds(w, 5)))
		cmd = DMM_CMD_GET;
	nlfuzz_begin(w, cmd, nlfuzz_odds(w, 12) ? more_flags[rng_below(&w->r, 7)] : 0);
	if (nlfuzz_odds(w, 24)) {
		g->version = (uint8_t)rng_next(&w->r);
		g->reserved = (uint16_t)rng_next(&w->r);
	}
	wanted = cmd <= DMM_CMD_MAX ? wants[cmd] : (uint32_t)rng_next(&w->r);
	if (nlfuzz_odds(w, 12))
		wanted ^= 1u << rng_below(&w->r, NR_ATTRS);
	for (i = 0; i < NR_ATTRS; i++) {
		if (!(wanted & 1u << i))
			continue;
		/* STOP is forced now and then only, and some of ATTACH's are optional */
		if (((attrs[i].type == DMM_A_FORCE || attrs[i].type == DMM_A_IF_CLEAN) && !nlfuzz_odds(w, 4)) ||
		    ((attrs[i].type == DMM_A_CONNS || attrs[i].type == DMM_A_FEATURES) &&
		     nlfuzz_odds(w, 2)))
			continue;
		*to_close = put_attr(w, cmd, i, spoil && nlfuzz_odds(w, 3));
		if (*to_close >= 0)
			break;	/* DMM_A_FD is ATTACH's last */
	}
	if (nlfuzz_odds(w, 32) && w->bytes + 4 <= NLFUZZ_MSG_BYTES) {	/* crumbs behind the last one */
		uint32_t crumbs = (uint32_t)rng_next(&w->r);

		memcpy(w->msg + w->bytes, &crumbs, sizeof(crumbs));
		w->bytes += 1 + (uint32_t)rng_below(&w->r, 4);
	}
}
