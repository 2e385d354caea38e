// SPDX-License-Identifier: GPL-2.0
/*
 * Held bios wait on a list in the order in which they came; a worker passes them
 * on, since submitting may sleep and a hold may end in interrupt context.
 *
 * No bio slips past a change of .admit uncounted: map() looks at .admit and counts
 * inside one RCU read-side section, and dmm_admit_settle() waits for the
 * sections that may have missed the change.
 */
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/wait.h>

#include "admit.h"
#include "target.h"

#define LOOK_JIFFIES	(HZ / 20 + 1)	/* who ends a bio may just have missed the change */

static void count_failed(struct dmm_migration *m, enum dmm_op op)
{
	if (op == DMM_OP_READ)
		this_cpu_inc(m->tracker.counts->failed_reads);
	else
		this_cpu_inc(m->tracker.counts->failed_writes);
}

int dmm_admit_bio(struct dmm_migration *m, struct bio *bio, enum dmm_op op)
{
	unsigned long flags;
	int r = DM_MAPIO_SUBMITTED;

	spin_lock_irqsave(&m->lock, flags);
	switch (dmm_admit_verdict(m->admit, op)) {
	case DMM_PASS:
		r = DM_MAPIO_REMAPPED;
		break;
	case DMM_FAIL:
		count_failed(m, op);
		r = DM_MAPIO_KILL;
		break;
	case DMM_HOLD:
		if (m->requeue && dm_noflush_suspending(m->ti)) {
			r = DM_MAPIO_REQUEUE;
			break;
		}
		bio_list_add(&m->held, bio);
		m->nr_held++;
		break;
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return r;
}

void dmm_admit_set_locked(struct dmm_migration *m, enum dmm_admit admit)
{
	lockdep_assert_held(&m->lock);
	WRITE_ONCE(m->admit, admit);
	if (m->nr_held)
		queue_work(m->wq, &m->release_work);
}

void dmm_admit_settle(void)
{
	synchronize_rcu_expedited();
}

static bool drained(struct dmm_migration *m, bool held)
{
	struct dmm_tracker_counts sum;
	unsigned long flags;
	unsigned int nr;

	/* who is taken from the list to pass is counted under the same lock */
	spin_lock_irqsave(&m->lock, flags);
	nr = m->nr_held;
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_tracker_sum(&m->tracker, &sum);
	return (!held || !nr) && sum.passed == sum.returned;
}

int dmm_admit_drain(struct dmm_migration *m, bool held)
{
	unsigned long until = jiffies + DMM_DRAIN_JIFFIES;
	long r;

	while (!drained(m, held)) {
		if (time_after(jiffies, until))
			return -ETIMEDOUT;
		r = wait_event_killable_timeout(m->wait, drained(m, held), LOOK_JIFFIES);
		if (r < 0)
			return -EINTR;
	}
	return 0;
}

/*
 * The first of the held that need not be held any more, and what becomes of it.  Where it has to go on
 * waiting, as in a new freeze, so do those behind it.
 */
static struct bio *take_held(struct dmm_migration *m, enum dmm_verdict *verdict)
{
	unsigned long flags;
	enum dmm_op op;
	struct bio *bio;

	spin_lock_irqsave(&m->lock, flags);
	bio = bio_list_peek(&m->held);
	if (bio) {
		op = dmm_target_op(bio);
		*verdict = dmm_admit_verdict(m->admit, op);
		if (*verdict == DMM_HOLD) {
			bio = NULL;
		} else {
			bio_list_pop(&m->held);
			m->nr_held--;
			if (*verdict == DMM_PASS)
				dmm_target_count(m, bio, op);
			else
				count_failed(m, op);
		}
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return bio;
}

static void release_worker(struct work_struct *work)
{
	struct dmm_migration *m = container_of(work, struct dmm_migration, release_work);
	enum dmm_verdict verdict;
	struct bio *bio;

	while ((bio = take_held(m, &verdict))) {
		if (verdict == DMM_PASS) {
			/* it has waited; and nobody would try again who is told by this thread */
			bio->bi_opf &= ~REQ_NOWAIT;
			submit_bio_noacct(bio);
		} else {
			bio_io_error(bio);
		}
	}
	wake_up_all(&m->wait);
}

void dmm_admit_requeue(struct dmm_migration *m)
{
	struct bio_list held;
	unsigned long flags;
	struct bio *bio;

	spin_lock_irqsave(&m->lock, flags);
	m->requeue = true;
	held = m->held;
	bio_list_init(&m->held);
	m->nr_held = 0;
	spin_unlock_irqrestore(&m->lock, flags);

	while ((bio = bio_list_pop(&held))) {
		bio->bi_status = BLK_STS_DM_REQUEUE;
		bio_endio(bio);
	}
}

void dmm_admit_init(struct dmm_migration *m)
{
	bio_list_init(&m->held);
	INIT_WORK(&m->release_work, release_worker);
}
