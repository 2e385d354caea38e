// SPDX-License-Identifier: GPL-2.0
/*
 * poly32: see there.
 */
#include "poly32.h"

#define K1	DMM_POLY32_K
#define K2	1556741717ULL
#define K3	1016078420ULL
#define K4	508546852ULL
#define K5	463731875ULL
#define K6	171474188ULL
#define K7	70210089ULL
#define K8	29704246ULL

DMM_BUILD_ASSERT(K1 * K1 % DMM_POLY32_P == K2);
DMM_BUILD_ASSERT(K2 * K1 % DMM_POLY32_P == K3);
DMM_BUILD_ASSERT(K3 * K1 % DMM_POLY32_P == K4);
DMM_BUILD_ASSERT(K4 * K1 % DMM_POLY32_P == K5);
DMM_BUILD_ASSERT(K5 * K1 % DMM_POLY32_P == K6);
DMM_BUILD_ASSERT(K6 * K1 % DMM_POLY32_P == K7);
DMM_BUILD_ASSERT(K7 * K1 % DMM_POLY32_P == K8);
/* fold() returns less than 6 * 2^32, words are less than 2^32: a step stays below 2^64 */
DMM_BUILD_ASSERT(6 * K8 + K7 + K6 + K5 + K4 + K3 + K2 + K1 + 1 <= 1ULL << 32);

/* The same modulo P, for 2^32 is 5 there. */
static inline u64 fold(u64 x)
{
	return (x >> 32) * 5 + (u32)x;
}

static inline u32 reduce(u64 x)
{
	x = fold(fold(x));	/* 2^32 + 24 at most */
	return (u32)(x < DMM_POLY32_P ? x : x - DMM_POLY32_P);
}

static inline u64 two_words(const u8 *p)
{
	__le64 v;

	memcpy(&v, p, sizeof(v));
	return le64_to_cpu(v);
}

u32 dmm_poly32(u32 sum, const void *data, size_t n)
{
	const u8 *p = data;
	u64 a, b, c, d, x = sum;
	__le32 w;

	for (; n >= 32; n -= 32, p += 32) {
		a = two_words(p);
		b = two_words(p + 8);
		c = two_words(p + 16);
		d = two_words(p + 24);
		x = fold(x * K8 + (u32)a * K7 + (a >> 32) * K6 + (u32)b * K5 + (b >> 32) * K4 +
			 (u32)c * K3 + (c >> 32) * K2 + (u32)d * K1 + (d >> 32));
	}
	x = reduce(x);
	for (; n >= 4; n -= 4, p += 4) {
		memcpy(&w, p, sizeof(w));
		x = reduce(x * K1 + le32_to_cpu(w));
	}
	return (u32)x;
}

u32 dmm_poly32_shift(u32 sum, u64 bytes)
{
	u64 n = bytes / 4, power = K1, x = sum;

	for (; n; n >>= 1) {
		if (n & 1)
			x = reduce(x * power);
		power = reduce(power * power);
	}
	return (u32)x;
}

u32 dmm_poly32_join(u32 first, u32 second, u64 second_bytes)
{
	return reduce((u64)dmm_poly32_shift(first, second_bytes) + second);
}
