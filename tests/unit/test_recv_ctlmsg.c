// SPDX-License-Identifier: GPL-2.0
/*
 * Requests: what their decoders refuse.
 */
#include "dmmigrated/ctlmsg.h"
#include "recv_fake.h"

#define SIZE	(1u << 20)

enum field_kind { U8, U16, U32, U64 };

/* One field changed in a request that is otherwise right, and what comes of it. */
struct mutation {
	const char *name;
	size_t offset;
	enum field_kind kind;
	u64 value;
	u32 code;		/* 0: still right */
};

#include "recv_ctlmsg_guest.h"

#define P(f) offsetof(struct dmm_wire_prepare, f)

static const struct mutation prepare_mutations[] = {
	{ "untouched", P(size_bytes), U64, SIZE, 0 },
	{ "id zero", P(id.migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "disk 255", P(id.disk), U32, 255, 0 },
	{ "disk 256", P(id.disk), U32, 256, DMM_WERR_LIMIT },
	{ "pad", P(id.pad), U32, 1, DMM_WERR_PROTOCOL },
	{ "size 0", P(size_bytes), U64, 0, DMM_WERR_RANGE },
	{ "size odd", P(size_bytes), U64, SIZE + 1, DMM_WERR_RANGE },
	{ "size half a block", P(size_bytes), U64, SIZE + 256, DMM_WERR_RANGE },
	{ "size beyond 2^63", P(size_bytes), U64, 1ull << 63, DMM_WERR_RANGE },
	{ "size near 2^63", P(size_bytes), U64, (1ull << 63) - 512, DMM_WERR_RANGE },
	{ "block 4096", P(block_bytes), U32, 4096, 0 },
	{ "block 1M", P(block_bytes), U32, 1 << 20, 0 },
	{ "block 2M", P(block_bytes), U32, 2 << 20, DMM_WERR_UNSUPPORTED },
	{ "block 2048", P(block_bytes), U32, 2048, DMM_WERR_UNSUPPORTED },
	{ "block 12288", P(block_bytes), U32, 12288, DMM_WERR_UNSUPPORTED },
	{ "block 0", P(block_bytes), U32, 0, DMM_WERR_UNSUPPORTED },
	{ "lbs 4096", P(lbs_bytes), U32, 4096, 0 },
	{ "lbs 256", P(lbs_bytes), U32, 256, DMM_WERR_UNSUPPORTED },
	{ "lbs 0", P(lbs_bytes), U32, 0, DMM_WERR_UNSUPPORTED },
	{ "lbs 1536", P(lbs_bytes), U32, 1536, DMM_WERR_UNSUPPORTED },
	{ "lbs beyond the block", P(lbs_bytes), U32, 1 << 17, DMM_WERR_UNSUPPORTED },
	{ "conns 0", P(conns), U32, 0, DMM_WERR_LIMIT },
	{ "conns 16", P(conns), U32, 16, 0 },
	{ "conns 17", P(conns), U32, 17, DMM_WERR_LIMIT },
	{ "flags known", P(flags), U32, 7, 0 },
	{ "flags unknown", P(flags), U32, 16, DMM_WERR_UNSUPPORTED },
	{ "group of 65", P(group_disks), U32, 65, DMM_WERR_LIMIT },
	{ "group of 64", P(group_disks), U32, 64, 0 },
	{ "gate without a group", P(gate), U8, 'g', DMM_WERR_PROTOCOL },
	{ "gate not padded", P(gate) + 123, U8, 1, DMM_WERR_PROTOCOL },
	{ "path empty", P(dest_path), U8, 0, DMM_WERR_PROTOCOL },
	{ "path newline", P(dest_path) + 2, U8, '\n', DMM_WERR_PROTOCOL },
	{ "path unpadded", P(dest_path) + 1023, U8, 'x', DMM_WERR_PROTOCOL },
	{ "host escape", P(source_host), U8, 0x1b, DMM_WERR_PROTOCOL },
	{ "source unpadded", P(source_path) + 255, U8, 'x', DMM_WERR_PROTOCOL },
	{ "path is no UTF-8", P(dest_path) + 2, U8, 0x9b, DMM_WERR_PROTOCOL },
	{ "identity unpadded", P(source_identity) + 3, U8, 'x', DMM_WERR_PROTOCOL },
};

#define G(f) offsetof(struct dmm_wire_group, f)

static const struct mutation group_mutations[] = {
	{ "untouched", G(verb), U32, DMM_GROUP_CUTOVER, 0 },
	{ "id zero", G(migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "verb 0", G(verb), U32, 0, DMM_WERR_UNSUPPORTED },
	{ "verb unknown", G(verb), U32, __DMM_GROUP_VERB_MAX, DMM_WERR_UNSUPPORTED },
	{ "a freeze of another verb", G(verb), U32, DMM_GROUP_STATUS, DMM_WERR_PROTOCOL },
	{ "freeze 0", G(freeze_ms), U32, 0, DMM_WERR_PROTOCOL },
	{ "freeze too long", G(freeze_ms), U32, 15001, DMM_WERR_PROTOCOL },
	{ "every state", G(await), U32, (1u << __DMM_HO_STATE_MAX) - 1, 0 },
	{ "a state too many", G(await), U32, 1u << __DMM_HO_STATE_MAX, DMM_WERR_PROTOCOL },
	{ "wait too long", G(await_ms), U32, DMM_MAX_AWAIT_MS + 1, DMM_WERR_PROTOCOL },
	{ "role 2", G(role), U32, DMM_HO_DEST, 0 },
	{ "role 3", G(role), U32, 3, DMM_WERR_PROTOCOL },
	{ "pad", G(flags), U32, 1, DMM_WERR_PROTOCOL },
	{ "by unpadded", G(by) + 79, U8, 'x', DMM_WERR_PROTOCOL },
};

#define AD(f) offsetof(struct dmm_wire_adopt, f)

static const struct mutation adopt_from_mutations[] = {
	{ "untouched", AD(port), U16, 1, 0 },
	{ "for nobody", AD(flags), U8, 0, DMM_WERR_PROTOCOL },
	{ "with statistics", AD(flags), U8, DMM_ADOPT_FROM | DMM_ADOPT_WITNESS, 0 },
	{ "empty", AD(host) + DMM_ADOPT_HOST, U8, 0, DMM_WERR_PROTOCOL },
	{ "no address", AD(host) + DMM_ADOPT_HOST, U8, 'x', DMM_WERR_PROTOCOL },
	{ "unpadded", AD(host) + 255, U8, '1', DMM_WERR_PROTOCOL },
	{ "host unpadded", AD(host) + DMM_ADOPT_HOST - 1, U8, 'x', DMM_WERR_PROTOCOL },
	{ "no host", AD(host), U8, 0, DMM_WERR_PROTOCOL },
};

static const struct mutation adopt_mutations[] = {
	{ "untouched", AD(group_disks), U32, 4, 0 },
	{ "id zero", AD(id.migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "not of its group", AD(id.disk), U32, 4, DMM_WERR_PROTOCOL },
	{ "group of 0, with a size", AD(group_disks), U32, 0, DMM_WERR_PROTOCOL },
	{ "group of 65", AD(group_disks), U32, 65, DMM_WERR_LIMIT },
	{ "port 0", AD(port), U16, 0, DMM_WERR_PROTOCOL },
	{ "flags", AD(flags), U8, 4, DMM_WERR_PROTOCOL },
	{ "from nowhere", AD(flags), U8, DMM_ADOPT_FROM, DMM_WERR_PROTOCOL },
	{ "witness", AD(flags), U8, DMM_ADOPT_WITNESS, 0 },
	{ "pad", AD(pad), U8, 1, DMM_WERR_PROTOCOL },
	{ "size 0", AD(size_bytes), U64, 0, DMM_WERR_PROTOCOL },
	{ "no host", AD(host), U8, 0, DMM_WERR_PROTOCOL },
	{ "no name", AD(name), U8, 0, DMM_WERR_PROTOCOL },
	{ "no path", AD(dest_path), U8, 0, DMM_WERR_PROTOCOL },
	{ "host unpadded", AD(host) + 255, U8, 'x', DMM_WERR_PROTOCOL },
	{ "name newline", AD(name), U8, '\n', DMM_WERR_PROTOCOL },
	{ "path unpadded", AD(dest_path) + 1023, U8, 'x', DMM_WERR_PROTOCOL },
};

/* Of a guest no disk of which moves. */
static const struct mutation adopt_guest_mutations[] = {
	{ "untouched", AD(group_disks), U32, 0, 0 },
	{ "a group", AD(group_disks), U32, 1, DMM_WERR_PROTOCOL },
	{ "a disk", AD(id.disk), U32, 1, DMM_WERR_PROTOCOL },
	{ "a size", AD(size_bytes), U64, 512, DMM_WERR_PROTOCOL },
	{ "statistics", AD(flags), U8, DMM_ADOPT_WITNESS, DMM_WERR_PROTOCOL },
	{ "a path", AD(dest_path), U8, '/', DMM_WERR_PROTOCOL },
};

static const struct mutation prepare_guest_mutations[] = {
	{ "untouched", P(flags), U32, DMM_PREPARE_GUEST, 0 },
	{ "checked only", P(flags), U32, DMM_PREPARE_GUEST | DMM_PREPARE_CHECK, DMM_WERR_PROTOCOL },
	{ "no flag", P(flags), U32, 0, DMM_WERR_UNSUPPORTED },
	{ "a disk", P(id.disk), U32, 1, DMM_WERR_PROTOCOL },
	{ "a size", P(size_bytes), U64, SIZE, DMM_WERR_PROTOCOL },
	{ "connections", P(conns), U32, 1, DMM_WERR_PROTOCOL },
	{ "a group", P(group_disks), U32, 1, DMM_WERR_PROTOCOL },
	{ "a gate", P(gate), U8, 'g', DMM_WERR_PROTOCOL },
	{ "a source", P(source_path), U8, '/', DMM_WERR_PROTOCOL },
	{ "no name", P(dest_path), U8, 0, DMM_WERR_PROTOCOL },
	{ "name unpadded", P(dest_path) + DMM_GUEST_NAME, U8, 'x', DMM_WERR_PROTOCOL },
};

#define D(f) offsetof(struct dmm_wire_digest, f)

static const struct mutation digest_mutations[] = {
	{ "untouched", D(length_bytes), U64, 4096, 0 },
	{ "id zero", D(id.migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "pad", D(pad), U32, 1, DMM_WERR_PROTOCOL },
	{ "algorithm", D(algorithm), U32, 2, DMM_WERR_UNSUPPORTED },
	{ "length 0", D(length_bytes), U64, 0, DMM_WERR_RANGE },
	{ "length 1 GiB", D(length_bytes), U64, 1 << 30, 0 },
	{ "length beyond", D(length_bytes), U64, (1 << 30) + 512, DMM_WERR_RANGE },
	{ "length odd", D(length_bytes), U64, 4097, DMM_WERR_RANGE },
	{ "offset odd", D(offset_bytes), U64, 1, DMM_WERR_RANGE },
	{ "offset wraps", D(offset_bytes), U64, ~511ull, DMM_WERR_RANGE },
};

#define PV(f) offsetof(struct dmm_wire_prove, f)

static const struct mutation prove_mutations[] = {
	{ "untouched", PV(extents), U32, 1, 0 },
	{ "id zero", PV(id.migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "offset far", PV(offset_bytes), U64, (1ull << 63) - (1 << 20), 0 },
	{ "offset beyond 2^63", PV(offset_bytes), U64, 1ull << 63, DMM_WERR_RANGE },
	{ "offset within an extent", PV(offset_bytes), U64, (1 << 20) + 4096, DMM_WERR_RANGE },
	{ "no extents", PV(extents), U32, 0, DMM_WERR_RANGE },
	{ "64 extents", PV(extents), U32, 64, 0 },
	{ "65 extents", PV(extents), U32, 65, DMM_WERR_RANGE },
	{ "flags known", PV(flags), U32, 1, 0 },
	{ "flags unknown", PV(flags), U32, 2, DMM_WERR_PROTOCOL },
};

#define CM(f) offsetof(struct dmm_wire_compare, f)

static const struct mutation compare_mutations[] = {
	{ "untouched", CM(flags), U32, 0, 0 },
	{ "id zero", CM(id.migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "judge", CM(flags), U32, 1, 0 },
	{ "flags unknown", CM(flags), U32, 2, DMM_WERR_PROTOCOL },
	{ "63 extents, not 64", CM(extents), U32, 63, DMM_WERR_PROTOCOL },
	{ "65 extents", CM(extents), U32, 65, DMM_WERR_RANGE },
	{ "extents wrap", CM(extents), U32, ~0u, DMM_WERR_RANGE },
	{ "first within an extent", CM(extent[0].offset_bytes), U64, 512, DMM_WERR_RANGE },
	{ "last beyond 2^63", CM(extent[63].offset_bytes), U64, ~0ull << 20, DMM_WERR_RANGE },
};

#define A(f) offsetof(struct dmm_wire_attach, f)

static const struct mutation attach_mutations[] = {
	{ "untouched", A(conns), U32, 2, 0 },
	{ "id zero", A(id.migration), U8, 0, DMM_WERR_PROTOCOL },
	{ "epoch 0", A(conn_epoch), U64, 0, DMM_WERR_PROTOCOL },
	{ "epoch beyond 2^63", A(conn_epoch), U64, 1ull << 63, DMM_WERR_PROTOCOL },
	{ "conns 0", A(conns), U32, 0, DMM_WERR_LIMIT },
	{ "conns 17", A(conns), U32, 17, DMM_WERR_LIMIT },
	{ "index", A(conn_index), U32, 2, DMM_WERR_LIMIT },
	{ "index huge", A(conn_index), U32, ~0u, DMM_WERR_LIMIT },
};

#define H(f) offsetof(struct dmm_wire_hello, f)

static const struct mutation hello_mutations[] = {
	{ "untouched", H(version_max), U16, 1, 0 },
	{ "newer too", H(version_max), U16, 9, 0 },
	{ "versions crossed", H(version_min), U16, 2, DMM_WERR_PROTOCOL },
	{ "reserved", H(reserved), U32, 1, DMM_WERR_PROTOCOL },
	{ "features", H(features), U64, ~0ull, 0 },
	{ "program unpadded", H(program) + 47, U8, 'x', DMM_WERR_PROTOCOL },
	{ "program control", H(program), U8, 7, DMM_WERR_PROTOCOL },
};

static int decode_prepare(const void *p, struct dmm_refusal *r)
{
	struct dmm_prepare out;

	return dmm_prepare_decode(p, &out, r);
}

static int decode_digest(const void *p, struct dmm_refusal *r)
{
	struct dmm_digest_request out;

	return dmm_digest_decode(p, &out, r);
}

static int decode_prove(const void *p, struct dmm_refusal *r)
{
	struct dmm_prove_request out;

	return dmm_prove_decode(p, &out, r);
}

static int decode_compare(const void *p, struct dmm_refusal *r)
{
	struct dmm_compare_request out;

	return dmm_compare_decode(p, &out, r);
}

static int decode_attach(const void *p, struct dmm_refusal *r)
{
	struct dmm_attach out;

	return dmm_attach_decode(p, &out, r);
}

static int decode_group(const void *payload, struct dmm_refusal *r)
{
	struct dmm_group_request g;

	return dmm_group_decode(payload, &g, r);
}

static int decode_adopt(const void *payload, struct dmm_refusal *r)
{
	struct dmm_adopt a;

	return dmm_adopt_decode(payload, &a, r);
}

static int decode_hello(const void *p, struct dmm_refusal *r)
{
	struct dmm_hello out;

	return dmm_hello_decode(p, &out, r);
}

static void mutate(const struct mutation *m, size_t nr, const void *good, size_t bytes,
		   int (*decode)(const void *, struct dmm_refusal *))
{
	struct dmm_refusal r;
	u8 *bad = malloc(bytes);
	size_t i;
	int ret;

	for (i = 0; i < nr; i++) {
		memcpy(bad, good, bytes);
		switch (m[i].kind) {
		case U8:
			bad[m[i].offset] = m[i].value;
			break;
		case U16:
			memcpy(bad + m[i].offset, &(__le16){ cpu_to_le16(m[i].value) }, 2);
			break;
		case U32:
			memcpy(bad + m[i].offset, &(__le32){ cpu_to_le32(m[i].value) }, 4);
			break;
		case U64:
			memcpy(bad + m[i].offset, &(__le64){ cpu_to_le64(m[i].value) }, 8);
			break;
		}
		memset(&r, 0, sizeof(r));
		ret = decode(bad, &r);
		if (!!ret != !!m[i].code || r.code != m[i].code)
			fail_msg("%s: %d, code %u (%s)", m[i].name, ret, r.code, r.text);
		assert_true(!ret || (r.text[0] && memchr(r.text, 0, sizeof(r.text))));
	}
	free(bad);
}

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void decoders_refuse(void **state)
{
	struct dmm_wire_prepare p, pg;
	struct dmm_wire_digest d;
	struct dmm_wire_attach a;
	struct dmm_wire_hello h;
	struct dmm_wire_group g;
	struct dmm_wire_guest gu;
	struct dmm_wire_guest_config gc;
	struct dmm_wire_adopt ad;
	struct dmm_adopt adopt;
	struct dmm_wire_volume vo;
	struct dmm_wire_probe pb;
	struct dmm_wire_prove pv;
	struct dmm_wire_compare cm;
	struct dmm_refusal r;

	(void)state;
	strcpy(dest_path, "/dev/x");
	fill_prepare(&p, SIZE);
	p.block_bytes = cpu_to_le32(65536);
	mutate(prepare_mutations, COUNT(prepare_mutations), &p, sizeof(p), decode_prepare);
	memset(&d, 0, sizeof(d));
	disk_id(&d.id);
	d.length_bytes = cpu_to_le64(4096);
	d.algorithm = cpu_to_le32(DMM_DIGEST_XXH3_128);
	mutate(digest_mutations, COUNT(digest_mutations), &d, sizeof(d), decode_digest);
	memset(&pv, 0, sizeof(pv));
	disk_id(&pv.id);
	pv.extents = cpu_to_le32(5);
	mutate(prove_mutations, COUNT(prove_mutations), &pv, sizeof(pv), decode_prove);
	memset(&cm, 0, sizeof(cm));
	disk_id(&cm.id);
	cm.extents = cpu_to_le32(64);
	cm.extent[63].crc = cpu_to_le32(1);
	mutate(compare_mutations, COUNT(compare_mutations), &cm, sizeof(cm), decode_compare);
	memset(&a, 0, sizeof(a));
	disk_id(&a.id);
	a.conn_epoch = cpu_to_le64(1);
	a.conns = cpu_to_le32(2);
	mutate(attach_mutations, COUNT(attach_mutations), &a, sizeof(a), decode_attach);
	memset(&h, 0, sizeof(h));
	h.version_min = h.version_max = cpu_to_le16(1);
	mutate(hello_mutations, COUNT(hello_mutations), &h, sizeof(h), decode_hello);
	memset(&g, 0, sizeof(g));
	g.migration[0] = 1;
	g.verb = cpu_to_le32(DMM_GROUP_CUTOVER);
	g.freeze_ms = cpu_to_le32(5000);
	mutate(group_mutations, COUNT(group_mutations), &g, sizeof(g), decode_group);
	memset(&gu, 0, sizeof(gu));
	gu.migration[0] = 1;
	gu.platform = cpu_to_le32(DMM_PLATFORM_XL);
	strcpy((char *)gu.name, "web01");
	memset(&vo, 0, sizeof(vo));
	vo.id.migration[0] = 1;
	vo.id.disk = cpu_to_le32(3);
	vo.group_disks = cpu_to_le32(4);
	vo.size_bytes = cpu_to_le64(SIZE);
	strcpy((char *)vo.sr, "fast");
	strcpy((char *)vo.label, "web01");
	mutate(volume_mutations, COUNT(volume_mutations), &vo, sizeof(vo), decode_volume);
	memset(&pb, 0, sizeof(pb));
	pb.kind = cpu_to_le32(DMM_PROBE_LINK);
	pb.bytes = cpu_to_le64(1);
	mutate(probe_link_mutations, COUNT(probe_link_mutations), &pb, sizeof(pb), decode_probe);
	pb.kind = cpu_to_le32(DMM_PROBE_DISK);
	strcpy((char *)pb.path, "/dev/x");
	mutate(probe_disk_mutations, COUNT(probe_disk_mutations), &pb, sizeof(pb), decode_probe);
	mutate(guest_mutations, COUNT(guest_mutations), &gu, sizeof(gu), decode_guest);
	memset(&gc, 0, sizeof(gc));
	gc.platform = cpu_to_le32(DMM_PLATFORM_XL);
	gc.verb = cpu_to_le32(DMM_GUEST_CONFIG_CHECK);
	gc.role = cpu_to_le32(DMM_HO_DEST);
	gc.total_bytes = cpu_to_le32(3078);
	strcpy((char *)gc.name, "web01");
	mutate(guest_config_check_mutations, COUNT(guest_config_check_mutations), &gc, sizeof(gc), decode_guest_config);
	gc.migration[0] = 1;
	gc.verb = cpu_to_le32(DMM_GUEST_CONFIG_STAGE);
	gc.offset_bytes = cpu_to_le32(3072);
	gc.bytes = cpu_to_le32(6);
	memcpy(gc.text, "vcpus=", 6);
	mutate(guest_config_mutations, COUNT(guest_config_mutations), &gc, sizeof(gc), decode_guest_config);
	memset(gc.text, 0, sizeof(gc.text));
	memset(gc.name, 0, sizeof(gc.name));
	gc.total_bytes = gc.offset_bytes = gc.bytes = 0;
	gc.verb = cpu_to_le32(DMM_GUEST_CONFIG_STATUS);
	mutate(guest_config_status_mutations, COUNT(guest_config_status_mutations), &gc, sizeof(gc), decode_guest_config);
	memset(&ad, 0, sizeof(ad));
	disk_id(&ad.id);
	ad.group_disks = cpu_to_le32(1);
	ad.port = cpu_to_le16(7790);
	ad.size_bytes = cpu_to_le64(SIZE);
	strcpy((char *)ad.host, "b");
	strcpy((char *)ad.name, "web01");
	strcpy((char *)ad.dest_path, "/dev/x");
	mutate(adopt_mutations, COUNT(adopt_mutations), &ad, sizeof(ad), decode_adopt);
	ad.flags = DMM_ADOPT_FROM;
	strcpy((char *)ad.host + DMM_ADOPT_HOST, "fe80::1%eth0");
	mutate(adopt_from_mutations, COUNT(adopt_from_mutations), &ad, sizeof(ad), decode_adopt);
	assert_int_equal(dmm_adopt_decode(&ad, &adopt, &r), 0);
	assert_string_equal(adopt.host, "b");
	assert_string_equal(adopt.from, "fe80::1%eth0");
	memset(ad.host + DMM_ADOPT_HOST, 0, sizeof(ad.host) - DMM_ADOPT_HOST);
	ad.flags = 0;
	ad.group_disks = 0;
	ad.size_bytes = 0;
	memset(ad.dest_path, 0, sizeof(ad.dest_path));
	strcpy((char *)ad.dest_path, "web01");
	mutate(adopt_guest_mutations, COUNT(adopt_guest_mutations), &ad, sizeof(ad), decode_adopt);
	memset(ad.name, 'x', DMM_GUEST_NAME);
	memset(ad.dest_path, 'x', DMM_GUEST_NAME);
	assert_int_equal(decode_adopt(&ad, &r), -EPROTO);	/* one byte too long */
	memset(&pg, 0, sizeof(pg));
	disk_id(&pg.id);
	pg.flags = cpu_to_le32(DMM_PREPARE_GUEST);
	strcpy((char *)pg.dest_path, "web01");
	strcpy((char *)pg.source_host, "alpha");
	mutate(prepare_guest_mutations, COUNT(prepare_guest_mutations), &pg, sizeof(pg), decode_prepare);
	memset(pg.dest_path, 'x', DMM_GUEST_NAME);
	assert_int_equal(decode_prepare(&pg, &r), -EPROTO);
	/* the disk is not one of its group */
	p.group_disks = cpu_to_le32(3);
	p.id.disk = cpu_to_le32(3);
	memset(&r, 0, sizeof(r));
	assert_true(decode_prepare(&p, &r) && r.code == DMM_WERR_PROTOCOL);
}

/* Whatever bytes come, a decoder says yes or no and stays within its payload (ASan). */
static void decoders_take_anything(void **state)
{
	u8 *junk = calloc(1, sizeof(struct dmm_wire_guest_config));	/* the largest */
	struct dmm_wire_prepare good;
	struct dmm_refusal r;
	u32 i, j;

	(void)state;
	srand(42);
	strcpy(dest_path, "/dev/x");
	fill_prepare(&good, SIZE);
	for (i = 0; i < 20000; i++) {
		memcpy(junk, &good, sizeof(good));
		for (j = rand() % 8; j > 0; j--)
			junk[rand() % (i % 2 ? 64 : sizeof(good))] = rand();
		decode_prepare(junk, &r);
		decode_digest(junk, &r);
		decode_attach(junk, &r);
		decode_hello(junk, &r);
		decode_group(junk, &r);
		decode_guest(junk, &r);
		decode_guest_config(junk, &r);
		decode_adopt(junk, &r);
		decode_volume(junk, &r);
		decode_prove(junk, &r);
		decode_compare(junk, &r);
	}
	free(junk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoders_refuse),
		cmocka_unit_test(decoders_take_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
