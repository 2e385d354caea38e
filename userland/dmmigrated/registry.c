// SPDX-License-Identifier: GPL-2.0
/*
 * The registry of prepared disks.  A record is listed before its destination
 * is opened, so that two requests for one disk cannot both open it, and no
 * lock is held while a device is slow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dest_create.h"
#include "dmtable.h"
#include "fullio.h"
#include "nbduri.h"
#include "keys_peers.h"
#include "registry_priv.h"

void dmm_registry_init(struct dmm_registry *reg, u32 max_disks, struct dmm_allow *allow)
{
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

static void registry_unlist_locked(struct dmm_registry *reg, struct dmm_disk *d,
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
static void registry_bury(struct dmm_list *dead)
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
	registry_bury(arg);
	free(arg);
	return NULL;
}

/* The same by a thread of its own, for a caller on whom others wait. */
static void registry_bury_aside(struct dmm_list *dead)
{
	struct dmm_list *own = dmm_list_empty(dead) ? NULL : malloc(sizeof(*own));
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	if (!own) {
		registry_bury(dead);
		return;
	}
	dmm_list_init(own);
	while (!dmm_list_empty(dead)) {
		struct dmm_list *node = dead->next;

		dmm_list_del(node);
		dmm_list_add_tail(own, node);
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	ret = pthread_create(&thread, &attr, bury_thread, own);
	pthread_attr_destroy(&attr);
	if (ret)
		bury_thread(own);
}

void dmm_registry_exit(struct dmm_registry *reg)
{
	struct dmm_list dead;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	while (!dmm_list_empty(&reg->disks))
		registry_unlist_locked(reg, dmm_list_entry(reg->disks.next, struct dmm_disk, node),
				       &dead);
	pthread_mutex_unlock(&reg->lock);
	registry_bury(&dead);
	pthread_mutex_destroy(&reg->lock);
}

static struct dmm_disk *registry_find_locked(struct dmm_registry *reg,
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
static void disk_ref_locked(struct dmm_disk *d)
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
static bool registry_has_room_locked(struct dmm_registry *reg)
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
static bool registry_make_room(struct dmm_registry *reg)
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
		registry_unlist_locked(reg, d, &dead);
	}
	room = reg->nr_disks <= reg->max_disks;
	pthread_mutex_unlock(&reg->lock);
	registry_bury(&dead);
	return room;
}

static int prepare_no_room(const struct dmm_registry *reg, struct dmm_refusal *r)
{
	return dmm_refuse(r, DMM_WERR_LIMIT, "%u disks are prepared, no more are allowed: "
			  "cancel finished migrations or raise max_disks in dmmigrated.conf",
			  reg->max_disks);
}

/* The answer for a disk that is prepared already. */
static int prepare_again(struct dmm_disk *d, const struct dmm_prepare *p, struct dmm_refusal *r)
{
	const struct dmm_prepare *q = &d->prepare;
	int ret = 0;

	pthread_mutex_lock(&d->lock);
	if (!dmm_peer_host_equal(p->peer, q->peer))
		ret = dmm_refuse(r, DMM_WERR_DENIED, "the disk was prepared by another peer");
	else if (d->closed)
		ret = dmm_refuse(r, DMM_WERR_BUSY,
				 "the disk is being prepared, finished or forgotten: try again");
	else if (strcmp(p->dest_path, q->dest_path) || p->size_bytes != q->size_bytes ||
		 p->block_bytes != q->block_bytes || p->lbs_bytes != q->lbs_bytes ||
		 p->conns != q->conns)
		ret = dmm_refuse(r, DMM_WERR_BUSY, "the disk is prepared already with another "
				 "destination, size or geometry: FORGET it first");
	else if (d->error)
		ret = dmm_refuse(r, d->error, "the disk has failed: mend the destination, "
				 "FORGET the disk and start again");
	else if (d->state == DMM_DISK_FINISHED)
		ret = dmm_refuse(r, DMM_WERR_BUSY, "the disk is finished: FORGET it first");
	pthread_mutex_unlock(&d->lock);
	return ret;
}

/* The same destination, as far as that can be told: an export by its name. */
static bool dest_same(const struct dmm_dest *a, const struct dmm_dest *b)
{
	return dmm_is_nbd(b->path) ? !strcmp(a->path, b->path) : dmm_dest_is(a, b->dev, b->ino);
}

/* What was finished on the same destination before is of the past once it is prepared again. */
static void registry_drop_superseded(struct dmm_registry *reg, const struct dmm_dest *dest)
{
	struct dmm_list dead, *pos, *tmp;
	struct dmm_disk *d;
	bool superseded;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	dmm_list_for_each_safe(pos, tmp, &reg->disks) {
		d = dmm_list_entry(pos, struct dmm_disk, node);
		pthread_mutex_lock(&d->lock);
		superseded = d->state == DMM_DISK_FINISHED &&
			     dest_same(&d->dest, dest);
		pthread_mutex_unlock(&d->lock);
		if (!superseded)
			continue;
		dmm_notice(&d->log_id, "forgotten: its destination %s is prepared again", dest->path);
		registry_unlist_locked(reg, d, &dead);
	}
	pthread_mutex_unlock(&reg->lock);
	registry_bury(&dead);
}

static void prepared_fill(struct dmm_wire_prepared *w, const struct dmm_dest *dest)
{
	memset(w, 0, sizeof(*w));
	w->size_bytes = cpu_to_le64(dest->size_bytes);
	w->lbs_bytes = cpu_to_le32(dest->lbs_bytes);
	w->flags = cpu_to_le32(dest->flags);
	dmm_text_put(w->signature, sizeof(w->signature), dest->signature);
}

/* The answer to a check, for a file that would be created. */
static void prepare_would_create(const struct dmm_prepare *p, struct dmm_dest *dest)
{
	memset(dest, 0, sizeof(*dest));
	dest->fd = -1;
	dest->size_bytes = p->size_bytes;
	dest->lbs_bytes = DMM_SECTOR_BYTES;
	dest->flags = DMM_PREPARED_FILE | DMM_PREPARED_EMPTY;
}

static int prepare_open(struct dmm_registry *reg, const struct dmm_prepare *p,
			struct dmm_dest *dest, struct dmm_dest_made *made, struct dmm_refusal *r)
{
	char gate[DMM_DM_UUID_BYTES];
	const struct dmm_dest_request rq = {
		.gate = gate,
		.path = p->dest_path,
		.size_bytes = p->size_bytes,
		.lbs_bytes = p->lbs_bytes,
		.overwrite = p->flags & DMM_PREPARE_OVERWRITE,
		.source_identity = p->source_identity,
	};
	bool check = p->flags & DMM_PREPARE_CHECK, would = false;
	int ret = 0;

	dmm_gate_uuid_format(p->name.migration, p->name.disk, gate);
	made->dir_fd = -1;
	if (dmm_is_nbd(p->dest_path))
		ret = dmm_registry_check_export(reg, p, r);
	else if (p->flags & DMM_PREPARE_CREATE)
		ret = dmm_dest_create(reg->allow, &rq, check, &would, made, r);
	if (!ret && would && check) {
		prepare_would_create(p, dest);
		return 0;
	}
	if (!ret)
		ret = dmm_dest_open(reg->allow, &rq, dest, r);
	if (ret && r->code == DMM_WERR_BUSY)
		dmm_registry_explain_busy(reg, p->dest_path, r);
	if (ret)
		dmm_dest_made_remove(made);
	return ret;
}

/*
 * Lists a record for @p and sets *disk, or *again for the one that exists; a reference
 * is the caller's either way.
 */
static int registry_enter(struct dmm_registry *reg, const struct dmm_prepare *p,
			  struct dmm_disk **disk, bool *again, struct dmm_refusal *r)
{
	struct dmm_disk *d;
	int ret = 0;

	pthread_mutex_lock(&reg->lock);
	d = registry_find_locked(reg, &p->name);
	*again = d;
	if (d) {
		ret = prepare_again(d, p, r);
		goto out_ref;
	}
	if (p->flags & DMM_PREPARE_CHECK) {	/* nothing to enter */
		*disk = NULL;
		goto out_unlock;
	}
	if (!registry_has_room_locked(reg)) {
		ret = prepare_no_room(reg, r);
		goto out_unlock;
	}
	d = dmm_disk_create(p);
	if (!d) {
		ret = dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
		goto out_unlock;
	}
	if (dmm_disk_reserve(d)) {
		dmm_disk_destroy(d);
		ret = dmm_refuse(r, DMM_WERR_LIMIT, "out of memory: a disk of %llu bytes takes 16 MiB a TiB",
				 p->size_bytes);
		goto out_unlock;
	}
	d->listed = true;
	dmm_list_add_tail(&reg->disks, &d->node);
	reg->nr_disks++;
out_ref:
	if (!ret) {
		disk_ref_locked(d);
		*disk = d;
	}
out_unlock:
	pthread_mutex_unlock(&reg->lock);
	return ret;
}

int dmm_registry_prepare(struct dmm_registry *reg, const struct dmm_prepare *p,
			 struct dmm_wire_prepared *prepared, struct dmm_disk **disk,
			 struct dmm_refusal *r)
{
	struct dmm_disk *d = NULL;
	struct dmm_dest_made made;
	struct dmm_dest dest;
	bool again;
	int ret;

	ret = registry_enter(reg, p, &d, &again, r);
	if (ret)
		return ret;
	if (again) {
		prepared_fill(prepared, &d->dest);
		if (dmm_disk_has_data(d))
			prepared->flags &= cpu_to_le32(~DMM_PREPARED_EMPTY);
		*disk = d;
		return 0;
	}
	ret = prepare_open(reg, p, &dest, &made, r);
	if (!ret && d && !registry_make_room(reg)) {
		ret = prepare_no_room(reg, r);
		dmm_dest_close(&dest);
		dmm_dest_made_remove(&made);
	}
	if (ret) {
		if (d) {
			dmm_registry_forget(reg, d);
			dmm_registry_put(reg, d);
		}
		return ret;
	}
	dmm_dest_made_keep(&made);
	prepared_fill(prepared, &dest);
	if (d) {
		registry_drop_superseded(reg, &dest);
		dmm_disk_opened(d, &dest);	/* takes it over */
	} else {
		dmm_dest_close(&dest);
	}
	*disk = d;
	return 0;
}

struct dmm_disk *dmm_registry_get(struct dmm_registry *reg, const struct dmm_disk_name *name,
				  struct dmm_refusal *r)
{
	struct dmm_disk *d;

	pthread_mutex_lock(&reg->lock);
	d = registry_find_locked(reg, name);
	if (d)
		disk_ref_locked(d);
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
	registry_bury(&dead);
}

void dmm_registry_forget(struct dmm_registry *reg, struct dmm_disk *disk)
{
	struct dmm_list dead;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	registry_unlist_locked(reg, disk, &dead);
	pthread_mutex_unlock(&reg->lock);
	registry_bury(&dead);
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
		registry_unlist_locked(reg, d, &dead);
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
