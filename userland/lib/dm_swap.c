// SPDX-License-Identifier: GPL-2.0
/*
 * The swap of a live table.  A resume suspends, exchanges and resumes in one ioctl; when it fails
 * half way the device stays suspended, so the way back is prepared before: every task is
 * made, and memory is locked, so that what the library allocates for an ioctl in
 * between is neither paged out nor in by way of the very device.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "dm.h"
#include "dm_priv.h"
#include "lvm_lock.h"
#include "sysfs.h"

#ifndef sigev_notify_thread_id	/* glibc before 2.39 */
#define sigev_notify_thread_id	_sigev_un._tid
#endif

#define DMM_SWAP_LIMIT_S	10
#define LVM_MS			5000u	/* for its commands to end */
#define LVM_PAUSE_MS		500u	/* where somebody waits meanwhile */
#define DMM_STR_(x)		#x
#define DMM_STR(x)		DMM_STR_(x)

/*
 * What the kernel computes anew at every exchange of tables although people may
 * have set it.  Attributes that say what the device can do are not here.
 */
static const char *const queue_attrs[] = {
	"read_ahead_kb", "max_sectors_kb", "discard_max_bytes", "nomerges", "rq_affinity",
	"iostats", "add_random",
};
#define NR_QUEUE_ATTRS	(sizeof(queue_attrs) / sizeof(queue_attrs[0]))

struct queue_state {
	char value[NR_QUEUE_ATTRS][32];
};

static void queue_save(const struct dmm_dm_dev *dev, struct queue_state *q)
{
	char attr[64];
	size_t i;

	for (i = 0; i < NR_QUEUE_ATTRS; i++) {
		snprintf(attr, sizeof(attr), "queue/%s", queue_attrs[i]);
		if (dmm_sysfs_read(dev->major, dev->minor, attr, q->value[i],
				   sizeof(q->value[i])) <= 0)
			q->value[i][0] = '\0';
	}
}

/* Best effort: an attribute that cannot be put back harms nobody's data. */
static void queue_restore(const struct dmm_dm_dev *dev, const struct queue_state *q)
{
	char attr[64], now[32], path[128];
	size_t i;

	for (i = 0; i < NR_QUEUE_ATTRS; i++) {
		dmm_autoclose int fd = -1;

		snprintf(attr, sizeof(attr), "queue/%s", queue_attrs[i]);
		if (!q->value[i][0] ||
		    dmm_sysfs_read(dev->major, dev->minor, attr, now, sizeof(now)) <= 0 ||
		    !strcmp(now, q->value[i]))
			continue;
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", dev->major, dev->minor,
			 attr);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && write(fd, q->value[i], strlen(q->value[i])) < 0)
			continue;
	}
}

/*
 * A resume waits until the guest's I/O has drained, and new I/O waits with it: with a disk that has
 * stopped answering, without end.  The kernel's wait can be interrupted, and then nothing has changed.
 */
static void on_alarm(int sig)
{
	(void)sig;
}

static int swap_resume(struct dm_task *resume)
{
	struct sigaction act = { .sa_handler = on_alarm }, old;	/* no SA_RESTART */
	/* again and again: the first may come just before the ioctl */
	struct itimerspec limit = { .it_value.tv_sec = DMM_SWAP_LIMIT_S, .it_interval.tv_nsec = 200000000 };
	/* to this thread: others of a daemon would wake up in its place */
	struct sigevent to = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	sigset_t alarm, mask;
	timer_t timer;
	int ret;

	to.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &to, &timer))
		return -errno;
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	sigaction(SIGALRM, &act, &old);
	pthread_sigmask(SIG_UNBLOCK, &alarm, &mask);
	timer_settime(timer, 0, &limit, NULL);
	ret = dmm_dm_run(resume);
	timer_delete(timer);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGALRM, &old, NULL);
	if (ret == -EINTR)
		dmm_dm_set_reason("the disk has not answered for " DMM_STR(DMM_SWAP_LIMIT_S) " s");
	return ret;
}

static struct dm_task *swap_task(int type, const struct dmm_dm_dev *dev, enum dmm_swap how)
{
	struct dm_task *dmt = dm_task_create(type);

	if (!dmt)
		return NULL;
	/* by number: a name may be another device's by now */
	if (dm_task_set_major_minor(dmt, dev->major, dev->minor, 1) && dm_task_no_open_count(dmt) &&
	    (type != DM_DEVICE_RESUME || dm_task_skip_lockfs(dmt)) &&
	    (how != DMM_SWAP_HELD || dm_task_no_flush(dmt)))
		return dmt;
	dm_task_destroy(dmt);
	return NULL;
}

/* The resume failed: is the device suspended, and does the old table bring it back? */
static enum dmm_swap_end swap_recover(const struct dmm_dm_dev *dev, struct dm_task *look,
				      struct dm_task *load, struct dm_task *resume)
{
	struct dm_info now;

	if (dmm_dm_run(look) || !dm_task_get_info(look, &now) || !now.exists)
		return DMM_SWAP_SUSPENDED;
	if (!now.suspended) {
		/* it never came to the exchange; the new table waits: drop it */
		dmm_dm_drop_inactive(dev);
		return DMM_SWAP_UNCHANGED;
	}
	if (dmm_dm_run(load) || dmm_dm_run(resume))
		return DMM_SWAP_SUSPENDED;
	return DMM_SWAP_UNCHANGED;
}

int dmm_dm_swap(const struct dmm_dm_dev *dev, const struct dmm_dm_table *before, enum dmm_swap how,
		enum dmm_swap_end *end)
{
	struct dm_task *resume, *look, *back_load, *back_resume;
	bool lock = how != DMM_SWAP_APART;
	dmm_autoclose int group = -1;
	struct queue_state queue;
	uint32_t cookie = 0;
	char reason[512];
	int ret = -ENOMEM;

	*end = DMM_SWAP_UNCHANGED;
	resume = swap_task(DM_DEVICE_RESUME, dev, how);
	look = swap_task(DM_DEVICE_INFO, dev, DMM_SWAP_DRAIN);
	back_load = swap_task(DM_DEVICE_RELOAD, dev, DMM_SWAP_DRAIN);
	back_resume = swap_task(DM_DEVICE_RESUME, dev, how);
	if (!resume || !look || !back_load || !back_resume ||
	    dmm_dm_set_table(back_load, before, dev->read_only))
		goto out_drop;
	/* where it can't be had, it is as without: a command of LVM's that hangs, or not its volume */
	group = dmm_lvm_lock(DMM_LVM_LOCK_DIR, dev->name, dev->uuid, how == DMM_SWAP_DRAIN ? LVM_MS : LVM_PAUSE_MS);
	queue_save(dev, &queue);
	/* The tool's own pages may live on this very device. */
	if (lock && mlockall(MCL_CURRENT | MCL_FUTURE)) {
		ret = -errno;
		goto out_drop;
	}
	/* From here a cookie is owed to udev: it must be run, and waited for, in any case. */
	if (!dm_task_set_cookie(resume, &cookie, 0)) {
		if (lock)
			munlockall();
		goto out_drop;
	}
	ret = swap_resume(resume);
	if (!ret) {
		*end = DMM_SWAP_DONE;
	} else {
		snprintf(reason, sizeof(reason), "%s", dmm_dm_reason());
		*end = swap_recover(dev, look, back_load, back_resume);
		dmm_dm_set_reason(reason);
	}
	if (lock)
		munlockall();
	/* what udev runs may wait for it */
	if (group >= 0)
		close(group);
	group = -1;
	dmm_dm_udev_wait(cookie);
	queue_restore(dev, &queue);
	goto out_destroy;

out_drop:
	dmm_dm_drop_inactive(dev);
out_destroy:
	if (resume)
		dm_task_destroy(resume);
	if (look)
		dm_task_destroy(look);
	if (back_load)
		dm_task_destroy(back_load);
	if (back_resume)
		dm_task_destroy(back_resume);
	return ret;
}
