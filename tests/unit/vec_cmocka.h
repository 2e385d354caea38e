/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of tests/vectors under cmocka, the seed of random tests, and a
 * random generator that is the same everywhere.
 */
#ifndef DMM_UNIT_VEC_CMOCKA_H
#define DMM_UNIT_VEC_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vectors/vec.h"

/* Fails the test that runs, naming table, row and values. */
#define vec_assert(v) do {								\
	const struct dmm_vec *v_ = (v);							\
	if (v_->what)									\
		fail_msg("%s, row %u: got %llu (%lld), want %llu (%lld)", v_->what, v_->row,	\
			 (unsigned long long)v_->got, (long long)v_->got,		\
			 (unsigned long long)v_->want, (long long)v_->want);		\
	if (!v_->checked)								\
		fail_msg("the table is empty");						\
} while (0)

/* DMM_SEED in the environment repeats a run; without it the runs are all alike. */
static inline u64 test_seed(const char *what)
{
	const char *s = getenv("DMM_SEED");
	u64 seed = s ? strtoull(s, NULL, 0) : 20260101;

	print_message("%s: DMM_SEED=%llu\n", what, (unsigned long long)seed);
	return seed;
}

/* splitmix64 */
static inline u64 test_rand(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* 0 to @n - 1; 0 for @n 0. */
static inline u64 test_below(u64 *state, u64 n)
{
	return n ? test_rand(state) % n : 0;
}

#endif
