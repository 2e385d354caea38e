// SPDX-License-Identifier: GPL-2.0
/*
 * Connections that have not asked for anything yet.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "silent.h"

#define OUT_MAX		32u	/* that have to leave, and have not yet */

/* "10.0.0.1:7790", "[::1]:7790": where the port begins. */
size_t dmm_peer_address_bytes(const char *peer)
{
	const char *port = strrchr(peer, ':');

	return port ? (size_t)(port - peer) : strlen(peer);
}

static bool same_address(const struct dmm_silent *a, const struct dmm_silent *b)
{
	return a->address_bytes == b->address_bytes && !memcmp(a->peer, b->peer, a->address_bytes);
}

static bool is_stranger(const struct dmm_silent *s)
{
	return s->fd >= 0 && !s->out;
}

/* How many of the address of @s, or in all with NULL. Context, of all below: rc->lock is held. */
static u32 silent_count(struct dmm_receiver *rc, const struct dmm_silent *s, bool strangers)
{
	const struct dmm_silent *other;
	struct dmm_list *pos;
	u32 nr = 0;

	dmm_list_for_each(pos, &rc->silent) {
		other = dmm_list_entry(pos, struct dmm_silent, node);
		nr += !other->out && (!strangers || is_stranger(other)) && (!s || same_address(s, other));
	}
	return nr;
}

/* The oldest stranger of the address of @s; with NULL, of the address that has most strangers. NULL: none. */
static struct dmm_silent *find_stranger(struct dmm_receiver *rc, const struct dmm_silent *s)
{
	struct dmm_silent *other, *found = NULL;
	struct dmm_list *pos;
	u32 nr, most = 0;

	dmm_list_for_each(pos, &rc->silent) {
		other = dmm_list_entry(pos, struct dmm_silent, node);
		if (!is_stranger(other) || (s && !same_address(s, other)))
			continue;
		if (s)
			return other;
		nr = silent_count(rc, other, true);
		if (nr > most) {
			most = nr;
			found = other;
		}
	}
	return found;
}

/* False: nobody can. */
static bool make_way(struct dmm_receiver *rc, const struct dmm_silent *s)
{
	struct dmm_silent *other = find_stranger(rc, s);

	if (!other)
		return false;
	other->out = true;
	rc->nr_out++;
	shutdown(other->fd, SHUT_RDWR);
	return true;
}

static int silent_admit(struct dmm_receiver *rc, struct dmm_silent *s)
{
	if (silent_count(rc, s, false) >= rc->max_silent && !make_way(rc, s))
		return -EUSERS;
	if (rc->nr_sessions - rc->nr_out >= rc->max_sessions && !make_way(rc, NULL))
		return -ENOSPC;
	if (s->fd >= 0 && silent_count(rc, NULL, true) >= rc->max_strangers)
		make_way(rc, NULL);
	rc->nr_sessions++;
	dmm_list_add_tail(&rc->silent, &s->node);
	return 0;
}

int dmm_silent_admit(struct dmm_receiver *rc, struct dmm_silent *s, int fd, const char *peer, bool local)
{
	int ret;

	memset(s, 0, sizeof(*s));
	snprintf(s->peer, sizeof(s->peer), "%s", peer);
	s->address_bytes = dmm_peer_address_bytes(s->peer);
	s->fd = local ? -1 : fd;
	dmm_list_init(&s->node);
	pthread_mutex_lock(&rc->lock);
	ret = silent_admit(rc, s);
	pthread_mutex_unlock(&rc->lock);
	return ret;
}

bool dmm_silent_crowded(struct dmm_receiver *rc)
{
	bool crowded;

	pthread_mutex_lock(&rc->lock);
	crowded = rc->nr_out >= OUT_MAX;
	pthread_mutex_unlock(&rc->lock);
	return crowded;
}

void dmm_silent_known(struct dmm_receiver *rc, struct dmm_silent *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&rc->lock);
	s->fd = -1;
	pthread_mutex_unlock(&rc->lock);
}

bool dmm_silent_is_out(struct dmm_receiver *rc, struct dmm_silent *s)
{
	bool out;

	if (!s)
		return false;
	pthread_mutex_lock(&rc->lock);
	out = s->out;
	pthread_mutex_unlock(&rc->lock);
	return out;
}

void dmm_silent_no_more(struct dmm_receiver *rc, struct dmm_silent *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&rc->lock);
	dmm_list_del(&s->node);
	pthread_mutex_unlock(&rc->lock);
}

void dmm_silent_end(struct dmm_receiver *rc, struct dmm_silent *s)
{
	pthread_mutex_lock(&rc->lock);
	dmm_list_del(&s->node);
	rc->nr_out -= s->out;
	rc->nr_sessions--;
	pthread_cond_signal(&rc->ended);
	pthread_mutex_unlock(&rc->lock);
}
