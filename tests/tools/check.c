// SPDX-License-Identifier: GPL-2.0
/*
 * dmm-check: what the journals say about each sector; see check.h.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sector.h"

#define JOURNAL_SHIFT	56	/* a journal's number above its counter */

static uint64_t stamp(unsigned int ji, uint64_t clock)
{
	return (uint64_t)ji << JOURNAL_SHIFT | clock;
}

uint64_t history_begin(unsigned int ji, const struct op *op)
{
	return stamp(ji, op->issued);
}

uint64_t history_end(unsigned int ji, const struct op *op)
{
	return op_is_done(op) ? stamp(ji, op->completed) : UINT64_MAX;
}

uint64_t history_ops(const struct history *h, unsigned int ji)
{
	uint64_t nr = journal_ops(&h->journals[ji]);

	return nr < h->max_ops[ji] ? nr : h->max_ops[ji];
}

int history_add(struct history *h, const char *path)
{
	struct journal *j = &h->journals[h->nr_journals];
	int err;

	if (h->nr_journals == CHECK_MAX_JOURNALS) {
		fprintf(stderr, "dmm-check: at most %u journals\n", CHECK_MAX_JOURNALS);
		return -E2BIG;
	}
	err = journal_open_readonly(j, path);
	if (err)
		return err;
	if (h->nr_journals && j->hdr->size_bytes > h->size_bytes) {
		fprintf(stderr, "journal %s: of a larger disk than the first\n", path);
		return -EINVAL;
	}
	if (!h->nr_journals)
		h->size_bytes = j->hdr->size_bytes;
	h->max_ops[h->nr_journals] = UINT64_MAX;
	h->nr_journals++;
	return 0;
}

int history_at(struct history *h, uint64_t clock)
{
	struct journal *j = &h->journals[h->nr_journals - 1];
	uint64_t nr = journal_ops(j), i;
	struct op *ops = malloc(nr * sizeof(*ops) + 1);

	if (!ops)
		return -ENOMEM;
	memcpy(ops, j->ops, nr * sizeof(*ops));
	for (i = 0; i < nr; i++)
		if (ops[i].completed >= clock)
			ops[i].completed = 0;
	j->ops = ops;	/* the file stays mapped */
	h->max_ops[h->nr_journals - 1] = nr;
	return 0;
}

static void apply(struct history *h, unsigned int ji, const struct op *op)
{
	bool fixes = op_is_done(op) && !op->status &&
		     (op->type == OP_WRITE || op->type == OP_ZEROES);
	uint64_t begin = history_begin(ji, op), end = history_end(ji, op), lba;

	for (lba = op->lba; lba < op->lba + op->nr_sectors; lba++) {
		if (fixes && begin > h->floor[lba])
			h->floor[lba] = begin;
		if (op->type != OP_WRITE && end > h->zeroed[lba])
			h->zeroed[lba] = end;
	}
}

static void tally(struct history *h, const struct op *op)
{
	h->writes += op->type == OP_WRITE;
	h->zeroes += op->type == OP_ZEROES;
	h->discards += op->type == OP_DISCARD || op->type == OP_SECERASE;
	h->pending += !op_is_done(op);
	h->failed += op_is_done(op) && op->status;
}

int history_build(struct history *h)
{
	uint64_t sectors = h->size_bytes / SECTOR_BYTES, i;
	unsigned int ji;

	h->floor = calloc(sectors, sizeof(*h->floor));
	h->zeroed = calloc(sectors, sizeof(*h->zeroed));
	if (!h->floor || !h->zeroed)
		return -ENOMEM;
	for (ji = 0; ji < h->nr_journals; ji++) {
		h->built[ji] = __atomic_load_n(&h->journals[ji].hdr->clock, __ATOMIC_SEQ_CST);
		for (i = 0; i < history_ops(h, ji); i++) {
			const struct op *op = &h->journals[ji].ops[i];

			if (!op->issued)
				continue;
			if (op->lba > sectors || op->nr_sectors > sectors - op->lba)
				return -EINVAL;
			tally(h, op);
			if (op->type != OP_FLUSH)
				apply(h, ji, op);
		}
	}
	return 0;
}

bool history_zeroed_since(const struct history *h, uint64_t lba)
{
	unsigned int ji;
	uint64_t i;

	for (ji = 0; ji < h->nr_journals; ji++)
		for (i = 0; i < history_ops(h, ji); i++) {
			const struct op *op = &h->journals[ji].ops[i];

			if (__atomic_load_n(&op->issued, __ATOMIC_SEQ_CST) >= h->built[ji] && op->type != OP_WRITE &&
			    op->type != OP_FLUSH && lba >= op->lba && lba - op->lba < op->nr_sectors)
				return true;
		}
	return false;
}

void history_show_allowed(const struct history *h, uint64_t lba)
{
	unsigned int ji, shown = 0;
	uint64_t i;

	printf(" allowed:");
	for (ji = 0; ji < h->nr_journals && shown < 4; ji++)
		for (i = 0; i < history_ops(h, ji) && shown < 4; i++) {
			const struct op *op = &h->journals[ji].ops[i];

			if (!op->issued || op->type == OP_FLUSH || lba < op->lba ||
			    lba - op->lba >= op->nr_sectors || history_end(ji, op) < h->floor[lba])
				continue;
			printf(" %s%llu%s", op->type == OP_WRITE ? "seq " : "zeroes by seq ",
			       (unsigned long long)(i + 1), op_is_done(op) ? "" : " (pending)");
			shown++;
		}
	printf("%s\n", shown ? "" : " as at the beginning");
}

uint64_t history_distinct(const struct history *h, uint64_t block, uint64_t from, uint64_t to)
{
	const struct journal *j = &h->journals[h->nr_journals - 1];
	uint64_t blocks = (h->size_bytes + block - 1) / block, i, b, n = 0;
	uint8_t *seen = calloc(blocks, 1);

	if (!seen)
		return 0;
	for (i = 0; i < journal_ops(j); i++) {
		const struct op *op = &j->ops[i];

		if (!op->issued || op->issued < from || op->issued >= to || !op->nr_sectors)
			continue;
		for (b = op->lba * SECTOR_BYTES / block;
		     b <= ((op->lba + op->nr_sectors) * SECTOR_BYTES - 1) / block; b++) {
			n += !seen[b];
			seen[b] = 1;
		}
	}
	free(seen);
	return n;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The longest time without any operation completing, over the last journal. */
static uint64_t longest_gap(const struct journal *j)
{
	uint64_t n = 0, i, gap = 0, *ends = calloc(journal_ops(j) + 1, sizeof(*ends));

	if (!ends)
		return 0;
	for (i = 0; i < journal_ops(j); i++)
		if (j->ops[i].issued && op_is_done(&j->ops[i]))
			ends[n++] = j->ops[i].end_ns;
	qsort(ends, n, sizeof(*ends), by_number);
	for (i = 1; i < n; i++)
		if (ends[i] - ends[i - 1] > gap)
			gap = ends[i] - ends[i - 1];
	free(ends);
	return gap;
}

void history_show_latency(const struct history *h)
{
	const struct journal *j = &h->journals[h->nr_journals - 1];
	uint64_t i, max = 0, sum = 0, n = 0;

	for (i = 0; i < journal_ops(j); i++) {
		const struct op *op = &j->ops[i];
		uint64_t ns = op->end_ns - op->start_ns;

		if (!op->issued || !op_is_done(op))
			continue;
		n++;
		sum += ns;
		if (ns > max)
			max = ns;
	}
	printf("dmm-check: latency mean_us=%llu max_us=%llu gap_us=%llu\n",
	       (unsigned long long)(n ? sum / n / 1000 : 0), (unsigned long long)max / 1000,
	       (unsigned long long)longest_gap(j) / 1000);
}
