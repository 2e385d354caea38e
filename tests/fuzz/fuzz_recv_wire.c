// SPDX-License-Identifier: GPL-2.0
/*
 * Headers, payloads of requests, acknowledgements, messages of the hand-over: one byte that says which, then
 * its bytes.
 */
#include "core/wire.h"
#include "dmmigrated/ctlmsg.h"
#include "dmmigrated/handover_priv.h"
#include "fuzz.h"
#include "sr.h"

/* What was accepted encodes to what it came from: nothing was overlooked, or made up. */
static void one_header(const u8 *data, size_t size)
{
	struct dmm_wire_hdr hdr, again;
	struct dmm_frame f;
	const char *why = NULL;

	if (size < sizeof(hdr))
		return;
	memcpy(&hdr, data, sizeof(hdr));
	if (dmm_wire_hdr_decode(&hdr, &f, &why)) {
		fuzz_assert(why && *why);
		return;
	}
	dmm_wire_hdr_encode(&again, &f);
	again.crc = hdr.crc;
	fuzz_assert(!memcmp(&hdr, &again, sizeof(hdr)));
	if (dmm_wire_payload_bytes(f.type) >= 0)
		fuzz_assert((int)f.payload_bytes == dmm_wire_payload_bytes(f.type));
	else
		fuzz_assert(f.payload_bytes && f.payload_bytes <= DMM_MAX_EXTENT_BYTES);
	/* a range that passes lies on the disk */
	if (f.type == DMM_MSG_DATA && !dmm_wire_data_check(&f, 1ull << 40))
		fuzz_assert(f.offset_bytes + f.payload_bytes <= 1ull << 40);
}

static void one_ack(const u8 *data, size_t size)
{
	struct dmm_wire_ack w, again;
	struct dmm_ack a;

	if (size < sizeof(w))
		return;
	memcpy(&w, data, sizeof(w));
	w.crc = cpu_to_le32(~dmm_crc32c(~0u, &w, offsetof(struct dmm_wire_ack, crc)));
	if (dmm_wire_ack_decode(&w, &a))
		return;
	dmm_wire_ack_encode(&again, &a);
	fuzz_assert(!memcmp(&w, &again, sizeof(w)));
	fuzz_assert(a.status < DMM_WERR_COUNT && dmm_wire_err_text(a.status));
	/* one bit off is noticed */
	((u8 *)&w)[data[0] % sizeof(w)] ^= 1u << (data[1] % 8);
	fuzz_assert(dmm_wire_ack_decode(&w, &a));
}

/* Every errno has a status, and every status says what it is. */
static void one_error(const u8 *data, size_t size)
{
	u32 v = 0, werr;

	memcpy(&v, data, size < sizeof(v) ? size : sizeof(v));
	werr = dmm_wire_err_from_errno((int)v);
	fuzz_assert(werr < DMM_WERR_COUNT && dmm_wire_err_to_errno(v) <= 0 && *dmm_wire_err_text(v));
	fuzz_assert(werr == DMM_WERR_OK ? !v : dmm_wire_err_to_errno(werr) < 0);
}

static void fuzz_text_ok(const char *s, size_t cap)
{
	fuzz_assert(!dmm_text_check((const u8 *)s, strnlen(s, cap) + 1));
}

static void one_request(u16 type, const u8 *data, size_t size)
{
	int bytes = dmm_wire_payload_bytes(type);
	union {
		struct dmm_hello hello;
		struct dmm_prepare prepare;
		struct dmm_digest_request digest;
		struct dmm_attach attach;
		struct dmm_disk_name name;
		struct dmm_prove_request prove;
		struct dmm_compare_request compare;
		struct dmm_hashes_request hashes;
		struct dmm_group_request group;
		struct dmm_adopt adopt;
		struct dmm_guest_request guest;
		struct dmm_guest_config_request guest_config;
		char path[DMM_PATH_MAX];
		struct dmm_volume_request volume;
		struct { u8 migration[DMM_ID_BYTES]; u32 first; } leftovers;
		struct dmm_probe_request probe;
	} u;
	struct dmm_refusal r = { 0 };
	void *payload;
	u32 i;
	int ret;

	fuzz_assert(bytes > 0);
	payload = calloc(1, bytes);
	fuzz_assert(payload);
	memcpy(payload, data, size < (size_t)bytes ? size : (size_t)bytes);
	switch (type) {
	case DMM_MSG_HELLO:
		ret = dmm_hello_decode(payload, &u.hello, &r);
		if (!ret)
			fuzz_text_ok(u.hello.program, sizeof(u.hello.program));
		break;
	case DMM_MSG_PREPARE:
		ret = dmm_prepare_decode(payload, &u.prepare, &r);
		if (!ret) {
			fuzz_text_ok(u.prepare.dest_path, sizeof(u.prepare.dest_path));
			fuzz_text_ok(u.prepare.source_identity, sizeof(u.prepare.source_identity));
			if (u.prepare.flags & DMM_PREPARE_GUEST) {
				fuzz_assert(!u.prepare.size_bytes && !u.prepare.group_disks && strlen(u.prepare.dest_path) < DMM_GUEST_NAME);
				break;
			}
			fuzz_assert(u.prepare.size_bytes && u.prepare.size_bytes <= ~0ull >> 1);
			fuzz_assert(u.prepare.conns && u.prepare.block_bytes);
		}
		break;
	case DMM_MSG_DIGEST:
		ret = dmm_digest_decode(payload, &u.digest, &r);
		if (!ret)
			fuzz_assert(u.digest.length_bytes <= DMM_MAX_DIGEST_BYTES &&
				    u.digest.offset_bytes + u.digest.length_bytes <= ~0ull >> 1);
		break;
	case DMM_MSG_HASHES:
		ret = dmm_hashes_decode(payload, &u.hashes, &r);
		if (!ret)
			fuzz_assert(u.hashes.nr && u.hashes.nr <= DMM_MAX_HASHES &&
				    u.hashes.nr * (u64)u.hashes.granule_bytes >= u.hashes.length_bytes &&
				    u.hashes.offset_bytes + u.hashes.length_bytes <= ~0ull >> 1);
		break;
	case DMM_MSG_GROUP:
		ret = dmm_group_decode(payload, &u.group, &r);
		if (!ret) {
			fuzz_text_ok(u.group.by, sizeof(u.group.by));
			fuzz_assert(u.group.verb && u.group.verb < __DMM_GROUP_VERB_MAX &&
				    u.group.await_ms <= DMM_MAX_AWAIT_MS && !(u.group.await >> __DMM_HO_STATE_MAX));
		}
		break;
	case DMM_MSG_GUEST:
		ret = dmm_guest_decode(payload, &u.guest, &r);
		if (!ret) {
			fuzz_text_ok(u.guest.name, sizeof(u.guest.name));
			fuzz_assert(u.guest.platform && u.guest.platform < __DMM_PLATFORM_MAX && u.guest.name[0]);
		}
		break;
	case DMM_MSG_GUEST_CONFIG:
		ret = dmm_guest_config_decode(payload, &u.guest_config, &r);
		if (!ret) {
			fuzz_text_ok(u.guest_config.name, sizeof(u.guest_config.name));
			fuzz_assert(strlen(u.guest_config.text) == u.guest_config.bytes &&
				    u.guest_config.total_bytes <= DMM_MAX_GUEST_CONFIG_BYTES &&
				    u.guest_config.offset_bytes + (u64)u.guest_config.bytes <= u.guest_config.total_bytes);
		}
		break;
	case DMM_MSG_IDENTITY:
		ret = dmm_identity_decode(payload, u.path, &r);
		if (!ret) {
			fuzz_text_ok(u.path, sizeof(u.path));
			fuzz_assert(u.path[0] == '/');
		}
		break;
	case DMM_MSG_VOLUME:
		ret = dmm_volume_decode(payload, &u.volume, &r);
		if (!ret) {
			fuzz_text_ok(u.volume.source_host, sizeof(u.volume.source_host));
			fuzz_assert(dmm_sr_name_ok(u.volume.sr) && dmm_sr_label_ok(u.volume.label) && u.volume.size_bytes &&
				    u.volume.size_bytes <= ~0ull >> 1 && u.volume.name.disk < u.volume.group_disks);
		}
		break;
	case DMM_MSG_LEFTOVERS:
		ret = dmm_leftovers_request_decode(payload, u.leftovers.migration, &u.leftovers.first, &r);
		if (!ret)
			fuzz_assert(u.leftovers.first <= DMM_MAX_LEFTOVERS);
		break;
	case DMM_MSG_PROBE:
		ret = dmm_probe_decode(payload, &u.probe, &r);
		if (!ret) {
			fuzz_text_ok(u.probe.path, sizeof(u.probe.path));
			fuzz_assert(u.probe.bytes && (u.probe.kind == DMM_PROBE_DISK ? u.probe.path[0] && u.probe.bytes <= ~0ull >> 1 :
						      !u.probe.path[0] && u.probe.bytes <= DMM_MAX_PROBE_BYTES));
		}
		break;
	case DMM_MSG_ADOPT:
		ret = dmm_adopt_decode(payload, &u.adopt, &r);
		if (!ret) {
			fuzz_text_ok(u.adopt.host, sizeof(u.adopt.host));
			fuzz_text_ok(u.adopt.source, sizeof(u.adopt.source));
			fuzz_text_ok(u.adopt.dest_path, sizeof(u.adopt.dest_path));
			fuzz_assert(u.adopt.group_disks <= DMM_MAX_GROUP && u.adopt.port && !u.adopt.size_bytes == !u.adopt.group_disks);
			fuzz_assert(u.adopt.name.disk < u.adopt.group_disks || (!u.adopt.group_disks && !u.adopt.name.disk));
		}
		break;
	case DMM_MSG_ATTACH:
		ret = dmm_attach_decode(payload, &u.attach, &r);
		if (!ret)
			fuzz_assert(u.attach.index < u.attach.conns && u.attach.epoch);
		break;
	case DMM_MSG_PROVE:
		ret = dmm_prove_decode(payload, &u.prove, &r);
		if (!ret)
			fuzz_assert(u.prove.nr && u.prove.nr <= DMM_MAX_PROVE &&
				    u.prove.first <= (~0ull >> 1) / DMM_PROVE_BYTES);
		break;
	case DMM_MSG_COMPARE:
		ret = dmm_compare_decode(payload, &u.compare, &r);
		if (!ret)
			fuzz_assert(u.compare.nr <= DMM_MAX_PROVE);
		for (i = 0; !ret && i < u.compare.nr; i++)
			fuzz_assert(u.compare.extents[i].number <= (~0ull >> 1) / DMM_PROVE_BYTES);
		break;
	default:
		ret = dmm_disk_name_decode(payload, &u.name, &r);
		break;
	}
	if (ret)	/* what the peer is told */
		fuzz_assert(r.code && r.code < DMM_WERR_COUNT && r.text[0]);
	free(payload);
}

/* What was accepted encodes to what it came from, and so does what the state machine makes of it. */
static void one_handover(const u8 *data, size_t size)
{
	struct dmm_wire_handover w = { 0 }, again;
	struct dmm_handover_msg msg, back;
	struct dmm_refusal r = { 0 };
	struct dmm_ho_event ev;
	unsigned int i, taken = 0;

	memcpy(&w, data, size < sizeof(w) ? size : sizeof(w));
	if (dmm_handover_decode(&w, &msg, &r)) {
		fuzz_assert(r.code && r.code < DMM_WERR_COUNT && r.text[0]);
		return;
	}
	dmm_handover_encode(&msg, &again);
	fuzz_assert(!memcmp(&w, &again, sizeof(w)));
	/* JOIN begins a connection, and only that; nothing is said by both sides */
	for (i = 0; i < 4; i++)
		taken += !dmm_handover_take(&w, w.migration, i & 1 ? DMM_HO_SOURCE : DMM_HO_DEST, i & 2, &back, &r);
	fuzz_assert(taken == (msg.event == DMM_HANDOVER_JOIN ? 2 : 1));
	fuzz_assert(dmm_handover_take(&w, again.instance, DMM_HO_SOURCE, false, &back, &r) ||
		    !memcmp(w.migration, again.instance, DMM_ID_BYTES));
	fuzz_assert(msg.disk < DMM_MAX_GROUP && msg.state <= DMM_HO_RELEASED);
	if (dmm_handover_to_event(&msg, &ev)) {
		fuzz_assert(msg.event == DMM_HANDOVER_JOIN || msg.event == DMM_HANDOVER_BARRIER);
		return;
	}
	fuzz_assert(!dmm_handover_from_event(w.migration, &ev, &back));
	dmm_handover_encode(&back, &again);
	fuzz_assert(!memcmp(&w, &again, sizeof(w)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const u16 types[] = { DMM_MSG_HELLO, DMM_MSG_PREPARE, DMM_MSG_DIGEST, DMM_MSG_ATTACH,
				     DMM_MSG_QUERY };

	static const u16 more[] = { DMM_MSG_PROVE, DMM_MSG_COMPARE, DMM_MSG_HASHES, DMM_MSG_GROUP, DMM_MSG_ADOPT,
				    DMM_MSG_GUEST, DMM_MSG_GUEST_CONFIG, DMM_MSG_IDENTITY, DMM_MSG_VOLUME,
				    DMM_MSG_LEFTOVERS, DMM_MSG_PROBE };

	if (!size)
		return 0;
	if (data[0] == 0)
		one_header(data + 1, size - 1);
	else if (data[0] == 1)
		one_ack(data + 1, size - 1);
	else if (data[0] == 7)
		one_handover(data + 1, size - 1);
	else if (data[0] >= 8 && data[0] < 13)
		one_request(more[data[0] - 8], data + 1, size - 1);
	else if (data[0] == 13)
		one_error(data + 1, size - 1);
	else if (data[0] >= 14 && data[0] < 20)
		one_request(more[data[0] - 9], data + 1, size - 1);
	else
		one_request(types[data[0] % 5], data + 1, size - 1);
	return 0;
}
