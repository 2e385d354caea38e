// SPDX-License-Identifier: GPL-2.0
/*
 * core/bitmap: the vectors, a random check against an array of bytes, and what
 * the hot path and the summary may touch.  Threads: test_core_race.c.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "vec_cmocka.h"
#include "vectors/bitmap.h"
#include "bm_cmocka.h"

static void test_ranges(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_ranges(&v);
	vec_assert(&v);
}

static void test_bytes(void **state)
{
	struct dmm_vec v = { 0 };

	(void)state;
	dmm_vec_check_bm_bytes(&v);
	vec_assert(&v);
}

static void test_steps(void **state)
{
	struct dmm_vec v = { 0 };
	struct dmm_bitmap bm;

	(void)state;
	bm_create(&bm, DMM_VEC_BM_BLOCKS);
	dmm_vec_check_bm_steps(&v, bm.words, bm.summary);
	bm_destroy(&bm);
	vec_assert(&v);
}

/* --- random, against bytes ----------------------------------------------- */

static u64 naive_set(u8 *bytes, u64 size, u64 first, u64 nr, u8 to)
{
	u64 changed = 0, i;

	for (i = first; i < size && i - first < nr; i++) {
		changed += bytes[i] != to;
		bytes[i] = to;
	}
	return changed;
}

static u64 naive_find(const u8 *bytes, u64 size, u64 from, u64 to, u64 max, u64 boundary,
		      u64 *first)
{
	u64 i = from, nr = 0;

	if (to > size)
		to = size;
	while (i < to && !bytes[i])
		i++;
	*first = i;
	while (i < to && bytes[i] && (!max || nr < max)) {
		i++;
		nr++;
		if (boundary && i % boundary == 0)
			break;
	}
	return nr;
}

/* Edges of words and chunks more often than chance would have them. */
static u64 any_block(u64 *rnd, u64 size)
{
	static const u64 units[] = { 1, 32, 64, 4096 };
	u64 unit = units[test_below(rnd, 4)];
	u64 b = test_below(rnd, size / unit + 1) * unit + test_below(rnd, 3);

	return b ? b - 1 : 0;
}

static void one_model(u64 *rnd, u64 size)
{
	u64 i, a, b, max, boundary, first, nr, want, want_first, dirty = 0;
	u8 *bytes = calloc(1, size);
	struct dmm_bitmap bm;

	assert_non_null(bytes);
	bm_create(&bm, size);
	for (i = 0; i < 4000; i++) {
		a = any_block(rnd, size);
		b = test_below(rnd, 4) ? test_below(rnd, 70) : any_block(rnd, size);
		switch (test_below(rnd, 4)) {
		case 0:
			want = naive_set(bytes, size, a, b, 1);
			assert_int_equal(dmm_bitmap_mark(&bm, a, b), want);
			dirty += want;
			break;
		case 1:
			if (test_below(rnd, 3) == 0)
				b = size;	/* else it only fills up */
			want = naive_set(bytes, size, a, b, 0);
			assert_int_equal(dmm_bitmap_clear(&bm, a, b), want);
			dirty -= want;
			break;
		default:
			b = any_block(rnd, size);
			max = test_below(rnd, 2) ? test_below(rnd, 300) : 0;
			boundary = test_below(rnd, 2) ? test_below(rnd, 300) : 0;
			want = naive_find(bytes, size, a, b, max, boundary, &want_first);
			if (!want) {
				assert_int_equal(dmm_bitmap_find(&bm, a, b, max, boundary,
								 &first, &nr), -ENOENT);
				break;
			}
			assert_int_equal(dmm_bitmap_find(&bm, a, b, max, boundary, &first, &nr), 0);
			assert_int_equal(first, want_first);
			assert_int_equal(nr, want);
		}
		assert_int_equal(dmm_bitmap_dirty(&bm), dirty);
		if (i % 64 == 0)
			assert_int_equal(dmm_bitmap_weight(&bm), dirty);
	}
	for (i = 0; i < size; i++)
		assert_int_equal(dmm_bitmap_find(&bm, i, i + 1, 0, 0, &first, &nr) == 0, bytes[i]);
	/* no bit beyond the end */
	for (dirty = 0, i = 0; i < dmm_bitmap_words_bytes(size) / sizeof(long); i++)
		dirty += dmm_popcount(bm.words[i]);
	assert_int_equal(dirty, dmm_bitmap_dirty(&bm));
	/* what is clean costs no look: clear itself dropped the summary */
	assert_int_equal(dmm_bitmap_clear(&bm, 0, size), dirty);
	assert_summary_clear(&bm);
	bm_destroy(&bm);
	free(bytes);
}

static void test_model(void **state)
{
	static const u64 sizes[] = { 1, 2, 63, 64, 65, 4095, 4096, 4097, 8192, 12289 };
	u64 rnd = test_seed("bitmap");
	unsigned int i;

	(void)state;
	for (i = 0; i < DMM_VEC_COUNT(sizes); i++)
		one_model(&rnd, sizes[i]);
	for (i = 0; i < 60; i++)
		one_model(&rnd, 1 + test_below(&rnd, 20000));
}

static void *map_pages(u64 bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fail_msg("mmap of %llu bytes: %s", (unsigned long long)bytes, strerror(errno));
	return p;
}

/* --- stripes ------------------------------------------------------------- */

static u64 naive_find_own(const u8 *bytes, u64 size, u64 from, const struct dmm_stripe *stripe,
			  u64 *first)
{
	u64 unit = 1ULL << stripe->unit_shift;

	while (from < size && (!bytes[from] || (from >> stripe->unit_shift) % stripe->of != stripe->index))
		from++;
	return naive_find(bytes, size, from, size, unit, unit, first);
}

/* However few looks are allowed at a time, in the end the same is found, and no more are taken. */
static void find_own(struct dmm_bitmap *bm, const u8 *bytes, u64 from,
		     const struct dmm_stripe *stripe, unsigned int allowed)
{
	u64 want_first, want, first, nr, last = from;
	unsigned int looks, tries = 0;
	int r;

	want = naive_find_own(bytes, bm->nr_blocks, from, stripe, &want_first);
	for (;;) {
		looks = allowed;
		r = dmm_bitmap_find_own(bm, from, stripe, &looks, &first, &nr);
		assert_true(looks <= allowed);
		if (r != -EAGAIN)
			break;
		assert_int_equal(looks, 0);
		assert_true(first > last || !tries);
		last = from = first;
		assert_true(++tries <= bm->nr_blocks);
	}
	if (!want) {
		assert_int_equal(r, -ENOENT);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(first, want_first);
	assert_int_equal(nr, want);
}

static void test_stripes_model(void **state)
{
	u64 rnd = test_seed("stripes"), size, i, k;
	struct dmm_stripe stripe;
	struct dmm_bitmap bm;
	u8 *bytes;

	(void)state;
	for (i = 0; i < 200; i++) {
		size = 1 + test_below(&rnd, 6000);
		bytes = calloc(1, size);
		assert_non_null(bytes);
		bm_create(&bm, size);
		for (k = test_below(&rnd, 60); k; k--) {
			u64 a = any_block(&rnd, size), b = test_below(&rnd, 200);

			naive_set(bytes, size, a, b, 1);
			dmm_bitmap_mark(&bm, a, b);
		}
		for (k = 0; k < 50; k++) {
			stripe.unit_shift = test_below(&rnd, 9);
			stripe.of = 1 + test_below(&rnd, 16);
			stripe.index = test_below(&rnd, stripe.of);
			find_own(&bm, bytes, test_below(&rnd, size + 2), &stripe,
				 1 + test_below(&rnd, test_below(&rnd, 2) ? 3 : 5000));
		}
		bm_destroy(&bm);
		free(bytes);
	}
}

/* 16 TiB in 4 KiB blocks, one stripe of 16 dirty all over: a search of another ends soon. */
static void test_stripe_of_a_stalled_link(void **state)
{
	const struct dmm_stripe dirty = { 8, 16, 5 }, mine = { 8, 16, 0 };
	u64 nr = 1ULL << 32, bytes = dmm_bitmap_words_bytes(nr), u, first, n, t;
	unsigned long *words = map_pages(bytes);
	unsigned long *summary = map_pages(dmm_bitmap_summary_bytes(nr));
	unsigned int looks;
	struct dmm_bitmap bm;

	(void)state;
	dmm_bitmap_init(&bm, nr, words, summary);
	for (u = dirty.index; u < nr >> dirty.unit_shift; u += dirty.of)
		dmm_bitmap_mark(&bm, u << dirty.unit_shift, 1);
	t = now_us();
	looks = 1024;
	assert_int_equal(dmm_bitmap_find_own(&bm, 0, &mine, &looks, &first, &n), -EAGAIN);
	assert_int_equal(looks, 0);
	assert_int_equal(first, (1023 * dirty.of + dirty.index) << dirty.unit_shift);
	print_message("1024 looks: %llu us\n", (unsigned long long)(now_us() - t));
	/* and to the end, from where it gave up; what is its own is found at once */
	dmm_bitmap_mark(&bm, nr - 16 * 256, 3);
	looks = ~0u;
	assert_int_equal(dmm_bitmap_find_own(&bm, first, &mine, &looks, &first, &n), 0);
	assert_int_equal(first, nr - 16 * 256);
	assert_int_equal(n, 3);
	assert_int_equal(~0u - looks, (nr >> 12) - 1 - 1024);
	munmap(words, bytes);
	munmap(summary, dmm_bitmap_summary_bytes(nr));
}

/* The only rounding that is right, tried out byte by byte. */
static void test_range_model(void **state)
{
	u64 rnd = test_seed("ranges"), off, len, size, first, nr, b, touched, whole, end;
	unsigned int i, shift = 3;	/* 8-byte blocks: the arithmetic is the same */

	(void)state;
	for (i = 0; i < 200000; i++) {
		size = 1 + test_below(&rnd, 100);
		off = test_below(&rnd, size + 10);
		len = test_below(&rnd, 40);
		touched = whole = 0;
		for (b = 0; b < 20; b++) {
			end = dmm_min_u64((b + 1) << shift, size);
			if (len && off < (b + 1) << shift && off + len > b << shift)
				touched |= 1ULL << b;
			if (len && b << shift < size && off <= b << shift && off + len >= end)
				whole |= 1ULL << b;
		}
		dmm_range_out(off, len, shift, &first, &nr);
		assert_int_equal(nr ? ((1ULL << nr) - 1) << first : 0, touched);
		dmm_range_in(off, len, shift, size, &first, &nr);
		assert_int_equal(nr ? ((1ULL << nr) - 1) << first : 0, whole);
	}
}

/* --- what may be touched ------------------------------------------------- */

/* What is dirty already is marked without any write: the memory is read-only. */
static void test_hot_path_reads_only(void **state)
{
	u64 nr = 3 * DMM_BM_CHUNK_BITS, i;
	unsigned long *words = map_pages(dmm_bitmap_words_bytes(nr));
	unsigned long *summary = map_pages(dmm_bitmap_summary_bytes(nr));
	struct dmm_bitmap bm;

	(void)state;
	dmm_bitmap_init(&bm, nr, words, summary);
	assert_int_equal(dmm_bitmap_mark(&bm, 0, nr), nr);
	assert_int_equal(mprotect(words, dmm_bitmap_words_bytes(nr), PROT_READ), 0);
	assert_int_equal(mprotect(summary, dmm_bitmap_summary_bytes(nr), PROT_READ), 0);
	for (i = 0; i < nr; i++)
		assert_int_equal(dmm_bitmap_mark(&bm, i, 1), 0);
	for (i = 0; i < nr; i += 37)
		assert_int_equal(dmm_bitmap_mark(&bm, i, 300), 0);
	assert_int_equal(dmm_bitmap_mark(&bm, 0, nr), 0);
	munmap(words, dmm_bitmap_words_bytes(nr));
	munmap(summary, dmm_bitmap_summary_bytes(nr));
}

/*
 * 200 TiB in 4 KiB blocks.  All words but the pages with the dirty chunks are out of bounds:
 * find, weight and clear look at the summary and at what it points to.
 */
static void test_huge(void **state)
{
	u64 nr = 200ULL << 28, bytes = dmm_bitmap_words_bytes(nr), b, first, n, i, t;
	unsigned long *words = map_pages(bytes);
	unsigned long *summary = map_pages(dmm_bitmap_summary_bytes(nr));
	u64 page = sysconf(_SC_PAGESIZE), per_page = page * 8;
	const u64 dirty[] = { 0, 4096ULL * 1000003, nr / 2 + 77, nr - 1 };
	struct dmm_bitmap bm;

	(void)state;
	dmm_bitmap_init(&bm, nr, words, summary);
	assert_int_equal(mprotect(words, bytes, PROT_NONE), 0);
	t = now_us();
	assert_int_equal(dmm_bitmap_find(&bm, 0, nr, 0, 0, &first, &n), -ENOENT);
	assert_int_equal(dmm_bitmap_weight(&bm), 0);
	for (i = 0; i < DMM_VEC_COUNT(dirty); i++) {
		b = dirty[i];
		assert_int_equal(mprotect((char *)words + b / per_page * page, page,
					  PROT_READ | PROT_WRITE), 0);
		assert_int_equal(dmm_bitmap_mark(&bm, b, 1), 1);
	}
	for (b = 0, i = 0; i < DMM_VEC_COUNT(dirty); i++) {
		assert_int_equal(dmm_bitmap_find(&bm, b, nr, 256, 256, &first, &n), 0);
		assert_int_equal(first, dirty[i]);
		assert_int_equal(n, 1);
		b = first + 1;
	}
	assert_int_equal(dmm_bitmap_weight(&bm), DMM_VEC_COUNT(dirty));
	for (i = 0; i < DMM_VEC_COUNT(dirty); i++)
		assert_int_equal(dmm_bitmap_clear(&bm, dirty[i], 1), 1);
	assert_int_equal(dmm_bitmap_find(&bm, 0, nr, 0, 0, &first, &n), -ENOENT);
	print_message("200 TiB: three full scans, four runs: %llu us\n",
		      (unsigned long long)(now_us() - t));
	munmap(words, bytes);
	munmap(summary, dmm_bitmap_summary_bytes(nr));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_stripes_model),
		cmocka_unit_test(test_stripe_of_a_stalled_link),
		cmocka_unit_test(test_range_model),
		cmocka_unit_test(test_hot_path_reads_only),
		cmocka_unit_test(test_huge),
	};

	return cmocka_run_group_tests_name("core_bitmap", tests, NULL, NULL);
}
