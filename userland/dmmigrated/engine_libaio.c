// SPDX-License-Identifier: GPL-2.0
/*
 * Linux native asynchronous I/O.  Asynchronous for O_DIRECT; buffered writes
 * complete inside io_submit, which is correct, only slower.
 */
#include <errno.h>
#include <libaio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine.h"

struct dmm_engine {
	/* constant after open */
	io_context_t ctx;
	int fd;
	int event_fd;
	u32 depth;
	/* owned by the connection's thread */
	u32 nr_used;		/* slots taken: queued or in flight */
	u32 nr_queued;		/* tail of these, not yet submitted */
	u32 *free_slots;	/* stack of depth - nr_used */
	struct iocb *iocbs;	/* one a slot */
	struct iocb **queued;
	struct io_event *events;
	struct dmm_io **failed;	/* could not be submitted: for reap */
	u32 nr_failed;
};

/* io_submit's "no resources" with nothing in flight whose end could free some: retried this often */
#define AIO_RETRIES	2000
#define AIO_RETRY_US	1000

static int aio_open(const struct dmm_engine_target *t, u32 depth, struct dmm_engine **engine)
{
	struct dmm_engine *e = calloc(1, sizeof(*e));
	int ret = -ENOMEM;
	u32 i;

	if (!e)
		return -ENOMEM;
	e->fd = t->fd;
	e->depth = depth;
	e->free_slots = calloc(depth, sizeof(*e->free_slots));
	e->iocbs = calloc(depth, sizeof(*e->iocbs));
	e->queued = calloc(depth, sizeof(*e->queued));
	e->events = calloc(depth, sizeof(*e->events));
	e->failed = calloc(depth, sizeof(*e->failed));
	if (!e->free_slots || !e->iocbs || !e->queued || !e->events || !e->failed)
		goto err_free;
	for (i = 0; i < depth; i++)
		e->free_slots[i] = depth - 1 - i;
	e->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->event_fd < 0) {
		ret = -errno;
		goto err_free;
	}
	ret = io_setup(depth, &e->ctx);
	if (ret)
		goto err_close_event;
	*engine = e;
	return 0;

err_close_event:
	close(e->event_fd);
err_free:
	free(e->failed);
	free(e->events);
	free(e->queued);
	free(e->iocbs);
	free(e->free_slots);
	free(e);
	return ret;
}

static void aio_close(struct dmm_engine *e)
{
	/* io_destroy waits for everything in flight (but for Linux 3.11 to 3.15) */
	io_destroy(e->ctx);
	close(e->event_fd);
	free(e->failed);
	free(e->events);
	free(e->queued);
	free(e->iocbs);
	free(e->free_slots);
	free(e);
}

static enum dmm_io_outcome aio_queue(struct dmm_engine *e, struct dmm_io *io)
{
	struct iocb *cb;

	if (e->nr_used == e->depth)
		return DMM_IO_BUSY;
	io->slot = e->free_slots[e->depth - ++e->nr_used];
	cb = &e->iocbs[io->slot];
	io_prep_pwrite(cb, e->fd, io->buf, io->bytes, io->offset_bytes);
	io_set_eventfd(cb, e->event_fd);
	cb->data = io;
	e->queued[e->nr_queued++] = cb;
	return DMM_IO_QUEUED;
}

/* The kernel will not have this one: its end, like any other's, comes by reap. */
static void aio_fail(struct dmm_engine *e, struct iocb *cb, int err)
{
	struct dmm_io *io = cb->data;

	io->result = err;
	e->failed[e->nr_failed++] = io;
	eventfd_write(e->event_fd, 1);
}

static void aio_submit(struct dmm_engine *e)
{
	u32 i, done = 0, retries = 0;
	int n;

	while (done < e->nr_queued) {
		n = io_submit(e->ctx, e->nr_queued - done, e->queued + done);
		if (n > 0) {
			done += n;
			continue;
		}
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			if (e->nr_used > e->nr_queued - done + e->nr_failed)
				break;	/* when one in flight has ended */
			if (retries++ < AIO_RETRIES) {
				usleep(AIO_RETRY_US);
				continue;
			}
		}
		aio_fail(e, e->queued[done++], n ? n : -EIO);
	}
	e->nr_queued -= done;
	for (i = 0; done && i < e->nr_queued; i++)
		e->queued[i] = e->queued[i + done];
}

static void aio_free_slot(struct dmm_engine *e, struct dmm_io *io)
{
	e->free_slots[e->depth - e->nr_used--] = io->slot;
}

static int aio_reap(struct dmm_engine *e, struct dmm_io **done, u32 max, bool wait)
{
	struct timespec zero = { 0, 0 };
	eventfd_t ignored;
	struct dmm_io *io;
	u32 nr = 0;
	int i, n;

	eventfd_read(e->event_fd, &ignored);	/* before looking: a later one raises it again */
	if (max > e->depth)
		max = e->depth;
	while (e->nr_failed && nr < max) {
		io = e->failed[--e->nr_failed];
		aio_free_slot(e, io);
		done[nr++] = io;
	}
	if (nr == max)
		goto out_more;
	do {
		n = io_getevents(e->ctx, wait && !nr ? 1 : 0, max - nr, e->events,
				 wait && !nr ? NULL : &zero);
	} while (n == -EINTR);
	if (n < 0)
		return nr ? (int)nr : n;
	for (i = 0; i < n; i++) {
		io = e->events[i].data;
		io->result = (s64)e->events[i].res;
		aio_free_slot(e, io);
		done[nr++] = io;
	}
out_more:
	/* perhaps there are more than were asked for: readable again */
	if (nr == max)
		eventfd_write(e->event_fd, 1);
	return nr;
}

static int aio_flush(struct dmm_engine *e)
{
	/* On a block device this empties its cache; sizes never change, so data is enough. */
	return fdatasync(e->fd) ? -errno : 0;
}

static int aio_event_fd(struct dmm_engine *e)
{
	return e->event_fd;
}

const struct dmm_engine_ops dmm_engine_libaio = {
	.name = "libaio",
	.open = aio_open,
	.close = aio_close,
	.queue = aio_queue,
	.submit = aio_submit,
	.reap = aio_reap,
	.flush = aio_flush,
	.event_fd = aio_event_fd,
};
