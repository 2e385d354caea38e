// SPDX-License-Identifier: GPL-2.0
/*
 * crc32c (Castagnoli, reflected) as the kernel's crc32c() has it: a running
 * value without inversions.  In hardware where the CPU can, chosen once;
 * otherwise by tables, eight bytes a step.
 */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/env.h"

#if defined(__aarch64__)
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

#if defined(__x86_64__)
__attribute__((target("sse4.2")))
static uint32_t crc32c_by_cpu(uint32_t crc, const uint8_t *p, size_t bytes)
{
	uint64_t c = crc, v;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		memcpy(&v, p, 8);
		c = __builtin_ia32_crc32di(c, v);
	}
	for (; bytes; bytes--, p++)
		c = __builtin_ia32_crc32qi(c, *p);
	return c;
}

static int crc32c_cpu_can(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#elif defined(__aarch64__)
__attribute__((target("+crc")))
static uint32_t crc32c_by_cpu(uint32_t crc, const uint8_t *p, size_t bytes)
{
	uint64_t v;

	for (; bytes >= 8; bytes -= 8, p += 8) {
		memcpy(&v, p, 8);
		crc = __crc32cd(crc, v);
	}
	for (; bytes; bytes--, p++)
		crc = __crc32cb(crc, *p);
	return crc;
}

static int crc32c_cpu_can(void)
{
	return !!(getauxval(AT_HWCAP) & HWCAP_CRC32);
}
#else
#define crc32c_by_cpu crc32c_by_table
static int crc32c_cpu_can(void)
{
	return 0;
}
#endif

static void crc32c_init(void)
{
	unsigned int i, j;
	uint32_t c;

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
	crc32c_best = crc32c_cpu_can() ? crc32c_by_cpu : crc32c_by_table;
}

u32 dmm_crc32c(u32 crc, const void *data, size_t bytes)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, crc32c_init);
	return crc32c_best(crc, data, bytes);
}
