// SPDX-License-Identifier: GPL-2.0
/*
 * Making and recognising self-describing sectors.
 */
#include "sector.h"

#include <pthread.h>
#include <string.h>

_Static_assert(sizeof(struct sector) == SECTOR_BYTES, "a sector is 512 bytes");

static uint32_t crc_table[8][256];
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

static void crc_init(void)
{
	uint32_t i, j, c;

	for (i = 0; i < 256; i++) {
		c = i;
		for (j = 0; j < 8; j++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
		crc_table[0][i] = c;
	}
	for (j = 1; j < 8; j++)
		for (i = 0; i < 256; i++) {
			c = crc_table[j - 1][i];
			crc_table[j][i] = crc_table[0][c & 255] ^ c >> 8;
		}
}

/* crc32c, eight bytes a step: under emulation the plain loop is what takes the time. */
uint32_t tools_crc32c(uint32_t c, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint32_t d;

	pthread_once(&crc_once, crc_init);
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&d, p, 4);
		c ^= d;
		memcpy(&d, p + 4, 4);
		c = crc_table[7][c & 255] ^ crc_table[6][c >> 8 & 255] ^
		    crc_table[5][c >> 16 & 255] ^ crc_table[4][c >> 24] ^
		    crc_table[3][d & 255] ^ crc_table[2][d >> 8 & 255] ^
		    crc_table[1][d >> 16 & 255] ^ crc_table[0][d >> 24];
	}
	for (; len; len--, p++)
		c = crc_table[0][(c ^ *p) & 255] ^ c >> 8;
	return c;
}

static uint32_t sector_crc(const struct sector *s)
{
	return ~tools_crc32c(~0u, s, offsetof(struct sector, crc));
}

void sector_fill(struct sector *s, uint64_t lba, uint64_t seq, uint32_t writer, uint32_t journal)
{
	uint64_t x = (lba + 1) * 0x9e3779b97f4a7c15ull ^ seq * 0xbf58476d1ce4e5b9ull ^ journal;
	size_t i;

	s->magic = SECTOR_MAGIC;
	s->lba = lba;
	s->seq = seq;
	s->writer = writer;
	s->journal = journal;
	for (i = 0; i < sizeof(s->pattern); i += 4) {
		uint32_t v;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		v = (uint32_t)(x >> 16);
		memcpy(s->pattern + i, &v, 4);
	}
	s->crc = sector_crc(s);
}

enum sector_kind sector_kind(const struct sector *s)
{
	static const struct sector zero;

	if (!memcmp(s, &zero, sizeof(*s)))
		return SECTOR_ZERO;
	if (s->crc == sector_crc(s) && s->magic == SECTOR_MAGIC)
		return SECTOR_OURS;
	return s->magic == SECTOR_MAGIC ? SECTOR_TORN : SECTOR_ALIEN;
}
