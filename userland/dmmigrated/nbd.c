// SPDX-License-Identifier: GPL-2.0
/*
 * Exports of NBD servers, through libnbd.
 */
#include <errno.h>
#include <libnbd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fullio.h"
#include "nbd.h"

#define NBD_CONNECT_MS	10000u
#define NBD_STUCK_US	10000
#define NBD_STACK_BYTES	(256u << 10)

struct dmm_nbd {
	/* constant after open */
	struct dmm_nbd_info info;
	int wake_fd;			/* eventfd: look at the handle again */
	pthread_t thread;
	/* atomic */
	atomic_uint refs;
	atomic_bool stop;
	/* every use after open is under lock */
	pthread_mutex_t lock;
	struct nbd_handle *h;
};

struct nbd_callback {
	void (*done)(void *arg, int error);
	void *arg;
};

static int nbd_error(void)
{
	int err = nbd_get_errno();

	return err > 0 ? -err : -EIO;
}

/* What to wait for. False: the connection is gone, and everything in flight has failed. */
static bool nbd_events(struct nbd_handle *h, struct pollfd *p)
{
	unsigned int dir;

	p->fd = -1;
	p->events = p->revents = 0;
	if (nbd_aio_is_dead(h) || nbd_aio_is_closed(h))
		return false;
	dir = nbd_aio_get_direction(h);
	p->fd = nbd_aio_get_fd(h);
	if (dir & LIBNBD_AIO_DIRECTION_READ)
		p->events |= POLLIN;
	if (dir & LIBNBD_AIO_DIRECTION_WRITE)
		p->events |= POLLOUT;
	return true;
}

/* Moves the handle on by what poll(2) said. Negative: it did not move. */
static int nbd_notify(struct nbd_handle *h, const struct pollfd *p)
{
	if ((p->events & POLLIN) && (p->revents & (POLLIN | POLLHUP | POLLERR)))
		return nbd_aio_notify_read(h);
	if ((p->events & POLLOUT) && (p->revents & (POLLOUT | POLLHUP | POLLERR)))
		return nbd_aio_notify_write(h);
	return -1;
}

static void *nbd_thread(void *arg)
{
	struct dmm_nbd *n = arg;
	struct pollfd p[2];
	eventfd_t ignored;
	bool stuck;

	while (!atomic_load(&n->stop)) {
		stuck = false;
		pthread_mutex_lock(&n->lock);
		/* what is there now, by what is wanted now: others have used the handle meanwhile */
		while (!stuck && nbd_events(n->h, &p[0]) && poll(&p[0], 1, 0) > 0)
			stuck = nbd_notify(n->h, &p[0]) && nbd_events(n->h, &p[0]);
		pthread_mutex_unlock(&n->lock);
		if (stuck)
			usleep(NBD_STUCK_US);	/* whatever it is, it must not eat the CPU */
		p[1] = (struct pollfd){ .fd = n->wake_fd, .events = POLLIN };
		if (poll(p, 2, -1) > 0 && p[1].revents)
			eventfd_read(n->wake_fd, &ignored);
	}
	return NULL;
}

/* A host that died must not keep writes in flight for ever. */
static void nbd_set_socket(int fd)
{
	static const struct { int level, name, value; } options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 30 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 10 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 3 },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, 60000 },
	};
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			   sizeof(options[i].value));	/* a Unix socket has none of TCP's */
}

static int nbd_connect(struct nbd_handle *h, const char *uri)
{
	u64 deadline_ms = dmm_now_ms() + NBD_CONNECT_MS, now_ms;
	struct pollfd p;

	if (nbd_set_uri_allow_transports(h, LIBNBD_ALLOW_TRANSPORT_TCP | LIBNBD_ALLOW_TRANSPORT_UNIX) ||
	    nbd_set_uri_allow_tls(h, LIBNBD_TLS_DISABLE) || nbd_aio_connect_uri(h, uri))
		return nbd_error();
	while (nbd_aio_is_connecting(h)) {
		now_ms = dmm_now_ms();
		if (now_ms >= deadline_ms)
			return -ETIMEDOUT;
		nbd_events(h, &p);
		if (poll(&p, 1, (int)(deadline_ms - now_ms)) > 0)
			nbd_notify(h, &p);
	}
	return nbd_aio_is_ready(h) ? 0 : nbd_error();
}

static int nbd_ask(struct nbd_handle *h, struct dmm_nbd_info *info)
{
	int64_t size = nbd_get_size(h), min = nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM),
		max = nbd_get_block_size(h, LIBNBD_SIZE_MAXIMUM);

	if (size < 0)
		return nbd_error();
	info->size_bytes = size;
	info->min_block_bytes = min > 512 ? min : 512;
	info->max_bytes = max > 0 && max < 32 << 20 ? max : 32 << 20;
	info->read_only = nbd_is_read_only(h) != 0;
	info->can_flush = nbd_can_flush(h) > 0;
	info->can_zero = nbd_can_zero(h) > 0;
	return 0;
}

int dmm_nbd_open(const char *uri, struct dmm_nbd **nbd, struct dmm_refusal *r)
{
	struct dmm_nbd *n = calloc(1, sizeof(*n));
	pthread_attr_t attr;
	char buf[96];
	int ret;

	if (!n)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	atomic_init(&n->refs, 1);
	pthread_mutex_init(&n->lock, NULL);
	n->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n->h = nbd_create();
	if (n->wake_fd < 0 || !n->h) {
		ret = dmm_refuse(r, DMM_WERR_LIMIT, "out of file descriptors or memory");
		goto err_free;
	}
	ret = nbd_connect(n->h, uri);
	if (!ret)
		ret = nbd_ask(n->h, &n->info);
	if (ret) {
		ret = dmm_refuse(r, ret == -ETIMEDOUT ? DMM_WERR_IO : DMM_WERR_NOTFOUND,
				 "cannot open %s: %s: see whether the server runs and has that export",
				 dmm_short_path(uri, buf), ret == -ETIMEDOUT ? "no answer in time" :
				 nbd_get_error() ? nbd_get_error() : strerror(-ret));
		goto err_free;
	}
	nbd_set_socket(nbd_aio_get_fd(n->h));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, NBD_STACK_BYTES);
	ret = -pthread_create(&n->thread, &attr, nbd_thread, n);
	pthread_attr_destroy(&attr);
	if (ret) {
		ret = dmm_refuse(r, DMM_WERR_LIMIT, "out of threads");
		goto err_free;
	}
	*nbd = n;
	return 0;

err_free:
	if (n->h)
		nbd_close(n->h);
	if (n->wake_fd >= 0)
		close(n->wake_fd);
	pthread_mutex_destroy(&n->lock);
	free(n);
	return ret;
}

struct dmm_nbd *dmm_nbd_get(struct dmm_nbd *n)
{
	if (n)
		atomic_fetch_add(&n->refs, 1);
	return n;
}

void dmm_nbd_put(struct dmm_nbd *n)
{
	if (!n || atomic_fetch_sub(&n->refs, 1) > 1)
		return;
	atomic_store(&n->stop, true);
	dmm_nbd_kick(n);
	pthread_join(n->thread, NULL);
	nbd_aio_disconnect(n->h, 0);	/* as far as the socket takes it: the server may be dead */
	nbd_close(n->h);
	close(n->wake_fd);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

const struct dmm_nbd_info *dmm_nbd_info(const struct dmm_nbd *n)
{
	return &n->info;
}

void dmm_nbd_kick(struct dmm_nbd *n)
{
	eventfd_write(n->wake_fd, 1);
}

static int nbd_done(void *arg, int *error)
{
	struct nbd_callback *cb = arg;

	cb->done(cb->arg, -*error);
	return 1;	/* the command is of no more interest */
}

static int nbd_command(struct dmm_nbd *n, bool reading, bool flushing, void *buf, u32 bytes,
		       u64 offset, void (*done)(void *arg, int error), void *arg)
{
	struct nbd_callback *cb = malloc(sizeof(*cb));
	const nbd_completion_callback completion = { nbd_done, cb, free };
	int64_t cookie;
	int ret = 0;

	if (!cb)
		return -ENOMEM;
	cb->done = done;
	cb->arg = arg;
	pthread_mutex_lock(&n->lock);
	if (flushing)
		cookie = nbd_aio_flush(n->h, completion, 0);
	else if (reading)
		cookie = nbd_aio_pread(n->h, buf, bytes, offset, completion, 0);
	else if (buf)
		cookie = nbd_aio_pwrite(n->h, buf, bytes, offset, completion, 0);
	else
		cookie = nbd_aio_zero(n->h, bytes, offset, completion, 0);
	if (cookie < 0)
		ret = nbd_error();	/* libnbd has freed the callback */
	pthread_mutex_unlock(&n->lock);
	return ret;
}

int dmm_nbd_start(struct dmm_nbd *n, const void *buf, u32 bytes, u64 offset,
		  void (*done)(void *arg, int error), void *arg)
{
	return nbd_command(n, false, false, (void *)buf, bytes, offset, done, arg);
}

/* A caller that waits. */
struct nbd_wait {
	pthread_mutex_t lock;	/* a leaf */
	pthread_cond_t changed;
	bool done;
	int error;
};

static void nbd_wait_done(void *arg, int error)
{
	struct nbd_wait *w = arg;

	pthread_mutex_lock(&w->lock);
	w->done = true;
	w->error = error;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static int nbd_do(struct dmm_nbd *n, bool reading, void *buf, u32 bytes, u64 offset)
{
	struct nbd_wait w = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
	int ret = nbd_command(n, reading, !reading, buf, bytes, offset, nbd_wait_done, &w);

	if (ret)
		return ret;
	dmm_nbd_kick(n);
	pthread_mutex_lock(&w.lock);
	while (!w.done)
		pthread_cond_wait(&w.changed, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return w.error;
}

int dmm_nbd_pread(struct dmm_nbd *n, void *buf, u32 bytes, u64 offset)
{
	return nbd_do(n, true, buf, bytes, offset);
}

int dmm_nbd_flush(struct dmm_nbd *n)
{
	return n->info.can_flush ? nbd_do(n, false, NULL, 0, 0) : 0;
}
