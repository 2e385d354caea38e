/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon's workers (worker.h): one for each migration that has a prepared disk, and another one for its exports of NBD
 * servers, to which a process has to connect.  A worker begins with the first disk and ends with the last one's record.  One
 * that ends before takes its disks with it: they have to be prepared anew, as after a restart of the daemon.
 *
 * Locking: registry.lock > workers.lock.
 */
#ifndef DMM_WORKERS_H
#define DMM_WORKERS_H

#include <pthread.h>

#include "list.h"
#include "processes.h"
#include "registry.h"

struct dmm_workers {
	/* constant after init */
	struct dmm_processes *processes;	/* borrowed */
	struct dmm_registry *registry;		/* borrowed */
	int lock_fd;	/* borrowed; every worker has it too, so that who comes after us waits for all; -1: none */
	/* protected by lock */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	struct dmm_list list;
	u32 nr;			/* processes that have not ended */
	u32 slots[8];		/* bits: user ids in use */
	bool stopping;		/* nothing is begun, and nobody waits for an orderly end */
};

void dmm_workers_init(struct dmm_workers *ws, struct dmm_processes *processes, struct dmm_registry *registry, int lock_fd);
/* Tells all of them to end what is under way. */
void dmm_workers_stop(struct dmm_workers *ws);
/* Tells all of them what to log: as this process does. */
void dmm_workers_log(struct dmm_workers *ws);
/* No disk is left: waits for their end. 0 or -ETIMEDOUT. */
int dmm_workers_exit(struct dmm_workers *ws, u64 timeout_ms);

/*
 * Makes @d, which is not listed yet, a remote disk of the worker of its migration, which is begun when there is none.
 * 0, or a negative errno with @r filled.
 */
int dmm_workers_give(struct dmm_workers *ws, struct dmm_disk *d, struct dmm_refusal *r);
/* @d has no more to do with its worker. */
void dmm_worker_put(struct dmm_worker *w);

/* Where to ask it, and whom to ask for a descriptor of what it has written (-1: this process). */
int dmm_worker_sock(const struct dmm_worker *w);
int dmm_worker_opener(const struct dmm_worker *w);
/* Are all of them ending, so that there is no need to ask this one for anything? */
bool dmm_worker_stops(const struct dmm_worker *w);

#endif
