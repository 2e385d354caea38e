// SPDX-License-Identifier: GPL-2.0
/*
 * core/bitmap with threads: markers against one taker, and the race of
 * invariant 3 by itself.  Runs under TSan too.
 */
#include <pthread.h>
#include <sched.h>

#include "bm_cmocka.h"

#define MARKERS		3
#define CHUNKS		3
#define SPOTS		48	/* blocks that a marker writes, a round */
#define STRESS_BLOCKS	(CHUNKS * DMM_BM_CHUNK_BITS)

struct stress {
	struct dmm_bitmap bm;
	u64 origin[STRESS_BLOCKS];	/* relaxed atomics: written by one marker each */
	u64 copy[STRESS_BLOCKS];	/* the taker's */
	u64 fresh, cleared;		/* fresh: atomic */
	int running;			/* atomic: markers not yet through their round */
	bool stop;			/* set before begin, read after it */
	u64 seed;
	pthread_barrier_t begin;
};

struct marker {
	struct stress *s;
	unsigned int id;
	pthread_t thread;
};

/*
 * A marker's blocks lie in words that all markers share, in few words of few
 * chunks: words and summary bits come and go all the time.
 */
static u64 spot(unsigned int id, unsigned int n)
{
	return (u64)(n % CHUNKS) * DMM_BM_CHUNK_BITS + (n / CHUNKS % 2 ? 4032 : 64) +
	       n / CHUNKS / 2 * MARKERS % 60 + id;
}

static void *marker_thread(void *arg)
{
	struct marker *m = arg;
	struct stress *s = m->s;
	u64 rnd = s->seed + m->id, b, fresh;
	unsigned int i;

	while (1) {
		pthread_barrier_wait(&s->begin);
		if (s->stop)
			return NULL;
		fresh = 0;
		for (i = 0; i < 2 * SPOTS; i++) {
			b = spot(m->id, i < SPOTS ? i : test_below(&rnd, SPOTS));
			fresh += dmm_bitmap_mark(&s->bm, b, 1);
			/* the guest's write; only mark's own barrier is behind it */
			__atomic_store_n(&s->origin[b], s->origin[b] + 1, __ATOMIC_RELAXED);
			fresh += dmm_bitmap_mark(&s->bm, b, 1);
		}
		__atomic_fetch_add(&s->fresh, fresh, __ATOMIC_RELAXED);
		__atomic_fetch_sub(&s->running, 1, __ATOMIC_RELEASE);
	}
}

/* Clear, then read: one sweep.  Returns the runs found. */
static unsigned int take(struct stress *s)
{
	u64 from = 0, first, nr, i;
	unsigned int runs = 0;

	while (!dmm_bitmap_find(&s->bm, from, STRESS_BLOCKS, 8, 16, &first, &nr)) {
		s->cleared += dmm_bitmap_clear(&s->bm, first, nr);
		for (i = first; i < first + nr; i++)
			s->copy[i] = __atomic_load_n(&s->origin[i], __ATOMIC_RELAXED);
		from = first + nr;
		runs++;
	}
	return runs;
}

/* Races are a matter of chance, so of time; but on a busy machine not of minutes. */
static u64 stress_end_us(void)
{
	const char *s = getenv("DMM_STRESS_SECONDS");

	return now_us() + (s ? strtoull(s, NULL, 0) : 2) * 1000000;
}

static void test_stress(void **state)
{
	struct stress *s = calloc(1, sizeof(*s));
	struct marker m[MARKERS];
	unsigned int round, i;
	u64 sweeps = 0, runs = 0, b, end = stress_end_us();

	(void)state;
	assert_non_null(s);
	bm_create(&s->bm, STRESS_BLOCKS);
	s->seed = test_seed("stress");
	assert_int_equal(pthread_barrier_init(&s->begin, NULL, MARKERS + 1), 0);
	for (i = 0; i < MARKERS; i++) {
		m[i].s = s;
		m[i].id = i;
		assert_int_equal(pthread_create(&m[i].thread, NULL, marker_thread, &m[i]), 0);
	}
	for (round = 0; round < 5 || now_us() < end; round++) {
		__atomic_store_n(&s->running, MARKERS, __ATOMIC_RELAXED);
		pthread_barrier_wait(&s->begin);
		while (__atomic_load_n(&s->running, __ATOMIC_ACQUIRE)) {
			runs += take(s);
			sweeps++;
		}
		/* drained: one sweep finds all that is left, and then there is nothing */
		runs += take(s);
		assert_int_equal(dmm_bitmap_weight(&s->bm), 0);
		assert_int_equal(dmm_bitmap_dirty(&s->bm), 0);
		assert_int_equal(take(s), 0);
		assert_int_equal(s->cleared, __atomic_load_n(&s->fresh, __ATOMIC_RELAXED));
		for (b = 0; b < STRESS_BLOCKS; b++)
			if (s->copy[b] != s->origin[b])
				fail_msg("round %u: block %llu: copy %llu, origin %llu", round,
					 (unsigned long long)b, (unsigned long long)s->copy[b],
					 (unsigned long long)s->origin[b]);
		for (i = 0; i < s->bm.nr_blocks / BITS_PER_LONG; i++)
			assert_int_equal(s->bm.words[i], 0);
		assert_summary_clear(&s->bm);
	}
	s->stop = true;
	pthread_barrier_wait(&s->begin);
	for (i = 0; i < MARKERS; i++)
		pthread_join(m[i].thread, NULL);
	print_message("%u rounds, %llu sweeps while marking, %llu runs taken\n", round,
		      (unsigned long long)sweeps, (unsigned long long)runs);
	pthread_barrier_destroy(&s->begin);
	bm_destroy(&s->bm);
	free(s);
}

/*
 * Invariant 3 in its smallest form, over and over: the bit is set; the marker
 * writes and marks, the taker clears and reads, both at once.  Either the mark
 * set the bit again, or the taker read what was written.
 */
#define BALLAST		4	/* lines written before, so that the write stays in its buffer */

struct line {		/* of the cache: what is in one is not in another's way */
	u64 v;
	u64 pad[7];
};

struct litmus {
	struct line turn;	/* atomic: the run that may begin, ~0: end */
	struct line done;	/* atomic: the marker's last run */
	struct line fresh;	/* of that run; read after done */
	struct line origin;	/* relaxed atomic */
	struct line ballast[BALLAST];
	struct dmm_bitmap bm;
};

#define LITMUS_BYTES	(sizeof(struct litmus) + sizeof(struct line) - \
			 sizeof(struct litmus) % sizeof(struct line))

/* Until *@v is not @old; returns what it is. */
static u64 await(const u64 *v, u64 old)
{
	unsigned int spins = 0;
	u64 now;

	while ((now = __atomic_load_n(v, __ATOMIC_ACQUIRE)) == old)
		if (++spins % 4096 == 0)
			sched_yield();
	return now;
}

static void *litmus_thread(void *arg)
{
	struct litmus *l = arg;
	u64 run = 0, seen = 0;
	unsigned int i;

	while ((run = await(&l->turn.v, run)) != ~0ULL) {
		/* the word in the cache, the lines to write not: the test would win */
		seen += dmm_read_once(l->bm.words[0]);
		for (i = 0; i < BALLAST; i++)
			__atomic_store_n(&l->ballast[i].v, run, __ATOMIC_RELAXED);
		__atomic_store_n(&l->origin.v, run, __ATOMIC_RELAXED);
		l->fresh.v = dmm_bitmap_mark(&l->bm, 5, 1);
		__atomic_store_n(&l->done.v, run, __ATOMIC_RELEASE);
	}
	/* used, lest the compiler drop the reads */
	__atomic_store_n(&l->ballast[0].v, seen, __ATOMIC_RELAXED);
	return NULL;
}

static void test_litmus(void **state)
{
	struct litmus *l = aligned_alloc(sizeof(struct line), LITMUS_BYTES);
	u64 run, read, again = 0, i, delay = 0, rnd = test_seed("litmus"), end = stress_end_us();
	pthread_t thread;

	(void)state;
	assert_non_null(l);
	memset(l, 0, sizeof(*l));
	bm_create(&l->bm, 64);
	assert_int_equal(pthread_create(&thread, NULL, litmus_thread, l), 0);
	for (run = 1; run % 256 || now_us() < end; run++) {
		dmm_bitmap_mark(&l->bm, 5, 1);
		for (i = 0; i < BALLAST; i++)
			__atomic_store_n(&l->ballast[i].v, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&l->turn.v, run, __ATOMIC_RELEASE);
		for (i = 0; i < delay; i++)
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
		dmm_bitmap_clear(&l->bm, 5, 1);
		read = __atomic_load_n(&l->origin.v, __ATOMIC_RELAXED);
		await(&l->done.v, run - 1);
		again += l->fresh.v;
		/* stay where both come first equally often */
		if (l->fresh.v)
			delay += test_below(&rnd, 8);
		else
			delay -= dmm_min_u64(delay, test_below(&rnd, 8));
		if (!l->fresh.v && read != run)
			fail_msg("run %llu: the bit was seen set, the write was not seen",
				 (unsigned long long)run);
		dmm_bitmap_clear(&l->bm, 5, 1);
	}
	__atomic_store_n(&l->turn.v, ~0ULL, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	print_message("%llu runs, in %llu the taker was first\n", (unsigned long long)run - 1,
		      (unsigned long long)again);
	bm_destroy(&l->bm);
	free(l);
}

/*
 * A long range is marked again and again while the taker clears it, and one block beside it stays
 * dirty: the counter, by which the first sweep ends, has that block at every moment.
 */
#define RANGE_BLOCKS	(8 * DMM_BM_CHUNK_BITS)

struct range {
	struct dmm_bitmap bm;
	bool stop;		/* atomic */
};

static void *range_thread(void *arg)
{
	struct range *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		dmm_bitmap_mark(&r->bm, 0, RANGE_BLOCKS);
		sched_yield();
	}
	return NULL;
}

static void test_count(void **state)
{
	struct range r = { .stop = false };
	u64 end = stress_end_us(), first = 0, nr, cleared = 0;
	pthread_t thread;
	s64 dirty;

	(void)state;
	bm_create(&r.bm, RANGE_BLOCKS + 1);
	dmm_bitmap_mark(&r.bm, RANGE_BLOCKS, 1);
	assert_int_equal(pthread_create(&thread, NULL, range_thread, &r), 0);
	while (now_us() < end) {
		if (dmm_bitmap_find(&r.bm, 0, RANGE_BLOCKS, 256, 256, &first, &nr))
			continue;
		cleared += dmm_bitmap_clear(&r.bm, first, nr);
		dirty = dmm_atomic64_read(&r.bm.dirty_blocks);
		if (dirty < 1)
			fail_msg("after %llu blocks: %lld are dirty, says the counter",
				 (unsigned long long)cleared, (long long)dirty);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(cleared > RANGE_BLOCKS);
	dmm_bitmap_clear(&r.bm, 0, RANGE_BLOCKS + 1);
	assert_int_equal(dmm_bitmap_dirty(&r.bm), 0);
	bm_destroy(&r.bm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stress),
		cmocka_unit_test(test_litmus),
		cmocka_unit_test(test_count),
	};

	return cmocka_run_group_tests_name("core_race", tests, NULL, NULL);
}
