// SPDX-License-Identifier: GPL-2.0
/*
 * The gate of a guest no disk of which moves.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "guest_gate.h"
#include "thread.h"

#define END_MS	5000u	/* for xl to destroy what it has received */

void dmm_guest_gate_init(struct dmm_guest_gate *g)
{
	pthread_mutex_init(&g->lock, NULL);
	dmm_cond_init(&g->left);
	dmm_list_init(&g->streams);
}

void dmm_guest_gate_exit(struct dmm_guest_gate *g)
{
	pthread_cond_destroy(&g->left);
	pthread_mutex_destroy(&g->lock);
}

void dmm_guest_gate_enter(struct dmm_guest_gate *g, struct dmm_guest_stream *s, int receiver)
{
	s->receiver = receiver;
	s->told = s->shut = false;
	pthread_mutex_lock(&g->lock);
	dmm_list_add_tail(&g->streams, &s->node);
	pthread_mutex_unlock(&g->lock);
}

void dmm_guest_gate_leave(struct dmm_guest_gate *g, struct dmm_guest_stream *s)
{
	pthread_mutex_lock(&g->lock);
	dmm_list_del(&s->node);
	pthread_cond_broadcast(&g->left);
	pthread_mutex_unlock(&g->lock);
}

bool dmm_guest_gate_pass(struct dmm_guest_gate *g, struct dmm_guest_stream *s)
{
	bool passes;

	pthread_mutex_lock(&g->lock);
	passes = !s->shut;
	/* before they go: whoever shuts the gate meanwhile is not to believe that they have not */
	if (passes && g->open && !s->told) {
		s->told = true;
		g->nr_told++;
	}
	pthread_mutex_unlock(&g->lock);
	return passes;
}

void dmm_guest_gate_failed(struct dmm_guest_gate *g, struct dmm_guest_stream *s)
{
	pthread_mutex_lock(&g->lock);
	if (s->told)
		g->nr_told--;
	s->told = false;
	s->shut = true;		/* and it is not told anew */
	pthread_mutex_unlock(&g->lock);
}

static void shut_locked(struct dmm_guest_gate *g)
{
	struct dmm_guest_stream *s;
	struct dmm_list *pos;

	dmm_list_for_each(pos, &g->streams) {
		s = dmm_list_entry(pos, struct dmm_guest_stream, node);
		s->shut = true;
		shutdown(s->receiver, SHUT_WR);	/* it ends by that, and so does its stream */
	}
}

static int await_ends_locked(struct dmm_guest_gate *g, char *why, size_t bytes)
{
	struct timespec until;
	int ret = 0;

	dmm_deadline(END_MS, &until);
	while (!dmm_list_empty(&g->streams) && !ret)
		ret = -pthread_cond_timedwait(&g->left, &g->lock, &until);
	if (dmm_list_empty(&g->streams))
		return 0;
	snprintf(why, bytes, "xl migrate-receive was told to end, and has not yet: xl list");
	return -ETIMEDOUT;
}

int dmm_guest_gate_move(struct dmm_guest_gate *g, enum dmm_ho_gate gate, const bool *written, char *why, size_t bytes)
{
	int ret = 0;

	pthread_mutex_lock(&g->lock);
	if (gate != DMM_HO_GATE_SHUT) {
		g->open = gate == DMM_HO_GATE_OPEN;
	} else if (written && g->nr_told) {
		snprintf(why, bytes, "the guest was told to run here before, and may be running, or have run: xl list");
		ret = -EBUSY;
	} else {
		g->open = false;
		shut_locked(g);
		if (written)
			ret = await_ends_locked(g, why, bytes);
	}
	pthread_mutex_unlock(&g->lock);
	return ret;
}
