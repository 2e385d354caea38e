// SPDX-License-Identifier: GPL-2.0
/*
 * One link: its pages, and its send thread, which sends what has been read and
 * makes blocks dirty again whose copy did not arrive.
 */
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "migration.h"
#include "reader.h"
#include "send.h"
#include "sender.h"
#include "stop.h"

#define POLL_JIFFIES	max(HZ / 10, 1)

/* ---- pages ---- */

void dmm_link_take_pages(struct dmm_link *l, struct dmm_slot *slot)
{
	unsigned int nr = DIV_ROUND_UP(slot->len_bytes, PAGE_SIZE), i;
	u32 left = slot->len_bytes;

	spin_lock(&l->pool_lock);
	for (i = 0; i < nr; i++) {
		slot->bvecs[i].bv_page = l->pool[l->nr_pool - 1 - i];
		slot->bvecs[i].bv_len = min_t(u32, left, PAGE_SIZE);
		slot->bvecs[i].bv_offset = 0;
		left -= slot->bvecs[i].bv_len;
	}
	slot->nr_pages = nr;
	WRITE_ONCE(l->nr_pool, l->nr_pool - nr);
	spin_unlock(&l->pool_lock);
}

void dmm_link_return_pages(struct dmm_link *l, struct dmm_slot *slot)
{
	unsigned int nr;
	bool short_of;

	spin_lock(&l->pool_lock);
	nr = l->nr_pool;
	short_of = nr < DMM_SLOT_PAGES;
	while (slot->nr_pages)
		l->pool[nr++] = slot->bvecs[--slot->nr_pages].bv_page;
	WRITE_ONCE(l->nr_pool, nr);	/* the feeder looks without the lock */
	spin_unlock(&l->pool_lock);
	if (short_of)
		dmm_kick(l->sender->m);
}

/* ---- slots ---- */

void dmm_link_read_done(struct dmm_slot *slot, int error)
{
	struct dmm_link *l = slot->link;
	struct dmm_sender *s = l->sender;
	struct dmm_migration *m = s->m;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	slot->error = error;
	WRITE_ONCE(slot->state, DMM_SLOT_READY);
	list_add_tail(&slot->list, &l->ready);
	m->ship.read_ns += ktime_get_ns() - slot->read_ns;
	s->nr_bios--;
	/* under the lock: whoever sees nr_bios drop may free all this (finish_worker()) */
	dmm_link_kick(l);
	if (READ_ONCE(s->stopping))
		dmm_kick(m);
	spin_unlock_irqrestore(&m->lock, flags);
}

void dmm_link_dirty_again(struct dmm_link *l)
{
	struct dmm_migration *m = l->sender->m;
	struct dmm_slot *slot;
	unsigned long flags;
	bool ours, unsent;
	unsigned int i;

	for (i = 0; i < l->sender->link_slots; i++) {
		slot = &l->slots[i];
		spin_lock_irqsave(&m->lock, flags);
		ours = slot->state != DMM_SLOT_FREE && slot->state != DMM_SLOT_READING &&
		       slot->state != DMM_SLOT_WRITING;
		unsent = slot->state != DMM_SLOT_SENT && !slot->resend;
		if (ours)
			list_del(&slot->list);
		spin_unlock_irqrestore(&m->lock, flags);
		if (!ours)
			continue;
		/* nobody acknowledges it any more (ack.c looks at the state); once FREE it is the feeder's */
		dmm_link_return_pages(l, slot);
		spin_lock_irqsave(&m->lock, flags);
		dmm_bitmap_mark(&m->tracker.bitmap, slot->first_block, slot->nr_blocks);
		if (unsent)	/* so far the first sweep has not come, should it go on */
			m->ship.sweep_blocks = min(m->ship.sweep_blocks, slot->first_block);
		dmm_slot_free_locked(slot);
		spin_unlock_irqrestore(&m->lock, flags);
	}
}

/* ---- the thread ---- */

/* Link 0 sends the barriers of the disk. */
static bool barrier_waits(const struct dmm_link *l)
{
	return !l->index && READ_ONCE(l->sender->barrier_wanted);
}

/* Send what has been read. */
static bool send_ready(struct dmm_link *l)
{
	struct dmm_migration *m = l->sender->m;
	struct dmm_slot *slot;
	unsigned long flags;
	bool progress = false;
	int r;

	/* where the link is slower than the origin there is always something; a barrier goes between two */
	while (dmm_may_ship(m) && !barrier_waits(l)) {
		spin_lock_irqsave(&m->lock, flags);
		slot = list_first_entry_or_null(&l->ready, struct dmm_slot, list);
		spin_unlock_irqrestore(&m->lock, flags);
		if (!slot)
			break;
		if (slot->error) {
			dmm_migration_fail(m, slot->error, DMM_SIDE_ORIGIN, 0,
					   "reading the origin failed");
			break;
		}
		dmm_stop_at(DMM_STOP_AFTER_READ, &l->sender->stopping);
#if DMM_MUTANT == 3	/* hazard 3: the bitmap second */
		dmm_bitmap_clear(&m->tracker.bitmap, slot->first_block, slot->nr_blocks);
#endif
		r = l->sender->ops->send_extent(l, slot);
		if (r)
			break;	/* the receive thread says why: a refusal may be queued there */
		progress = true;
	}
	return progress;
}

static bool send_barrier(struct dmm_link *l)
{
	if (!barrier_waits(l) || !dmm_may_ship(l->sender->m))
		return false;
	return !l->sender->ops->send_barrier(l);
}

/* What has been read waits for a pause or a suspension to end: of that there is no sure kick. */
static bool waits(const struct dmm_link *l)
{
	return !list_empty(&l->ready) || barrier_waits(l);
}

/* Returns how long there is nothing to do; 0: more to do now. */
static long step(struct dmm_link *l)
{
	enum dmm_state state = READ_ONCE(l->sender->m->state);
	bool progress;

	if (dmm_state_ends_link(state)) {
		dmm_link_dirty_again(l);
		dmm_send_break(l);
		return MAX_SCHEDULE_TIMEOUT;
	}
	if (state == DMM_STATE_RELEASED || READ_ONCE(l->sender->closing))
		l->sender->ops->say_end(l);
	if (l->ended)
		return MAX_SCHEDULE_TIMEOUT;
	progress = send_ready(l);
	if (!l->ended)
		progress |= send_barrier(l);
	if (l->ended)
		return MAX_SCHEDULE_TIMEOUT;
	if (progress)
		return 0;
	return waits(l) ? POLL_JIFFIES : MAX_SCHEDULE_TIMEOUT;
}

int dmm_link_thread(void *data)
{
	struct dmm_link *l = data;
	unsigned int noio = memalloc_noio_save();
	long wait;

	while (!kthread_should_stop()) {
		WRITE_ONCE(l->kick, false);
		smp_mb();	/* pairs with dmm_link_kick(): what came before the kick is seen below */
		wait = step(l);
		if (wait)
			wait_event_idle_timeout(l->wait,
						READ_ONCE(l->kick) || kthread_should_stop(), wait);
		else
			cond_resched();
	}
	memalloc_noio_restore(noio);
	return 0;
}

/* ---- buffers ---- */

void dmm_link_free(struct dmm_link *l)
{
	while (l->nr_pool)
		__free_page(l->pool[--l->nr_pool]);
	kvfree(l->pool);
	kvfree(l->slots);
	kvfree(l->slot_bvecs);
	kfree(l->bvec);
	if (l->header)
		__free_page(l->header);
	l->pool = NULL;
	l->slots = NULL;
	l->slot_bvecs = NULL;
	l->bvec = NULL;
	l->header = NULL;
}

int dmm_link_alloc(struct dmm_link *l)
{
	struct dmm_sender *s = l->sender;
	unsigned int i;

	l->pool = kvcalloc(s->link_pages, sizeof(l->pool[0]), DMM_GFP_BULK);
	l->slots = kvcalloc(s->link_slots, sizeof(l->slots[0]), DMM_GFP_BULK);
	l->slot_bvecs = kvcalloc(s->link_slots * DMM_SLOT_PAGES, sizeof(l->slot_bvecs[0]),
				 DMM_GFP_BULK);
	l->bvec = kcalloc(DMM_SLOT_PAGES + 1, sizeof(l->bvec[0]), GFP_KERNEL);
	l->header = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!l->pool || !l->slots || !l->slot_bvecs || !l->bvec || !l->header)
		return -ENOMEM;
	for (i = 0; i < s->link_slots; i++) {
		l->slots[i].link = l;
		l->slots[i].bvecs = l->slot_bvecs + i * DMM_SLOT_PAGES;
	}
	for (i = 0; i < s->link_pages; i++) {
		l->pool[i] = alloc_page(DMM_GFP_BULK);	/* order 0, never highmem: see send.c */
		if (!l->pool[i])
			return -ENOMEM;
		l->nr_pool++;
	}
	return 0;
}
