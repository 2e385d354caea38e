/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a table of vectors reports its first failure, without knowing of any test
 * framework: tests/unit (cmocka) and tests/kunit run the same tables.
 */
#ifndef DMM_VECTORS_VEC_H
#define DMM_VECTORS_VEC_H

#include "core/env.h"

#define DMM_VEC_COUNT(a)	((unsigned int)(sizeof(a) / sizeof((a)[0])))

struct dmm_vec {
	unsigned int checked;	/* a table that checked nothing has failed too */
	const char *what;	/* NULL: nothing failed */
	unsigned int row;
	u64 got, want;
};

/* Keeps the first failure.  Returns whether this one passed. */
static inline bool dmm_vec_eq(struct dmm_vec *v, const char *what, unsigned int row,
			      u64 got, u64 want)
{
	v->checked++;
	if (got == want)
		return true;
	if (!v->what) {
		v->what = what;
		v->row = row;
		v->got = got;
		v->want = want;
	}
	return false;
}

#endif
