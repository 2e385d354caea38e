// SPDX-License-Identifier: GPL-2.0
/*
 * How fast are the way to the receiver, and its disk?
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fullio.h"
#include "remote_priv.h"

#define CHUNK_BYTES	(256u << 10)

static int probe_check(struct dmm_remote *r, const char *doing)
{
	if (r->client.features & DMM_FEATURE_PROBE)
		return 0;
	r->client.why = "dmmigrated there is older: upgrade it";
	return dmm_remote_fail(r, -EPROTO, doing);
}

/* Bytes of no meaning, but none that a network could compress. */
static void fill(u64 *words, size_t nr)
{
	u64 x = 0x9e3779b97f4a7c15ull;

	while (nr--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		*words++ = x;
	}
}

int dmm_remote_probe_link(struct dmm_remote *r, u64 bytes, u64 *took_ns)
{
	static const char doing[] = "measure the link";
	struct dmm_wire_probe w = { .kind = cpu_to_le32(DMM_PROBE_LINK), .bytes = cpu_to_le64(bytes) };
	dmm_autofree void *buf = malloc(CHUNK_BYTES);
	struct dmm_wire_probe_ok ok;
	u64 began_ns, left, part;
	int ret;

	ret = probe_check(r, doing);
	if (ret)
		return ret;
	if (!buf)
		return dmm_remote_fail(r, -ENOMEM, doing);
	fill(buf, CHUNK_BYTES / sizeof(u64));
	r->client.timeout_ms = DMM_REMOTE_SLOW_MS;
	began_ns = dmm_now_ns();
	ret = dmm_client_send(&r->client, DMM_MSG_PROBE, &w, sizeof(w));
	for (left = bytes; left && !ret; left -= part) {
		part = left < CHUNK_BYTES ? left : CHUNK_BYTES;
		ret = dmm_sock_write(r->client.fd, buf, part, dmm_now_ms() + DMM_CLIENT_TIMEOUT_MS, -1);
	}
	/* who refuses may close before it has read all: why it does is worth more */
	if (!ret || ret == -EPIPE || ret == -ECONNRESET)
		ret = dmm_client_receive(&r->client, DMM_MSG_PROBE_OK, &ok, sizeof(ok), &r->refuse);
	*took_ns = dmm_now_ns() - began_ns;
	if (ret) {
		dmm_remote_fail(r, ret, doing);
		dmm_remote_close(r);
		return ret;
	}
	return le64_to_cpu(ok.bytes) == bytes ? 0 : dmm_remote_malformed(r, doing);
}

int dmm_remote_probe_disk(struct dmm_remote *r, const char *path, u64 size_bytes, u64 *bytes, u64 *took_ns)
{
	static const char doing[] = "measure the disk there";
	struct dmm_wire_probe w = { .kind = cpu_to_le32(DMM_PROBE_DISK), .bytes = cpu_to_le64(size_bytes) };
	struct dmm_wire_probe_ok ok;
	int ret;

	ret = probe_check(r, doing);
	if (!ret && dmm_text_put(w.path, sizeof(w.path), path)) {
		r->client.why = "the path is too long";
		ret = dmm_remote_fail(r, -ENAMETOOLONG, doing);
	}
	if (!ret)
		ret = dmm_remote_request(r, DMM_MSG_PROBE, &w, sizeof(w), DMM_MSG_PROBE_OK, &ok, sizeof(ok), DMM_REMOTE_SLOW_MS, doing);
	if (ret)
		return ret;
	*bytes = le64_to_cpu(ok.bytes);
	*took_ns = le64_to_cpu(ok.ns);
	return *bytes && *took_ns ? 0 : dmm_remote_malformed(r, doing);
}
