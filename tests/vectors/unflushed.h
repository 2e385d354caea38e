/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Vectors of core/unflushed: scripts of acknowledgements and barriers.
 */
#ifndef DMM_VECTORS_UNFLUSHED_H
#define DMM_VECTORS_UNFLUSHED_H

#include "vec.h"
#include "core/unflushed.h"

#define UNFLUSHED_RUNS	4u

enum dmm_vec_unflushed_op {
	UF_ADD,		/* [@a, + @b): @want runs, @blocks afterwards */
	UF_FULL,	/* the same, but there is no room: nothing changes */
	UF_SEAL,
	UF_FLUSHED,
	UF_UNSEAL,
	UF_TAKE,	/* gives [@a, + @b) */
	UF_NONE,	/* there is nothing to take */
};

static const struct dmm_vec_unflushed_step {
	enum dmm_vec_unflushed_op op;
	u64 a, b;
	u32 runs;	/* afterwards */
	u64 blocks;
} dmm_vec_unflushed_steps[] = {
	{ UF_NONE },
	{ UF_FLUSHED },					/* of nothing */
	/* neighbours are one, on either side, and so is what overlaps */
	{ UF_ADD, 100, 10, 1, 10 },
	{ UF_ADD, 110, 5, 1, 15 },
	{ UF_ADD, 90, 10, 1, 25 },
	{ UF_ADD, 95, 5, 1, 25 },
	{ UF_ADD, 80, 100, 1, 100 },
	{ UF_ADD, 181, 1, 2, 101 },			/* a gap of one */
	{ UF_ADD, 78, 1, 3, 102 },			/* on the other side as well */
	{ UF_ADD, 180, 1, 3, 103 },			/* touches two: merged with the later */
	/* a barrier covers what was there before it, and nothing that came after */
	{ UF_SEAL, 0, 0, 3, 103 },
	{ UF_ADD, 79, 1, 4, 104 },			/* next to one that is sealed */
	{ UF_ADD, 80, 4, 4, 108 },			/* a copy of what is sealed is not */
	{ UF_FULL, 1000, 1, 4, 108 },
	{ UF_ADD, 84, 6, 4, 114 },			/* merged even so */
	{ UF_FLUSHED, 0, 0, 1, 11 },
	{ UF_FLUSHED, 0, 0, 1, 11 },			/* which was no barrier's */
	/* round the ring, to its last place */
	{ UF_ADD, 200, 1, 2, 12 },
	{ UF_ADD, 300, 2, 3, 14 },
	{ UF_SEAL, 0, 0, 3, 14 },
	{ UF_ADD, 400, 4, 4, 18 },
	{ UF_FULL, 500, 1, 4, 18 },
	/* the barrier is lost: all is as unsure as before */
	{ UF_UNSEAL, 0, 0, 4, 18 },
	{ UF_FLUSHED, 0, 0, 4, 18 },
	{ UF_ADD, 302, 1, 4, 19 },			/* and takes neighbours again */
	{ UF_TAKE, 79, 11, 3, 8 },
	{ UF_TAKE, 200, 1, 2, 7 },
	{ UF_TAKE, 300, 3, 1, 4 },
	{ UF_TAKE, 400, 4, 0, 0 },
	{ UF_NONE },
	{ UF_ADD, 0, 1, 1, 1 },
	{ UF_SEAL, 0, 0, 1, 1 },
	{ UF_FLUSHED, 0, 0, 0, 0 },
	{ UF_NONE },
};

static inline void dmm_vec_check_unflushed_steps(struct dmm_vec *v)
{
	struct dmm_run runs[UNFLUSHED_RUNS + 1] = { { 0 } };
	struct dmm_unflushed u;
	u64 first, nr;
	unsigned int i;

	dmm_unflushed_init(&u, runs, UNFLUSHED_RUNS);
	for (i = 0; i < DMM_VEC_COUNT(dmm_vec_unflushed_steps); i++) {
		const struct dmm_vec_unflushed_step *s = &dmm_vec_unflushed_steps[i];

		first = 7;
		nr = 7;
		switch (s->op) {
		case UF_ADD:
		case UF_FULL:
			dmm_vec_eq(v, "added", i, dmm_unflushed_add(&u, s->a, s->b), s->op == UF_ADD);
			break;
		case UF_SEAL:
			dmm_unflushed_seal(&u);
			break;
		case UF_FLUSHED:
			dmm_unflushed_flushed(&u);
			break;
		case UF_UNSEAL:
			dmm_unflushed_unseal(&u);
			break;
		case UF_TAKE:
		case UF_NONE:
			dmm_vec_eq(v, "taken", i, dmm_unflushed_take(&u, &first, &nr), s->op == UF_TAKE);
			dmm_vec_eq(v, "first", i, first, s->op == UF_TAKE ? s->a : 7);
			dmm_vec_eq(v, "nr", i, nr, s->op == UF_TAKE ? s->b : 7);
			break;
		}
		dmm_vec_eq(v, "runs", i, u.nr, s->runs);
		dmm_vec_eq(v, "blocks", i, u.blocks, s->blocks);
		dmm_vec_eq(v, "has room", i,
			   dmm_unflushed_has_room(&u, UNFLUSHED_RUNS - s->runs), true);
		dmm_vec_eq(v, "has no more", i,
			   dmm_unflushed_has_room(&u, UNFLUSHED_RUNS - s->runs + 1), false);
	}
	dmm_vec_eq(v, "beyond the memory", 0, runs[UNFLUSHED_RUNS].nr, 0);
}

/* What is out of the reach of a merge is a run of its own; and how many runs there may be. */
static inline void dmm_vec_check_unflushed_limits(struct dmm_vec *v)
{
	struct dmm_run runs[DMM_UNFLUSHED_LOOK + 2];
	struct dmm_unflushed u;
	u32 i;

	dmm_unflushed_init(&u, runs, DMM_UNFLUSHED_LOOK + 2);
	for (i = 0; i <= DMM_UNFLUSHED_LOOK; i++)
		dmm_unflushed_add(&u, 10 * i, 1);
	dmm_vec_eq(v, "runs", 0, u.nr, DMM_UNFLUSHED_LOOK + 1);
	dmm_unflushed_add(&u, 11, 1);		/* behind the second: the last that is looked at */
	dmm_vec_eq(v, "runs after a merge", 0, u.nr, DMM_UNFLUSHED_LOOK + 1);
	dmm_unflushed_add(&u, 1, 1);		/* behind the first */
	dmm_vec_eq(v, "runs without", 0, u.nr, DMM_UNFLUSHED_LOOK + 2);

	dmm_vec_eq(v, "a small disk", 0, dmm_unflushed_max(4096, 512), 4096);
	dmm_vec_eq(v, "a tiny one", 0, dmm_unflushed_max(1, 512), 512);
	dmm_vec_eq(v, "a large one", 0, dmm_unflushed_max(1ull << 40, 512) * sizeof(struct dmm_run),
		   4u << 20);
}

#endif
