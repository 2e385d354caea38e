// SPDX-License-Identifier: GPL-2.0
/*
 * Connection epochs over an engine whose completions the test decides.
 */
#include <stdatomic.h>

#include "dmmigrated/data.h"
#include "recv_fake.h"

#define SIZE	(8u << 20)

static struct peer control, data;

static int setup(void **state)
{
	(void)state;
	fake_reset(FAKE_HOLD, SIZE);
	receiver_start(SIZE, &fake_engine);
	peers_attach(&control, &data, SIZE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peers_end(&control, &data);
	return 0;
}

struct attaching {
	struct peer peer;
	u32 ret;
	atomic_bool done;
};

static void *attach_newer(void *arg)
{
	struct attaching *a = arg;

	a->ret = peer_attach(&a->peer, 2, 0);
	a->done = true;
	return NULL;
}

/*
 * A connection with as much in flight as there may be, and one frame in its socket that nobody has
 * read: the newer epoch waits for the former, and the latter is never written (hazard 18).
 */
static void an_older_epoch_is_drained_first(void **state)
{
	struct attaching newer = { .done = false };
	struct dmm_ack a;
	pthread_t thread;
	u32 i;

	(void)state;
	for (i = 0; i <= DMM_DATA_DEPTH; i++)
		peer_fill(&data, 4096 * i, 'o', 4096);
	fake_stays(&fake.nr_held, DMM_DATA_DEPTH);
	assert_int_equal(pthread_create(&thread, NULL, attach_newer, &newer), 0);
	nap(200);
	assert_false(newer.done);
	for (i = 0; i < DMM_DATA_DEPTH; i++) {
		assert_false(newer.done);
		fake_end(4096 * i, 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(newer.ret, 0);
	assert_true(peer_ack(&data, &a) < 0);	/* closed, what was in its socket with it */

	peer_fill(&newer.peer, 4096 * DMM_DATA_DEPTH, 'n', 4096);
	fake_stays(&fake.nr_held, 1);
	fake_end(4096 * DMM_DATA_DEPTH, 0);
	peer_expect_ack(&newer.peer, DMM_MSG_DATA, 1, DMM_WERR_OK);
	assert_int_equal(fake_read(&fake.writes), DMM_DATA_DEPTH + 1);
	assert_int_equal(fake.disk[4096 * DMM_DATA_DEPTH], 'n');
	peer_end(&newer.peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_older_epoch_is_drained_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
