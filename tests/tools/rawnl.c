// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink by hand; see rawnl.h.
 */
#include "rawnl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void rawnl_begin(struct rawnl_msg *m, uint8_t cmd, uint8_t version)
{
	struct genlmsghdr *g = (void *)(m->buf + NLMSG_HDRLEN);

	memset(m->buf, 0, sizeof(m->buf));
	g->cmd = cmd;
	g->version = version;
	m->bytes = NLMSG_HDRLEN + GENL_HDRLEN;
}

void rawnl_put(struct rawnl_msg *m, uint16_t type, const void *data, size_t bytes)
{
	struct nlattr *a = (void *)(m->buf + m->bytes);

	if (m->bytes + NLA_HDRLEN + NLA_ALIGN(bytes) > sizeof(m->buf))
		return;
	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + bytes);
	if (bytes)
		memcpy((uint8_t *)a + NLA_HDRLEN, data, bytes);
	m->bytes += (uint32_t)(NLA_HDRLEN + NLA_ALIGN(bytes));
}

void rawnl_put_u32(struct rawnl_msg *m, uint16_t type, uint32_t v)
{
	rawnl_put(m, type, &v, sizeof(v));
}

void rawnl_put_u64(struct rawnl_msg *m, uint16_t type, uint64_t v)
{
	rawnl_put(m, type, &v, sizeof(v));
}

void rawnl_attrs(const void *attrs, size_t bytes, rawnl_attr_fn fn, void *arg)
{
	const uint8_t *p = attrs, *end = p + bytes;

	while (end - p >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)p;

		if (a->nla_len < NLA_HDRLEN || a->nla_len > end - p)
			return;
		fn(a->nla_type & NLA_TYPE_MASK, p + NLA_HDRLEN, a->nla_len - (size_t)NLA_HDRLEN, arg);
		p += NLA_ALIGN(a->nla_len) < end - p ? NLA_ALIGN(a->nla_len) : end - p;
	}
}

static void keep_text(uint16_t type, const void *data, size_t bytes, void *arg)
{
	struct rawnl *nl = arg;

	if (type == NLMSGERR_ATTR_MSG)
		snprintf(nl->text, sizeof(nl->text), "%.*s", (int)bytes, (const char *)data);
}

static int take_error(struct rawnl *nl, const struct nlmsghdr *h)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	size_t skip = sizeof(*e);

	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - NLMSG_HDRLEN;
	skip = NLMSG_ALIGN(skip);
	if (h->nlmsg_flags & NLM_F_ACK_TLVS && h->nlmsg_len > NLMSG_HDRLEN + skip)
		rawnl_attrs((const uint8_t *)e + skip, h->nlmsg_len - NLMSG_HDRLEN - skip,
			    keep_text, nl);
	return e->error;
}

/* Takes one datagram. 1: acknowledged (*err set), 0: go on. */
static int receive(struct rawnl *nl, rawnl_msg_fn fn, void *arg, int *err)
{
	static _Alignas(8) uint8_t buf[RAWNL_BYTES];
	struct nlmsghdr *h = (void *)buf;
	ssize_t n = recv(nl->fd, buf, sizeof(buf), 0);

	if (n < 0) {
		*err = -errno;
		return errno == EINTR ? 0 : 1;
	}
	for (; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_type == NLMSG_ERROR) {
			*err = take_error(nl, h);
			return 1;
		}
		if (h->nlmsg_type == NLMSG_DONE) {
			/* of a dump that could not go on */
			*err = h->nlmsg_len >= NLMSG_LENGTH(sizeof(int)) ? *(int *)NLMSG_DATA(h) : 0;
			return 1;
		}
		if (fn && h->nlmsg_len >= NLMSG_HDRLEN + GENL_HDRLEN) {
			struct genlmsghdr *g = NLMSG_DATA(h);

			fn(g->cmd, (uint8_t *)g + GENL_HDRLEN,
			   h->nlmsg_len - NLMSG_HDRLEN - GENL_HDRLEN, arg);
		}
	}
	return 0;
}

static int talk(struct rawnl *nl, struct rawnl_msg *m, uint16_t type, unsigned int flags,
		rawnl_msg_fn fn, void *arg)
{
	struct nlmsghdr *h = (void *)m->buf;
	int err = 0;

	h->nlmsg_len = m->bytes;
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	h->nlmsg_seq = ++nl->seq;
	nl->text[0] = 0;
	if (send(nl->fd, m->buf, m->bytes, 0) < 0)
		return -errno;
	while (!receive(nl, fn, arg, &err))
		;
	return err;
}

int rawnl_talk(struct rawnl *nl, struct rawnl_msg *m, unsigned int flags, rawnl_msg_fn fn, void *arg)
{
	/* A dump ends by itself; everything else is asked for an acknowledgement. */
	return talk(nl, m, nl->family, flags & NLM_F_DUMP ? flags : flags | NLM_F_ACK, fn, arg);
}

static void group_attr(uint16_t type, const void *data, size_t bytes, void *arg)
{
	struct rawnl *nl = arg;

	if (type == CTRL_ATTR_MCAST_GRP_ID && bytes == 4)
		memcpy(&nl->group, data, 4);
}

static void group_list(uint16_t type, const void *data, size_t bytes, void *arg)
{
	(void)type;
	rawnl_attrs(data, bytes, group_attr, arg);	/* the family has one group */
}

static void family_attr(uint16_t type, const void *data, size_t bytes, void *arg)
{
	struct rawnl *nl = arg;

	if (type == CTRL_ATTR_FAMILY_ID && bytes == 2)
		memcpy(&nl->family, data, 2);
	else if (type == CTRL_ATTR_MCAST_GROUPS)
		rawnl_attrs(data, bytes, group_list, nl);
}

static void family_msg(uint8_t cmd, const void *attrs, size_t bytes, void *arg)
{
	if (cmd == CTRL_CMD_NEWFAMILY)
		rawnl_attrs(attrs, bytes, family_attr, arg);
}

int rawnl_open(struct rawnl *nl)
{
	static const int on = 1;
	struct rawnl_msg m;
	int err;

	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (nl->fd < 0)
		return -errno;
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	rawnl_begin(&m, CTRL_CMD_GETFAMILY, 1);
	rawnl_put(&m, CTRL_ATTR_FAMILY_NAME, DMM_GENL_NAME, sizeof(DMM_GENL_NAME));
	err = talk(nl, &m, GENL_ID_CTRL, NLM_F_ACK, family_msg, nl);
	if (err)
		close(nl->fd);
	return err;
}

void rawnl_close(struct rawnl *nl)
{
	close(nl->fd);
}

int rawnl_join(struct rawnl *nl)
{
	return setsockopt(nl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &nl->group,
			  sizeof(nl->group)) ? -errno : 0;
}

int rawnl_wait(struct rawnl *nl, int timeout_ms, rawnl_msg_fn fn, void *arg)
{
	struct pollfd p = { .fd = nl->fd, .events = POLLIN };
	int n = poll(&p, 1, timeout_ms), err = 0;

	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	receive(nl, fn, arg, &err);
	return err;
}
