/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/poly32: sums by the definition, with Python's integers; what parts give, what zeros do, and that the
 * changes that it promises to notice are noticed.
 */
#ifndef DMM_VECTORS_POLY32_H
#define DMM_VECTORS_POLY32_H

#include "vec.h"
#include "core/poly32.h"

#define DMM_VEC_POLY32_MAX	4096u

static const struct dmm_vec_poly32 {
	u8 first;	/* byte i of the data is first + i * step */
	s32 step;
	unsigned int bytes;
	u32 sum;
} dmm_vec_poly32s[] = {
	{ 0x00, 0, 0, 0x00000000 },
	{ 0x00, 0, 4096, 0x00000000 },
	{ 0xff, 0, 4, 0x00000004 },	/* 2^32 - 1 is beyond P */
	{ 0xff, 0, 32, 0x8fd9aa1b },
	{ 0x00, 1, 28, 0xe38853b6 },
	{ 0x00, 1, 32, 0xa8de50e0 },
	{ 0x00, 1, 36, 0xc215fee0 },
	{ 0x1f, -1, 512, 0x08c5cb5d },
	{ 0x07, 13, 4096, 0xfdb5e0e2 },
};

static inline void dmm_vec_poly32_fill(const struct dmm_vec_poly32 *c, u8 *buf)
{
	unsigned int i;

	for (i = 0; i < c->bytes; i++)
		buf[i] = (u8)(c->first + (s32)i * c->step);
}

/* @buf of DMM_VEC_POLY32_MAX + 4 */
static inline void dmm_vec_check_poly32(struct dmm_vec *v, u8 *buf)
{
	const struct dmm_vec_poly32 *c;
	unsigned int i, n;
	u32 sum;

	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_poly32s); i++) {
		c = &dmm_vec_poly32s[i];
		/* everywhere in a word */
		for (n = 0; n < 4; n++) {
			dmm_vec_poly32_fill(c, buf + n);
			dmm_vec_eq(v, "poly32", i, dmm_poly32(0, buf + n, c->bytes), c->sum);
		}
		dmm_vec_poly32_fill(c, buf);
		for (n = 0; n <= c->bytes; n += 4) {
			sum = dmm_poly32(0, buf, n);
			dmm_vec_eq(v, "poly32 in parts", i, dmm_poly32(sum, buf + n, c->bytes - n), c->sum);
			dmm_vec_eq(v, "poly32 of parts, joined", i,
				   dmm_poly32_join(sum, dmm_poly32(0, buf + n, c->bytes - n), c->bytes - n), c->sum);
		}
	}
}

/* @buf as above */
static inline void dmm_vec_check_poly32_zeros(struct dmm_vec *v, u8 *buf)
{
	static const u64 many[] = { 0, 4, 28, 32, 512, 4096 };
	unsigned int i;

	memset(buf, 0, DMM_VEC_POLY32_MAX);
	for (i = 0; i < DMM_VEC_COUNT(many); i++)
		dmm_vec_eq(v, "moved on by zeros", i, dmm_poly32_shift(0x89abcdef, many[i]),
			   dmm_poly32(0x89abcdef, buf, many[i]));
	/* further than anything is: by Fermat, P - 1 words leave it as it is */
	dmm_vec_eq(v, "moved on by P - 1 words", 0, dmm_poly32_shift(0x89abcdef, 4 * (DMM_POLY32_P - 1)), 0x89abcdef);
	/* and no fewer that divide it: K generates all */
	dmm_vec_eq(v, "half of them", 0, dmm_poly32_shift(1, 2 * (DMM_POLY32_P - 1)), DMM_POLY32_P - 1);
}

/* Each bit that changes, and any second one in the words behind it, changes the sum. @buf as above */
static inline void dmm_vec_check_poly32_bits(struct dmm_vec *v, u8 *buf)
{
	static const struct dmm_vec_poly32 data = { 0x07, 13, 512, 0 };
	unsigned int bit, other, same = 0;
	u32 sum;

	dmm_vec_poly32_fill(&data, buf);
	sum = dmm_poly32(0, buf, data.bytes);
	for (bit = 0; bit < data.bytes * 8; bit++) {
		buf[bit / 8] ^= 1 << bit % 8;
		same += dmm_poly32(0, buf, data.bytes) == sum;
		for (other = bit + 1; other < bit + 96 && other < data.bytes * 8; other++) {
			buf[other / 8] ^= 1 << other % 8;
			same += dmm_poly32(0, buf, data.bytes) == sum;
			buf[other / 8] ^= 1 << other % 8;
		}
		buf[bit / 8] ^= 1 << bit % 8;
	}
	dmm_vec_eq(v, "changes that were not noticed", 0, same, 0);
	/* what is not: a word that changes by P */
	memset(buf, 0, 8);
	sum = dmm_poly32(0, buf, 8);
	buf[4] = 0xfb;
	memset(buf + 5, 0xff, 3);
	dmm_vec_eq(v, "a change by P", 0, dmm_poly32(0, buf, 8), sum);
}

#endif
