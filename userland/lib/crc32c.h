/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Joining checksums of parts.  Values are running ones, as dmm_crc32c() has them.
 */
#ifndef DMM_LIB_CRC32C_H
#define DMM_LIB_CRC32C_H

#include "core/env.h"

/*
 * @crc moved on by @bytes zeros: what dmm_crc32c() over so many zeros returns, in time that
 * grows with their logarithm.  Hence of two parts, A from any start and B from 0:
 *	dmm_crc32c(dmm_crc32c(start, A), B) == dmm_crc32c_shift(A's, bytes of B) ^ B's
 * Context: any thread.
 */
u32 dmm_crc32c_shift(u32 crc, u64 bytes);

/* Has the processor an instruction for it? Any thread. */
bool dmm_crc32c_by_instruction(void);

#endif
