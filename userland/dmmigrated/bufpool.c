// SPDX-License-Identifier: GPL-2.0
/*
 * The buffer pool.  Invariant: nr_free >= promised, so a user below its
 * guarantee is served at once and nobody can starve.  Beyond it, one may hold
 * as many as are left: users whose writes hang leave room for others.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "bufpool.h"
#include "thread.h"

int dmm_bufpool_create(u64 bytes, u32 buffer_bytes, struct dmm_bufpool **result)
{
	u64 total = bytes / buffer_bytes;
	struct dmm_bufpool *pool;
	u32 i;

	if (total < DMM_BUFPOOL_GUARANTEE || total > 1u << 20)
		return -EINVAL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->total = total;
	pool->nr_free = total;
	pool->buffer_bytes = buffer_bytes;
	pool->free = calloc(total, sizeof(*pool->free));
	if (!pool->free)
		goto err_free_pool;
	pool->memory = mmap(NULL, (total + 1) * buffer_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->memory == MAP_FAILED)
		goto err_free_stack;
	/* a stack: the buffers used last, warm and resident, are used first */
	for (i = 0; i < total; i++)
		pool->free[i] = total - 1 - i;
	pthread_mutex_init(&pool->lock, NULL);
	dmm_cond_init(&pool->freed);
	dmm_list_init(&pool->waiters);
	*result = pool;
	return 0;

err_free_stack:
	free(pool->free);
err_free_pool:
	free(pool);
	return -ENOMEM;
}

void dmm_bufpool_destroy(struct dmm_bufpool *pool)
{
	if (!pool)
		return;
	munmap(pool->memory, ((size_t)pool->total + 1) * pool->buffer_bytes);
	pthread_cond_destroy(&pool->freed);
	pthread_mutex_destroy(&pool->lock);
	free(pool->free);
	free(pool);
}

/* May @user, who has its guarantee, have one more? */
static bool pool_has_share_locked(const struct dmm_bufpool *pool,
				  const struct dmm_bufpool_user *user)
{
	u32 spoken_for = pool->promised + pool->joining;

	return pool->nr_free > spoken_for &&
	       user->held - DMM_BUFPOOL_GUARANTEE < pool->nr_free - spoken_for;
}

static void *pool_take_locked(struct dmm_bufpool *pool, struct dmm_bufpool_user *user)
{
	if (user->held < DMM_BUFPOOL_GUARANTEE)
		pool->promised--;
	else if (!pool_has_share_locked(pool, user))
		return NULL;
	user->held++;
	return pool->memory + (size_t)pool->free[--pool->nr_free] * pool->buffer_bytes;
}

static void pool_put_locked(struct dmm_bufpool *pool, struct dmm_bufpool_user *user, void *buffer)
{
	pool->free[pool->nr_free++] = ((unsigned char *)buffer - pool->memory) / pool->buffer_bytes;
	user->held--;
	if (user->held < DMM_BUFPOOL_GUARANTEE)
		pool->promised++;
	if (pool->joining)
		pthread_cond_broadcast(&pool->freed);
}

/*
 * Hands free buffers to those who wait, in the order of asking; who holds its share, hung perhaps,
 * is passed over.  Afterwards there is nothing for any of those who still wait.
 */
static void pool_serve_locked(struct dmm_bufpool *pool)
{
	struct dmm_bufpool_user *user;
	struct dmm_list *pos, *tmp;

	dmm_list_for_each_safe(pos, tmp, &pool->waiters) {
		user = dmm_list_entry(pos, struct dmm_bufpool_user, node);
		user->granted = pool_take_locked(pool, user);
		if (!user->granted)
			continue;
		dmm_list_del(&user->node);
		user->waiting = false;
		eventfd_write(user->wake_fd, 1);
	}
}

int dmm_bufpool_join(struct dmm_bufpool *pool, struct dmm_bufpool_user *user, int wake_fd,
		     unsigned int timeout_ms)
{
	struct timespec until;
	int ret = 0;

	user->wake_fd = wake_fd;
	user->held = 0;
	user->waiting = false;
	user->granted = NULL;
	dmm_list_init(&user->node);
	dmm_deadline(timeout_ms, &until);

	pthread_mutex_lock(&pool->lock);
	if (pool->reserved + DMM_BUFPOOL_GUARANTEE > pool->total) {
		pthread_mutex_unlock(&pool->lock);
		return -ENOBUFS;
	}
	pool->reserved += DMM_BUFPOOL_GUARANTEE;
	pool->joining += DMM_BUFPOOL_GUARANTEE;
	while (!ret && pool->nr_free < pool->promised + DMM_BUFPOOL_GUARANTEE)
		ret = -pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
	pool->joining -= DMM_BUFPOOL_GUARANTEE;
	if (pool->nr_free >= pool->promised + DMM_BUFPOOL_GUARANTEE) {
		pool->promised += DMM_BUFPOOL_GUARANTEE;
		ret = 0;
	} else {
		pool->reserved -= DMM_BUFPOOL_GUARANTEE;
	}
	pool_serve_locked(pool);
	pthread_mutex_unlock(&pool->lock);
	return ret;
}

void dmm_bufpool_leave(struct dmm_bufpool *pool, struct dmm_bufpool_user *user)
{
	pthread_mutex_lock(&pool->lock);
	dmm_list_del(&user->node);
	user->waiting = false;
	if (user->granted)
		pool_put_locked(pool, user, user->granted);
	user->granted = NULL;
	pool->promised -= DMM_BUFPOOL_GUARANTEE;
	pool->reserved -= DMM_BUFPOOL_GUARANTEE;
	if (pool->joining)
		pthread_cond_broadcast(&pool->freed);
	pool_serve_locked(pool);
	pthread_mutex_unlock(&pool->lock);
}

void *dmm_bufpool_get(struct dmm_bufpool *pool, struct dmm_bufpool_user *user)
{
	void *buffer = NULL;

	pthread_mutex_lock(&pool->lock);
	if (user->granted) {
		buffer = user->granted;
		user->granted = NULL;
		goto out_unlock;
	}
	if (user->waiting)
		goto out_unlock;
	/* this overtakes nobody: there is nothing for those who wait */
	buffer = pool_take_locked(pool, user);
	if (!buffer) {
		user->waiting = true;
		dmm_list_add_tail(&pool->waiters, &user->node);
	}
out_unlock:
	pthread_mutex_unlock(&pool->lock);
	return buffer;
}

void dmm_bufpool_put(struct dmm_bufpool *pool, struct dmm_bufpool_user *user, void *buffer)
{
	pthread_mutex_lock(&pool->lock);
	pool_put_locked(pool, user, buffer);
	pool_serve_locked(pool);
	pthread_mutex_unlock(&pool->lock);
}
