/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User Mode Linux is built for one processor, where atomics have no lock prefix and smp_mb() is
 * nothing. Hosts that matter have several: without this the benchmarks would flatter. Included
 * before any other header of the kernel.
 */
#ifndef DMM_BENCH_SMP_H
#define DMM_BENCH_SMP_H

#include <asm/alternative.h>

#ifdef _LINUX_ATOMIC_H
#error too late: the atomics are defined already
#endif

#undef LOCK_PREFIX
#define LOCK_PREFIX "lock; "

#include <asm/barrier.h>

/* as arch/x86 has it: a locked instruction */
static inline void dmm_bench_smp_mb(void)
{
	asm volatile("lock; addl $0,-4(%%rsp)" ::: "memory", "cc");
}

#undef smp_mb
#define smp_mb	dmm_bench_smp_mb

/* one instruction or two there; the generic ones of UML disable interrupts around it */
#define dmm_bench_cpu_add(pcp, val)	(*raw_cpu_ptr(&(pcp)) += (val))
#define this_cpu_add_4	dmm_bench_cpu_add
#define this_cpu_add_8	dmm_bench_cpu_add
#define this_cpu_add_return_8	dmm_bench_cpu_add

#endif
