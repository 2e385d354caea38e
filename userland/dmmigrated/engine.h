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
	/* -- */
	s64 result;		/* bytes written, or negative errno */
	void *priv;		/* engine's, for as long as it has the io */
	u32 slot;
};

struct dmm_engine_ops {
	const char *name;

	/*
	 * Prepares for at most @depth writes at a time to @fd, which is borrowed until close.
	 * Returns 0 or -errno.
	 */
	int (*open)(int fd, u32 depth, struct dmm_engine **engine);

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

	/* Becomes readable when reap may find something. Owned by the engine. */
	int (*event_fd)(struct dmm_engine *engine);
};

extern const struct dmm_engine_ops dmm_engine_libaio;

/* By the name in the configuration, or NULL. */
const struct dmm_engine_ops *dmm_engine_find(const char *name);

/* The names there are, one by one; NULL after the last. */
const char *dmm_engine_name(unsigned int i);

#endif
