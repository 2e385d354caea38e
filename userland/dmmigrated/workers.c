// SPDX-License-Identifier: GPL-2.0
/*
 * Workers, as the daemon knows them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "disk_ops.h"
#include "fullio.h"
#include "ipc.h"
#include "nbduri.h"
#include "stop_points.h"
#include "thread.h"
#include "worker_msg.h"
#include "workers.h"

#define TELL_MS		100u	/* each */
#define WATCH_MS	1000u
#define END_MS		10000u	/* without a disk */
#define NR_SLOTS	(8 * 32)

struct dmm_worker {
	/* constant */
	struct dmm_workers *all;
	u8 migration[DMM_ID_BYTES];
	bool export;
	int sock;
	int pidfd;		/* -1: this kernel has none */
	u32 slot;
	/* protected by all->lock */
	struct dmm_list node;
	bool listed;		/* takes more disks */
	u32 refs;		/* disks; and who watches it */
};

void dmm_workers_init(struct dmm_workers *ws, struct dmm_processes *processes, struct dmm_registry *registry, int lock_fd)
{
	memset(ws, 0, sizeof(*ws));
	ws->processes = processes;
	ws->registry = registry;
	ws->lock_fd = lock_fd;
	pthread_mutex_init(&ws->lock, NULL);
	dmm_cond_init(&ws->ended);
	dmm_list_init(&ws->list);
}

int dmm_worker_sock(const struct dmm_worker *w)
{
	return w->sock;
}

int dmm_worker_opener(const struct dmm_worker *w)
{
	return w->all->registry->opener;
}

bool dmm_worker_stops(const struct dmm_worker *w)
{
	bool stopping;

	pthread_mutex_lock(&w->all->lock);
	stopping = w->all->stopping;
	pthread_mutex_unlock(&w->all->lock);
	return stopping;
}

/* It takes no more disks; with none it ends. */
static void worker_unlist_locked(struct dmm_worker *w)
{
	if (w->listed)
		dmm_list_del(&w->node);
	w->listed = false;
}

static void worker_put(struct dmm_worker *w, bool watcher)
{
	struct dmm_workers *ws = w->all;
	bool last;

	pthread_mutex_lock(&ws->lock);
	last = !--w->refs;
	if (!last && w->refs == 1 && !watcher) {
		worker_unlist_locked(w);
		shutdown(w->sock, SHUT_WR);
	}
	if (last) {
		ws->slots[w->slot / 32] &= ~(1u << w->slot % 32);
		ws->nr--;
		pthread_cond_broadcast(&ws->ended);
	}
	pthread_mutex_unlock(&ws->lock);
	if (last) {
		close(w->sock);
		if (w->pidfd >= 0)
			close(w->pidfd);
		free(w);
	}
}

void dmm_worker_put(struct dmm_worker *w)
{
	worker_put(w, false);
}

/* Has it closed its end?  It has nothing to say before. */
static bool has_closed(const struct dmm_worker *w)
{
	char scrap[64];

	return !recv(w->sock, scrap, sizeof(scrap), MSG_DONTWAIT);
}

/*
 * Until the process has ended: its socket may be closed before its destinations are, which are somebody else's next.  One that has no
 * disk any more and stays is killed.
 */
static void watch(struct dmm_worker *w)
{
	u64 until_ms = DMM_NO_DEADLINE;
	bool listed;

	while (dmm_wait_fd(w->pidfd >= 0 ? w->pidfd : w->sock, POLLIN, dmm_now_ms() + WATCH_MS, -1) ||
	       (w->pidfd < 0 && !has_closed(w))) {
		pthread_mutex_lock(&w->all->lock);
		listed = w->listed;
		pthread_mutex_unlock(&w->all->lock);
		if (listed)
			continue;
		if (until_ms == DMM_NO_DEADLINE)
			until_ms = dmm_now_ms() + END_MS;
		if (dmm_now_ms() >= until_ms && w->pidfd >= 0)
			syscall(SYS_pidfd_send_signal, w->pidfd, SIGKILL, NULL, 0);
	}
}

static void *watch_thread(void *arg)
{
	struct dmm_log_id id = { .disk = DMM_LOG_NO_DISK };
	struct dmm_worker *w = arg;
	bool too_early;

	watch(w);
	pthread_mutex_lock(&w->all->lock);
	too_early = w->listed;
	worker_unlist_locked(w);
	pthread_mutex_unlock(&w->all->lock);
	if (too_early) {
		dmm_stop_point_worker_ended();
		memcpy(id.migration, w->migration, sizeof(id.migration));
		dmm_err(&id, "the process that writes its disks has ended: they have to be prepared anew, which sources do by themselves");
		dmm_registry_worker_gone(w->all->registry, w);
	}
	worker_put(w, true);
	return NULL;
}

static int take_slot_locked(struct dmm_workers *ws)
{
	u32 i;

	for (i = 0; i < NR_SLOTS; i++) {
		if (ws->slots[i / 32] & 1u << i % 32)
			continue;
		ws->slots[i / 32] |= 1u << i % 32;
		return (int)i;
	}
	return -EUSERS;
}

static int worker_begin_locked(struct dmm_workers *ws, const u8 *migration, bool export, struct dmm_worker **worker)
{
	struct dmm_worker *w = calloc(1, sizeof(*w));
	int slot = ws->stopping ? -ESHUTDOWN : take_slot_locked(ws), ret = -ENOMEM;

	if (slot < 0 || !w) {
		ret = slot < 0 ? slot : -ENOMEM;
		goto err_free;
	}
	w->all = ws;
	w->slot = (u32)slot;
	w->export = export;
	memcpy(w->migration, migration, sizeof(w->migration));
	w->sock = dmm_processes_worker(ws->processes, w->slot, export, ws->lock_fd, &w->pidfd);
	if (w->sock < 0) {
		ret = w->sock;
		goto err_free;
	}
	w->refs = 1;
	w->listed = true;
	dmm_list_add_tail(&ws->list, &w->node);
	ws->nr++;
	ret = dmm_thread_detached(watch_thread, w, 0);
	if (!ret) {
		*worker = w;
		return 0;
	}
	ws->nr--;
	dmm_list_del(&w->node);
	close(w->sock);
	if (w->pidfd >= 0)
		close(w->pidfd);
err_free:
	if (slot >= 0)
		ws->slots[slot / 32] &= ~(1u << slot % 32);
	free(w);
	return ret;
}

int dmm_workers_give(struct dmm_workers *ws, struct dmm_disk *d, struct dmm_refusal *r)
{
	const u8 *migration = d->prepare.name.migration;
	bool export = dmm_is_nbd(d->prepare.dest_path);
	struct dmm_worker *w, *found = NULL;
	struct dmm_list *pos;
	int ret = 0;

	pthread_mutex_lock(&ws->lock);
	dmm_list_for_each(pos, &ws->list) {
		w = dmm_list_entry(pos, struct dmm_worker, node);
		if (w->export == export && !memcmp(w->migration, migration, sizeof(w->migration)))
			found = w;
	}
	if (!found)
		ret = worker_begin_locked(ws, migration, export, &found);
	if (!ret)
		found->refs++;
	pthread_mutex_unlock(&ws->lock);
	if (ret)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "no process can be begun for the migration: %s", strerror(-ret));
	d->ops = &dmm_disk_remote;
	d->worker = found;
	return 0;
}

/* All of them; who does not answer in time is not waited for. */
static void tell_locked(struct dmm_workers *ws, enum dmm_worker_op op, const struct dmm_worker_ask *ask)
{
	struct dmm_ipc_msg answer;
	struct dmm_worker *w;
	struct dmm_list *pos;

	dmm_list_for_each(pos, &ws->list) {
		w = dmm_list_entry(pos, struct dmm_worker, node);
		if (!dmm_ipc_ask(w->sock, op, ask, sizeof(*ask), NULL, 0, &answer, dmm_now_ms() + TELL_MS, -1))
			dmm_ipc_free(&answer);
	}
}

void dmm_workers_stop(struct dmm_workers *ws)
{
	struct dmm_worker_ask *ask = calloc(1, sizeof(*ask));

	pthread_mutex_lock(&ws->lock);
	ws->stopping = true;
	if (ask)
		tell_locked(ws, DMM_WORKER_STOP, ask);
	pthread_mutex_unlock(&ws->lock);
	free(ask);
}

void dmm_workers_log(struct dmm_workers *ws)
{
	struct dmm_worker_ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return;
	/* one that begins meanwhile has it from the start, or waits for the lock until it is listed */
	ask->u.log_level = dmm_log_max();
	pthread_mutex_lock(&ws->lock);
	tell_locked(ws, DMM_WORKER_LOG, ask);
	pthread_mutex_unlock(&ws->lock);
	free(ask);
}

int dmm_workers_exit(struct dmm_workers *ws, u64 timeout_ms)
{
	struct timespec until;
	int ret = 0;

	dmm_deadline(timeout_ms, &until);
	pthread_mutex_lock(&ws->lock);
	while (ws->nr && !ret)
		ret = -pthread_cond_timedwait(&ws->ended, &ws->lock, &until);
	ret = ws->nr ? -ETIMEDOUT : 0;
	pthread_mutex_unlock(&ws->lock);
	return ret;
}
