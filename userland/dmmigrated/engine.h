/* SPDX-License-Identifier: GPL-2.0 */
/*
 * I/O engines: how writes get to a destination.  One engine belongs to one
 * data connection and its thread; nothing here is called from anywhere else,
 * so engines have no locks.
 *
 * The life of a write:
 *
 *	caller fills a dmm_io, owns its buffer
 *	queue		DMM_IO_QUEUED	the engine borrows io and buffer until reap returns it
 *			DMM_IO_DONE	completed already: io->result is set, reap will not return it
 *			DMM_IO_BUSY	no room: reap something, then queue again
 *	submit		what was queued starts for certain
 *	reap		returns those that ended, in any order, with io->result
 *
 * Engines report what happened and no more: short writes, retries and
 * the backlog of BUSY ones are the business of writer.[ch].
 */
#ifndef DMM_ENGINE_H
#define DMM_ENGINE_H

#include <stdbool.h>

#include "core/env.h"

struct dmm_engine;

enum dmm_io_outcome {
	DMM_IO_QUEUED,
	DMM_IO_DONE,
	DMM_IO_BUSY,
};

/* One write. Fields above the line are the caller's, below it the engine's while it has the io. */
struct dmm_io {
	void *buf;
	u32 bytes;
	u64 offset_bytes;
	bool zero;		/* zeros, buf is ignored: for dmm_engine_nbd only */
	/* -- */
	s64 result;		/* bytes written, or negative errno */
	void *priv;		/* engine's, for as long as it has the io */
	u32 slot;
};

struct dmm_nbd;

/* What an engine writes to, and from. All borrowed until close. */
struct dmm_engine_target {
	int fd;
	struct dmm_nbd *nbd;	/* for dmm_engine_nbd, else NULL */
	const void *buffers;	/* memory that most of what is written lies in; may be NULL */
	u64 buffers_bytes;
};

#define DMM_ENGINE_WHY	96	/* of a reason, with its NUL */

struct dmm_engine_ops {
	const char *name;

	/*
	 * Does it work on this machine?  0, or a negative errno with the reason in @why.
	 * NULL: it always does.  Context: at start.
	 */
	int (*probe)(char why[DMM_ENGINE_WHY]);

	/*
	 * Prepares for at most @depth writes at a time, by the thread that calls this.
	 * Returns 0 or -errno.
	 */
	int (*open)(const struct dmm_engine_target *target, u32 depth, struct dmm_engine **engine);

	/*
	 * Waits for every write in flight, then frees the engine: afterwards nothing
	 * touches any buffer again.  May take as long as the device does.
	 */
	void (*close)(struct dmm_engine *engine);

	/* Takes @io; see above. Does not block for longer than submitting does. */
	enum dmm_io_outcome (*queue)(struct dmm_engine *engine, struct dmm_io *io);

	/*
	 * Starts what was queued, as far as there is room; the rest starts with the next call.
	 * What the kernel refuses ends with that error, by way of reap.
	 */
	void (*submit)(struct dmm_engine *engine);

	/*
	 * Fetches up to @max ended writes.  @wait: waits until there is at least one; only
	 * allowed while some are in flight.  Returns their number or -errno.
	 */
	int (*reap)(struct dmm_engine *engine, struct dmm_io **done, u32 max, bool wait);

	/*
	 * Makes durable all writes that were reaped, device cache included.  The caller has
	 * none in flight.  Blocks.  0 or -errno; an error is final (never flushed again into
	 * success by the caller).
	 */
	int (*flush)(struct dmm_engine *engine);

	/*
	 * Becomes readable when reap may find something, an error of the engine included.  Owned by
	 * the engine; may be another one after submit.  -1: reap never finds anything.
	 */
	int (*event_fd)(struct dmm_engine *engine);

	/* For the log: how it writes. Constant text. NULL: its name says it all. */
	const char *(*describe)(struct dmm_engine *engine);
};

extern const struct dmm_engine_ops dmm_engine_libaio;
extern const struct dmm_engine_ops dmm_engine_uring;
extern const struct dmm_engine_ops dmm_engine_inline;
extern const struct dmm_engine_ops dmm_engine_nbd;	/* by its target, not by configuration */

/* Are writes to @fd copies in memory, for which `auto` takes the inline engine? */
bool dmm_engine_inline_suits(int fd);

/*
 * Makes @nr rings for the connections of this process, which may make none afterwards (sandbox.h), and uses only these: open() fails
 * with -EUSERS when all are taken.  0, or -errno with fewer.  Context: once, with one thread.
 */
int dmm_uring_stock(u32 nr);

/* By its name, or NULL; DMM_ENGINE_AUTO is none. */
#define DMM_ENGINE_AUTO	"auto"
const struct dmm_engine_ops *dmm_engine_find(const char *name);

/* The names that the configuration takes, one by one; NULL after the last. */
const char *dmm_engine_name(unsigned int i);

/*
 * The engine for this machine: @wanted, or (NULL) the best that it has.  NULL when it does not have
 * @wanted.  @why: the reason, also why a better one was passed over; else empty.
 */
const struct dmm_engine_ops *dmm_engine_choose(const struct dmm_engine_ops *wanted,
					       char why[DMM_ENGINE_WHY]);

#endif
