/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Writes that end whole or with an error, over any engine: short writes are
 * completed, transient refusals repeated, what the engine has no room for
 * waits here.  One per data connection, used by its thread only.
 */
#ifndef DMM_WRITER_H
#define DMM_WRITER_H

#include "engine.h"
#include "list.h"

#define DMM_WRITER_RETRIES	100	/* of one write, for EAGAIN and no progress */

struct dmm_writer {
	const struct dmm_engine_ops *ops;	/* constant after open */
	struct dmm_engine *engine;		/* constant after open */
	u32 align_bytes;			/* constant: writes begin at multiples of it */
	u32 in_flight;				/* started, not yet returned by reap */
	u32 queued;				/* of these: taken by the engine since the last submit */
	struct dmm_list backlog;		/* of dmm_write.node: the engine was busy */
	struct dmm_list ended;			/* the engine was done at once */
};

/* One write. The caller fills buf, bytes, offset_bytes, zero and lends it from start to reap. */
struct dmm_write {
	void *buf;
	u32 bytes;
	u64 offset_bytes;
	bool zero;		/* zeros, without buf, where the engine can */
	int error;		/* result: 0 or negative errno; valid after reap */
	/* the writer's */
	u32 done_bytes;
	u32 retries;
	struct dmm_io io;
	struct dmm_list node;
};

/* @align_bytes: power of two, at least the destination's logical block size when O_DIRECT, else 1. */
int dmm_writer_open(struct dmm_writer *w, const struct dmm_engine_ops *ops,
		    const struct dmm_engine_target *target, u32 depth, u32 align_bytes);
/* Waits for all in flight (their results are lost). Accepts one that was not opened (ops NULL). */
void dmm_writer_close(struct dmm_writer *w);

void dmm_writer_start(struct dmm_writer *w, struct dmm_write *write);

/* Gets everything moving that was started since the last call. */
void dmm_writer_submit(struct dmm_writer *w);

/*
 * Up to @max writes that have ended, in the order of their end.  Restarts the rest of short
 * ones.  Returns their number, or -errno when the engine itself is broken.
 */
int dmm_writer_reap(struct dmm_writer *w, struct dmm_write **done, u32 max, bool wait);

/* For the log: how it writes. */
static inline const char *dmm_writer_describe(const struct dmm_writer *w)
{
	return w->ops->describe ? w->ops->describe(w->engine) : w->ops->name;
}

/* Would reap find something without asking the engine? */
static inline bool dmm_writer_has_ended(const struct dmm_writer *w)
{
	return !dmm_list_empty(&w->ended);
}

/* -EBUSY while any write is in flight: a flush need not cover those. Else as the engine's. */
int dmm_writer_flush(struct dmm_writer *w);

#endif
