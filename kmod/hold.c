// SPDX-License-Identifier: GPL-2.0
/*
 * Held writes wait on a list in the order in which they came; a worker passes them
 * on, since submitting may sleep and a freeze may end in interrupt context.
 *
 * No write slips past a freeze uncounted: map() looks at .hold and counts
 * inside one RCU read-side section, dmm_hold_begin_locked() sets .hold, and
 * dmm_hold_settle() waits for the sections that may have missed it.
 */
#include <linux/rcupdate.h>

#include "hold.h"
#include "target.h"

int dmm_hold_bio(struct dmm_migration *m, struct bio *bio)
{
	unsigned long flags;
	int r = DM_MAPIO_SUBMITTED;

	spin_lock_irqsave(&m->lock, flags);
	if (!m->hold) {
		r = DM_MAPIO_REMAPPED;
	} else if (m->requeue && dm_noflush_suspending(m->ti)) {
		r = DM_MAPIO_REQUEUE;
	} else {
		bio_list_add(&m->held, bio);
		m->nr_held++;
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return r;
}

void dmm_hold_begin_locked(struct dmm_migration *m)
{
	lockdep_assert_held(&m->lock);
	WRITE_ONCE(m->hold, true);
}

void dmm_hold_settle(void)
{
	synchronize_rcu_expedited();
}

void dmm_hold_end_locked(struct dmm_migration *m)
{
	lockdep_assert_held(&m->lock);
	WRITE_ONCE(m->hold, false);
	queue_work(m->wq, &m->release_work);
}

/* A new freeze may begin while bios of the last one still wait: they go on waiting. */
static void release_worker(struct work_struct *work)
{
	struct dmm_migration *m = container_of(work, struct dmm_migration, release_work);
	unsigned long flags;
	struct bio *bio;

	for (;;) {
		spin_lock_irqsave(&m->lock, flags);
		bio = m->hold ? NULL : bio_list_pop(&m->held);
		if (bio) {
			m->nr_held--;
			dmm_target_submit_mark(m, bio);
		}
		spin_unlock_irqrestore(&m->lock, flags);
		if (!bio)
			break;
		submit_bio_noacct(bio);
	}
}

void dmm_hold_requeue(struct dmm_migration *m)
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

void dmm_hold_init(struct dmm_migration *m)
{
	bio_list_init(&m->held);
	INIT_WORK(&m->release_work, release_worker);
}
