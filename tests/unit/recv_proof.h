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

static inline void shadow_fill(u64 first, u32 bytes)
{
	static u32 seed = 1;
	u32 i;

	for (i = 0; i < bytes; i += 4) {
		seed = seed * 1664525 + 1013904223;
		memcpy(shadow + first + i, &seed, 4);
	}
}

/* Of an extent, as people know it. */
static inline u32 shadow_crc(u64 i)
{
	return ~dmm_crc32c(~0u, shadow + i * MIB, i == NR - 1 ? LAST : MIB);
}

#endif
