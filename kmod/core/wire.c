// SPDX-License-Identifier: GPL-2.0
/*
 * Wire encoding: the only code that converts between wire structures and
 * native ones, and the one validator of headers and acknowledgements.
 * The layouts asserted here are the protocol: a failing assertion is a new version.
 */
#include "wire.h"

#define WIRE_OFFSET(s, field, at) DMM_BUILD_ASSERT(offsetof(struct s, field) == (at))

DMM_BUILD_ASSERT(sizeof(struct dmm_wire_hdr) == DMM_WIRE_HDR_BYTES);
WIRE_OFFSET(dmm_wire_hdr, type, 4);
WIRE_OFFSET(dmm_wire_hdr, flags, 6);
WIRE_OFFSET(dmm_wire_hdr, seq, 8);
WIRE_OFFSET(dmm_wire_hdr, offset_bytes, 16);
WIRE_OFFSET(dmm_wire_hdr, arg, 24);
WIRE_OFFSET(dmm_wire_hdr, payload_bytes, 32);
WIRE_OFFSET(dmm_wire_hdr, reserved, 36);
WIRE_OFFSET(dmm_wire_hdr, pad, 40);
WIRE_OFFSET(dmm_wire_hdr, crc, 44);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_ack) == DMM_WIRE_ACK_BYTES);
WIRE_OFFSET(dmm_wire_ack, type, 4);
WIRE_OFFSET(dmm_wire_ack, reserved, 6);
WIRE_OFFSET(dmm_wire_ack, seq, 8);
WIRE_OFFSET(dmm_wire_ack, arg, 16);
WIRE_OFFSET(dmm_wire_ack, status, 24);
WIRE_OFFSET(dmm_wire_ack, crc, 28);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_hello) == DMM_WIRE_HELLO_BYTES);
WIRE_OFFSET(dmm_wire_hello, features, 8);
WIRE_OFFSET(dmm_wire_hello, program, 16);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_hello_ok) == DMM_WIRE_HELLO_OK_BYTES);
WIRE_OFFSET(dmm_wire_hello_ok, features, 8);
WIRE_OFFSET(dmm_wire_hello_ok, instance, 16);
WIRE_OFFSET(dmm_wire_hello_ok, boot, 32);
WIRE_OFFSET(dmm_wire_hello_ok, program, 48);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_refuse) == DMM_WIRE_REFUSE_BYTES);
WIRE_OFFSET(dmm_wire_refuse, text, 8);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_disk) == DMM_WIRE_DISK_BYTES);
WIRE_OFFSET(dmm_wire_disk, disk, 16);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_prepare) == DMM_WIRE_PREPARE_BYTES);
WIRE_OFFSET(dmm_wire_prepare, size_bytes, 24);
WIRE_OFFSET(dmm_wire_prepare, flags, 44);
WIRE_OFFSET(dmm_wire_prepare, source_identity, 48);
WIRE_OFFSET(dmm_wire_prepare, source_host, 304);
WIRE_OFFSET(dmm_wire_prepare, source_path, 368);
WIRE_OFFSET(dmm_wire_prepare, dest_path, 624);
WIRE_OFFSET(dmm_wire_prepare, group_disks, 1648);
WIRE_OFFSET(dmm_wire_prepare, gate, 1652);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_prepared) == DMM_WIRE_PREPARED_BYTES);
WIRE_OFFSET(dmm_wire_prepared, signature, 16);
WIRE_OFFSET(dmm_wire_prepared, conn_epoch, 56);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_digest) == DMM_WIRE_DIGEST_BYTES);
WIRE_OFFSET(dmm_wire_digest, offset_bytes, 24);
WIRE_OFFSET(dmm_wire_digest, algorithm, 40);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_digest_ok) == DMM_WIRE_DIGEST_OK_BYTES);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_hashes) == DMM_WIRE_HASHES_BYTES);
WIRE_OFFSET(dmm_wire_hashes, offset_bytes, 24);
WIRE_OFFSET(dmm_wire_hashes, granule_bytes, 44);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_prove) == DMM_WIRE_PROVE_BYTES);
WIRE_OFFSET(dmm_wire_prove, offset_bytes, 24);
WIRE_OFFSET(dmm_wire_prove, flags, 36);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_prove_ok) == DMM_WIRE_PROVE_OK_BYTES);
WIRE_OFFSET(dmm_wire_prove_ok, extents[1].crc, 16);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_compare) == DMM_WIRE_COMPARE_BYTES);
WIRE_OFFSET(dmm_wire_compare, extent, 32);
WIRE_OFFSET(dmm_wire_compare, extent[1].crc, 60);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_compare_ok) == DMM_WIRE_COMPARE_OK_BYTES);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_query_ok) == DMM_WIRE_QUERY_OK_BYTES);
WIRE_OFFSET(dmm_wire_query_ok, barrier, 16);
WIRE_OFFSET(dmm_wire_query_ok, state, 24);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_attach) == DMM_WIRE_ATTACH_BYTES);
WIRE_OFFSET(dmm_wire_attach, conn_epoch, 24);
WIRE_OFFSET(dmm_wire_attach, conn_index, 32);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_key_ok) == DMM_WIRE_KEY_OK_BYTES);
WIRE_OFFSET(dmm_wire_key_ok, secret, 16);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_facts_ok) == DMM_WIRE_FACTS_OK_BYTES);
WIRE_OFFSET(dmm_wire_facts_ok, sent_ns, 8);
WIRE_OFFSET(dmm_wire_facts_ok, bytes, 16);
WIRE_OFFSET(dmm_wire_facts_ok, flags, 20);
WIRE_OFFSET(dmm_wire_facts_ok, text, 24);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_handover) == DMM_WIRE_HANDOVER_BYTES);
WIRE_OFFSET(dmm_wire_handover, event, 16);
WIRE_OFFSET(dmm_wire_handover, epoch, 24);
WIRE_OFFSET(dmm_wire_handover, instance, 32);
WIRE_OFFSET(dmm_wire_handover, disk, 48);
WIRE_OFFSET(dmm_wire_handover, conn_epoch, 56);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_group) == DMM_WIRE_GROUP_BYTES);
WIRE_OFFSET(dmm_wire_group, verb, 16);
WIRE_OFFSET(dmm_wire_group, role, 32);
WIRE_OFFSET(dmm_wire_group, by, 40);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_group_ok) == DMM_WIRE_GROUP_OK_BYTES);
WIRE_OFFSET(dmm_wire_group_ok, epoch, 16);
WIRE_OFFSET(dmm_wire_group_ok, peer, 32);
WIRE_OFFSET(dmm_wire_group_ok, device, 96);
WIRE_OFFSET(dmm_wire_group_ok, why, 224);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_guest) == DMM_WIRE_GUEST_BYTES);
WIRE_OFFSET(dmm_wire_guest, platform, 16);
WIRE_OFFSET(dmm_wire_guest, name, 24);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_guest_config) == DMM_WIRE_GUEST_CONFIG_BYTES);
WIRE_OFFSET(dmm_wire_guest_config, role, 24);
WIRE_OFFSET(dmm_wire_guest_config, total_bytes, 32);
WIRE_OFFSET(dmm_wire_guest_config, name, 48);
WIRE_OFFSET(dmm_wire_guest_config, text, 112);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_guest_config_ok) == DMM_WIRE_GUEST_CONFIG_OK_BYTES);
WIRE_OFFSET(dmm_wire_guest_config_ok, path, 8);
WIRE_OFFSET(dmm_wire_guest_config_ok, why, 520);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_identity) == DMM_WIRE_IDENTITY_BYTES);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_identity_ok) == DMM_WIRE_IDENTITY_OK_BYTES);
WIRE_OFFSET(dmm_wire_identity_ok, identity, 16);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_adopt) == DMM_WIRE_ADOPT_BYTES);
WIRE_OFFSET(dmm_wire_adopt, port, 28);
WIRE_OFFSET(dmm_wire_adopt, size_bytes, 32);
WIRE_OFFSET(dmm_wire_adopt, host, 64);
WIRE_OFFSET(dmm_wire_adopt, dest_path, 448);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_volume) == DMM_WIRE_VOLUME_BYTES);
WIRE_OFFSET(dmm_wire_volume, size_bytes, 32);
WIRE_OFFSET(dmm_wire_volume, sr, 40);
WIRE_OFFSET(dmm_wire_volume, source_host, 136);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_volume_ok) == DMM_WIRE_VOLUME_OK_BYTES);
WIRE_OFFSET(dmm_wire_volume_ok, flags, 16);
WIRE_OFFSET(dmm_wire_volume_ok, path, 24);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_leftovers) == DMM_WIRE_LEFTOVERS_BYTES);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_leftover) == DMM_WIRE_LEFTOVER_BYTES);
WIRE_OFFSET(dmm_wire_leftover, why, 160);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_leftovers_ok) == DMM_WIRE_LEFTOVERS_OK_BYTES);
WIRE_OFFSET(dmm_wire_leftovers_ok, leftover, 16);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_probe) == DMM_WIRE_PROBE_BYTES);
WIRE_OFFSET(dmm_wire_probe, bytes, 8);
WIRE_OFFSET(dmm_wire_probe, path, 16);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_probe_ok) == DMM_WIRE_PROBE_OK_BYTES);
WIRE_OFFSET(dmm_wire_probe_ok, ns, 8);
/* What a receiver sizes its buffers by. */
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_prepare) <= DMM_MAX_CONTROL_BYTES);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_facts_ok) <= DMM_MAX_CONTROL_BYTES);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_guest_config) <= DMM_MAX_CONTROL_BYTES);
DMM_BUILD_ASSERT(sizeof(struct dmm_wire_leftovers_ok) <= DMM_MAX_CONTROL_BYTES);
DMM_BUILD_ASSERT(DMM_MAX_EXTENT_BYTES % DMM_SECTOR_BYTES == 0);
DMM_BUILD_ASSERT(DMM_MAX_ZERO_BYTES % DMM_SECTOR_BYTES == 0);

void dmm_wire_hdr_encode(struct dmm_wire_hdr *hdr, const struct dmm_frame *f)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->magic = cpu_to_le32(DMM_WIRE_MAGIC);
	hdr->type = cpu_to_le16(f->type);
	hdr->seq = cpu_to_le64(f->seq);
	hdr->offset_bytes = cpu_to_le64(f->offset_bytes);
	hdr->arg = cpu_to_le64(f->arg);
	hdr->payload_bytes = cpu_to_le32(f->payload_bytes);
}

u32 dmm_wire_hdr_crc(const struct dmm_wire_hdr *hdr)
{
	static const __le32 zero;
	u32 crc;

	crc = dmm_crc32c(~0u, hdr, offsetof(struct dmm_wire_hdr, crc));
	return dmm_crc32c(crc, &zero, sizeof(zero));
}

void dmm_wire_hdr_seal(struct dmm_wire_hdr *hdr, u32 crc)
{
	hdr->crc = cpu_to_le32(~crc);
}

static bool wire_has_arg(u16 msg)
{
	return msg == DMM_MSG_BARRIER || msg == DMM_MSG_ZERO;
}

int dmm_wire_payload_bytes(u16 msg)
{
	switch (msg) {
	case DMM_MSG_HELLO:
		return DMM_WIRE_HELLO_BYTES;
	case DMM_MSG_HELLO_OK:
		return DMM_WIRE_HELLO_OK_BYTES;
	case DMM_MSG_REFUSE:
		return DMM_WIRE_REFUSE_BYTES;
	case DMM_MSG_PREPARE:
		return DMM_WIRE_PREPARE_BYTES;
	case DMM_MSG_PREPARED:
		return DMM_WIRE_PREPARED_BYTES;
	case DMM_MSG_DIGEST:
		return DMM_WIRE_DIGEST_BYTES;
	case DMM_MSG_DIGEST_OK:
		return DMM_WIRE_DIGEST_OK_BYTES;
	case DMM_MSG_HASHES:
		return DMM_WIRE_HASHES_BYTES;
	case DMM_MSG_QUERY:
	case DMM_MSG_FINISH:
	case DMM_MSG_FORGET:
		return DMM_WIRE_DISK_BYTES;
	case DMM_MSG_QUERY_OK:
		return DMM_WIRE_QUERY_OK_BYTES;
	case DMM_MSG_PROVE:
		return DMM_WIRE_PROVE_BYTES;
	case DMM_MSG_PROVE_OK:
		return DMM_WIRE_PROVE_OK_BYTES;
	case DMM_MSG_COMPARE:
		return DMM_WIRE_COMPARE_BYTES;
	case DMM_MSG_COMPARE_OK:
		return DMM_WIRE_COMPARE_OK_BYTES;
	case DMM_MSG_GROUP:
		return DMM_WIRE_GROUP_BYTES;
	case DMM_MSG_GROUP_OK:
		return DMM_WIRE_GROUP_OK_BYTES;
	case DMM_MSG_ADOPT:
		return DMM_WIRE_ADOPT_BYTES;
	case DMM_MSG_ATTACH:
	case DMM_MSG_KEY:
		return DMM_WIRE_ATTACH_BYTES;
	case DMM_MSG_KEY_OK:
		return DMM_WIRE_KEY_OK_BYTES;
	case DMM_MSG_FACTS_OK:
		return DMM_WIRE_FACTS_OK_BYTES;
	case DMM_MSG_HANDOVER:
		return DMM_WIRE_HANDOVER_BYTES;
	case DMM_MSG_GUEST:
		return DMM_WIRE_GUEST_BYTES;
	case DMM_MSG_GUEST_CONFIG:
		return DMM_WIRE_GUEST_CONFIG_BYTES;
	case DMM_MSG_GUEST_CONFIG_OK:
		return DMM_WIRE_GUEST_CONFIG_OK_BYTES;
	case DMM_MSG_IDENTITY:
		return DMM_WIRE_IDENTITY_BYTES;
	case DMM_MSG_IDENTITY_OK:
		return DMM_WIRE_IDENTITY_OK_BYTES;
	case DMM_MSG_VOLUME:
		return DMM_WIRE_VOLUME_BYTES;
	case DMM_MSG_VOLUME_OK:
		return DMM_WIRE_VOLUME_OK_BYTES;
	case DMM_MSG_LEFTOVERS:
		return DMM_WIRE_LEFTOVERS_BYTES;
	case DMM_MSG_LEFTOVERS_OK:
		return DMM_WIRE_LEFTOVERS_OK_BYTES;
	case DMM_MSG_PROBE:
		return DMM_WIRE_PROBE_BYTES;
	case DMM_MSG_PROBE_OK:
		return DMM_WIRE_PROBE_OK_BYTES;
	case DMM_MSG_GUEST_OK:
	case DMM_MSG_FINISH_OK:
	case DMM_MSG_FORGET_OK:
	case DMM_MSG_ATTACHED:
	case DMM_MSG_BARRIER:
	case DMM_MSG_END:
	case DMM_MSG_ZERO:
	case DMM_MSG_FACTS:
		return 0;
	case DMM_MSG_DATA:
	case DMM_MSG_HASHES_OK:
		return -1;
	default:
		return -EINVAL;
	}
}

/* What is wrong with the extent of @f, DATA or ZERO, or NULL. */
static const char *wire_extent_fault(const struct dmm_frame *f)
{
	u64 bytes = dmm_wire_extent_bytes(f);

	if (!bytes || bytes > (f->type == DMM_MSG_ZERO ? DMM_MAX_ZERO_BYTES : DMM_MAX_EXTENT_BYTES))
		return "extent empty or too long";
	if (bytes & (DMM_SECTOR_BYTES - 1))
		return "extent not of whole sectors";
	if (f->offset_bytes & (DMM_SECTOR_BYTES - 1))
		return "offset not sector-aligned";
	/* Ends within an loff_t, which is signed. */
	if (f->offset_bytes > (~0ULL >> 1) - bytes)
		return "offset too large";
	return NULL;
}

/* What is wrong with the payload's size, or NULL. */
static const char *wire_payload_fault(const struct dmm_frame *f, int fixed)
{
	static const char wrong[] = "payload size is not that of the message";

	switch (f->type) {
	case DMM_MSG_DATA:
		return NULL;	/* the extent's: see there */
	case DMM_MSG_HASHES_OK:
		return !f->payload_bytes || f->payload_bytes > DMM_MAX_HASHES_BYTES ||
		       f->payload_bytes % DMM_HASH_BYTES ? wrong : NULL;
	default:
#if DMM_MUTANT == 29
		return (s32)f->payload_bytes > fixed ? wrong : NULL;	/* a length that is negative */
#endif
		return f->payload_bytes != (u32)fixed ? wrong : NULL;
	}
}

/* What is wrong with the values of @f, or NULL. */
static const char *wire_frame_fault(const struct dmm_frame *f)
{
	int fixed = dmm_wire_payload_bytes(f->type);
	const char *fault;

	if (fixed == -EINVAL)
		return "unknown message type";
	if (!f->seq)
		return "sequence number 0";
	fault = wire_payload_fault(f, fixed);
	if (fault)
		return fault;
	if (dmm_wire_is_extent(f->type))
		fault = wire_extent_fault(f);
	else if (f->offset_bytes)
		fault = "offset on a message that has none";
	if (fault)
		return fault;
	if (f->type == DMM_MSG_BARRIER && !f->arg)
		return "barrier number 0";
	if (!wire_has_arg(f->type) && f->arg)
		return "argument on a message that has none";
	return NULL;
}

int dmm_wire_hdr_decode(const struct dmm_wire_hdr *hdr, struct dmm_frame *f, const char **why)
{
	const char *fault = NULL;
	struct dmm_frame n;

	n.type = le16_to_cpu(hdr->type);
	n.seq = le64_to_cpu(hdr->seq);
	n.offset_bytes = le64_to_cpu(hdr->offset_bytes);
	n.arg = le64_to_cpu(hdr->arg);
	n.payload_bytes = le32_to_cpu(hdr->payload_bytes);
	n.crc = le32_to_cpu(hdr->crc);

	if (hdr->magic != cpu_to_le32(DMM_WIRE_MAGIC))
		fault = "wrong magic";
	else if (hdr->flags)
		fault = "unknown flags";
	else if (hdr->reserved || hdr->pad)
		fault = "reserved field not zero";
	else
		fault = wire_frame_fault(&n);
	if (fault) {
		if (why)
			*why = fault;
		return -EBADMSG;
	}
	*f = n;
	return 0;
}

int dmm_wire_data_check(const struct dmm_frame *f, u64 size_bytes)
{
	if (f->offset_bytes > size_bytes ||
	    dmm_wire_extent_bytes(f) > size_bytes - f->offset_bytes)
		return -ERANGE;
	return 0;
}

static u32 wire_ack_crc(const struct dmm_wire_ack *wire)
{
	return ~dmm_crc32c(~0u, wire, offsetof(struct dmm_wire_ack, crc));
}

void dmm_wire_ack_encode(struct dmm_wire_ack *wire, const struct dmm_ack *a)
{
	memset(wire, 0, sizeof(*wire));
	wire->magic = cpu_to_le32(DMM_WIRE_MAGIC);
	wire->type = cpu_to_le16(a->type);
	wire->seq = cpu_to_le64(a->seq);
	wire->arg = cpu_to_le64(a->arg);
	wire->status = cpu_to_le32(a->status);
	wire->crc = cpu_to_le32(wire_ack_crc(wire));
}

int dmm_wire_ack_decode(const struct dmm_wire_ack *wire, struct dmm_ack *a)
{
	struct dmm_ack n;

	n.type = le16_to_cpu(wire->type);
	n.seq = le64_to_cpu(wire->seq);
	n.arg = le64_to_cpu(wire->arg);
	n.status = le32_to_cpu(wire->status);

	if (wire->magic != cpu_to_le32(DMM_WIRE_MAGIC) || wire->reserved)
		return -EBADMSG;
	if (wire->crc != cpu_to_le32(wire_ack_crc(wire)))
		return -EBADMSG;
	if (!dmm_wire_is_extent(n.type) && n.type != DMM_MSG_BARRIER)
		return -EBADMSG;
	if (n.status >= DMM_WERR_COUNT)
		return -EBADMSG;
	/* A refusal may be about a frame that never had a proper number. */
	if (n.status == DMM_WERR_OK && (!n.seq || wire_has_arg(n.type) != !!n.arg))
		return -EBADMSG;
	*a = n;
	return 0;
}

/* Errors as the wire carries them, and the errno that each turns into. */
static const struct {
	int to_errno;
	const char *text;
} wire_errs[] = {
	[DMM_WERR_OK]		= { 0, "no error" },
	[DMM_WERR_PROTOCOL]	= { -EPROTO, "protocol error: a message is malformed or out of place" },
	[DMM_WERR_VERSION]	= { -EPROTONOSUPPORT, "no common protocol version" },
	[DMM_WERR_CRC]		= { -EILSEQ, "checksum mismatch: data damaged on the way" },
	[DMM_WERR_RANGE]	= { -ERANGE, "range outside the disk, or misaligned" },
	[DMM_WERR_IO]		= { -EIO, "I/O error of the destination" },
	[DMM_WERR_NOSPC]	= { -ENOSPC, "destination is full" },
	[DMM_WERR_NOTFOUND]	= { -ENOENT, "no such destination, or not prepared" },
	[DMM_WERR_BUSY]		= { -EBUSY, "destination is in use" },
	[DMM_WERR_TOOSMALL]	= { -EFBIG, "destination is smaller than the source" },
	[DMM_WERR_DENIED]	= { -EACCES, "destination is not on the allow-list" },
	[DMM_WERR_SIGNATURE]	= { -EEXIST, "destination carries a signature" },
	[DMM_WERR_SAMEDISK]	= { -ELOOP, "destination is the very disk that is the source" },
	[DMM_WERR_LIMIT]	= { -EUSERS, "too many sessions or disks" },
	[DMM_WERR_UNSUPPORTED]	= { -EOPNOTSUPP, "feature or geometry not supported" },
	[DMM_WERR_SHUTDOWN]	= { -ESHUTDOWN, "receiver is shutting down" },
	[DMM_WERR_INTERNAL]	= { -EREMOTEIO, "internal error of the receiver" },
	[DMM_WERR_DIFFERS]	= { -EUCLEAN, "the destination's disk has other data than was written to it" },
};
DMM_BUILD_ASSERT(sizeof(wire_errs) / sizeof(wire_errs[0]) == DMM_WERR_COUNT);

u32 dmm_wire_err_from_errno(int err)
{
	u32 i;

	switch (err) {
	case -EBADMSG:
		return DMM_WERR_PROTOCOL;
	case -EDQUOT:
		return DMM_WERR_NOSPC;
	case -ENODEV:
	case -ENXIO:
	case -ENOTDIR:
	case -ENOTBLK:
		return DMM_WERR_NOTFOUND;
	case -ETXTBSY:
		return DMM_WERR_BUSY;
	case -EPERM:
	case -EROFS:
		return DMM_WERR_DENIED;
	case -EMFILE:
	case -ENFILE:
		return DMM_WERR_LIMIT;
	case -EINVAL:
		return DMM_WERR_RANGE;
	}
	for (i = 0; i < DMM_WERR_COUNT; i++)
		if (wire_errs[i].to_errno == err)
			return i;
	return DMM_WERR_INTERNAL;
}

int dmm_wire_err_to_errno(u32 werr)
{
	return werr < DMM_WERR_COUNT ? wire_errs[werr].to_errno : -EPROTO;
}

const char *dmm_wire_err_text(u32 werr)
{
	return werr < DMM_WERR_COUNT ? wire_errs[werr].text : "unknown error";
}
