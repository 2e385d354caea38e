// SPDX-License-Identifier: GPL-2.0
/*
 * The commands of the netlink family, serialised by dmm_migration.ctl.
 */
#include <linux/ktime.h>
#include <linux/netlink.h>

#include "hold.h"
#include "migration.h"
#include "sender.h"

/* Takes ctl unless the table is gone already. */
static int ctl_lock(struct dmm_migration *m)
{
	if (mutex_lock_killable(&m->ctl))
		return -EINTR;
	if (!m->dead) {
		dmm_sender_reap(m);
		return 0;
	}
	mutex_unlock(&m->ctl);
	return -ENODEV;
}

/* The first connection of a set: what it says holds for all. */
static void begin_attachment(struct dmm_migration *m, const struct dmm_attach_args *a)
{
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	memcpy(m->id, a->id, sizeof(m->id));
	m->disk = a->disk;
	m->conn_epoch = a->conn_epoch;
	m->conns = a->conns;
	m->features = a->features;
	m->error = 0;
	m->error_side = DMM_SIDE_NONE;
	m->remote_status = 0;
	m->reason = NULL;
	memset(&m->freeze, 0, sizeof(m->freeze));
	memset(&m->ship, 0, sizeof(m->ship));
	spin_unlock_irqrestore(&m->lock, flags);
}

static bool same_attachment(const struct dmm_migration *m, const struct dmm_attach_args *a)
{
	return !memcmp(m->id, a->id, sizeof(m->id)) && m->disk == a->disk &&
	       m->conn_epoch == a->conn_epoch && m->conns == a->conns &&
	       m->features == a->features;
}

int dmm_cmd_attach(struct dmm_migration *m, const struct dmm_attach_args *a,
		   struct netlink_ext_ack *extack)
{
	struct dmm_sender *s;
	int r;

	r = ctl_lock(m);
	if (r)
		return r;
	s = m->sender;
	if (READ_ONCE(m->state) != DMM_STATE_IDLE || (s && s->stopping)) {
		NL_SET_ERR_MSG(extack, "the connections are in use: stop first");
		r = -EBUSY;
		goto out;
	}
	if (s && !same_attachment(m, a)) {
		NL_SET_ERR_MSG(extack, "not of the migration that the others are of: stop first");
		r = -EBUSY;
		goto out;
	}
	if (!s)
		s = dmm_sender_create(m, a->conns, a->features);
	r = s ? dmm_sender_attach(s, a->conn_index, a->fd, extack) : -ENOMEM;
	if (!r && !m->sender) {
		m->sender = s;
		begin_attachment(m, a);
	} else if (!m->sender) {
		dmm_sender_discard(s);
	}
out:
	mutex_unlock(&m->ctl);
	return r;
}

int dmm_cmd_start(struct dmm_migration *m, const struct dmm_start_args *a)
{
	struct dmm_tracker_counts counts;
	unsigned long flags;
	int r;

	r = ctl_lock(m);
	if (r)
		return r;
	if (!m->sender || m->sender->nr_attached < m->sender->nr_links) {
		r = -ENOTCONN;
		goto out;
	}
	if (READ_ONCE(m->state) != DMM_STATE_IDLE) {
		r = -EBUSY;
		goto out;
	}
	r = dmm_barrier_alloc(m);
	if (r)
		goto out;
	r = dmm_sender_prepare(m->sender);
	if (r) {
		dmm_barrier_free(m);
		goto out;
	}
	/* armed and all dirty before anything may be shipped (invariants 2 and 8) */
	dmm_tracker_arm(&m->tracker);
	dmm_tracker_sum(&m->tracker, &counts);
	spin_lock_irqsave(&m->lock, flags);
	m->ship.start_ns = ktime_get_ns();
	m->ship.redirtied_base = counts.redirtied;
	if (a->rate)
		WRITE_ONCE(m->rate, *a->rate);
	if (a->barrier_bytes)
		WRITE_ONCE(m->barrier_bytes, a->barrier_bytes);
	if (a->barrier_ms)
		WRITE_ONCE(m->barrier_ms, a->barrier_ms);
	r = dmm_state_advance_locked(m, DMM_EV_START);
	spin_unlock_irqrestore(&m->lock, flags);
	if (!r)
		dmm_sender_run(m->sender);
out:
	mutex_unlock(&m->ctl);
	return r;
}

int dmm_cmd_pause(struct dmm_migration *m, bool pause)
{
	unsigned long flags;
	int r;

	r = ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	r = dmm_state_advance_locked(m, pause ? DMM_EV_PAUSE : DMM_EV_RESUME);
	spin_unlock_irqrestore(&m->lock, flags);
	mutex_unlock(&m->ctl);
	return r;
}

int dmm_cmd_rate(struct dmm_migration *m, u64 rate)
{
	unsigned long flags;
	int r;

	r = ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	WRITE_ONCE(m->rate, rate);
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_kick(m);
	mutex_unlock(&m->ctl);
	return 0;
}

int dmm_cmd_freeze(struct dmm_migration *m, u64 epoch, u32 timeout_ms)
{
	unsigned long flags;
	int r;

	r = ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	if (m->suspending) {
		r = -EBUSY;
	} else if (epoch <= m->freeze.epoch) {
		r = -ESTALE;
	} else {
		r = dmm_state_next(m->state, DMM_EV_FREEZE);
		r = r < 0 ? r : 0;
	}
	if (!r) {
		memset(&m->freeze, 0, sizeof(m->freeze));
		m->freeze.epoch = epoch;
		m->freeze.result = -EINPROGRESS;
		m->freeze.hold_ns = ktime_get_ns();
		m->ship.prehold_bytes = m->ship.shipped_bytes;
		dmm_hold_begin_locked(m);
		m->freeze.deadline_ns = m->freeze.hold_ns + (u64)timeout_ms * NSEC_PER_MSEC;
		dmm_state_advance_locked(m, DMM_EV_FREEZE);
		mod_delayed_work(m->wq, &m->thaw_work, msecs_to_jiffies(timeout_ms) + 1);
	}
	spin_unlock_irqrestore(&m->lock, flags);
	mutex_unlock(&m->ctl);
	return r;
}

int dmm_cmd_thaw(struct dmm_migration *m, u64 epoch)
{
	unsigned long flags;
	int r;

	r = ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	if (m->state == DMM_STATE_FENCED)
		r = -EBUSY;
	else if (epoch != m->freeze.epoch)
		r = -ESTALE;
	else
		r = dmm_freeze_abort_locked(m, -ECANCELED);
	spin_unlock_irqrestore(&m->lock, flags);
	mutex_unlock(&m->ctl);
	return r;
}

int dmm_cmd_fence(struct dmm_migration *m, u64 epoch)
{
	unsigned long flags;
	int r;

	r = ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	if (epoch != m->freeze.epoch)
		r = -ESTALE;
	else
		r = dmm_state_advance_locked(m, DMM_EV_FENCE);
	spin_unlock_irqrestore(&m->lock, flags);
	/* the state decided; the timer would find nothing to thaw */
	if (!r)
		cancel_delayed_work(&m->thaw_work);
	mutex_unlock(&m->ctl);
	return r;
}

int dmm_cmd_stop(struct dmm_migration *m, bool force)
{
	unsigned long flags;
	int r = 0;

	r = ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	if (m->state == DMM_STATE_FENCED && !force)
		r = -EBUSY;
	spin_unlock_irqrestore(&m->lock, flags);
	if (!r)
		dmm_sender_stop(m, "the origin still owes a read");
	mutex_unlock(&m->ctl);
	return r;
}
