// SPDX-License-Identifier: GPL-2.0
/*
 * PROBE: how fast is the way to here, and how fast is a disk read?  Nothing is changed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "cleanup.h"
#include "control_priv.h"
#include "diskspeed.h"
#include "fullio.h"
#include "nbduri.h"
#include "opener.h"

#define CHUNK_BYTES	(256u << 10)

static int probe_link(struct dmm_session *s, u64 bytes, struct dmm_wire_probe_ok *ok, struct dmm_refusal *r)
{
	dmm_autofree void *buf = malloc(CHUNK_BYTES);
	u64 left, part, began_ns = dmm_now_ns();
	int ret;

	if (!buf)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	for (left = bytes; left; left -= part) {
		part = left < CHUNK_BYTES ? left : CHUNK_BYTES;
		ret = dmm_sock_read(s->fd, buf, part, dmm_now_ms() + s->rc->stall_ms, s->rc->stop_fd);
		if (ret == -ECANCELED)
			return dmm_refuse(r, DMM_WERR_SHUTDOWN, "the receiver is going down");
		if (ret)
			return dmm_refuse(r, DMM_WERR_PROTOCOL, "%llu bytes of a probe are missing: %s", left, strerror(-ret));
	}
	ok->bytes = cpu_to_le64(bytes);
	ok->ns = cpu_to_le64(dmm_now_ns() - began_ns);
	return 0;
}

/* Opened as PREPARE would, and closed again. */
static int open_dest(struct dmm_session *s, const struct dmm_probe_request *p, struct dmm_dest *dest, struct dmm_refusal *r)
{
	struct dmm_registry *reg = &s->rc->registry;
	const struct dmm_dest_request rq = {
		.path = p->path, .peer = s->peer_name, .size_bytes = p->bytes, .lbs_bytes = DMM_SECTOR_BYTES, .overwrite = true,
		.source_identity = "",
	};
	struct dmm_dest_made made = { .dir_fd = -1 };
	bool would = false;

	if (dmm_is_nbd(p->path))
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "an NBD server's export is not read for a probe");
	if (reg->opener < 0)
		return dmm_dest_create_open(reg->allow, &rq, false, true, dest, &made, &would, r);
	return dmm_opener_open(reg->opener, &rq, false, true, dest, &made, &would, r);
}

static int read_dest(const struct dmm_dest *dest, int stop_fd, struct dmm_wire_probe_ok *ok, struct dmm_refusal *r)
{
	u64 bytes, ns;
	int ret = dmm_disk_speed(dest->fd, dest->size_bytes, stop_fd, &bytes, &ns);

	if (ret == -EFBIG)
		return dmm_refuse(r, DMM_WERR_TOOSMALL, "%s is too small to be measured", dest->path);
	if (ret == -ECANCELED)
		return dmm_refuse(r, DMM_WERR_SHUTDOWN, "the receiver is going down");
	if (ret)
		return dmm_refuse(r, DMM_WERR_IO, "cannot read %s: %s", dest->path, strerror(-ret));
	ok->bytes = cpu_to_le64(bytes);
	ok->ns = cpu_to_le64(ns);
	return 0;
}

static int probe_disk(struct dmm_session *s, const struct dmm_probe_request *p, struct dmm_wire_probe_ok *ok, struct dmm_refusal *r)
{
	struct dmm_dest dest;
	int ret;

	ret = dmm_channel_check_again(s, r);
	if (!ret)
		ret = open_dest(s, p, &dest, r);
	if (ret)
		return ret;
	ret = read_dest(&dest, s->rc->stop_fd, ok, r);
	dmm_dest_close(&dest);
	return ret;
}

int dmm_control_probe(struct dmm_session *s, const u8 *payload, struct dmm_wire_probe_ok *ok, struct dmm_refusal *r)
{
	struct dmm_probe_request p;
	int ret;

	if (!(s->features & DMM_FEATURE_PROBE))
		return dmm_refuse(r, DMM_WERR_PROTOCOL, "PROBE without its feature in HELLO");
	ret = dmm_probe_decode(payload, &p, r);
	if (ret)
		return ret;
	memset(ok, 0, sizeof(*ok));
	return p.kind == DMM_PROBE_DISK ? probe_disk(s, &p, ok, r) : probe_link(s, p.bytes, ok, r);
}
