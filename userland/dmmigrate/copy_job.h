/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An offline copy under way: what all its connections share, and the threads
 * that each drive one.  Or only its comparison, for a live disk: then what differs is told to somebody
 * instead of being shipped, and there are no data connections.
 *
 * Locking: job.lock protects the plan, the pacer and the first failure; counters are
 * atomic; everything of a worker belongs to its thread while that runs, and to
 * the main thread before and after.
 */
#ifndef DMM_COPY_JOB_H
#define DMM_COPY_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "copy_plan.h"
#include "copy_reader.h"
#include "copy_source.h"
#include "core/pacer.h"
#include "remote.h"

#define DMM_COPY_SLOTS	16u	/* units that a connection has in hand */
#define DMM_COPY_WINDOWS	8u
#define DMM_COPY_FRAMES		128u	/* power of two: cut and not yet acknowledged */
#define DMM_COPY_CUT_FRAMES	(DMM_COPY_UNIT_GRANULES + 2u)	/* that one unit can become */

enum dmm_copy_end {
	DMM_COPY_DONE,		/* everything was acknowledged */
	DMM_COPY_STOPPED,	/* because another one failed, or was asked to */
	DMM_COPY_LINK,		/* worth another try */
	DMM_COPY_FAILED,
};

struct dmm_copy_window {
	struct dmm_copy_range range;
	bool used;
	u64 next_bytes;		/* where the next unit begins */
	u32 pending;		/* reads, frames, and 1 while it is being cut */
	u64 counted_bytes;	/* of it in job.done_bytes */
	enum { HASHES_NONE, HASHES_ASKED, HASHES_HERE } hashes;
	u8 theirs[DMM_COPY_WINDOW_HASHES * DMM_HASH_BYTES];
};

/* A buffer, from the beginning of its read until nothing needs it any more. */
struct dmm_copy_slot {
	struct dmm_copy_read read;	/* first: the reader returns it */
	struct dmm_copy_window *window;
	u32 bytes;		/* of the unit; the read may be longer */
	u32 refs;		/* frames not yet sent, and 1 while it is read or cut */
	u8 *buf;
};

struct dmm_copy_frame {
	struct dmm_frame f;
	struct dmm_copy_window *window;
	struct dmm_copy_slot *slot;	/* DATA */
	const u8 *payload;
	bool acked;
};

struct dmm_copy_job;

struct dmm_copy_worker {
	struct dmm_copy_job *job;
	pthread_t thread;
	bool running;
	u32 index;
	struct dmm_remote data;
	struct dmm_remote ask;		/* HASHES; closed when nothing is compared */

	struct dmm_copy_reader *reader;
	u8 *memory;
	struct dmm_copy_slot slots[DMM_COPY_SLOTS];
	u32 reads;			/* in flight */
	struct dmm_copy_window windows[DMM_COPY_WINDOWS];
	struct dmm_copy_window *cur;	/* being cut into units */
	struct dmm_copy_window *next;	/* asked about already */
	u64 asked_ms;			/* when */
	bool plan_done;
	struct dmm_copy_range zero;	/* not yet a frame */
	struct dmm_copy_window *zero_window;

	/* frames by their number: acknowledged < oldest <= sent < cut */
	struct dmm_copy_frame frames[DMM_COPY_FRAMES];
	u64 oldest, sending, cut;
	struct dmm_wire_hdr hdr;	/* of `sending`, sealed when it begins */
	bool begun;
	u32 hdr_sent, payload_sent;
	struct dmm_wire_ack acks[64];
	u32 acks_bytes;
	u64 progress_ms;		/* when the last acknowledgement came */
	u64 paced_until_ns;

	enum dmm_copy_end end;
};

struct dmm_copy_job {
	/* constant while workers run */
	struct dmm_copy_source *source;
	const struct dmm_target *to;
	struct dmm_remote *control;	/* keys of data connections are asked for on it, before the threads begin */
	u8 id[DMM_ID_BYTES];
	u32 disk;			/* its number; of a copy: 0 */
	u64 features;			/* common with the receiver */
	u64 conn_epoch;
	u32 conns;
	bool compare;
	/*
	 * NULL: what differs is shipped.  Else compare is set, holes is not, and this is told of it, in no order, by any
	 * worker: 0 or -errno.  A range counts as done after that.
	 */
	int (*differs)(void *arg, u64 first_bytes, u64 bytes);
	void *differs_arg;
	u8 instance[DMM_ID_BYTES];	/* with differs: the receiver that is compared with, and no other */
	bool empty;			/* the destination read as zeros in the beginning */
	const struct dmm_copy_reader_ops *engine;
	u32 depth;			/* reads at a time, by connection */
	u32 silence_ms;			/* that a receiver who owes hashes may keep */
	int stop_fd;			/* eventfd: readable with stopping */
	struct dmm_copy_worker *workers;

	/* protected by lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* a worker ended */
	u32 running;
	u64 pos_bytes;			/* nothing behind it was handed out yet */
	u64 data_bytes, data_end_bytes;	/* the data at or behind pos_bytes, its next hole */
	struct dmm_copy_range *again;	/* handed out and not finished */
	u32 nr_again, room_again;
	struct dmm_pacer pacer;		/* of payload; with differs, of what is read */
	enum dmm_copy_end first;	/* failure, the worst so far */
	enum dmm_exit exit;
	char why[768];

	atomic_bool stopping;		/* workers end */
	_Atomic u64 done_bytes;		/* of the source, whatever became of them */
	_Atomic u64 shipped_bytes;	/* payload that was acknowledged */
	_Atomic u64 zeroed_bytes;	/* acknowledged zero runs */
	_Atomic u64 equal_bytes;	/* compared, and there already */
	_Atomic u64 differing_bytes;	/* that differs was told of */
	_Atomic u64 skipped_bytes;	/* zeros that the destination has anyway */
	_Atomic u64 hash_bytes;		/* hashes that were fetched */
};

/* --- copy_job.c: the plan and the threads --- */

int dmm_copy_job_init(struct dmm_copy_job *job, struct dmm_copy_source *source, u32 conns, u64 rate);
/* Buffers and readers: job->engine, or the first that this host has. 0 or -errno. */
int dmm_copy_job_open_engine(struct dmm_copy_job *job);
void dmm_copy_job_exit(struct dmm_copy_job *job);

/* The next range for a worker. False: there is none left to hand out. */
bool dmm_copy_job_take(struct dmm_copy_job *job, struct dmm_copy_range *range);
/* Hands @range back, of which @counted_bytes had been counted as done. */
void dmm_copy_job_again(struct dmm_copy_job *job, const struct dmm_copy_range *range,
			u64 counted_bytes);
/* Everything again, because what was acknowledged may be lost; compares from now on where possible. */
void dmm_copy_job_restart(struct dmm_copy_job *job);
bool dmm_copy_job_complete(struct dmm_copy_job *job);

/* Takes @bytes from the rate, for all workers. True: not yet, worker_wait() knows until when. */
bool dmm_copy_is_paced(struct dmm_copy_worker *w, u32 bytes);
/* Any thread, at any time. */
void dmm_copy_job_set_rate(struct dmm_copy_job *job, u64 rate);

/* Says why a worker failed (the worst reason stays) and has all of them end. Returns @end. */
__attribute__((format(printf, 4, 5)))
enum dmm_copy_end dmm_copy_fail(struct dmm_copy_worker *w, enum dmm_copy_end end, enum dmm_exit code,
				const char *fmt, ...);

/*
 * Connects all workers and starts them.  0, or a negative errno: then job->why, exit and first say
 * more, and none runs.
 */
int dmm_copy_job_start(struct dmm_copy_job *job);
/* Waits until all have ended or @timeout_ms passed. True: they have. */
bool dmm_copy_job_wait(struct dmm_copy_job *job, u32 timeout_ms);
/* Has all of them end, awaits that, and hands back what they had not finished. */
void dmm_copy_job_stop(struct dmm_copy_job *job);
/* The connections' end: with @orderly an END each, else a reset. */
void dmm_copy_job_disconnect(struct dmm_copy_job *job, bool orderly);

/*
 * One barrier over everything that was acknowledged, on the first connection; no worker
 * runs.  0, or a negative errno as dmm_copy_job_start().
 */
int dmm_copy_job_barrier(struct dmm_copy_job *job);

/* --- copy_worker.c --- */

/* Buffers and reader, and their end. 0 or -errno. */
int dmm_copy_worker_open(struct dmm_copy_worker *w);
void dmm_copy_worker_close(struct dmm_copy_worker *w);
/* Drives the connection until its share is done. Thread of its own. */
enum dmm_copy_end dmm_copy_worker_run(struct dmm_copy_worker *w);
/* Hands back what is not finished. */
void dmm_copy_worker_return(struct dmm_copy_worker *w);

/* Something of the window has come to its end. */
void dmm_copy_window_put(struct dmm_copy_worker *w, struct dmm_copy_window *win);
void dmm_copy_window_count(struct dmm_copy_worker *w, struct dmm_copy_window *win, u64 bytes);

/* --- copy_send.c: frames and acknowledgements --- */

static inline bool dmm_copy_has_room(const struct dmm_copy_worker *w)
{
	return w->cut - w->oldest + DMM_COPY_CUT_FRAMES <= DMM_COPY_FRAMES;
}

void dmm_copy_send_reset(struct dmm_copy_worker *w);
/* Queues a run of @slot. */
void dmm_copy_queue_data(struct dmm_copy_worker *w, struct dmm_copy_slot *slot, u32 at, u32 bytes);
/* Queues zeros, joined with those before where they touch; flush makes them a frame. */
void dmm_copy_queue_zero(struct dmm_copy_worker *w, struct dmm_copy_window *win, u64 first, u64 bytes);
void dmm_copy_flush_zero(struct dmm_copy_worker *w);
void dmm_copy_slot_put(struct dmm_copy_worker *w, struct dmm_copy_slot *slot);
/* Sends as much as the socket takes. 0, or how it ended, with the reason said. */
int dmm_copy_send(struct dmm_copy_worker *w, bool *blocked, enum dmm_copy_end *end);
/* Takes what acknowledgements there are. The same. */
int dmm_copy_take_acks(struct dmm_copy_worker *w, enum dmm_copy_end *end);

#endif
