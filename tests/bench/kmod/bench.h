/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the benchmark needs of the module under test.
 */
#ifndef DMM_BENCH_H
#define DMM_BENCH_H

#include <linux/types.h>

/*
 * Clear every bit of the bitmap of the paused migration on device @dev, as if all had been
 * shipped: what a write costs is then at its worst.  Context: process, sleeps.
 * Return: 0, -ENODEV, or -EBUSY when it is not paused.
 */
int dmm_bench_clear(dev_t dev);

#endif
