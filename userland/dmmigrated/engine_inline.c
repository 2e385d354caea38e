// SPDX-License-Identifier: GPL-2.0
/*
 * Plain writes, done when they are queued.  Best for what is memory in the
 * end, tmpfs and the page cache: nothing would be gained by waiting, the copy
 * finds the data in the CPU's cache still, and a handful of buffers goes round.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine.h"

struct dmm_engine {
	int fd;		/* constant after open */
};

static int inline_open(const struct dmm_engine_target *t, u32 depth, struct dmm_engine **engine)
{
	struct dmm_engine *e = calloc(1, sizeof(*e));

	(void)depth;
	if (!e)
		return -ENOMEM;
	e->fd = t->fd;
	*engine = e;
	return 0;
}

static void inline_close(struct dmm_engine *e)
{
	free(e);
}

static enum dmm_io_outcome inline_queue(struct dmm_engine *e, struct dmm_io *io)
{
	ssize_t n = pwrite(e->fd, io->buf, io->bytes, io->offset_bytes);

	io->result = n < 0 ? -errno : n;
	return DMM_IO_DONE;
}

static void inline_submit(struct dmm_engine *e)
{
	(void)e;
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
