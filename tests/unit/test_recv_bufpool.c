// SPDX-License-Identifier: GPL-2.0
/*
 * The buffer pool: guarantees, shares, order of asking, several threads.
 */
#include "dmmigrated/bufpool.h"
#include "recv_engine.h"

static void pool_keeps_its_promise(void **state)
{
	struct dmm_bufpool_user greedy, modest, late;
	int fd = eventfd(0, EFD_NONBLOCK), fd2 = eventfd(0, EFD_NONBLOCK);
	struct dmm_bufpool *pool;
	void *b[9], *m[4];
	eventfd_t v;
	int i;

	(void)state;
	assert_int_equal(dmm_bufpool_create(4096, 4096, &pool), -EINVAL);
	assert_int_equal(dmm_bufpool_create(8 * 4096 + 4095, 4096, &pool), 0);
	assert_int_equal(dmm_bufpool_join(pool, &greedy, fd, 0), 0);
	assert_int_equal(dmm_bufpool_join(pool, &modest, fd2, 0), 0);
	for (i = 0; i < 4; i++) {
		b[i] = dmm_bufpool_get(pool, &greedy);
		assert_non_null(b[i]);
		assert_int_equal((uintptr_t)b[i] % 4096, 0);
		memset(b[i], i, 4096);
	}
	/* two are promised to the modest one, and two are left for a newcomer */
	assert_null(dmm_bufpool_get(pool, &greedy));
	assert_null(dmm_bufpool_get(pool, &greedy));
	m[0] = dmm_bufpool_get(pool, &modest);
	m[1] = dmm_bufpool_get(pool, &modest);
	assert_non_null(m[0]);
	assert_non_null(m[1]);
	m[2] = dmm_bufpool_get(pool, &modest);
	assert_non_null(m[2]);
	/* now it queues behind the greedy one, who is served first when it gives some back */
	assert_null(dmm_bufpool_get(pool, &modest));
	dmm_bufpool_put(pool, &greedy, b[3]);
	assert_int_equal(eventfd_read(fd, &v), 0);
	assert_int_not_equal(eventfd_read(fd2, &v), 0);
	b[3] = dmm_bufpool_get(pool, &greedy);
	assert_non_null(b[3]);
	dmm_bufpool_put(pool, &greedy, b[3]);
	assert_int_equal(eventfd_read(fd2, &v), 0);
	m[3] = dmm_bufpool_get(pool, &modest);
	assert_non_null(m[3]);
	dmm_bufpool_put(pool, &greedy, b[2]);
	/* a newcomer finds its guarantee */
	assert_int_equal(dmm_bufpool_join(pool, &late, fd, 0), 0);
	dmm_bufpool_leave(pool, &late);
	for (i = 0; i < 4; i++)
		dmm_bufpool_put(pool, &modest, m[i]);
	dmm_bufpool_leave(pool, &modest);
	for (i = 2; (b[i] = dmm_bufpool_get(pool, &greedy));)
		i++;	/* queues again */
	while (i)
		dmm_bufpool_put(pool, &greedy, b[--i]);
	dmm_bufpool_leave(pool, &greedy);	/* with one granted that it never fetched */
	assert_int_equal(pool->nr_free, 8);
	assert_int_equal(pool->promised, 0);
	assert_int_equal(pool->reserved, 0);
	dmm_bufpool_destroy(pool);
	close(fd);
	close(fd2);
}

/* One that got into the queue and whose own buffers came back is below its guarantee again. */
static void pool_keeps_its_promise_to_those_who_wait(void **state)
{
	struct dmm_bufpool_user hung, slow;
	struct dmm_bufpool *pool;
	void *b[6], *s[4];
	int n = 0, m = 0;

	(void)state;
	assert_int_equal(dmm_bufpool_create(6 * 4096, 4096, &pool), 0);
	assert_int_equal(dmm_bufpool_join(pool, &hung, -1, 0), 0);
	assert_int_equal(dmm_bufpool_join(pool, &slow, -1, 0), 0);
	while (n < 6 && (b[n] = dmm_bufpool_get(pool, &hung)))
		n++;
	assert_true(n < 5);
	while (m < 4 && (s[m] = dmm_bufpool_get(pool, &slow)))
		m++;	/* ends in the queue, behind the hung one */
	assert_in_range(m, 2, 3);
	while (m)
		dmm_bufpool_put(pool, &slow, s[--m]);
	for (; m < 2; m++) {
		s[m] = dmm_bufpool_get(pool, &slow);
		assert_non_null(s[m]);
	}
	while (m)
		dmm_bufpool_put(pool, &slow, s[--m]);
	while (n)
		dmm_bufpool_put(pool, &hung, b[--n]);
	dmm_bufpool_leave(pool, &slow);
	dmm_bufpool_leave(pool, &hung);
	assert_int_equal(pool->nr_free, 6);
	assert_int_equal(pool->promised, 0);
	dmm_bufpool_destroy(pool);
}

static struct dmm_bufpool *join_pool;

static void *join_thread(void *arg)
{
	return (void *)(intptr_t)dmm_bufpool_join(join_pool, arg, -1, WAIT_MS);
}

static void pool_joiners_come_first(void **state)
{
	struct dmm_bufpool_user one, two, late, third;
	int fd = eventfd(0, EFD_NONBLOCK);
	void *a[3], *b[3], *ret;
	pthread_t t;
	u64 until;
	int i;

	(void)state;
	assert_int_equal(dmm_bufpool_create(6 * 4096, 4096, &join_pool), 0);
	assert_int_equal(dmm_bufpool_join(join_pool, &one, fd, 0), 0);
	assert_int_equal(dmm_bufpool_join(join_pool, &two, fd, 0), 0);
	for (i = 0; i < 3; i++) {
		a[i] = dmm_bufpool_get(join_pool, &one);
		b[i] = dmm_bufpool_get(join_pool, &two);
		assert_true(a[i] && b[i]);
	}
	assert_null(dmm_bufpool_get(join_pool, &one));
	/* all is taken */
	assert_int_equal(dmm_bufpool_join(join_pool, &late, -1, 20), -ETIMEDOUT);
	pthread_create(&t, NULL, join_thread, &late);
	until = dmm_now_ms() + WAIT_MS;
	while (__atomic_load_n(&join_pool->joining, __ATOMIC_SEQ_CST) != 2)
		assert_true(dmm_now_ms() < until);
	dmm_bufpool_put(join_pool, &one, a[2]);
	assert_null(dmm_bufpool_get(join_pool, &one));
	dmm_bufpool_put(join_pool, &two, b[2]);
	pthread_join(t, &ret);
	assert_int_equal((intptr_t)ret, 0);
	assert_null(dmm_bufpool_get(join_pool, &one));
	a[2] = dmm_bufpool_get(join_pool, &late);
	assert_non_null(a[2]);
	dmm_bufpool_put(join_pool, &late, a[2]);
	/* three guarantees of two are all there are */
	assert_int_equal(dmm_bufpool_join(join_pool, &third, -1, 20), -ENOBUFS);
	for (i = 0; i < 2; i++) {
		dmm_bufpool_put(join_pool, &one, a[i]);
		dmm_bufpool_put(join_pool, &two, b[i]);
	}
	dmm_bufpool_leave(join_pool, &late);
	dmm_bufpool_leave(join_pool, &two);
	dmm_bufpool_leave(join_pool, &one);
	assert_int_equal(join_pool->nr_free, 6);
	assert_int_equal(join_pool->promised, 0);
	dmm_bufpool_destroy(join_pool);
	close(fd);
}

/* Destinations that hang, one after the other, leave room for one that does not. */
static void pool_survives_the_hung(void **state)
{
	struct dmm_bufpool_user hung[4], late;
	struct dmm_bufpool *pool;
	void *taken[64];
	u32 i, held[4];

	(void)state;
	assert_int_equal(dmm_bufpool_create(64 * 4096, 4096, &pool), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(dmm_bufpool_join(pool, &hung[i], -1, 0), 0);
		for (held[i] = 0; held[i] < 32 && dmm_bufpool_get(pool, &hung[i]);)
			held[i]++;
	}
	assert_int_equal(held[0], 32);		/* a lone one is not kept short */
	assert_int_equal(dmm_bufpool_join(pool, &late, -1, 0), 0);
	for (i = 0; i < DMM_BUFPOOL_GUARANTEE; i++) {
		taken[i] = dmm_bufpool_get(pool, &late);
		assert_non_null(taken[i]);
	}
	while (i)
		dmm_bufpool_put(pool, &late, taken[--i]);
	dmm_bufpool_leave(pool, &late);
	dmm_bufpool_destroy(pool);
}

#define POOL_THREADS	6

static struct dmm_bufpool *busy_pool;

/* Takes one to five, waiting where it must, and gives them back: nobody may starve. */
static void *pool_thread(void *arg)
{
	unsigned int seed = (uintptr_t)arg, round, want, have;
	struct dmm_bufpool_user user;
	struct pollfd p = { .fd = eventfd(0, EFD_NONBLOCK), .events = POLLIN };
	u32 *held[5];
	eventfd_t v;

	if (dmm_bufpool_join(busy_pool, &user, p.fd, WAIT_MS))
		return (void *)"cannot join";
	for (round = 0; round < 2000; round++) {
		want = 1 + rand_r(&seed) % 5;
		for (have = 0; have < want;) {
			held[have] = dmm_bufpool_get(busy_pool, &user);
			if (held[have]) {
				*held[have++] = seed;
				continue;
			}
			/* as a connection does: what it holds is being written and comes back */
			if (have > DMM_BUFPOOL_GUARANTEE)
				dmm_bufpool_put(busy_pool, &user, held[--have]);
			else if (poll(&p, 1, WAIT_MS) != 1)
				return (void *)"starved";
			eventfd_read(p.fd, &v);
			if (have >= DMM_BUFPOOL_GUARANTEE && rand_r(&seed) % 2)
				break;
		}
		while (have)
			dmm_bufpool_put(busy_pool, &user, held[--have]);
	}
	dmm_bufpool_leave(busy_pool, &user);
	close(p.fd);
	return NULL;
}

static void pool_under_load(void **state)
{
	pthread_t t[POOL_THREADS];
	void *wrong;
	uintptr_t i;

	(void)state;
	assert_int_equal(dmm_bufpool_create((2 * POOL_THREADS + 1) * 4096, 4096, &busy_pool), 0);
	for (i = 0; i < POOL_THREADS; i++)
		pthread_create(&t[i], NULL, pool_thread, (void *)(i + 1));
	for (i = 0; i < POOL_THREADS; i++) {
		pthread_join(t[i], &wrong);
		if (wrong)
			fail_msg("%s", (char *)wrong);
	}
	assert_int_equal(busy_pool->nr_free, busy_pool->total);
	assert_int_equal(busy_pool->promised, 0);
	dmm_bufpool_destroy(busy_pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pool_keeps_its_promise),
		cmocka_unit_test(pool_keeps_its_promise_to_those_who_wait),
		cmocka_unit_test(pool_joiners_come_first),
		cmocka_unit_test(pool_survives_the_hung),
		cmocka_unit_test(pool_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
