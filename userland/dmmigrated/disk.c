// SPDX-License-Identifier: GPL-2.0
/*
 * The state of a prepared disk.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "core/wire.h"
#include "disk_ops.h"
#include "disk_priv.h"
#include "fullio.h"
#include "stop_points.h"
#include "thread.h"

#define FINISH_GRACE_MS		2000u	/* for an END that is still in the socket */
#define DIGEST_GRACE_MS		5000u	/* for digests that hold the claim */

static _Atomic u64 last_serial;

struct dmm_disk *dmm_disk_create(const struct dmm_prepare *p)
{
	struct dmm_disk *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->ops = &dmm_disk_here;
	d->serial = ++last_serial;
	d->prepare = *p;
	memcpy(d->log_id.migration, p->name.migration, sizeof(d->log_id.migration));
	d->log_id.disk = p->name.disk;
	d->refs = 1;
	d->closed = true;
	d->dest.fd = -1;
	d->idle_since_ms = dmm_now_ms();
	dmm_order_init(&d->order);
	dmm_proof_init(&d->proof);
	dmm_digester_init(&d->digester);
	dmm_list_init(&d->node);
	dmm_list_init(&d->attachments);
	pthread_mutex_init(&d->flush_lock, NULL);
	pthread_mutex_init(&d->lock, NULL);
	dmm_cond_init(&d->changed);
	return d;
}

void dmm_disk_destroy(struct dmm_disk *d)
{
	if (d->ops->destroy)
		d->ops->destroy(d);
	dmm_dest_close(&d->dest);
	dmm_digester_exit(&d->digester);
	dmm_proof_exit(&d->proof);
	dmm_order_exit(&d->order);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	pthread_mutex_destroy(&d->flush_lock);
	free(d);
}

int dmm_disk_reserve(struct dmm_disk *d)
{
	return dmm_proof_open(&d->proof, d->prepare.size_bytes);
}

void dmm_disk_opened(struct dmm_disk *d, const struct dmm_dest *dest)
{
	pthread_mutex_lock(&d->lock);
	d->dest = *dest;
	d->state = DMM_DISK_PREPARED;
	d->closed = false;
	pthread_mutex_unlock(&d->lock);
}

void dmm_disk_use(struct dmm_disk *d)
{
	pthread_mutex_lock(&d->lock);
	d->users++;
	pthread_mutex_unlock(&d->lock);
}

void dmm_disk_unuse(struct dmm_disk *d)
{
	pthread_mutex_lock(&d->lock);
	if (!--d->users)
		d->idle_since_ms = dmm_now_ms();
	pthread_mutex_unlock(&d->lock);
}

/* The disk is `closed`, so that no digest begins: waits until none holds the claim. */
static int disk_wait_digests_locked(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r)
{
	u64 deadline_ms = dmm_now_ms() + DIGEST_GRACE_MS;
	int ret = 0;

	while (!ret && d->digests)
		ret = dmm_disk_wait_locked(d, deadline_ms, stop_fd);
	if (!ret)
		return 0;
	return dmm_refuse(r, ret == -ECANCELED ? DMM_WERR_SHUTDOWN : DMM_WERR_BUSY,
			  "a digest of the destination is being read: try again later");
}

u32 dmm_disk_io_error(const struct dmm_disk *d, int err)
{
	struct stat st;
	off_t end;

	/* a block device says ENOSPC behind its end, too: somebody has cut it */
	if (d->dest.fd >= 0 && !fstat(d->dest.fd, &st) && S_ISBLK(st.st_mode)) {
		end = lseek(d->dest.fd, 0, SEEK_END);
		if (end >= 0 && (u64)end < d->prepare.size_bytes)
			return DMM_WERR_TOOSMALL;
	}
	return err == -ENOSPC || err == -EDQUOT ? DMM_WERR_NOSPC : DMM_WERR_IO;
}

u32 dmm_disk_fail(struct dmm_disk *d, u32 error, const char *what)
{
	bool first = false;

	pthread_mutex_lock(&d->lock);
	if (!d->error || DMM_MUTANT == 110) {	/* hazard 10 */
		d->error = error;
		snprintf(d->error_text, sizeof(d->error_text), "%s", what);
		d->state = DMM_DISK_FAILED;
		first = true;
	}
	error = d->error;
	pthread_mutex_unlock(&d->lock);
	if (first)
		dmm_err(&d->log_id, "%s: %s; the disk has failed, the source keeps the data",
			d->dest.path, what);
	return error;
}

u32 dmm_disk_fail_aloud(struct dmm_disk *d, u32 error, const char *what)
{
	struct dmm_attachment *at;
	struct dmm_list *pos;

	error = dmm_disk_fail(d, error, what);
	pthread_mutex_lock(&d->lock);
	dmm_list_for_each(pos, &d->attachments) {
		at = dmm_list_entry(pos, struct dmm_attachment, node);
		atomic_store(&at->failed, true);
		eventfd_write(at->wake_fd, 1);
	}
	pthread_mutex_unlock(&d->lock);
	return error;
}

u32 dmm_disk_error(struct dmm_disk *d)
{
	u32 error;

	pthread_mutex_lock(&d->lock);
	error = d->error;
	pthread_mutex_unlock(&d->lock);
	return error;
}

void dmm_disk_count_frame(struct dmm_disk *d)
{
	pthread_mutex_lock(&d->lock);
	d->received_frames++;
	pthread_mutex_unlock(&d->lock);
}

void dmm_disk_count_received(struct dmm_disk *d, u64 bytes)
{
	pthread_mutex_lock(&d->lock);
	d->received_bytes += bytes;
	pthread_mutex_unlock(&d->lock);
}

void dmm_disk_count_dirty(struct dmm_disk *d, u32 bytes)
{
	pthread_mutex_lock(&d->lock);
	/* a server of exports may keep what it acknowledges, too */
	if (d->dest.flags & DMM_PREPARED_BUFFERED || d->dest.nbd)
		d->unflushed_bytes += bytes;
	pthread_mutex_unlock(&d->lock);
}

/* An error is on record before anybody else's flush can claim success. */
u32 dmm_disk_flush_locked(struct dmm_disk *d, int (*flush)(void *), void *arg)
{
	u32 error = dmm_disk_error(d);
	char what[96] = "flush: ";
	int ret;

	if (error)
		return error;
	pthread_mutex_lock(&d->lock);
	d->unflushed_bytes = 0;
	pthread_mutex_unlock(&d->lock);
	ret = flush(arg);
	if (!ret)
		return dmm_disk_error(d);
	strncat(what, strerror(-ret), sizeof(what) - strlen(what) - 1);
	return dmm_disk_fail(d, dmm_disk_io_error(d, ret), what);
}

static int flush_by_writer(void *w)
{
	return dmm_writer_flush(w);
}

static int flush_by_dest(void *dest)
{
	return dmm_dest_flush(dest);
}

void dmm_disk_bound_dirty(struct dmm_disk *d)
{
	bool much;

	pthread_mutex_lock(&d->lock);
	much = d->unflushed_bytes >= DMM_DISK_DIRTY_BYTES;
	pthread_mutex_unlock(&d->lock);
	if (!much)
		return;
	pthread_mutex_lock(&d->flush_lock);
	/* dest.fd stays open while a connection is attached */
	dmm_disk_flush_locked(d, flush_by_dest, &d->dest);
	pthread_mutex_unlock(&d->flush_lock);
}

u32 dmm_disk_barrier(struct dmm_disk *d, const struct dmm_attachment *at, struct dmm_writer *w,
		     u64 barrier)
{
	u64 frames;
	u32 error;

	pthread_mutex_lock(&d->flush_lock);
	pthread_mutex_lock(&d->lock);
	frames = d->received_frames;
	pthread_mutex_unlock(&d->lock);
	dmm_stop_point_of_worker("before-flush");
	error = DMM_MUTANT == 16 ? 0 : dmm_disk_flush_locked(d, flush_by_writer, w);
	dmm_stop_point_of_worker("after-flush");
	if (!error) {
		pthread_mutex_lock(&d->lock);
		/* another connection may be further; a newer epoch counts from 1 */
		if (at->epoch == d->epoch && barrier > d->barrier) {
			d->barrier = barrier;
			d->barrier_frames = frames;
		}
		pthread_mutex_unlock(&d->lock);
	}
	pthread_mutex_unlock(&d->flush_lock);
	return error;
}

bool dmm_disk_flushed_to(struct dmm_disk *d, u64 conn_epoch, u64 barrier)
{
	bool so;

	pthread_mutex_lock(&d->lock);
	so = !d->error && barrier && d->epoch == conn_epoch && d->barrier == barrier &&
	     d->barrier_frames == d->received_frames;
	pthread_mutex_unlock(&d->lock);
	return so;
}

int dmm_disk_query(struct dmm_disk *d, struct dmm_wire_query_ok *q, struct dmm_refusal *r)
{
	int ret = 0;

	memset(q, 0, sizeof(*q));
	pthread_mutex_lock(&d->lock);
	q->size_bytes = cpu_to_le64(d->prepare.size_bytes);
	q->received_bytes = cpu_to_le64(d->received_bytes);
	q->barrier = cpu_to_le64(d->barrier);
	q->state = cpu_to_le32(d->state);
	q->conns = cpu_to_le32(d->attached);
	q->error = cpu_to_le32(d->error);
	if (!d->state)
		ret = dmm_refuse(r, DMM_WERR_BUSY, "the disk is being prepared: try again");
	pthread_mutex_unlock(&d->lock);
	return ret;
}

int dmm_disk_refuse_unflushed(u32 error, struct dmm_refusal *r)
{
	return dmm_refuse(r, error, "the destination could not be flushed: do not use it; "
			  "the source keeps the data");
}

/* Flushes and closes the destination of a disk that nothing else can begin on. */
static int disk_close_flushed(struct dmm_disk *d, struct dmm_refusal *r)
{
	struct dmm_dest taken;
	u32 error;

	pthread_mutex_lock(&d->flush_lock);
	error = dmm_disk_flush_locked(d, flush_by_dest, &d->dest);
	pthread_mutex_unlock(&d->flush_lock);
	if (error)
		return dmm_disk_refuse_unflushed(error, r);
	pthread_mutex_lock(&d->lock);
	dmm_dest_take(&d->dest, &taken);
	pthread_mutex_unlock(&d->lock);
	/* as slow as a dead file server, and everybody else needs the lock; still `closed` to them */
	dmm_dest_close(&taken);
	pthread_mutex_lock(&d->lock);
	d->state = DMM_DISK_FINISHED;
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static int disk_end(struct dmm_disk *d, bool kick, int stop_fd, struct dmm_refusal *r)
{
	int ret;

	pthread_mutex_lock(&d->lock);
	if (d->state == DMM_DISK_FINISHED) {
		pthread_mutex_unlock(&d->lock);
		return 0;
	}
	if (kick)
		dmm_disk_kick_older_locked(d, DISK_ALL_EPOCHS);
	ret = dmm_disk_wait_older_locked(d, DISK_ALL_EPOCHS, kick ? DISK_KICK_MS : FINISH_GRACE_MS, stop_fd);
	if (ret)
		ret = dmm_refuse(r, ret == -ECANCELED ? DMM_WERR_SHUTDOWN : DMM_WERR_BUSY,
				 "a data connection is attached: stop the source's migration first");
	else
		ret = dmm_disk_check_state_locked(d, r);
	if (!ret) {
		d->closed = true;
		ret = disk_wait_digests_locked(d, stop_fd, r);
		d->closed = !ret;
	}
	pthread_mutex_unlock(&d->lock);
	if (ret)
		return ret;

	ret = dmm_dest_still_there(&d->dest, d->prepare.size_bytes, r);
	if (!ret)
		ret = disk_close_flushed(d, r);
	pthread_mutex_lock(&d->lock);
	d->closed = false;
	pthread_mutex_unlock(&d->lock);
	return ret;
}

int dmm_disk_finish(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r)
{
	return disk_end(d, false, stop_fd, r);
}

int dmm_disk_quiesce(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r)
{
	return disk_end(d, true, stop_fd, r);
}

int dmm_disk_release(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r)
{
	struct dmm_dest taken = { .fd = -1 };
	bool was_closed;
	int ret;

	pthread_mutex_lock(&d->lock);
	was_closed = d->closed;
	d->closed = true;
	if (was_closed) {
		ret = dmm_refuse(r, DMM_WERR_BUSY,
				 "the disk is being prepared, finished or forgotten: try again");
		goto out_unlock;
	}
	dmm_disk_kick_older_locked(d, DISK_ALL_EPOCHS);
	ret = dmm_disk_wait_older_locked(d, DISK_ALL_EPOCHS, DISK_KICK_MS, stop_fd);
	if (ret) {
		d->closed = false;
		ret = dmm_refuse(r, ret == -ECANCELED ? DMM_WERR_SHUTDOWN : DMM_WERR_BUSY,
				 "writes to the destination are still in flight: try again later");
		goto out_unlock;
	}
	ret = disk_wait_digests_locked(d, stop_fd, r);
	if (ret) {
		d->closed = false;
		goto out_unlock;
	}
	dmm_dest_take(&d->dest, &taken);	/* as in disk_close_flushed() */
out_unlock:
	pthread_mutex_unlock(&d->lock);
	dmm_dest_close(&taken);
	return ret;
}
