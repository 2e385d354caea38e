// SPDX-License-Identifier: GPL-2.0
/*
 * crc32c by whatever this CPU has, against one bit at a time, for all the lengths
 * and alignments at which it changes its ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "crc32c.h"

#define MAX_BYTES	(3u * 8192 * 2 + 3 * 512 * 2 + 64)

static u32 by_bits(u32 crc, const u8 *p, size_t bytes)
{
	int i;

	for (; bytes; bytes--, p++) {
		crc ^= *p;
		for (i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

static void known_values(void **state)
{
	static const u8 zeros[32];
	u8 ones[32];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	/* RFC 3720, B.4 */
	assert_int_equal(~dmm_crc32c(~0u, "123456789", 9), 0xe3069283u);
	assert_int_equal(~dmm_crc32c(~0u, zeros, 32), 0x8a9136aau);
	assert_int_equal(~dmm_crc32c(~0u, ones, 32), 0x62a8ab43u);
	assert_int_equal(dmm_crc32c(0x12345678, "", 0), 0x12345678);
}

static void all_lengths(void **state)
{
	static const size_t around[] = { 8, 256, 512, 768, 3 * 512, 6 * 512, 3 * 8192, 3 * 8192 + 3 * 512, 6 * 8192 };
	u8 *buf = malloc(MAX_BYTES + 8);
	u32 i, at, seed = 1;
	size_t n;
	int d;

	(void)state;
	for (i = 0; i < MAX_BYTES + 8; i++) {
		seed = seed * 1664525 + 1013904223;
		buf[i] = (u8)(seed >> 24);
	}
	for (n = 0; n < 300; n++)
		assert_int_equal(dmm_crc32c(seed, buf + 1, n), by_bits(seed, buf + 1, n));
	for (i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
		for (d = -9; d <= 9; d++) {
			n = around[i] + (size_t)d;
			if (n > MAX_BYTES)
				continue;
			for (at = 0; at < 8; at += 3)
				assert_int_equal(dmm_crc32c(seed + i, buf + at, n),
						 by_bits(seed + i, buf + at, n));
		}
	}
	/* in parts */
	seed = dmm_crc32c(~0u, buf, 100);
	seed = dmm_crc32c(seed, buf + 100, 30000);
	seed = dmm_crc32c(seed, buf + 30100, 7);
	assert_int_equal(seed, by_bits(~0u, buf, 30107));
	free(buf);
}

/* The way that a table of extents goes: parts, each from 0, joined one after the other. */
static void joined_parts(void **state)
{
	static const size_t parts[] = { 512, 1, 4096, 65536 - 7, 0, 3 * 8192 + 512, 13 };
	u32 i, seed = 7, whole = ~0u, joined = ~0u;
	size_t at = 0, n;
	u8 *buf = malloc(1 << 20);

	(void)state;
	for (n = 0; n < 1 << 20; n++) {
		seed = seed * 1664525 + 1013904223;
		buf[n] = (u8)(seed >> 24);
	}
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); at += parts[i++]) {
		whole = dmm_crc32c(whole, buf + at, parts[i]);
		joined = dmm_crc32c_shift(joined, parts[i]) ^ dmm_crc32c(0, buf + at, parts[i]);
		assert_int_equal(joined, whole);
	}
	/* zeros */
	memset(buf, 0, 1 << 20);
	for (n = 0; n < 600; n++)
		assert_int_equal(dmm_crc32c_shift(seed, n), dmm_crc32c(seed, buf, n));
	for (n = 512; n <= 1 << 20; n *= 2)
		assert_int_equal(dmm_crc32c_shift(seed, n), dmm_crc32c(seed, buf, n));
	assert_int_equal(dmm_crc32c_shift(seed, (1 << 20) - 512), dmm_crc32c(seed, buf, (1 << 20) - 512));
	assert_int_equal(dmm_crc32c_shift(0, 1ull << 40), 0);
	/* 2^63 + 512 of them, in two steps */
	assert_int_equal(dmm_crc32c_shift(seed, (1ull << 63) + 512),
			 dmm_crc32c(dmm_crc32c_shift(seed, 1ull << 63), buf, 512));
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(all_lengths),
		cmocka_unit_test(joined_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
