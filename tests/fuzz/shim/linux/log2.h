/* SPDX-License-Identifier: GPL-2.0 */
/* What kmod/args.c needs of the kernel, in userland. */
#ifndef DMM_FUZZ_LOG2_H
#define DMM_FUZZ_LOG2_H

#define is_power_of_2(n)	((n) && !((n) & ((n) - 1)))
#define ilog2(n)		(31 - __builtin_clz(n))

#endif
