// SPDX-License-Identifier: GPL-2.0
/*
 * The pure parts of an offline copy: windows, zeros, what is shipped; and its
 * ways to read, which all have to pass the same tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xxhash.h>

#include "dmmigrate/copy_job.h"
#include "fullio.h"

#define G	((u64)DMM_COPY_GRANULE_BYTES)
#define W	((u64)DMM_COPY_WINDOW_BYTES)
#define GiB	(1ull << 30)

static void expect_next(u64 pos, u64 size, u64 data, u64 hole, u64 end, bool is_hole)
{
	struct dmm_copy_range r = dmm_copy_next(pos, size, data, hole);

	assert_int_equal(r.first_bytes, pos);
	assert_int_equal(r.end_bytes, end);
	assert_int_equal(r.hole, is_hole);
}

static void windows(void **state)
{
	(void)state;
	/* data all over */
	expect_next(0, 100 * W, 0, 100 * W, W, false);
	expect_next(W, 100 * W, W, 100 * W, 2 * W, false);
	expect_next(W + G, 100 * W, W + G, 100 * W, 2 * W, false);
	expect_next(99 * W, 99 * W + 512, 99 * W, 99 * W + 512, 99 * W + 512, false);
	/* ends with the granule that the hole begins in */
	expect_next(0, 100 * W, 0, 1, G, false);
	expect_next(0, 100 * W, 0, G, G, false);
	expect_next(0, 100 * W, 0, G + 1, 2 * G, false);
	expect_next(0, 100 * W, 0, W - 1, W, false);
	expect_next(0, 100, 0, 50, 100, false);
	expect_next(0, ~0ull >> 1, 0, ~0ull, W, false);
	/* begins in a hole: up to the granule that has data */
	expect_next(0, 100 * W, G + 1, 100 * W, G, true);
	expect_next(0, 100 * W, 2 * G, 100 * W, 2 * G, true);
	expect_next(0, 100 * W, G - 1, 100 * W, W, false);
	expect_next(3 * G, 100 * W, 7 * G + 100, 100 * W, 7 * G, true);
	/* nothing more comes */
	expect_next(G, 3 * G + 512, 3 * G + 512, ~0ull, 3 * G + 512, true);
	expect_next(0, 512, 512, 512, 512, true);
	/* not more than a header can say */
	expect_next(0, 3 * GiB, 3 * GiB, 3 * GiB, GiB, true);
	expect_next(2 * GiB, 3 * GiB + 512, 3 * GiB + 512, 3 * GiB, 3 * GiB, true);
	expect_next(3 * GiB, 3 * GiB + 512, 3 * GiB + 512, 3 * GiB, 3 * GiB + 512, true);
}

/* Whatever holes a source has: every byte once, data never in a hole, no end of it. */
static void windows_cover_everything(void **state)
{
	u64 size, pos, data, hole, at[8];
	struct dmm_copy_range r;
	u32 seed = 7, i, n, steps;

	(void)state;
	for (n = 0; n < 2000; n++) {
		/* at[]: data begins, ends, begins ... */
		for (i = 0, size = 0; i < 8; i++) {
			seed = seed * 1664525 + 1013904223;
			size += (u64)(seed >> 8) % (i % 2 ? 3 * W : 2 * GiB) / 512 * 512;
			at[i] = size;
		}
		if (!size)
			continue;
		for (pos = 0, steps = 0; pos < size; pos = r.end_bytes) {
			for (i = 0; i < 8 && pos >= at[i | 1]; i += 2)
				;
			data = i < 8 ? dmm_max_u64(pos, at[i]) : size;
			hole = i < 8 ? at[i + 1] : size;
			r = dmm_copy_next(pos, size, data, hole);
			assert_int_equal(r.first_bytes, pos);
			assert_true(r.end_bytes > pos && r.end_bytes <= size);
			assert_true(r.end_bytes % G == 0 || r.end_bytes == size);
			assert_true(!r.hole || r.end_bytes <= data);
			assert_true(r.end_bytes - pos <= (r.hole ? GiB : W));
			assert_true(++steps < 100000);
		}
	}
}

static void zeros(void **state)
{
	static const size_t sizes[] = { 16, 24, 512, 4096, 65536 };
	u8 *buf = calloc(1, 65536);
	size_t i, at;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_true(dmm_copy_is_zero(buf, sizes[i]));
		for (at = 0; at < sizes[i]; at += at < 64 || at > sizes[i] - 64 ? 1 : 61) {
			buf[at] = 0x80;
			assert_false(dmm_copy_is_zero(buf, sizes[i]));
			buf[at] = 0;
		}
	}
	free(buf);
}

static void hash(const u8 *p, u32 bytes, u8 *out)
{
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, XXH3_128bits(p, bytes));
	memcpy(out, c.digest, 16);
}

static void expect_run(const struct dmm_copy_run *r, enum dmm_copy_kind kind, u32 at, u32 bytes)
{
	assert_int_equal(r->kind, kind);
	assert_int_equal(r->at_bytes, at);
	assert_int_equal(r->bytes, bytes);
}

static void cuts(void **state)
{
	struct dmm_copy_run r[DMM_COPY_UNIT_GRANULES];
	u8 *buf = calloc(1, DMM_COPY_UNIT_BYTES), theirs[16 * DMM_COPY_UNIT_GRANULES];
	u32 i;

	(void)state;
	/* all zeros */
	assert_int_equal(dmm_copy_cut(buf, DMM_COPY_UNIT_BYTES, NULL, DMM_COPY_ZEROS_SEND, r), 1);
	expect_run(r, DMM_COPY_ZERO, 0, DMM_COPY_UNIT_BYTES);
	assert_int_equal(dmm_copy_cut(buf, DMM_COPY_UNIT_BYTES, NULL, DMM_COPY_ZEROS_SKIP, r), 1);
	expect_run(r, DMM_COPY_SKIP, 0, DMM_COPY_UNIT_BYTES);
	assert_int_equal(dmm_copy_cut(buf, DMM_COPY_UNIT_BYTES, NULL, DMM_COPY_ZEROS_SHIP, r), 1);
	expect_run(r, DMM_COPY_SHIP, 0, DMM_COPY_UNIT_BYTES);

	/* data, data, zeros, and a last granule of one sector */
	buf[0] = buf[2 * G - 1] = buf[3 * G + 511] = 1;
	assert_int_equal(dmm_copy_cut(buf, 3 * G + 512, NULL, DMM_COPY_ZEROS_SEND, r), 3);
	expect_run(&r[0], DMM_COPY_SHIP, 0, 2 * G);
	expect_run(&r[1], DMM_COPY_ZERO, 2 * G, G);
	expect_run(&r[2], DMM_COPY_SHIP, 3 * G, 512);

	/* all of it is there */
	for (i = 0; i < 3; i++)
		hash(buf + i * G, G, theirs + 16 * i);
	hash(buf + 3 * G, 512, theirs + 48);
	assert_int_equal(dmm_copy_cut(buf, 3 * G + 512, theirs, DMM_COPY_ZEROS_SEND, r), 1);
	expect_run(&r[0], DMM_COPY_SKIP, 0, 3 * G + 512);
	/* all but one bit of each hash but the first, of which the last bit counts */
	for (i = 1; i < 4; i++)
		theirs[16 * i + 15] ^= 1;
	assert_int_equal(dmm_copy_cut(buf, 3 * G + 512, theirs, DMM_COPY_ZEROS_SEND, r), 4);
	expect_run(&r[0], DMM_COPY_SKIP, 0, G);
	expect_run(&r[1], DMM_COPY_SHIP, G, G);
	expect_run(&r[2], DMM_COPY_ZERO, 2 * G, G);
	expect_run(&r[3], DMM_COPY_SHIP, 3 * G, 512);
	free(buf);
}

static u8 content(u64 at)
{
	return (u8)(at * 7 + (at >> 12) * 13);
}

/* Some reads at a time, the last beyond the end, and one of nothing but an error. */
static void reads_by(const struct dmm_copy_reader_ops *ops)
{
	const struct dmm_copy_reader_ops *which = ops;
	struct dmm_copy_read rd[4], *done;
	struct dmm_copy_reader *reader;
	char path[] = "/tmp/dmm-unit-read.XXXXXX";
	u8 *buf = malloc(4 * 65536);
	u32 i, left = 4, want;
	int fd = mkstemp(path);
	u64 at;

	assert_true(fd >= 0);
	unlink(path);
	for (at = 0; at < 4 * 65536; at++)
		buf[at] = content(at);
	assert_int_equal(write(fd, buf, 3 * 65536 + 100), 3 * 65536 + 100);
	assert_int_equal(dmm_copy_reader_open(&which, fd, 4, &reader), 0);
	assert_ptr_equal(which, ops);
	memset(buf, 0, 4 * 65536);
	memset(rd, 0, sizeof(rd));
	for (i = 0; i < 4; i++) {
		rd[i].buf = buf + (u64)i * 65536;
		rd[i].bytes = 65536;
		rd[i].offset_bytes = (u64)i * 65536;
		assert_int_equal(ops->submit(reader, &rd[i]), 0);
	}
	while (left) {
		done = ops->reap(reader);
		if (!done) {
			assert_int_equal(dmm_wait_fd(ops->event_fd(reader), POLLIN, dmm_now_ms() + 10000,
						     -1), 0);
			continue;
		}
		left--;
		want = done == &rd[3] ? 100 : 65536;
		assert_int_equal(done->result, want);
		for (i = 0; i < want; i++)
			assert_int_equal(((u8 *)done->buf)[i], content(done->offset_bytes + i));
	}
	assert_null(ops->reap(reader));
	/* left in flight: close awaits it */
	assert_int_equal(ops->submit(reader, &rd[0]), 0);
	ops->close(reader);
	free(buf);
	close(fd);

	fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(dmm_copy_reader_open(&which, fd, 4, &reader), 0);
	rd[0].buf = path;
	rd[0].bytes = 1;
	if (!ops->submit(reader, &rd[0])) {	/* libaio says no at once */
		while (!(done = ops->reap(reader)))
			dmm_wait_fd(ops->event_fd(reader), POLLIN, dmm_now_ms() + 10000, -1);
		assert_true(done->result == -EISDIR || done->result == -EINVAL);
	}
	ops->close(reader);
	close(fd);
}

/* A receiver that owes hashes and is never heard of again: nothing else is under way that would tell. */
static void hashes_that_never_come(void **state)
{
	char path[] = "/tmp/dmm-unit.XXXXXX";
	struct dmm_copy_source source = { .size_bytes = 4 * W };
	struct dmm_copy_worker *w;
	struct dmm_copy_job job;
	int data[2], ask[2];

	(void)state;
	source.fd = source.plain_fd = mkstemp(path);
	assert_true(source.fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(source.fd, 4 * W), 0);
	assert_int_equal(pwrite(source.fd, "x", 1, 0), 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, data), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ask), 0);
	assert_int_equal(dmm_copy_job_init(&job, &source, 1, 0), 0);
	assert_true(job.silence_ms >= 60000);
	assert_int_equal(dmm_copy_job_open_engine(&job), 0);
	job.features = DMM_FEATURE_HASHES;
	job.compare = true;
	job.silence_ms = 500;
	w = &job.workers[0];
	w->data.client.fd = data[0];
	w->ask.client.fd = ask[0];
	w->ask.client.timeout_ms = 1000;
	dmm_copy_send_reset(w);
	alarm(30);	/* the mistake is to wait for ever */
	assert_int_equal(dmm_copy_worker_run(w), DMM_COPY_LINK);
	alarm(0);
	assert_non_null(strstr(job.why, "no hashes"));
	dmm_copy_job_exit(&job);
	close(data[1]);
	close(ask[1]);
	close(source.fd);
}

/* The other side of a comparison: as the source, but for what `there` has. */
struct other_side {
	int fd;
	const u8 *there;
};

static void *answer_hashes(void *arg)
{
	struct other_side *o = arg;
	static u8 hashes[DMM_MAX_HASHES_BYTES];
	struct dmm_wire_hashes rq;
	struct dmm_frame f;
	const char *why;
	u64 at, end, seq = 0;
	u32 nr;

	while (!dmm_wireio_recv(o->fd, &f, &rq, sizeof(rq), 10000, &why)) {
		if (f.type != DMM_MSG_HASHES)
			break;
		at = le64_to_cpu(rq.offset_bytes);
		end = at + le64_to_cpu(rq.length_bytes);
		for (nr = 0; at < end; at += G, nr++)
			hash(o->there + at, dmm_min_u64(end - at, G), hashes + nr * DMM_HASH_BYTES);
		/* who fails does not wait for the answer */
		if (dmm_wireio_send(o->fd, DMM_MSG_HASHES_OK, &seq, hashes, nr * DMM_HASH_BYTES, 10000))
			break;
	}
	return NULL;
}

struct told {
	u64 bytes;
	u32 calls;
	int ret;
	u8 seen[3 * W / G];
};

static int told_of(void *arg, u64 first, u64 bytes)
{
	struct told *t = arg;
	u64 at;

	assert_int_equal(first % G, 0);
	for (at = first; at < first + bytes; at += G)
		t->seen[at / G]++;
	t->bytes += bytes;
	t->calls++;
	return t->ret;
}

static enum dmm_copy_end compare_with(const u8 *here, const u8 *there, u64 size, struct told *told,
				      struct dmm_copy_job *job)
{
	char path[] = "/tmp/dmm-unit.XXXXXX";
	struct dmm_copy_source source = { .size_bytes = size, .plain_fd = -1 };
	struct other_side other = { .there = there };
	enum dmm_copy_end end;
	pthread_t thread;
	int ask[2];

	source.fd = mkstemp(path);
	assert_true(source.fd >= 0);
	unlink(path);
	assert_int_equal(pwrite(source.fd, here, size, 0), (ssize_t)size);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ask), 0);
	other.fd = ask[1];
	assert_int_equal(pthread_create(&thread, NULL, answer_hashes, &other), 0);
	assert_int_equal(dmm_copy_job_init(job, &source, 1, 0), 0);
	assert_int_equal(dmm_copy_job_open_engine(job), 0);
	job->features = DMM_FEATURE_HASHES | DMM_FEATURE_ZERO;
	job->compare = true;
	job->differs = told_of;
	job->differs_arg = told;
	job->workers[0].ask.client.fd = ask[0];
	job->workers[0].ask.client.timeout_ms = 10000;
	dmm_copy_send_reset(&job->workers[0]);
	alarm(60);
	end = dmm_copy_worker_run(&job->workers[0]);
	alarm(0);
	dmm_copy_job_exit(job);	/* closes ask[0] */
	pthread_join(thread, NULL);
	close(ask[1]);
	close(source.fd);
	return end;
}

/* Instead of being shipped, what differs is told of, zeros or not, once, and nothing else is. */
static void compares_only(void **state)
{
	const u64 size = 3 * W - 512;
	u8 *here = malloc(size), *there = malloc(size);
	struct told told = { 0 };
	struct dmm_copy_job job;
	u32 i;

	(void)state;
	for (i = 0; i < size; i++)
		here[i] = content(i);
	memcpy(there, here, size);
	assert_int_equal(compare_with(here, there, size, &told, &job), DMM_COPY_DONE);
	assert_int_equal(told.calls, 0);
	assert_int_equal(job.equal_bytes, size);
	assert_int_equal(job.done_bytes, size);
	assert_int_equal(job.hash_bytes, 3 * (W / G) * DMM_HASH_BYTES);
	assert_true(job.hash_bytes <= size / 100);

	/* the first and the last byte, two neighbours, zeros here, zeros there */
	there[0] ^= 1;
	there[size - 1] ^= 1;
	there[W] ^= 1;
	there[W + G] ^= 1;
	memset(here + 20 * G, 0, G);
	memset(there + 30 * G, 0, G);
	assert_int_equal(compare_with(here, there, size, &told, &job), DMM_COPY_DONE);
	for (i = 0; i < 3 * W / G; i++)
		assert_int_equal(told.seen[i], !i || i == 3 * W / G - 1 || i == W / G || i == W / G + 1 ||
				 i == 20 || i == 30);
	assert_int_equal(told.bytes, 6 * G - 512);
	assert_int_equal(job.differing_bytes, told.bytes);
	assert_int_equal(job.equal_bytes + told.bytes, size);
	assert_int_equal(job.done_bytes, size);
	assert_int_equal(job.shipped_bytes + job.zeroed_bytes + job.skipped_bytes, 0);

	/* who cannot be told ends it: what was not marked must not count as done */
	told.ret = -ENODEV;
	assert_int_equal(compare_with(here, there, size, &told, &job), DMM_COPY_FAILED);
	assert_true(job.done_bytes < size);
	assert_non_null(strstr(job.why, "not taken"));
	free(here);
	free(there);
}

static void readers(void **state)
{
	const struct dmm_copy_reader_ops *ops = NULL;
	struct dmm_copy_reader *reader;
	unsigned int i;

	(void)state;
	for (i = 0; dmm_copy_readers[i]; i++) {
		assert_ptr_equal(dmm_copy_reader_find(dmm_copy_readers[i]->name), dmm_copy_readers[i]);
		reads_by(dmm_copy_readers[i]);
	}
	assert_null(dmm_copy_reader_find("mmap"));
	/* one at a time is best done plainly */
	assert_int_equal(dmm_copy_reader_open(&ops, 0, 1, &reader), 0);
	assert_string_equal(ops->name, "sync");
	ops->close(reader);
	ops = NULL;
	assert_int_equal(dmm_copy_reader_open(&ops, 0, 8, &reader), 0);
	assert_string_not_equal(ops->name, "sync");
	ops->close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows),
		cmocka_unit_test(windows_cover_everything),
		cmocka_unit_test(zeros),
		cmocka_unit_test(cuts),
		cmocka_unit_test(hashes_that_never_come),
		cmocka_unit_test(compares_only),
		cmocka_unit_test(readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
