/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of proofs: what a disk of NR extents, the last of which is short, has to have.
 */
#ifndef RECV_PROOF_H
#define RECV_PROOF_H

#include "dmmigrated/prove.h"
#include "recv_fake.h"

#define MIB	(1u << 20)
#define LAST	4096u			/* of the last extent */
#define SIZE	(4u * MIB + LAST)
#define NR	5u

static u8 *shadow;
static enum dmm_sum_kind kind;		/* of the frames */

static inline void shadow_fill(u64 first, u32 bytes)
{
	static u32 seed = 1;
	u32 i;

	for (i = 0; i < bytes; i += 4) {
		seed = seed * 1664525 + 1013904223;
		memcpy(shadow + first + i, &seed, 4);
	}
}

static inline u32 shadow_bytes(u64 i)
{
	return i == NR - 1 ? LAST : MIB;
}

/* Of an extent, as frames bring it. */
static inline u32 shadow_sum(u64 i)
{
	return dmm_sum(kind, 0, shadow + i * MIB, shadow_bytes(i));
}

/* As people know it, and both sides when they compare. */
static inline u32 shadow_crc(u64 i)
{
	return ~dmm_crc32c(~0u, shadow + i * MIB, shadow_bytes(i));
}

static inline void ship(struct peer *p, u64 first, u32 bytes)
{
	shadow_fill(first, bytes);
	peer_data(p, first, shadow + first, bytes);
	peer_expect_ack(p, DMM_MSG_DATA, p->seq, DMM_WERR_OK);
}

/* Behind the receiver's back. */
static inline void flip_a_bit(u64 at)
{
	int fd = open(dest_path, O_RDWR);
	u8 byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	assert_int_equal(fsync(fd), 0);
	close(fd);
}

/* All of @tests once with frames of each kind. Returns how many failed. */
#define run_kinds(tests) ({ \
	int failed; \
	kind = DMM_SUM_CRC32C; \
	failed = cmocka_run_group_tests_name("crc32c", tests, NULL, NULL); \
	kind = DMM_SUM_POLY32; \
	failed + cmocka_run_group_tests_name("poly32", tests, NULL, NULL); \
})

#endif
