// SPDX-License-Identifier: GPL-2.0
/*
 * Requests and answers.  libnl's own errors are translated to errno, the kernel's
 * come as they are, with the text of the extended acknowledgement kept.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/family.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "nl.h"

#define NL_TIMEOUT_S	20	/* STOP answers within one; anything longer is a bug to report */

struct dmm_nl {
	struct nl_sock *sock;
	int family;
	unsigned int version;
	char reason[256];
};

struct nl_wait {
	struct dmm_nl *nl;
	bool done;
	int error;
	struct dmm_nl_info *list;	/* owned until taken */
	unsigned int nr;
};

int dmm_nl_errno(int nlerr)
{
	switch (nlerr < 0 ? -nlerr : nlerr) {
	case NLE_SUCCESS:
		return 0;
	case NLE_OBJ_NOTFOUND:
		return -ENOENT;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_AGAIN:
		return -EAGAIN;
	case NLE_INTR:
		return -EINTR;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_PROTO_MISMATCH:
		return -EPROTONOSUPPORT;
	case NLE_NOADDR:
	case NLE_AF_NOSUPPORT:
		return -EAFNOSUPPORT;
	default:
		return -EIO;
	}
}

static int nl_setup(struct dmm_nl *nl)
{
	struct timeval tv = { .tv_sec = NL_TIMEOUT_S };
	struct genl_family *family;
	struct nl_cache *cache;
	int one = 1;
	int fd, ret;

	ret = genl_connect(nl->sock);
	if (ret)
		return dmm_nl_errno(ret);
	fd = nl_socket_get_fd(nl->sock);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	/* Without these two the reason stays untold; nothing else depends on them. */
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	nl_socket_set_buffer_size(nl->sock, 1 << 18, 0);

	ret = genl_ctrl_alloc_cache(nl->sock, &cache);
	if (ret)
		return dmm_nl_errno(ret);
	family = genl_ctrl_search_by_name(cache, DMM_GENL_NAME);
	if (family) {
		nl->family = genl_family_get_id(family);
		nl->version = genl_family_get_version(family);
		genl_family_put(family);
	}
	nl_cache_free(cache);
	return nl->family ? 0 : -ENOENT;
}

int dmm_nl_open(struct dmm_nl **out)
{
	struct dmm_nl *nl = calloc(1, sizeof(*nl));
	int ret = -ENOMEM;

	if (!nl)
		return -ENOMEM;
	nl->sock = nl_socket_alloc();
	if (!nl->sock)
		goto err_close;
	ret = nl_setup(nl);
	if (ret)
		goto err_close;
	*out = nl;
	return 0;

err_close:
	dmm_nl_close(nl);
	return ret;
}

void dmm_nl_close(struct dmm_nl *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->sock);
	free(nl);
}

unsigned int dmm_nl_version(const struct dmm_nl *nl)
{
#ifdef DMM_DEBUG	/* as if the module were another one's */
	const char *fake = getenv("DMM_TOOL_GENL_VERSION");

	if (fake)
		return atoi(fake);
#endif
	return nl->version;
}

const char *dmm_nl_reason(const struct dmm_nl *nl)
{
	return nl->reason;
}

/* The TLVs of an extended acknowledgement follow the (capped) copy of our request. */
static void nl_take_reason(struct dmm_nl *nl, struct nlmsgerr *err)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)((char *)err - NLMSG_HDRLEN);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*err);
	const char *s;
	char *d;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (nlh->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(skip))
		return;
	if (nla_parse(tb, NLMSGERR_ATTR_MAX, (struct nlattr *)((char *)err + NLMSG_ALIGN(skip)),
		      nlh->nlmsg_len - NLMSG_HDRLEN - NLMSG_ALIGN(skip), NULL) ||
	    !tb[NLMSGERR_ATTR_MSG])
		return;
	nla_strlcpy(nl->reason, tb[NLMSGERR_ATTR_MSG], sizeof(nl->reason));
	for (s = d = nl->reason; *s; s++)
		*d++ = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
}

static int nl_on_error(struct sockaddr_nl *who, struct nlmsgerr *err, void *arg)
{
	struct nl_wait *w = arg;

	(void)who;
	w->error = err->error;
	w->done = true;
	nl_take_reason(w->nl, err);
	return NL_STOP;
}

static int nl_on_ack(struct nl_msg *msg, void *arg)
{
	struct nl_wait *w = arg;

	(void)msg;
	w->done = true;
	return NL_STOP;
}

/* A dump that ends with an error says so in its last message. */
static int nl_on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct nl_wait *w = arg;

	if (nlmsg_datalen(nlh) >= (int)sizeof(int) && *(int *)nlmsg_data(nlh) < 0)
		w->error = *(int *)nlmsg_data(nlh);
	w->done = true;
	return NL_STOP;
}

static int nl_on_valid(struct nl_msg *msg, void *arg)
{
	struct nl_wait *w = arg;
	struct dmm_nl_info info, *list;
	int ret;

	ret = dmm_nl_parse(nlmsg_hdr(msg), &info);
	if (ret) {
		w->error = ret;
		return NL_SKIP;
	}
	list = reallocarray(w->list, w->nr + 1, sizeof(*list));
	if (!list) {
		w->error = -ENOMEM;
		return NL_SKIP;
	}
	w->list = list;
	list[w->nr++] = info;
	return NL_SKIP;
}

/* Sends @req and runs the answers through the callbacks above. */
static int nl_talk(struct dmm_nl *nl, const struct dmm_nl_req *req, int flags, struct nl_wait *w)
{
	struct nl_msg *msg;
	struct nl_cb *cb;
	int ret;

	nl->reason[0] = '\0';
	w->nl = nl;
	cb = nl_cb_alloc(NL_CB_DEFAULT);
	msg = dmm_nl_build(nl->family, flags, req);
	if (!cb || !msg) {
		ret = -ENOMEM;
		goto out_free;
	}
	nl_cb_err(cb, NL_CB_CUSTOM, nl_on_error, w);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, nl_on_ack, w);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, nl_on_finish, w);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, nl_on_valid, w);

	ret = nl_send_auto(nl->sock, msg);
	if (ret < 0) {
		ret = dmm_nl_errno(ret);
		goto out_free;
	}
	ret = 0;
	while (!w->done) {
		ret = nl_recvmsgs(nl->sock, cb);
		if (ret < 0 && !w->done) {
			ret = ret == -NLE_AGAIN ? -ETIMEDOUT : dmm_nl_errno(ret);
			if (ret == -EINTR)
				continue;
			goto out_free;
		}
		ret = 0;
	}
	ret = w->error;

out_free:
	nlmsg_free(msg);
	if (cb)
		nl_cb_put(cb);
	return ret;
}

int dmm_nl_do(struct dmm_nl *nl, const struct dmm_nl_req *req)
{
	struct nl_wait w = { 0 };
	int ret = nl_talk(nl, req, NLM_F_ACK, &w);

	free(w.list);
	return ret;
}

int dmm_nl_simple(struct dmm_nl *nl, enum dmm_cmd cmd, u64 dev)
{
	struct dmm_nl_req req = { .cmd = cmd, .set = DMM_NL_BIT(DMM_A_DEV), .dev = dev };

	return dmm_nl_do(nl, &req);
}

int dmm_nl_get(struct dmm_nl *nl, u64 dev, struct dmm_nl_info *info)
{
	struct dmm_nl_req req = { .cmd = DMM_CMD_GET, .set = DMM_NL_BIT(DMM_A_DEV), .dev = dev };
	struct nl_wait w = { 0 };
	int ret = nl_talk(nl, &req, NLM_F_ACK, &w);

	if (!ret && w.nr != 1)
		ret = -EBADMSG;
	if (!ret)
		*info = w.list[0];
	free(w.list);
	return ret;
}

int dmm_nl_dump(struct dmm_nl *nl, struct dmm_nl_info **list, unsigned int *nr)
{
	struct dmm_nl_req req = { .cmd = DMM_CMD_GET };
	struct nl_wait w = { 0 };
	int ret = nl_talk(nl, &req, NLM_F_DUMP, &w);

	if (ret) {
		free(w.list);
		return ret;
	}
	*list = w.list;
	*nr = w.nr;
	return 0;
}
