/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A connection to an export of an NBD server, shared by all that deal with
 * one destination: data connections (engine_nbd.c), digests, FINISH.
 *
 * A thread of its own moves the connection along.  Locking: one mutex round every use
 * of libnbd's handle, so that nobody polls for what another has just changed;
 * completions are called under it and take only leaves.
 */
#ifndef DMM_NBD_H
#define DMM_NBD_H

#include <stdbool.h>

#include "core/env.h"
#include "refusal.h"

struct dmm_nbd;

/* What the server says of the export. Constant. */
struct dmm_nbd_info {
	u64 size_bytes;
	u32 min_block_bytes;	/* 512 or more */
	u32 max_bytes;		/* of one request */
	bool read_only;
	bool can_flush;
	bool can_zero;
};

/*
 * Connects to @uri, which dmm_nbd_uri_check() has passed, within ten seconds.  On success the caller
 * has a reference.  0, or a negative errno with @r filled.
 */
int dmm_nbd_open(const char *uri, struct dmm_nbd **nbd, struct dmm_refusal *r);
struct dmm_nbd *dmm_nbd_get(struct dmm_nbd *n);
/* The last one says goodbye and disconnects; nothing is in flight. Accepts NULL. */
void dmm_nbd_put(struct dmm_nbd *n);
const struct dmm_nbd_info *dmm_nbd_info(const struct dmm_nbd *n);

/*
 * Starts writing (@buf NULL: zeroing) @bytes at @offset.  @done(@arg, 0 or negative errno) is called once, by
 * any thread, unless this returns a negative errno; @buf is lent until then.
 * Follow with dmm_nbd_kick() once all are started.
 */
int dmm_nbd_start(struct dmm_nbd *n, const void *buf, u32 bytes, u64 offset,
		  void (*done)(void *arg, int error), void *arg);
void dmm_nbd_kick(struct dmm_nbd *n);

/* Blocking. 0 or a negative errno; a server that cannot flush has nothing to flush. */
int dmm_nbd_pread(struct dmm_nbd *n, void *buf, u32 bytes, u64 offset);
int dmm_nbd_flush(struct dmm_nbd *n);

#endif
