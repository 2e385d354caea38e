// SPDX-License-Identifier: GPL-2.0
/*
 * The thread that looks, and runs the tool.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "exitcode.h"
#include "fullio.h"
#include "nl.h"
#include "reconnect.h"
#include "runner.h"
#include "thread.h"

#define LOOK_MS		5000u	/* should an event be lost */
#define LOOK_LOST_MS	500u	/* is the other daemon heard? */
#define TOOL_MS		60000u	/* it has timeouts of its own */

struct reconnect_disk {
	struct dmm_reconnect_pace pace;
	u64 dev;		/* 0: it is not attached */
	char said[DMM_RECONNECT_WHY];	/* in the log, since it was lost */
};

struct dmm_reconnect {
	/* constant after open */
	struct dmm_reconnect_config c;
	int stop_fd;			/* eventfd */

	/* the thread's */
	struct dmm_nl *nl;		/* NULL: no module, or it did not answer */
	struct dmm_nl_events *events;
	struct reconnect_disk disks[DMM_HO_MAX_DISKS];

	/* protected by lock, a leaf */
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* alone, ended */
	u32 refs;			/* owner and thread */
	bool stop;
	bool alone;			/* the thread waits for the end of a tool: closing does not */
	bool ended;
	char why[DMM_RECONNECT_WHY];
};

static void reconnect_put(struct dmm_reconnect *r)
{
	bool last;

	pthread_mutex_lock(&r->lock);
	last = !--r->refs;
	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	close(r->stop_fd);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static bool stopped(struct dmm_reconnect *r)
{
	bool stop;

	pthread_mutex_lock(&r->lock);
	stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return stop;
}

static u32 random_u32(void)
{
	u32 random = 0;

	/* without it just less random */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		return 0;
	return random;
}

static void set_why(struct dmm_reconnect *r, u32 disk, const char *text)
{
	pthread_mutex_lock(&r->lock);
	if (text)
		snprintf(r->why, sizeof(r->why), "disk %u has lost its connection: %.200s", disk, text);
	else
		r->why[0] = '\0';
	pthread_mutex_unlock(&r->lock);
}

/* --- the tool --- */

static void tool_path(char *path, size_t bytes)
{
	char self[512], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	if (slash) {
		snprintf(path, bytes, "%.*s/dmmigrate", (int)(slash - self), self);
		if (!access(path, X_OK))
			return;
	}
	snprintf(path, bytes, "dmmigrate");
}

/* Waits for its end without keeping anybody who closes. -ECANCELED: that has happened. Else as the runner. */
static int tool_end(struct dmm_reconnect *r, struct dmm_runner *run)
{
	bool stop;
	int ret;

	pthread_mutex_lock(&r->lock);
	r->alone = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	ret = dmm_runner_end(run);
	pthread_mutex_lock(&r->lock);
	r->alone = false;
	stop = r->stop;
	pthread_mutex_unlock(&r->lock);
	return stop ? -ECANCELED : ret;
}

/* Its exit code; -ECANCELED: we are to end; or -errno.  @line: what it said last, or why there is no such. */
static int tool_run(struct dmm_reconnect *r, u32 disk, char line[DMM_RECONNECT_WHY])
{
	char path[600], source[DMM_DM_NAME_BYTES], host[DMM_HOST_MAX + 16];
	char target[sizeof(host) + DMM_PATH_MAX];
	char *argv[] = {
		path, (char *)"start", (char *)"--again", (char *)"--control", (char *)r->c.control,
		(char *)"--keys", (char *)(r->c.tls ? dmm_keys_dir(r->c.tls->keys) : DMM_KEYS_DIR),
		(char *)"--tls", (char *)dmm_tls_carrier_name(r->c.tls ? r->c.tls->carrier : DMM_TLS_AUTO),
		(char *)"--", source, target, NULL,
	};
	struct dmm_runner run;
	struct dmm_target to;
	int ret, err;

	tool_path(path, sizeof(path));
	r->c.where(r->c.ctx, disk, source, &to);
	dmm_hostport_format(to.host, to.port, host, sizeof(host));
	snprintf(target, sizeof(target), "%s:%s", host, to.path);
	err = dmm_runner_begin(&run, argv);
	if (err) {
		snprintf(line, DMM_RECONNECT_WHY, "cannot run %.150s: %s", path, strerror(-err));
		return err;
	}
	err = dmm_runner_wait(&run, dmm_now_ms() + TOOL_MS, r->stop_fd);
	ret = tool_end(r, &run);
	dmm_runner_line(&run, line, DMM_RECONNECT_WHY);
	if (err == -ETIMEDOUT)
		snprintf(line, DMM_RECONNECT_WHY, "dmmigrate start did not end within %u s", TOOL_MS / 1000);
	return ret;
}

/* One try for a disk that is due. */
static void try_disk(struct dmm_reconnect *r, u32 disk, bool heard)
{
	struct reconnect_disk *d = &r->disks[disk];
	struct dmm_log_id id = r->c.log_id;
	char line[DMM_RECONNECT_WHY];
	int ret;

	id.disk = disk;
	ret = tool_run(r, disk, line);
	if (ret == -ECANCELED)
		return;
	dmm_reconnect_tried(&d->pace, heard, ret == DMM_EXIT_PREFLIGHT, dmm_now_ms(), random_u32());
	if (!ret) {
		d->said[0] = '\0';
		dmm_notice(&id, "it had lost its connection and has it again");
		return;
	}
	set_why(r, disk, line);
	if (strcmp(line, d->said))
		dmm_warn(&id, "it has lost its connection and does not go on, tried again and again: %s", line);
	snprintf(d->said, sizeof(d->said), "%s", line);
}

/* --- looking --- */

static void nl_lost(struct dmm_reconnect *r)
{
	dmm_nl_close(r->nl);
	dmm_nl_events_close(r->events);
	r->nl = NULL;
	r->events = NULL;
}

/* False: the kernel does not tell. */
static bool look(struct dmm_reconnect *r)
{
	const struct dmm_nl_info *found[DMM_HO_MAX_DISKS] = { NULL };
	struct dmm_nl_info *list = NULL;
	unsigned int nr = 0, i;
	u64 now_ms;

	if (!r->nl && dmm_nl_open(&r->nl)) {
		r->nl = NULL;
		return false;
	}
	if (!r->events && dmm_nl_events_open(&r->events))
		r->events = NULL;	/* looking every now and then does, too */
	if (dmm_nl_dump(r->nl, &list, &nr)) {
		nl_lost(r);
		return false;
	}
	for (i = 0; i < nr; i++) {
		if (list[i].gate == DMM_GATE_NONE && list[i].disk < r->c.nr_disks &&
		    !memcmp(list[i].migration, r->c.log_id.migration, DMM_ID_BYTES))
			found[list[i].disk] = &list[i];
	}
	now_ms = dmm_now_ms();
	for (i = 0; i < r->c.nr_disks; i++) {
		struct reconnect_disk *d = &r->disks[i];
		bool lost = found[i] && found[i]->state == DMM_STATE_DISCONNECTED;

		dmm_reconnect_looked(&d->pace, lost, now_ms, random_u32());
		d->dev = found[i] ? found[i]->dev : 0;
	}
	free(list);
	return true;
}

/* An event names its device, not the migration. */
static bool event_concerns(const struct dmm_reconnect *r, const struct dmm_nl_info *event)
{
	u32 i;

	for (i = 0; i < r->c.nr_disks; i++) {
		if (r->disks[i].dev == event->dev || !r->disks[i].dev)
			return true;
	}
	return false;
}

/* Has something been said about the migration, or about what may have become a part of it? */
static bool events_concern(struct dmm_reconnect *r)
{
	struct dmm_nl_info event;
	bool concern = false;
	int ret;

	while ((ret = dmm_nl_events_next(r->events, &event)) == 1)
		concern = concern || event_concerns(r, &event);
	if (ret < 0 && ret != -ENOBUFS)
		nl_lost(r);
	return concern || ret < 0;
}

static void wait_event(struct dmm_reconnect *r, u32 timeout_ms)
{
	u64 until_ms = dmm_now_ms() + timeout_ms, now_ms;
	struct pollfd p[2] = { { .fd = r->stop_fd, .events = POLLIN } };

	while ((now_ms = dmm_now_ms()) < until_ms) {
		p[1] = (struct pollfd){ .fd = r->events ? dmm_nl_events_fd(r->events) : -1, .events = POLLIN };
		if (poll(p, 2, (int)(until_ms - now_ms)) <= 0)
			continue;
		if (p[0].revents || events_concern(r))
			return;
	}
}

/* All disks once.  True: one is lost. */
static bool reconnect_round(struct dmm_reconnect *r)
{
	bool lost = false, heard;
	u32 i;

	if (!look(r))
		return false;
	for (i = 0; i < r->c.nr_disks && !stopped(r); i++) {
		struct reconnect_disk *d = &r->disks[i];

		if (!d->pace.lost)
			continue;
		lost = true;
		heard = r->c.heard(r->c.ctx);
		/* asked last: a freeze that began meanwhile is no affair of ours */
		if (dmm_reconnect_due(&d->pace, heard, dmm_now_ms()) && r->c.active(r->c.ctx))
			try_disk(r, i, heard);
	}
	if (!lost)
		set_why(r, 0, NULL);
	return lost;
}

static void *reconnect_thread(void *arg)
{
	struct dmm_reconnect *r = arg;
	bool lost;

	while (!stopped(r)) {
		lost = reconnect_round(r);
		if (!stopped(r))
			wait_event(r, lost ? LOOK_LOST_MS : LOOK_MS);
	}
	nl_lost(r);
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	reconnect_put(r);
	return NULL;
}

/* --- life --- */

int dmm_reconnect_open(const struct dmm_reconnect_config *c, struct dmm_reconnect **out)
{
	struct dmm_reconnect *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->stop_fd < 0) {
		ret = -errno;
		free(r);
		return ret;
	}
	r->c = *c;
	r->refs = 2;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	ret = dmm_thread_detached(reconnect_thread, r, 0);
	if (ret) {
		r->refs = 1;
		reconnect_put(r);
		return ret;
	}
	*out = r;
	return 0;
}

void dmm_reconnect_close(struct dmm_reconnect *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	eventfd_write(r->stop_fd, 1);
	while (!r->ended && !r->alone)
		pthread_cond_wait(&r->changed, &r->lock);
	pthread_mutex_unlock(&r->lock);
	reconnect_put(r);
}

void dmm_reconnect_why(struct dmm_reconnect *r, char why[DMM_RECONNECT_WHY])
{
	why[0] = '\0';
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	snprintf(why, DMM_RECONNECT_WHY, "%s", r->why);
	pthread_mutex_unlock(&r->lock);
}
