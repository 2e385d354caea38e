// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and shutting a gate; the order of steps, and why, is in doc/design.rst.
 */
#include <linux/jiffies.h>
#include <linux/wait.h>

#include "admit.h"
#include "gate.h"
#include "migration.h"
#include "stop.h"

#define DRAIN_JIFFIES	(10 * HZ)	/* how long shutting waits for the volume */
#define LOOK_JIFFIES	(HZ / 20 + 1)	/* who ends a bio may just have missed the change */

static bool gate_drained(const struct dmm_migration *m)
{
	struct dmm_tracker_counts sum;

	dmm_tracker_sum(&m->tracker, &sum);
	return sum.passed == sum.returned;
}

/* Shut, so nothing more passes. 0, -EINTR or -ETIMEDOUT. */
static int gate_drain(struct dmm_migration *m)
{
	unsigned long until = jiffies + DRAIN_JIFFIES;
	long r;

	while (!gate_drained(m)) {
		if (time_after(jiffies, until))
			return -ETIMEDOUT;
		r = wait_event_killable_timeout(m->wait, gate_drained(m), LOOK_JIFFIES);
		if (r < 0)
			return -EINTR;
	}
	return 0;
}

static struct gendisk *gate_disk(const struct dmm_migration *m)
{
	return dm_disk(dm_table_get_md(m->ti->table));
}

/*
 * Of a buffered write at a gate that lets none pass, or of what was read before the volume was written beneath it
 * once more, nothing must pass for the volume's content, or onto it later.  What is dirty
 * fails here, while it does.
 */
static void drop_cache(const struct dmm_migration *m)
{
	dmm_sync_disk(gate_disk(m), true);
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

static int gate_shut(struct dmm_migration *m, bool if_clean)
{
	int r;

	/* what a buffered writer was told of must not be dropped as never written */
	if (if_clean && m->gate == DMM_GATE_OPEN)
		dmm_sync_disk(gate_disk(m), false);
	if (m->gate != DMM_GATE_SHUT) {
		/* held, not failed: when it is opened again nobody has noticed */
		gate_set(m, m->gate, DMM_ADMIT_HOLD_ALL);
		dmm_admit_settle();
		dmm_stop_at(DMM_STOP_IN_SHUT, NULL);
		if (if_clean && dmm_gate_written(m)) {
			gate_set(m, m->gate, dmm_gate_admits(m->gate));
			return -ENOTEMPTY;
		}
		gate_set(m, DMM_GATE_SHUT, dmm_gate_admits(DMM_GATE_SHUT));
		dmm_admit_flush(m);
	} else if (if_clean && dmm_gate_written(m)) {
		return -ENOTEMPTY;
	}
	r = gate_drain(m);
	if (!r)
		drop_cache(m);
	return r;
}

static int gate_open(struct dmm_migration *m, enum dmm_gate gate)
{
	if (m->gate == gate)
		return 0;
	if (m->gate == DMM_GATE_OPEN)
		return -EINVAL;
	drop_cache(m);
	gate_set(m, gate, dmm_gate_admits(gate));
	return 0;
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
		r = gate_open(m, gate);
	dmm_ctl_unlock(m);
	stop_at_gate(gate, true);
	return r;
}
