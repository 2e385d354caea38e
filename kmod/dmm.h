/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Private types of dm-migrate: one struct dmm_migration per `migrate` target,
 * and the locking overview.
 *
 * Locks, in acquisition order
 * ---------------------------
 *
 * dmm_registry_mutex	(netlink.c callers, resume, destructor; process context)
 *	The list of live targets.  Held only to look up, add or remove; a found
 *	migration is pinned by its reference count.
 *
 * dmm_migration.ctl	(netlink commands, destructor; process context, may sleep)
 *	Serialises commands, protects .sender (the pointer) and .dead.  Never taken by
 *	dm's suspend and resume callbacks nor by the threads, so that
 *	those never wait for a command.
 *
 * dmm_migration.lock	(spinlock, irqsave: bio completion may come in interrupt context)
 *	State, first error, held bios, the sender's slots, what is unflushed, the event queue and
 *	the counters of shipping.  Taken by map() only when not everything passes.
 *	Nothing sleeps and nothing is submitted under it.
 *
 * dmm_link.pool_lock	(spinlock; feeder and send thread)
 *	The pages of a link.  Never together with dmm_migration.lock.
 *
 * conns_mutex		(conn.c; innermost, under ctl)
 *	The list of all sockets that are in use.
 *
 * RCU
 *	map() reads .admit and counts a bio inside one read-side section; who changes
 *	.admit waits for a grace period: afterwards every bio is counted, held or
 *	failed (admit.c).
 *
 * Contexts
 * --------
 * map()		any submitter; takes no sleeping lock, allocates nothing
 * end_io()		any, also interrupt
 * read completion	any, also interrupt (reader.c)
 * feeder		one per disk: scans, clears, submits reads, freezes (feed.c)
 * send thread		one per connection: sends, marks what did not arrive (link.c)
 * receive thread	one per connection: acknowledgements only (ack.c)
 * netlink command	the caller's process, under ctl: COMMIT and GATE among them
 * dmm_migration.wq	thaw timer, release of held bios, events, end of stopping
 */
#ifndef DMM_H
#define DMM_H

#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <dmmigrate/uapi.h>
#include <dmmigrate/wire.h>

#include "core/state.h"
#include "core/unflushed.h"
#include "tracker.h"

#define DM_MSG_PREFIX	"migrate"

#define DMM_EVENT_QUEUE	32	/* state changes not yet multicast */

struct dmm_sender;

/* Who receives; all zero: not known. */
struct dmm_peer {
	u8 instance[DMM_ID_BYTES];
	u8 boot[DMM_ID_BYTES];		/* of its host */
};

/* One state change, waiting to be multicast. */
struct dmm_event_note {
	u32 old_state;
	u32 state;
	int error;
	u32 error_side;
	u64 epoch;
	int freeze_result;
};

/* What shipping has done since START; all protected by dmm_migration.lock. */
struct dmm_ship_stats {
	u64 start_ns;
	u64 shipped_bytes;	/* payload handed to the socket whole */
	u64 shipped_ns;		/* when the last of it was */
	u64 prehold_bytes;	/* shipped_bytes when the latest freeze began */
	u64 acked_bytes;	/* of both kinds */
	u64 zero_bytes;		/* of these, the ones that went as a header */
	u64 zero_blocks;	/* acknowledged, by kind */
	u64 data_blocks;
	u64 read_ns;		/* sums over the extents: reading the origin, and */
	u64 send_ns;		/* checksum and socket */
	u64 speed_bps;		/* the feeder's: what the links carry, the best of late */
	u64 inflight_bytes;	/* being read, sent, or waiting for the acknowledgement */
	u64 resent_blocks;
	u64 sweep_blocks;	/* cursor of the first sweep */
	u64 barrier;		/* last acknowledged */
	u64 redirtied_base;	/* the tracker's count at START */
};

/* The latest freeze; protected by dmm_migration.lock. */
struct dmm_freeze_info {
	u64 epoch;
	int result;		/* -EINPROGRESS, 0, -ETIME, -ECANCELED, ... */
	u64 hold_ns;		/* CLOCK_MONOTONIC when the hold began */
	u64 deadline_ns;	/* when it thaws by itself */
	u64 drain_ns;		/* durations */
	u64 ship_ns;
	u64 barrier_ns;
	u64 blocks;		/* dirty when drained */
};

/* What befell a committed migration's links: it counts once the source is reclaimed. */
struct dmm_late_news {
	enum dmm_event ev;		/* LINK_LOST or ERROR */
	int error;			/* 0: nothing */
	enum dmm_side side;
	u32 remote_status;
	const char *reason;		/* constant text */
};

struct dmm_migration {
	/* constant after the constructor */
	struct dm_target *ti;
	struct dm_dev *origin;
	struct dm_dev *sink;		/* of the feature `sink`, or NULL */
	char *name;			/* "254:3", for messages */
	struct workqueue_struct *wq;	/* thaw, release, events */
	struct workqueue_struct *end_wq;	/* of what ends a set of connections */
	dev_t dev;			/* of the live device */

	bool gated;			/* the feature `gate` */
	bool gate_written;		/* constant once published: of the table before */

	struct dmm_tracker tracker;	/* has its own rules, see tracker.h */
	struct kref ref;

	struct list_head registry;	/* dmm_registry_mutex */

	struct mutex ctl;
	/* protected by ctl */
	struct dmm_sender *sender;	/* from ATTACH to the end of STOP, or of the set that was lost */
	bool dead;			/* the destructor has begun */

	spinlock_t lock;
	/* protected by lock */
	enum dmm_state state;
	int error;			/* the first one, negative errno */
	enum dmm_side error_side;
	const char *reason;		/* constant text, about the error */
	const char *waits_for;		/* constant text: what STOPPING waits for */
	u32 remote_status;		/* enum dmm_wire_err of a negative acknowledgement */
	bool suspending;		/* between presuspend and resume: no freeze */
	bool suspended;			/* between postsuspend and resume: nothing is shipped */
	bool uncompared;		/* from COMPARE to COMPARED, or until all is dirty; written under ctl, too */
	bool sunk;			/* something was written to the sink; once so, so for good */
	bool paused;			/* by PAUSE until RESUME, whatever becomes of the connections */
	bool requeue;			/* a noflush suspend takes the held bios back */
	u64 rate;			/* bytes/s, 0 = unlimited */
	u64 barrier_bytes;		/* acknowledged since the last one, and */
	u32 barrier_ms;			/* its age, that call for a barrier */
	u8 id[DMM_ID_BYTES];		/* of the migration, from ATTACH */
	u32 disk;
	u64 conn_epoch;
	u32 conns;
	u64 features;		/* of the wire, common with the receiver */
	enum dmm_security security;	/* of the connections */
	enum dmm_gate gate;		/* changed under ctl, too */
	struct dmm_late_news late;
	struct bio_list held;
	unsigned int nr_held;
	struct dmm_freeze_info freeze;
	struct dmm_ship_stats ship;
	struct dmm_unflushed unflushed;	/* memory from START to STOP */
	struct dmm_peer peer;		/* who acknowledged that; written by START alone, under ctl too */
	struct dmm_event_note events[DMM_EVENT_QUEUE];
	unsigned int nr_events;

	/* written under lock, read by map() under RCU and by end_io() */
	enum dmm_admit admit;

	/* the feeder waits here; see dmm_kick() */
	wait_queue_head_t wait;
	bool kick;

	struct delayed_work thaw_work;	/* the freeze's timeout */
	struct work_struct release_work;
	struct work_struct event_work;
};

extern unsigned int dmm_max_bitmap_mib;

/*
 * Wakes the feeder, to look at what the caller has changed.  Context: any.
 *
 *	who kicks			dmm_feed_thread()
 *	changes something		takes the kick back
 *	full barrier			full barrier
 *	sets the kick			looks at what there is to do
 *
 * Either the kick is set after it was taken back, and the thread does not wait for another; or the
 * thread sees the change.  With anything less than a full barrier on either side the change may come
 * too late for the look and the kick too early: taken back, and nobody looks until the next poll.  The
 * set kick and the thread's way to sleep are ordered by the wait queue's lock, which wake_up() takes
 * whether anybody waits or not.
 */
static inline void dmm_kick(struct dmm_migration *m)
{
	smp_mb();	/* pairs with dmm_feed_thread() */
	WRITE_ONCE(m->kick, true);
	wake_up(&m->wait);
}

#endif
