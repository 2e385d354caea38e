// SPDX-License-Identifier: GPL-2.0
/*
 * The registry of prepared disks.  A record is listed before its destination
 * is opened, so that two requests for one disk cannot both open it, and no
 * lock is held while a device is slow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk_ops.h"
#include "fullio.h"
#include "registry_priv.h"
#include "thread.h"

void dmm_registry_init(struct dmm_registry *reg, u32 max_disks, struct dmm_allow *allow)
{
	reg->workers = NULL;
	reg->opener = -1;
	pthread_mutex_init(&reg->lock, NULL);
	dmm_list_init(&reg->disks);
	reg->nr_disks = 0;
	reg->max_disks = max_disks;
	reg->allow = allow;
}

/* Whoever drops the last reference puts the disk on @dead, to destroy it without the lock. */
static void registry_unref_locked(struct dmm_disk *d, struct dmm_list *dead)
{
	if (!--d->refs)
		dmm_list_add_tail(dead, &d->node);
}

void dmm_registry_unlist_locked(struct dmm_registry *reg, struct dmm_disk *d,
				   struct dmm_list *dead)
{
	if (!d->listed)
		return;
	d->listed = false;
	dmm_list_del(&d->node);
	reg->nr_disks--;
	registry_unref_locked(d, dead);
}

/* Closing a device may take as long as the device likes: never under the lock. */
void dmm_registry_bury(struct dmm_list *dead)
{
	struct dmm_disk *d;

	while (!dmm_list_empty(dead)) {
		d = dmm_list_entry(dead->next, struct dmm_disk, node);
		dmm_list_del(&d->node);
		dmm_disk_destroy(d);
	}
}

static void *bury_thread(void *arg)
{
	dmm_registry_bury(arg);
	free(arg);
	return NULL;
}

/* The same by a thread of its own, for a caller on whom others wait. */
static void registry_bury_aside(struct dmm_list *dead)
{
	struct dmm_list *own = dmm_list_empty(dead) ? NULL : malloc(sizeof(*own));

	if (!own) {
		dmm_registry_bury(dead);
		return;
	}
	dmm_list_init(own);
	while (!dmm_list_empty(dead)) {
		struct dmm_list *node = dead->next;

		dmm_list_del(node);
		dmm_list_add_tail(own, node);
	}
	if (dmm_thread_detached(bury_thread, own, 0))
		bury_thread(own);
}

void dmm_registry_exit(struct dmm_registry *reg)
{
	struct dmm_list dead;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	while (!dmm_list_empty(&reg->disks))
		dmm_registry_unlist_locked(reg, dmm_list_entry(reg->disks.next, struct dmm_disk, node),
				       &dead);
	pthread_mutex_unlock(&reg->lock);
	dmm_registry_bury(&dead);
	pthread_mutex_destroy(&reg->lock);
}

struct dmm_disk *dmm_registry_find_locked(struct dmm_registry *reg,
					     const struct dmm_disk_name *name)
{
	struct dmm_disk *d;
	struct dmm_list *pos;

	dmm_list_for_each(pos, &reg->disks) {
		d = dmm_list_entry(pos, struct dmm_disk, node);
		if (d->prepare.name.disk == name->disk &&
		    !memcmp(d->prepare.name.migration, name->migration, DMM_ID_BYTES))
			return d;
	}
	return NULL;
}

/* A reference of the caller's; it counts as a user. */
void dmm_registry_ref_locked(struct dmm_disk *d)
{
	d->refs++;
	dmm_disk_use(d);
}

/* Is @d finished and nobody's business at the moment? */
static bool disk_is_left(struct dmm_disk *d)
{
	bool left;

	pthread_mutex_lock(&d->lock);
	left = d->state == DMM_DISK_FINISHED && !d->users;
	pthread_mutex_unlock(&d->lock);
	return left;
}

/* Is there room for one more, once records of finished disks are dropped? */
bool dmm_registry_has_room_locked(struct dmm_registry *reg)
{
	struct dmm_list *pos;
	u32 left = 0;

	dmm_list_for_each(pos, &reg->disks)
		left += disk_is_left(dmm_list_entry(pos, struct dmm_disk, node));
	return reg->nr_disks - left < reg->max_disks;
}

/*
 * Drops records of finished disks, the oldest first, until no more are listed than allowed.  Only once
 * somebody has proved to need the room: a PREPARE that is refused costs nobody his record.
 */
bool dmm_registry_make_room(struct dmm_registry *reg)
{
	struct dmm_list dead, *pos, *tmp;
	struct dmm_disk *d;
	bool room;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	dmm_list_for_each_safe(pos, tmp, &reg->disks) {
		if (reg->nr_disks <= reg->max_disks)
			break;
		d = dmm_list_entry(pos, struct dmm_disk, node);
		if (!disk_is_left(d))
			continue;
		dmm_notice(&d->log_id, "forgotten to make room: it was finished");
		dmm_registry_unlist_locked(reg, d, &dead);
	}
	room = reg->nr_disks <= reg->max_disks;
	pthread_mutex_unlock(&reg->lock);
	dmm_registry_bury(&dead);
	return room;
}

int dmm_registry_add(struct dmm_registry *reg, const struct dmm_prepare *p, u64 serial, struct dmm_dest *dest,
		     struct dmm_refusal *r)
{
	struct dmm_disk *d = dmm_disk_create(p);
	int ret;

	if (!d)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	ret = d->ops->open(d, dest, r);
	if (ret) {
		dmm_disk_destroy(d);
		return ret;
	}
	d->serial = serial;
	pthread_mutex_lock(&reg->lock);
	if (dmm_registry_find_locked(reg, &p->name)) {
		ret = dmm_refuse(r, DMM_WERR_BUSY, "the disk of before is still being closed: try again");
	} else {
		d->listed = true;
		dmm_list_add_tail(&reg->disks, &d->node);
		reg->nr_disks++;
	}
	pthread_mutex_unlock(&reg->lock);
	if (ret)
		dmm_disk_destroy(d);
	return ret;
}

void dmm_registry_worker_gone(struct dmm_registry *reg, const struct dmm_worker *worker)
{
	struct dmm_list dead, *pos, *tmp;
	struct dmm_disk *d;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	dmm_list_for_each_safe(pos, tmp, &reg->disks) {
		d = dmm_list_entry(pos, struct dmm_disk, node);
		if (d->worker == worker)
			dmm_registry_unlist_locked(reg, d, &dead);
	}
	pthread_mutex_unlock(&reg->lock);
	dmm_registry_bury(&dead);
}

struct dmm_disk *dmm_registry_get(struct dmm_registry *reg, const struct dmm_disk_name *name,
				  struct dmm_refusal *r)
{
	struct dmm_disk *d;

	pthread_mutex_lock(&reg->lock);
	d = dmm_registry_find_locked(reg, name);
	if (d)
		dmm_registry_ref_locked(d);
	pthread_mutex_unlock(&reg->lock);
	if (!d)
		dmm_refuse(r, DMM_WERR_NOTFOUND, "disk %u of this migration is not prepared here: "
			   "PREPARE it (the receiver may have been restarted)", name->disk);
	return d;
}

void dmm_registry_put(struct dmm_registry *reg, struct dmm_disk *disk)
{
	struct dmm_list dead;

	if (!disk)
		return;
	dmm_list_init(&dead);
	dmm_disk_unuse(disk);
	pthread_mutex_lock(&reg->lock);
	registry_unref_locked(disk, &dead);
	pthread_mutex_unlock(&reg->lock);
	dmm_registry_bury(&dead);
}

void dmm_registry_forget(struct dmm_registry *reg, struct dmm_disk *disk)
{
	struct dmm_list dead;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	dmm_registry_unlist_locked(reg, disk, &dead);
	pthread_mutex_unlock(&reg->lock);
	dmm_registry_bury(&dead);
}

void dmm_registry_expire(struct dmm_registry *reg, u64 orphan_ms)
{
	struct dmm_list dead, *pos, *tmp;
	u64 now_ms = dmm_now_ms();
	struct dmm_disk *d;
	bool orphan;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	dmm_list_for_each_safe(pos, tmp, &reg->disks) {
		d = dmm_list_entry(pos, struct dmm_disk, node);
		pthread_mutex_lock(&d->lock);
		/* nobody can become a user meanwhile: that takes the registry's lock */
		orphan = !d->users && !d->closed && d->state != DMM_DISK_FINISHED &&
			 now_ms >= d->idle_since_ms + orphan_ms;
		pthread_mutex_unlock(&d->lock);
		if (!orphan)
			continue;
		dmm_warn(&d->log_id, "%s released: no connection for %llu s; its contents stay as they are",
			 d->dest.path, (now_ms - d->idle_since_ms) / 1000);
		dmm_registry_unlist_locked(reg, d, &dead);
	}
	pthread_mutex_unlock(&reg->lock);
	registry_bury_aside(&dead);
}

u32 dmm_registry_count(struct dmm_registry *reg)
{
	u32 nr;

	pthread_mutex_lock(&reg->lock);
	nr = reg->nr_disks;
	pthread_mutex_unlock(&reg->lock);
	return nr;
}
