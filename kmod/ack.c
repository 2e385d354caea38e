// SPDX-License-Identifier: GPL-2.0
/*
 * The receive thread: fixed-size acknowledgements, the only thing that the
 * kernel parses from the peer, and the watch over a peer that is silent.
 */
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched/mm.h>

#include "core/wire.h"
#include "migration.h"
#include "sender.h"
#include "trace.h"
#include "stop.h"

static void count_acked_locked(struct dmm_ship_stats *st, const struct dmm_slot *slot)
{
	st->acked_bytes += slot->len_bytes;
	if (slot->zero) {
		st->zero_bytes += slot->len_bytes;
		st->zero_blocks += slot->nr_blocks;
	} else {
		st->data_blocks += slot->nr_blocks;
	}
}

void dmm_ack_extent_locked(struct dmm_link *l, const struct dmm_slot *slot)
{
	struct dmm_migration *m = l->sender->m;

	lockdep_assert_held(&m->lock);
#if DMM_MUTANT == 1
	dmm_bitmap_clear(&m->tracker.bitmap, slot->first_block, slot->nr_blocks);
#endif
	count_acked_locked(&m->ship, slot);
	/* the feeder keeps room for all that is in flight */
	if (WARN_ON_ONCE(!dmm_unflushed_add(&m->unflushed, slot->first_block, slot->nr_blocks)))
		dmm_bitmap_mark(&m->tracker.bitmap, slot->first_block, slot->nr_blocks);
}

void dmm_ack_barrier_locked(struct dmm_sender *s)
{
	lockdep_assert_held(&s->m->lock);
	s->barrier_seq = 0;
	dmm_unflushed_flushed(&s->m->unflushed);
	/* s->barrier does not change while one is unacknowledged */
	WRITE_ONCE(s->barrier_acked, s->barrier);
	s->m->ship.barrier = s->barrier;
}

/* 0, or -EBADMSG when no such frame waits for it. */
static int take_data_ack_locked(struct dmm_link *l, const struct dmm_ack *a)
{
	struct dmm_migration *m = l->sender->m;
	struct dmm_slot *slot;

	lockdep_assert_held(&m->lock);
	/* mostly the first: a receiver may acknowledge in any order, but is not likely to */
	list_for_each_entry(slot, &l->sent, list) {
		if (slot->seq != a->seq || slot->acked)
			continue;
		if (a->type != (slot->zero ? DMM_MSG_ZERO : DMM_MSG_DATA) ||
		    a->arg != (slot->zero ? slot->len_bytes : 0))
			break;
		dmm_ack_extent_locked(l, slot);
		if (slot->state == DMM_SLOT_SENDING) {
			slot->acked = true;
		} else {
			list_del(&slot->list);
			dmm_slot_free_locked(slot);
		}
		return 0;
	}
	return -EBADMSG;
}

static int take_barrier_ack_locked(struct dmm_link *l, const struct dmm_ack *a)
{
	struct dmm_sender *s = l->sender;

	lockdep_assert_held(&s->m->lock);
	/* barriers go by link 0 */
	if (l->index || !s->barrier_seq || s->barrier_seq != a->seq || a->arg != s->barrier)
		return -EBADMSG;
	dmm_ack_barrier_locked(s);
	return 0;
}

static void lost(struct dmm_link *l, int error, const char *reason)
{
	dmm_stop_at(DMM_STOP_BEFORE_LOST, &l->sender->stopping);
	dmm_migration_link_lost(l->sender->m, error, reason);
	dmm_stop_at(DMM_STOP_AFTER_LOST, &l->sender->stopping);
}

/* 0, or an errno: the connection is of no interest any more. */
static int take_ack(struct dmm_link *l, const struct dmm_ack *a)
{
	struct dmm_migration *m = l->sender->m;
	bool barrier = a->type == DMM_MSG_BARRIER;
	unsigned long flags;
	int r;

	trace_dmm_ack(m->dev, l->index, a->seq, a->type, a->status);
	dmm_stop_at(barrier ? DMM_STOP_BEFORE_BARRIER_ACK : DMM_STOP_BEFORE_ACK,
		    &l->sender->stopping);
	spin_lock_irqsave(&m->lock, flags);
	if (dmm_state_ends_link(m->state)) {
		/* another link was lost: what is in flight is being made dirty */
		spin_unlock_irqrestore(&m->lock, flags);
		return -ESHUTDOWN;
	}
	/* a refusal stands by itself: the receiver may not even know which frame it was */
	if (a->status)
		r = 0;
	else if (barrier)
		r = take_barrier_ack_locked(l, a);
	else
		r = take_data_ack_locked(l, a);
	if (!r && !a->status) {
		l->nr_unacked--;
		l->progress_ns = ktime_get_ns();
	}
	spin_unlock_irqrestore(&m->lock, flags);
	dmm_stop_at(barrier ? DMM_STOP_AFTER_BARRIER_ACK : DMM_STOP_AFTER_ACK,
		    &l->sender->stopping);

	if (r)
		dmm_migration_fail(m, r, DMM_SIDE_RECEIVER, 0,
				   "acknowledgement of a frame that was not sent");
	else if (a->status == DMM_WERR_SHUTDOWN)
		lost(l, -ESHUTDOWN, "the receiver is going down");
	else if (a->status)
		dmm_migration_fail(m, dmm_wire_err_to_errno(a->status), DMM_SIDE_RECEIVER,
				   a->status, dmm_wire_err_text(a->status));
	return a->status ? -EREMOTEIO : r;
}

#define WATCH_NS	(NSEC_PER_SEC / 4)
#define STUCK_TIMES	4	/* as long: a thread that waits for its turn, with acknowledgements to take, is not stuck */

/* Has nothing been acknowledged for too long? @looks: the receive thread asks, which has taken what there was. */
static bool silent_too_long(struct dmm_link *l, bool looks)
{
	u64 timeout_ns = dmm_stop_ack_timeout_ns(), now, since;
	struct dmm_migration *m = l->sender->m;
	unsigned long flags;
	bool late;

	spin_lock_irqsave(&m->lock, flags);
	now = ktime_get_ns();	/* no earlier than what is written under the lock */
	since = l->progress_ns;
	if (looks) {
		l->looked_ns = now;
	} else {
		since = max(since, l->looked_ns);
		timeout_ns *= STUCK_TIMES;
	}
	late = l->nr_unacked && now - since > timeout_ns;
	spin_unlock_irqrestore(&m->lock, flags);
	return late;
}

void dmm_ack_watch(struct dmm_sender *s, u64 now)
{
	unsigned int i;

	if (s->ops != &dmm_socket_ops || now - s->watch_ns < WATCH_NS)
		return;
	s->watch_ns = now;
	for (i = 0; i < s->nr_links; i++) {
		if (silent_too_long(&s->links[i], false))
			dmm_migration_link_lost(s->m, -ETIMEDOUT,
						"the receiver sends without end, but acknowledges nothing");
	}
}

/* Take the whole acknowledgements in @buf; what is left of a partial one moves to the front. */
static int take_acks(struct dmm_link *l, u8 *buf, size_t *fill)
{
	size_t at = 0;
	struct dmm_wire_ack wire;
	struct dmm_ack ack;
	int r = 0;

	for (; !r && *fill - at >= sizeof(wire); at += sizeof(wire)) {
		memcpy(&wire, buf + at, sizeof(wire));
		r = dmm_wire_ack_decode(&wire, &ack);
		if (r)
			dmm_migration_fail(l->sender->m, r, DMM_SIDE_RECEIVER, 0,
					   "malformed acknowledgement");
		else
			r = take_ack(l, &ack);
	}
	if (at)		/* there are free slots, or a barrier is through */
		dmm_kick(l->sender->m);
	memmove(buf, buf + at, *fill - at);
	*fill -= at;
	return r;
}

/*
 * Ends with the verdict on the connection, whichever thread noticed first: a refusal, or
 * acknowledgements, may be queued here when sending fails.
 */
static void receive(struct dmm_link *l, u8 *buf, size_t size)
{
	size_t fill = 0;
	int r;

	while (!kthread_should_stop()) {
		r = dmm_conn_recv(&l->conn, buf + fill, size - fill);
		if (r > 0) {
			fill += r;
			if (take_acks(l, buf, &fill))
				return;
		} else if (r == 0) {
			/* or a send failed, which shut the connection down */
			r = READ_ONCE(l->send_error);
			lost(l, r ? r : -ECONNRESET,
			     r ? "sending failed" : "the receiver closed the connection");
			return;
		} else if (r != -EAGAIN && r != -EINTR) {
			lost(l, r, "the connection broke");
			return;
		}
		if (silent_too_long(l, true)) {
			lost(l, -ETIMEDOUT, "no acknowledgement for 30 s");
			return;
		}
	}
}

int dmm_ack_thread(void *data)
{
	struct dmm_link *l = data;
	unsigned int noio = memalloc_noio_save();

	receive(l, l->ack_buf, sizeof(l->ack_buf));
	/* the send thread may be waiting for room in the socket */
	dmm_conn_shutdown(&l->conn);
	dmm_kick(l->sender->m);

	memalloc_noio_restore(noio);
	while (!kthread_should_stop()) {
		set_current_state(TASK_IDLE);
		if (!kthread_should_stop())
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	return 0;
}
