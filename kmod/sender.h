/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sender of one disk: one feeder, and for each connection ("link") its slots,
 * its pages, a send thread and a receive thread.
 *
 * Who does what
 * -------------
 *
 * feeder		The taker of the bitmap (core/bitmap.h): the only thread that finds,
 *			clears and counts bits.  Fills the slots of every link in turn, each from
 *			a cursor of the link's own; keeps the pace; takes the steps of a freeze;
 *			passes changes of state on to the links.
 * send thread		One per link.  Owns the stream: sequence numbers, header page, and the
 *			slots of its link that are READY or SENDING.  Sends what has been read,
 *			makes blocks dirty again whose copy did not arrive.
 * receive thread	One per link.  Acknowledgements, and the verdict on its connection.
 *
 * Which link a block goes by depends on its offset alone: the disk is cut into units of
 * DMM_MAX_EXTENT_BYTES, unit u belongs to link u mod n, no extent straddles two units.  Hence
 * copies of one block can't overtake each other on two connections, and invariant 4 has to look at
 * the slots of one link only.  A link that is slow uses up its own slots and pages; the
 * others, with cursors of their own, go on.  Losing one link disconnects the disk.
 *
 * A slot is one extent on its way.  Its states and who moves it:
 *
 *   FREE -> READING		feeder: range set, bits cleared, read submitted
 *   READING -> READY		read completion (any context)
 *   READY -> SENDING		send thread: sequence number given
 *   SENDING -> SENT		send thread: all bytes handed to the socket
 *   SENT -> FREE		receive thread: acknowledged
 *   SENDING -> FREE		send thread: acknowledged while sending
 *   READY, SENDING, SENT -> FREE	send thread: link lost or failed; the blocks are dirty again
 *
 * A table with a sink has one link, which writes to a disk of this host (sink.c):
 *
 *   READY -> WRITING		send thread: write submitted
 *   WRITING -> SENT		write completion (any context)
 *   SENT -> WRITING		receive thread: acknowledged, its pages are given back; or zeros that the disk
 *				could not write as such are written again, as data
 *   WRITING -> FREE		receive thread
 */
#ifndef DMM_SENDER_H
#define DMM_SENDER_H

#include <linux/completion.h>

#include "conn.h"
#include "core/heat.h"
#include "core/share.h"
#include "dmm.h"

struct dmm_attach_args;
struct netlink_ext_ack;

#define DMM_SLOTS		64u		/* extents in flight of a disk, by one link or several */
#define DMM_LINK_MIN_SLOTS	8u		/* of a link, when there are many */
#define DMM_NO_UNIT		(~0ull)
#define DMM_SLOT_PAGES		(DMM_MAX_EXTENT_BYTES / PAGE_SIZE)
#define DMM_POOL_BYTES		(8u << 20)	/* of a disk: extents being read or sent */
#define DMM_LINK_MIN_POOL_BYTES	(2u << 20)	/* of a link: one is read while another is sent */
#define DMM_SENDER_FEATURES	(DMM_FEATURE_ZERO | DMM_FEATURE_POLY32)	/* those of the wire that it can use */

enum dmm_slot_state {
	DMM_SLOT_FREE,
	DMM_SLOT_READING,
	DMM_SLOT_READY,
	DMM_SLOT_SENDING,
	DMM_SLOT_WRITING,
	DMM_SLOT_SENT,
};

struct dmm_slot {
	/* constant */
	struct dmm_link *link;
	struct bio_vec *bvecs;	/* DMM_SLOT_PAGES */
	/* set by the feeder when it leaves FREE, constant until FREE again */
	u64 first_block;
	u64 nr_blocks;
	u64 offset_bytes;
	u32 len_bytes;
	bool resend;		/* not of the first sweep */
	/* pages in bvecs: the feeder's, lent to the read, then the send thread's */
	unsigned int nr_pages;
	struct bio bio;		/* of the read, then of the write to a sink: no allocation, nothing shared with others */
	/* protected by dmm_migration.lock */
	enum dmm_slot_state state;
	struct list_head list;	/* READY: link->ready; SENDING and SENT: link->sent */
	int error;		/* of the read, or of the write to a sink */
	u64 read_ns;		/* when it was submitted */
	u64 write_ns;		/* the same, to a sink */
	u64 seq;
	bool zero;		/* went as a header */
	bool acked;		/* while SENDING */
};

/* Without the lock; a FREE slot's last user is done with it. */
static inline enum dmm_slot_state dmm_slot_state(const struct dmm_slot *slot)
{
	return smp_load_acquire(&slot->state);	/* pairs with dmm_slot_free_locked() */
}

enum dmm_freeze_phase {		/* of the feeder, within FREEZING */
	DMM_PHASE_NONE,
	DMM_PHASE_DRAINING,
	DMM_PHASE_SHIPPING,
	DMM_PHASE_BARRIER,
};

struct dmm_link;

/* Where a link goes: to a socket (send.c, ack.c), or to a sink (sink.c). */
struct dmm_link_ops {
	/*
	 * The extent of a READY slot, on its way; the slot may be anybody's afterwards.  Context: the send
	 * thread.  0 or negative errno: no more can be sent.
	 */
	int (*send_extent)(struct dmm_link *l, struct dmm_slot *slot);
	/* The barrier that was asked for.  Link 0 only.  As above. */
	int (*send_barrier)(struct dmm_link *l);
	/* No more will come, once.  Context: the send thread. */
	void (*say_end)(struct dmm_link *l);
	/* The receive thread: acknowledgements.  Waits for kthread_stop() in the end. */
	int (*receive_thread)(void *link);
};

extern const struct dmm_link_ops dmm_socket_ops;

struct dmm_link {
	/* constant after attach; threads and buffers from start */
	struct dmm_sender *sender;
	unsigned int index;
	struct dmm_conn conn;
	struct task_struct *send_task;
	struct task_struct *recv_task;
	struct dmm_slot *slots;		/* sender->link_slots */
	struct bio_vec *slot_bvecs;
	struct bio_vec *bvec;		/* header and an extent's pages */
	struct page *header;

	/* owned by the feeder */
	u64 cursor;			/* block where the sweep goes on */
	u64 swept;			/* how far the first one came with an earlier set of links */
	u64 unit;			/* that it is in, with no regard to heat any more */
	u64 sweep_ns;			/* when the present sweep began */
	bool sweep_frozen;		/* in a freeze */
	u64 looks;			/* at what is dirty, but not for this link, or not now */
	bool first_sweep;

	/* owned by the send thread */
	u64 seq;
	bool ended;			/* END sent, or the stream is broken; read by anybody */
	int send_error;			/* why it broke; read by the receive thread */

	/* the send thread waits here; see dmm_link_kick() */
	wait_queue_head_t wait;
	bool kick;

	/* taken by the feeder, given back by the send thread */
	spinlock_t pool_lock;		/* innermost; process context only */
	struct page **pool;
	unsigned int nr_pool;

	/* protected by dmm_migration.lock */
	struct list_head ready;
	struct list_head sent;		/* ascending seq; of a sink, as writes completed */
	unsigned int nr_unacked;	/* frames handed to the socket or under way to it */
	u64 progress_ns;		/* last acknowledgement, or first unacknowledged frame */
	u64 looked_ns;			/* when the receive thread saw last that there is nothing more */

	/* of a sink; protected by dmm_migration.lock */
	bool sunk;			/* a bio has completed since the receive thread looked */
	bool flushed;			/* that of the barrier has, with */
	int flush_error;
	wait_queue_head_t sunk_wait;	/* the receive thread waits here */

	/* owned by the receive thread */
	u8 ack_buf[32 * DMM_WIRE_ACK_BYTES];
};

struct dmm_sender {
	/* constant after the last attach; threads and buffers from start */
	struct dmm_migration *m;
	unsigned int nr_links;		/* of DMM_A_CONNS */
	unsigned int nr_attached;
	u64 features;			/* of DMM_A_FEATURES */
	enum dmm_security security;	/* of DMM_A_SECURITY, the same of all links */
	const struct dmm_link_ops *ops;
	struct dmm_peer peer;
	struct task_struct *feed_task;
	unsigned int link_slots;	/* slots and pages of one link */
	unsigned int link_pages;

	/* owned by the feeder */
	unsigned int turn;		/* link that is next to get something */
	enum dmm_state seen_state;	/* what the links were told of last */
	bool seen_suspended;
	u64 freeze_epoch;		/* the phase below belongs to this freeze */
	u64 phase_ns;
	enum dmm_freeze_phase phase;
	bool paced;			/* the pace keeps us from going on */
	struct dmm_pacer pacer;
	struct dmm_share_user share;	/* host.c's */
	struct dmm_heat heat;
	u64 heat_ns;			/* when it was told of the latest sweep */
	unsigned long heat_writes;	/* the tracker's count then */
	u64 speed_ns;			/* ship.speed_bps is measured since then, from */
	u64 speed_from;
	u64 barrier_ns;			/* the wait for the next barrier began */
	u64 watch_ns;			/* when it looked last whether a receive thread still looks */

	/* protected by dmm_migration.lock */
	u64 unsent_bytes;		/* paid for by the feeder, but they were zeros */
	unsigned int nr_bios;		/* of the origin's reads and a sink's writes and flushes, not completed */
	u64 barrier;			/* number of the last one asked for */
	bool barrier_wanted;		/* asked for, link 0 has not sent it yet */
	u64 barrier_seq;		/* of the unacknowledged barrier, 0 = none */
	u64 barrier_acked;		/* number of the last acknowledged one */

	/* a sink's barrier: the send thread's, then on its way; one at a time */
	struct bio flush;

	bool stopping;			/* written once under ctl; read by the threads */
	bool closing;			/* the same: END is to be said */
	struct work_struct finish_work;
	struct completion done;

	struct dmm_link links[];
};

/* Wakes the send thread of @l, dmm_link_thread(); as dmm_kick().  Context: any. */
static inline void dmm_link_kick(struct dmm_link *l)
{
	smp_mb();	/* pairs with dmm_link_thread() */
	WRITE_ONCE(l->kick, true);
	wake_up(&l->wait);
}

/* The last step of whoever is done with a slot.  Caller holds dmm_migration.lock. */
static inline void dmm_slot_free_locked(struct dmm_slot *slot)
{
	struct dmm_migration *m = slot->link->sender->m;

	lockdep_assert_held(&m->lock);
	WRITE_ONCE(m->ship.inflight_bytes, m->ship.inflight_bytes - slot->len_bytes);
	smp_store_release(&slot->state, DMM_SLOT_FREE);	/* pairs with dmm_slot_state() */
}

/* Nothing more is said to the receiver, nothing that it says counts; and so it stays. */
static inline bool dmm_state_ends_link(enum dmm_state state)
{
	return state == DMM_STATE_DISCONNECTED || state == DMM_STATE_FAILED ||
	       state == DMM_STATE_STOPPING;
}

static inline bool dmm_freezing(const struct dmm_migration *m)
{
	return READ_ONCE(m->state) == DMM_STATE_FREEZING;
}

static inline bool dmm_may_ship(const struct dmm_migration *m)
{
	return dmm_state_ships(READ_ONCE(m->state)) && !READ_ONCE(m->suspended);
}

/* ---- sender.c: command.c, migration.c; caller holds dmm_migration.ctl ---- */

/* A sender for the set of which @a is one, none attached yet.  NULL without memory.  Context: process. */
struct dmm_sender *dmm_sender_create(struct dmm_migration *m, const struct dmm_attach_args *a);
/* One that has no connection yet. */
void dmm_sender_discard(struct dmm_sender *s);
/*
 * Takes the socket behind @fd, or the sink, as link @index.  Context: process.  0, -EBUSY: that link has one
 * already, -EOPNOTSUPP: not with this table, or an errno of dmm_conn_open() or dmm_sink_attach().
 */
int dmm_sender_attach(struct dmm_sender *s, unsigned int index, int fd,
		      struct netlink_ext_ack *extack);
/* Buffers and threads, not yet running.  0 or -ENOMEM; can be tried again. */
int dmm_sender_prepare(struct dmm_sender *s);
/* Let the threads of a prepared sender run. */
void dmm_sender_run(struct dmm_sender *s);
/* Has it been prepared? */
static inline bool dmm_sender_prepared(const struct dmm_sender *s)
{
	return s->feed_task;
}

/*
 * End a set of connections, with the migration going on: DISCONNECTED.  Waits like dmm_sender_stop().
 * 0: there is none any more; -EBUSY: the origin still owes it a read.
 */
int dmm_sender_retire(struct dmm_migration *m);
/*
 * Begin to stop, and wait for the end at most DMM_STOP_WAIT_MS; @waits_for is the status
 * text until then.  Idempotent; nothing to do is fine.
 */
void dmm_sender_stop(struct dmm_migration *m, const char *waits_for);
#define DMM_STOP_WAIT_MS	800
/*
 * Say END on all links and close them; nothing is on its way on any.  Waits for that at most
 * DMM_END_WAIT_MS.  Context: process, under ctl.
 */
void dmm_sender_say_end(struct dmm_sender *s);
#define DMM_END_WAIT_MS		100
/* Only begin. */
void dmm_sender_begin_stop(struct dmm_migration *m, const char *waits_for);
/* Free a sender whose stop has ended meanwhile. */
void dmm_sender_reap(struct dmm_migration *m);
/*
 * Wait for the end of a stop that has begun, however long the origin owes a read.  Without ctl;
 * the caller has set .dead, so nobody changes .sender.
 */
void dmm_sender_wait(struct dmm_migration *m);

/* ---- feed.c ---- */

/* The feeder. */
int dmm_feed_thread(void *data);

/* Units of the disk, of DMM_MAX_EXTENT_BYTES. */
static inline u64 dmm_units(const struct dmm_tracker *t)
{
	return (t->size_bytes + DMM_MAX_EXTENT_BYTES - 1) >> ilog2(DMM_MAX_EXTENT_BYTES);
}

/* ---- link.c ---- */

/* The send thread. */
int dmm_link_thread(void *data);
/* Buffers of a link; on failure the caller frees them.  Context: process.  0 or -ENOMEM. */
int dmm_link_alloc(struct dmm_link *l);
/* Accepts a half-built one. */
void dmm_link_free(struct dmm_link *l);
/* Pages for the slot's length; there are DMM_SLOT_PAGES at least.  Context: the feeder. */
void dmm_link_take_pages(struct dmm_link *l, struct dmm_slot *slot);
/* Back into the pool; the feeder is kicked if it may wait for them.  Context: the send thread. */
void dmm_link_return_pages(struct dmm_link *l, struct dmm_slot *slot);
/*
 * Invariant 2: the blocks of copies that did not arrive are dirty again.
 * Context: the send thread, or when it has ended.
 */
void dmm_link_dirty_again(struct dmm_link *l);

/* ---- reader.c ---- */

/* Context: any.  Takes dmm_migration.lock. */
void dmm_link_read_done(struct dmm_slot *slot, int error);

/* ---- ack.c ---- */

/* The receive thread.  Ends by itself when the stream does; waits for kthread_stop(). */
int dmm_ack_thread(void *data);
/*
 * A link whose receive thread does not come back, since what comes is records of TLS without any data, is lost some time after
 * that one would have lost it.  Context: the feeder.
 */
void dmm_ack_watch(struct dmm_sender *s, u64 now);
/* What acknowledging comes to, of an extent and of the barrier under way.  Caller holds dmm_migration.lock. */
void dmm_ack_extent_locked(struct dmm_link *l, const struct dmm_slot *slot);
void dmm_ack_barrier_locked(struct dmm_sender *s);

/* ---- scan.c ---- */

/*
 * Pick the next dirty extent of the link, none of which is in flight (invariant 4), nor hot
 * unless freezing.  Fills the slot's range.  Context: the feeder.
 * Return: 0; -ENOENT at the end of the sweep: the cursor is back at the start; or -EAGAIN: it was
 * searched long enough at a time, the cursor is where to go on.
 */
int dmm_scan_pick(struct dmm_link *l, struct dmm_slot *slot, u64 now_ns);
/* Clear its bits, before it is read (invariant 3).  Context: the feeder. */
void dmm_scan_clear(const struct dmm_slot *slot);

/* ---- barrier.c ---- */

/* The list of what is unflushed.  Caller holds ctl.  0 or -ENOMEM. */
int dmm_barrier_alloc(struct dmm_migration *m);
/*
 * New connections, to @peer, go on where others were lost: what is unflushed is dirty again unless it is
 * who acknowledged it (invariant 11).  Before anything is shipped.  Caller holds ctl.
 */
void dmm_barrier_resume(struct dmm_migration *m, const struct dmm_peer *peer);
/* No sender runs.  Idempotent.  Context: process. */
void dmm_barrier_free(struct dmm_migration *m);
/* Is one on its way, or about to be? */
bool dmm_barrier_pending(struct dmm_sender *s);
/* None is: send one.  Context: the feeder. */
void dmm_barrier_ask(struct dmm_sender *s);
/*
 * May another extent be picked?  There has to be room for all that is in flight when it is
 * acknowledged.  Context: the feeder.
 */
bool dmm_barrier_has_room(const struct dmm_sender *s);
/* Asks for a barrier when it is time for one.  Context: the feeder. */
void dmm_barrier_step(struct dmm_sender *s, u64 now);

/* ---- freeze.c ---- */

/* One step of FREEZING.  Context: the feeder.  Return: true when it made progress. */
bool dmm_freeze_step(struct dmm_sender *s);

#endif
