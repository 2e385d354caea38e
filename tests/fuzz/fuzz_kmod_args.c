// SPDX-License-Identifier: GPL-2.0
/*
 * The table line of the target: kmod/args.c as it is, over a few words of the kernel (shim/).
 */
#include <linux/blkdev.h>

#include "args.h"
#include "dmm.h"
#include "fuzz.h"

#define MAX_WORDS	16

unsigned int dmm_max_bitmap_mib = 512;

/* One bit a block, and some: what the constructor compares with the limit. */
u64 dmm_tracker_bytes(u64 size_bytes, unsigned int block_shift)
{
	u64 blocks = (size_bytes >> block_shift) + !!(size_bytes & ((1u << block_shift) - 1));

	return blocks / 8 + 4096;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct dm_target ti = { 0 };
	struct block_device bdev = { .bd_dev = 1 }, sink;
	char *argv[MAX_WORDS], *text;
	struct dmm_args args = { 0 };
	unsigned int argc = 0;
	char *save = NULL;
	int ret;

	if (size < 10)
		return 0;
	memcpy(&ti.len, data, 8);
	ti.len &= ~0ull >> 10;	/* sectors of at most 2^63 bytes */
	bdev.logical_block_size = 512u << data[8] % 8;
	bdev.zoned = data[9] & 1;
	bdev.nr_sectors = data[9] & 2 ? ti.len : ti.len / 2;
	text = fuzz_text(data + 10, size - 10);
	for (argv[0] = strtok_r(text, " ", &save); argc < MAX_WORDS && argv[argc];)
		if (++argc < MAX_WORDS)
			argv[argc] = strtok_r(NULL, " ", &save);
	ret = dmm_args_parse(&ti, argc, argv, &args);
	fuzz_assert(!ret == !ti.error);
	if (!ret) {
		fuzz_assert(args.origin == argv[0]);
		fuzz_assert(args.block_sectors >= 8 && args.block_sectors <= 2048);
		fuzz_assert(1u << args.block_shift == args.block_sectors << 9);
		ret = dmm_args_check_origin(&ti, &bdev, &args);
		fuzz_assert(!ret == !ti.error);
		if (!ret)	/* what is accepted can be served */
			fuzz_assert(!bdev.zoned && bdev.nr_sectors >= ti.len &&
				    bdev.logical_block_size <= args.block_sectors << 9 &&
				    (args.gate ||	/* which tracks nothing */
				     dmm_tracker_bytes(ti.len << 9, args.block_shift) <= 512u << 20));
		else if (strstr(ti.error, "at least"))	/* and the size that is named will do */
			fuzz_assert(dmm_tracker_bytes(ti.len << 9, 9 + __builtin_ctz(atoi(strpbrk(ti.error, "0123456789")))) <= 512u << 20);
	}
	if (!ret && args.sink) {
		fuzz_assert(!args.gate && args.sink > argv[0]);
		sink = (struct block_device){ .bd_dev = data[9] & 4 ? 1 : 2, .zoned = data[9] & 8,
					      .logical_block_size = 512u << data[9] / 64,
					      .nr_sectors = data[9] & 16 ? ti.len : ti.len / 2 };
		ret = dmm_args_check_sink(&ti, &sink, &bdev);
		fuzz_assert(!ret == !ti.error);
		if (!ret)	/* it can take the origin's place */
			fuzz_assert(sink.bd_dev != bdev.bd_dev && !sink.zoned && sink.nr_sectors >= ti.len &&
				    sink.logical_block_size <= bdev.logical_block_size);
	}
	free(text);
	return 0;
}
