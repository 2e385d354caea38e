// SPDX-License-Identifier: GPL-2.0
/*
 * Linked into the module for benchmarks only: a bitmap of 250 GiB would take minutes to be
 * shipped, and what is measured is what comes after.
 */
#include <linux/export.h>
#include <linux/sched.h>

#include "bench.h"
#include "migration.h"

#define STEP_BLOCKS	(1u << 20)

int dmm_bench_clear(dev_t dev)
{
	struct dmm_migration *m = dmm_migration_get_by_dev(dev);
	u64 first;
	int r = 0;

	if (!m)
		return -ENODEV;
	if (READ_ONCE(m->state) == DMM_STATE_PAUSED) {
		/* paused, the feeder takes nothing: nobody else clears */
		for (first = 0; first < m->tracker.bitmap.nr_blocks; first += STEP_BLOCKS) {
			dmm_bitmap_clear(&m->tracker.bitmap, first, STEP_BLOCKS);
			cond_resched();
		}
	} else {
		r = -EBUSY;
	}
	dmm_migration_put(m);
	return r;
}
EXPORT_SYMBOL_GPL(dmm_bench_clear);
