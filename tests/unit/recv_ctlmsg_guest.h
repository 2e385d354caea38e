/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For test_recv_ctlmsg.c, which has struct mutation: requests around a disk's guest.
 */
#ifndef UNIT_RECV_CTLMSG_GUEST_H
#define UNIT_RECV_CTLMSG_GUEST_H

#define GU(f) offsetof(struct dmm_wire_guest, f)

static const struct mutation guest_mutations[] = {
	{ "untouched", GU(platform), U32, DMM_PLATFORM_XL, 0 },
	{ "id zero", GU(migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "platform 0", GU(platform), U32, 0, DMM_WERR_UNSUPPORTED },
	{ "platform unknown", GU(platform), U32, __DMM_PLATFORM_MAX, DMM_WERR_UNSUPPORTED },
	{ "flags", GU(flags), U32, 1, DMM_WERR_PROTOCOL },
	{ "no name", GU(name), U8, 0, DMM_WERR_PROTOCOL },
	{ "name escape", GU(name) + 1, U8, 0x1b, DMM_WERR_PROTOCOL },
	{ "name unpadded", GU(name) + 63, U8, 'x', DMM_WERR_PROTOCOL },
};

#define GC(f) offsetof(struct dmm_wire_guest_config, f)

/* The last piece of two. */
static const struct mutation guest_config_mutations[] = {
	{ "untouched", GC(platform), U32, DMM_PLATFORM_XL, 0 },
	{ "id zero", GC(migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "platform 0", GC(platform), U32, 0, DMM_WERR_UNSUPPORTED },
	{ "platform unknown", GC(platform), U32, __DMM_PLATFORM_MAX, DMM_WERR_UNSUPPORTED },
	{ "verb 0", GC(verb), U32, 0, DMM_WERR_UNSUPPORTED },
	{ "verb unknown", GC(verb), U32, __DMM_GUEST_CONFIG_VERB_MAX, DMM_WERR_UNSUPPORTED },
	{ "check of a migration", GC(verb), U32, DMM_GUEST_CONFIG_CHECK, DMM_WERR_PROTOCOL },
	{ "status with more", GC(verb), U32, DMM_GUEST_CONFIG_STATUS, DMM_WERR_PROTOCOL },
	{ "role 0", GC(role), U32, 0, DMM_WERR_PROTOCOL },
	{ "role 1", GC(role), U32, DMM_HO_SOURCE, 0 },
	{ "role 3", GC(role), U32, 3, DMM_WERR_PROTOCOL },
	{ "autostart", GC(flags), U32, DMM_GUEST_CONFIG_AUTOSTART, 0 },
	{ "flags", GC(flags), U32, 2, DMM_WERR_PROTOCOL },
	{ "pad", GC(pad), U32, 1, DMM_WERR_PROTOCOL },
	{ "empty", GC(total_bytes), U32, 0, DMM_WERR_PROTOCOL },
	{ "too long", GC(total_bytes), U32, DMM_MAX_GUEST_CONFIG_BYTES + 1, DMM_WERR_PROTOCOL },
	{ "long", GC(total_bytes), U32, DMM_MAX_GUEST_CONFIG_BYTES, 0 },
	{ "no piece", GC(bytes), U32, 0, DMM_WERR_PROTOCOL },
	{ "piece too long", GC(bytes), U32, DMM_GUEST_CONFIG_PIECE_BYTES + 1, DMM_WERR_PROTOCOL },
	{ "piece beyond the end", GC(total_bytes), U32, 3077, DMM_WERR_PROTOCOL },
	{ "piece behind the end", GC(offset_bytes), U32, 3079, DMM_WERR_PROTOCOL },
	{ "piece far behind the end", GC(offset_bytes), U32, 0xffffffff, DMM_WERR_PROTOCOL },
	{ "zero within", GC(text) + 1, U8, 0, DMM_WERR_PROTOCOL },
	{ "text behind", GC(text) + 6, U8, 'x', DMM_WERR_PROTOCOL },
	{ "text far behind", GC(text) + 3071, U8, 'x', DMM_WERR_PROTOCOL },
	{ "no name", GC(name), U8, 0, DMM_WERR_PROTOCOL },
	{ "name escape", GC(name) + 1, U8, 0x1b, DMM_WERR_PROTOCOL },
	{ "name unpadded", GC(name) + 63, U8, 'x', DMM_WERR_PROTOCOL },
};

static const struct mutation guest_config_check_mutations[] = {
	{ "untouched", GC(total_bytes), U32, 1, 0 },
	{ "of a migration", GC(migration), U8, 1, DMM_WERR_PROTOCOL },
	{ "nothing", GC(total_bytes), U32, 0, DMM_WERR_PROTOCOL },
	{ "a piece", GC(bytes), U32, 1, DMM_WERR_PROTOCOL },
	{ "an offset", GC(offset_bytes), U32, 1, DMM_WERR_PROTOCOL },
	{ "text", GC(text), U8, 'x', DMM_WERR_PROTOCOL },
	{ "autostart", GC(flags), U32, DMM_GUEST_CONFIG_AUTOSTART, 0 },
};

static const struct mutation guest_config_status_mutations[] = {
	{ "untouched", GC(role), U32, DMM_HO_DEST, 0 },
	{ "id zero", GC(migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "bytes", GC(total_bytes), U32, 1, DMM_WERR_PROTOCOL },
	{ "autostart", GC(flags), U32, DMM_GUEST_CONFIG_AUTOSTART, DMM_WERR_PROTOCOL },
	{ "name", GC(name), U8, 'x', DMM_WERR_PROTOCOL },
};

#define VO(f) offsetof(struct dmm_wire_volume, f)

static const struct mutation volume_mutations[] = {
	{ "untouched", VO(group_disks), U32, 4, 0 },
	{ "id zero", VO(id.migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "not of its group", VO(id.disk), U32, 4, DMM_WERR_PROTOCOL },
	{ "group of 0", VO(group_disks), U32, 0, DMM_WERR_LIMIT },
	{ "group of 65", VO(group_disks), U32, 65, DMM_WERR_LIMIT },
	{ "check", VO(flags), U32, DMM_VOLUME_CHECK, 0 },
	{ "flags", VO(flags), U32, 2, DMM_WERR_UNSUPPORTED },
	{ "size 0", VO(size_bytes), U64, 0, DMM_WERR_RANGE },
	{ "size odd", VO(size_bytes), U64, SIZE + 1, DMM_WERR_RANGE },
	{ "size beyond 2^63", VO(size_bytes), U64, 1ull << 63, DMM_WERR_RANGE },
	{ "no repository", VO(sr), U8, 0, DMM_WERR_PROTOCOL },
	{ "repository a path", VO(sr) + 1, U8, '/', DMM_WERR_PROTOCOL },
	{ "repository an option", VO(sr), U8, '-', DMM_WERR_PROTOCOL },
	{ "repository unpadded", VO(sr) + 31, U8, 'x', DMM_WERR_PROTOCOL },
	{ "no label", VO(label), U8, 0, DMM_WERR_PROTOCOL },
	{ "label an option", VO(label), U8, '-', DMM_WERR_PROTOCOL },
	{ "label a path", VO(label) + 1, U8, '/', DMM_WERR_PROTOCOL },
	{ "label with a quote", VO(label) + 1, U8, '"', DMM_WERR_PROTOCOL },
	{ "label unpadded", VO(label) + 63, U8, 'x', DMM_WERR_PROTOCOL },
	{ "host escape", VO(source_host), U8, 0x1b, DMM_WERR_PROTOCOL },
};

#define PB(f) offsetof(struct dmm_wire_probe, f)

static const struct mutation probe_link_mutations[] = {
	{ "untouched", PB(kind), U32, DMM_PROBE_LINK, 0 },
	{ "kind 0", PB(kind), U32, 0, DMM_WERR_UNSUPPORTED },
	{ "kind 3", PB(kind), U32, 3, DMM_WERR_UNSUPPORTED },
	{ "of a disk without a path", PB(kind), U32, DMM_PROBE_DISK, DMM_WERR_PROTOCOL },
	{ "padding", PB(pad), U32, 1, DMM_WERR_PROTOCOL },
	{ "nothing", PB(bytes), U64, 0, DMM_WERR_RANGE },
	{ "all that may be", PB(bytes), U64, DMM_MAX_PROBE_BYTES, 0 },
	{ "more than may be", PB(bytes), U64, DMM_MAX_PROBE_BYTES + 1, DMM_WERR_RANGE },
	{ "a path", PB(path), U8, '/', DMM_WERR_PROTOCOL },
};

static const struct mutation probe_disk_mutations[] = {
	{ "untouched", PB(kind), U32, DMM_PROBE_DISK, 0 },
	{ "of a link with a path", PB(kind), U32, DMM_PROBE_LINK, DMM_WERR_PROTOCOL },
	{ "size 0", PB(bytes), U64, 0, DMM_WERR_RANGE },
	{ "large", PB(bytes), U64, ~0ull >> 1, 0 },
	{ "size beyond 2^63", PB(bytes), U64, 1ull << 63, DMM_WERR_RANGE },
	{ "relative", PB(path), U8, 'd', DMM_WERR_PROTOCOL },
	{ "path escape", PB(path) + 2, U8, 0x1b, DMM_WERR_PROTOCOL },
	{ "path unpadded", PB(path) + 1023, U8, 'x', DMM_WERR_PROTOCOL },
};

static int decode_probe(const void *payload, struct dmm_refusal *r)
{
	struct dmm_probe_request p;

	return dmm_probe_decode(payload, &p, r);
}

static int decode_guest_config(const void *payload, struct dmm_refusal *r)
{
	struct dmm_guest_config_request g;
	int ret = dmm_guest_config_decode(payload, &g, r);

	if (!ret)
		assert_int_equal(strlen(g.text), g.bytes);
	return ret;
}

static int decode_guest(const void *payload, struct dmm_refusal *r)
{
	struct dmm_guest_request g;

	return dmm_guest_decode(payload, &g, r);
}

static int decode_volume(const void *payload, struct dmm_refusal *r)
{
	struct dmm_volume_request v;

	return dmm_volume_decode(payload, &v, r);
}

#endif
