// SPDX-License-Identifier: GPL-2.0
/*
 * What has become of a freeze.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "freezer_priv.h"
#include "fullio.h"

void dmm_freezer_look_end(struct look *l)
{
	free(l->list);
	dmm_nl_close(l->nl);
}

int dmm_freezer_look_begin(const struct dmm_freezer *f, struct look *l)
{
	unsigned int nr = 0, i;
	int ret;

	memset(l, 0, sizeof(*l));
	ret = dmm_nl_open(&l->nl);
	if (ret)
		return ret;
	ret = dmm_nl_dump(l->nl, &l->list, &nr);
	if (ret) {
		dmm_freezer_look_end(l);
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

void dmm_freezer_refused(const struct dmm_nl_info *info, u32 disk, int err, const char *reason, char *why)
{
	const char *what = "";

	if (!info)
		what = "it is not attached to a migrate target any more";
	else if (info->state == DMM_STATE_FAILED)
		what = "its migration has failed";
	else if (info->state == DMM_STATE_DISCONNECTED)
		what = "it has lost its connections";
	else if (info->state == DMM_STATE_PAUSED)
		what = "it is paused";
	if (info && info->error)	/* which says more than that it cannot be */
		reason = info->reason;
	if (info && info->error && !*reason)
		reason = strerror(-info->error);
	if (!*what)
		what = strerror(-err);
	snprintf(why, DMM_FREEZER_WHY, "disk %u: %s%s%s", disk, what, *reason ? ": " : "", reason);
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

/* Without a disk there is nothing to hold: it is frozen, until it is committed or too old. */
static enum freeze_end freezer_look_at_none(struct dmm_freezer *f, u64 epoch, char *why)
{
	bool acquired, committed, late;

	pthread_mutex_lock(&f->lock);
	acquired = f->acquired;
	committed = f->committed;
	late = dmm_now_ms() >= f->until_ms;
	pthread_mutex_unlock(&f->lock);
	if (!committed && late) {
		snprintf(why, DMM_FREEZER_WHY, "it was not committed in time (the other host, or a journal, took too long)");
		return FREEZE_OVER;
	}
	f->c.frozen(f->c.ctx, epoch, acquired, 0, 1, 1);	/* with nothing before it */
	return committed ? FREEZE_COMMITTED : FREEZE_GOES_ON;
}

enum freeze_end dmm_freezer_look(struct dmm_freezer *f, u64 epoch, char *why)
{
	char said[DMM_FREEZER_WHY];
	u32 i, committed = 0;
	struct freezer_disk d;
	bool over = false, acquired;
	struct look l;
	int ret;

	if (!f->c.nr_disks)
		return freezer_look_at_none(f, epoch, why);
	ret = dmm_freezer_look_begin(f, &l);
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
	dmm_freezer_look_end(&l);
	return over ? FREEZE_OVER : committed == f->c.nr_disks ? FREEZE_COMMITTED : FREEZE_GOES_ON;
}
