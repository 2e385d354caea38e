/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All payload memory of the daemon: a fixed number of buffers of
 * DMM_MAX_EXTENT_BYTES, page-aligned.  A user that finds none waits without
 * blocking anybody else, and every user always gets DMM_BUFPOOL_GUARANTEE,
 * however many others hold theirs for ever because a disk hangs.
 *
 * Locking: one internal mutex, a leaf (nothing else is taken under it).
 */
#ifndef DMM_BUFPOOL_H
#define DMM_BUFPOOL_H

#include <pthread.h>
#include <stdbool.h>

#include "core/env.h"
#include "list.h"

#define DMM_BUFPOOL_GUARANTEE	2u	/* one being written, one being received */

struct dmm_bufpool {
	/* constant after create */
	unsigned char *memory;	/* total buffers, and one of zeros */
	u32 total;
	u32 buffer_bytes;
	/* protected by lock */
	pthread_mutex_t lock;
	u32 nr_free;
	u32 promised;		/* to users that hold fewer than their guarantee; <= nr_free */
	u32 reserved;		/* guarantees given out or waited for; <= total */
	u32 joining;		/* of these: buffers that users in join wait for */
	pthread_cond_t freed;	/* signalled for users in join */
	u32 *free;		/* stack of buffer numbers */
	struct dmm_list waiters;	/* of users, in the order of asking */
};

/* One per data connection. Everything is protected by the pool's lock but wake_fd (constant). */
struct dmm_bufpool_user {
	int wake_fd;		/* eventfd, written when a buffer was granted; borrowed */
	u32 held;		/* granted one included */
	bool waiting;
	void *granted;		/* handed over while it waited, fetched by the next get */
	struct dmm_list node;
};

/*
 * @bytes is rounded down to buffers; memory is only mapped, it becomes resident when it is first used.
 * -EINVAL for less than one guarantee, -ENOMEM.
 */
int dmm_bufpool_create(u64 bytes, u32 buffer_bytes, struct dmm_bufpool **pool);
/* All users must have left. Accepts NULL. */
void dmm_bufpool_destroy(struct dmm_bufpool *pool);

/*
 * Reserves the guarantee for @user.  Buffers that others hold beyond theirs come back first
 * to those who join; waits for that for at most @timeout_ms.
 * -ENOBUFS when all of the pool is promised, -ETIMEDOUT when writes that hold buffers hang.
 */
int dmm_bufpool_join(struct dmm_bufpool *pool, struct dmm_bufpool_user *user, int wake_fd,
		     unsigned int timeout_ms);
/* @user must have put what it took; a granted buffer that it did not fetch is taken back. */
void dmm_bufpool_leave(struct dmm_bufpool *pool, struct dmm_bufpool_user *user);

/*
 * A buffer that the caller owns until it puts it, or NULL: then @user is in the queue and
 * its wake_fd becomes readable; call again.
 */
void *dmm_bufpool_get(struct dmm_bufpool *pool, struct dmm_bufpool_user *user);
/* All of its memory, zeros included: what I/O may be done from. */
static inline u64 dmm_bufpool_bytes(const struct dmm_bufpool *pool)
{
	return ((u64)pool->total + 1) * pool->buffer_bytes;
}

/* DMM_MAX_EXTENT_BYTES of zeros, at the end of the pool's memory; never to be written to. */
static inline void *dmm_bufpool_zeros(const struct dmm_bufpool *pool)
{
	return pool->memory + (size_t)pool->total * pool->buffer_bytes;
}

void dmm_bufpool_put(struct dmm_bufpool *pool, struct dmm_bufpool_user *user, void *buffer);

#endif
