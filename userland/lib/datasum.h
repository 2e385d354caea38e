/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checksums of data: crc32c, or poly32 where the peers have agreed on it.  Values are of the data by itself, running from 0, so
 * those of parts can be joined; that of zeros is 0.  Lengths are whole words of 4 bytes.
 */
#ifndef DMM_LIB_DATASUM_H
#define DMM_LIB_DATASUM_H

#include "core/env.h"

enum dmm_sum_kind {
	DMM_SUM_CRC32C,
	DMM_SUM_POLY32,
};

/* Of a data connection with @features (DMM_FEATURE_*). Any thread. */
enum dmm_sum_kind dmm_sum_kind(u64 features);

/* DMM_FEATURE_POLY32 where a source has to offer it because this processor has no instruction for crc32c; else 0. Any thread. */
u64 dmm_sum_offer(void);

/* What had @sum, followed by @bytes. Any thread. */
u32 dmm_sum(enum dmm_sum_kind kind, u32 sum, const void *data, size_t bytes);

/* Of two parts, from theirs. Any thread. */
u32 dmm_sum_join(enum dmm_sum_kind kind, u32 first, u32 second, u64 second_bytes);

/* The running value of a frame of DATA, from its header's (dmm_wire_hdr_crc()) and its payload's. Any thread. */
u32 dmm_sum_frame(enum dmm_sum_kind kind, u32 hdr_crc, u32 sum, u32 payload_bytes);

/* As people know it: a crc32c from ~0, inverted at the end; and what it is called. */
u32 dmm_sum_shown(enum dmm_sum_kind kind, u32 sum, u64 bytes);
const char *dmm_sum_name(enum dmm_sum_kind kind);

#endif
