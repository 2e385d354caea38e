// SPDX-License-Identifier: GPL-2.0
/*
 * Events of the family.  A socket of their own, non-blocking, so that they never
 * mix with answers; what has been received and not yet asked for waits in a queue.
 */
#include <errno.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#include "nl.h"

#define EVENTS_MAX	64

struct dmm_nl_events {
	struct nl_sock *sock;
	struct dmm_nl_info queue[EVENTS_MAX];
	unsigned int nr, head;
	bool lost;
};

static int events_on_valid(struct nl_msg *msg, void *arg)
{
	struct dmm_nl_events *ev = arg;
	struct genlmsghdr *gh = genlmsg_hdr(nlmsg_hdr(msg));
	struct dmm_nl_info info;

	if (gh->cmd != DMM_CMD_EVENT || dmm_nl_parse(nlmsg_hdr(msg), &info))
		return NL_SKIP;
	if (ev->nr == EVENTS_MAX) {
		ev->lost = true;
		return NL_SKIP;
	}
	ev->queue[(ev->head + ev->nr++) % EVENTS_MAX] = info;
	return NL_SKIP;
}

int dmm_nl_events_open(struct dmm_nl_events **out)
{
	struct dmm_nl_events *ev = calloc(1, sizeof(*ev));
	int ret = -ENOMEM;

	if (!ev)
		return -ENOMEM;
	ev->sock = nl_socket_alloc();
	if (!ev->sock)
		goto err_close;
	nl_socket_disable_seq_check(ev->sock);
	ret = nl_socket_modify_cb(ev->sock, NL_CB_VALID, NL_CB_CUSTOM, events_on_valid, ev);
	if (ret)
		goto err_nl;
	ret = genl_connect(ev->sock);
	if (ret)
		goto err_nl;
	ret = genl_ctrl_resolve_grp(ev->sock, DMM_GENL_NAME, DMM_GENL_MCGRP);
	if (ret < 0)
		goto err_nl;
	ret = nl_socket_add_membership(ev->sock, ret);
	if (ret)
		goto err_nl;
	ret = nl_socket_set_nonblocking(ev->sock);
	if (ret)
		goto err_nl;
	*out = ev;
	return 0;

err_nl:
	ret = dmm_nl_errno(ret);
err_close:
	dmm_nl_events_close(ev);
	return ret;
}

void dmm_nl_events_close(struct dmm_nl_events *ev)
{
	if (!ev)
		return;
	nl_socket_free(ev->sock);
	free(ev);
}

int dmm_nl_events_fd(const struct dmm_nl_events *ev)
{
	return nl_socket_get_fd(ev->sock);
}

int dmm_nl_events_next(struct dmm_nl_events *ev, struct dmm_nl_info *info)
{
	int ret;

	while (!ev->nr && !ev->lost) {
		ret = nl_recvmsgs_default(ev->sock);
		if (ret == -NLE_AGAIN)
			return 0;
		if (ret == -NLE_NOMEM)	/* what libnl makes of ENOBUFS */
			ev->lost = true;
		else if (ret < 0)
			return dmm_nl_errno(ret);
	}
	if (ev->lost) {
		ev->lost = false;
		return -ENOBUFS;
	}
	*info = ev->queue[ev->head];
	ev->head = (ev->head + 1) % EVENTS_MAX;
	ev->nr--;
	return 1;
}
