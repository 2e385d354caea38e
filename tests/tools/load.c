// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-load: the writers.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sector.h"

#ifndef BLKSECDISCARD
#define BLKSECDISCARD	_IO(0x12, 125)
#endif

#define ZIPF_BYTES	4096u
#define LATE_NS	100000000u

struct request {
	enum op_type type;
	bool fua;
	uint64_t off_bytes, len_bytes;
};

static bool stopping(const struct load *l)
{
	return __atomic_load_n(&l->stop, __ATOMIC_ACQUIRE);
}

static void give_up(struct load *l)
{
	__atomic_store_n(&l->failed, true, __ATOMIC_RELEASE);
	__atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
}

static int write_all(const struct load *l, const uint8_t *buf, const struct request *r)
{
	uint64_t done = 0;

	while (done < r->len_bytes) {
		struct iovec iov = {
			.iov_base = (void *)(buf + done),
			.iov_len = r->len_bytes - done,
		};
		ssize_t n = pwritev2(l->disk.fd, &iov, 1, (off_t)(r->off_bytes + done),
				     r->fua ? RWF_DSYNC : 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (uint64_t)n;
	}
	return 0;
}

/* With unmapping and without, in turn: two different bios, and plain writes where neither is known. */
static int zero_range(const struct load *l, const struct request *r)
{
	static const int modes[2] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
	};
	unsigned int first = (unsigned int)(r->off_bytes / 512 % 2);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (!fallocate(l->disk.fd, modes[(first + i) % 2], (off_t)r->off_bytes,
			       (off_t)r->len_bytes))
			return 0;
		if (errno != EOPNOTSUPP)
			return -errno;
	}
	return -EOPNOTSUPP;
}

static int erase_range(const struct load *l, const struct request *r)
{
	uint64_t range[2] = { r->off_bytes, r->len_bytes };
	unsigned long cmd = r->type == OP_SECERASE ? BLKSECDISCARD : BLKDISCARD;

	if (!l->disk.is_bdev)
		return zero_range(l, r);	/* a file: what a discard may do, a hole does */
	return ioctl(l->disk.fd, cmd, range) ? -errno : 0;
}

static int perform(const struct load *l, const uint8_t *buf, const struct request *r)
{
	int err;

	switch (r->type) {
	case OP_WRITE:
		err = write_all(l, buf, r);
		break;
	case OP_ZEROES:
		err = zero_range(l, r);
		break;
	case OP_DISCARD:
	case OP_SECERASE:
		err = erase_range(l, r);
		break;
	default:
		err = 0;
	}
	if (!err && (l->buffered || r->type == OP_FLUSH) && fdatasync(l->disk.fd))
		err = -errno;
	return err;
}

/* Below how many microseconds is what is in bucket @n?  2^(1/4) is about 1219/1024. */
static uint64_t bucket_us(unsigned int n)
{
	static const uint64_t quarters[] = { 1024, 1218, 1449, 1723 };

	return ((quarters[n % 4] << (n / 4)) + 1023) / 1024;
}

static void raise_to(uint64_t *to, uint64_t ns)
{
	uint64_t old = __atomic_load_n(to, __ATOMIC_RELAXED);

	while (ns > old && !__atomic_compare_exchange_n(to, &old, ns, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static void note_latency(struct load_writer *w, const struct op *op)
{
	uint64_t ns = op->end_ns - op->start_ns, last, gap;
	unsigned int n = 0;

	if (ns > w->stats.max_latency_ns)
		w->stats.max_latency_ns = ns;
	if (!w->load->begin_ns)
		return;
	while (n < LOAD_LATENCIES - 1 && ns >= bucket_us(n) * 1000)
		n++;
	w->stats.latencies[n]++;
	last = __atomic_exchange_n(&w->load->last_ns, op->end_ns, __ATOMIC_RELAXED);
	gap = op->end_ns > last ? op->end_ns - last : 0;
	raise_to(&w->load->max_gap_ns, gap);
	raise_to(&w->load->line_gap_ns, gap);
}

static void note_error(struct load_writer *w, const struct request *r, int err)
{
	struct load *l = w->load;

	w->stats.errors++;
	/* Not every device discards: that is the device's answer, no failure. */
	if (err == -EOPNOTSUPP && r->type != OP_WRITE && r->type != OP_FLUSH)
		return;
	if (l->errors_ok)
		return;
	fprintf(stderr, "dmm-load %s: %s at byte %llu, %llu bytes: %s\n", l->dev,
		r->type == OP_WRITE ? "write" : r->type == OP_FLUSH ? "flush" : "discard or zeroes",
		(unsigned long long)r->off_bytes, (unsigned long long)r->len_bytes, strerror(-err));
	give_up(l);
}

/* Into the journal's copy, where there is one; without, what the disk holds could not be judged. */
static bool note_op(struct load *l, const struct op *op)
{
	if (!l->mirror_path || !mirror_op(&l->mirror, op))
		return true;
	give_up(l);
	return false;
}

static void do_request(struct load_writer *w, const struct request *r)
{
	struct load *l = w->load;
	uint64_t seq, i;
	struct op *op = journal_take(&l->journal, &seq);
	int err;

	if (!op) {
		fprintf(stderr, "dmm-load: the journal is full after %u operations\n",
			l->journal.hdr->max_ops);
		give_up(l);
		return;
	}
	if (r->type == OP_WRITE)
		for (i = 0; i < r->len_bytes / SECTOR_BYTES; i++)
			sector_fill((struct sector *)w->buf + i, r->off_bytes / SECTOR_BYTES + i,
				    seq, w->index, l->journal.hdr->id);
	op->lba = r->off_bytes / SECTOR_BYTES;
	op->nr_sectors = (uint32_t)(r->len_bytes / SECTOR_BYTES);
	op->writer = (uint16_t)w->index;
	op->type = (uint8_t)r->type;
	op->fua = r->fua;
	journal_issue(&l->journal, op);
	if (!note_op(l, op))
		return;
	err = perform(l, w->buf, r);
	journal_complete(&l->journal, op, err);
	note_op(l, op);

	w->stats.ops++;
	w->stats.bytes += r->type == OP_FLUSH ? 0 : r->len_bytes;
	w->stats.discards += r->type == OP_DISCARD || r->type == OP_SECERASE;
	w->stats.zeroes += r->type == OP_ZEROES;
	w->stats.flushes += r->type == OP_FLUSH;
	note_latency(w, op);
	if (err)
		note_error(w, r, err);
}

int load_writer_init(struct load_writer *w, struct load *load, unsigned int index)
{
	w->load = load;
	w->index = index;
	w->rng.state = load->seed * 0x9e3779b97f4a7c15ull + index * 0xd1342543de82ef95ull;
	w->buf = aligned_alloc(4096, LOAD_MAX_BYTES);
	return w->buf ? 0 : -ENOMEM;
}

void load_fill(struct load_writer *w)
{
	const struct load *l = w->load;
	struct request r = { .type = OP_WRITE };
	uint64_t done;

	for (done = 0; done < l->len_bytes && !stopping(l); done += r.len_bytes) {
		r.off_bytes = l->off_bytes + done;
		r.len_bytes = l->len_bytes - done;
		if (r.len_bytes > LOAD_MAX_BYTES)
			r.len_bytes = LOAD_MAX_BYTES;
		do_request(w, &r);
	}
}

void load_singles(struct load_writer *w)
{
	const struct load *l = w->load;
	unsigned int i;

	for (i = 0; i < l->nr_singles && !stopping(l); i++) {
		const struct load_single *s = &l->singles[i];
		struct request r = {
			.type = s->kind & ~LOAD_FUA,
			.fua = s->kind & LOAD_FUA,
			.off_bytes = s->off_bytes,
			.len_bytes = s->len_bytes,
		};

		if (r.off_bytes % l->disk.lbs || r.len_bytes % l->disk.lbs ||
		    r.off_bytes > l->disk.size_bytes ||
		    r.len_bytes > l->disk.size_bytes - r.off_bytes ||
		    (r.type == OP_WRITE && (!r.len_bytes || r.len_bytes > LOAD_MAX_BYTES))) {
			fprintf(stderr, "--op: %llu:%llu does not fit the disk\n",
				(unsigned long long)r.off_bytes, (unsigned long long)r.len_bytes);
			exit(EXIT_USAGE);
		}
		do_request(w, &r);
	}
}

/* Sizes: evenly over the powers of two, so that small and large ones are both common. */
static uint64_t pick_bytes(struct load_writer *w)
{
	const struct load *l = w->load;
	unsigned int steps = 0;
	uint64_t lo, hi;

	while (l->min_bytes << (steps + 1) <= l->max_bytes)
		steps++;
	lo = l->min_bytes << rng_below(&w->rng, steps + 1);
	hi = lo * 2 < l->max_bytes ? lo * 2 : l->max_bytes;
	return lo + rng_below(&w->rng, (hi - lo) / l->align + 1) * l->align;
}

/*
 * Blocks by popularity, the r-th with a probability of about 1/r: all powers of two of r are
 * equally likely.  Scattered over the region, as a database's hot pages are.
 */
static uint64_t pick_zipf(struct load_writer *w, uint64_t len)
{
	const struct load *l = w->load;
	uint64_t n = (l->len_bytes - len) / ZIPF_BYTES + 1, base;
	unsigned int bits = 0;

	while (n >> (bits + 1))
		bits++;
	base = 1ull << rng_below(&w->rng, bits + 1);
	/* a prime: distinct ranks go to distinct places */
	return l->off_bytes + (base + rng_below(&w->rng, base)) % n * 2654435761u % n * ZIPF_BYTES;
}

/* Anywhere in the region, or the hot spot, or now and then its very edges. */
static uint64_t pick_offset(struct load_writer *w, uint64_t len)
{
	const struct load *l = w->load;
	uint64_t from = l->off_bytes, span = l->len_bytes;

	if (l->zipf)
		return pick_zipf(w, len);
	switch (rng_below(&w->rng, 64)) {
	case 0:
		return from;
	case 1:
		return from + span - len;
	}
	if (rng_below(&w->rng, 100) < l->hot) {
		span = span / 64 > len ? span / 64 : len;
		span -= span % l->align;
		from += (l->len_bytes - span) / 3;
		from -= from % l->align;
	}
	return from + rng_below(&w->rng, (span - len) / l->align + 1) * l->align;
}

static void pick(struct load_writer *w, struct request *r)
{
	const struct load *l = w->load;
	uint64_t dice = rng_below(&w->rng, 100);

	r->type = dice < l->discard ? OP_DISCARD :
		  dice < l->discard + l->zeroes ? OP_ZEROES : OP_WRITE;
	r->fua = r->type == OP_WRITE && rng_below(&w->rng, 100) < l->fua;
	r->len_bytes = pick_bytes(w);
	r->off_bytes = pick_offset(w, r->len_bytes);
}

/*
 * Wait for the turn of operation @n; returns at once when stopped.  What a pause of
 * the whole process made late is not caught up with.
 */
static void wait_turn(struct load *l, uint64_t n)
{
	uint64_t base = __atomic_load_n(&l->pace_ns, __ATOMIC_RELAXED);
	uint64_t due = base + n * 1000000000u / l->rate;

	while (!stopping(l)) {
		uint64_t now = clock_ns(CLOCK_BOOTTIME), left;

		if (now > due + LATE_NS)
			__atomic_compare_exchange_n(&l->pace_ns, &base, base + now - due, false,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		if (now >= due)
			return;
		left = due - now < 50000000u ? due - now : 50000000u;
		nanosleep(&(struct timespec){ .tv_nsec = (long)left }, NULL);
	}
}

void *load_thread(void *writer)
{
	struct load_writer *w = writer;
	struct load *l = w->load;
	static const struct request flush = { .type = OP_FLUSH };
	struct request r;

	while (!stopping(l)) {
		uint64_t n = __atomic_fetch_add(&l->issued_ops, 1, __ATOMIC_RELAXED);

		if (l->max_ops && n >= l->max_ops)
			break;
		if (l->seconds &&
		    clock_ns(CLOCK_BOOTTIME) - l->begin_ns >= l->seconds * 1000000000u)
			break;
		pick(w, &r);
		if (l->rate) {
			wait_turn(l, n);
			if (stopping(l))
				break;
		}
		do_request(w, &r);
		if (rng_below(&w->rng, 100) < l->flush)
			do_request(w, &flush);
	}
	return NULL;
}

void *load_lines(void *load)
{
	struct load *l = load;
	uint64_t due = l->begin_ns, now;

	while (!stopping(l)) {
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
		now = clock_ns(CLOCK_BOOTTIME);
		if (now < due + 1000000000u)
			continue;
		due = now;
		printf("load: %llu operations, longest gap %llu ms, in all %llu ms\n",
		       (unsigned long long)journal_ops(&l->journal),
		       (unsigned long long)__atomic_exchange_n(&l->line_gap_ns, 0, __ATOMIC_RELAXED) / 1000000,
		       (unsigned long long)__atomic_load_n(&l->max_gap_ns, __ATOMIC_RELAXED) / 1000000);
		fflush(stdout);
	}
	return NULL;
}

uint64_t load_percentile_us(const struct load_stats *s, unsigned int percent)
{
	uint64_t total = 0, seen = 0;
	unsigned int n;

	for (n = 0; n < LOAD_LATENCIES; n++)
		total += s->latencies[n];
	for (n = 0; n < LOAD_LATENCIES - 1; n++) {
		seen += s->latencies[n];
		if (seen * 100 >= total * percent)
			break;
	}
	return total ? bucket_us(n) : 0;
}

void load_stats_add(struct load_stats *to, const struct load_stats *from)
{
	unsigned int n;

	for (n = 0; n < LOAD_LATENCIES; n++)
		to->latencies[n] += from->latencies[n];
	to->ops += from->ops;
	to->bytes += from->bytes;
	to->discards += from->discards;
	to->zeroes += from->zeroes;
	to->flushes += from->flushes;
	to->errors += from->errors;
	if (from->max_latency_ns > to->max_latency_ns)
		to->max_latency_ns = from->max_latency_ns;
}
