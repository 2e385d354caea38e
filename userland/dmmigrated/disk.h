/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One prepared disk: its destination, its state, its first error, and which
 * data connections are attached.
 *
 *	PREPARED --attach--> RECEIVING --last detach--> PREPARED --finish--> FINISHED
 *	    any but FINISHED --fail--> FAILED (for good: the first error sticks)
 *
 * Locks, in order: registry.lock > disk.flush_lock > disk.lock; proof.lock > the order's.  The order's, the digester's
 * and the pool's locks are leaves.  No lock is held during I/O but flush_lock.
 */
#ifndef DMM_DISK_H
#define DMM_DISK_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "ctlmsg.h"
#include "dest.h"
#include "digest.h"
#include "list.h"
#include "order.h"
#include "proof.h"
#include "writer.h"
#include "zero.h"

struct dmm_disk_ops;
struct dmm_worker;

struct dmm_disk {
	/* constant after creation */
	const struct dmm_disk_ops *ops;	/* who has the destination: disk_ops.h */
	struct dmm_worker *worker;	/* of a remote one; owned */
	u64 serial;			/* of a record, and of what its worker has for it */
	struct dmm_prepare prepare;
	struct dmm_log_id log_id;	/* without a peer */
	struct dmm_order order;		/* has its own lock */
	struct dmm_proof proof;		/* has its own lock */
	struct dmm_zeroer zeroer;	/* atomic */
	struct dmm_digester digester;	/* has its own lock */

	/* protected by the registry's lock */
	u32 refs;
	bool listed;
	struct dmm_list node;

	/* one flush at a time: the kernel reports a lost write to one fsync only */
	pthread_mutex_t flush_lock;
	bool cache_dropped;		/* protected by it: what was cached before us, see hashes */

	/* protected by lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* an attachment or a digest went */
	bool closed;			/* being prepared, finished or forgotten: nothing may begin */
	enum dmm_disk_state state;
	/* constant once opened; but finish and release close its fd, with none attached */
	struct dmm_dest dest;
	u32 error;			/* enum dmm_wire_err: the first one */
	char error_text[160];		/* what it was */
	u64 epoch;			/* newest set of connections */
	struct dmm_list attachments;
	u32 attached;
	u32 users;			/* connections of either kind that deal with this disk */
	u64 idle_since_ms;		/* when users became 0 */
	u64 received_bytes;
	u64 received_frames;		/* DATA and ZERO taken in; a digest compares it before and after */
	u64 unflushed_bytes;		/* written since the last flush began; counted when BUFFERED */
	u64 barrier;			/* newest one flushed */
	u64 barrier_frames;		/* received_frames when its flush began */
	u32 digests;			/* that hold a duplicate of dest.fd, and so the claim */
	/* the sample of a hand-over: see prove.h */
	u64 sample_epoch;		/* set of connections, and barrier, that it was begun for */
	u64 sample_barrier;
	bool sample_taken;		/* nothing differed */
	bool sampling;			/* one is being taken */
};

/* A data connection, as its disk sees it. Protected by the disk's lock but kicked (atomic). */
struct dmm_attachment {
	u64 epoch;
	u32 index;
	int wake_fd;			/* constant; eventfd, borrowed */
	atomic_bool kicked;		/* end now: a newer set of connections, or FORGET, wants the disk */
	atomic_bool failed;		/* say that the disk has failed, though no frame asks */
	struct dmm_list node;
};

/* What PREPARE asks of a destination; texts are @p's, and @gate, as in the structure. */
static inline struct dmm_dest_request dmm_prepare_request(const struct dmm_prepare *p, const char *gate)
{
	return (struct dmm_dest_request){
		.gate = gate,
		.path = p->dest_path,
		.peer = p->peer,
		.size_bytes = p->size_bytes,
		.lbs_bytes = p->lbs_bytes,
		.made = p->made,
		/* what is there was left by whoever had the room before */
		.overwrite = p->made || p->flags & DMM_PREPARE_OVERWRITE,
		.source_identity = p->source_identity,
	};
}

/* Starts with one reference, `closed`. NULL: out of memory. */
struct dmm_disk *dmm_disk_create(const struct dmm_prepare *p);
/* Closes the destination. Nothing may refer to it any more. */
void dmm_disk_destroy(struct dmm_disk *d);

/* Memory for its proof. -ENOMEM. Its destination has been checked, dmm_disk_opened() not been called. */
int dmm_disk_reserve(struct dmm_disk *d);

/* Takes over the opened destination: the disk is PREPARED. */
void dmm_disk_opened(struct dmm_disk *d, const struct dmm_dest *dest);

/* A connection begins and ends to deal with the disk, for the orphan clock. */
void dmm_disk_use(struct dmm_disk *d);
void dmm_disk_unuse(struct dmm_disk *d);

/*
 * Attaches a data connection.  Connections of older epochs are told to end, and awaited: their
 * writes have ended before the new one begins (hazard 18).  @stop_fd interrupts that.
 * 0 or a negative errno with @r filled.
 */
int dmm_disk_attach(struct dmm_disk *d, const struct dmm_attach *a, struct dmm_attachment *at,
		    int wake_fd, int stop_fd, struct dmm_refusal *r);
/* The connection has no write in flight any more. */
void dmm_disk_detach(struct dmm_disk *d, struct dmm_attachment *at);

/*
 * Records an error; the first one stays and is logged.  Returns the first.
 */
u32 dmm_disk_fail(struct dmm_disk *d, u32 error, const char *what);
/* The same, and every connection that is attached says so to the source, and ends. */
u32 dmm_disk_fail_aloud(struct dmm_disk *d, u32 error, const char *what);
/* What a write, flush or the like that ended with @err (negative) is called on the wire. */
u32 dmm_disk_io_error(const struct dmm_disk *d, int err);

/* The first error, or DMM_WERR_OK. */
u32 dmm_disk_error(struct dmm_disk *d);

/* A DATA or ZERO frame was taken in and is in the order; its write has not begun. */
void dmm_disk_count_frame(struct dmm_disk *d);
/* Of a frame that has been carried out; and bytes that were written, which have to be flushed. */
void dmm_disk_count_received(struct dmm_disk *d, u64 bytes);
void dmm_disk_count_dirty(struct dmm_disk *d, u32 bytes);

/*
 * Flushes a buffered destination when much was written since the last time, so that no barrier's
 * flush takes longer than the source waits.  An error is the disk's for good.
 * Context: a data connection's thread; blocks for the flush of DMM_DISK_DIRTY_BYTES.
 */
#define DMM_DISK_DIRTY_BYTES	(16u << 20)
void dmm_disk_bound_dirty(struct dmm_disk *d);

/*
 * Flushes for barrier @barrier of the connection @at through its @w, which has nothing in flight.  An
 * error of this flush, or any before, is the disk's for good.  Returns enum dmm_wire_err.
 */
u32 dmm_disk_barrier(struct dmm_disk *d, const struct dmm_attachment *at, struct dmm_writer *w,
		     u64 barrier);

/*
 * Is @barrier of connection epoch @conn_epoch the newest that was flushed, and has nothing come since?  A frame
 * after it voids it (invariant 6).
 */
bool dmm_disk_flushed_to(struct dmm_disk *d, u64 conn_epoch, u64 barrier);

/* -EBUSY with @r filled while it is being prepared: it has no state yet. */
int dmm_disk_query(struct dmm_disk *d, struct dmm_wire_query_ok *q, struct dmm_refusal *r);

/* Flushes and closes the destination; repeatable. */
int dmm_disk_finish(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r);

/* The same, but connections that are attached are told to end, not waited for. */
int dmm_disk_quiesce(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r);

/*
 * Ends the attachments, waits for them and closes the destination: nothing can begin on this
 * disk any more.  0, or a negative errno with @r filled.
 */
int dmm_disk_release(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r);

struct dmm_digest_reader {
	struct dmm_readable from;	/* the destination; closed by end */
	u64 frames;		/* taken in when it began */
	bool claims;		/* it holds the destination's claim */
	struct dmm_order_watch watch;	/* hashes of a disk that is not finished */
};

/*
 * Begins to read the destination back (a buffered one is flushed first; an error of that is the
 * disk's for good), and ends it: fails when data came or was written meanwhile.  Each successful
 * begin has its end.  Both return a negative errno with @r filled.  @again_fd: to read a finished one by, which is taken over
 * in any case; -1: it is opened again.
 */
int dmm_disk_digest_begin(struct dmm_disk *d, int again_fd, struct dmm_digest_reader *rd, struct dmm_refusal *r);
int dmm_disk_digest_end(struct dmm_disk *d, struct dmm_digest_reader *rd, struct dmm_refusal *r);

/*
 * The same for a range alone, through the page cache where there is one (what that had before
 * the first of them is dropped): whatever is written elsewhere on the disk meanwhile does not matter.
 */
int dmm_disk_hashes_begin(struct dmm_disk *d, int again_fd, u64 offset_bytes, u64 length_bytes,
			  struct dmm_digest_reader *rd, struct dmm_refusal *r);
int dmm_disk_hashes_end(struct dmm_disk *d, struct dmm_digest_reader *rd, struct dmm_refusal *r);

#endif
