/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmm-load: what options, threads and the report share.
 */
#ifndef TESTS_TOOLS_LOAD_H
#define TESTS_TOOLS_LOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal.h"
#include "mirror.h"
#include "util.h"

#define LOAD_MAX_WRITERS	64u
#define LOAD_MAX_SINGLES	256u
#define LOAD_MAX_BYTES		(1u << 20)
#define LOAD_FUA		0x100	/* with OP_WRITE in load_single.kind */
#define LOAD_LATENCIES		104u

struct load_single {
	int kind;
	uint64_t off_bytes;
	uint64_t len_bytes;
};

struct load {
	/* constant once the threads run */
	const char *dev, *journal_path, *mirror_path;
	struct disk disk;
	struct journal journal;
	struct mirror mirror;	/* with mirror_path */
	uint64_t off_bytes, len_bytes, min_bytes, max_bytes, align;
	uint64_t writers, seconds, max_ops, seed, hot, discard, zeroes, fua, flush, rate;
	uint32_t journal_ops;
	bool fill, buffered, errors_ok, hard, zipf, lines;
	struct load_single singles[LOAD_MAX_SINGLES];
	unsigned int nr_singles;
	uint64_t begin_ns;
	/* atomic */
	bool stop, failed;
	uint64_t issued_ops;
	uint64_t pace_ns;	/* when operation 0 would have been due, with --rate */
	uint64_t last_ns;	/* when the latest operation completed */
	uint64_t max_gap_ns;	/* longest time in which none completed */
	uint64_t line_gap_ns;	/* the same, since the latest line */
};

struct load_stats {
	uint64_t ops, bytes, discards, zeroes, flushes, errors, max_latency_ns;
	/* of the threads' operations: bucket n is below 2^(n / 4) us, but for the last */
	uint64_t latencies[LOAD_LATENCIES];
};

struct load_writer {
	struct load *load;
	pthread_t thread;
	unsigned int index;
	struct rng rng;
	uint8_t *buf;		/* LOAD_MAX_BYTES, aligned */
	struct load_stats stats;
};

/* 0 or -ENOMEM. */
int load_writer_init(struct load_writer *w, struct load *load, unsigned int index);
void load_fill(struct load_writer *w);
void load_singles(struct load_writer *w);
void *load_thread(void *writer);
/* Prints a line each second, until the load is told to stop. */
void *load_lines(void *load);
void load_stats_add(struct load_stats *to, const struct load_stats *from);
/* Microseconds that @percent of the operations stayed below, up to a quarter of an octave more. */
uint64_t load_percentile_us(const struct load_stats *s, unsigned int percent);

#endif
