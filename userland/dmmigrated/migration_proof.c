// SPDX-License-Identifier: GPL-2.0
/*
 * Before a destination is complete: are its disks flushed up to the source's last barriers, and do they stand a
 * sample of what they were given?
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk_ops.h"
#include "migration_priv.h"
#include "stop_points.h"
#include "thread.h"

/* A thread that takes a sample; it owns its references. */
struct proof {
	struct dmm_migration *m;
	struct dmm_disk *d;
	struct dmm_handover_msg msg;
};

static void barrier_stands(struct dmm_migration *m, const struct dmm_handover_msg *msg)
{
	struct dmm_ho_event ev = {
		.type = DMM_HO_EV_BARRIER, .epoch = msg->epoch, .disk = msg->disk,
		.flag = msg->flags & DMM_BARRIER_ACQUIRED,
	};
	struct dmm_group *g = dmm_migration_group(m);

	if (g)
		dmm_group_post(g, &ev, true);	/* the source repeats itself */
}

/* The group says why no hand-over comes of it; who is asked for the disk, too. */
static void explain(struct dmm_migration *m, const char *why)
{
	struct dmm_group *g = dmm_migration_group(m);

	if (g && why[0])
		dmm_group_explain(g, why);
}

static void proof_end(struct proof *p)
{
	struct dmm_migrations *ms = p->m->all;

	dmm_registry_put(ms->registry, p->d);
	dmm_migration_put(p->m);
	free(p);
	pthread_mutex_lock(&ms->lock);
	ms->nr_proofs--;
	pthread_cond_broadcast(&ms->proved);
	pthread_mutex_unlock(&ms->lock);
}

static void *proof_thread(void *arg)
{
	struct proof *p = arg;
	char why[160];
	int ret;

	dmm_stop_point("before-sample");
	ret = p->d->ops->sample(p->d, p->msg.conn_epoch, p->msg.barrier, p->m->all->stop_fd, why);
	dmm_stop_point("after-sample");
	if (ret)
		explain(p->m, why);
	else
		barrier_stands(p->m, &p->msg);
	proof_end(p);
	return NULL;
}

/* One more?  Who would be too many is asked for again: the source repeats itself. */
static bool proof_count(struct dmm_migration *m)
{
	struct dmm_migrations *ms = m->all;
	bool may;

	pthread_mutex_lock(&ms->lock);
	may = ms->nr_proofs < DMM_MAX_PROOFS;
	if (may) {
		m->refs++;
		ms->nr_proofs++;
	}
	pthread_mutex_unlock(&ms->lock);
	return may;
}

/* Takes over the reference to @d. */
static void proof_begin(struct dmm_migration *m, struct dmm_disk *d, const struct dmm_handover_msg *msg)
{
	struct dmm_migrations *ms = m->all;
	struct proof *p;
	int ret = -ENOMEM;

	if (!proof_count(m)) {
		d->ops->sample_drop(d);
		dmm_registry_put(ms->registry, d);
		return;
	}
	p = malloc(sizeof(*p));
	if (p) {
		*p = (struct proof){ .m = m, .d = d, .msg = *msg };
		ret = dmm_thread_detached(proof_thread, p, 0);
	}
	if (!ret)
		return;
	dmm_err(&d->log_id, "no sample can be taken: %s", strerror(-ret));
	d->ops->sample_drop(d);
	if (p) {
		proof_end(p);
		return;
	}
	dmm_registry_put(ms->registry, d);
	pthread_mutex_lock(&ms->lock);
	m->refs--;	/* not the last: the caller has one */
	ms->nr_proofs--;
	pthread_mutex_unlock(&ms->lock);
}

void dmm_migration_barrier(struct dmm_migration *m, const struct dmm_handover_msg *msg)
{
	struct dmm_disk *d = m->nr_disks ? dmm_migration_disk(m, msg->disk) : NULL;
	enum dmm_sample_state sample;
	bool flushed;

	if (!m->nr_disks)
		barrier_stands(m, msg);
	if (!d)
		return;
	if (d->ops->barrier(d, msg->conn_epoch, msg->barrier, &flushed, &sample) || !flushed)
		goto out_put;
	switch (sample) {
	case DMM_SAMPLE_MISSING:
		proof_begin(m, d, msg);
		return;
	case DMM_SAMPLE_TAKEN:
		barrier_stands(m, msg);
		break;
	case DMM_SAMPLE_UNDER_WAY:
		break;
	}
out_put:
	dmm_registry_put(m->all->registry, d);
}

int dmm_migrations_await_proofs(struct dmm_migrations *ms, u64 timeout_ms)
{
	struct timespec until;
	int ret = 0;

	dmm_deadline(timeout_ms, &until);
	pthread_mutex_lock(&ms->lock);
	while (ms->nr_proofs && !ret)
		ret = -pthread_cond_timedwait(&ms->proved, &ms->lock, &until);
	if (!ms->nr_proofs)
		ret = 0;
	pthread_mutex_unlock(&ms->lock);
	return ret;
}
