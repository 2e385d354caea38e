// SPDX-License-Identifier: GPL-2.0
/*
 * The commands of the netlink family, serialised by dmm_migration.ctl.
 */
#include <linux/ktime.h>
#include <linux/netlink.h>

#include "admit.h"
#include "migration.h"
#include "sender.h"
#include "stop.h"

int dmm_ctl_lock(struct dmm_migration *m)
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

void dmm_ctl_unlock(struct dmm_migration *m)
{
	mutex_unlock(&m->ctl);
}

static void forget_error_locked(struct dmm_migration *m)
{
	lockdep_assert_held(&m->lock);
	m->error = 0;
	m->error_side = DMM_SIDE_NONE;
	m->remote_status = 0;
	m->reason = NULL;
}

/* The first connection of a set: what it says holds for all. */
static void begin_attachment(struct dmm_migration *m, const struct dmm_attach_args *a)
{
	unsigned long flags;
	u64 epoch;

	spin_lock_irqsave(&m->lock, flags);
	m->conn_epoch = a->conn_epoch;
	m->conns = a->conns;
	m->features = a->features;
	m->security = a->security;
	if (m->state == DMM_STATE_IDLE) {
		/* of a migration that goes on none is used twice */
		epoch = memcmp(m->id, a->id, sizeof(m->id)) ? 0 : m->freeze.epoch;
		memcpy(m->id, a->id, sizeof(m->id));
		m->disk = a->disk;
		forget_error_locked(m);
		memset(&m->freeze, 0, sizeof(m->freeze));
		m->freeze.epoch = epoch;
		memset(&m->ship, 0, sizeof(m->ship));
	}
	spin_unlock_irqrestore(&m->lock, flags);
}

static bool same_attachment(const struct dmm_migration *m, const struct dmm_attach_args *a)
{
	return !memcmp(m->id, a->id, sizeof(m->id)) && m->disk == a->disk &&
	       m->conn_epoch == a->conn_epoch && m->conns == a->conns &&
	       m->features == a->features && m->security == a->security && !memcmp(&m->sender->peer, &a->peer, sizeof(a->peer));
}

/* A set that takes the place of one that was lost, or of one that never became complete. */
static int replace_set(struct dmm_migration *m, const struct dmm_attach_args *a,
		       struct netlink_ext_ack *extack)
{
	int r;

	if (memcmp(m->id, a->id, sizeof(m->id)) || m->disk != a->disk) {
		NL_SET_ERR_MSG(extack, "another migration lost its connections here: stop first");
		return -EBUSY;
	}
	if (a->conn_epoch <= m->conn_epoch) {
		NL_SET_ERR_MSG(extack, "the connection epoch must be larger than any before");
		return -ESTALE;
	}
	r = dmm_sender_retire(m);
	if (r)
		NL_SET_ERR_MSG(extack, "the origin still owes a read: try again");
	return r;
}

/* May this connection come now?  Afterwards it is of the present set, or there is none. */
static int admit_connection(struct dmm_migration *m, const struct dmm_attach_args *a,
			    struct netlink_ext_ack *extack)
{
	bool again = READ_ONCE(m->state) == DMM_STATE_DISCONNECTED;
	struct dmm_sender *s = m->sender;

	if (m->gated) {
		NL_SET_ERR_MSG(extack, "a gate is no source");
		return -EOPNOTSUPP;
	}
	if (again && (!s || dmm_sender_prepared(s) || s->stopping || a->conn_epoch != m->conn_epoch))
		return replace_set(m, a, extack);
	if ((READ_ONCE(m->state) != DMM_STATE_IDLE && !again) || (s && s->stopping)) {
		NL_SET_ERR_MSG(extack, "the connections are in use: stop first");
		return -EBUSY;
	}
	if (s && !same_attachment(m, a)) {
		NL_SET_ERR_MSG(extack, "not of the migration that the others are of: stop first");
		return -EBUSY;
	}
	return 0;
}

int dmm_cmd_attach(struct dmm_migration *m, const struct dmm_attach_args *a,
		   struct netlink_ext_ack *extack)
{
	struct dmm_sender *s;
	int r;

	dmm_stop_at(DMM_STOP_BEFORE_ATTACH, NULL);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	r = admit_connection(m, a, extack);
	if (r)
		goto out;
	s = m->sender ? m->sender : dmm_sender_create(m, a);
	r = s ? dmm_sender_attach(s, a->conn_index, a->fd, extack) : -ENOMEM;
	if (!r && !m->sender) {
		m->sender = s;
		begin_attachment(m, a);
	} else if (!m->sender) {
		dmm_sender_discard(s);
	}
out:
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_ATTACH, NULL);
	return r;
}

/*
 * Armed and all dirty, before anything may be shipped (invariants 2 and 8); or, to @compare, none, and nothing
 * may be shipped before COMPARED.
 */
static int prepare_first(struct dmm_migration *m, bool compare)
{
	struct dmm_tracker_counts counts;
	unsigned long flags;
	int r;

	r = dmm_barrier_alloc(m);
	if (r)
		return r;
	r = dmm_sender_prepare(m->sender);
	if (r) {
		dmm_barrier_free(m);
		return r;
	}
	dmm_tracker_arm(&m->tracker, !compare);
	dmm_tracker_sum(&m->tracker, &counts);
	spin_lock_irqsave(&m->lock, flags);
	m->uncompared = compare;
	m->paused = false;
	m->ship.start_ns = ktime_get_ns();
	m->ship.redirtied_base = counts.redirtied;
	spin_unlock_irqrestore(&m->lock, flags);
	return 0;
}

int dmm_cmd_start(struct dmm_migration *m, const struct dmm_start_args *a)
{
	struct dmm_sender *s;
	unsigned long flags;
	bool again;
	int r;

	dmm_stop_at(a->compare ? DMM_STOP_BEFORE_COMPARE : DMM_STOP_BEFORE_START, NULL);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	s = m->sender;
	again = READ_ONCE(m->state) == DMM_STATE_DISCONNECTED;
	/* one that stops may be IDLE already, and go on freeing until it is done */
	if (!s || s->stopping || s->nr_attached < s->nr_links || (again && dmm_sender_prepared(s))) {
		r = -ENOTCONN;
		goto out;
	}
	/* to be compared again once it was cut off while it was compared; else its bitmap knows what differs */
#if DMM_MUTANT != 144
	if (again && a->compare && !READ_ONCE(m->uncompared))
		again = false;
#endif
	if (READ_ONCE(m->state) != DMM_STATE_IDLE && !again) {
		r = -EBUSY;
		goto out;
	}
	r = again ? dmm_sender_prepare(s) : prepare_first(m, a->compare);
	if (r)
		goto out;
	if (again && !a->compare)
		dmm_compare_void(m);
	if (again)
		dmm_barrier_resume(m, &s->peer);
	spin_lock_irqsave(&m->lock, flags);
	m->peer = s->peer;
	if (a->rate)
		WRITE_ONCE(m->rate, *a->rate);
	if (a->barrier_bytes)
		WRITE_ONCE(m->barrier_bytes, a->barrier_bytes);
	if (a->barrier_ms)
		WRITE_ONCE(m->barrier_ms, a->barrier_ms);
	/* it may have failed meanwhile, which sticks */
	if (m->state != DMM_STATE_FAILED)
		forget_error_locked(m);
	r = dmm_state_advance_locked(m, a->compare ? DMM_EV_COMPARE : DMM_EV_START);
	/* who paused it has not said that it may go on */
	if (!r && m->paused)
		r = dmm_state_advance_locked(m, DMM_EV_PAUSE);
	spin_unlock_irqrestore(&m->lock, flags);
	if (!r)
		dmm_sender_run(s);
out:
	dmm_ctl_unlock(m);
	dmm_stop_at(a->compare ? DMM_STOP_AFTER_COMPARE : DMM_STOP_AFTER_START, NULL);
	return r;
}

int dmm_cmd_track(struct dmm_migration *m)
{
	int r;

	r = dmm_ctl_lock(m);
	if (r)
		return r;
	if (m->gated)
		r = -EOPNOTSUPP;
	else if (m->sender || READ_ONCE(m->state) != DMM_STATE_IDLE)
		r = -EBUSY;
	else
		dmm_tracker_arm(&m->tracker, false);
	dmm_ctl_unlock(m);
	return r;
}

int dmm_cmd_pause(struct dmm_migration *m, bool pause)
{
	unsigned long flags;
	int r;

	r = dmm_ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	r = dmm_state_advance_locked(m, pause ? DMM_EV_PAUSE : DMM_EV_RESUME);
	if (!r)
		m->paused = pause;
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_ctl_unlock(m);
	return r;
}

int dmm_cmd_rate(struct dmm_migration *m, u64 rate)
{
	unsigned long flags;
	int r;

	r = dmm_ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	WRITE_ONCE(m->rate, rate);
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_kick(m);
	dmm_ctl_unlock(m);
	return 0;
}

int dmm_cmd_freeze(struct dmm_migration *m, u64 epoch, u32 timeout_ms)
{
	unsigned long flags;
	int r;

	dmm_stop_at(DMM_STOP_BEFORE_FREEZE, NULL);
	r = dmm_ctl_lock(m);
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
		m->freeze.deadline_ns = m->freeze.hold_ns + (u64)timeout_ms * NSEC_PER_MSEC;
		dmm_state_advance_locked(m, DMM_EV_FREEZE);
		mod_delayed_work(m->wq, &m->thaw_work, msecs_to_jiffies(timeout_ms) + 1);
	}
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_FREEZE, NULL);
	return r;
}

int dmm_cmd_thaw(struct dmm_migration *m, u64 epoch)
{
	unsigned long flags;
	int r;

	dmm_stop_at(DMM_STOP_BEFORE_THAW, NULL);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	if (m->state == DMM_STATE_COMMITTED)
		r = -EBUSY;
	else if (epoch != m->freeze.epoch)
		r = -ESTALE;
	else
		r = dmm_freeze_abort_locked(m, -ECANCELED);
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_THAW, NULL);
	return r;
}

int dmm_cmd_commit(struct dmm_migration *m, u64 epoch)
{
	unsigned long flags;
#if DMM_MUTANT == 22
	enum dmm_state seen;
#endif
	int r;

	r = dmm_ctl_lock(m);
	if (r)
		return r;
#if DMM_MUTANT == 22
	seen = READ_ONCE(m->state);
#endif
	dmm_stop_at(DMM_STOP_IN_COMMIT, NULL);
	spin_lock_irqsave(&m->lock, flags);
#if DMM_MUTANT == 22
	m->state = seen;	/* looked at before, acted upon now */
#endif
	if (epoch != m->freeze.epoch)
		r = -ESTALE;
	else
		r = dmm_state_advance_locked(m, DMM_EV_COMMIT);
#if DMM_MUTANT == 5
	if (!r)
		dmm_tracker_disarm(&m->tracker);
#endif
	spin_unlock_irqrestore(&m->lock, flags);
	if (!r) {
		/* the state decided; the timer would find nothing to thaw */
		cancel_delayed_work(&m->thaw_work);
		dmm_admit_settle();	/* no read that comes after the answer passes */
	}
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_COMMIT, NULL);
	return r;
}

int dmm_cmd_reclaim(struct dmm_migration *m, u64 epoch)
{
	unsigned long flags;
	int r;

	dmm_stop_at(DMM_STOP_BEFORE_RECLAIM, NULL);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	r = epoch == m->freeze.epoch ? dmm_reclaim_locked(m) : -ESTALE;
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_RECLAIM, NULL);
	return r;
}

int dmm_cmd_release(struct dmm_migration *m, u64 epoch)
{
	unsigned long flags;
	int r;

	dmm_stop_at(DMM_STOP_BEFORE_RELEASE, NULL);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	r = epoch == m->freeze.epoch ? dmm_state_advance_locked(m, DMM_EV_RELEASE) : -ESTALE;
	if (!r)
		dmm_tracker_disarm(&m->tracker);
	spin_unlock_irqrestore(&m->lock, flags);
	if (!r)
		dmm_admit_drain(m, true);	/* released it is, however long the rest takes */
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_RELEASE, NULL);
	return r;
}

int dmm_cmd_stop(struct dmm_migration *m, bool force)
{
	static const struct dmm_late_news closed = {
		.ev = DMM_EV_LINK_LOST, .error = -ESHUTDOWN, .side = DMM_SIDE_LINK,
		.reason = "its connections were closed after the commit",
	};
	unsigned long flags;
	int r = 0;

	dmm_stop_at(DMM_STOP_BEFORE_STOP, NULL);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	if (m->state == DMM_STATE_COMMITTED) {
		r = force ? 0 : -EBUSY;
		if (force && !m->late.error)
			m->late = closed;
	}
	spin_unlock_irqrestore(&m->lock, flags);
	if (!r) {
		if (m->sender && !m->sender->stopping && READ_ONCE(m->state) == DMM_STATE_COMMITTED)
			dmm_sender_say_end(m->sender);
		dmm_sender_stop(m, m->sink ? "the origin still owes a read, or the sink a write" :
				   "the origin still owes a read");
		/* it may have TRACKed without connections */
		if (!m->sender && READ_ONCE(m->state) == DMM_STATE_IDLE)
			dmm_tracker_disarm(&m->tracker);
	}
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_STOP, NULL);
	return r;
}
