// SPDX-License-Identifier: GPL-2.0
/*
 * core/unflushed: the vectors, and random callers against a model that knows of each block since
 * when it is durable.
 */
#include "vec_cmocka.h"
#include "vectors/unflushed.h"

#define BLOCKS	64u

static void run(void (*check)(struct dmm_vec *v))
{
	struct dmm_vec v = { 0 };

	check(&v);
	vec_assert(&v);
}

static void test_steps(void **state)
{
	(void)state;
	run(dmm_vec_check_unflushed_steps);
}

static void test_limits(void **state)
{
	(void)state;
	run(dmm_vec_check_unflushed_limits);
}

/* Of each block: was its latest acknowledgement covered by a barrier? */
struct model {
	bool open[BLOCKS];	/* acknowledged since the latest barrier was sent */
	bool sealed[BLOCKS];	/* before that, since the latest that was acknowledged */
};

static void model_flushed(struct model *m)
{
	memset(m->sealed, 0, sizeof(m->sealed));
}

static void model_unseal(struct model *m)
{
	unsigned int i;

	for (i = 0; i < BLOCKS; i++) {
		m->open[i] |= m->sealed[i];
		m->sealed[i] = false;
	}
}

static void model_seal(struct model *m)
{
	memcpy(m->sealed, m->open, sizeof(m->sealed));
	memset(m->open, 0, sizeof(m->open));
}

/* What is taken are the blocks that the model has, all of them and no other one. */
static void take_all(struct dmm_unflushed *u, struct model *m)
{
	bool taken[BLOCKS] = { false };
	u64 first, nr, i;

	while (dmm_unflushed_take(u, &first, &nr)) {
		assert_true(nr && first < BLOCKS && nr <= BLOCKS - first);
		for (i = 0; i < nr; i++)
			taken[first + i] = true;
	}
	assert_memory_equal(taken, m->open, sizeof(taken));
	memset(m, 0, sizeof(*m));
	assert_int_equal(u->nr, 0);
	assert_int_equal(u->blocks, 0);
}

static void test_random(void **state)
{
	u64 rnd = test_seed("unflushed"), first, nr, j;
	struct dmm_run runs[23];
	struct dmm_unflushed u;
	struct model m = { 0 };
	bool barrier = false, room;
	unsigned int i;

	(void)state;
	dmm_unflushed_init(&u, runs, 23);
	for (i = 0; i < 1000000; i++) {
		switch (test_below(&rnd, 16)) {
		case 0:
			if (barrier)
				break;
			dmm_unflushed_seal(&u);
			model_seal(&m);
			barrier = true;
			break;
		case 1:
			if (!barrier)
				break;
			dmm_unflushed_flushed(&u);
			model_flushed(&m);
			barrier = false;
			break;
		case 2:
			if (test_below(&rnd, 8))
				break;
			dmm_unflushed_unseal(&u);
			model_unseal(&m);
			barrier = false;
			if (test_below(&rnd, 2))
				take_all(&u, &m);
			break;
		default:
			first = test_below(&rnd, BLOCKS);
			nr = 1 + test_below(&rnd, BLOCKS - first < 4 ? BLOCKS - first : 4);
			room = dmm_unflushed_has_room(&u, 1);
			if (dmm_unflushed_add(&u, first, nr)) {
				for (j = 0; j < nr; j++)
					m.open[first + j] = true;
				break;
			}
			assert_false(room);
			dmm_unflushed_unseal(&u);
			model_unseal(&m);
			barrier = false;
			take_all(&u, &m);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("core_unflushed", tests, NULL, NULL);
}
