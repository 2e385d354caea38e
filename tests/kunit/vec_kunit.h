/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables of tests/vectors under KUnit.
 */
#ifndef DMM_KUNIT_VEC_KUNIT_H
#define DMM_KUNIT_VEC_KUNIT_H

#include <kunit/test.h>

#include "vectors/vec.h"

/* Fails the case that runs, naming table, row and values; an empty table fails too. */
static inline void vec_expect(struct kunit *test, const struct dmm_vec *v)
{
	if (v->what)
		KUNIT_FAIL(test, "%s, row %u: got %llu (%lld), want %llu (%lld)", v->what, v->row,
			   v->got, (s64)v->got, v->want, (s64)v->want);
	KUNIT_EXPECT_GT(test, v->checked, 0u);
}

#endif
