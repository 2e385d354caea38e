// SPDX-License-Identifier: GPL-2.0
/*
 * The data connections of a start: connected and introduced here, then the kernel's.
 */
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "datasum.h"
#include "start.h"

/*
 * Who receives, for the kernel to know again.  Nothing is said of a receiver that has prepared the disk anew
 * though it is the same instance: the destination was closed meanwhile (doc/design.rst).
 */
static void name_receiver(const struct dmm_start_disk *d, const struct dmm_wire_hello_ok *hello,
			  struct dmm_nl_req *req)
{
	if (d->resume && !d->known && !memcmp(hello->instance, d->instance, sizeof(d->instance)))
		return;
	req->set |= DMM_NL_BIT(DMM_A_INSTANCE) | DMM_NL_BIT(DMM_A_BOOT);
	memcpy(req->instance, hello->instance, sizeof(req->instance));
	memcpy(req->boot, hello->boot, sizeof(req->boot));
}

/*
 * One of them.  The first one's carrier is that of all, for the kernel takes no mixed set: what it can do may change meanwhile.
 * Returns 0 or the exit code, with c->why.
 */
static int connect_one(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d, u32 index,
		       enum dmm_tls_carrier *carrier)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_ATTACH, .dev = dmm_source_dev(&d->s), .disk = d->disk, .conn_epoch = d->conn_epoch,
		.conn_index = index, .conns = d->conns,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_MIGRATION) | DMM_NL_BIT(DMM_A_DISK) |
		       DMM_NL_BIT(DMM_A_CONN_EPOCH) | DMM_NL_BIT(DMM_A_CONN_INDEX) |
		       DMM_NL_BIT(DMM_A_CONNS) | DMM_NL_BIT(DMM_A_FEATURES) | DMM_NL_BIT(DMM_A_FD),
	};
	struct dmm_wire_attach at;
	struct dmm_remote data;
	int ret;

	dmm_remote_init(&data);
	data.offer = DMM_FEATURE_ZERO | dmm_sum_offer();
	data.carrier = *carrier;
	dmm_remote_attach_to(&at, c->id, d->disk, d->conn_epoch, index, d->conns);
	if (dmm_remote_open_data(&data, &c->remote, &d->to, &at, true)) {
		snprintf(c->why, sizeof(c->why), "%s", data.why);
		dmm_remote_close(&data);
		return data.exit;
	}
	memcpy(req.migration, c->id, sizeof(c->id));
	name_receiver(d, &data.hello, &req);
	/* the same of all connections, as the kernel sees to */
	memcpy(d->receiver, data.hello.instance, sizeof(d->receiver));
	req.features = data.client.features;	/* what both sides have */
	req.fd = (u32)data.client.fd;
	if (!d->to.plaintext) {
		req.set |= DMM_NL_BIT(DMM_A_SECURITY);
		req.security = data.client.tls.kernel ? DMM_SECURITY_TLS : DMM_SECURITY_RELAY;
		*carrier = data.client.tls.kernel ? DMM_TLS_KERNEL : DMM_TLS_RELAY;
	}
	ret = dmm_nl_do(t->nl, &req);
	dmm_remote_close(&data);	/* the kernel has a reference of its own */
	if (!ret)
		return 0;
	snprintf(c->why, sizeof(c->why), "the kernel does not take the connection: %s",
		 dmm_nl_text(t, ret));
	return DMM_EXIT_LOCAL;
}

int dmm_start_resume(struct dmm_start *c, struct dmm_start_disk *d)
{
	struct dmm_wire_query_ok q;
	int ret;

	ret = dmm_remote_query(&c->remote, c->id, d->disk, &q);
	if (ret && c->remote.code != DMM_WERR_NOTFOUND)
		return ret;
	d->known = !ret;
	if (!d->known)
		return 0;
	d->finished = le32_to_cpu(q.state) == DMM_DISK_FINISHED;
	/* without a gate nobody can say that nothing was written there since */
	if (q.error || (d->finished && !d->s.record.gate[0]))
		d->resume = false;
	if (d->finished)
		d->known = false;
	return 0;
}

int dmm_start_connect(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	struct dmm_nl_req req = { .cmd = d->compare ? DMM_CMD_COMPARE : DMM_CMD_START,
				  .set = DMM_NL_BIT(DMM_A_DEV), .dev = dmm_source_dev(&d->s) };
	enum dmm_tls_carrier carrier = DMM_TLS_AUTO;
	u32 i;
	int ret;

	ret = dmm_tool_nl(t);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "cannot talk to the kernel: %s",
			 dmm_nl_text(t, ret));
		return DMM_EXIT_LOCAL;
	}
	for (i = 0; i < d->conns; i++) {
		ret = connect_one(t, c, d, i, &carrier);
		if (ret)
			return ret;
	}
	dmm_stop_at("attached");

	if (t->args.bandwidth != DMM_UNSET) {
		req.set |= DMM_NL_BIT(DMM_A_RATE);
		req.rate = t->args.bandwidth;
	}
	if (t->args.barrier_bytes != DMM_UNSET) {
		req.set |= DMM_NL_BIT(DMM_A_BARRIER_BYTES);
		req.barrier_bytes = t->args.barrier_bytes;
	}
	if (t->args.barrier_ms != DMM_UNSET) {
		req.set |= DMM_NL_BIT(DMM_A_BARRIER_MS);
		req.barrier_ms = (u32)t->args.barrier_ms;
	}
	ret = dmm_nl_do(t->nl, &req);
	if (ret) {
		snprintf(c->why, sizeof(c->why), "the kernel does not start: %s",
			 dmm_nl_text(t, ret));
		return DMM_EXIT_LOCAL;
	}
	dmm_stop_at("started");
	return 0;
}
