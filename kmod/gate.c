// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and shutting a gate; the order of steps, and why, is in doc/design.rst.
 */
#include "admit.h"
#include "gate.h"
#include "migration.h"
#include "stop.h"

static struct gendisk *gate_disk(const struct dmm_migration *m)
{
	return dm_disk(dm_table_get_md(m->ti->table));
}

#define CACHE_PASSES	3u	/* a page that is locked is passed over; what is dirty after so many has come since */

/*
 * Of a buffered write at a gate that lets none pass, or of what was read before the volume was written beneath it
 * once more, nothing must pass for the volume's content, or onto it later.  What is dirty
 * fails here, while it does; while the gate is suspended it does not (-EBUSY), nor is a gate opened while somebody goes on writing.
 */
static int drop_cache(const struct dmm_migration *m, bool opening)
{
	unsigned long until = jiffies + DMM_DRAIN_JIFFIES;
	unsigned int begun = 0;

	while (dmm_disk_is_dirty(gate_disk(m))) {
		if (READ_ONCE(m->suspending))
			return -EBUSY;
		if (!dmm_disk_is_writing(gate_disk(m))) {
			if (begun == CACHE_PASSES && opening)
				return -EBUSY;
			if (begun == CACHE_PASSES)
				break;	/* what comes while it is shut fails by itself */
			begun++;
			dmm_disk_write_cache(gate_disk(m));
		}
		if (time_after(jiffies, until))
			return -ETIMEDOUT;
		schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	dmm_disk_forget_cache(gate_disk(m));
	return 0;
}

static void gate_set(struct dmm_migration *m, enum dmm_gate gate, enum dmm_admit admit)
{
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	m->gate = gate;
	dmm_admit_set_locked(m, admit);
	spin_unlock_irqrestore(&m->lock, flags);
}

bool dmm_gate_written(const struct dmm_migration *m)
{
	struct dmm_tracker_counts sum;

	dmm_tracker_sum(&m->tracker, &sum);
	return m->gate_written || sum.submitted;
}

/* Has a write passed, or was a buffered writer told that it will? */
static bool gate_is_clean(const struct dmm_migration *m)
{
	if (dmm_gate_written(m))
		return false;
	return m->gate != DMM_GATE_OPEN || !dmm_disk_is_dirty(gate_disk(m));
}

/* All is held.  A gate that is not given back goes on as it was, and nobody has seen an error: that is decided before. */
static int may_give_back(struct dmm_migration *m)
{
	int r;

	if (!gate_is_clean(m))
		return -ENOTEMPTY;
	r = dmm_admit_drain(m, false);
	return r ? r : gate_is_clean(m) ? 0 : -ENOTEMPTY;
}

static int gate_shut(struct dmm_migration *m, bool if_clean)
{
	int r = 0;

	if (m->gate != DMM_GATE_SHUT) {
		/* held, not failed: when it is opened again nobody has noticed */
		gate_set(m, m->gate, DMM_ADMIT_HOLD_ALL);
		dmm_admit_settle();
		dmm_stop_at(DMM_STOP_IN_SHUT, NULL);
		if (if_clean)
			r = may_give_back(m);
		if (r) {
			gate_set(m, m->gate, dmm_gate_admits(m->gate));
			return r;
		}
		gate_set(m, DMM_GATE_SHUT, dmm_gate_admits(DMM_GATE_SHUT));
	} else if (if_clean && dmm_gate_written(m)) {
		return -ENOTEMPTY;
	}
	r = dmm_admit_drain(m, true);
	return r ? r : drop_cache(m, false);
}

static int gate_open(struct dmm_migration *m, enum dmm_gate gate, bool if_clean)
{
	int r = 0;

	if (if_clean)	/* a question: nothing is opened by it */
		return m->gate != DMM_GATE_OPEN ? -EINVAL : gate_is_clean(m) ? 0 : -ENOTEMPTY;
	if (m->gate == gate)
		return 0;
	if (m->gate == DMM_GATE_OPEN)
		return -EINVAL;
	if (m->gate == DMM_GATE_SHUT)	/* at READS, SHUT was drained, and no write passed since */
		r = dmm_admit_drain(m, true);
	if (!r)
		r = drop_cache(m, true);
	if (!r)
		gate_set(m, gate, dmm_gate_admits(gate));
	return r;
}

static void stop_at_gate(enum dmm_gate gate, bool after)
{
	switch (gate) {
	case DMM_GATE_SHUT:
		dmm_stop_at(after ? DMM_STOP_AFTER_SHUT : DMM_STOP_BEFORE_SHUT, NULL);
		break;
	case DMM_GATE_READS:
		dmm_stop_at(after ? DMM_STOP_AFTER_READS : DMM_STOP_BEFORE_READS, NULL);
		break;
	default:
		dmm_stop_at(after ? DMM_STOP_AFTER_OPEN : DMM_STOP_BEFORE_OPEN, NULL);
	}
}

int dmm_cmd_gate(struct dmm_migration *m, enum dmm_gate gate, bool if_clean)
{
	int r;

	stop_at_gate(gate, false);
	r = dmm_ctl_lock(m);
	if (r)
		return r;
	if (!m->gated)
		r = -EOPNOTSUPP;
	else if (gate == DMM_GATE_SHUT)
		r = gate_shut(m, if_clean);
	else
		r = gate_open(m, gate, if_clean);
	dmm_ctl_unlock(m);
	stop_at_gate(gate, true);
	return r;
}
