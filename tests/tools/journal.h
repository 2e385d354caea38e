/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The journal of a load: every operation issued and completed, in a mapped
 * file outside the disk under test, so that it survives SIGKILL of the writer.
 * One atomic counter stamps both ends of each operation: concurrency is exactly known.
 */
#ifndef TESTS_TOOLS_JOURNAL_H
#define TESTS_TOOLS_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_MAGIC	0x314c4e524a4d4d44ull	/* "DMMJRNL1" */
#define JOURNAL_OPS	(1u << 20)		/* capacity unless told otherwise */

enum op_type {
	OP_WRITE = 1,
	OP_DISCARD,		/* afterwards: the old data or zeroes */
	OP_ZEROES,		/* afterwards: zeroes */
	OP_SECERASE,		/* like a discard */
	OP_FLUSH,		/* covers no sector */
};

struct op {
	uint64_t issued;	/* counter before the system call; 0 = never issued */
	uint64_t completed;	/* counter after it; 0 = not (yet) */
	uint64_t lba;		/* in sectors of 512 bytes */
	uint64_t start_ns;	/* CLOCK_BOOTTIME, which goes on while a machine moves; for latencies only */
	uint64_t end_ns;
	uint32_t nr_sectors;
	int32_t status;		/* 0 or negative errno, valid once completed */
	uint16_t writer;
	uint8_t type;		/* enum op_type */
	uint8_t fua;
	uint32_t pad;
	uint64_t pad2;
};

struct journal_hdr {
	uint64_t magic;
	uint32_t id;		/* random: tells the sectors of two journals apart */
	uint32_t max_ops;
	uint64_t size_bytes;	/* of the disk under test */
	uint64_t clock;		/* atomic */
	uint64_t next_op;	/* atomic; may run beyond max_ops when full */
	uint64_t pad[3];
};

struct journal {
	struct journal_hdr *hdr;
	struct op *ops;
	const char *path;
};

/*
 * Open @path for writing, made new when there is none: then it can hold @max_ops (0 = JOURNAL_OPS).
 * Several processes may share one.  Prints what is wrong and returns a negative errno.
 */
int journal_open(struct journal *j, const char *path, uint64_t size_bytes, uint32_t max_ops);
int journal_open_readonly(struct journal *j, const char *path);

/* Number of operation records in use. */
uint64_t journal_ops(const struct journal *j);

/* Take a record; its sequence is index + 1.  NULL when the journal is full. */
struct op *journal_take(struct journal *j, uint64_t *seq);
/* Stamp @op, whose other fields are set, as issued, or as completed with @status. */
void journal_issue(struct journal *j, struct op *op);
void journal_complete(struct journal *j, struct op *op, int status);

static inline bool op_is_done(const struct op *op)
{
	return __atomic_load_n(&op->completed, __ATOMIC_ACQUIRE) != 0;
}

#endif
