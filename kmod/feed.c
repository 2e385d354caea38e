// SPDX-License-Identifier: GPL-2.0
/*
 * The feeder, one thread of a disk: fills the slots of every link from the
 * bitmap and reads them, keeps the pace, freezes, and tells the links of changes.
 */
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched/mm.h>

#include "host.h"
#include "reader.h"
#include "sender.h"
#include "stop.h"

#define POLL_JIFFIES	max(HZ / 10, 1)		/* marks do not wake the thread: it looks */
#define DRAIN_JIFFIES	max(HZ / 200, 1)	/* a completion may miss the hold: look again */
#define MIN_SWEEP_NS	(100 * NSEC_PER_MSEC)
#define FILL_TURNS	256u
#define LOOK_NS		1000ull			/* several times what dmm_bitmap_find_own() takes for one */
#define SPEED_WINDOW_NS	(250 * NSEC_PER_MSEC)
#define MIN_BUDGET_BYTES	(1ull << 20)	/* of hot blocks; so little is no pause to speak of */
#define MAX_BUDGET_BYTES	(16ull << 20)

static struct dmm_slot *free_slot(struct dmm_link *l)
{
	unsigned int i;

	for (i = 0; i < l->sender->link_slots; i++)
		if (dmm_slot_state(&l->slots[i]) == DMM_SLOT_FREE)
			return &l->slots[i];
	return NULL;
}

/* How far the first sweep of all links has come; each cursor stands for its share of the disk. */
static u64 swept_blocks(const struct dmm_sender *s)
{
	u64 nr_blocks = s->m->tracker.bitmap.nr_blocks, sum = 0;
	bool done = true;
	unsigned int i;

	for (i = 0; i < s->nr_links; i++) {
		done = done && !s->links[i].first_sweep;
		sum += s->links[i].first_sweep ? max(s->links[i].cursor, s->links[i].swept) : nr_blocks;
	}
	return done ? nr_blocks : dmm_div64(sum, s->nr_links);
}

/* What the links carry when there is enough to send: the best of late. */
static void measure_speed(struct dmm_sender *s, u64 now)
{
	struct dmm_ship_stats *ship = &s->m->ship;
	u64 shipped = READ_ONCE(ship->shipped_bytes), bytes = shipped - s->speed_from, bps;

	if (now - s->speed_ns < SPEED_WINDOW_NS)
		return;
	if (bytes >= MIN_BUDGET_BYTES) {
		bps = dmm_div64(bytes * MSEC_PER_SEC, dmm_div64(now - s->speed_ns, NSEC_PER_MSEC));
		WRITE_ONCE(ship->speed_bps, max(bps, ship->speed_bps - ship->speed_bps / 16));
	}
	s->speed_ns = now;
	s->speed_from = shipped;
}

/*
 * How much may be left dirty because it is hot: what a freeze ships in a quarter of a
 * second, and a small part of the disk.
 */
static u64 heat_budget(const struct dmm_sender *s)
{
	const struct dmm_tracker *t = &s->m->tracker;
	u64 bytes = clamp_t(u64, s->m->ship.speed_bps / 4, MIN_BUDGET_BYTES, MAX_BUDGET_BYTES);

	return min(bytes, t->size_bytes / 32) >> t->block_shift;
}

/* Once a sweep. */
static void note_heat(struct dmm_sender *s, u64 now)
{
	struct dmm_tracker *t = &s->m->tracker;
	struct dmm_tracker_counts sum;
	u64 dirty = 0;

	dmm_tracker_sum(t, &sum);
	/* what a slower link has not copied even once is no reason to hurry with what is hot */
	if (swept_blocks(s) == t->bitmap.nr_blocks)
		dirty = dmm_tracker_dirty(t);
	dmm_heat_sweep(&s->heat, dirty, heat_budget(s),
		       sum.submitted == s->heat_writes && sum.submitted == sum.completed);
	s->heat_writes = sum.submitted;
	s->heat_ns = now;
}

/* May a sweep begin, or go on?  Else *@wait is lowered to when it may. */
static bool may_sweep(struct dmm_link *l, u64 now, long *wait)
{
	struct dmm_sender *s = l->sender;
	bool freezing = dmm_freezing(s->m);
	u64 due;

	if (l->cursor)
		return true;
	/* a long search, through what other links have dirty, is not made all the time */
	due = l->sweep_ns + l->looks * LOOK_NS * (freezing ? 1 : s->nr_links);
	if (!freezing)
		due += MIN_SWEEP_NS;
	else if (!l->sweep_frozen)
		due = 0;
	if (now < due) {
		*wait = min_t(long, *wait, nsecs_to_jiffies(due - now) + 1);
		return false;
	}
	l->sweep_ns = now;
	l->sweep_frozen = freezing;
	l->looks = 0;
	/* whichever link it is: one of them may stand still */
	if (now - s->heat_ns >= MIN_SWEEP_NS)
		note_heat(s, now);
	return true;
}

/* Zeros are found out about after they were read, hence paid for. */
static u64 take_unsent(struct dmm_sender *s)
{
	unsigned long flags;
	u64 bytes;

	if (!READ_ONCE(s->unsent_bytes))
		return 0;
	spin_lock_irqsave(&s->m->lock, flags);
	bytes = s->unsent_bytes;
	WRITE_ONCE(s->unsent_bytes, 0);
	spin_unlock_irqrestore(&s->m->lock, flags);
	return bytes;
}

/*
 * How long the pace makes us wait, that of the disk and that of the host; a freeze lifts both.  It is
 * kept here, not where frames are sent: what would wait there, read already, might be stale by then.
 */
static long pace(struct dmm_sender *s, u64 now)
{
	u64 rate = READ_ONCE(s->m->rate), delay, unsent = take_unsent(s);

	if (rate != s->pacer.rate)
		dmm_pacer_set_rate(&s->pacer, rate, now);
	if (unsent) {
		dmm_pacer_give_back(&s->pacer, unsent);
		dmm_host_give_back(s, unsent);
	}
	if (dmm_freezing(s->m))
		return 0;
	delay = dmm_pacer_delay_ns(&s->pacer, DMM_MAX_EXTENT_BYTES, now);
	if (delay)
		dmm_host_leave(s);	/* it can wait no longer for the host's than for its own */
	else
		delay = dmm_host_ask(s, now);
	return delay ? nsecs_to_jiffies(delay) + 1 : 0;
}

static void pay(struct dmm_sender *s, u32 bytes, u64 now)
{
	if (dmm_freezing(s->m))
		return;
	dmm_pacer_take(&s->pacer, bytes, now);
	dmm_host_take(s, bytes, now);
}

/* Fill one slot of @l.  False: the others' turn, until something changes. */
static bool fill_link(struct dmm_link *l, long *wait)
{
	struct dmm_sender *s = l->sender;
	struct dmm_migration *m = s->m;
	u64 now = ktime_get_ns();
	struct dmm_slot *slot;
	unsigned long flags;
	long delay;
	int r;

#if DMM_MUTANT == 4
	if (!l->first_sweep)
		return false;
#endif
	if (READ_ONCE(l->nr_pool) < DMM_SLOT_PAGES)
		return false;
	slot = free_slot(l);
	if (!slot)
		return false;
	/* before the sweep is begun: one that can't go on would lose its turn to those under way */
	delay = pace(s, now);
	if (delay) {
		s->paced = true;
		*wait = min(*wait, delay);
		return false;
	}
	if (!may_sweep(l, now, wait))
		return false;
	r = dmm_scan_pick(l, slot, now);
	WRITE_ONCE(m->ship.sweep_blocks, swept_blocks(s));
	if (r == -EAGAIN) {
		dmm_host_leave(s);	/* it may be long before there is something to send */
		return true;
	}
	/* or all that is dirty is in flight; in a freeze what lies behind the cursor comes at once */
	if (r)
		return dmm_freezing(m) && !l->sweep_frozen;
	pay(s, slot->len_bytes, now);
	dmm_link_take_pages(l, slot);
	spin_lock_irqsave(&m->lock, flags);
	WRITE_ONCE(slot->state, DMM_SLOT_READING);
	slot->read_ns = now;
	slot->acked = false;
	s->nr_bios++;
	WRITE_ONCE(m->ship.inflight_bytes, m->ship.inflight_bytes + slot->len_bytes);
	spin_unlock_irqrestore(&m->lock, flags);
	/* only now: who looks never finds it neither dirty nor in flight (dmm_stats_get()) */
	dmm_scan_clear(slot);
	dmm_stop_at(DMM_STOP_AFTER_CLEAR, &s->stopping);
	dmm_reader_submit(slot);
	dmm_stop_at(DMM_STOP_AFTER_SUBMIT, &s->stopping);
	return true;
}

/* All were dirty at START: none is any more, so each has been picked once. */
static void end_first_sweep(struct dmm_sender *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_links; i++)
		s->links[i].first_sweep = false;
	WRITE_ONCE(s->m->ship.sweep_blocks, s->m->tracker.bitmap.nr_blocks);
}

/*
 * Links in turn, beginning after the one that had the last: whatever makes us stop, be it the
 * pace, they get on alike.
 */
static bool fill(struct dmm_sender *s, long *wait)
{
	bool progress = false;
	unsigned int failed = 0, i;

	s->paced = false;
	/* not for ever: a freeze has steps of its own to take */
	for (i = 0; i < FILL_TURNS && failed < s->nr_links && dmm_may_ship(s->m) &&
	     dmm_barrier_has_room(s); i++) {
		if (!dmm_tracker_dirty(&s->m->tracker)) {
			end_first_sweep(s);
			break;
		}
		if (fill_link(&s->links[s->turn], wait)) {
			progress = true;
			failed = 0;
		} else {
			failed++;
		}
		s->turn = s->turn + 1 < s->nr_links ? s->turn + 1 : 0;
		cond_resched();
	}
	if (!s->paced)
		dmm_host_leave(s);	/* it is not the pace that keeps us from going on */
	return progress;
}

/*
 * Changes of state wake the feeder; the links hear of them here.  A send thread that waits
 * for a peer's room hears nothing: when there is no more to say to the peers, its socket wakes it.
 */
static void tell_links(struct dmm_sender *s, enum dmm_state state)
{
	bool suspended = READ_ONCE(s->m->suspended);
	unsigned int i;

	if (s->seen_state == state && s->seen_suspended == suspended)
		return;
	s->seen_state = state;
	s->seen_suspended = suspended;
	for (i = 0; i < s->nr_links; i++) {
		if (dmm_state_ends_link(state))
			dmm_conn_shutdown(&s->links[i].conn);
		dmm_link_kick(&s->links[i]);
	}
}

/* Returns how long there is nothing to do; 0: more to do now. */
static long step(struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;
	enum dmm_state state = READ_ONCE(m->state);
	u64 now = ktime_get_ns();
	long wait = POLL_JIFFIES;
	bool progress;

	tell_links(s, state);
	if (dmm_state_ends_link(state) || state == DMM_STATE_COMMITTED ||
	    state == DMM_STATE_RELEASED)
		return MAX_SCHEDULE_TIMEOUT;
	dmm_ack_watch(s, now);
	if (state == DMM_STATE_FREEZING)
		wait = DRAIN_JIFFIES;
	if (!dmm_may_ship(m))
		return POLL_JIFFIES;

	measure_speed(s, now);
	dmm_barrier_step(s, now);
	progress = fill(s, &wait);
	if (dmm_may_ship(m) && dmm_freeze_step(s))
		progress = true;
	return progress ? 0 : wait;
}

int dmm_feed_thread(void *data)
{
	struct dmm_sender *s = data;
	struct dmm_migration *m = s->m;
	unsigned int noio = memalloc_noio_save();
	long wait;

	while (!kthread_should_stop()) {
		WRITE_ONCE(m->kick, false);
		smp_mb();	/* pairs with dmm_kick(): what came before the kick is seen below */
		wait = step(s);
		if (wait)
			wait_event_idle_timeout(m->wait,
						READ_ONCE(m->kick) || kthread_should_stop(), wait);
		else
			cond_resched();
	}
	memalloc_noio_restore(noio);
	return 0;
}
