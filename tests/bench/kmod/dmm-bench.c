// SPDX-License-Identifier: GPL-2.0
/*
 * What a write bio costs on a stacked device, against another one: loading the module measures,
 * .result says "PEER OURS", in tenths of a nanosecond a bio.
 *
 * Short windows of writes at random offsets, peer and ours in turn, so that whatever else the
 * machine does meets both.  Of the windows of a round the 5th percentile counts, of the rounds the
 * least: the rest is interrupts and neighbours.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>

#include "bench.h"

#define WINDOW_BIOS	256	/* UML's clock goes by 256 ns */
#define WINDOWS		200
#define PERCENTILE	10	/* of WINDOWS: the 5th */

static char *peer, *ours;
module_param(peer, charp, 0);
module_param(ours, charp, 0);
static unsigned int bytes = 4096;
module_param(bytes, uint, 0);
MODULE_PARM_DESC(bytes, "of a write, a multiple of the page size");
static unsigned int rounds = 15;
module_param(rounds, uint, 0);
static bool clear;
module_param(clear, bool, 0);
MODULE_PARM_DESC(clear, "clear the bitmap of ours before each round");
static char result[64];
module_param_string(result, result, sizeof(result), 0444);

struct device_under_test {
	struct file *file;
	struct block_device *bdev;
	u32 windows[WINDOWS];	/* ns */
	u32 best;
};

static struct device_under_test *tested;	/* two: peer, ours */
static struct page **pages;
static unsigned int nr_pages;
static atomic_t in_flight;
static DECLARE_WAIT_QUEUE_HEAD(all_done);

static u64 next_random(void)
{
	static u64 x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void write_endio(struct bio *bio)
{
	bio_put(bio);
	if (atomic_dec_and_test(&in_flight))
		wake_up(&all_done);
}

static void submit_write(struct block_device *bdev, u64 nr_slots)
{
	struct bio *bio = bio_alloc(bdev, nr_pages, REQ_OP_WRITE, GFP_KERNEL);
	unsigned int i;

	bio->bi_iter.bi_sector = (next_random() % nr_slots) * (bytes >> SECTOR_SHIFT);
	for (i = 0; i < nr_pages; i++)
		__bio_add_page(bio, pages[i], PAGE_SIZE, 0);
	bio->bi_end_io = write_endio;
	atomic_inc(&in_flight);
	submit_bio(bio);
}

static u32 measure_window(struct block_device *bdev)
{
	u64 nr_slots = bdev_nr_bytes(bdev) / bytes, begun = ktime_get_ns();
	unsigned int i;

	for (i = 0; i < WINDOW_BIOS; i++)
		submit_write(bdev, nr_slots);
	wait_event(all_done, !atomic_read(&in_flight));
	return (u32)(ktime_get_ns() - begun);
}

static int compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static int measure_round(void)
{
	unsigned int w, d;
	int r;

	if (clear) {
		r = dmm_bench_clear(tested[1].bdev->bd_dev);
		if (r)
			return r;
	}
	for (w = 0; w < WINDOWS; w++) {
		for (d = 0; d < 2; d++)
			tested[d].windows[w] = measure_window(tested[d].bdev);
		cond_resched();
	}
	for (d = 0; d < 2; d++) {
		sort(tested[d].windows, WINDOWS, sizeof(u32), compare, NULL);
		tested[d].best = min(tested[d].best, tested[d].windows[PERCENTILE]);
	}
	return 0;
}

static int open_device(struct device_under_test *t, const char *path)
{
	t->best = U32_MAX;
	t->file = bdev_file_open_by_path(path, BLK_OPEN_READ | BLK_OPEN_WRITE, NULL, NULL);
	if (IS_ERR(t->file))
		return PTR_ERR(t->file);
	t->bdev = file_bdev(t->file);
	return bdev_nr_bytes(t->bdev) < bytes ? -EINVAL : 0;
}

static int alloc_pages_to_write(void)
{
	nr_pages = bytes / PAGE_SIZE;
	pages = kcalloc(nr_pages, sizeof(pages[0]), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	return alloc_pages_bulk_array(GFP_KERNEL, nr_pages, pages) == nr_pages ? 0 : -ENOMEM;
}

static void free_all(void)
{
	unsigned int i;

	for (i = 0; pages && i < nr_pages; i++)
		if (pages[i])
			__free_page(pages[i]);
	kfree(pages);
	for (i = 0; tested && i < 2; i++)
		if (!IS_ERR_OR_NULL(tested[i].file))
			fput(tested[i].file);
	vfree(tested);
}

static int __init dmm_bench_init(void)
{
	unsigned int i;
	int r = -EINVAL;

	if (!peer || !ours || !bytes || bytes % PAGE_SIZE || bytes > BIO_MAX_VECS * PAGE_SIZE)
		return -EINVAL;
	tested = vzalloc(2 * sizeof(*tested));
	if (!tested)
		return -ENOMEM;
	r = open_device(&tested[0], peer);
	if (!r)
		r = open_device(&tested[1], ours);
	if (!r)
		r = alloc_pages_to_write();
	for (i = 0; !r && i < rounds; i++)
		r = measure_round();
	if (!r)
		snprintf(result, sizeof(result), "%u %u", tested[0].best * 10 / WINDOW_BIOS,
			 tested[1].best * 10 / WINDOW_BIOS);
	free_all();
	return r;
}

static void __exit dmm_bench_exit(void)
{
}

module_init(dmm_bench_init);
module_exit(dmm_bench_exit);
MODULE_DESCRIPTION("cost of a write bio");
MODULE_LICENSE("GPL");
