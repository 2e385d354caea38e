// SPDX-License-Identifier: GPL-2.0
/*
 * The three ways to read.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "copy_reader.h"

struct dmm_copy_reader {
	int fd;
	int event_fd;
	u32 in_flight;
	struct io_uring ring;		/* io_uring */
	io_context_t ctx;		/* libaio */
	struct dmm_copy_read *ended;	/* plain reads */
};

static struct dmm_copy_reader *reader_alloc(int fd)
{
	struct dmm_copy_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = fd;
	r->event_fd = -1;
	return r;
}

static int reader_event_fd(const struct dmm_copy_reader *r)
{
	return r->event_fd;
}

/* --- io_uring --- */

static int uring_open(int fd, u32 depth, struct dmm_copy_reader **reader)
{
	struct dmm_copy_reader *r = reader_alloc(fd);
	int ret;

	if (!r)
		return -ENOMEM;
	ret = io_uring_queue_init(depth, &r->ring, 0);
	if (ret)
		goto err_free;
	r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = r->event_fd < 0 ? -errno : io_uring_register_eventfd(&r->ring, r->event_fd);
	if (ret)
		goto err_exit;
	*reader = r;
	return 0;

err_exit:
	if (r->event_fd >= 0)
		close(r->event_fd);
	io_uring_queue_exit(&r->ring);
err_free:
	free(r);
	return ret;
}

static int uring_submit(struct dmm_copy_reader *r, struct dmm_copy_read *rd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);
	int ret;

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_read(sqe, r->fd, rd->buf, rd->bytes, rd->offset_bytes);
	io_uring_sqe_set_data(sqe, rd);
	do {
		ret = io_uring_submit(&r->ring);
	} while (ret == -EINTR || ret == -EAGAIN || ret == -EBUSY);
	if (ret < 0)
		return ret;
	r->in_flight++;
	return 0;
}

static struct dmm_copy_read *uring_reap(struct dmm_copy_reader *r)
{
	struct dmm_copy_read *rd;
	struct io_uring_cqe *cqe;

	if (!r->in_flight || io_uring_peek_cqe(&r->ring, &cqe))
		return NULL;
	rd = io_uring_cqe_get_data(cqe);
	rd->result = cqe->res;
	io_uring_cqe_seen(&r->ring, cqe);
	r->in_flight--;
	return rd;
}

static void uring_close(struct dmm_copy_reader *r)
{
	struct io_uring_cqe *cqe;

	while (r->in_flight) {
		if (io_uring_wait_cqe(&r->ring, &cqe))
			continue;
		io_uring_cqe_seen(&r->ring, cqe);
		r->in_flight--;
	}
	io_uring_queue_exit(&r->ring);
	close(r->event_fd);
	free(r);
}

static const struct dmm_copy_reader_ops reader_uring = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.submit = uring_submit,
	.reap = uring_reap,
	.event_fd = reader_event_fd,
};

/* --- libaio --- */

static int aio_open(int fd, u32 depth, struct dmm_copy_reader **reader)
{
	struct dmm_copy_reader *r = reader_alloc(fd);
	int ret;

	if (!r)
		return -ENOMEM;
	ret = io_setup((int)depth, &r->ctx);
	if (!ret) {
		r->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ret = r->event_fd < 0 ? -errno : 0;
		if (ret)
			io_destroy(r->ctx);
	}
	if (ret) {
		free(r);
		return ret;
	}
	*reader = r;
	return 0;
}

static int aio_submit(struct dmm_copy_reader *r, struct dmm_copy_read *rd)
{
	struct iocb *list[1] = { &rd->iocb };
	int ret;

	io_prep_pread(&rd->iocb, r->fd, rd->buf, rd->bytes, (long long)rd->offset_bytes);
	io_set_eventfd(&rd->iocb, r->event_fd);
	rd->iocb.data = rd;
	do {
		ret = io_submit(r->ctx, 1, list);
	} while (ret == -EINTR);
	if (ret != 1)
		return ret < 0 ? ret : -EAGAIN;
	r->in_flight++;
	return 0;
}

static struct dmm_copy_read *aio_fetch(struct dmm_copy_reader *r, struct timespec *timeout)
{
	struct dmm_copy_read *rd;
	struct io_event ev;

	if (!r->in_flight || io_getevents(r->ctx, timeout ? 0 : 1, 1, &ev, timeout) != 1)
		return NULL;
	r->in_flight--;
	rd = ev.data;
	rd->result = (s64)ev.res;
	return rd;
}

static struct dmm_copy_read *aio_reap(struct dmm_copy_reader *r)
{
	struct timespec none = { 0 };

	return aio_fetch(r, &none);
}

static void aio_close(struct dmm_copy_reader *r)
{
	while (r->in_flight)
		aio_fetch(r, NULL);
	io_destroy(r->ctx);
	close(r->event_fd);
	free(r);
}

static const struct dmm_copy_reader_ops reader_libaio = {
	.name = "libaio",
	.open = aio_open,
	.close = aio_close,
	.submit = aio_submit,
	.reap = aio_reap,
	.event_fd = reader_event_fd,
};

/* --- plain reads --- */

static int sync_open(int fd, u32 depth, struct dmm_copy_reader **reader)
{
	(void)depth;
	*reader = reader_alloc(fd);
	return *reader ? 0 : -ENOMEM;
}

static int sync_submit(struct dmm_copy_reader *r, struct dmm_copy_read *rd)
{
	struct dmm_copy_read **last = &r->ended;

	do {
		rd->result = pread(r->fd, rd->buf, rd->bytes, (off_t)rd->offset_bytes);
	} while (rd->result < 0 && errno == EINTR);
	if (rd->result < 0)
		rd->result = -errno;
	while (*last)
		last = &(*last)->next;
	rd->next = NULL;
	*last = rd;
	return 0;
}

static struct dmm_copy_read *sync_reap(struct dmm_copy_reader *r)
{
	struct dmm_copy_read *rd = r->ended;

	if (rd)
		r->ended = rd->next;
	return rd;
}

static void sync_close(struct dmm_copy_reader *r)
{
	free(r);
}

static const struct dmm_copy_reader_ops reader_sync = {
	.name = "sync",
	.open = sync_open,
	.close = sync_close,
	.submit = sync_submit,
	.reap = sync_reap,
	.event_fd = reader_event_fd,
};

const struct dmm_copy_reader_ops *const dmm_copy_readers[] = {
	&reader_uring,
	&reader_libaio,
	&reader_sync,
	NULL
};

const struct dmm_copy_reader_ops *dmm_copy_reader_find(const char *name)
{
	unsigned int i;

	for (i = 0; dmm_copy_readers[i]; i++) {
		if (!strcmp(dmm_copy_readers[i]->name, name))
			return dmm_copy_readers[i];
	}
	return NULL;
}

int dmm_copy_reader_open(const struct dmm_copy_reader_ops **ops, int fd, u32 depth,
			 struct dmm_copy_reader **reader)
{
	int ret = -ENOSYS;
	unsigned int i;

	/* what does not really read asynchronously costs threads or nothing: plain reads are better */
	if (!*ops && depth == 1)
		*ops = &reader_sync;
	if (*ops)
		return (*ops)->open(fd, depth, reader);
	for (i = 0; dmm_copy_readers[i]; i++) {
		ret = dmm_copy_readers[i]->open(fd, depth, reader);
		if (ret)
			continue;
		*ops = dmm_copy_readers[i];
		return 0;
	}
	return ret;
}
