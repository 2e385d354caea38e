// SPDX-License-Identifier: GPL-2.0
/*
 * The steps of a freeze (invariant 6): hold, drain, ship the rest, barrier.
 * Only all of them together permit FROZEN; nothing else does.
 */
#include <linux/ktime.h>

#include "admit.h"
#include "migration.h"
#include "sender.h"
#include "stop.h"

/* Store the time since the last phase into *@field. */
static void end_phase(struct dmm_sender *s, u64 *field, enum dmm_freeze_phase next)
{
	u64 now = ktime_get_ns();
	unsigned long flags;

	spin_lock_irqsave(&s->m->lock, flags);
	/* another freeze may have begun */
	if (s->m->freeze.epoch == s->freeze_epoch)
		*field = now - s->phase_ns;
	spin_unlock_irqrestore(&s->m->lock, flags);
	s->phase_ns = now;
	s->phase = next;
}

static void begin(struct dmm_sender *s, u64 epoch, u64 hold_ns)
{
	s->freeze_epoch = epoch;
	s->phase_ns = hold_ns;
	s->phase = DMM_PHASE_DRAINING;
	dmm_stop_at(DMM_STOP_BEFORE_DRAIN, &s->stopping);
	dmm_admit_settle();
}

static bool step_draining(struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;
	unsigned long flags;
	u64 blocks;

#if DMM_MUTANT != 2
	if (!dmm_tracker_drained(&m->tracker))
		return false;
#endif
	blocks = dmm_tracker_dirty(&m->tracker);
	spin_lock_irqsave(&m->lock, flags);
	if (m->freeze.epoch == s->freeze_epoch)
		m->freeze.blocks = blocks;
	spin_unlock_irqrestore(&m->lock, flags);
	end_phase(s, &m->freeze.drain_ns, DMM_PHASE_SHIPPING);
	dmm_stop_at(DMM_STOP_AFTER_DRAIN, &s->stopping);
	return true;
}

/* Nothing dirty and nothing on its way, by the counter and by the bits. */
static bool all_shipped(struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;

#if DMM_MUTANT == 2
	return true;
#elif DMM_MUTANT == 4
	return READ_ONCE(m->ship.sweep_blocks) == m->tracker.bitmap.nr_blocks &&
	       !READ_ONCE(m->ship.inflight_bytes);
#endif
	if (READ_ONCE(m->ship.inflight_bytes) || dmm_tracker_dirty(&m->tracker))
		return false;
	/* not a WARN: the freeze may just have ended, with a mark half done */
	return !dmm_bitmap_weight(&m->tracker.bitmap);
}

static bool step_shipping(struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;

	/* one of the copy, or of an aborted freeze, may still be under way */
	if (dmm_barrier_pending(s) || !all_shipped(s))
		return false;
	end_phase(s, &m->freeze.ship_ns, DMM_PHASE_BARRIER);
	dmm_stop_at(DMM_STOP_BEFORE_BARRIER, &s->stopping);
	/* one for all links: nothing is in flight on any.  If it fails a receive thread says why */
	dmm_barrier_ask(s);
	return true;
}

static bool step_barrier(struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;

#if DMM_MUTANT != 102	/* hazard 2 */
	if (READ_ONCE(s->barrier_acked) != s->barrier)
		return false;
#endif
#if DMM_MUTANT != 2 && DMM_MUTANT != 102 && DMM_MUTANT != 4
	/* something marked, or acknowledged, after all: the barrier is void */
	if (!all_shipped(s) || READ_ONCE(m->unflushed.nr)) {
		s->phase = DMM_PHASE_SHIPPING;
		return true;
	}
#endif
	end_phase(s, &m->freeze.barrier_ns, DMM_PHASE_NONE);
	dmm_stop_at(DMM_STOP_BEFORE_FROZEN, &s->stopping);
	dmm_migration_converged(m, s->freeze_epoch);
	dmm_stop_at(DMM_STOP_AFTER_FROZEN, &s->stopping);
	return true;
}

bool dmm_freeze_step(struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;
	unsigned long flags;
	u64 epoch, hold_ns;
	bool freezing;

	spin_lock_irqsave(&m->lock, flags);
	freezing = m->state == DMM_STATE_FREEZING;
	epoch = m->freeze.epoch;
	hold_ns = m->freeze.hold_ns;
	spin_unlock_irqrestore(&m->lock, flags);
	if (!freezing)
		return false;

	if (s->freeze_epoch != epoch) {
		begin(s, epoch, hold_ns);
		return true;
	}
	switch (s->phase) {
	case DMM_PHASE_DRAINING:
		return step_draining(s);
	case DMM_PHASE_SHIPPING:
		return step_shipping(s);
	case DMM_PHASE_BARRIER:
		return step_barrier(s);
	case DMM_PHASE_NONE:
		break;
	}
	return false;
}
