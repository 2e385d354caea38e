// SPDX-License-Identifier: GPL-2.0
/*
 * Plain writes, done when they are queued.  Best for what is memory in the
 * end, tmpfs and the page cache: nothing would be gained by waiting, the copy
 * finds the data in the CPU's cache still, and a handful of buffers goes round.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine.h"

/*
 * The kernel lets one write at a time into such a file, and who waits for it spins.  So ours wait
 * for each other here, and not at once: what finds the file busy is left with the caller, who
 * receives more meanwhile and comes again with all of it by submit; then we wait, asleep.
 * Files that happen to share a lock wait for each other, which does no harm.
 */
#define NR_LOCKS	16u
static pthread_mutex_t file_locks[NR_LOCKS] = {
	[0 ... NR_LOCKS - 1] = PTHREAD_MUTEX_INITIALIZER
};

struct dmm_engine {
	/* constant after open */
	int fd;
	pthread_mutex_t *lock;
	/* the owner's */
	bool behind;	/* something was left since the last submit */
};

static int inline_open(const struct dmm_engine_target *t, u32 depth, struct dmm_engine **engine)
{
	struct dmm_engine *e = calloc(1, sizeof(*e));
	struct stat st;

	(void)depth;
	if (!e)
		return -ENOMEM;
	e->fd = t->fd;
	e->lock = &file_locks[fstat(t->fd, &st) ? 0 : st.st_ino % NR_LOCKS];
	*engine = e;
	return 0;
}

static void inline_close(struct dmm_engine *e)
{
	free(e);
}

static enum dmm_io_outcome inline_queue(struct dmm_engine *e, struct dmm_io *io)
{
	ssize_t n;

	if (e->behind) {
		pthread_mutex_lock(e->lock);
	} else if (pthread_mutex_trylock(e->lock)) {
		e->behind = true;
		return DMM_IO_BUSY;
	}
	n = pwrite(e->fd, io->buf, io->bytes, io->offset_bytes);
	pthread_mutex_unlock(e->lock);

	io->result = n < 0 ? -errno : n;
	return DMM_IO_DONE;
}

/* What was left has been queued again by now: see writer_retry_backlog(). */
static void inline_submit(struct dmm_engine *e)
{
	e->behind = false;
}

static int inline_reap(struct dmm_engine *e, struct dmm_io **done, u32 max, bool wait)
{
	(void)e;
	(void)done;
	(void)max;
	(void)wait;
	return 0;
}

static int inline_flush(struct dmm_engine *e)
{
	return fdatasync(e->fd) ? -errno : 0;
}

static int inline_event_fd(struct dmm_engine *e)
{
	(void)e;
	return -1;
}

bool dmm_engine_inline_suits(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct statfs fs;

	if (flags >= 0 && !(flags & O_DIRECT))
		return true;
	/* takes O_DIRECT, since Linux 6.6, and copies nevertheless */
	return !fstatfs(fd, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

const struct dmm_engine_ops dmm_engine_inline = {
	.name = "inline",
	.open = inline_open,
	.close = inline_close,
	.queue = inline_queue,
	.submit = inline_submit,
	.reap = inline_reap,
	.flush = inline_flush,
	.event_fd = inline_event_fd,
};
