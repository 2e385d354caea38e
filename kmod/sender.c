// SPDX-License-Identifier: GPL-2.0
/*
 * The send thread: fills slots from the bitmap, sends what has been read,
 * keeps the pace, and makes blocks dirty again whose copy did not arrive.
 */
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "core/wire.h"
#include "migration.h"
#include "reader.h"
#include "send.h"
#include "sender.h"
#include "stop.h"

#define POLL_JIFFIES	max(HZ / 10, 1)		/* marks do not wake the thread: it looks */
#define DRAIN_JIFFIES	max(HZ / 200, 1)	/* a completion may miss the hold: look again */
#define MIN_SWEEP_NS	(100 * NSEC_PER_MSEC)	/* hot blocks are not sent more often */

static bool freezing(struct dmm_migration *m)
{
	return READ_ONCE(m->state) == DMM_STATE_FREEZING;
}

static bool may_ship(struct dmm_migration *m)
{
	return dmm_state_ships(READ_ONCE(m->state)) && !READ_ONCE(m->suspended);
}

/* ---- slots ---- */

static void take_pages(struct dmm_sender *s, struct dmm_slot *slot)
{
	slot->nr_pages = DIV_ROUND_UP(slot->len_bytes, PAGE_SIZE);
	s->nr_pool -= slot->nr_pages;
	memcpy(slot->pages, &s->pool[s->nr_pool], slot->nr_pages * sizeof(slot->pages[0]));
}

static void return_pages(struct dmm_sender *s, struct dmm_slot *slot)
{
	memcpy(&s->pool[s->nr_pool], slot->pages, slot->nr_pages * sizeof(slot->pages[0]));
	s->nr_pool += slot->nr_pages;
	slot->nr_pages = 0;
}

static struct dmm_slot *free_slot(struct dmm_sender *s)
{
	unsigned int i;

	for (i = 0; i < DMM_SLOTS; i++)
		if (dmm_slot_state(&s->slots[i]) == DMM_SLOT_FREE)
			return &s->slots[i];
	return NULL;
}

void dmm_sender_read_done(struct dmm_slot *slot, int error)
{
	struct dmm_sender *s = slot->sender;
	struct dmm_migration *m = s->m;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	slot->error = error;
	slot->state = DMM_SLOT_READY;
	list_add_tail(&slot->ready, &s->ready);
	s->nr_reading--;
	/* under the lock: whoever sees nr_reading drop may free all this (finish_worker()) */
	dmm_kick(m);
	spin_unlock_irqrestore(&m->lock, flags);
}

/* Invariant 2: the blocks of copies that did not arrive are dirty again. */
static void dirty_again(struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;
	struct dmm_slot *slot;
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < DMM_SLOTS; i++) {
		slot = &s->slots[i];
		spin_lock_irqsave(&m->lock, flags);
		if (slot->state == DMM_SLOT_FREE || slot->state == DMM_SLOT_READING) {
			spin_unlock_irqrestore(&m->lock, flags);
			continue;
		}
		if (slot->state == DMM_SLOT_READY)
			list_del(&slot->ready);
		dmm_bitmap_mark(&m->tracker.bitmap, slot->first_block, slot->nr_blocks);
		dmm_slot_free_locked(slot);
		spin_unlock_irqrestore(&m->lock, flags);
		return_pages(s, slot);
	}
}

/* ---- filling ---- */

/* May a sweep begin?  Else *@wait is lowered to when it may. */
static bool may_sweep(struct dmm_sender *s, u64 now, long *wait)
{
	u64 due = s->sweep_ns + MIN_SWEEP_NS;

	if (s->cursor)
		return true;
	if (s->sweep_ns && now < due && !freezing(s->m)) {
		*wait = min_t(long, *wait, nsecs_to_jiffies(due - now) + 1);
		return false;
	}
	s->sweep_ns = now;
	return true;
}

static bool fill_slot(struct dmm_sender *s, struct dmm_slot *slot)
{
	struct dmm_migration *m = s->m;
	unsigned long flags;

	if (dmm_scan_pick(s, slot))
		return false;
	take_pages(s, slot);
	spin_lock_irqsave(&m->lock, flags);
	slot->state = DMM_SLOT_READING;
	slot->acked = false;
	s->nr_reading++;
	m->ship.inflight_bytes += slot->len_bytes;
	if (s->first_sweep)
		m->ship.sweep_blocks = s->cursor;
	spin_unlock_irqrestore(&m->lock, flags);
	/* only now: who looks never finds it neither dirty nor in flight (dmm_stats_get()) */
	dmm_scan_clear(slot);
	dmm_stop_at(DMM_STOP_AFTER_CLEAR, &s->stopping);
	dmm_reader_submit(slot);
	return true;
}

static bool fill(struct dmm_sender *s, long *wait)
{
	struct dmm_tracker *t = &s->m->tracker;
	struct dmm_slot *slot;
	bool progress = false, wrapped = false;

	while (may_ship(s->m) && s->nr_pool >= DMM_SLOT_PAGES && dmm_tracker_dirty(t)) {
#if DMM_MUTANT == 4
		if (!s->first_sweep)
			break;
#endif
		slot = free_slot(s);
		if (!slot || !may_sweep(s, ktime_get_ns(), wait))
			break;
		if (fill_slot(s, slot)) {
			progress = true;
			wrapped = false;
			continue;
		}
		/* the end of the sweep, or all that is dirty is in flight */
		if (wrapped || !freezing(s->m))
			break;
		wrapped = true;
	}
	if (!s->first_sweep)
		WRITE_ONCE(s->m->ship.sweep_blocks, t->bitmap.nr_blocks);
	return progress;
}

/* ---- sending ---- */

/* How long the pace makes us wait before @bytes; a freeze lifts it. */
static long pace(struct dmm_sender *s, u32 bytes)
{
	struct dmm_migration *m = s->m;
	u64 rate = READ_ONCE(m->rate), now = ktime_get_ns(), delay;

	if (rate != s->pacer.rate)
		dmm_pacer_set_rate(&s->pacer, rate, now);
	if (freezing(m))
		return 0;
	delay = dmm_pacer_delay_ns(&s->pacer, bytes, now);
	if (delay)
		return nsecs_to_jiffies(delay) + 1;
	dmm_pacer_take(&s->pacer, bytes, now);
	return 0;
}

/* Send what has been read.  *@wait is lowered to when the pace allows more. */
static bool send_ready(struct dmm_sender *s, long *wait)
{
	struct dmm_migration *m = s->m;
	struct dmm_slot *slot;
	unsigned long flags;
	bool progress = false;
	long delay;
	int r;

	while (may_ship(m)) {
		spin_lock_irqsave(&m->lock, flags);
		slot = list_first_entry_or_null(&s->ready, struct dmm_slot, ready);
		spin_unlock_irqrestore(&m->lock, flags);
		if (!slot)
			break;
		if (slot->error) {
			dmm_migration_fail(m, slot->error, DMM_SIDE_ORIGIN, 0,
					   "reading the origin failed");
			break;
		}
		delay = pace(s, slot->len_bytes);
		if (delay) {
			*wait = min(*wait, delay);
			break;
		}
		dmm_stop_at(DMM_STOP_AFTER_READ, &s->stopping);
		r = dmm_send_extent(s, slot);
		return_pages(s, slot);
		if (r)
			break;	/* the receive thread says why: a refusal may be queued there */
		progress = true;
	}
	return progress;
}

/* ---- the thread ---- */

/* Returns how long there is nothing to do; 0: more to do now. */
static long step(struct dmm_sender *s)
{
	struct dmm_migration *m = s->m;
	long wait = POLL_JIFFIES;
	bool progress;

	switch (READ_ONCE(m->state)) {
	case DMM_STATE_DISCONNECTED:
	case DMM_STATE_FAILED:
	case DMM_STATE_STOPPING:
		dirty_again(s);
		dmm_send_break(s);
		return MAX_SCHEDULE_TIMEOUT;
	case DMM_STATE_FENCED:
		dmm_send_end(s);
		return MAX_SCHEDULE_TIMEOUT;
	case DMM_STATE_FREEZING:
		wait = DRAIN_JIFFIES;
		break;
	default:
		break;
	}
	if (!may_ship(m) || s->ended)
		return POLL_JIFFIES;

	progress = send_ready(s, &wait);
	if (!s->ended && fill(s, &wait))
		progress = true;
	if (!s->ended && may_ship(m) && dmm_freeze_step(s))
		progress = true;
	return progress ? 0 : wait;
}

static int send_thread(void *data)
{
	struct dmm_sender *s = data;
	struct dmm_migration *m = s->m;
	unsigned int noio = memalloc_noio_save();
	long wait;

	while (!kthread_should_stop()) {
		WRITE_ONCE(m->kick, false);
		smp_mb();	/* what came before the kick is seen below, else by the next poll */
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

/* ---- start and stop ---- */

static void free_buffers(struct dmm_sender *s)
{
	while (s->nr_pool)
		__free_page(s->pool[--s->nr_pool]);
	kvfree(s->pool);
	kvfree(s->slots);
	kfree(s->bvec);
	if (s->header)
		__free_page(s->header);
	s->pool = NULL;
	s->slots = NULL;
	s->bvec = NULL;
	s->header = NULL;
}

static int alloc_buffers(struct dmm_sender *s)
{
	unsigned int i;

	s->pool = kvcalloc(DMM_POOL_PAGES, sizeof(s->pool[0]), DMM_GFP_BULK);
	s->slots = kvcalloc(DMM_SLOTS, sizeof(s->slots[0]), DMM_GFP_BULK);
	s->bvec = kcalloc(DMM_SLOT_PAGES + 1, sizeof(s->bvec[0]), GFP_KERNEL);
	s->header = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!s->pool || !s->slots || !s->bvec || !s->header)
		return -ENOMEM;
	for (i = 0; i < DMM_SLOTS; i++)
		s->slots[i].sender = s;
	for (i = 0; i < DMM_POOL_PAGES; i++) {
		s->pool[i] = alloc_page(DMM_GFP_BULK);	/* order 0, never highmem: see send.c */
		if (!s->pool[i])
			return -ENOMEM;
		s->nr_pool++;
	}
	return 0;
}

static struct task_struct *make_thread(struct dmm_sender *s, int (*fn)(void *), const char *what)
{
	struct task_struct *task = kthread_create(fn, s, "dmm-%s/%s", what, s->m->name);

	/* finish_worker() stops it, perhaps after it has ended */
	if (!IS_ERR(task))
		get_task_struct(task);
	return task;
}

static void end_thread(struct task_struct **task)
{
	if (IS_ERR_OR_NULL(*task)) {
		*task = NULL;
		return;
	}
	kthread_stop(*task);
	put_task_struct(*task);
	*task = NULL;
}

/*
 * In this order: threads, which the socket's shutdown has woken; reads that the
 * origin owes, as long as it takes (invariant 10); memory; state.
 */
static void finish_worker(struct work_struct *work)
{
	struct dmm_sender *s = container_of(work, struct dmm_sender, finish_work);
	struct dmm_migration *m = s->m;
	unsigned long flags;

	end_thread(&s->send_task);
	end_thread(&s->recv_task);
	wait_event_idle(m->wait, !READ_ONCE(s->nr_reading));
	if (s->slots)
		dirty_again(s);
	spin_lock_irqsave(&m->lock, flags);	/* the last read_done() has left */
	spin_unlock_irqrestore(&m->lock, flags);
	free_buffers(s);
	dmm_conn_close(&s->conn);
	dmm_migration_stopped(m);
	complete_all(&s->done);
}

struct dmm_sender *dmm_sender_create(struct dmm_migration *m, int fd,
				     struct netlink_ext_ack *extack)
{
	struct dmm_sender *s;
	int r;

	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return ERR_PTR(-ENOMEM);
	r = dmm_conn_open(&s->conn, fd, extack);
	if (r) {
		kfree(s);
		return ERR_PTR(r);
	}
	s->m = m;
	s->first_sweep = true;
	INIT_LIST_HEAD(&s->ready);
	INIT_WORK(&s->finish_work, finish_worker);
	init_completion(&s->done);
	dmm_pacer_init(&s->pacer, 0, ktime_get_ns());
	return s;
}

int dmm_sender_prepare(struct dmm_sender *s)
{
	int r = alloc_buffers(s);

	if (r)
		goto err_free_buffers;
	s->send_task = make_thread(s, send_thread, "send");
	s->recv_task = make_thread(s, dmm_ack_thread, "recv");
	if (IS_ERR(s->send_task) || IS_ERR(s->recv_task)) {
		r = -ENOMEM;
		goto err_end_threads;
	}
	return 0;

err_end_threads:
	end_thread(&s->send_task);
	end_thread(&s->recv_task);
err_free_buffers:
	free_buffers(s);
	return r;
}

void dmm_sender_run(struct dmm_sender *s)
{
	wake_up_process(s->send_task);
	wake_up_process(s->recv_task);
}

void dmm_sender_begin_stop(struct dmm_migration *m, const char *waits_for)
{
	struct dmm_sender *s = m->sender;
	unsigned long flags;

	lockdep_assert_held(&m->ctl);
	if (!s || s->stopping)
		return;
	spin_lock_irqsave(&m->lock, flags);
	dmm_freeze_abort_locked(m, -ECANCELED);
	if (!dmm_state_advance_locked(m, DMM_EV_STOP))
		m->waits_for = waits_for;
	spin_unlock_irqrestore(&m->lock, flags);
	WRITE_ONCE(s->stopping, true);
	dmm_conn_shutdown(&s->conn);
	dmm_kick(m);
	queue_work(m->wq, &s->finish_work);
}

void dmm_sender_stop(struct dmm_migration *m, const char *waits_for)
{
	/* somebody has waited for it before: this call only looks */
	bool again = m->sender && m->sender->stopping;

	dmm_sender_begin_stop(m, waits_for);
	if (m->sender && !again)
		wait_for_completion_timeout(&m->sender->done, msecs_to_jiffies(DMM_STOP_WAIT_MS));
	dmm_sender_reap(m);
}

void dmm_sender_reap(struct dmm_migration *m)
{
	lockdep_assert_held(&m->ctl);
	if (!m->sender)
		return;
	/* finish_worker() says IDLE just before it says done: who saw the one finds the other */
	if (m->sender->stopping && READ_ONCE(m->state) == DMM_STATE_IDLE)
		wait_for_completion(&m->sender->done);
	if (!completion_done(&m->sender->done))
		return;
	kfree(m->sender);
	m->sender = NULL;
}

void dmm_sender_wait(struct dmm_migration *m)
{
	if (!m->sender)
		return;
	wait_for_completion(&m->sender->done);
	mutex_lock(&m->ctl);
	dmm_sender_reap(m);
	mutex_unlock(&m->ctl);
}
