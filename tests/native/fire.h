/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of `fire` share: a source on several connections at once that keeps, for every
 * sector, the set of frames whose data may be there (fire_model.c), talks to the
 * receiver (fire_conn.c), and does at random what sources do, well and badly (fire.c).
 */
#ifndef DMM_FIRE_H
#define DMM_FIRE_H

#include <stdbool.h>

#include "parse.h"
#include "wireio.h"

#define FIRE_CONNS	4u
#define FIRE_WINDOW	40u	/* frames of a connection in flight: more than the receiver takes in */
#define FIRE_WAIT_MS	20000u

__attribute__((format(printf, 1, 2), noreturn))
void fire_die(const char *fmt, ...);
/* From 0 to @below - 1. */
u64 fire_rnd(u64 below);

/* --- fire_model.c --- */

/* A frame that was sent. Frame 0 is the disk as it was: zeros, before everything. */
struct fire_frame {
	u32 epoch, conn;
	u64 seq;
	bool zero;
	bool acked;
	u32 first, nr;			/* sectors */
	u64 known[FIRE_CONNS];		/* what the receiver had taken in for certain when it was sent */
};

void fire_model_init(u64 bytes);
/* The next frame's number; it is about to be sent. */
u32 fire_model_send(const struct fire_frame *f);
void fire_model_ack(u32 frame);
const struct fire_frame *fire_model_frame(u32 frame);
/* What the frame puts into @nr sectors from @first on. */
void fire_model_fill(u32 frame, u32 first, u32 nr, void *buf);
/* Is a frame that was not acknowledged among those of [@first, + @nr)? */
bool fire_model_unsure(u32 first, u32 nr);
/*
 * Compares the destination with what it may hold: dies of the first sector that holds anything else.
 * @settled: nothing is in flight or can still be written, so what is there stays.
 */
void fire_model_check(const char *path, bool settled);

/* --- fire_conn.c --- */

enum fire_state {
	FIRE_DEAD,	/* cut: nothing is known of what it has not acknowledged */
	FIRE_LIVE,
	FIRE_ENDING,	/* END sent: all acknowledgements, then the end */
	FIRE_DYING,	/* a bad frame sent: all acknowledgements, the refusal, then the end */
};

struct fire_conn {
	enum fire_state state;
	struct dmm_client c;
	u32 epoch, index;
	u64 seq, known;			/* sent; the largest acknowledged */
	u32 in_flight;
	u32 frames[4 * FIRE_WINDOW];	/* by sequence number, modulo: of the model; 0: none in flight */
	u64 barrier, barrier_seq;	/* in flight */
	u32 refusal;			/* DYING: the status that has to come; 0 once it has */
	struct dmm_wire_ack ack;
	u32 ack_have;
};

extern struct fire {
	struct dmm_target to;
	struct dmm_wire_disk id;
	u64 bytes;
	const char *path;		/* of the destination */
	const char *file;		/* to see what is there */
	struct dmm_client control;
	struct fire_conn conns[FIRE_CONNS];
	u32 epoch;
	u64 barrier;			/* of this epoch */
	u64 acked_bytes;		/* since the receiver began */
	bool stopping;			/* the receiver has been told to stop */
	u64 nr_frames, nr_acks, nr_barriers, nr_cuts, nr_bad, nr_epochs, nr_hashes;
	u8 payload[DMM_MAX_EXTENT_BYTES];
} fire;

/* Sends a request that has to be answered with @expect. */
void fire_request(u16 type, const void *payload, u32 bytes, u16 expect, void *reply, u32 reply_bytes);
void fire_prepare(bool first);
void fire_finish(void);
void fire_query(void);
/* A new epoch: all connections anew; @politely: the old ones are closed before. */
void fire_attach_all(bool politely);

bool fire_send_frame(struct fire_conn *c, bool zero, u32 first, u32 nr);
void fire_send_barrier(struct fire_conn *c);
void fire_send_end(struct fire_conn *c);
/* One that is damaged: its data must never be seen. */
void fire_send_bad(struct fire_conn *c);
/* Ends it in the middle of a frame, or between two. */
void fire_cut(struct fire_conn *c);
/* Takes the acknowledgements that are there. True: there were some. */
bool fire_take_acks(struct fire_conn *c);
/* Until each connection is dead, or live with nothing in flight. */
void fire_settle(void);

#endif
