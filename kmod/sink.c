// SPDX-License-Identifier: GPL-2.0
/*
 * A link to a disk of this host: extents are written, by the bio of their slot, and a barrier
 * is a flush.  A write that has completed is the acknowledgement.
 *
 * There is no timeout: pages may be given to nobody else before their write has completed,
 * however long that takes (invariant 10).  A sink that hangs stops the copy and nothing else.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/netlink.h>
#include <linux/sched/mm.h>

#include "migration.h"
#include "send.h"
#include "sender.h"
#include "sink.h"
#include "stop.h"
#include "trace.h"

static struct block_device *sink_of(const struct dmm_link *l)
{
	return l->sender->m->sink->bdev;
}

/* ---- completions ---- */

/* Under the lock: whoever sees nr_bios drop may free all this (finish_worker()). */
static void bio_done_locked(struct dmm_link *l)
{
	lockdep_assert_held(&l->sender->m->lock);
	l->sender->nr_bios--;
	smp_mb();	/* pairs with sink_thread(); as dmm_kick() */
	WRITE_ONCE(l->sunk, true);
	wake_up(&l->sunk_wait);
	if (dmm_state_ends_link(l->sender->m->state))
		dmm_link_kick(l);	/* what is not acknowledged any more is dirty again */
	if (READ_ONCE(l->sender->stopping))
		dmm_kick(l->sender->m);
}

static void write_done(struct dmm_slot *slot, int error)
{
	struct dmm_link *l = slot->link;
	struct dmm_migration *m = l->sender->m;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	slot->error = error;
	WRITE_ONCE(slot->state, DMM_SLOT_SENT);
	list_add_tail(&slot->list, &l->sent);
	m->ship.send_ns += ktime_get_ns() - slot->write_ns;
	bio_done_locked(l);
	spin_unlock_irqrestore(&m->lock, flags);
}

static void write_endio(struct bio *bio)
{
	struct dmm_slot *slot = bio->bi_private;
	int error = blk_status_to_errno(bio->bi_status);

	bio_uninit(bio);
	write_done(slot, error);
}

static void flush_endio(struct bio *bio)
{
	struct dmm_link *l = bio->bi_private;
	struct dmm_migration *m = l->sender->m;
	int error = blk_status_to_errno(bio->bi_status);
	unsigned long flags;

	bio_uninit(bio);
	spin_lock_irqsave(&m->lock, flags);
	l->flush_error = error;
	l->flushed = true;
	bio_done_locked(l);
	spin_unlock_irqrestore(&m->lock, flags);
}

/* ---- writing: the send thread's, but for what is tried again ---- */

/* Zeros cost the sink no transfer, and a thin one no space, where it can be told. */
static void submit_write(struct dmm_slot *slot, bool as_zeroes)
{
	struct dmm_link *l = slot->link;
	struct bio *bio = &slot->bio;
	/* once the guest waits for it, not behind everybody else's writing back */
	blk_opf_t hurry = dmm_freezing(l->sender->m) ? REQ_SYNC | REQ_IDLE : 0;

	if (as_zeroes) {
		bio_init(bio, sink_of(l), NULL, 0, REQ_OP_WRITE_ZEROES);
	} else {
		bio_init(bio, sink_of(l), slot->bvecs, slot->nr_pages, REQ_OP_WRITE | hurry);
		bio->bi_vcnt = slot->nr_pages;
	}
	bio->bi_iter.bi_sector = slot->offset_bytes >> SECTOR_SHIFT;
	bio->bi_iter.bi_size = slot->len_bytes;
	bio->bi_private = slot;
	bio->bi_end_io = write_endio;
	submit_bio_noacct(bio);
}

/* Of a slot that leaves its list.  Until its write has completed it is nobody's. */
static void begin_write_locked(struct dmm_slot *slot)
{
	struct dmm_sender *s = slot->link->sender;

	lockdep_assert_held(&s->m->lock);
	list_del(&slot->list);
	WRITE_ONCE(slot->state, DMM_SLOT_WRITING);
	s->nr_bios++;
}

static int sink_extent(struct dmm_link *l, struct dmm_slot *slot)
{
	struct dmm_sender *s = l->sender;
	struct dmm_migration *m = s->m;
	bool zero = dmm_slot_is_zero(slot), skip, as_zeroes;
	unsigned long flags;

	/* nothing of ours was ever there, in the first sweep */
	skip = zero && (s->features & DMM_FEATURE_ZERO) && !slot->resend;
	as_zeroes = zero && bdev_write_zeroes_sectors(sink_of(l)) >= slot->len_bytes >> SECTOR_SHIFT;
	dmm_stop_at(DMM_STOP_BEFORE_SEND, &s->stopping);

	spin_lock_irqsave(&m->lock, flags);
	begin_write_locked(slot);
	slot->seq = ++l->seq;
	slot->zero = zero;
	slot->write_ns = ktime_get_ns();
	if (!skip)
		m->sunk = true;
	if (zero)
		WRITE_ONCE(s->unsent_bytes, s->unsent_bytes + slot->len_bytes);
	spin_unlock_irqrestore(&m->lock, flags);
	trace_dmm_ship(m->dev, l->index, slot->seq, zero ? DMM_MSG_ZERO : DMM_MSG_DATA, slot->offset_bytes,
		       slot->len_bytes);

	if (skip)
		write_done(slot, 0);
	else
		submit_write(slot, as_zeroes);
	dmm_stop_at(DMM_STOP_AFTER_SEND, &s->stopping);
	if (zero && READ_ONCE(m->rate))
		dmm_kick(m);	/* the pace allows more at once */
	return 0;
}

static int sink_barrier(struct dmm_link *l)
{
	struct dmm_sender *s = l->sender;
	struct bio *bio = &s->flush;
	unsigned long flags;

	dmm_stop_at(DMM_STOP_BEFORE_SEND_BARRIER, &s->stopping);
	spin_lock_irqsave(&s->m->lock, flags);
	WRITE_ONCE(s->barrier_wanted, false);
	s->barrier_seq = ++l->seq;
	dmm_unflushed_seal(&s->m->unflushed);	/* the flush covers what has completed before it is submitted */
	s->nr_bios++;
	spin_unlock_irqrestore(&s->m->lock, flags);
	bio_init(bio, sink_of(l), NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC);
	bio->bi_private = l;
	bio->bi_end_io = flush_endio;
	submit_bio_noacct(bio);
	dmm_stop_at(DMM_STOP_AFTER_SEND_BARRIER, &s->stopping);
	return 0;
}

/* ---- acknowledging: the receive thread's ---- */

static void failed(struct dmm_link *l, int error, const char *reason)
{
	dmm_migration_fail(l->sender->m, error, DMM_SIDE_RECEIVER, 0, reason);
}

enum verdict {
	NOTHING,	/* has been written, or nothing counts any more */
	WRITTEN,	/* acknowledged; the slot is ours until its pages are back */
	AGAIN,		/* zeros, by a disk that has only said that it can write them; the slot is ours */
	FAILED,
};

/* Of the oldest that has been written. */
static enum verdict take_written(struct dmm_link *l, struct dmm_slot **slotp, int *error)
{
	struct dmm_migration *m = l->sender->m;
	enum verdict verdict = NOTHING;
	struct dmm_slot *slot;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	slot = list_first_entry_or_null(&l->sent, struct dmm_slot, list);
	if (!slot || dmm_state_ends_link(m->state))
		goto out;	/* what has been written is left to dmm_link_dirty_again() */
	*slotp = slot;
	*error = slot->error;
	if (!slot->error) {
		verdict = WRITTEN;
		list_del(&slot->list);
		WRITE_ONCE(slot->state, DMM_SLOT_WRITING);
		dmm_ack_extent_locked(l, slot);
		if (slot->resend)
			m->ship.resent_blocks += slot->nr_blocks;
		if (!slot->zero) {
			m->ship.shipped_bytes += slot->len_bytes;
			m->ship.shipped_ns = ktime_get_ns();
		}
	} else if (bio_op(&slot->bio) == REQ_OP_WRITE_ZEROES) {
		verdict = AGAIN;
		begin_write_locked(slot);
	} else {
		verdict = FAILED;
	}
out:
	spin_unlock_irqrestore(&m->lock, flags);
	return verdict;
}

static void free_written(struct dmm_link *l, struct dmm_slot *slot)
{
	struct dmm_migration *m = l->sender->m;
	unsigned long flags;

	trace_dmm_ack(m->dev, l->index, slot->seq, slot->zero ? DMM_MSG_ZERO : DMM_MSG_DATA, 0);
	dmm_link_return_pages(l, slot);
	spin_lock_irqsave(&m->lock, flags);
	dmm_slot_free_locked(slot);
	spin_unlock_irqrestore(&m->lock, flags);
}

/* True: there may be more. */
static bool acknowledge_write(struct dmm_link *l)
{
	struct dmm_slot *slot;
	int error;

	dmm_stop_at(DMM_STOP_BEFORE_ACK, &l->sender->stopping);
	switch (take_written(l, &slot, &error)) {
	case NOTHING:
		return false;
	case WRITTEN:
		free_written(l, slot);
		dmm_stop_at(DMM_STOP_AFTER_ACK, &l->sender->stopping);
		return true;
	case AGAIN:
		submit_write(slot, false);
		return true;
	case FAILED:
		failed(l, error, "writing to the sink failed");
		break;
	}
	return false;
}

static void acknowledge_flush(struct dmm_link *l)
{
	struct dmm_sender *s = l->sender;
	unsigned long flags;
	int error;

	dmm_stop_at(DMM_STOP_BEFORE_BARRIER_ACK, &s->stopping);
	spin_lock_irqsave(&s->m->lock, flags);
	l->flushed = false;
	error = l->flush_error;
	if (!error && !dmm_state_ends_link(s->m->state)) {
		trace_dmm_ack(s->m->dev, l->index, s->barrier_seq, DMM_MSG_BARRIER, 0);
		dmm_ack_barrier_locked(s);
	}
	spin_unlock_irqrestore(&s->m->lock, flags);
	dmm_stop_at(DMM_STOP_AFTER_BARRIER_ACK, &s->stopping);
	if (error)
		failed(l, error, "flushing the sink failed");
}

static bool acknowledge(struct dmm_link *l)
{
	bool progress = false;

	while (!list_empty(&l->sent) && acknowledge_write(l)) {
		progress = true;
		cond_resched();
	}
	if (READ_ONCE(l->flushed)) {
		acknowledge_flush(l);
		progress = true;
	}
	return progress;
}

static int sink_thread(void *data)
{
	struct dmm_link *l = data;
	unsigned int noio = memalloc_noio_save();

	while (!kthread_should_stop()) {
		wait_event_idle(l->sunk_wait, READ_ONCE(l->sunk) || kthread_should_stop());
		WRITE_ONCE(l->sunk, false);
		smp_mb();	/* pairs with bio_done_locked(): what completed before it was set is seen below */
		if (acknowledge(l))
			dmm_kick(l->sender->m);	/* there are free slots, or a barrier is through */
	}
	memalloc_noio_restore(noio);
	return 0;
}

/* Nobody listens who would have to hear of it. */
static void sink_end(struct dmm_link *l)
{
	dmm_stop_at(DMM_STOP_BEFORE_END, &l->sender->stopping);
	dmm_send_break(l);
	dmm_stop_at(DMM_STOP_AFTER_END, &l->sender->stopping);
}

static const struct dmm_link_ops sink_ops = {
	.send_extent = sink_extent,
	.send_barrier = sink_barrier,
	.say_end = sink_end,
	.receive_thread = sink_thread,
};

int dmm_sink_attach(struct dmm_sender *s, struct netlink_ext_ack *extack)
{
	struct dmm_migration *m = s->m;

	lockdep_assert_held(&m->ctl);
	if (!m->sink) {
		NL_SET_ERR_MSG(extack, "the table names no sink");
		return -EOPNOTSUPP;
	}
	if (s->nr_attached) {
		NL_SET_ERR_MSG(extack, "the sink is attached already");
		return -EBUSY;
	}
	if ((s->features & DMM_FEATURE_ZERO) && READ_ONCE(m->sunk)) {
		NL_SET_ERR_MSG(extack, "the sink has been written to: it does not read as zeros");
		return -ENOTEMPTY;
	}
	s->ops = &sink_ops;
	s->nr_attached++;
	return 0;
}
