// SPDX-License-Identifier: GPL-2.0
/*
 * Which marks, and the thread that sets them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "fullio.h"
#include "marks.h"
#include "stop_points.h"
#include "thread.h"

#define PAUSE_MIN_MS	1000u
#define PAUSE_MAX_MS	60000u
#define USUAL_MS	3000u	/* that LVM takes, and nothing to talk about */

struct dmm_marks {
	/* constant after open */
	struct dmm_log_id log_id;
	int stop_fd;			/* eventfd */
	pthread_t thread;
	u32 nr;
	u32 disks[DMM_HO_MAX_DISKS];	/* their numbers */
	char lvs[DMM_HO_MAX_DISKS][DMM_LV_UUID_BYTES];

	/* protected by lock, a leaf */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop;
	enum dmm_mark want, done;	/* KEEP: nothing yet */
	u64 since_ms;			/* it is wanted */
	u64 next_ms, pause_ms;		/* of the next try, where one has failed */
	char why[DMM_LV_WHY];		/* it has failed; empty: not tried, or done */
};

enum dmm_mark dmm_mark_for(enum dmm_ho_role role, enum dmm_ho_state state, bool owes)
{
	switch (state) {
	case DMM_HO_ACTIVE:
		/* a disk that is not back yet is not to be made up for either */
		return owes ? DMM_MARK_KEEP : DMM_MARK_CLEAR;
	case DMM_HO_RELINQUISHED:
	case DMM_HO_RELEASED:
		return DMM_MARK_SET;
	case DMM_HO_RECEIVING:
	case DMM_HO_COMPLETE:
	case DMM_HO_OWNED:
	case DMM_HO_RUNNING:
	case DMM_HO_REFUSED:
		return role == DMM_HO_DEST ? DMM_MARK_SET : DMM_MARK_KEEP;
	case DMM_HO_SETTLED:
		return owes ? DMM_MARK_KEEP : DMM_MARK_CLEAR;
	default:
		/* freezing, frozen, fenced: the guest may stand still; lost: what nobody knows is left as it is */
		return DMM_MARK_KEEP;
	}
}

static bool owed_locked(const struct dmm_marks *m)
{
	return m->want != m->done;
}

static void wait_locked(struct dmm_marks *m, u64 until_ms)
{
	struct timespec until = {
		.tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000,
	};

	pthread_cond_timedwait(&m->changed, &m->lock, &until);
}

/* All that can be; what the first failure was. */
static int mark_all(struct dmm_marks *m, enum dmm_mark want, char why[DMM_LV_WHY])
{
	char one[DMM_LV_WHY];
	int ret = 0, err;
	u32 i;

	for (i = 0; i < m->nr; i++) {
		dmm_stop_point("before-mark");
		err = dmm_lv_mark(m->lvs[i], m->log_id.migration, want == DMM_MARK_SET, m->stop_fd, one);
		dmm_stop_point("after-mark");
		if (err == -ECANCELED)
			return err;
		if (!err || ret)
			continue;
		ret = err;
		snprintf(why, DMM_LV_WHY, "disk %u: cannot %s: %.200s", m->disks[i], want == DMM_MARK_SET ?
			 "set LVM's activation-skip" : "clear LVM's activation-skip", one);
	}
	return ret;
}

static void tried_locked(struct dmm_marks *m, enum dmm_mark want, int ret, const char *why)
{
	if (!ret) {
		if (m->why[0])
			dmm_notice(&m->log_id, "LVM's activation-skip is as it should be");
		m->done = want;
	}
	if (!ret || m->want != want) {	/* or it was not asked for any more */
		m->why[0] = '\0';
		m->next_ms = 0;
		m->pause_ms = PAUSE_MIN_MS;
		return;
	}
	if (strcmp(m->why, why))
		dmm_warn(&m->log_id, "%s; it is tried again", why);
	snprintf(m->why, sizeof(m->why), "%s", why);
	m->next_ms = dmm_now_ms() + m->pause_ms;
	m->pause_ms = dmm_min_u64(2 * m->pause_ms, PAUSE_MAX_MS);
}

static void *marks_thread(void *arg)
{
	struct dmm_marks *m = arg;
	char why[DMM_LV_WHY];
	enum dmm_mark want;
	int ret;

	pthread_mutex_lock(&m->lock);
	while (!m->stop) {
		if (!owed_locked(m)) {
			pthread_cond_wait(&m->changed, &m->lock);
			continue;
		}
		if (dmm_now_ms() < m->next_ms) {
			wait_locked(m, m->next_ms);
			continue;
		}
		want = m->want;
		pthread_mutex_unlock(&m->lock);
		ret = mark_all(m, want, why);
		pthread_mutex_lock(&m->lock);
		if (ret != -ECANCELED)
			tried_locked(m, want, ret, why);
		pthread_cond_broadcast(&m->changed);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* --- what others ask for --- */

static void want_locked(struct dmm_marks *m, enum dmm_mark want)
{
	if (want == DMM_MARK_KEEP || want == m->want)
		return;
	m->want = want;
	m->since_ms = dmm_now_ms();
	m->why[0] = '\0';
	m->next_ms = 0;
	m->pause_ms = PAUSE_MIN_MS;
	/* what was done before may be half undone by a try that fails */
	if (want != m->done)
		m->done = DMM_MARK_KEEP;
	pthread_cond_broadcast(&m->changed);
}

void dmm_marks_want(struct dmm_marks *m, enum dmm_mark want)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	want_locked(m, want);
	pthread_mutex_unlock(&m->lock);
}

static void settle_locked(struct dmm_marks *m, u64 timeout_ms)
{
	u64 until_ms = dmm_now_ms() + timeout_ms;

	while (owed_locked(m) && !m->why[0] && dmm_now_ms() < until_ms)
		wait_locked(m, until_ms);
}

int dmm_marks_finish(struct dmm_marks *m, enum dmm_mark want, u64 timeout_ms, char why[DMM_LV_WHY])
{
	int ret = 0;

	if (!m)
		return 0;
	pthread_mutex_lock(&m->lock);
	want_locked(m, want);
	if (owed_locked(m)) {
		m->why[0] = '\0';
		m->next_ms = 0;
		pthread_cond_broadcast(&m->changed);
		settle_locked(m, timeout_ms);
	}
	if (owed_locked(m)) {
		snprintf(why, DMM_LV_WHY, "%s", m->why[0] ? m->why : "LVM has not answered yet");
		ret = -EAGAIN;
	}
	pthread_mutex_unlock(&m->lock);
	return ret;
}

void dmm_marks_wait(struct dmm_marks *m, u64 timeout_ms)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	settle_locked(m, timeout_ms);
	pthread_mutex_unlock(&m->lock);
}

bool dmm_marks_owe(struct dmm_marks *m, char why[DMM_LV_WHY])
{
	bool owed;

	if (!m)
		return false;
	pthread_mutex_lock(&m->lock);
	owed = owed_locked(m) && (m->why[0] || dmm_now_ms() - m->since_ms >= USUAL_MS);
	if (owed)
		snprintf(why, DMM_LV_WHY, "%s", m->why[0] ? m->why : "LVM takes its time to change activation-skip");
	pthread_mutex_unlock(&m->lock);
	return owed;
}

/* --- life --- */

static void marks_free(struct dmm_marks *m)
{
	if (m->stop_fd >= 0)
		close(m->stop_fd);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

int dmm_marks_open(const struct dmm_manifest *manifest, const struct dmm_log_id *id, struct dmm_marks **marks)
{
	struct dmm_marks *m = calloc(1, sizeof(*m));
	int ret = 0;
	u32 i;

	*marks = NULL;
	if (!m)
		return -ENOMEM;
	m->log_id = *id;
	m->pause_ms = PAUSE_MIN_MS;
	pthread_mutex_init(&m->lock, NULL);
	dmm_cond_init(&m->changed);
	m->stop_fd = -1;
	for (i = 0; i < manifest->nr_disks; i++) {
		if (!manifest->disks[i].lv[0])
			continue;
		memcpy(m->lvs[m->nr], manifest->disks[i].lv, DMM_LV_UUID_BYTES);
		m->disks[m->nr++] = i;
	}
	if (!m->nr)
		goto out_free;
	m->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->stop_fd < 0) {
		ret = -errno;
		goto out_free;
	}
	ret = -pthread_create(&m->thread, NULL, marks_thread, m);
	if (ret)
		goto out_free;
	*marks = m;
	return 0;

out_free:
	marks_free(m);
	return ret;
}

void dmm_marks_close(struct dmm_marks *m)
{
	if (!m)
		return;
	pthread_mutex_lock(&m->lock);
	m->stop = true;
	eventfd_write(m->stop_fd, 1);
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->thread, NULL);
	marks_free(m);
}
