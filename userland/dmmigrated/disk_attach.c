// SPDX-License-Identifier: GPL-2.0
/*
 * Which data connections a disk has: attaching, which awaits the end of older
 * ones, detaching, telling them to end.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>

#include "core/wire.h"
#include "disk_priv.h"
#include "fullio.h"
#include "thread.h"

int dmm_disk_wait_locked(struct dmm_disk *d, u64 deadline_ms, int stop_fd)
{
	struct timespec until;

	if (dmm_now_ms() >= deadline_ms)
		return -ETIMEDOUT;
	if (dmm_wait_fd(-1, 0, 0, stop_fd) == -ECANCELED)
		return -ECANCELED;
	dmm_deadline(100, &until);
	pthread_cond_timedwait(&d->changed, &d->lock, &until);
	return 0;
}

/* How many attachments have an epoch before @epoch (ALL_EPOCHS: all). */
static u32 disk_count_older_locked(struct dmm_disk *d, u64 epoch)
{
	struct dmm_list *pos;
	u32 nr = 0;

	dmm_list_for_each(pos, &d->attachments)
		nr += dmm_list_entry(pos, struct dmm_attachment, node)->epoch < epoch;
	return nr;
}

int dmm_disk_wait_older_locked(struct dmm_disk *d, u64 epoch, u32 timeout_ms, int stop_fd)
{
	u64 deadline_ms = dmm_now_ms() + timeout_ms;
	int ret = 0;

	while (!ret && disk_count_older_locked(d, epoch))
		ret = dmm_disk_wait_locked(d, deadline_ms, stop_fd);
	return ret;
}

void dmm_disk_kick_older_locked(struct dmm_disk *d, u64 epoch)
{
	struct dmm_attachment *at;
	struct dmm_list *pos;

	dmm_list_for_each(pos, &d->attachments) {
		at = dmm_list_entry(pos, struct dmm_attachment, node);
		if (at->epoch >= epoch)
			continue;
		atomic_store(&at->kicked, true);
		eventfd_write(at->wake_fd, 1);
	}
}

int dmm_disk_check_state_locked(struct dmm_disk *d, struct dmm_refusal *r)
{
	if (d->error == DMM_WERR_DIFFERS)
		return dmm_refuse(r, d->error, "%s", d->error_text);
	if (d->error)
		return dmm_refuse(r, d->error, "the disk has failed (%s): mend the destination, "
				  "FORGET the disk and start again", dmm_wire_err_text(d->error));
	if (d->state == DMM_DISK_FINISHED)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "the disk is finished: it takes no data");
	if (d->closed)
		return dmm_refuse(r, DMM_WERR_BUSY,
				  "the disk is being prepared, finished or forgotten: try again");
	return 0;
}

static int disk_check_slot_locked(struct dmm_disk *d, const struct dmm_attach *a,
				  struct dmm_refusal *r)
{
	struct dmm_attachment *at;
	struct dmm_list *pos;

	if (a->epoch < d->epoch && DMM_MUTANT != 118)	/* hazard 18 */
		return dmm_refuse(r, DMM_WERR_BUSY, "connection epoch %llu is over: "
				  "%llu is the newest, use a larger one", a->epoch, d->epoch);
	dmm_list_for_each(pos, &d->attachments) {
		at = dmm_list_entry(pos, struct dmm_attachment, node);
		if (at->epoch == a->epoch && at->index == a->index)
			return dmm_refuse(r, DMM_WERR_BUSY, "connection %u of epoch %llu is attached "
					  "already: use a larger epoch to replace it", a->index, a->epoch);
	}
	return 0;
}

int dmm_disk_attach(struct dmm_disk *d, const struct dmm_attach *a, struct dmm_attachment *at,
		    int wake_fd, int stop_fd, struct dmm_refusal *r)
{
	int ret;

	pthread_mutex_lock(&d->lock);
	ret = dmm_disk_check_state_locked(d, r);
	if (ret)
		goto out_unlock;
	if (a->conns != d->prepare.conns) {
		ret = dmm_refuse(r, DMM_WERR_PROTOCOL, "ATTACH says %u connections, PREPARE said %u",
				 a->conns, d->prepare.conns);
		goto out_unlock;
	}
	ret = disk_check_slot_locked(d, a, r);
	if (ret)
		goto out_unlock;
	/* claims the epoch before it waits: an older one cannot slip in meanwhile */
	if (a->epoch > d->epoch)	/* its barriers are numbered anew */
		d->barrier = 0;
	d->epoch = a->epoch;
	if (DMM_MUTANT != 18) {
		dmm_disk_kick_older_locked(d, a->epoch);
		ret = dmm_disk_wait_older_locked(d, a->epoch, DISK_KICK_MS, stop_fd);
	}
	if (ret) {
		ret = dmm_refuse(r, ret == -ECANCELED ? DMM_WERR_SHUTDOWN : DMM_WERR_BUSY,
				 "writes of an earlier connection are still in flight: try again later");
		goto out_unlock;
	}
	/* the lock was dropped: everything may have changed */
	ret = dmm_disk_check_state_locked(d, r);
	if (!ret)
		ret = disk_check_slot_locked(d, a, r);
	if (ret)
		goto out_unlock;
	at->epoch = a->epoch;
	at->index = a->index;
	at->wake_fd = wake_fd;
	atomic_store(&at->kicked, false);
	atomic_store(&at->failed, false);
	dmm_list_add_tail(&d->attachments, &at->node);
	d->attached++;
	d->users++;
	d->state = DMM_DISK_RECEIVING;
out_unlock:
	pthread_mutex_unlock(&d->lock);
	return ret;
}

void dmm_disk_detach(struct dmm_disk *d, struct dmm_attachment *at)
{
	pthread_mutex_lock(&d->lock);
	dmm_list_del(&at->node);
	if (!--d->attached && d->state == DMM_DISK_RECEIVING)
		d->state = DMM_DISK_PREPARED;
	if (!--d->users)
		d->idle_since_ms = dmm_now_ms();
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}
