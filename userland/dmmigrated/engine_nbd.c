// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to an export of an NBD server.  The connection to the server is shared
 * with others; what this engine started comes back through its own list and eventfd.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine.h"
#include "nbd.h"

struct dmm_engine {
	/* constant after open */
	struct dmm_nbd *nbd;
	int event_fd;
	u32 depth;
	/* owned by the connection's thread */
	u32 nr_used;
	bool queued;		/* since the last submit */
	/* protected by lock, a leaf */
	pthread_mutex_t lock;
	u32 nr_done;
	struct dmm_io **done;	/* depth of them; a ring is not worth it: order does not matter */
};

static int enbd_open(const struct dmm_engine_target *t, u32 depth, struct dmm_engine **engine)
{
	struct dmm_engine *e = calloc(1, sizeof(*e));
	int ret = -ENOMEM;

	if (!e)
		return ret;
	e->nbd = t->nbd;
	e->depth = depth;
	e->done = calloc(depth, sizeof(*e->done));
	if (!e->done)
		goto err_free;
	e->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->event_fd < 0) {
		ret = -errno;
		goto err_free;
	}
	pthread_mutex_init(&e->lock, NULL);
	*engine = e;
	return 0;

err_free:
	free(e->done);
	free(e);
	return ret;
}

static void enbd_done(void *arg, int error)
{
	struct dmm_io *io = arg;
	struct dmm_engine *e = io->priv;

	io->result = error ? error : (s64)io->bytes;
	pthread_mutex_lock(&e->lock);
	e->done[e->nr_done++] = io;
	/* under the lock: once it is dropped, the engine may be closed */
	eventfd_write(e->event_fd, 1);
	pthread_mutex_unlock(&e->lock);
}

static enum dmm_io_outcome enbd_queue(struct dmm_engine *e, struct dmm_io *io)
{
	int ret;

	if (e->nr_used == e->depth)
		return DMM_IO_BUSY;
	io->priv = e;
	ret = dmm_nbd_start(e->nbd, io->zero ? NULL : io->buf, io->bytes, io->offset_bytes, enbd_done,
			    io);
	if (ret) {
		io->result = ret;
		return DMM_IO_DONE;
	}
	e->nr_used++;
	e->queued = true;
	return DMM_IO_QUEUED;
}

static void enbd_submit(struct dmm_engine *e)
{
	if (e->queued)
		dmm_nbd_kick(e->nbd);
	e->queued = false;
}

static int enbd_reap(struct dmm_engine *e, struct dmm_io **done, u32 max, bool wait)
{
	struct pollfd p = { .fd = e->event_fd, .events = POLLIN };
	eventfd_t ignored;
	u32 nr = 0;

	for (;;) {
		eventfd_read(e->event_fd, &ignored);
		pthread_mutex_lock(&e->lock);
		while (nr < max && e->nr_done)
			done[nr++] = e->done[--e->nr_done];
		if (e->nr_done)
			eventfd_write(e->event_fd, 1);
		pthread_mutex_unlock(&e->lock);
		if (nr || !wait)
			break;
		poll(&p, 1, -1);
	}
	e->nr_used -= nr;
	return nr;
}

static void enbd_close(struct dmm_engine *e)
{
	struct dmm_io *io;

	enbd_submit(e);
	while (e->nr_used)
		enbd_reap(e, &io, 1, true);
	pthread_mutex_destroy(&e->lock);
	close(e->event_fd);
	free(e->done);
	free(e);
}

static int enbd_flush(struct dmm_engine *e)
{
	return dmm_nbd_flush(e->nbd);
}

static int enbd_event_fd(struct dmm_engine *e)
{
	return e->event_fd;
}

const struct dmm_engine_ops dmm_engine_nbd = {
	.name = "NBD",
	.open = enbd_open,
	.close = enbd_close,
	.queue = enbd_queue,
	.submit = enbd_submit,
	.reap = enbd_reap,
	.flush = enbd_flush,
	.event_fd = enbd_event_fd,
};
