/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/wire, second part: acknowledgements and error numbers.
 * Included by wire.h.
 */
#ifndef DMM_VECTORS_WIRE_ACK_H
#define DMM_VECTORS_WIRE_ACK_H

static inline bool dmm_vec_ack_same(const struct dmm_ack *a, const struct dmm_ack *b)
{
	return a->type == b->type && a->seq == b->seq && a->arg == b->arg &&
	       a->status == b->status;
}

static inline void dmm_vec_check_golden_acks(struct dmm_vec *v)
{
	struct dmm_wire_ack wire;
	unsigned int i, bit;
	struct dmm_ack d;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_golden_acks); i++) {
		const struct dmm_vec_golden_ack *g = &dmm_vec_golden_acks[i];

		memset(&wire, 0xaa, sizeof(wire));
		dmm_wire_ack_encode(&wire, &g->ack);
		dmm_vec_eq(v, "encoded ack", i, !memcmp(&wire, g->bytes, sizeof(wire)), 1);
		memcpy(&wire, g->bytes, sizeof(wire));
		dmm_vec_eq(v, "decode of ack", i, (u64)dmm_wire_ack_decode(&wire, &d), 0);
		dmm_vec_eq(v, "decoded ack", i, dmm_vec_ack_same(&d, &g->ack), 1);
		for (bit = 0; bit < sizeof(wire) * 8; bit++) {
			memcpy(&wire, g->bytes, sizeof(wire));
			((u8 *)&wire)[bit / 8] ^= 1 << bit % 8;
			memset(&d, 0xaa, sizeof(d));
			dmm_vec_eq(v, "ack bit flipped", i * 1000 + bit,
				   (u64)dmm_wire_ack_decode(&wire, &d), (u64)-EBADMSG);
			dmm_vec_eq(v, "ack untouched", i * 1000 + bit, d.seq,
				   0xaaaaaaaaaaaaaaaaULL);
		}
	}
}

/* Properly sealed, so that each is judged by its own rule and not by the checksum. */
static const struct dmm_vec_ack {
	u32 magic;
	u16 type, reserved;
	u64 seq, arg;
	u32 status;
	int ret;
} dmm_vec_acks[] = {
	{ DMM_WIRE_MAGIC, 34, 0, 1, 0, 0, 0 },
	{ DMM_WIRE_MAGIC, 35, 0, 1, 1, 0, 0 },
	{ DMM_WIRE_MAGIC, 34, 0, ~0ULL, 0, 0, 0 },
	{ DMM_WIRE_MAGIC + 1, 34, 0, 1, 0, 0, -EBADMSG },
	{ 0, 34, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 0, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 33, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 36, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 1, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 0xffff, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 34, 1, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 34, 0x8000, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 34, 0, 0, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 34, 0, 1, 1, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 35, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 35, 0, 0, 1, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 37, 0, 1, 512, 0, 0 },
	{ DMM_WIRE_MAGIC, 37, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 37, 0, 0, 512, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 38, 0, 1, 0, 0, -EBADMSG },
	{ DMM_WIRE_MAGIC, 37, 0, 0, 0, 1, 0 },
	/* refusals may lack a number */
	{ DMM_WIRE_MAGIC, 34, 0, 0, 0, 1, 0 },
	{ DMM_WIRE_MAGIC, 35, 0, 0, 0, 1, 0 },
	{ DMM_WIRE_MAGIC, 34, 0, 7, 7, 2, 0 },
	{ DMM_WIRE_MAGIC, 34, 0, 1, 0, 16, 0 },
	{ DMM_WIRE_MAGIC, 34, 0, 1, 0, 17, 0 },
	{ DMM_WIRE_MAGIC, 34, 0, 1, 0, 18, -EBADMSG },
	{ DMM_WIRE_MAGIC, 34, 0, 1, 0, 0x80000000, -EBADMSG },
	{ DMM_WIRE_MAGIC, 34, 0, 1, 0, 0xffffffff, -EBADMSG },
};

static inline void dmm_vec_check_acks(struct dmm_vec *v)
{
	struct dmm_wire_ack wire;
	struct dmm_ack d;
	unsigned int i;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_acks); i++) {
		const struct dmm_vec_ack *a = &dmm_vec_acks[i];

		memset(&wire, 0, sizeof(wire));
		wire.magic = cpu_to_le32(a->magic);
		wire.type = cpu_to_le16(a->type);
		wire.reserved = cpu_to_le16(a->reserved);
		wire.seq = cpu_to_le64(a->seq);
		wire.arg = cpu_to_le64(a->arg);
		wire.status = cpu_to_le32(a->status);
		wire.crc = cpu_to_le32(~dmm_crc32c(~0u, &wire, 28));
		dmm_vec_eq(v, "sealed ack", i, (u64)dmm_wire_ack_decode(&wire, &d), (u64)a->ret);
		wire.crc = cpu_to_le32(~le32_to_cpu(wire.crc));
		dmm_vec_eq(v, "ack sealed uninverted", i, (u64)dmm_wire_ack_decode(&wire, &d),
			   (u64)-EBADMSG);
	}
}

static const struct dmm_vec_errno {
	int err;
	u32 werr;
	bool back;	/* and it turns back into this errno */
} dmm_vec_errnos[] = {
	{ 0, DMM_WERR_OK, true },
	{ -EPROTO, DMM_WERR_PROTOCOL, true },
	{ -EBADMSG, DMM_WERR_PROTOCOL, false },
	{ -EPROTONOSUPPORT, DMM_WERR_VERSION, true },
	{ -EILSEQ, DMM_WERR_CRC, true },
	{ -ERANGE, DMM_WERR_RANGE, true },
	{ -EINVAL, DMM_WERR_RANGE, false },
	{ -EIO, DMM_WERR_IO, true },
	{ -ENOSPC, DMM_WERR_NOSPC, true },
	{ -EDQUOT, DMM_WERR_NOSPC, false },
	{ -ENOENT, DMM_WERR_NOTFOUND, true },
	{ -ENODEV, DMM_WERR_NOTFOUND, false },
	{ -ENXIO, DMM_WERR_NOTFOUND, false },
	{ -EBUSY, DMM_WERR_BUSY, true },
	{ -ETXTBSY, DMM_WERR_BUSY, false },
	{ -EFBIG, DMM_WERR_TOOSMALL, true },
	{ -EACCES, DMM_WERR_DENIED, true },
	{ -EPERM, DMM_WERR_DENIED, false },
	{ -EROFS, DMM_WERR_DENIED, false },
	{ -EEXIST, DMM_WERR_SIGNATURE, true },
	{ -ELOOP, DMM_WERR_SAMEDISK, true },
	{ -EUSERS, DMM_WERR_LIMIT, true },
	{ -EMFILE, DMM_WERR_LIMIT, false },
	{ -EOPNOTSUPP, DMM_WERR_UNSUPPORTED, true },
	{ -ESHUTDOWN, DMM_WERR_SHUTDOWN, true },
	{ -EREMOTEIO, DMM_WERR_INTERNAL, true },
	{ -EUCLEAN, DMM_WERR_DIFFERS, true },
	{ -ENOMEM, DMM_WERR_INTERNAL, false },
	{ -4000, DMM_WERR_INTERNAL, false },
	{ 5, DMM_WERR_INTERNAL, false },
};

static inline void dmm_vec_check_errnos(struct dmm_vec *v)
{
	const char *text;
	unsigned int i;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_errnos); i++) {
		const struct dmm_vec_errno *e = &dmm_vec_errnos[i];

		dmm_vec_eq(v, "from errno", i, dmm_wire_err_from_errno(e->err), e->werr);
		if (e->back)
			dmm_vec_eq(v, "to errno", i, (u64)dmm_wire_err_to_errno(e->werr),
				   (u64)e->err);
	}
	/* there and back, and never success for what is an error */
	for (i = 0; i < DMM_WERR_COUNT; i++) {
		text = dmm_wire_err_text(i);
		dmm_vec_eq(v, "there and back", i,
			   dmm_wire_err_from_errno(dmm_wire_err_to_errno(i)), i);
		dmm_vec_eq(v, "negative", i, dmm_wire_err_to_errno(i) < 0, i != DMM_WERR_OK);
		dmm_vec_eq(v, "has a text", i, text && strlen(text) > 5, 1);
	}
	dmm_vec_eq(v, "unknown", DMM_WERR_COUNT, (u64)dmm_wire_err_to_errno(DMM_WERR_COUNT),
		   (u64)-EPROTO);
	dmm_vec_eq(v, "unknown", ~0u, (u64)dmm_wire_err_to_errno(~0u), (u64)-EPROTO);
	dmm_vec_eq(v, "unknown text", ~0u, !strcmp(dmm_wire_err_text(~0u), "unknown error"), 1);
}

#endif
