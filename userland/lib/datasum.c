// SPDX-License-Identifier: GPL-2.0
/*
 * Checksums of data, of either kind.
 */
#include "core/poly32.h"
#include "core/wire.h"
#include "crc32c.h"
#include "datasum.h"

enum dmm_sum_kind dmm_sum_kind(u64 features)
{
	return features & DMM_FEATURE_POLY32 ? DMM_SUM_POLY32 : DMM_SUM_CRC32C;
}

u64 dmm_sum_offer(void)
{
	return dmm_crc32c_by_instruction() ? 0 : DMM_FEATURE_POLY32;
}

u32 dmm_sum(enum dmm_sum_kind kind, u32 sum, const void *data, size_t bytes)
{
	return kind == DMM_SUM_POLY32 ? dmm_poly32(sum, data, bytes) : dmm_crc32c(sum, data, bytes);
}

u32 dmm_sum_join(enum dmm_sum_kind kind, u32 first, u32 second, u64 second_bytes)
{
	if (kind == DMM_SUM_POLY32)
		return dmm_poly32_join(first, second, second_bytes);
	return dmm_crc32c_shift(first, second_bytes) ^ second;
}

u32 dmm_sum_frame(enum dmm_sum_kind kind, u32 hdr_crc, u32 sum, u32 payload_bytes)
{
	if (kind == DMM_SUM_POLY32)
		return dmm_wire_crc_poly32(hdr_crc, sum);
	return dmm_sum_join(kind, hdr_crc, sum, payload_bytes);
}

u32 dmm_sum_shown(enum dmm_sum_kind kind, u32 sum, u64 bytes)
{
	return kind == DMM_SUM_POLY32 ? sum : ~dmm_sum_join(kind, ~0u, sum, bytes);
}

const char *dmm_sum_name(enum dmm_sum_kind kind)
{
	return kind == DMM_SUM_POLY32 ? "poly32" : "crc32c";
}
