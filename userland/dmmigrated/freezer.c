// SPDX-License-Identifier: GPL-2.0
/*
 * FREEZE, COMMIT, RECLAIM, THAW and RELEASE for all disks of a migration, and the thread that
 * looks at a freeze until it has ended.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "freezer_priv.h"
#include "fullio.h"

#define LOOK_MS		100	/* should an event be lost */

/* --- the kernel --- */

/* A command that names a device and an epoch. */
static int do_epoch(struct dmm_nl *nl, enum dmm_cmd cmd, u64 dev, u64 epoch, u32 timeout_ms)
{
	struct dmm_nl_req req = {
		.cmd = cmd, .dev = dev, .epoch = epoch, .timeout_ms = timeout_ms,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH) |
		       (timeout_ms ? DMM_NL_BIT(DMM_A_TIMEOUT_MS) : 0),
	};

	return dmm_nl_do(nl, &req);
}

static int complain(const struct dmm_freezer *f, const struct look *l, u32 disk, const char *what,
		    int err)
{
	struct dmm_log_id id = f->c.log_id;
	const char *reason = dmm_nl_reason(l->nl);

	id.disk = disk;
	dmm_err(&id, "the kernel does not %s: %s%s%s", what, strerror(-err), *reason ? ": " : "", reason);
	return err;
}

/* Is @what done to every disk that is in one of @states?  The first failure, with the others tried. */
static int do_where(struct dmm_freezer *f, unsigned int states, enum dmm_cmd cmd, const char *what)
{
	struct look l;
	int ret, err = 0;
	u32 i;

	if (!f->c.nr_disks)
		return 0;
	ret = dmm_freezer_look_begin(f, &l);
	if (ret)
		return ret == -ENOENT ? 0 : ret;	/* nothing is held without the module */
	for (i = 0; i < f->c.nr_disks; i++) {
		if (!l.disks[i] || !(states & 1u << l.disks[i]->state))
			continue;
		ret = do_epoch(l.nl, cmd, l.disks[i]->dev, l.disks[i]->epoch, 0);
		if (ret && !err)
			err = complain(f, &l, i, what, ret);
	}
	dmm_freezer_look_end(&l);
	return err;
}

/* --- looking at a freeze --- */

/* Forgets a freeze that is over, unless another one has begun. */
static void freezer_over(struct dmm_freezer *f, u64 epoch)
{
	pthread_mutex_lock(&f->lock);
	if (f->epoch == epoch)
		f->epoch = 0;
	pthread_mutex_unlock(&f->lock);
}

/* Waits for an event, or to be woken; @timeout_ms -1: for as long as it takes. */
static void freezer_wait(struct dmm_freezer *f, struct dmm_nl_events *ev, int timeout_ms)
{
	struct pollfd p[2] = {
		{ .fd = f->wake_fd, .events = POLLIN },
		{ .fd = ev ? dmm_nl_events_fd(ev) : -1, .events = POLLIN },
	};
	struct dmm_nl_info event;
	eventfd_t woken;

	if (poll(p, 2, timeout_ms) <= 0)
		return;
	if (p[0].revents)
		eventfd_read(f->wake_fd, &woken);
	while (p[1].revents && ev && dmm_nl_events_next(ev, &event) == 1)
		;
}

static void *freezer_thread(void *arg)
{
	struct dmm_nl_events *ev = NULL;
	struct dmm_freezer *f = arg;
	char why[DMM_FREEZER_WHY];
	u64 epoch;
	bool stop;

	for (;;) {
		pthread_mutex_lock(&f->lock);
		stop = f->stop;
		epoch = f->epoch;
		pthread_mutex_unlock(&f->lock);
		if (stop)
			break;
		if (!epoch) {
			dmm_nl_events_close(ev);
			ev = NULL;
			freezer_wait(f, NULL, -1);
			continue;
		}
		if (!ev && f->c.nr_disks && dmm_nl_events_open(&ev))
			ev = NULL;	/* looking every now and then does, too */
		switch (dmm_freezer_look(f, epoch, why)) {
		case FREEZE_GOES_ON:
			freezer_wait(f, ev, LOOK_MS);
			break;
		case FREEZE_COMMITTED:
			freezer_over(f, epoch);
			break;
		case FREEZE_OVER:
			freezer_over(f, epoch);
			f->c.thawed(f->c.ctx, epoch, why);
			break;
		}
	}
	dmm_nl_events_close(ev);
	return NULL;
}

/* --- for the group --- */

static void freeze_none(struct dmm_freezer *f, u64 epoch, bool acquired)
{
	pthread_mutex_lock(&f->lock);
	f->epoch = epoch;
	f->acquired = acquired;
	f->committed = false;
	f->until_ms = dmm_now_ms() + f->timeout_ms;
	f->timeout_ms = DMM_FREEZER_DEFAULT_MS;
	pthread_mutex_unlock(&f->lock);
	eventfd_write(f->wake_fd, 1);
}

static int commit_none(struct dmm_freezer *f, u64 epoch)
{
	int ret;

	pthread_mutex_lock(&f->lock);
	ret = f->epoch == epoch && dmm_now_ms() < f->until_ms ? 0 : -ETIME;
	f->committed = !ret;
	pthread_mutex_unlock(&f->lock);
	return ret;
}

/* The first that is not frozen is what is said. */
static int freeze_failed(const struct dmm_freezer *f, const struct look *l, u32 disk, int err, char *why)
{
	dmm_freezer_refused(l->disks[disk], disk, err, dmm_nl_reason(l->nl), why);
	return complain(f, l, disk, "freeze", err);
}

int dmm_freezer_freeze(struct dmm_freezer *f, u64 epoch, bool acquired, char *why)
{
	u64 device_bytes[DMM_HO_MAX_DISKS];
	struct look l;
	u32 timeout_ms, i;
	int ret;

	if (!f->c.nr_disks) {
		freeze_none(f, epoch, acquired);
		return 0;
	}
	ret = dmm_freezer_look_begin(f, &l);
	if (ret)
		return ret;
	/* before the hold: what some kernels count as written while it waits there is none of this */
	for (i = 0; i < f->c.nr_disks && !ret; i++) {
		if (!l.disks[i]) {
			ret = freeze_failed(f, &l, i, -ENODEV, why);
			break;
		}
		ret = dmm_witness_number(l.disks[i]->dev >> 20, l.disks[i]->dev & 0xfffff,
					 &device_bytes[i]);
		if (ret)
			complain(f, &l, i, "tell the device's statistics", ret);
	}
	if (ret)
		goto out_end;
	pthread_mutex_lock(&f->lock);
	for (i = 0; i < f->c.nr_disks; i++)
		f->disks[i].device_bytes = device_bytes[i];
	timeout_ms = f->timeout_ms;
	f->timeout_ms = DMM_FREEZER_DEFAULT_MS;	/* what was asked for was for this one */
	pthread_mutex_unlock(&f->lock);
	for (i = 0; i < f->c.nr_disks && !ret; i++) {
		ret = do_epoch(l.nl, DMM_CMD_FREEZE, l.disks[i]->dev, epoch, timeout_ms);
		if (ret)
			freeze_failed(f, &l, i, ret, why);
	}
	if (ret)
		goto out_end;
	pthread_mutex_lock(&f->lock);
	f->epoch = epoch;
	f->acquired = acquired;
	pthread_mutex_unlock(&f->lock);
	eventfd_write(f->wake_fd, 1);
out_end:
	dmm_freezer_look_end(&l);
	return ret;
}

int dmm_freezer_commit(struct dmm_freezer *f, u32 disk, u64 epoch)
{
	const struct dmm_nl_info *info;
	struct look l;
	int ret;

	if (!f->c.nr_disks)
		return commit_none(f, epoch);
	ret = dmm_freezer_look_begin(f, &l);
	if (ret)
		return ret;
	info = l.disks[disk];
	ret = info ? do_epoch(l.nl, DMM_CMD_COMMIT, info->dev, epoch, 0) : -ENODEV;
	if (ret)
		complain(f, &l, disk, "commit", ret);
	dmm_freezer_look_end(&l);
	return ret;
}

int dmm_freezer_reclaim(struct dmm_freezer *f)
{
	return do_where(f, 1u << DMM_STATE_COMMITTED, DMM_CMD_RECLAIM, "give it back");
}

int dmm_freezer_thaw(struct dmm_freezer *f)
{
	const unsigned int states = 1u << DMM_STATE_FREEZING | 1u << DMM_STATE_FROZEN;
	int ret;

	pthread_mutex_lock(&f->lock);
	f->epoch = 0;
	pthread_mutex_unlock(&f->lock);
	ret = do_where(f, states, DMM_CMD_THAW, "thaw");
	/* it may have thawed by itself since the look at it */
	return ret ? do_where(f, states, DMM_CMD_THAW, "thaw") : 0;
}

int dmm_freezer_held(struct dmm_freezer *f, u32 disk)
{
	const struct dmm_nl_info *info;
	struct look l;
	int ret;

	ret = dmm_freezer_look_begin(f, &l);
	if (ret)
		return ret == -ENOENT ? -ENODEV : ret;
	info = l.disks[disk];
	if (!info)
		ret = -ENODEV;
	else if (info->state != DMM_STATE_COMMITTED && info->state != DMM_STATE_RELEASED)
		ret = -EBUSY;
	dmm_freezer_look_end(&l);
	return ret;
}

int dmm_freezer_release(struct dmm_freezer *f)
{
	pthread_mutex_lock(&f->lock);
	f->epoch = 0;
	pthread_mutex_unlock(&f->lock);
	return do_where(f, 1u << DMM_STATE_COMMITTED, DMM_CMD_RELEASE, "release it");
}

/* --- life --- */

void dmm_freezer_witness(struct dmm_freezer *f, u32 disk, const struct dmm_witness *w)
{
	pthread_mutex_lock(&f->lock);
	f->disks[disk].has_witness = true;
	f->disks[disk].witness = *w;
	pthread_mutex_unlock(&f->lock);
}

void dmm_freezer_timeout(struct dmm_freezer *f, u32 timeout_ms)
{
	pthread_mutex_lock(&f->lock);
	f->timeout_ms = timeout_ms;
	pthread_mutex_unlock(&f->lock);
}

int dmm_freezer_open(const struct dmm_freezer_config *c, struct dmm_freezer **out)
{
	struct dmm_freezer *f = calloc(1, sizeof(*f));
	int ret;

	if (!f)
		return -ENOMEM;
	f->c = *c;
	f->timeout_ms = DMM_FREEZER_DEFAULT_MS;
	f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake_fd < 0) {
		ret = -errno;
		goto err_free;
	}
	pthread_mutex_init(&f->lock, NULL);
	ret = -pthread_create(&f->thread, NULL, freezer_thread, f);
	if (ret)
		goto err_close;
	*out = f;
	return 0;

err_close:
	pthread_mutex_destroy(&f->lock);
	close(f->wake_fd);
err_free:
	free(f);
	return ret;
}

void dmm_freezer_close(struct dmm_freezer *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_mutex_unlock(&f->lock);
	eventfd_write(f->wake_fd, 1);
	pthread_join(f->thread, NULL);
	pthread_mutex_destroy(&f->lock);
	close(f->wake_fd);
	free(f);
}
