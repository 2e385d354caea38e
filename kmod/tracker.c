// SPDX-License-Identifier: GPL-2.0
/*
 * The tracker: two marks per write, one at submission and one at completion,
 * and per-CPU counts that say when all writes have drained.
 */
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "trace.h"
#include "tracker.h"

#define MARK_STEP_BLOCKS	(1u << 20)	/* between two cond_resched() */

static u64 blocks_of(u64 size_bytes, unsigned int block_shift)
{
	return (size_bytes + (1ull << block_shift) - 1) >> block_shift;
}

u64 dmm_tracker_bytes(u64 size_bytes, unsigned int block_shift)
{
	u64 nr = blocks_of(size_bytes, block_shift);

	return dmm_bitmap_words_bytes(nr) + dmm_bitmap_summary_bytes(nr);
}

int dmm_tracker_init(struct dmm_tracker *t, u64 size_bytes, unsigned int block_shift, bool bitmap)
{
	u64 nr = blocks_of(size_bytes, block_shift);
	unsigned long *words = NULL, *summary = NULL;

	t->size_bytes = size_bytes;
	t->block_shift = block_shift;
	t->counts = alloc_percpu(struct dmm_tracker_counts);
	t->latency = alloc_percpu(struct dmm_latency);
	if (bitmap) {
#if DMM_MUTANT == 27	/* hazard 27 */
		words = kzalloc(dmm_bitmap_words_bytes(nr), DMM_GFP_BULK);
#else
		words = kvzalloc(dmm_bitmap_words_bytes(nr), DMM_GFP_BULK);
#endif
		summary = kvzalloc(dmm_bitmap_summary_bytes(nr), DMM_GFP_BULK);
	}
	dmm_bitmap_init(&t->bitmap, nr, words, summary);
	if (!t->counts || !t->latency || (bitmap && (!words || !summary))) {
		dmm_tracker_exit(t);
		return -ENOMEM;
	}
	return 0;
}

void dmm_tracker_exit(struct dmm_tracker *t)
{
	kvfree(t->bitmap.words);
	kvfree(t->bitmap.summary);
	free_percpu(t->counts);
	free_percpu(t->latency);
	t->bitmap.words = NULL;
	t->bitmap.summary = NULL;
	t->counts = NULL;
	t->latency = NULL;
}

static void mark(struct dmm_tracker *t, const struct dmm_tracked_io *io)
{
	u64 newly = dmm_bitmap_mark(&t->bitmap, io->first_block, io->nr_blocks);

	if (newly)
		this_cpu_add(t->counts->redirtied, newly);
	trace_dmm_mark(t->dev, io->first_block, io->nr_blocks, newly);
}

/* One in DMM_LATENCY_SAMPLE, by a count that is kept in any case. */
static void begin_timing(struct dmm_tracked_io *io, unsigned long count)
{
	io->timed = !(count & (DMM_LATENCY_SAMPLE - 1));
	if (unlikely(io->timed))
		io->begin_ns = ktime_get_ns();
}

void dmm_tracker_time(struct dmm_tracker *t, const struct dmm_tracked_io *io)
{
	unsigned int bucket = fls64(div_u64(ktime_get_ns() - io->begin_ns, NSEC_PER_USEC));

	bucket = min(bucket, DMM_LATENCY_BUCKETS - 1);
	if (io->counted)
		this_cpu_inc(t->latency->writes[bucket]);
	else
		this_cpu_inc(t->latency->reads[bucket]);
}

void dmm_tracker_read(struct dmm_tracker *t, struct dmm_tracked_io *io)
{
	begin_timing(io, this_cpu_inc_return(t->counts->reads));
}

void dmm_tracker_submit(struct dmm_tracker *t, struct dmm_tracked_io *io,
			u64 off_bytes, u64 len_bytes)
{
	u64 first, nr;

	dmm_range_out(off_bytes, len_bytes, t->block_shift, &first, &nr);
	io->first_block = first;
	io->nr_blocks = nr;
	io->counted = true;
	begin_timing(io, this_cpu_inc_return(t->counts->submitted));
	this_cpu_add(t->counts->bytes, len_bytes);
	/* armed or not, end_io() looks again: arming needs no drain */
#if DMM_MUTANT != 201	/* hazard 1 */
	if (READ_ONCE(t->armed))
		mark(t, io);
#endif
}

void dmm_tracker_complete(struct dmm_tracker *t, struct dmm_tracked_io *io)
{
	if (!io->counted)
		return;
	io->counted = false;
#if DMM_MUTANT != 101	/* hazard 1 */
	if (READ_ONCE(t->armed))
		mark(t, io);
#endif
	smp_wmb();	/* the mark before the count; pairs with dmm_tracker_drained() */
	this_cpu_inc(t->counts->completed);
}

void dmm_tracker_mark(struct dmm_tracker *t, u64 first, u64 nr)
{
	u64 step;

	while (nr) {
		step = min_t(u64, nr, MARK_STEP_BLOCKS);
		dmm_bitmap_mark(&t->bitmap, first, step);
		first += step;
		nr -= step;
		cond_resched();
	}
}

static void clear_all(struct dmm_tracker *t)
{
	u64 first;

	for (first = 0; first < t->bitmap.nr_blocks; first += MARK_STEP_BLOCKS) {
		dmm_bitmap_clear(&t->bitmap, first, MARK_STEP_BLOCKS);
		cond_resched();
	}
}

void dmm_tracker_arm(struct dmm_tracker *t, bool all)
{
	/* before any write marks; one that still goes by an earlier arming marks too much at worst */
	if (!all)
		clear_all(t);
	/*
	 * Arm first.  A write that saw "disarmed" at its completion was on the origin
	 * before the marks below, hence before any block is read; without those, before whoever
	 * armed learns of it, and reads in order to compare.  Where the
	 * origin is memory that needs a barrier between its store and that look: the grace
	 * period puts one on every CPU, so that end_io() need not.
	 */
	WRITE_ONCE(t->armed, true);
	synchronize_rcu();
	if (all && DMM_MUTANT != 25)	/* hazard 25 */
		dmm_tracker_mark(t, 0, t->bitmap.nr_blocks);
}

void dmm_tracker_disarm(struct dmm_tracker *t)
{
	WRITE_ONCE(t->armed, false);
}

void dmm_tracker_sum(const struct dmm_tracker *t, struct dmm_tracker_counts *sum)
{
	const struct dmm_tracker_counts *c;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		c = per_cpu_ptr(t->counts, cpu);
		sum->submitted += READ_ONCE(c->submitted);
		sum->completed += READ_ONCE(c->completed);
		sum->bytes += READ_ONCE(c->bytes);
		sum->reads += READ_ONCE(c->reads);
		sum->alerts += READ_ONCE(c->alerts);
		sum->passed += READ_ONCE(c->passed);
		sum->returned += READ_ONCE(c->returned);
		sum->failed_reads += READ_ONCE(c->failed_reads);
		sum->failed_writes += READ_ONCE(c->failed_writes);
		sum->redirtied += READ_ONCE(c->redirtied);
	}
}

void dmm_tracker_latency(const struct dmm_tracker *t, struct dmm_latency *sum)
{
	const struct dmm_latency *l;
	unsigned int i;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		l = per_cpu_ptr(t->latency, cpu);
		for (i = 0; i < DMM_LATENCY_BUCKETS; i++) {
			sum->reads[i] += READ_ONCE(l->reads[i]);
			sum->writes[i] += READ_ONCE(l->writes[i]);
		}
	}
}

bool dmm_tracker_drained(const struct dmm_tracker *t)
{
	struct dmm_tracker_counts sum;

	dmm_tracker_sum(t, &sum);
	smp_rmb();	/* pairs with dmm_tracker_complete() */
	return sum.submitted == sum.completed;
}
