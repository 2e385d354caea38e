/* SPDX-License-Identifier: GPL-2.0 */
/*
 * poly32: a checksum by multiplications alone, for processors without an instruction for crc32c.
 *
 * Data is taken for a sequence of little-endian words of 32 bits, w[0] to w[n - 1]; its sum is that polynomial at K,
 *	w[0] * K^(n-1) + w[1] * K^(n-2) + ... + w[n-1]	modulo P = 2^32 - 5,
 * so one of 0 to P - 1, and 0 for zeros.  What is changed within one word is always noticed, unless it changes by P itself
 * (0 to 4 and what is P above them are the same); so are any two bits that change in up to 128 MiB.  Anything else is
 * missed once in 2^32 times, like by a crc.  It protects from accidents, as a crc does, and from nobody who means it.
 *
 * Tables of crc32c cost ten loads for eight bytes, this one load and two multiplications.
 */
#ifndef DMM_CORE_POLY32_H
#define DMM_CORE_POLY32_H

#include "env.h"

#define DMM_POLY32_P	4294967291ULL	/* prime */
/*
 * A generator of all the residues, of those whose powers are small enough for eight words between reductions (asserted in
 * poly32.c) the one for which small changes of two words within 4 KiB cancel out the least.
 */
#define DMM_POLY32_K	37794013ULL

/*
 * The sum of what had @sum, 0 at first, followed by @n bytes, whole words.
 * Context: any; pure.
 */
u32 dmm_poly32(u32 sum, const void *p, size_t n);

/*
 * @sum moved on by @bytes zeros, whole words, in time that grows with their logarithm.  Hence of A, followed by B:
 *	dmm_poly32_join(A's, B's, bytes of B)
 * Context: any; pure.
 */
u32 dmm_poly32_shift(u32 sum, u64 bytes);
u32 dmm_poly32_join(u32 first, u32 second, u64 second_bytes);

#endif
