// SPDX-License-Identifier: GPL-2.0
/*
 * COMPARING: who reads both sides marks what differs, then says that it is done.  Why no write is
 * lost is in doc/design.rst, "Comparing".
 */
#include "migration.h"
#include "sender.h"
#include "stop.h"

int dmm_cmd_mark(struct dmm_migration *m, u64 offset_bytes, u64 length_bytes)
{
	u64 size_bytes = m->tracker.size_bytes, first, nr;
	int r;

	if (!length_bytes || offset_bytes >= size_bytes || length_bytes > size_bytes - offset_bytes)
		return -ERANGE;
	dmm_stop_at(DMM_STOP_BEFORE_MARK, NULL);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	/* it may end meanwhile, by a lost link or an error: then one mark more does no harm */
	if (READ_ONCE(m->state) != DMM_STATE_COMPARING) {
		r = -EINVAL;
	} else {
		dmm_range_out(offset_bytes, length_bytes, m->tracker.block_shift, &first, &nr);
#if DMM_MUTANT == 141
		nr--;
#endif
		dmm_tracker_mark(&m->tracker, first, nr);
	}
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_MARK, NULL);
	return r;
}

int dmm_cmd_compared(struct dmm_migration *m, u64 conn_epoch)
{
	unsigned long flags;
	int r;

	dmm_stop_at(DMM_STOP_BEFORE_COMPARED, NULL);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	spin_lock_irqsave(&m->lock, flags);
	/* by other connections, to who knows whom, it would be another comparison */
	r = conn_epoch == m->conn_epoch ? dmm_state_advance_locked(m, DMM_EV_COMPARED) : -ESTALE;
	if (!r) {
		m->uncompared = false;
		/*
		 * What is equal was acknowledged once, and whether it was flushed nobody here knows (invariant 11).
		 * Nothing was shipped yet, so the list is empty and has room.
		 */
#if DMM_MUTANT != 142
		WARN_ON_ONCE(!dmm_unflushed_add(&m->unflushed, 0, m->tracker.bitmap.nr_blocks));
#endif
	}
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_ctl_unlock(m);
	dmm_stop_at(DMM_STOP_AFTER_COMPARED, NULL);
	return r;
}

void dmm_compare_void(struct dmm_migration *m)
{
	unsigned long flags;

	lockdep_assert_held(&m->ctl);
	if (!READ_ONCE(m->uncompared))
		return;
#if DMM_MUTANT != 143
	dmm_tracker_mark(&m->tracker, 0, m->tracker.bitmap.nr_blocks);
#endif
	spin_lock_irqsave(&m->lock, flags);
	m->uncompared = false;
	spin_unlock_irqrestore(&m->lock, flags);
	DMINFO("%s: the comparison was cut off: everything is dirty", m->name);
}
