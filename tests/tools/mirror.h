/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A journal's copy on a disk: what a virtual machine was at survives its end.  An operation is there, by a write that
 * has gone through, before it begins, and again when it has completed.  Between lives of one writer only.
 */
#ifndef TESTS_TOOLS_MIRROR_H
#define TESTS_TOOLS_MIRROR_H

#include <pthread.h>
#include <stdint.h>

#include "journal.h"

struct mirror {
	/* constant once open */
	struct journal *journal;
	const char *path;
	int fd;
	/* under the lock, which also orders writes to the disk */
	pthread_mutex_t lock;
	uint8_t *page;
};

/*
 * @path has a journal of this size and disk, and @journal is new: it goes on with that.  Else @path, a block device or a file,
 * begins as a copy of @journal.  Prints what is wrong and returns a negative errno.
 */
int mirror_open(struct mirror *m, const char *path, struct journal *journal);
/* Write down @op as it is now.  The same. */
int mirror_op(struct mirror *m, const struct op *op);

#endif
