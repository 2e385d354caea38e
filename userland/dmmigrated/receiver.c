// SPDX-License-Identifier: GPL-2.0
/*
 * Life of the parts that all sessions share.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fullio.h"
#include "receiver.h"
#include "thread.h"

static int read_boot_id(u8 id[DMM_ID_BYTES])
{
	char text[64];
	ssize_t n = dmm_read_text("/proc/sys/kernel/random/boot_id", text, sizeof(text));

	return n < 0 ? (int)n : dmm_id_parse(text, id);
}

int dmm_receiver_init(struct dmm_receiver *rc, struct dmm_config *c)
{
	int ret;

	memset(rc, 0, sizeof(*rc));
	rc->max_sessions = c->max_sessions;
	rc->max_silent = dmm_config_silent(c);
	rc->max_strangers = rc->max_sessions / 2 > rc->max_silent ? rc->max_sessions / 2 : rc->max_silent;
	rc->handshake_ms = c->handshake_ms;
	rc->stall_ms = c->stall_ms;
	rc->ack_ms = c->ack_ms;
	memcpy(rc->guests, c->guests, sizeof(rc->guests));
	rc->engine = c->engine;
	rc->engine_auto = c->engine_auto;
	ret = dmm_id_random(rc->instance);
	if (!ret)
		ret = read_boot_id(rc->boot);
	if (ret)
		return ret;
	rc->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (rc->stop_fd < 0)
		return -errno;
	ret = dmm_bufpool_create(c->buffer_bytes, DMM_MAX_EXTENT_BYTES, &rc->pool);
	if (ret)
		goto err_close_stop;
	dmm_allow_init(&rc->allow);
	dmm_allow_replace(&rc->allow, c->allow, c->nr_allow);
	c->allow = NULL;
	c->nr_allow = 0;
	dmm_allow_init(&rc->srs);
	dmm_allow_replace(&rc->srs, c->srs, c->nr_srs);
	c->srs = NULL;
	c->nr_srs = 0;
	dmm_registry_init(&rc->registry, c->max_disks, &rc->allow);
	pthread_mutex_init(&rc->lock, NULL);
	dmm_list_init(&rc->silent);
	dmm_complaints_init(&rc->complaints);
	dmm_cond_init(&rc->ended);
	return 0;

err_close_stop:
	close(rc->stop_fd);
	return ret;
}

void dmm_receiver_exit(struct dmm_receiver *rc)
{
	pthread_cond_destroy(&rc->ended);
	pthread_mutex_destroy(&rc->lock);
	dmm_complaints_exit(&rc->complaints);
	dmm_registry_exit(&rc->registry);
	dmm_allow_exit(&rc->srs);
	dmm_allow_exit(&rc->allow);
	dmm_bufpool_destroy(rc->pool);
	close(rc->stop_fd);
}

void dmm_receiver_stop(struct dmm_receiver *rc)
{
	/* never read: stays readable for everybody */
	eventfd_write(rc->stop_fd, 1);
}

u32 dmm_receiver_sessions(struct dmm_receiver *rc)
{
	u32 nr;

	pthread_mutex_lock(&rc->lock);
	nr = rc->nr_sessions;
	pthread_mutex_unlock(&rc->lock);
	return nr;
}

int dmm_receiver_wait(struct dmm_receiver *rc, u64 timeout_ms)
{
	struct timespec until;
	int ret = 0;

	dmm_deadline(timeout_ms, &until);
	pthread_mutex_lock(&rc->lock);
	while (rc->nr_sessions && !ret)
		ret = -pthread_cond_timedwait(&rc->ended, &rc->lock, &until);
	if (!rc->nr_sessions)
		ret = 0;
	pthread_mutex_unlock(&rc->lock);
	return ret;
}
