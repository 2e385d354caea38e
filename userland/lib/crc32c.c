// SPDX-License-Identifier: GPL-2.0
/*
 * crc32c (Castagnoli, reflected) as the kernel's crc32c() has it: a running
 * value without inversions.  In hardware where the CPU can, chosen once;
 * otherwise by tables, eight bytes a step.
 *
 * The instruction takes three cycles and can begin every cycle, so three
 * parts of a block are run beside each other and joined: the value of AB is that
 * of A, moved on by as many zeros as B has bytes, plus (xor) that of B from 0.
 *
 * Where there are carry-less products of 512 bits, 256 bytes at a time are folded onto
 * the 256 behind them, which leaves the remainder what it is; the last 64 go
 * by the instruction.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "crc32c.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

#define CRC32C_POLY 0x82f63b78u

typedef uint32_t (*crc32c_fn)(uint32_t crc, const uint8_t *p, size_t bytes);

/* constant after crc32c_init() */
static uint32_t crc32c_table[8][256];
static crc32c_fn crc32c_best;
static uint32_t crc32c_zeros[64];	/* x^(8 * 2^k): moves on by 2^k zero bytes */

static uint32_t crc32c_by_table(uint32_t crc, const uint8_t *p, size_t bytes)
{
	uint64_t v;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		v = __builtin_bswap64(v);
#endif
		v ^= crc;
		crc = crc32c_table[7][v & 0xff] ^ crc32c_table[6][(v >> 8) & 0xff] ^
		      crc32c_table[5][(v >> 16) & 0xff] ^ crc32c_table[4][(v >> 24) & 0xff] ^
		      crc32c_table[3][(v >> 32) & 0xff] ^ crc32c_table[2][(v >> 40) & 0xff] ^
		      crc32c_table[1][(v >> 48) & 0xff] ^ crc32c_table[0][v >> 56];
	}
	for (; bytes; bytes--, p++)
		crc = crc >> 8 ^ crc32c_table[0][(crc ^ *p) & 0xff];
	return crc;
}

#if defined(__x86_64__) || defined(__aarch64__)

#if defined(__x86_64__)
#define CRC32C_TARGET	__attribute__((target("sse4.2")))
#define crc32c_8(c, v)	((uint32_t)__builtin_ia32_crc32di(c, v))
#define crc32c_1(c, v)	__builtin_ia32_crc32qi(c, v)

static int crc32c_cpu_can(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
#define CRC32C_TARGET	__attribute__((target("+crc")))
#define crc32c_8(c, v)	__crc32cd(c, v)
#define crc32c_1(c, v)	__crc32cb(c, v)

static int crc32c_cpu_can(void)
{
	return !!(getauxval(AT_HWCAP) & HWCAP_CRC32);
}
#endif

#define LONG_PART	8192u	/* of three in a block; what is left goes by short ones */
#define SHORT_PART	512u

/* Moves a value on by so many zero bytes, a table for each of its bytes; constant after init. */
static uint32_t long_shift[4][256], short_shift[4][256];

CRC32C_TARGET
static uint32_t crc32c_one_by_one(uint32_t crc, const uint8_t *p, size_t bytes)
{
	uint64_t v;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		memcpy(&v, p, 8);
		crc = crc32c_8(crc, v);
	}
	for (; bytes; bytes--, p++)
		crc = crc32c_1(crc, *p);
	return crc;
}

static void shift_init(uint32_t table[4][256], size_t bytes)
{
	static const uint8_t zeros[LONG_PART];
	unsigned int k, bit, i;
	uint32_t moved;

	/* moving is linear: the bits of a value by themselves, then their sums */
	for (k = 0; k < 4; k++) {
		for (bit = 0; bit < 8; bit++) {
			moved = crc32c_one_by_one(1u << (8 * k + bit), zeros, bytes);
			for (i = 0; i < 256; i++) {
				if (i & (1u << bit))
					table[k][i] ^= moved;
			}
		}
	}
}

static uint32_t shift(uint32_t table[4][256], uint32_t crc)
{
	return table[0][crc & 0xff] ^ table[1][(crc >> 8) & 0xff] ^ table[2][(crc >> 16) & 0xff] ^
	       table[3][crc >> 24];
}

CRC32C_TARGET
static uint32_t crc32c_block(uint32_t crc, const uint8_t *p, size_t part, uint32_t table[4][256])
{
	uint32_t second = 0, third = 0;
	uint64_t v[3];
	size_t i;

	for (i = 0; i < part; i += 8) {
		memcpy(&v[0], p + i, 8);
		memcpy(&v[1], p + part + i, 8);
		memcpy(&v[2], p + 2 * part + i, 8);
		crc = crc32c_8(crc, v[0]);
		second = crc32c_8(second, v[1]);
		third = crc32c_8(third, v[2]);
	}
	return shift(table, shift(table, crc) ^ second) ^ third;
}

static uint32_t crc32c_by_cpu(uint32_t crc, const uint8_t *p, size_t bytes)
{
	for (; bytes >= 3 * LONG_PART; bytes -= 3 * LONG_PART, p += 3 * LONG_PART)
		crc = crc32c_block(crc, p, LONG_PART, long_shift);
	for (; bytes >= 3 * SHORT_PART; bytes -= 3 * SHORT_PART, p += 3 * SHORT_PART)
		crc = crc32c_block(crc, p, SHORT_PART, short_shift);
	return crc32c_one_by_one(crc, p, bytes);
}

#if defined(__x86_64__)

#define FOLD_BYTES	256u
#define FOLD_TARGET	__attribute__((target("avx512f,avx512vl,vpclmulqdq,sse4.2")))

/* @x, moved on by what @k is made for (its low and its high half have a factor each), onto @next. */
FOLD_TARGET
static inline __m512i fold_onto(__m512i x, __m512i k, __m512i next)
{
	/* 0x96: xor of three */
	return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(x, k, 0x00),
					 _mm512_clmulepi64_epi128(x, k, 0x11), next, 0x96);
}

FOLD_TARGET
static uint32_t crc32c_by_folding(uint32_t crc, const uint8_t *p, size_t bytes)
{
	/* x^n modulo the polynomial, for 256 and for 64 bytes */
	const __m512i k256 = _mm512_set4_epi32(0, 0xb9e02b86, 0, 0xdcb17aa4);
	const __m512i k64 = _mm512_set4_epi32(0, 0x9e4addf8, 0, 0x740eef02);
	__m512i x[4];
	uint8_t last[64];
	unsigned int i;

	if (bytes < 2 * FOLD_BYTES)
		return crc32c_by_cpu(crc, p, bytes);
	for (i = 0; i < 4; i++)
		x[i] = _mm512_loadu_si512(p + 64 * i);
	x[0] = _mm512_xor_si512(x[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
	for (bytes -= FOLD_BYTES, p += FOLD_BYTES; bytes >= FOLD_BYTES;
	     bytes -= FOLD_BYTES, p += FOLD_BYTES) {
		for (i = 0; i < 4; i++)
			x[i] = fold_onto(x[i], k256, _mm512_loadu_si512(p + 64 * i));
	}
	for (i = 0; i < 3; i++)
		x[i + 1] = fold_onto(x[i], k64, x[i + 1]);
	_mm512_storeu_si512(last, x[3]);
	return crc32c_by_cpu(crc32c_one_by_one(0, last, sizeof(last)), p, bytes);
}

static int crc32c_can_fold(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("vpclmulqdq");
}
#else
#define crc32c_by_folding crc32c_by_cpu
static int crc32c_can_fold(void)
{
	return 0;
}
#endif

static void crc32c_cpu_init(void)
{
	shift_init(long_shift, LONG_PART);
	shift_init(short_shift, SHORT_PART);
}
#else
#define crc32c_by_cpu crc32c_by_table
#define crc32c_by_folding crc32c_by_table
static int crc32c_can_fold(void)
{
	return 0;
}

static int crc32c_cpu_can(void)
{
	return 0;
}

static void crc32c_cpu_init(void)
{
}
#endif

/* The product modulo the polynomial; the highest bit is x^0.  @a is not 0. */
static uint32_t crc32c_multiply(uint32_t a, uint32_t b)
{
	uint32_t bit, product = 0;

	for (bit = 1u << 31; ; bit >>= 1) {
		if (a & bit)
			product ^= b;
		if (!(a & (bit - 1)))
			return product;
		b = b >> 1 ^ (b & 1 ? CRC32C_POLY : 0);
	}
}

static void crc32c_init(void)
{
	unsigned int i, j;
	uint32_t c;

	crc32c_zeros[0] = 1u << 23;
	for (i = 1; i < 64; i++)
		crc32c_zeros[i] = crc32c_multiply(crc32c_zeros[i - 1], crc32c_zeros[i - 1]);
	for (i = 0; i < 256; i++) {
		c = i;
		for (j = 0; j < 8; j++)
			c = c >> 1 ^ (c & 1 ? CRC32C_POLY : 0);
		crc32c_table[0][i] = c;
	}
	for (i = 0; i < 256; i++) {
		for (j = 1; j < 8; j++)
			crc32c_table[j][i] = crc32c_table[j - 1][i] >> 8 ^
					     crc32c_table[0][crc32c_table[j - 1][i] & 0xff];
	}
	crc32c_best = crc32c_by_table;
	if (!crc32c_cpu_can())
		return;
	crc32c_cpu_init();
	crc32c_best = crc32c_can_fold() ? crc32c_by_folding : crc32c_by_cpu;
}

static pthread_once_t crc32c_once = PTHREAD_ONCE_INIT;

u32 dmm_crc32c(u32 crc, const void *data, size_t bytes)
{
	pthread_once(&crc32c_once, crc32c_init);
	return crc32c_best(crc, data, bytes);
}

bool dmm_crc32c_by_instruction(void)
{
	return crc32c_cpu_can();
}

u32 dmm_crc32c_shift(u32 crc, u64 bytes)
{
	unsigned int k;

	pthread_once(&crc32c_once, crc32c_init);
	for (k = 0; bytes; bytes >>= 1, k++) {
		if (bytes & 1)
			crc = crc32c_multiply(crc32c_zeros[k], crc);
	}
	return crc;
}
