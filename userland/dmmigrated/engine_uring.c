// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring.  One ring a connection, entered once a batch; the destination is a
 * registered file and the pool's memory a registered buffer, so that a write
 * neither looks up a descriptor nor pins pages.  Needs Linux 5.6; where the
 * kernel forbids it, or memory may not be locked, it says so and does without.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine_uring.h"

#define URING_MAX_FIXED	(1ull << 30)	/* the kernel takes no more in one piece */
/* what is registered is resident, and here each migration has a pool of its own */
#define STOCK_MAX_FIXED	(72ull << 20)
#define URING_BATCH	32u
#define STOCK_DEPTH	32u

/* io_uring_enter's "not now" with nothing in flight whose end could help: retried this often */
#define URING_RETRIES	2000
#define URING_RETRY_US	1000

struct dmm_engine {
	/* constant after open */
	struct io_uring *ring;		/* own, or that of: */
	struct io_uring own;
	struct stocked *stocked;	/* NULL: own */
	int fd;
	int broken_fd;			/* readable, for when the ring is broken */
	u32 depth;
	bool fixed_file;
	const char *fixed;		/* registered memory, or NULL */
	u64 fixed_bytes;
	/* owned by the connection's thread */
	u32 nr_used;			/* queued or in flight */
	int broken;			/* -errno: the kernel does not take what is queued */
};

/* Newer kernels save interrupts and locks when they are told how the ring is used. */
static int uring_init(struct io_uring *ring, u32 depth)
{
	struct io_uring_params p;
	int ret;

	memset(&p, 0, sizeof(p));
	p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN;
	ret = io_uring_queue_init_params(depth, ring, &p);
	if (ret != -EINVAL)
		return ret;
	memset(&p, 0, sizeof(p));
	return io_uring_queue_init_params(depth, ring, &p);
}

/*
 * Rings for a process that may make none: they write to a registered file, and do nothing else.  One goes back when its
 * connection has ended.  (So no SINGLE_ISSUER: another thread has it next.)
 */
struct stocked {
	struct io_uring ring;
	struct stocked *next;
};

static struct {
	pthread_mutex_t lock;
	bool used;		/* constant once there is more than one thread */
	struct stocked *free;	/* protected by lock */
} stock = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int stock_restrict(struct io_uring *ring)
{
	struct io_uring_restriction r[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITE },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITE_FIXED },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_FILES },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_UNREGISTER_FILES },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_BUFFERS },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_UNREGISTER_BUFFERS },
	};

	/* liburing 2.3 has functions for both, and forgot to export them */
	if (syscall(__NR_io_uring_register, ring->ring_fd, IORING_REGISTER_RESTRICTIONS, r, sizeof(r) / sizeof(r[0])) ||
	    syscall(__NR_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0))
		return -errno;
	return 0;
}

int dmm_uring_restricted(struct io_uring *ring)
{
	struct io_uring_params p;
	int ret;

	memset(&p, 0, sizeof(p));
	p.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_COOP_TASKRUN;
	ret = io_uring_queue_init_params(STOCK_DEPTH, ring, &p);
	if (ret == -EINVAL) {
		memset(&p, 0, sizeof(p));
		p.flags = IORING_SETUP_R_DISABLED;
		ret = io_uring_queue_init_params(STOCK_DEPTH, ring, &p);
	}
	if (ret)
		return ret;
	ret = stock_restrict(ring);
	if (ret)
		io_uring_queue_exit(ring);
	return ret;
}

static void stock_put(struct stocked *s)
{
	pthread_mutex_lock(&stock.lock);
	s->next = stock.free;
	stock.free = s;
	pthread_mutex_unlock(&stock.lock);
}

static struct stocked *stock_get(void)
{
	struct stocked *s;

	pthread_mutex_lock(&stock.lock);
	s = stock.free;
	if (s)
		stock.free = s->next;
	pthread_mutex_unlock(&stock.lock);
	return s;
}

int dmm_uring_stock(u32 nr)
{
	struct stocked *s;
	int ret;

	stock.used = true;
	while (nr--) {
		s = calloc(1, sizeof(*s));
		ret = s ? dmm_uring_restricted(&s->ring) : -ENOMEM;
		if (ret) {
			free(s);
			return ret;
		}
		stock_put(s);
	}
	return 0;
}

static int uring_register(struct dmm_engine *e, const struct dmm_engine_target *t)
{
	struct iovec whole = { (void *)t->buffers, t->buffers_bytes };

	int ret = io_uring_register_files(e->ring, &t->fd, 1);

	e->fixed_file = !ret;
	if (ret && e->stocked)
		return ret;
	if (!t->buffers || t->buffers_bytes > (e->stocked ? STOCK_MAX_FIXED : URING_MAX_FIXED))
		return 0;
	/* may fail for RLIMIT_MEMLOCK: then every write pins its own pages */
	if (io_uring_register_buffers(e->ring, &whole, 1))
		return 0;
	e->fixed = t->buffers;
	e->fixed_bytes = t->buffers_bytes;
	return 0;
}

static int uring_take_ring(struct dmm_engine *e, u32 depth)
{
	if (!stock.used) {
		e->ring = &e->own;
		return uring_init(e->ring, depth);
	}
	e->stocked = depth <= STOCK_DEPTH ? stock_get() : NULL;
	if (!e->stocked)
		return -EUSERS;
	e->ring = &e->stocked->ring;
	return 0;
}

static void uring_give_ring(struct dmm_engine *e)
{
	if (e->stocked && e->fixed)
		io_uring_unregister_buffers(e->ring);
	if (e->stocked && !e->broken) {
		stock_put(e->stocked);
		return;
	}
	io_uring_queue_exit(e->ring);
	free(e->stocked);
}

static int uring_open(const struct dmm_engine_target *t, u32 depth, struct dmm_engine **engine)
{
	struct dmm_engine *e = calloc(1, sizeof(*e));
	int ret;

	if (!e)
		return -ENOMEM;
	e->fd = t->fd;
	e->depth = depth;
	e->broken_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->broken_fd < 0) {
		ret = -errno;
		goto err_free;
	}
	ret = uring_take_ring(e, depth);
	if (ret)
		goto err_close;
	ret = uring_register(e, t);
	if (ret)
		goto err_ring;
	*engine = e;
	return 0;

err_ring:
	uring_give_ring(e);
err_close:
	close(e->broken_fd);
err_free:
	free(e);
	return ret;
}

static u32 uring_in_flight(struct dmm_engine *e)
{
	return e->nr_used - io_uring_sq_ready(e->ring);
}

static void uring_close(struct dmm_engine *e)
{
	struct io_uring_cqe *cqe;

	while (uring_in_flight(e)) {
		if (io_uring_wait_cqe(e->ring, &cqe))
			continue;
		io_uring_cqe_seen(e->ring, cqe);
		e->nr_used--;
	}
	/* the ring itself goes later, in the background: the claim on the destination must not */
	io_uring_unregister_files(e->ring);
	uring_give_ring(e);
	close(e->broken_fd);
	free(e);
}

static bool uring_is_fixed(const struct dmm_engine *e, const struct dmm_io *io)
{
	const char *buf = io->buf;

	return e->fixed && buf >= e->fixed && buf + io->bytes <= e->fixed + e->fixed_bytes;
}

static enum dmm_io_outcome uring_queue(struct dmm_engine *e, struct dmm_io *io)
{
	struct io_uring_sqe *sqe;
	int fd = e->fixed_file ? 0 : e->fd;

	if (e->nr_used == e->depth)
		return DMM_IO_BUSY;
	sqe = io_uring_get_sqe(e->ring);
	if (!sqe)
		return DMM_IO_BUSY;
	if (uring_is_fixed(e, io))
		io_uring_prep_write_fixed(sqe, fd, io->buf, io->bytes, io->offset_bytes, 0);
	else
		io_uring_prep_write(sqe, fd, io->buf, io->bytes, io->offset_bytes);
	if (e->fixed_file)
		io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(sqe, io);
	e->nr_used++;
	return DMM_IO_QUEUED;
}

static void uring_submit(struct dmm_engine *e)
{
	int n, retries = 0;

	while (!e->broken && io_uring_sq_ready(e->ring)) {
		n = io_uring_submit(e->ring);
		if (n > 0 || n == -EINTR)
			continue;
		if (!n || n == -EAGAIN || n == -EBUSY) {
			if (uring_in_flight(e))
				return;		/* again when one of these has ended */
			if (retries++ < URING_RETRIES) {
				usleep(URING_RETRY_US);
				continue;
			}
		}
		e->broken = n ? n : -EIO;
	}
}

static int uring_reap(struct dmm_engine *e, struct dmm_io **done, u32 max, bool wait)
{
	struct io_uring_cqe *cqes[URING_BATCH];
	u32 i, n;
	int ret;

	if (e->broken)
		return e->broken;
	if (max > URING_BATCH)
		max = URING_BATCH;
	n = io_uring_peek_batch_cqe(e->ring, cqes, max);
	while (!n && wait) {
		ret = io_uring_wait_cqe(e->ring, &cqes[0]);
		if (ret && ret != -EINTR && ret != -EAGAIN)
			return ret;
		n = io_uring_peek_batch_cqe(e->ring, cqes, max);
	}
	for (i = 0; i < n; i++) {
		done[i] = io_uring_cqe_get_data(cqes[i]);
		done[i]->result = cqes[i]->res;
	}
	io_uring_cq_advance(e->ring, n);
	e->nr_used -= n;
	return n;
}

static int uring_flush(struct dmm_engine *e)
{
	/* in order with nothing: the caller has awaited what it is to cover (hazard 16) */
	return fdatasync(e->fd) ? -errno : 0;
}

static int uring_event_fd(struct dmm_engine *e)
{
	/* readable for as long as there are completions */
	return e->broken ? e->broken_fd : e->ring->ring_fd;
}

static const char *uring_describe(struct dmm_engine *e)
{
	return e->fixed ? "io_uring, fixed buffers" : "io_uring";
}

static int uring_probe(char why[DMM_ENGINE_WHY])
{
	struct io_uring_probe *probe;
	struct io_uring ring;
	int ret = uring_init(&ring, 8);

	if (ret) {
		snprintf(why, DMM_ENGINE_WHY, "%s%s", strerror(-ret),
			 ret == -ENOSYS ? ": the kernel has none" :
			 ret == -EPERM ? ": see kernel.io_uring_disabled, or a seccomp filter" :
			 ret == -ENOMEM ? ": see RLIMIT_MEMLOCK" : "");
		return ret;
	}
	probe = io_uring_get_probe_ring(&ring);
	if (!probe || !io_uring_opcode_supported(probe, IORING_OP_WRITE_FIXED) ||
	    !io_uring_opcode_supported(probe, IORING_OP_WRITE)) {
		snprintf(why, DMM_ENGINE_WHY, "the kernel's is too old, older than Linux 5.6");
		ret = -EOPNOTSUPP;
	}
	free(probe);
	io_uring_queue_exit(&ring);
	return ret;
}

const struct dmm_engine_ops dmm_engine_uring = {
	.name = "io_uring",
	.probe = uring_probe,
	.open = uring_open,
	.close = uring_close,
	.queue = uring_queue,
	.submit = uring_submit,
	.reap = uring_reap,
	.flush = uring_flush,
	.event_fd = uring_event_fd,
	.describe = uring_describe,
};
