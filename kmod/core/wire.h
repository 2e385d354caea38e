/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Wire encoding of include/dmmigrate/wire.h: the only code that converts
 * between wire structures and native ones.  Pure; never sleeps, locks or
 * allocates.
 *
 * Checksums are running crc32c values as the kernel's crc32c() and our
 * userland shim dmm_crc32c() have them: start with ~0, invert at the end.
 */
#ifndef DMM_CORE_WIRE_H
#define DMM_CORE_WIRE_H

#include "env.h"
#include <dmmigrate/wire.h>

struct dmm_frame {		/* native form of struct dmm_wire_hdr */
	u16 type;
	u64 seq;
	u64 offset_bytes;
	u64 arg;
	u32 payload_bytes;
	u32 crc;		/* as read: set by decode, ignored by encode */
};

struct dmm_ack {
	u16 type;
	u64 seq;
	u64 arg;
	u32 status;
};

/*
 * Encode @f, checking nothing, with crc left zero. Then the crc of the frame is
 *	crc = dmm_wire_hdr_crc(hdr); crc = dmm_crc32c(crc, payload...);
 *	dmm_wire_hdr_seal(hdr, crc)
 */
void dmm_wire_hdr_encode(struct dmm_wire_hdr *hdr, const struct dmm_frame *f);
u32 dmm_wire_hdr_crc(const struct dmm_wire_hdr *hdr);	/* running value over the header with crc = 0 */
void dmm_wire_hdr_seal(struct dmm_wire_hdr *hdr, u32 crc);	/* takes the running value, stores it inverted */
/* With DMM_FEATURE_POLY32, the running value of DATA: @crc that of its header, @sum the poly32 of its payload. */
static inline u32 dmm_wire_crc_poly32(u32 crc, u32 sum)
{
	return crc ^ sum;
}

/* @crc is the running value over header and payload. */
static inline bool dmm_wire_crc_ok(const struct dmm_frame *f, u32 crc)
{
	return f->crc == ~crc;
}

/*
 * Decode and validate a header by itself: magic, type known, flags, reserved
 * and pad zero, seq not 0, payload within the cap of its type (DATA: 1..DMM_MAX_EXTENT_BYTES, a
 * multiple of DMM_SECTOR_BYTES; HASHES_OK: 1..DMM_MAX_HASHES digests; the others: exactly the
 * size of their structure, 0 for those without one), offset only on DATA and ZERO,
 * sector-aligned and ending below 2^63, arg only on BARRIER, and then not 0, and on ZERO,
 * where it is the length: 1..DMM_MAX_ZERO_BYTES, whole sectors.  The checksum needs the payload:
 *	crc = dmm_wire_hdr_crc(hdr); crc = dmm_crc32c(crc, payload...);
 *	dmm_wire_crc_ok(f, crc)
 * Return: 0, or -EBADMSG with *why (@why may be NULL) a constant text and *f untouched.
 */
int dmm_wire_hdr_decode(const struct dmm_wire_hdr *hdr, struct dmm_frame *f, const char **why);

/* Messages that change a range of the disk, and the length of that range. */
static inline bool dmm_wire_is_extent(u16 msg)
{
	return msg == DMM_MSG_DATA || msg == DMM_MSG_ZERO;
}

static inline u64 dmm_wire_extent_bytes(const struct dmm_frame *f)
{
	return f->type == DMM_MSG_ZERO ? f->arg : f->payload_bytes;
}

/* Check a DATA or ZERO frame against the disk: inside [0, size_bytes). 0 or -ERANGE. */
int dmm_wire_data_check(const struct dmm_frame *f, u64 size_bytes);

void dmm_wire_ack_encode(struct dmm_wire_ack *wire, const struct dmm_ack *a);	/* sealed */
/*
 * Check magic, type, reserved, crc, that the status is known and, when it is OK, that seq is
 * not 0 and that arg is what the type has (a refusal may be about a frame without
 * a proper number).
 * Return: 0, or -EBADMSG with *a untouched.
 */
int dmm_wire_ack_decode(const struct dmm_wire_ack *wire, struct dmm_ack *a);

/* Payload size that type @msg must have; DATA, HASHES_OK: -1 (variable); unknown: -EINVAL. */
int dmm_wire_payload_bytes(u16 msg);

/*
 * errno (negative) <-> enum dmm_wire_err, and a constant text for messages.  Lossy
 * from errno (what is not listed is DMM_WERR_INTERNAL), exact there and back from enum
 * dmm_wire_err; a number that is unknown gives -EPROTO.
 */
u32 dmm_wire_err_from_errno(int err);
int dmm_wire_err_to_errno(u32 werr);
const char *dmm_wire_err_text(u32 werr);

#endif
