// SPDX-License-Identifier: GPL-2.0
/*
 * Barriers while copying, and what none has covered yet (invariant 11).
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "sender.h"

/* Half of it is room for the most that can be in flight, twice over. */
#define LEAST_RUNS	(4 * DMM_MAX_CONNS * DMM_LINK_MIN_SLOTS)

int dmm_barrier_alloc(struct dmm_migration *m)
{
	u32 max = dmm_unflushed_max(m->tracker.bitmap.nr_blocks, LEAST_RUNS);
	struct dmm_run *runs;

	BUILD_BUG_ON(LEAST_RUNS < 4 * DMM_SLOTS);
	lockdep_assert_held(&m->ctl);
	runs = kvcalloc(max, sizeof(runs[0]), DMM_GFP_BULK);
	if (!runs)
		return -ENOMEM;
	dmm_unflushed_init(&m->unflushed, runs, max);
	return 0;
}

void dmm_barrier_free(struct dmm_migration *m)
{
	struct dmm_run *runs = m->unflushed.runs;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	dmm_unflushed_init(&m->unflushed, NULL, 0);
	spin_unlock_irqrestore(&m->lock, flags);
	kvfree(runs);
}

/* Does it still have all that it has acknowledged?  Who is not known does not. */
static bool same_peer(const struct dmm_peer *a, const struct dmm_peer *b)
{
#if DMM_MUTANT == 34
	return true;
#endif
	return !memcmp(a, b, sizeof(*a)) && memchr_inv(a->instance, 0, sizeof(a->instance)) &&
	       memchr_inv(a->boot, 0, sizeof(a->boot));
}

void dmm_barrier_resume(struct dmm_migration *m, const struct dmm_peer *peer)
{
	u64 first, nr, blocks = 0;
	unsigned long flags;
	bool more;

	lockdep_assert_held(&m->ctl);
	spin_lock_irqsave(&m->lock, flags);
	dmm_unflushed_unseal(&m->unflushed);	/* the barrier was lost, too */
	spin_unlock_irqrestore(&m->lock, flags);
	if (same_peer(&m->peer, peer)) {
		DMINFO("%s: connected again, to the same receiver", m->name);
		return;
	}
	do {
		spin_lock_irqsave(&m->lock, flags);
		more = dmm_unflushed_take(&m->unflushed, &first, &nr);
		spin_unlock_irqrestore(&m->lock, flags);
		if (more) {
			dmm_tracker_mark(&m->tracker, first, nr);
			blocks += nr;
		}
	} while (more);
	DMINFO("%s: connected again, to another receiver or one that was restarted: %llu blocks that it had not flushed are dirty again",
	       m->name, blocks);
}

static bool pending_locked(const struct dmm_sender *s)
{
	lockdep_assert_held(&s->m->lock);
	return s->barrier_wanted || s->barrier_seq;
}

static u64 unflushed_bytes_locked(const struct dmm_migration *m)
{
	lockdep_assert_held(&m->lock);
	return m->unflushed.blocks << m->tracker.block_shift;
}

bool dmm_barrier_pending(struct dmm_sender *s)
{
	unsigned long flags;
	bool pending;

	spin_lock_irqsave(&s->m->lock, flags);
	pending = pending_locked(s);
	spin_unlock_irqrestore(&s->m->lock, flags);
	return pending;
}

void dmm_barrier_ask(struct dmm_sender *s)
{
	unsigned long flags;

	spin_lock_irqsave(&s->m->lock, flags);
	s->barrier++;
	WRITE_ONCE(s->barrier_wanted, true);
	spin_unlock_irqrestore(&s->m->lock, flags);
	dmm_link_kick(&s->links[0]);
}

bool dmm_barrier_has_room(const struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;
	unsigned long flags;
	bool ahead;

	spin_lock_irqsave(&m->lock, flags);
	ahead = pending_locked(s) && unflushed_bytes_locked(m) / 2 >= m->barrier_bytes;
	spin_unlock_irqrestore(&m->lock, flags);
	/* a flush that is slow must not be given more and more to do: nobody waits for ever.  A freeze brings little */
	if (ahead && !dmm_freezing(m))
		return false;
	/* one more: what is acknowledged right after this look frees a slot for another */
	return dmm_unflushed_has_room(&m->unflushed, s->nr_links * s->link_slots + 1);
}

void dmm_barrier_step(struct dmm_sender *s, u64 now)
{
	struct dmm_migration *m = s->m;
	const struct dmm_unflushed *u = &m->unflushed;
	u32 nr = READ_ONCE(u->nr);
	unsigned long flags;
	u64 bytes;

	if (!nr || dmm_barrier_pending(s)) {
		s->barrier_ns = now;
		return;
	}
	spin_lock_irqsave(&m->lock, flags);
	bytes = unflushed_bytes_locked(m);
	spin_unlock_irqrestore(&m->lock, flags);
	/* a freeze ends with one of its own */
	if (nr > u->max / 2 ||
	    (!dmm_freezing(m) && (bytes >= READ_ONCE(m->barrier_bytes) ||
				  now - s->barrier_ns >= (u64)READ_ONCE(m->barrier_ms) * NSEC_PER_MSEC)))
		dmm_barrier_ask(s);
}
