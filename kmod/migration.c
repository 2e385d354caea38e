// SPDX-License-Identifier: GPL-2.0
/*
 * Life of a migration: creation, publication, suspension, destruction, and
 * the one place where its state changes.
 */
#include <linux/ktime.h>
#include <linux/slab.h>

#include "admit.h"
#include "gate.h"
#include "migration.h"
#include "netlink.h"
#include "sender.h"
#include "stop.h"
#include "trace.h"

static DEFINE_MUTEX(dmm_registry_mutex);
static LIST_HEAD(dmm_registry);		/* dmm_registry_mutex; ascending dev */

/* ---- state ---- */

int dmm_state_advance_locked(struct dmm_migration *m, enum dmm_event ev)
{
	struct dmm_event_note *note;
	int next;

	lockdep_assert_held(&m->lock);
	next = dmm_state_next(m->state, ev);
	if (next < 0)
		return next;
	if (next == m->state)
		return 0;

	/* when there are too many: GET tells the state all the same */
	if (m->nr_events < DMM_EVENT_QUEUE) {
		note = &m->events[m->nr_events++];
		note->old_state = m->state;
		note->state = next;
		note->error = m->error;
		note->error_side = m->error_side;
		note->epoch = m->freeze.epoch;
		note->freeze_result = m->freeze.result;
	}

	trace_dmm_state(m->dev, m->state, next, m->error);
	WRITE_ONCE(m->state, next);
	dmm_admit_set_locked(m, dmm_state_admits(next));
	queue_work(m->wq, &m->event_work);
	dmm_kick(m);
	return 0;
}

/* The freeze ends without COMMIT; @ev says where to. */
static void abort_freeze_locked(struct dmm_migration *m, enum dmm_event ev, int result)
{
	lockdep_assert_held(&m->lock);
	if (m->freeze.result == -EINPROGRESS || m->state == DMM_STATE_FROZEN)
		m->freeze.result = result;
	dmm_state_advance_locked(m, ev);
}

int dmm_freeze_abort_locked(struct dmm_migration *m, int result)
{
	lockdep_assert_held(&m->lock);
	if (m->state != DMM_STATE_FREEZING && m->state != DMM_STATE_FROZEN)
		return -EALREADY;
	abort_freeze_locked(m, DMM_EV_THAW, result);
	return 0;
}

/* Not in IDLE, RELEASED and STOPPING, where a lost link is of no interest any more. */
static bool changes_state(const struct dmm_migration *m, enum dmm_event ev)
{
	int next = dmm_state_next(m->state, ev);

	return next >= 0 && next != m->state;
}

static void note_error_locked(struct dmm_migration *m, int error, enum dmm_side side,
			      u32 remote_status, const char *reason)
{
	lockdep_assert_held(&m->lock);
#if DMM_MUTANT != 10	/* hazard 10 */
	if (m->error)
		return;
#endif
	m->error = error;
	m->error_side = side;
	m->remote_status = remote_status;
	m->reason = reason;
}

/* True: it is news, and the state has changed. */
static bool end_migration(struct dmm_migration *m, const struct dmm_late_news *news)
{
	unsigned long flags;
	bool changes;

	spin_lock_irqsave(&m->lock, flags);
	changes = changes_state(m, news->ev);
#if DMM_MUTANT == 10	/* hazard 10 */
	changes = true;
#endif
	if (changes) {
		note_error_locked(m, news->error, news->side, news->remote_status, news->reason);
		abort_freeze_locked(m, news->ev, news->error);
	} else if (m->state == DMM_STATE_COMMITTED &&
		   (!m->late.error || (news->ev == DMM_EV_ERROR && m->late.ev != DMM_EV_ERROR))) {
		m->late = *news;	/* the first; but an error outlives a lost link */
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return changes;
}

int dmm_reclaim_locked(struct dmm_migration *m)
{
	struct dmm_late_news late = m->late;
	int r, result = m->freeze.result;

	lockdep_assert_held(&m->lock);
	m->freeze.result = -ECANCELED;	/* the event says so, too */
	r = dmm_state_advance_locked(m, DMM_EV_RECLAIM);
	if (r) {
		m->freeze.result = result;
		return r;
	}
	memset(&m->late, 0, sizeof(m->late));
	if (late.error) {
		note_error_locked(m, late.error, late.side, late.remote_status, late.reason);
		dmm_state_advance_locked(m, late.ev);
	}
	return 0;
}

void dmm_migration_link_lost(struct dmm_migration *m, int error, const char *reason)
{
	struct dmm_late_news news = {
		.ev = DMM_EV_LINK_LOST, .error = error, .side = DMM_SIDE_LINK, .reason = reason,
	};

	if (end_migration(m, &news))
		DMWARN("%s: disconnected: %s (%d); the guest goes on, its writes are tracked",
		       m->name, reason, error);
}

void dmm_migration_fail(struct dmm_migration *m, int error, enum dmm_side side,
			u32 remote_status, const char *reason)
{
	struct dmm_late_news news = {
		.ev = DMM_EV_ERROR, .error = error, .side = side, .remote_status = remote_status,
		.reason = reason,
	};

	if (end_migration(m, &news))
		DMERR("%s: migration failed: %s (%d); the guest goes on at the source",
		      m->name, reason, error);
}

void dmm_migration_converged(struct dmm_migration *m, u64 epoch)
{
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	/* the freeze may have ended meanwhile, and even another have begun */
	if (m->state == DMM_STATE_FREEZING && m->freeze.epoch == epoch && !m->suspending) {
		m->freeze.result = 0;
		dmm_state_advance_locked(m, DMM_EV_CONVERGED);
	}
	spin_unlock_irqrestore(&m->lock, flags);
}

void dmm_migration_stopped(struct dmm_migration *m)
{
	unsigned long flags;
	bool stopped;

	spin_lock_irqsave(&m->lock, flags);
	/* a committed one keeps its state, its tracker and its hold */
	stopped = m->state == DMM_STATE_STOPPING;
	if (stopped) {
		dmm_tracker_disarm(&m->tracker);
		dmm_state_advance_locked(m, DMM_EV_STOPPED);
	}
	spin_unlock_irqrestore(&m->lock, flags);
	if (stopped)
		dmm_barrier_free(m);
}

/* The freeze's timeout.  COMMIT and this race for the lock; one of them wins whole. */
static void thaw_worker(struct work_struct *work)
{
	struct dmm_migration *m = container_of(to_delayed_work(work), struct dmm_migration, thaw_work);
	unsigned long flags;
	int r = -EALREADY;
	u64 now;

	dmm_stop_at(DMM_STOP_BEFORE_TIMEOUT, NULL);
	spin_lock_irqsave(&m->lock, flags);
	now = ktime_get_ns();
	if (now >= m->freeze.deadline_ns)
		r = dmm_freeze_abort_locked(m, -ETIME);
	else if (m->state == DMM_STATE_FREEZING || m->state == DMM_STATE_FROZEN)
		/* the timer of an earlier freeze, or jiffies ran ahead of the clock */
		mod_delayed_work(m->wq, &m->thaw_work,
				 nsecs_to_jiffies(m->freeze.deadline_ns - now) + 1);
	spin_unlock_irqrestore(&m->lock, flags);
	if (!r) {
		DMWARN("%s: the freeze timed out: thawed, the guest goes on at the source", m->name);
		dmm_stop_at(DMM_STOP_AFTER_TIMEOUT, NULL);
	}
}

static void event_worker(struct work_struct *work)
{
	struct dmm_migration *m = container_of(work, struct dmm_migration, event_work);
	struct dmm_event_note notes[4];
	unsigned long flags;
	unsigned int i, nr;

	do {
		spin_lock_irqsave(&m->lock, flags);
		nr = min_t(unsigned int, m->nr_events, ARRAY_SIZE(notes));
		memcpy(notes, m->events, nr * sizeof(notes[0]));
		m->nr_events -= nr;
		memmove(m->events, m->events + nr, m->nr_events * sizeof(notes[0]));
		spin_unlock_irqrestore(&m->lock, flags);

		for (i = 0; i < nr; i++)
			dmm_netlink_event(m, &notes[i]);
	} while (nr);
}

/* ---- life ---- */

int dmm_migration_create(struct dm_target *ti, struct dm_dev *origin, struct dm_dev *sink,
			 unsigned int block_shift, bool gated)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	struct dmm_migration *m;
	int r = -ENOMEM;

	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOMEM;
	m->name = kstrdup(dm_device_name(md), GFP_KERNEL);
	if (!m->name)
		goto err_free;
	/* of its own: under memory pressure another device's hung origin must not hold this one */
#if DMM_MUTANT == 20	/* hazard 20 */
	m->wq = alloc_workqueue("dmm/%s", WQ_UNBOUND, 0, m->name);
#else
	m->wq = alloc_workqueue("dmm/%s", WQ_MEM_RECLAIM | WQ_UNBOUND, 0, m->name);
#endif
	if (!m->wq)
		goto err_free_name;
	/* what waits for threads and memory is not in the way of the rescuer that has to let writes go */
	m->end_wq = alloc_workqueue("dmm-end/%s", WQ_UNBOUND, 0, m->name);
	if (!m->end_wq)
		goto err_destroy_wq;
	r = dmm_tracker_init(&m->tracker, (u64)ti->len << SECTOR_SHIFT, block_shift, !gated);
	if (r)
		goto err_destroy_end_wq;

	m->ti = ti;
	m->origin = origin;
	m->sink = sink;
	m->dev = disk_devt(dm_disk(md));
	m->tracker.dev = m->dev;
	kref_init(&m->ref);
	INIT_LIST_HEAD(&m->registry);
	mutex_init(&m->ctl);
	spin_lock_init(&m->lock);
	init_waitqueue_head(&m->wait);
	m->barrier_bytes = DMM_BARRIER_BYTES;
	m->barrier_ms = DMM_BARRIER_MS;
	m->suspending = true;	/* until resume makes it live */
	m->suspended = true;
	m->gated = gated;
	if (gated) {
		m->state = DMM_STATE_GATED;
		m->gate = DMM_GATE_SHUT;
	}
#if DMM_MUTANT != 123
	m->admit = dmm_state_admits(m->state);
#endif
	INIT_DELAYED_WORK(&m->thaw_work, thaw_worker);
	INIT_WORK(&m->event_work, event_worker);
	dmm_admit_init(m);
	ti->private = m;
	return 0;

err_destroy_end_wq:
	destroy_workqueue(m->end_wq);
err_destroy_wq:
	destroy_workqueue(m->wq);
err_free_name:
	kfree(m->name);
err_free:
	kfree(m);
	return r;
}

static void migration_release(struct kref *ref)
{
	struct dmm_migration *m = container_of(ref, struct dmm_migration, ref);

	dmm_tracker_exit(&m->tracker);
	mutex_destroy(&m->ctl);
	kfree(m->name);
	kfree(m);
}

void dmm_migration_put(struct dmm_migration *m)
{
	kref_put(&m->ref, migration_release);
}

/*
 * In this order: unpublish, so that no command finds it; end the one under way
 * and keep later ones out (.dead); end the sender, however long the origin
 * owes a read, without ctl, since a command that waits for it keeps generic
 * netlink's own lock; then the works, which nothing queues any more.
 */
void dmm_migration_destroy(struct dmm_migration *m)
{
	mutex_lock(&dmm_registry_mutex);
	list_del_init(&m->registry);
	mutex_unlock(&dmm_registry_mutex);

	mutex_lock(&m->ctl);
	m->dead = true;
	/* of one with a sink that is how it ends */
	if (READ_ONCE(m->state) == DMM_STATE_COMMITTED && !m->sink)
		DMWARN("%s: a committed table is gone: its disk may belong to the destination", m->name);
	dmm_sender_begin_stop(m, "its table is being removed");
	mutex_unlock(&m->ctl);
	dmm_sender_wait(m);

	dmm_barrier_free(m);	/* of one that was committed */
	cancel_delayed_work_sync(&m->thaw_work);
	destroy_workqueue(m->end_wq);
	destroy_workqueue(m->wq);
	WARN_ON_ONCE(m->nr_held);
	dmm_migration_put(m);
}

static void supersede(struct dmm_migration *old)
{
#if DMM_MUTANT != 13	/* hazard 13 */
	dmm_migration_fail(old, -ENODEV, DMM_SIDE_LOCAL, 0,
			   "the device's table was replaced during the migration");
#endif
}

void dmm_migration_publish(struct dmm_migration *m)
{
	struct dmm_migration *at, *next;
	struct list_head *where = &dmm_registry;

	mutex_lock(&dmm_registry_mutex);
	if (list_empty(&m->registry)) {
		list_for_each_entry_safe(at, next, &dmm_registry, registry) {
			if (at->dev == m->dev) {
				/* its destructor comes after our resume */
				supersede(at);
				m->gate_written = at->gated && dmm_gate_written(at);
				list_del_init(&at->registry);
			} else if (at->dev > m->dev) {
				where = &at->registry;
				break;
			}
		}
		list_add_tail(&m->registry, where);
	}
	mutex_unlock(&dmm_registry_mutex);
}

struct dmm_migration *dmm_migration_get_next(dev_t after)
{
	struct dmm_migration *m, *found = NULL;

	mutex_lock(&dmm_registry_mutex);
	list_for_each_entry(m, &dmm_registry, registry) {
		if (m->dev > after) {
			kref_get(&m->ref);
			found = m;
			break;
		}
	}
	mutex_unlock(&dmm_registry_mutex);
	return found;
}

struct dmm_migration *dmm_migration_get_by_dev(dev_t dev)
{
	struct dmm_migration *m = dev ? dmm_migration_get_next(dev - 1) : NULL;

	if (m && m->dev != dev) {
		dmm_migration_put(m);
		m = NULL;
	}
	return m;
}

/* ---- dm's suspend and resume ---- */

void dmm_migration_presuspend(struct dmm_migration *m, bool noflush)
{
	unsigned long flags;
	bool committed;

	spin_lock_irqsave(&m->lock, flags);
	m->suspending = true;
	/* dm waits for held bios: a freeze is aborted, after COMMIT they are given back where dm takes them */
	dmm_freeze_abort_locked(m, -ECANCELED);
	committed = m->state == DMM_STATE_COMMITTED;
	spin_unlock_irqrestore(&m->lock, flags);

	if (committed && noflush)
		dmm_admit_requeue(m);
}

void dmm_migration_postsuspend(struct dmm_migration *m)
{
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	WRITE_ONCE(m->suspended, true);
	spin_unlock_irqrestore(&m->lock, flags);
}

void dmm_migration_unsuspend(struct dmm_migration *m)
{
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	m->suspending = false;
	WRITE_ONCE(m->suspended, false);
	m->requeue = false;
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_kick(m);
}
