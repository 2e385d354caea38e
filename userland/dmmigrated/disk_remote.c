// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of a disk whose destination a worker has: it is asked.  The record keeps what it was prepared for, its
 * destination's description, and whether it is finished.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "fullio.h"
#include "ipc.h"
#include "nbduri.h"
#include "opener.h"
#include "worker_msg.h"
#include "workers.h"

#define SHORT_MS	5000u	/* for what waits for no disk */
#define LOOK_MS		30000u	/* what does wait for one: whether the process still answers is looked at so often */

/* Both are too large for a thread's stack. */
struct call {
	struct dmm_worker_ask ask;
	struct dmm_worker_answer answer;
	bool late;	/* no answer until the deadline */
};

static struct call *call_new(const struct dmm_disk *d, struct dmm_refusal *r)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c) {
		c->ask.name = d->prepare.name;
		c->ask.serial = d->serial;
	} else {
		dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	}
	return c;
}

static int call_lost(int err, struct dmm_refusal *r)
{
	switch (err) {
	case -ECANCELED:
		return dmm_refuse(r, DMM_WERR_SHUTDOWN, "the receiver is going down");
	case -ETIMEDOUT:
		return dmm_refuse(r, DMM_WERR_BUSY, "the process that writes the disk does not answer: is it stopped? Try again later");
	case -EPIPE:
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "the process that wrote the disk has ended: PREPARE it again");
	default:
		return dmm_refuse(r, DMM_WERR_INTERNAL, "the process that writes the disk cannot be asked: %s", strerror(-err));
	}
}

/* Asks with what is in c->ask; @fd (-1: none) is lent.  0 with c->answer, or a negative errno with @r filled. */
static int call(struct dmm_disk *d, struct call *c, enum dmm_worker_op op, int fd, u64 deadline_ms, int stop_fd,
		struct dmm_refusal *r)
{
	struct dmm_ipc_msg msg;
	int ret = dmm_ipc_ask(dmm_worker_sock(d->worker), op, &c->ask, sizeof(c->ask), &fd, 1, &msg, deadline_ms, stop_fd);

	c->late = ret == -ETIMEDOUT;
	if (ret)
		return call_lost(ret, r);
	if (msg.bytes == sizeof(c->answer))
		memcpy(&c->answer, msg.data, sizeof(c->answer));
	else
		c->answer.ret = dmm_refuse(&c->answer.refusal, DMM_WERR_INTERNAL, "an answer of another size");
	dmm_ipc_free(&msg);
	/* of a process that may not be ours any more: what is no error is none */
	if (c->answer.ret > 0)
		c->answer.ret = dmm_refuse(&c->answer.refusal, DMM_WERR_INTERNAL, "an answer that is none");
	if (c->answer.ret < 0) {
		c->answer.ret = dmm_refusal_heard(&c->answer.refusal);
		*r = c->answer.refusal;
	}
	return c->answer.ret;
}

/* Of an export that only the worker sees; of everything else the opener has said what it is. */
static void take_export(struct dmm_dest *dest, const struct dmm_dest *said)
{
	dest->size_bytes = said->size_bytes;
	dest->lbs_bytes = said->lbs_bytes;
	dest->align_bytes = said->align_bytes;
	dest->flags = said->flags & DMM_PREPARED_NOFLUSH;
	snprintf(dest->signature, sizeof(dest->signature), "%.*s", (int)sizeof(said->signature) - 1, said->signature);
	dmm_text_clean(dest->signature);
}

static int remote_open(struct dmm_disk *d, struct dmm_dest *dest, struct dmm_refusal *r)
{
	struct call *c = call_new(d, r);
	int ret = -ENOMEM;

	if (c) {
		c->ask.u.open.prepare = d->prepare;
		c->ask.u.open.dest = *dest;
		/* opening an export has its own limit */
		ret = call(d, c, DMM_WORKER_OPEN, dest->fd, DMM_NO_DEADLINE, -1, r);
	}
	dmm_dest_close(dest);	/* the worker has one, if any has */
	if (!ret) {
		if (dmm_is_nbd(dest->path))
			take_export(dest, &c->answer.u.dest);
		dmm_disk_opened(d, dest);
	}
	free(c);
	return ret;
}

static void remote_destroy(struct dmm_disk *d)
{
	struct dmm_refusal r;
	struct call *c = call_new(d, &r);

	if (c && !dmm_worker_stops(d->worker))
		call(d, c, DMM_WORKER_DESTROY, -1, dmm_now_ms() + SHORT_MS, -1, &r);
	free(c);
	dmm_worker_put(d->worker);
}

static void remote_serve(struct dmm_disk *d, struct dmm_session *s, const struct dmm_attach *a)
{
	struct dmm_refusal r;
	struct call *c = call_new(d, &r);
	int ret = -ENOMEM;

	if (c) {
		c->ask.u.serve.session = *s;
		c->ask.u.serve.attach = *a;
		/* as long as the connection; it ends when the daemon does */
		ret = call(d, c, DMM_WORKER_SERVE, s->fd, DMM_NO_DEADLINE, -1, &r);
	}
	if (ret)
		dmm_info(&s->log_id, "closed: %s", r.text);
	else
		s->refused = dmm_ipc_flag(&c->answer.u.refused);
	free(c);
}

static int take_status(struct dmm_disk_status *st, const struct dmm_disk_status *said, struct dmm_refusal *r)
{
	if (said->error >= DMM_WERR_COUNT || (u32)said->state > DMM_DISK_FAILED)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "a state that is none");
	memcpy(st, said, sizeof(*st));
	st->closed = dmm_ipc_flag(&said->closed);
	st->attached = dmm_ipc_flag(&said->attached);
	st->has_data = dmm_ipc_flag(&said->has_data);
	st->error_text[sizeof(st->error_text) - 1] = '\0';
	dmm_text_clean(st->error_text);
	return 0;
}

static int remote_status(struct dmm_disk *d, struct dmm_disk_status *st, struct dmm_refusal *r)
{
	struct call *c;
	bool opened;
	int ret;

	memset(st, 0, sizeof(*st));
	pthread_mutex_lock(&d->lock);
	opened = d->state;
	pthread_mutex_unlock(&d->lock);
	st->closed = true;
	if (!opened)
		return 0;
	c = call_new(d, r);
	if (!c)
		return -ENOMEM;
	ret = call(d, c, DMM_WORKER_STATUS, -1, dmm_now_ms() + SHORT_MS, -1, r);
	if (!ret)
		ret = take_status(st, &c->answer.u.status, r);
	free(c);
	return ret;
}

/*
 * What can be asked repeatably, and takes as long as a disk does: waits for as long as the process answers that it is there.
 */
static int remote_slow(struct dmm_disk *d, struct call *c, enum dmm_worker_op op, int stop_fd, struct dmm_refusal *r)
{
	struct dmm_disk_status st;
	int ret;

	do {
		ret = remote_status(d, &st, r);
		if (ret)
			return ret;
		ret = call(d, c, op, -1, dmm_now_ms() + LOOK_MS, stop_fd, r);
	} while (c->late && st.state);	/* of one that was not opened yet nothing is asked */
	return ret;
}

static int remote_query(struct dmm_disk *d, struct dmm_wire_query_ok *q, struct dmm_refusal *r)
{
	struct call *c = call_new(d, r);
	int ret = c ? call(d, c, DMM_WORKER_QUERY, -1, dmm_now_ms() + SHORT_MS, -1, r) : -ENOMEM;

	if (!ret)
		*q = c->answer.u.query;
	free(c);
	return ret;
}

static bool remote_is_finished(struct dmm_disk *d)
{
	bool so;

	pthread_mutex_lock(&d->lock);
	so = d->state == DMM_DISK_FINISHED;
	pthread_mutex_unlock(&d->lock);
	return so;
}

static int remote_finish(struct dmm_disk *d, bool kick, int stop_fd, struct dmm_refusal *r)
{
	struct call *c;
	int ret;

	if (remote_is_finished(d))
		return 0;
	c = call_new(d, r);
	if (!c)
		return -ENOMEM;
	c->ask.u.kick = kick;
	ret = remote_slow(d, c, DMM_WORKER_FINISH, stop_fd, r);
	free(c);
	/* the worker has no names of files */
	if (!ret)
		ret = dmm_dest_still_there(&d->dest, d->prepare.size_bytes, r);
	if (ret)
		return ret;
	pthread_mutex_lock(&d->lock);
	d->state = DMM_DISK_FINISHED;
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static int remote_release(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r)
{
	struct call *c = call_new(d, r);
	int ret = c ? call(d, c, DMM_WORKER_RELEASE, -1, DMM_NO_DEADLINE, stop_fd, r) : -ENOMEM;

	free(c);
	if (!ret) {
		pthread_mutex_lock(&d->lock);
		d->closed = true;
		pthread_mutex_unlock(&d->lock);
	}
	return ret;
}

/*
 * Reading a destination: one that is finished is opened again by the opener, but for an export, to which its worker connects.
 * Context: may take as long as reading does.
 */
static int remote_read(struct dmm_disk *d, struct call *c, enum dmm_worker_op op, int stop_fd, struct dmm_refusal *r)
{
	int fd = -1, ret;

	if (remote_is_finished(d) && !dmm_is_nbd(d->dest.path)) {
		fd = dmm_opener_reopen(dmm_worker_opener(d->worker), &d->dest, r);
		if (fd < 0)
			return fd;
	}
	ret = call(d, c, op, fd, DMM_NO_DEADLINE, stop_fd, r);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int remote_digest(struct dmm_disk *d, const struct dmm_digest_request *rq, int stop_fd, u8 digest[32],
			 struct dmm_refusal *r)
{
	struct call *c = call_new(d, r);
	int ret = -ENOMEM;

	if (c) {
		c->ask.u.digest = *rq;
		ret = remote_read(d, c, DMM_WORKER_DIGEST, stop_fd, r);
		memcpy(digest, c->answer.u.digest, sizeof(c->answer.u.digest));
	}
	free(c);
	return ret;
}

static int remote_hashes(struct dmm_disk *d, const struct dmm_hashes_request *rq, int stop_fd, u8 *hashes,
			 struct dmm_refusal *r)
{
	struct call *c = call_new(d, r);
	int ret = -ENOMEM;

	if (c) {
		c->ask.u.hashes = *rq;
		ret = remote_read(d, c, DMM_WORKER_HASHES, stop_fd, r);
		memcpy(hashes, c->answer.u.hashes, rq->nr * DMM_HASH_BYTES);
	}
	free(c);
	return ret;
}

static int remote_prove(struct dmm_disk *d, const struct dmm_prove_request *rq, int stop_fd, struct dmm_proved *out,
			struct dmm_refusal *r)
{
	struct call *c = call_new(d, r);
	int ret = -ENOMEM;

	if (c) {
		c->ask.u.prove = *rq;
		ret = call(d, c, DMM_WORKER_PROVE, -1, DMM_NO_DEADLINE, stop_fd, r);
		memcpy(out, c->answer.u.proved, rq->nr * sizeof(*out));
	}
	free(c);
	return ret;
}

static int remote_compare(struct dmm_disk *d, const struct dmm_compare_request *rq, u32 *differ, struct dmm_refusal *r)
{
	struct call *c = call_new(d, r);
	int ret = -ENOMEM;

	*differ = 0;
	if (c) {
		c->ask.u.compare = *rq;
		ret = call(d, c, DMM_WORKER_COMPARE, -1, dmm_now_ms() + SHORT_MS, -1, r);
		*differ = c->answer.u.differ;
		if (!ret && *differ > rq->nr)
			ret = dmm_refuse(r, DMM_WERR_INTERNAL, "more extents than were compared");
	}
	free(c);
	return ret;
}

static void remote_sample_drop(struct dmm_disk *d)
{
	struct dmm_refusal r;
	struct call *c = call_new(d, &r);

	if (c)
		call(d, c, DMM_WORKER_SAMPLE_DROP, -1, dmm_now_ms() + SHORT_MS, -1, &r);
	free(c);
}

static int remote_barrier(struct dmm_disk *d, u64 conn_epoch, u64 barrier, bool *flushed, enum dmm_sample_state *sample)
{
	struct dmm_refusal r;
	struct call *c = call_new(d, &r);
	int ret = -ENOMEM;

	if (c) {
		c->ask.u.barrier.conn_epoch = conn_epoch;
		c->ask.u.barrier.barrier = barrier;
		ret = call(d, c, DMM_WORKER_BARRIER, -1, dmm_now_ms() + SHORT_MS, -1, &r);
		*flushed = dmm_ipc_flag(&c->answer.u.barrier.flushed);
		*sample = c->answer.u.barrier.sample;
	}
	free(c);
	/* the sample was given to us, perhaps */
	if (ret)
		remote_sample_drop(d);
	return ret;
}

static int remote_sample(struct dmm_disk *d, u64 conn_epoch, u64 barrier, int stop_fd, char why[160])
{
	struct dmm_refusal r;
	struct call *c = call_new(d, &r);
	int ret = -ENOMEM;

	why[0] = '\0';
	if (c) {
		c->ask.u.barrier.conn_epoch = conn_epoch;
		c->ask.u.barrier.barrier = barrier;
		ret = call(d, c, DMM_WORKER_SAMPLE, -1, DMM_NO_DEADLINE, stop_fd, &r);
		memcpy(why, c->answer.u.why, sizeof(c->answer.u.why));
		why[sizeof(c->answer.u.why) - 1] = '\0';
		dmm_text_clean(why);
	}
	free(c);
	/* it may not have begun, and is nobody else's then */
	if (ret)
		remote_sample_drop(d);
	return ret;
}

const struct dmm_disk_ops dmm_disk_remote = {
	.open = remote_open,
	.destroy = remote_destroy,
	.serve = remote_serve,
	.status = remote_status,
	.query = remote_query,
	.finish = remote_finish,
	.release = remote_release,
	.digest = remote_digest,
	.hashes = remote_hashes,
	.prove = remote_prove,
	.compare = remote_compare,
	.barrier = remote_barrier,
	.sample = remote_sample,
	.sample_drop = remote_sample_drop,
};
