/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmm-check: what the journals say about each sector.
 */
#ifndef TESTS_TOOLS_CHECK_H
#define TESTS_TOOLS_CHECK_H

#include <stdint.h>

#include "journal.h"
#include "util.h"

#define CHECK_MAX_JOURNALS	8u

struct history {
	struct journal journals[CHECK_MAX_JOURNALS];	/* in order of time */
	uint64_t max_ops[CHECK_MAX_JOURNALS];		/* records that count, however many there will be */
	uint64_t built[CHECK_MAX_JOURNALS];		/* the counter at the beginning of history_build() */
	unsigned int nr_journals;
	uint64_t size_bytes;
	/*
	 * For each sector: when the last-issued of the operations that completed well and that fix
	 * its content was issued.  What ended before is overwritten; what ended
	 * after is that operation itself, or ran concurrently with it, or came later.
	 */
	uint64_t *floor;
	uint64_t *zeroed;	/* latest end of the operations that (may) leave zeroes; 0 = none */
	uint64_t writes, discards, zeroes, pending, failed;
};

/* Add a journal, later than those before it; says what is wrong and returns a negative errno. */
int history_add(struct history *h, const char *path);
/* The journal added last as it was when its counter, that of the next stamp, was @clock. 0 or -ENOMEM. */
int history_at(struct history *h, uint64_t clock);
/* 0, -ENOMEM, or -EINVAL when an operation lies outside the disk. */
int history_build(struct history *h);
/* How many records of journal @ji count, now. */
uint64_t history_ops(const struct history *h, unsigned int ji);
/* Is there an operation that may leave zeroes in sector @lba among those issued since history_build()? */
bool history_zeroed_since(const struct history *h, uint64_t lba);
/* When an operation of journal @ji began and ended, comparable between journals; UINT64_MAX = not yet. */
uint64_t history_begin(unsigned int ji, const struct op *op);
uint64_t history_end(unsigned int ji, const struct op *op);
/* Print which operations a sector's content may come from, and a newline. */
void history_show_allowed(const struct history *h, uint64_t lba);
/* How many blocks of @block bytes operations of the last journal issued in [@from, @to) touched. */
uint64_t history_distinct(const struct history *h, uint64_t block, uint64_t from, uint64_t to);
void history_show_latency(const struct history *h);

#endif
