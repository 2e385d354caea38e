// SPDX-License-Identifier: GPL-2.0
/*
 * Serialisation of overlapping writes.  A plain list: at most the
 * queue depth times the connections of one disk, some hundreds.
 */
#include <sys/eventfd.h>

#include "order.h"

void dmm_order_init(struct dmm_order *o)
{
	pthread_mutex_init(&o->lock, NULL);
	dmm_list_init(&o->extents);
	dmm_list_init(&o->watches);
}

void dmm_order_exit(struct dmm_order *o)
{
	pthread_mutex_destroy(&o->lock);
}

void dmm_order_owner_init(struct dmm_order_owner *owner, int wake_fd)
{
	owner->wake_fd = wake_fd;
	dmm_list_init(&owner->ready);
}

static bool extents_overlap(const struct dmm_extent *a, const struct dmm_extent *b)
{
	return DMM_MUTANT != 115 && a->first_bytes < b->end_bytes && b->first_bytes < a->end_bytes;
}

static bool watch_overlaps(const struct dmm_order_watch *w, const struct dmm_extent *e)
{
	return w->first_bytes < e->end_bytes && e->first_bytes < w->end_bytes;
}

bool dmm_order_add(struct dmm_order *o, struct dmm_extent *e)
{
	struct dmm_order_watch *w;
	struct dmm_list *pos;
	bool ready;

	e->blockers = 0;
	dmm_list_init(&e->ready);
	pthread_mutex_lock(&o->lock);
	dmm_list_for_each(pos, &o->extents)
		e->blockers += extents_overlap(e, dmm_list_entry(pos, struct dmm_extent, node));
	dmm_list_for_each(pos, &o->watches) {
		w = dmm_list_entry(pos, struct dmm_order_watch, node);
		w->hit |= watch_overlaps(w, e);
	}
	dmm_list_add_tail(&o->extents, &e->node);
	/* decided under the lock: once it is dropped, a blocker's end may hand @e out */
	ready = !e->blockers;
	pthread_mutex_unlock(&o->lock);
	return ready;
}

struct dmm_extent *dmm_order_ready(struct dmm_order *o, struct dmm_order_owner *owner)
{
	struct dmm_extent *e = NULL;

	pthread_mutex_lock(&o->lock);
	if (!dmm_list_empty(&owner->ready)) {
		e = dmm_list_entry(owner->ready.next, struct dmm_extent, ready);
		dmm_list_del(&e->ready);
	}
	pthread_mutex_unlock(&o->lock);
	return e;
}

bool dmm_order_idle(struct dmm_order *o)
{
	bool idle;

	pthread_mutex_lock(&o->lock);
	idle = dmm_list_empty(&o->extents);
	pthread_mutex_unlock(&o->lock);
	return idle;
}

bool dmm_order_watch(struct dmm_order *o, struct dmm_order_watch *w, u64 first_bytes, u64 end_bytes)
{
	struct dmm_list *pos;

	w->first_bytes = first_bytes;
	w->end_bytes = end_bytes;
	w->hit = false;
	pthread_mutex_lock(&o->lock);
	dmm_list_for_each(pos, &o->extents)
		w->hit |= watch_overlaps(w, dmm_list_entry(pos, struct dmm_extent, node));
	if (!w->hit)
		dmm_list_add_tail(&o->watches, &w->node);
	pthread_mutex_unlock(&o->lock);
	return !w->hit;
}

bool dmm_order_unwatch(struct dmm_order *o, struct dmm_order_watch *w)
{
	bool hit;

	pthread_mutex_lock(&o->lock);
	dmm_list_del(&w->node);
	hit = w->hit;
	pthread_mutex_unlock(&o->lock);
	return !hit;
}

void dmm_order_done(struct dmm_order *o, struct dmm_extent *e)
{
	struct dmm_extent *later;
	struct dmm_list *pos;

	pthread_mutex_lock(&o->lock);
	for (pos = e->node.next; pos != &o->extents; pos = pos->next) {
		later = dmm_list_entry(pos, struct dmm_extent, node);
		if (!extents_overlap(e, later) || --later->blockers)
			continue;
		dmm_list_add_tail(&later->owner->ready, &later->ready);
		eventfd_write(later->owner->wake_fd, 1);
	}
	dmm_list_del(&e->node);
	dmm_list_del(&e->ready);
	pthread_mutex_unlock(&o->lock);
}
