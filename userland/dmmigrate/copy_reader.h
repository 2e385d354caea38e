/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the source is read: by io_uring or libaio, chosen at run time, or by plain
 * reads.  One reader belongs to one thread; no locks.
 */
#ifndef DMM_COPY_READER_H
#define DMM_COPY_READER_H

#include <libaio.h>
#include <stdbool.h>

#include "core/env.h"

/* One read. Above the line the caller's; below the reader's while it has it. */
struct dmm_copy_read {
	void *buf;
	u32 bytes;
	u64 offset_bytes;
	/* -- */
	s64 result;			/* bytes, or negative errno */
	struct iocb iocb;
	struct dmm_copy_read *next;	/* ended at once, not fetched yet */
};

struct dmm_copy_reader;

struct dmm_copy_reader_ops {
	const char *name;
	/* For at most @depth reads of @fd at a time; both borrowed. 0 or -errno (-ENOSYS, -EPERM: not here). */
	int (*open)(int fd, u32 depth, struct dmm_copy_reader **reader);
	/* Waits for what is in flight: afterwards nothing touches a buffer. */
	void (*close)(struct dmm_copy_reader *reader);
	/* Begins a read. 0 or -errno: then it has not begun. */
	int (*submit)(struct dmm_copy_reader *reader, struct dmm_copy_read *rd);
	/* One that ended, or NULL. */
	struct dmm_copy_read *(*reap)(struct dmm_copy_reader *reader);
	/* Becomes readable when reap may find something; -1: never need be waited for. */
	int (*event_fd)(const struct dmm_copy_reader *reader);
};

/* The best one comes first; ends with NULL. */
extern const struct dmm_copy_reader_ops *const dmm_copy_readers[];

/*
 * Opens one, *@ops or (NULL) the best that this host has, and says which in *ops: with a @depth of
 * 1 that is plain reads.  Returns 0 or -errno.
 */
int dmm_copy_reader_open(const struct dmm_copy_reader_ops **ops, int fd, u32 depth,
			 struct dmm_copy_reader **reader);

/* By name, or NULL. */
const struct dmm_copy_reader_ops *dmm_copy_reader_find(const char *name);

#endif
