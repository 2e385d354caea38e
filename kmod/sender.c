// SPDX-License-Identifier: GPL-2.0
/*
 * Life of a sender: connections, buffers, threads, and their end.
 */
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "host.h"
#include "migration.h"
#include "sender.h"
#include "sink.h"
#include "stop.h"

static struct task_struct *make_thread(int (*fn)(void *), void *data, const char *what,
				       const struct dmm_migration *m)
{
	struct task_struct *task = kthread_create(fn, data, "dmm-%s/%s", what, m->name);

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

static void end_threads(struct dmm_sender *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_links; i++) {
		end_thread(&s->links[i].send_task);
		end_thread(&s->links[i].recv_task);
	}
	/* last: it may wait for the origin */
	end_thread(&s->feed_task);
}

static void free_buffers(struct dmm_sender *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_links; i++)
		dmm_link_free(&s->links[i]);
	kvfree(s->heat.units);
	s->heat.units = NULL;
}

/* Counts for the bitmap's limit: where there is no room for both, nothing is ever hot. */
static int alloc_heat(struct dmm_sender *s)
{
	const struct dmm_tracker *t = &s->m->tracker;
	u64 nr = dmm_units(t), max = (u64)READ_ONCE(dmm_max_bitmap_mib) << 20;
	u16 *units = NULL;

	if (dmm_tracker_bytes(t->size_bytes, t->block_shift) + dmm_heat_bytes(nr) <= max) {
		units = kvzalloc(dmm_heat_bytes(nr), DMM_GFP_BULK);
		if (!units)
			return -ENOMEM;
	}
	dmm_heat_init(&s->heat, nr, units);
	return 0;
}

static bool bios_done(struct dmm_sender *s)
{
	unsigned long flags;
	bool done;

	/* by the lock: the last dmm_link_read_done(), or bio of a sink, either has left or sees .stopping */
	spin_lock_irqsave(&s->m->lock, flags);
	done = !s->nr_bios;
	spin_unlock_irqrestore(&s->m->lock, flags);
	return done;
}

/*
 * In this order: threads, which the sockets' shutdown has woken; reads that the
 * origin owes, and writes a sink, as long as it takes (invariant 10); memory; state.
 */
static void finish_worker(struct work_struct *work)
{
	struct dmm_sender *s = container_of(work, struct dmm_sender, finish_work);
	struct dmm_migration *m = s->m;
	unsigned int i;

	dmm_stop_at(DMM_STOP_BEFORE_CLOSE, NULL);
	end_threads(s);
	dmm_host_remove(s);
#if DMM_MUTANT == 32	/* hazard 32 */
	bios_done(s);
#else
	wait_event_idle(m->wait, bios_done(s));
#endif
	for (i = 0; i < s->nr_links; i++) {
		if (s->links[i].slots)
			dmm_link_dirty_again(&s->links[i]);
	}
	free_buffers(s);
	for (i = 0; i < s->nr_links; i++)
		dmm_conn_close(&s->links[i].conn);
	dmm_stop_at(DMM_STOP_AFTER_CLOSE, NULL);
	dmm_migration_stopped(m);
	complete_all(&s->done);
}

static void link_init(struct dmm_sender *s, unsigned int index)
{
	struct dmm_link *l = &s->links[index];

	l->sender = s;
	l->index = index;
	l->unit = DMM_NO_UNIT;
	init_waitqueue_head(&l->wait);
	init_waitqueue_head(&l->sunk_wait);
	spin_lock_init(&l->pool_lock);
	INIT_LIST_HEAD(&l->ready);
	INIT_LIST_HEAD(&l->sent);
}

struct dmm_sender *dmm_sender_create(struct dmm_migration *m, const struct dmm_attach_args *a)
{
	unsigned int nr_links = a->conns, i;
	struct dmm_sender *s;

	s = kvzalloc(struct_size(s, links, nr_links), GFP_KERNEL);
	if (!s)
		return NULL;
	s->m = m;
	s->ops = &dmm_socket_ops;
	s->nr_links = nr_links;
	s->features = a->features;
	s->security = a->security;
	s->peer = a->peer;
	s->link_slots = max(DMM_SLOTS / nr_links, DMM_LINK_MIN_SLOTS);
	s->link_pages = max(DMM_POOL_BYTES / nr_links, DMM_LINK_MIN_POOL_BYTES) / PAGE_SIZE;
	s->seen_state = DMM_STATE_IDLE;
	INIT_WORK(&s->finish_work, finish_worker);
	init_completion(&s->done);
	dmm_pacer_init(&s->pacer, 0, ktime_get_ns());
	for (i = 0; i < nr_links; i++)
		link_init(s, i);
	return s;
}

void dmm_sender_discard(struct dmm_sender *s)
{
	kvfree(s);
}

int dmm_sender_attach(struct dmm_sender *s, unsigned int index, int fd,
		      struct netlink_ext_ack *extack)
{
	struct dmm_conn *c = &s->links[index].conn;
	int r;

	if (s->security == DMM_SECURITY_SINK)
		return dmm_sink_attach(s, extack);
	if (s->m->sink) {
		NL_SET_ERR_MSG(extack, "the table names a sink: it is copied to that and nowhere else");
		return -EOPNOTSUPP;
	}
	if (c->sock) {
		NL_SET_ERR_MSG(extack, "that connection is attached already");
		return -EBUSY;
	}
	r = dmm_conn_open(c, fd, s->security, extack);
	if (!r)
		s->nr_attached++;
	return r;
}

static int make_threads(struct dmm_sender *s)
{
	struct dmm_link *l;
	unsigned int i;

	s->feed_task = make_thread(dmm_feed_thread, s, "feed", s->m);
	if (IS_ERR(s->feed_task))
		return -ENOMEM;
	for (i = 0; i < s->nr_links; i++) {
		l = &s->links[i];
		l->send_task = make_thread(dmm_link_thread, l, "send", s->m);
		if (IS_ERR(l->send_task))
			return -ENOMEM;
		l->recv_task = make_thread(s->ops->receive_thread, l, "recv", s->m);
		if (IS_ERR(l->recv_task))
			return -ENOMEM;
	}
	return 0;
}

int dmm_sender_prepare(struct dmm_sender *s)
{
	unsigned int i;
	int r;

	r = alloc_heat(s);
	for (i = 0; i < s->nr_links && !r; i++)
		r = dmm_link_alloc(&s->links[i]);
	if (!r)
		r = make_threads(s);
	if (r) {
		end_threads(s);
		free_buffers(s);
	}
	return r;
}

void dmm_sender_run(struct dmm_sender *s)
{
	u64 swept = s->m->ship.sweep_blocks;
	unsigned int i;

	/* an earlier set may have come so far */
	s->barrier = s->m->ship.barrier;
	s->barrier_acked = s->barrier;
	for (i = 0; i < s->nr_links; i++) {
		s->links[i].swept = swept;
		s->links[i].first_sweep = swept < s->m->tracker.bitmap.nr_blocks;
		wake_up_process(s->links[i].send_task);
		wake_up_process(s->links[i].recv_task);
	}
	dmm_host_add(s);
	wake_up_process(s->feed_task);
}

/* Idempotent. */
static void begin_finish(struct dmm_sender *s)
{
	unsigned int i;

	if (s->stopping)
		return;
	WRITE_ONCE(s->stopping, true);
	for (i = 0; i < s->nr_links; i++)
		dmm_conn_shutdown(&s->links[i].conn);
	dmm_kick(s->m);
	queue_work(s->m->end_wq, &s->finish_work);
}

int dmm_sender_retire(struct dmm_migration *m)
{
	lockdep_assert_held(&m->ctl);
	if (!m->sender)
		return 0;
	begin_finish(m->sender);
	wait_for_completion_timeout(&m->sender->done, msecs_to_jiffies(DMM_STOP_WAIT_MS));
	dmm_sender_reap(m);
	return m->sender ? -EBUSY : 0;
}

static bool all_ended(const struct dmm_sender *s)
{
	unsigned int i;

	for (i = 0; i < s->nr_links; i++)
		if (!READ_ONCE(s->links[i].ended))
			return false;
	return true;
}

void dmm_sender_say_end(struct dmm_sender *s)
{
	unsigned int i;

	lockdep_assert_held(&s->m->ctl);
	WRITE_ONCE(s->closing, true);
	for (i = 0; i < s->nr_links; i++)
		dmm_link_kick(&s->links[i]);
	wait_event_timeout(s->m->wait, all_ended(s), msecs_to_jiffies(DMM_END_WAIT_MS));
}

void dmm_sender_begin_stop(struct dmm_migration *m, const char *waits_for)
{
	unsigned long flags;

	lockdep_assert_held(&m->ctl);
	if (!m->sender && !dmm_state_tracks(READ_ONCE(m->state)))
		return;
	spin_lock_irqsave(&m->lock, flags);
	dmm_freeze_abort_locked(m, -ECANCELED);
	if (!dmm_state_advance_locked(m, DMM_EV_STOP))
		m->waits_for = waits_for;
	spin_unlock_irqrestore(&m->lock, flags);
	if (m->sender)
		begin_finish(m->sender);
	else
		dmm_migration_stopped(m);	/* a lost set was ended, and there is no new one */
}

void dmm_sender_stop(struct dmm_migration *m, const char *waits_for)
{
	/*
	 * Somebody has waited for it before: this call only looks.  Of a set that is only being replaced
	 * (DISCONNECTED, or FAILED since) finish_worker() says nothing.
	 */
	bool again = m->sender && m->sender->stopping && !dmm_state_tracks(READ_ONCE(m->state));

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
	kvfree(m->sender);
	m->sender = NULL;
	/* where a STOP came to a set that was just being ended, finish_worker() may have missed it */
	dmm_migration_stopped(m);
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
