/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sender of one connection: slots, send thread, receive thread, end.
 *
 * A slot is one extent on its way.  Its states and who moves it:
 *
 *   FREE -> READING		send thread: bits cleared, read submitted
 *   READING -> READY		read completion (any context)
 *   READY -> SENDING		send thread: sequence number given
 *   SENDING -> SENT		send thread: all bytes handed to the socket
 *   SENT -> FREE		receive thread: acknowledged
 *   SENDING -> FREE		send thread: acknowledged while sending
 *   READY, SENDING, SENT -> FREE	send thread: link lost or failed; the blocks are dirty again
 */
#ifndef DMM_SENDER_H
#define DMM_SENDER_H

#include <linux/completion.h>

#include "conn.h"
#include "core/pacer.h"
#include "dmm.h"

struct netlink_ext_ack;

#define DMM_SLOTS		64u		/* extents in flight */
#define DMM_SLOT_PAGES		(DMM_MAX_EXTENT_BYTES / PAGE_SIZE)
#define DMM_POOL_BYTES		(8u << 20)	/* pages for extents being read or sent */
#define DMM_POOL_PAGES		(DMM_POOL_BYTES / PAGE_SIZE)
#define DMM_ACK_TIMEOUT_NS	(30ull * NSEC_PER_SEC)

enum dmm_slot_state {
	DMM_SLOT_FREE,
	DMM_SLOT_READING,
	DMM_SLOT_READY,
	DMM_SLOT_SENDING,
	DMM_SLOT_SENT,
};

struct dmm_slot {
	/* constant */
	struct dmm_sender *sender;
	/* set by the send thread when it leaves FREE, constant until FREE again */
	u64 first_block;
	u64 nr_blocks;
	u64 offset_bytes;
	u32 len_bytes;
	bool resend;		/* not of the first sweep */
	/* owned by the send thread, lent to the read */
	unsigned int nr_pages;
	struct page *pages[DMM_SLOT_PAGES];
	struct bio bio;			/* of the read: no allocation, nothing shared with others */
	struct bio_vec bvecs[DMM_SLOT_PAGES];
	/* protected by dmm_migration.lock */
	enum dmm_slot_state state;
	struct list_head ready;
	int error;		/* of the read */
	u64 seq;
	bool acked;		/* while SENDING */
};

/* Without the lock; a FREE slot's last user is done with it. */
static inline enum dmm_slot_state dmm_slot_state(const struct dmm_slot *slot)
{
	return smp_load_acquire(&slot->state);	/* pairs with dmm_slot_free_locked() */
}

enum dmm_freeze_phase {		/* of the send thread, within FREEZING */
	DMM_PHASE_NONE,
	DMM_PHASE_DRAINING,
	DMM_PHASE_SHIPPING,
	DMM_PHASE_BARRIER,
};

struct dmm_sender {
	/* constant after create; threads and buffers from start */
	struct dmm_migration *m;
	struct dmm_conn conn;
	struct task_struct *send_task;
	struct task_struct *recv_task;
	struct dmm_slot *slots;		/* DMM_SLOTS */
	struct bio_vec *bvec;		/* header and an extent's pages */
	struct page *header;

	/* owned by the send thread */
	struct page **pool;
	unsigned int nr_pool;
	u64 cursor;			/* block where the sweep goes on */
	bool first_sweep;
	u64 sweep_ns;			/* when the present sweep began */
	u64 seq;
	u64 barrier;			/* number of the last one sent; read by ack.c */
	u64 freeze_epoch;		/* the phase below belongs to this freeze */
	u64 phase_ns;
	enum dmm_freeze_phase phase;
	struct dmm_pacer pacer;
	bool ended;			/* END sent, or the stream is broken */
	int send_error;			/* why it broke; read by the receive thread */

	/* protected by dmm_migration.lock */
	struct list_head ready;
	unsigned int nr_reading;
	unsigned int nr_unacked;	/* frames handed to the socket or under way to it */
	u64 progress_ns;		/* last acknowledgement, or first unacknowledged frame */
	u64 barrier_seq;		/* of the unacknowledged barrier, 0 = none */
	u64 barrier_acked;		/* number of the last acknowledged one */

	/* owned by the receive thread */
	u8 ack_buf[32 * DMM_WIRE_ACK_BYTES];

	bool stopping;			/* written once under ctl; read by the threads */
	struct work_struct finish_work;
	struct completion done;
};

/* The last step of whoever is done with a slot.  Caller holds dmm_migration.lock. */
static inline void dmm_slot_free_locked(struct dmm_slot *slot)
{
	struct dmm_migration *m = slot->sender->m;

	lockdep_assert_held(&m->lock);
	m->ship.inflight_bytes -= slot->len_bytes;
	smp_store_release(&slot->state, DMM_SLOT_FREE);	/* pairs with dmm_slot_state() */
}

/* ---- command.c, migration.c; caller holds dmm_migration.ctl ---- */

/* Takes the socket behind @fd.  Return: the sender or ERR_PTR.  Context: process. */
struct dmm_sender *dmm_sender_create(struct dmm_migration *m, int fd,
				     struct netlink_ext_ack *extack);
/* Buffers and threads, not yet running.  0 or -ENOMEM; can be tried again. */
int dmm_sender_prepare(struct dmm_sender *s);
/* Let the threads of a prepared sender run. */
void dmm_sender_run(struct dmm_sender *s);
/*
 * Begin to stop, and wait for the end at most DMM_STOP_WAIT_MS; @waits_for is the status
 * text until then.  Idempotent; nothing to do is fine.
 */
void dmm_sender_stop(struct dmm_migration *m, const char *waits_for);
#define DMM_STOP_WAIT_MS	800
/* Only begin. */
void dmm_sender_begin_stop(struct dmm_migration *m, const char *waits_for);
/* Free a sender whose stop has ended meanwhile. */
void dmm_sender_reap(struct dmm_migration *m);
/*
 * Wait for the end of a stop that has begun, however long the origin owes a read.  Without ctl;
 * the caller has set .dead, so nobody changes .sender.
 */
void dmm_sender_wait(struct dmm_migration *m);

/* ---- reader.c ---- */

/* Context: any.  Takes dmm_migration.lock. */
void dmm_sender_read_done(struct dmm_slot *slot, int error);

/* ---- ack.c ---- */

/* The receive thread.  Ends by itself when the stream does; waits for kthread_stop(). */
int dmm_ack_thread(void *data);

/* ---- scan.c ---- */

/*
 * Pick the next dirty extent, none of which is in flight (invariant 4).
 * Fills the slot's range.  Context: the send thread.
 * Return: 0, or -ENOENT at the end of the sweep: the cursor is back at the start.
 */
int dmm_scan_pick(struct dmm_sender *s, struct dmm_slot *slot);
/* Clear its bits, before it is read (invariant 3).  Context: the send thread. */
void dmm_scan_clear(const struct dmm_slot *slot);

/* ---- freeze.c ---- */

/* One step of FREEZING.  Context: the send thread.  Return: true when it made progress. */
bool dmm_freeze_step(struct dmm_sender *s);

#endif
