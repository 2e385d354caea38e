/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The extents of one disk that were received and not yet written, in the order
 * received: a write that overlaps an earlier one waits until that one has
 * completed (invariant 4), whatever connection they came by.
 *
 * Locking: one mutex a disk, a leaf.
 */
#ifndef DMM_ORDER_H
#define DMM_ORDER_H

#include <pthread.h>
#include <stdbool.h>

#include "core/env.h"
#include "list.h"

/* constant after init but for the lists, which the lock protects */
struct dmm_order {
	pthread_mutex_t lock;
	struct dmm_list extents;	/* of dmm_extent.node, oldest first */
	struct dmm_list watches;	/* of dmm_order_watch.node */
};

/* A data connection: where its extents go when they may be written. */
struct dmm_order_owner {
	int wake_fd;			/* constant; eventfd, borrowed */
	struct dmm_list ready;		/* of dmm_extent.ready; protected by the order's lock */
};

/* Embedded in a write; protected by the order's lock between add and done. */
struct dmm_extent {
	u64 first_bytes;
	u64 end_bytes;
	u32 blockers;			/* earlier ones that overlap and are not done */
	struct dmm_order_owner *owner;
	struct dmm_list node;
	struct dmm_list ready;
};

/* A range that must not be written for a while; all but node is the order's between watch and unwatch. */
struct dmm_order_watch {
	u64 first_bytes;
	u64 end_bytes;
	bool hit;			/* an extent overlapped it */
	struct dmm_list node;
};

void dmm_order_init(struct dmm_order *o);
void dmm_order_exit(struct dmm_order *o);
void dmm_order_owner_init(struct dmm_order_owner *owner, int wake_fd);

/*
 * Appends @e (range and owner filled in).  True: it may be written at once.  False: it is handed
 * out by dmm_order_ready() of its owner later, whose wake_fd becomes readable.
 * Either way the owner calls dmm_order_done() exactly once, when the write has ended.
 */
bool dmm_order_add(struct dmm_order *o, struct dmm_extent *e);

/* The next extent of @owner whose last blocker is done, or NULL. */
struct dmm_extent *dmm_order_ready(struct dmm_order *o, struct dmm_order_owner *owner);

/* Is nothing in flight or waiting? */
bool dmm_order_idle(struct dmm_order *o);

/*
 * Watches a range.  False: an extent that overlaps it is in flight or waits; it is not watched then.
 * Else dmm_order_unwatch() ends it and says whether it stayed alone.
 */
bool dmm_order_watch(struct dmm_order *o, struct dmm_order_watch *w, u64 first_bytes, u64 end_bytes);
bool dmm_order_unwatch(struct dmm_order *o, struct dmm_order_watch *w);

/* The write of @e has ended, or will never begin: lets those go on that waited for it. */
void dmm_order_done(struct dmm_order *o, struct dmm_extent *e);

#endif
