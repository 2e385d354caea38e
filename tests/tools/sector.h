/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Self-describing sectors: each says where it belongs, which operation of
 * which journal wrote it, and carries a checksum.  Shares no code with the
 * product on purpose: what judges it must not have its bugs.
 */
#ifndef TESTS_TOOLS_SECTOR_H
#define TESTS_TOOLS_SECTOR_H

#include <stddef.h>
#include <stdint.h>

#define SECTOR_BYTES	512u
#define SECTOR_MAGIC	0x31524f5443455344ull	/* "DSECTOR1" */

struct sector {
	uint64_t magic;
	uint64_t seq;		/* of the operation in its journal, from 1 */
	uint64_t lba;		/* in sectors of 512 bytes; here, for blkid takes 4991 at this place of sector 2 for a Minix file system */
	uint32_t writer;
	uint32_t journal;	/* the journal's random id */
	uint8_t pattern[476];	/* follows from journal, seq and lba */
	uint32_t crc;		/* crc32c of all the above */
};

enum sector_kind {
	SECTOR_OURS,		/* intact; whose and where from is for the caller to judge */
	SECTOR_ZERO,
	SECTOR_TORN,		/* begins like ours, the checksum says no */
	SECTOR_ALIEN,		/* nothing of ours */
};

void sector_fill(struct sector *s, uint64_t lba, uint64_t seq, uint32_t writer, uint32_t journal);
enum sector_kind sector_kind(const struct sector *s);

/* Running crc32c: begin with ~0, invert the result. */
uint32_t tools_crc32c(uint32_t crc, const void *buf, size_t len);

#endif
