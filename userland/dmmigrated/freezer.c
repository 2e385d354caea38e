// SPDX-License-Identifier: GPL-2.0
/*
 * FREEZE, COMMIT, RECLAIM, THAW and RELEASE for all disks of a migration, and the thread that
 * looks at a freeze until it has ended.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/handover.h"
#include "freezer.h"
#include "fullio.h"
#include "nl.h"

#define LOOK_MS		100	/* should an event be lost */

struct freezer_disk {
	bool has_witness;
	struct dmm_witness witness;
	u64 device_bytes;	/* by sysfs, before the latest hold */
};

struct dmm_freezer {
	struct dmm_freezer_config c;	/* constant */
	pthread_t thread;
	int wake_fd;			/* eventfd: something changed for the thread */

	pthread_mutex_t lock;		/* a leaf */
	/* protected by lock */
	bool stop;
	u64 epoch;			/* of the freeze that is looked at; 0: none */
	bool acquired;			/* the destination has asked for it */
	u32 timeout_ms;
	struct freezer_disk disks[DMM_HO_MAX_DISKS];
};

/* --- the kernel --- */

/* One look at all disks of the migration. */
struct look {
	struct dmm_nl *nl;
	struct dmm_nl_info *list;
	const struct dmm_nl_info *disks[DMM_HO_MAX_DISKS];	/* NULL: the kernel has none */
};

static void look_end(struct look *l)
{
	free(l->list);
	dmm_nl_close(l->nl);
}

/* 0, or -errno: -ENOENT without the module. */
static int look_begin(const struct dmm_freezer *f, struct look *l)
{
	unsigned int nr = 0, i;
	int ret;

	memset(l, 0, sizeof(*l));
	ret = dmm_nl_open(&l->nl);
	if (ret)
		return ret;
	ret = dmm_nl_dump(l->nl, &l->list, &nr);
	if (ret) {
		look_end(l);
		return ret;
	}
	for (i = 0; i < nr; i++) {
		const struct dmm_nl_info *info = &l->list[i];

		if (info->gate == DMM_GATE_NONE && info->disk < f->c.nr_disks &&
		    !memcmp(info->migration, f->c.log_id.migration, DMM_ID_BYTES))
			l->disks[info->disk] = info;
	}
	return 0;
}

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

	ret = look_begin(f, &l);
	if (ret)
		return ret == -ENOENT ? 0 : ret;	/* nothing is held without the module */
	for (i = 0; i < f->c.nr_disks; i++) {
		if (!l.disks[i] || !(states & 1u << l.disks[i]->state))
			continue;
		ret = do_epoch(l.nl, cmd, l.disks[i]->dev, l.disks[i]->epoch, 0);
		if (ret && !err)
			err = complain(f, &l, i, what, ret);
	}
	look_end(&l);
	return err;
}

/* --- looking at a freeze --- */

/* It thawed by itself: in the first step that has not been timed. */
static int say_late(const struct dmm_nl_info *info, char *why)
{
	if (info->barrier_ns) {
		snprintf(why, DMM_FREEZER_WHY, "it was frozen, and not committed in time: it thawed (another disk, "
			 "the other host, a proof of its data or a journal took too long)");
		return -ETIME;
	}
	if (info->ship_ns)
		snprintf(why, DMM_FREEZER_WHY, "the destination's disk was not flushed in time: it thawed");
	else if (info->drain_ns)
		snprintf(why, DMM_FREEZER_WHY, "not everything was shipped in time: it thawed (%llu bytes were "
			 "dirty at the hold)", info->freeze_blocks * info->block_bytes);
	else
		snprintf(why, DMM_FREEZER_WHY, "the source's disk did not end the writes under way in time: it "
			 "thawed");
	return -ECANCELED;
}

/* What has become of the freeze: 0 frozen, -EINPROGRESS, or over, with @why; -ETIME: it was frozen, nobody committed. */
static int disk_look(const struct dmm_nl_info *info, const struct freezer_disk *d, u64 epoch, char *why)
{
	u64 missing;

	if (!info) {
		snprintf(why, DMM_FREEZER_WHY, "its migrate target is gone");
		return -ENODEV;
	}
	if (info->epoch != epoch) {
		snprintf(why, DMM_FREEZER_WHY, "another freeze was begun");
		return -ESTALE;
	}
	switch (info->state) {
	case DMM_STATE_FREEZING:
		return -EINPROGRESS;
	case DMM_STATE_COMMITTED:
	case DMM_STATE_RELEASED:
		return 0;
	case DMM_STATE_FROZEN:
		/* the tracker's own accounts must agree before its word is taken */
		if (info->writes_submitted != info->writes_completed) {
			snprintf(why, DMM_FREEZER_WHY, "the target saw %llu writes and the end of %llu: its "
				 "tracking cannot be trusted", info->writes_submitted,
				 info->writes_completed);
			return -EUCLEAN;
		}
		if (!d->has_witness || dmm_witness_agrees(&d->witness, d->device_bytes,
							  info->write_bytes, &missing))
			return 0;
		snprintf(why, DMM_FREEZER_WHY, "%llu bytes were written to it since the start that the migrate "
			 "target has not seen: something went round it; start again from a table of its own",
			 missing);
		return -EUCLEAN;
	case DMM_STATE_FAILED:
	case DMM_STATE_DISCONNECTED:
		snprintf(why, DMM_FREEZER_WHY, "the migration %s while freezing: %s%s%s",
			 info->state == DMM_STATE_FAILED ? "failed" : "lost its connection",
			 strerror(-info->error), *info->reason ? ": " : "", info->reason);
		return -EREMOTEIO;
	}
	if (info->freeze_result == -ETIME)
		return say_late(info, why);
	snprintf(why, DMM_FREEZER_WHY, "the freeze ended: %s%s%s",
		 strerror(info->freeze_result ? -info->freeze_result : ECANCELED), *info->reason ? ": " : "",
		 info->reason);
	return -ECANCELED;
}

/* One was frozen, and waited in vain: for another, if that is not frozen, or was not in time. */
static void find_late(struct dmm_freezer *f, const struct look *l, u64 epoch, char *why)
{
	const struct dmm_nl_info *info;
	char said[DMM_FREEZER_WHY];
	u32 i;

	for (i = 0; i < f->c.nr_disks; i++) {
		info = l->disks[i];
		if (!info || info->epoch != epoch || info->barrier_ns)
			continue;
		say_late(info, said);
		snprintf(why, DMM_FREEZER_WHY, "disk %u: %.200s", i, said);
		return;
	}
}

enum freeze_end {
	FREEZE_GOES_ON,
	FREEZE_COMMITTED,	/* all disks: nothing more becomes of it by itself */
	FREEZE_OVER,
};

/* One round over all disks. */
static enum freeze_end freezer_look(struct dmm_freezer *f, u64 epoch, char *why)
{
	char said[DMM_FREEZER_WHY];
	u32 i, committed = 0;
	struct freezer_disk d;
	bool over = false, acquired;
	struct look l;
	int ret;

	ret = look_begin(f, &l);
	if (ret) {
		snprintf(why, DMM_FREEZER_WHY, "the kernel does not answer: %s", strerror(-ret));
		return FREEZE_OVER;
	}
	for (i = 0; i < f->c.nr_disks && !over; i++) {
		pthread_mutex_lock(&f->lock);
		d = f->disks[i];
		acquired = f->acquired;
		pthread_mutex_unlock(&f->lock);
		ret = disk_look(l.disks[i], &d, epoch, said);
		if (ret) {
			over = ret != -EINPROGRESS;
			continue;
		}
		committed += l.disks[i]->state != DMM_STATE_FROZEN;
		f->c.frozen(f->c.ctx, epoch, acquired, i, l.disks[i]->conn_epoch, l.disks[i]->barrier);
	}
	if (over)
		snprintf(why, DMM_FREEZER_WHY, "disk %u: %.200s", i - 1, said);
	if (over && ret == -ETIME)
		find_late(f, &l, epoch, why);
	look_end(&l);
	return over ? FREEZE_OVER : committed == f->c.nr_disks ? FREEZE_COMMITTED : FREEZE_GOES_ON;
}

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
		if (!ev && dmm_nl_events_open(&ev))
			ev = NULL;	/* looking every now and then does, too */
		switch (freezer_look(f, epoch, why)) {
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

int dmm_freezer_freeze(struct dmm_freezer *f, u64 epoch, bool acquired)
{
	u64 device_bytes[DMM_HO_MAX_DISKS];
	struct look l;
	u32 timeout_ms, i;
	int ret;

	ret = look_begin(f, &l);
	if (ret)
		return ret;
	/* before the hold: what some kernels count as written while it waits there is none of this */
	for (i = 0; i < f->c.nr_disks && !ret; i++) {
		if (!l.disks[i]) {
			ret = complain(f, &l, i, "have the disk attached", -ENODEV);
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
			complain(f, &l, i, "freeze", ret);
	}
	if (ret)
		goto out_end;
	pthread_mutex_lock(&f->lock);
	f->epoch = epoch;
	f->acquired = acquired;
	pthread_mutex_unlock(&f->lock);
	eventfd_write(f->wake_fd, 1);
out_end:
	look_end(&l);
	return ret;
}

int dmm_freezer_commit(struct dmm_freezer *f, u32 disk, u64 epoch)
{
	const struct dmm_nl_info *info;
	struct look l;
	int ret;

	ret = look_begin(f, &l);
	if (ret)
		return ret;
	info = l.disks[disk];
	ret = info ? do_epoch(l.nl, DMM_CMD_COMMIT, info->dev, epoch, 0) : -ENODEV;
	if (ret)
		complain(f, &l, disk, "commit", ret);
	look_end(&l);
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

	ret = look_begin(f, &l);
	if (ret)
		return ret == -ENOENT ? -ENODEV : ret;
	info = l.disks[disk];
	if (!info)
		ret = -ENODEV;
	else if (info->state != DMM_STATE_COMMITTED && info->state != DMM_STATE_RELEASED)
		ret = -EBUSY;
	look_end(&l);
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
