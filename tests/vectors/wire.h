/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/wire: golden bytes of every frame, payload bounds of every
 * type, one wrong field at a time with the reason that has to be given,
 * acknowledgements, error numbers, and crc32c itself (RFC 3720, B.4).
 */
#ifndef DMM_VECTORS_WIRE_H
#define DMM_VECTORS_WIRE_H

#include "vec.h"
#include "core/wire.h"
#include "wire_golden.h"
#include "wire_payload.h"

/* --- crc32c ------------------------------------------------------------- */

static const struct dmm_vec_crc {
	u8 first;	/* byte i of the message is first + i * step */
	s32 step;
	unsigned int bytes;
	u32 crc;	/* inverted, as it is sent */
} dmm_vec_crcs[] = {
	{ 0x00, 0, 32, 0x8a9136aa },	/* RFC 3720: 32 bytes of zeroes */
	{ 0xff, 0, 32, 0x62a8ab43 },	/* of ones */
	{ 0x00, 1, 32, 0x46dd794e },	/* incrementing */
	{ 0x1f, -1, 32, 0x113fdb5c },	/* decrementing */
	{ 0x31, 1, 9, 0xe3069283 },	/* "123456789" */
	{ 'a', 0, 1, 0xc1d04330 },
	{ 0x00, 0, 0, 0x00000000 },
};

/* RFC 3720: an iSCSI SCSI read (10) command PDU */
static const u8 dmm_vec_crc_pdu[48] = {
	0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
	0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static inline void dmm_vec_check_crcs(struct dmm_vec *v)
{
	unsigned int i, n;
	u8 buf[32];
	u32 crc;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_crcs); i++) {
		const struct dmm_vec_crc *c = &dmm_vec_crcs[i];

		for (n = 0; n < c->bytes; n++)
			buf[n] = (u8)(c->first + (s32)n * c->step);
		dmm_vec_eq(v, "crc32c", i, (u32)~dmm_crc32c(~0u, buf, c->bytes), c->crc);
	}
	dmm_vec_eq(v, "crc32c of the PDU", 0,
		   (u32)~dmm_crc32c(~0u, dmm_vec_crc_pdu, sizeof(dmm_vec_crc_pdu)), 0xd9963a56);
	/* in two parts, split everywhere: so it runs on unaligned ones too */
	for (i = 0; i <= sizeof(dmm_vec_crc_pdu); i++) {
		crc = dmm_crc32c(~0u, dmm_vec_crc_pdu, i);
		crc = dmm_crc32c(crc, dmm_vec_crc_pdu + i, sizeof(dmm_vec_crc_pdu) - i);
		dmm_vec_eq(v, "crc32c in parts", i, (u32)~crc, 0xd9963a56);
	}
}

/* --- golden frames ------------------------------------------------------- */

static inline void dmm_vec_golden_frame(struct dmm_frame *f, const struct dmm_vec_golden *g)
{
	memset(f, 0, sizeof(*f));
	f->type = g->type;
	f->seq = g->seq;
	f->offset_bytes = g->offset_bytes;
	f->arg = g->arg;
	f->payload_bytes = g->payload_bytes;
}

static inline u32 dmm_vec_frame_crc(const struct dmm_wire_hdr *hdr, const u8 *payload, u32 bytes)
{
	return dmm_crc32c(dmm_wire_hdr_crc(hdr), payload, bytes);
}

static inline bool dmm_vec_frame_same(const struct dmm_frame *a, const struct dmm_frame *b)
{
	return a->type == b->type && a->seq == b->seq && a->offset_bytes == b->offset_bytes &&
	       a->arg == b->arg && a->payload_bytes == b->payload_bytes;
}

/* @payload: DMM_VEC_PAYLOAD_MAX bytes of scratch. */
static inline void dmm_vec_check_golden(struct dmm_vec *v, u8 *payload)
{
	struct dmm_wire_hdr hdr;
	struct dmm_frame f, d;
	unsigned int i;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_golden); i++) {
		const struct dmm_vec_golden *g = &dmm_vec_golden[i];

		memset(payload, 0, DMM_VEC_PAYLOAD_MAX);
		dmm_vec_payload(payload, g->type);
		dmm_vec_golden_frame(&f, g);
		memset(&hdr, 0xaa, sizeof(hdr));
		dmm_wire_hdr_encode(&hdr, &f);
		dmm_vec_eq(v, "crc zero until sealed", i, le32_to_cpu(hdr.crc), 0);
		dmm_wire_hdr_seal(&hdr, dmm_vec_frame_crc(&hdr, payload, f.payload_bytes));
		dmm_vec_eq(v, "encoded bytes", i, !memcmp(&hdr, g->bytes, sizeof(hdr)), 1);

		memcpy(&hdr, g->bytes, sizeof(hdr));
		memset(&d, 0xaa, sizeof(d));
		dmm_vec_eq(v, "decode", i, (u64)dmm_wire_hdr_decode(&hdr, &d, NULL), 0);
		dmm_vec_eq(v, "decoded frame", i, dmm_vec_frame_same(&d, &f), 1);
		dmm_vec_eq(v, "crc", i,
			   dmm_wire_crc_ok(&d, dmm_vec_frame_crc(&hdr, payload, d.payload_bytes)),
			   1);
	}
}

/* Every bit of every header and of every payload: refused, or the checksum tells. */
static inline void dmm_vec_check_bitflips(struct dmm_vec *v, u8 *payload)
{
	unsigned int i, bit;
	struct dmm_wire_hdr hdr;
	struct dmm_frame d;
	u8 *p = (u8 *)&hdr;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_golden); i++) {
		const struct dmm_vec_golden *g = &dmm_vec_golden[i];

		memset(payload, 0, DMM_VEC_PAYLOAD_MAX);
		dmm_vec_payload(payload, g->type);
		for (bit = 0; bit < sizeof(hdr) * 8; bit++) {
			memcpy(&hdr, g->bytes, sizeof(hdr));
			p[bit / 8] ^= 1 << bit % 8;
			if (dmm_wire_hdr_decode(&hdr, &d, NULL))
				continue;
			/* a payload of another length would be read, but never this far */
			if (d.payload_bytes > DMM_VEC_PAYLOAD_MAX)
				continue;
			dmm_vec_eq(v, "header bit flipped", i * 1000 + bit,
				   dmm_wire_crc_ok(&d, dmm_vec_frame_crc(&hdr, payload,
									 d.payload_bytes)), 0);
		}
		memcpy(&hdr, g->bytes, sizeof(hdr));
		dmm_vec_eq(v, "decode", i, (u64)dmm_wire_hdr_decode(&hdr, &d, NULL), 0);
		for (bit = 0; bit < g->payload_bytes * 8; bit += 5) {
			payload[bit / 8] ^= 1 << bit % 8;
			dmm_vec_eq(v, "payload bit flipped", i * 100000 + bit,
				   dmm_wire_crc_ok(&d, dmm_vec_frame_crc(&hdr, payload,
									 g->payload_bytes)), 0);
			payload[bit / 8] ^= 1 << bit % 8;
		}
	}
}

/* --- types and payload bounds ---------------------------------------------- */

static const struct dmm_vec_type {
	u16 type;
	int bytes;	/* -1: variable, see dmm_vec_size_ok() */
} dmm_vec_types[] = {	/* every one; written out, not taken from the golden ones */
	{ 1, 64 }, { 2, 96 }, { 3, 256 }, { 16, 1776 }, { 17, 64 }, { 18, 48 }, { 19, 32 },
	{ 20, 24 }, { 21, 40 }, { 22, 24 }, { 23, 0 }, { 24, 24 }, { 25, 0 }, { 26, 48 },
	{ 27, -1 }, { 28, 120 }, { 29, 480 }, { 30, 1472 }, { 32, 40 }, { 33, 0 }, { 34, -1 },
	{ 35, 0 }, { 36, 0 }, { 37, 0 }, { 40, 40 }, { 41, 768 }, { 42, 1056 }, { 43, 8 },
	{ 44, 40 }, { 45, 48 }, { 46, 0 }, { 47, 4096 }, { 48, 72 }, { 52, 88 }, { 53, 0 },
	{ 54, 3184 }, { 55, 776 }, { 56, 1024 }, { 57, 1040 },
	{ 58, 200 }, { 59, 1048 }, { 60, 24 }, { 61, 4048 }, { 62, 1040 }, { 63, 16 },
};

/* May @type, whose payload is variable, have @n bytes of it? */
static inline bool dmm_vec_size_ok(u16 type, u32 n)
{
	if (type == 27)
		return n >= 16 && n <= 65536 && n % 16 == 0;
	return n >= 512 && n <= 1u << 20 && n % 512 == 0;
}

static const u32 dmm_vec_sizes[] = {
	0, 1, 15, 16, 17, 511, 512, 513, 1024, 4095, 4096, 4097, 65536, 65552, (1u << 20) - 512, (1u << 20) - 1,
	1u << 20, (1u << 20) + 1, (1u << 20) + 512, 1u << 21, 1u << 31, (1u << 31) + 512,
	0xfffffe00, 0xffffffff,
};

static inline int dmm_vec_decode_size(u16 type, u32 bytes, const char **why)
{
	struct dmm_frame f, d;
	struct dmm_wire_hdr hdr;

	memset(&f, 0, sizeof(f));
	f.type = type;
	f.seq = 1;
	f.arg = type == DMM_MSG_BARRIER ? 1 : type == DMM_MSG_ZERO ? 512 : 0;
	f.payload_bytes = bytes;
	dmm_wire_hdr_encode(&hdr, &f);
	return dmm_wire_hdr_decode(&hdr, &d, why);
}

static inline void dmm_vec_check_types(struct dmm_vec *v)
{
	unsigned int type, i, s;
	const char *why;

	for (type = 0, i = 0; type <= 0xffff; type++) {
		bool known = i < DMM_VEC_COUNT(dmm_vec_types) && dmm_vec_types[i].type == type;
		int bytes = known ? dmm_vec_types[i].bytes : -EINVAL;

		dmm_vec_eq(v, "payload_bytes of type", type, (u64)dmm_wire_payload_bytes(type),
			   (u64)bytes);
		why = NULL;
		dmm_vec_eq(v, "decode of type", type,
			   (u64)dmm_vec_decode_size(type, bytes < 0 ? 512 : bytes, &why),
			   known ? 0 : (u64)-EBADMSG);
		dmm_vec_eq(v, "reason given", type, !why, known);
		if (!known)
			continue;
		i++;
		for (s = 0; s < DMM_VEC_COUNT(dmm_vec_sizes); s++) {
			u32 n = dmm_vec_sizes[s];
			bool ok = bytes < 0 ? dmm_vec_size_ok(type, n) : n == (u32)bytes;

			dmm_vec_eq(v, "payload size (type * 100 + row)", type * 100 + s,
				   (u64)dmm_vec_decode_size(type, n, NULL), ok ? 0 : (u64)-EBADMSG);
		}
		if (bytes > 0) {
			dmm_vec_eq(v, "payload one short", type,
				   (u64)dmm_vec_decode_size(type, bytes - 1, NULL), (u64)-EBADMSG);
			dmm_vec_eq(v, "payload one long", type,
				   (u64)dmm_vec_decode_size(type, bytes + 1, NULL), (u64)-EBADMSG);
		}
	}
	dmm_vec_eq(v, "types seen", 0, i, DMM_VEC_COUNT(dmm_vec_types));
}

/* --- one wrong field at a time -------------------------------------------- */

static const struct dmm_vec_bad {
	u16 type;	/* of the valid frame that is damaged */
	u16 at, bytes;	/* field in the header */
	u64 value;
	const char *why;
} dmm_vec_bads[] = {
	{ DMM_MSG_DATA, 0, 4, 0, "wrong magic" },
	{ DMM_MSG_DATA, 0, 4, 0x444d4d31, "wrong magic" },	/* byte order */
	{ DMM_MSG_DATA, 0, 4, 0x324d4d44, "wrong magic" },	/* "DMM2" */
	{ DMM_MSG_HELLO, 0, 4, 0x20544547, "wrong magic" },	/* "GET " */
	{ DMM_MSG_DATA, 4, 2, 0, "unknown message type" },
	{ DMM_MSG_DATA, 4, 2, 38, "unknown message type" },
	{ DMM_MSG_DATA, 4, 2, 0x2200, "unknown message type" },
	{ DMM_MSG_DATA, 6, 2, 1, "unknown flags" },
	{ DMM_MSG_END, 6, 2, 0x8000, "unknown flags" },
	{ DMM_MSG_DATA, 8, 8, 0, "sequence number 0" },
	{ DMM_MSG_HELLO, 8, 8, 0, "sequence number 0" },
	{ DMM_MSG_DATA, 16, 8, 1, "offset not sector-aligned" },
	{ DMM_MSG_DATA, 16, 8, 256, "offset not sector-aligned" },
	{ DMM_MSG_DATA, 16, 8, 4097, "offset not sector-aligned" },
	{ DMM_MSG_DATA, 16, 8, ~0ULL, "offset not sector-aligned" },
	{ DMM_MSG_DATA, 16, 8, ~0ULL << 9, "offset too large" },
	{ DMM_MSG_DATA, 16, 8, 1ULL << 63, "offset too large" },
	{ DMM_MSG_DATA, 16, 8, (1ULL << 63) - 512, "offset too large" },
	{ DMM_MSG_DATA, 16, 8, (1ULL << 63) - 1024, "offset too large" },
	{ DMM_MSG_DATA, 16, 8, (1ULL << 63) - 1536, NULL },	/* ends at 2^63 - 512 */
	{ DMM_MSG_DATA, 16, 8, 0, NULL },
	{ DMM_MSG_BARRIER, 16, 8, 512, "offset on a message that has none" },
	{ DMM_MSG_END, 16, 8, 512, "offset on a message that has none" },
	{ DMM_MSG_ATTACH, 16, 8, 1ULL << 63, "offset on a message that has none" },
	{ DMM_MSG_DATA, 24, 8, 1, "argument on a message that has none" },
	{ DMM_MSG_END, 24, 8, 1ULL << 63, "argument on a message that has none" },
	{ DMM_MSG_PREPARE, 24, 8, 1, "argument on a message that has none" },
	{ DMM_MSG_BARRIER, 24, 8, 0, "barrier number 0" },
	{ DMM_MSG_BARRIER, 24, 8, ~0ULL, NULL },
	{ DMM_MSG_ZERO, 16, 8, 256, "offset not sector-aligned" },
	{ DMM_MSG_ZERO, 16, 8, (1ULL << 63) - 1024, "offset too large" },	/* of 1 GiB - 512 */
	{ DMM_MSG_ZERO, 16, 8, (1ULL << 63) - (1u << 30), NULL },
	{ DMM_MSG_ZERO, 24, 8, 0, "extent empty or too long" },
	{ DMM_MSG_ZERO, 24, 8, 1u << 30, NULL },
	{ DMM_MSG_ZERO, 24, 8, (1u << 30) + 512, "extent empty or too long" },
	{ DMM_MSG_ZERO, 24, 8, (1ULL << 32) + 512, "extent empty or too long" },
	{ DMM_MSG_ZERO, 24, 8, ~0ULL << 9, "extent empty or too long" },
	{ DMM_MSG_ZERO, 24, 8, 513, "extent not of whole sectors" },
	{ DMM_MSG_ZERO, 24, 8, 512, NULL },
	{ DMM_MSG_ZERO, 32, 4, 512, "payload size is not that of the message" },
	{ DMM_MSG_HASHES, 16, 8, 512, "offset on a message that has none" },
	{ DMM_MSG_HASHES_OK, 24, 8, 1, "argument on a message that has none" },
	{ DMM_MSG_HASHES_OK, 32, 4, 1599, "payload size is not that of the message" },
	{ DMM_MSG_PROVE, 16, 8, 512, "offset on a message that has none" },
	{ DMM_MSG_COMPARE, 32, 4, 1055, "payload size is not that of the message" },
	{ DMM_MSG_FACTS, 32, 4, 8, "payload size is not that of the message" },
	{ DMM_MSG_FACTS_OK, 32, 4, 4095, "payload size is not that of the message" },
	{ DMM_MSG_GUEST_CONFIG, 32, 4, 3183, "payload size is not that of the message" },
	{ DMM_MSG_GUEST_CONFIG_OK, 32, 4, 777, "payload size is not that of the message" },
	{ DMM_MSG_VOLUME, 32, 4, 199, "payload size is not that of the message" },
	{ DMM_MSG_VOLUME_OK, 32, 4, 1049, "payload size is not that of the message" },
	{ DMM_MSG_LEFTOVERS, 32, 4, 23, "payload size is not that of the message" },
	{ DMM_MSG_LEFTOVERS_OK, 32, 4, 4047, "payload size is not that of the message" },
	{ DMM_MSG_PROBE, 32, 4, 1024, "payload size is not that of the message" },
	{ DMM_MSG_PROBE_OK, 32, 4, 8, "payload size is not that of the message" },
	{ DMM_MSG_DATA, 32, 4, 0, "extent empty or too long" },
	{ DMM_MSG_DATA, 32, 4, (1u << 20) + 512, "extent empty or too long" },
	{ DMM_MSG_DATA, 32, 4, 0xfffffe00, "extent empty or too long" },
	{ DMM_MSG_DATA, 32, 4, 513, "extent not of whole sectors" },
	{ DMM_MSG_DATA, 32, 4, 1, "extent not of whole sectors" },
	{ DMM_MSG_DATA, 32, 4, 1u << 20, NULL },
	{ DMM_MSG_BARRIER, 32, 4, 512, "payload size is not that of the message" },
	{ DMM_MSG_PREPARE, 32, 4, 1775, "payload size is not that of the message" },
	{ DMM_MSG_HELLO, 32, 4, 0, "payload size is not that of the message" },
	{ DMM_MSG_HELLO, 32, 4, 4096, "payload size is not that of the message" },
	{ DMM_MSG_DATA, 36, 4, 1, "reserved field not zero" },
	{ DMM_MSG_END, 36, 4, 1u << 31, "reserved field not zero" },
	{ DMM_MSG_DATA, 40, 4, 1, "reserved field not zero" },
	{ DMM_MSG_END, 40, 4, 1u << 31, "reserved field not zero" },
};

static inline const struct dmm_vec_golden *dmm_vec_golden_of(u16 type)
{
	unsigned int i;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_golden); i++)
		if (dmm_vec_golden[i].type == type)
			return &dmm_vec_golden[i];
	return &dmm_vec_golden[0];
}

static inline void dmm_vec_check_bads(struct dmm_vec *v)
{
	unsigned int i, n;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_bads); i++) {
		const struct dmm_vec_bad *b = &dmm_vec_bads[i];
		const char *why = NULL;
		struct dmm_wire_hdr hdr;
		struct dmm_frame d;
		int ret;

		memcpy(&hdr, dmm_vec_golden_of(b->type)->bytes, sizeof(hdr));
		for (n = 0; n < b->bytes; n++)
			((u8 *)&hdr)[b->at + n] = (u8)(b->value >> n * 8);
		memset(&d, 0xaa, sizeof(d));
		ret = dmm_wire_hdr_decode(&hdr, &d, &why);
		dmm_vec_eq(v, "decode of a wrong field", i, (u64)ret, b->why ? (u64)-EBADMSG : 0);
		if (b->why) {
			dmm_vec_eq(v, "its reason", i, why && !strcmp(why, b->why), 1);
			dmm_vec_eq(v, "frame untouched", i, d.seq, 0xaaaaaaaaaaaaaaaaULL);
		}
		dmm_vec_eq(v, "without why", i, (u64)dmm_wire_hdr_decode(&hdr, &d, NULL), (u64)ret);
	}
}

/* --- a frame against its disk -------------------------------------------- */

static const struct dmm_vec_fit {
	u64 offset, size;
	u32 bytes;
	int ret;
} dmm_vec_fits[] = {
	{ 0, 4096, 4096, 0 },
	{ 0, 4096, 512, 0 },
	{ 3584, 4096, 512, 0 },
	{ 3584, 4096, 1024, -ERANGE },
	{ 4096, 4096, 512, -ERANGE },
	{ 4608, 4096, 512, -ERANGE },
	{ 0, 4096, 4608, -ERANGE },
	{ 0, 0, 512, -ERANGE },
	{ 1ULL << 62, 4096, 512, -ERANGE },
	{ ~0ULL << 9, 4096, 512, -ERANGE },		/* the sum wraps to 0 */
	{ ~0ULL << 9, 4096, 1u << 20, -ERANGE },
	{ (1ULL << 63) - 1024, (1ULL << 63) - 512, 512, 0 },
	{ (1ULL << 63) - 1024, (1ULL << 63) - 512, 1024, -ERANGE },
};

static inline void dmm_vec_check_fits(struct dmm_vec *v)
{
	struct dmm_frame f;
	unsigned int i;

	memset(&f, 0, sizeof(f));
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_fits); i++) {
		f.type = DMM_MSG_DATA;
		f.offset_bytes = dmm_vec_fits[i].offset;
		f.arg = 0;
		f.payload_bytes = dmm_vec_fits[i].bytes;
		dmm_vec_eq(v, "data_check", i, (u64)dmm_wire_data_check(&f, dmm_vec_fits[i].size),
			   (u64)dmm_vec_fits[i].ret);
		f.type = DMM_MSG_ZERO;
		f.arg = f.payload_bytes;
		f.payload_bytes = 0;
		dmm_vec_eq(v, "data_check of ZERO", i,
			   (u64)dmm_wire_data_check(&f, dmm_vec_fits[i].size),
			   (u64)dmm_vec_fits[i].ret);
	}
}

#include "wire_ack.h"

#endif
