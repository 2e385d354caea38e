// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: one policy per command, so that the parser
 * refuses bad input before any handler runs; handlers translate and delegate.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <net/genetlink.h>

#include "gate.h"
#include "host.h"
#include "migration.h"
#include "netlink.h"
#include "netlink_policy.h"
#include "sender.h"

static struct genl_family dmm_family;

/* CAP_SYS_ADMIN in the initial user namespace: GENL_ADMIN_PERM would be CAP_NET_ADMIN. */
static int check_caller(struct sk_buff *skb, struct netlink_ext_ack *extack)
{
	if (DMM_MUTANT == 130 || netlink_capable(skb, CAP_SYS_ADMIN))	/* hazard 30 */
		return 0;
	NL_SET_ERR_MSG(extack, "CAP_SYS_ADMIN is needed");
	return -EPERM;
}

/* Every command begins here.  On success *@mp is a new reference. */
static int begin(struct sk_buff *skb, struct genl_info *info, const enum dmm_attr *required,
		 unsigned int nr_required, struct dmm_migration **mp)
{
	unsigned int i;
	int r;

	r = check_caller(skb, info->extack);
	if (r)
		return r;
	for (i = 0; i < nr_required; i++) {
		if (!info->attrs[required[i]]) {
			NL_SET_ERR_MSG(info->extack, "a required attribute is missing");
			return -EINVAL;
		}
	}
	if (!info->attrs[DMM_A_DEV]) {
		NL_SET_ERR_MSG(info->extack, "DMM_A_DEV is missing");
		return -EINVAL;
	}
	if (nla_get_u64(info->attrs[DMM_A_DEV]) > U32_MAX)
		goto err_no_device;
	*mp = dmm_migration_get_by_dev((dev_t)nla_get_u64(info->attrs[DMM_A_DEV]));
	if (!*mp)
		goto err_no_device;
	return 0;

err_no_device:
	NL_SET_ERR_MSG(info->extack, "no such device with a live migrate table");
	return -ENODEV;
}

static int end(struct dmm_migration *m, int r)
{
	dmm_migration_put(m);
	return r;
}

/* Of a command that has to wait for COMPARED. */
static int end_compared(struct genl_info *info, struct dmm_migration *m, int r)
{
	if (r == -EBUSY && READ_ONCE(m->state) == DMM_STATE_COMPARING)
		NL_SET_ERR_MSG(info->extack, "both sides are being compared: what differs is not known yet");
	return end(m, r);
}

static int cmd_attach(struct sk_buff *skb, struct genl_info *info)
{
	static const enum dmm_attr required[] = {
		DMM_A_MIGRATION, DMM_A_DISK, DMM_A_CONN_EPOCH, DMM_A_CONN_INDEX,
	};
	struct dmm_attach_args a;
	struct dmm_migration *m;
	int r;

	r = begin(skb, info, required, ARRAY_SIZE(required), &m);
	if (r)
		return r;
	a.conn_index = nla_get_u32(info->attrs[DMM_A_CONN_INDEX]);
	a.conns = info->attrs[DMM_A_CONNS] ? nla_get_u32(info->attrs[DMM_A_CONNS]) : 1;
	a.features = info->attrs[DMM_A_FEATURES] ? nla_get_u64(info->attrs[DMM_A_FEATURES]) : 0;
	if (nla_get_u32(info->attrs[DMM_A_DISK]) >= DMM_MAX_DISKS ||
	    !a.conns || a.conns > DMM_MAX_CONNS || a.conn_index >= a.conns) {
		NL_SET_ERR_MSG(info->extack, "no such disk or connection number");
		return end(m, -ERANGE);
	}
	if (a.features & ~DMM_SENDER_FEATURES) {
		NL_SET_ERR_MSG(info->extack, "a feature that this module does not have");
		return end(m, -EOPNOTSUPP);
	}
	memcpy(a.id, nla_data(info->attrs[DMM_A_MIGRATION]), sizeof(a.id));
	memset(&a.peer, 0, sizeof(a.peer));
	if (info->attrs[DMM_A_INSTANCE])
		memcpy(a.peer.instance, nla_data(info->attrs[DMM_A_INSTANCE]), sizeof(a.peer.instance));
	if (info->attrs[DMM_A_BOOT])
		memcpy(a.peer.boot, nla_data(info->attrs[DMM_A_BOOT]), sizeof(a.peer.boot));
	a.disk = nla_get_u32(info->attrs[DMM_A_DISK]);
	a.conn_epoch = nla_get_u64(info->attrs[DMM_A_CONN_EPOCH]);
	a.fd = info->attrs[DMM_A_FD] ? (int)nla_get_u32(info->attrs[DMM_A_FD]) : -1;
	a.security = info->attrs[DMM_A_SECURITY] ? nla_get_u32(info->attrs[DMM_A_SECURITY]) : DMM_SECURITY_NONE;
	if (a.security >= __DMM_SECURITY_MAX) {
		NL_SET_ERR_MSG(info->extack, "no such security");
		return end(m, -ERANGE);
	}
	if (!info->attrs[DMM_A_FD] && a.security != DMM_SECURITY_SINK) {
		NL_SET_ERR_MSG(info->extack, "DMM_A_FD is missing");
		return end(m, -EINVAL);
	}
	if (info->attrs[DMM_A_FD] && a.security == DMM_SECURITY_SINK) {
		NL_SET_ERR_MSG(info->extack, "a sink has no descriptor");
		return end(m, -EINVAL);
	}
	if (a.security == DMM_SECURITY_SINK && a.conns != 1) {
		NL_SET_ERR_MSG(info->extack, "a sink counts as one connection");
		return end(m, -ERANGE);
	}
	return end(m, dmm_cmd_attach(m, &a, info->extack));
}

static int cmd_start(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *bytes = info->attrs[DMM_A_BARRIER_BYTES], *ms = info->attrs[DMM_A_BARRIER_MS];
	struct dmm_start_args a = { .compare = info->genlhdr->cmd == DMM_CMD_COMPARE };
	struct dmm_migration *m;
	u64 rate;
	int r;

	r = begin(skb, info, NULL, 0, &m);
	if (r)
		return r;
	if (info->attrs[DMM_A_RATE]) {
		rate = nla_get_u64(info->attrs[DMM_A_RATE]);
		a.rate = &rate;
	}
	a.barrier_bytes = bytes ? nla_get_u64(bytes) : 0;
	a.barrier_ms = ms ? nla_get_u32(ms) : 0;
	if ((bytes && !a.barrier_bytes) || (ms && !a.barrier_ms)) {
		NL_SET_ERR_MSG(info->extack, "barriers at no distance at all");
		return end(m, -ERANGE);
	}
	r = dmm_cmd_start(m, &a);
	if (r == -EBUSY && a.compare)
		NL_SET_ERR_MSG(info->extack, "neither idle nor cut off while it was compared: stop first");
	return end(m, r);
}

static int cmd_of_comparison(struct sk_buff *skb, struct genl_info *info)
{
	static const enum dmm_attr of_mark[] = { DMM_A_RANGE }, of_end[] = { DMM_A_CONN_EPOCH };
	bool mark = info->genlhdr->cmd == DMM_CMD_MARK;
	struct dmm_migration *m;
	u64 range[2];
	int r;

	r = begin(skb, info, mark ? of_mark : of_end, 1, &m);
	if (r)
		return r;
	if (mark)
		memcpy(range, nla_data(info->attrs[DMM_A_RANGE]), sizeof(range));
	r = mark ? dmm_cmd_mark(m, range[0], range[1]) :
		   dmm_cmd_compared(m, nla_get_u64(info->attrs[DMM_A_CONN_EPOCH]));
	if (r == -EINVAL)
		NL_SET_ERR_MSG(info->extack, "nothing is being compared");
	else if (r == -ESTALE)
		NL_SET_ERR_MSG(info->extack, "not the connections with which it began");
	return end(m, r);
}

static int cmd_track(struct sk_buff *skb, struct genl_info *info)
{
	struct dmm_migration *m;
	int r;

	r = begin(skb, info, NULL, 0, &m);
	if (r)
		return r;
	r = dmm_cmd_track(m);
	if (r == -EOPNOTSUPP)
		NL_SET_ERR_MSG(info->extack, "a gate is no source");
	else if (r == -EBUSY)
		NL_SET_ERR_MSG(info->extack, "a migration has begun: its own figures tell what the guest writes");
	return end(m, r);
}

static int cmd_pause_resume(struct sk_buff *skb, struct genl_info *info)
{
	struct dmm_migration *m;
	int r;

	r = begin(skb, info, NULL, 0, &m);
	if (r)
		return r;
	return end_compared(info, m, dmm_cmd_pause(m, info->genlhdr->cmd == DMM_CMD_PAUSE));
}

static int host_rate(struct sk_buff *skb, struct genl_info *info)
{
	int r = check_caller(skb, info->extack);

	if (r)
		return r;
	if (!info->attrs[DMM_A_RATE]) {
		NL_SET_ERR_MSG(info->extack, "DMM_A_RATE is missing");
		return -EINVAL;
	}
	dmm_host_set_rate(nla_get_u64(info->attrs[DMM_A_RATE]));
	return 0;
}

static int cmd_rate(struct sk_buff *skb, struct genl_info *info)
{
	static const enum dmm_attr required[] = { DMM_A_RATE };
	struct dmm_migration *m;
	int r;

	if (!info->attrs[DMM_A_DEV])
		return host_rate(skb, info);
	r = begin(skb, info, required, ARRAY_SIZE(required), &m);
	if (r)
		return r;
	return end(m, dmm_cmd_rate(m, nla_get_u64(info->attrs[DMM_A_RATE])));
}

static int cmd_freeze(struct sk_buff *skb, struct genl_info *info)
{
	static const enum dmm_attr required[] = { DMM_A_EPOCH, DMM_A_TIMEOUT_MS };
	struct dmm_migration *m;
	u32 timeout_ms;
	int r;

	r = begin(skb, info, required, ARRAY_SIZE(required), &m);
	if (r)
		return r;
	timeout_ms = nla_get_u32(info->attrs[DMM_A_TIMEOUT_MS]);
	if (!timeout_ms || timeout_ms > DMM_MAX_FREEZE_MS) {
		NL_SET_ERR_MSG(info->extack, "the timeout is out of range");
		return end(m, -ERANGE);
	}
	r = dmm_cmd_freeze(m, nla_get_u64(info->attrs[DMM_A_EPOCH]), timeout_ms);
	if (r == -ESTALE)
		NL_SET_ERR_MSG(info->extack, "the epoch must be larger than any before");
	return end_compared(info, m, r);
}

/* THAW, COMMIT, RECLAIM, RELEASE: of the epoch that is named. */
static int cmd_of_epoch(struct sk_buff *skb, struct genl_info *info)
{
	static const enum dmm_attr required[] = { DMM_A_EPOCH };
	struct dmm_migration *m;
	u64 epoch;
	int r;

	r = begin(skb, info, required, ARRAY_SIZE(required), &m);
	if (r)
		return r;
	epoch = nla_get_u64(info->attrs[DMM_A_EPOCH]);
	switch (info->genlhdr->cmd) {
	case DMM_CMD_THAW:
		r = dmm_cmd_thaw(m, epoch);
		break;
	case DMM_CMD_COMMIT:
		r = dmm_cmd_commit(m, epoch);
		break;
	case DMM_CMD_RECLAIM:
		r = dmm_cmd_reclaim(m, epoch);
		break;
	default:
		r = dmm_cmd_release(m, epoch);
		break;
	}
	if (r == -ESTALE)
		NL_SET_ERR_MSG(info->extack, "not the epoch of the latest freeze");
	return end(m, r);
}

static int cmd_gate(struct sk_buff *skb, struct genl_info *info)
{
	static const enum dmm_attr required[] = { DMM_A_GATE };
	struct dmm_migration *m;
	bool if_clean;
	u32 gate;
	int r;

	r = begin(skb, info, required, ARRAY_SIZE(required), &m);
	if (r)
		return r;
	gate = nla_get_u32(info->attrs[DMM_A_GATE]);
	if_clean = !!info->attrs[DMM_A_IF_CLEAN];
	if (gate == DMM_GATE_NONE || gate >= __DMM_GATE_MAX ||
	    (if_clean && gate == DMM_GATE_READS)) {
		NL_SET_ERR_MSG(info->extack, "no such gate");
		return end(m, -ERANGE);
	}
	r = dmm_cmd_gate(m, gate, if_clean);
	if (r == -EOPNOTSUPP)
		NL_SET_ERR_MSG(info->extack, "the table has no gate");
	else if (r == -ENOTEMPTY)
		NL_SET_ERR_MSG(info->extack, "writes have passed: nothing can be given back");
	else if (r == -ETIMEDOUT)
		NL_SET_ERR_MSG(info->extack, "shut, but the volume has not answered yet");
	return end(m, r);
}

static int cmd_stop(struct sk_buff *skb, struct genl_info *info)
{
	struct dmm_migration *m;
	int r;

	r = begin(skb, info, NULL, 0, &m);
	if (r)
		return r;
	r = dmm_cmd_stop(m, !!info->attrs[DMM_A_FORCE]);
	if (r == -EBUSY)
		NL_SET_ERR_MSG(info->extack, "committed: reclaim or release it first");
	return end(m, r);
}

static int fill_get(struct sk_buff *msg, struct dmm_migration *m, u32 portid, u32 seq, int flags)
{
	void *hdr;

	hdr = genlmsg_put(msg, portid, seq, &dmm_family, flags, DMM_CMD_GET);
	if (!hdr)
		return -EMSGSIZE;
	if (dmm_netlink_put_all(msg, m)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

static int cmd_get(struct sk_buff *skb, struct genl_info *info)
{
	struct dmm_migration *m;
	struct sk_buff *msg;
	int r;

	r = begin(skb, info, NULL, 0, &m);
	if (r)
		return r;
	msg = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return end(m, -ENOMEM);
	r = fill_get(msg, m, info->snd_portid, info->snd_seq, 0);
	if (r) {
		nlmsg_free(msg);
		return end(m, r);
	}
	return end(m, genlmsg_reply(msg, info));
}

/* cb->args[0]: the last device told of. */
static int cmd_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dmm_migration *m;
	dev_t last = (dev_t)cb->args[0];
	int r;

	r = check_caller(cb->skb, NULL);
	if (r)
		return r;
	while ((m = dmm_migration_get_next(last))) {
		r = fill_get(skb, m, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, NLM_F_MULTI);
		if (!r)
			last = m->dev;
		dmm_migration_put(m);
		if (r)
			break;
	}
	cb->args[0] = last;
	return skb->len;
}

void dmm_netlink_event(struct dmm_migration *m, const struct dmm_event_note *note)
{
	/* waits for no memory: that may come only once the queue that this runs on lets writes go */
	struct sk_buff *msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_NOWAIT | __GFP_NOWARN);
	void *hdr;

	/* without one GET tells the state all the same */
	hdr = msg ? genlmsg_put(msg, 0, 0, &dmm_family, 0, DMM_CMD_EVENT) : NULL;
	if (!hdr || dmm_netlink_put_event(msg, m, note)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	genlmsg_multicast(&dmm_family, msg, 0, 0, GFP_NOWAIT | __GFP_NOWARN);
}

#define DMM_OP(_cmd, _doit, _policy) \
	{ .cmd = (_cmd), .doit = (_doit), DMM_GENL_OP_POLICY(_policy, DMM_A_MAX) }

static const struct genl_ops dmm_ops[] = {
	DMM_OP(DMM_CMD_ATTACH, cmd_attach, attach_policy),
	DMM_OP(DMM_CMD_START, cmd_start, start_policy),
	DMM_OP(DMM_CMD_PAUSE, cmd_pause_resume, dev_policy),
	DMM_OP(DMM_CMD_RESUME, cmd_pause_resume, dev_policy),
	DMM_OP(DMM_CMD_RATE, cmd_rate, rate_policy),
	DMM_OP(DMM_CMD_FREEZE, cmd_freeze, freeze_policy),
	DMM_OP(DMM_CMD_THAW, cmd_of_epoch, epoch_policy),
	DMM_OP(DMM_CMD_COMMIT, cmd_of_epoch, epoch_policy),
	DMM_OP(DMM_CMD_STOP, cmd_stop, stop_policy),
	{ .cmd = DMM_CMD_GET, .doit = cmd_get, .dumpit = cmd_dump,
	  DMM_GENL_OP_POLICY((DMM_MUTANT == 230 ? any_policy : dev_policy), DMM_A_MAX) },	/* hazard 30 */
	DMM_OP(DMM_CMD_RECLAIM, cmd_of_epoch, epoch_policy),
	DMM_OP(DMM_CMD_RELEASE, cmd_of_epoch, epoch_policy),
	DMM_OP(DMM_CMD_GATE, cmd_gate, gate_policy),
	DMM_OP(DMM_CMD_COMPARE, cmd_start, start_policy),
	DMM_OP(DMM_CMD_MARK, cmd_of_comparison, mark_policy),
	DMM_OP(DMM_CMD_COMPARED, cmd_of_comparison, compared_policy),
	DMM_OP(DMM_CMD_TRACK, cmd_track, dev_policy),
};

static const struct genl_multicast_group dmm_groups[] = {
	{ .name = DMM_GENL_MCGRP, DMM_GENL_MCGRP_PRIVILEGED },
};

static struct genl_family dmm_family __ro_after_init = {
	.name = DMM_GENL_NAME,
	.version = DMM_GENL_VERSION,
	.maxattr = DMM_A_MAX,
	DMM_GENL_FAMILY_POLICY(any_policy)
	.module = THIS_MODULE,
	.ops = dmm_ops,
	.n_ops = ARRAY_SIZE(dmm_ops),
	DMM_GENL_RESV_START_OP(DMM_CMD_ATTACH)
	.mcgrps = dmm_groups,
	.n_mcgrps = ARRAY_SIZE(dmm_groups),
	/* the daemon may run in a namespace of its own; check_caller() asks for the initial user namespace's */
	.netnsok = true,
	/* commands of one device are serialised by its own mutex; stop may take a second */
	.parallel_ops = true,
};

int dmm_netlink_init(void)
{
	return genl_register_family(&dmm_family);
}

void dmm_netlink_exit(void)
{
	genl_unregister_family(&dmm_family);
}
