// SPDX-License-Identifier: GPL-2.0
/*
 * PREPARE: a record first, then the destination.
 */
#include <errno.h>
#include <string.h>

#include "dest_priv.h"
#include "disk_ops.h"
#include "dmtable.h"
#include "keys_peers.h"
#include "nbduri.h"
#include "opener.h"
#include "registry_priv.h"
#include "workers.h"

static int prepare_no_room(const struct dmm_registry *reg, struct dmm_refusal *r)
{
	return dmm_refuse(r, DMM_WERR_LIMIT, "%u disks are prepared, no more are allowed: "
			  "cancel finished migrations or raise max_disks in dmmigrated.conf",
			  reg->max_disks);
}

/* The answer for a disk that is prepared already: it is the caller's reference. */
static int prepare_again(struct dmm_disk *d, const struct dmm_prepare *p, struct dmm_disk_status *st, struct dmm_refusal *r)
{
	const struct dmm_prepare *q = &d->prepare;
	int ret;

	if (!dmm_peer_host_equal(p->peer, q->peer))
		return dmm_refuse(r, DMM_WERR_DENIED, "the disk was prepared by another peer");
	ret = d->ops->status(d, st, r);
	if (ret)
		return ret;
	if (st->closed)
		return dmm_refuse(r, DMM_WERR_BUSY, "the disk is being prepared, finished or forgotten: try again");
	if (strcmp(p->dest_path, q->dest_path) || p->size_bytes != q->size_bytes ||
	    p->block_bytes != q->block_bytes || p->lbs_bytes != q->lbs_bytes || p->conns != q->conns)
		return dmm_refuse(r, DMM_WERR_BUSY, "the disk is prepared already with another "
				  "destination, size or geometry: FORGET it first");
	if (st->error)
		return dmm_refuse(r, st->error, "the disk has failed: mend the destination, "
				  "FORGET the disk and start again");
	if (st->state == DMM_DISK_FINISHED)
		return dmm_refuse(r, DMM_WERR_BUSY, "the disk is finished: FORGET it first");
	return 0;
}

/* The same destination, as far as that can be told: an export by its name. */
static bool dest_same(const struct dmm_dest *a, const struct dmm_dest *b)
{
	return dmm_is_nbd(b->path) ? !strcmp(a->path, b->path) : dmm_dest_is(a, b->dev, b->ino);
}

/* What was finished on the same destination before is of the past once it is prepared again, as @new. */
static void registry_drop_superseded(struct dmm_registry *reg, const struct dmm_disk *new)
{
	struct dmm_list dead, *pos, *tmp;
	struct dmm_disk *d;
	bool superseded;

	dmm_list_init(&dead);
	pthread_mutex_lock(&reg->lock);
	dmm_list_for_each_safe(pos, tmp, &reg->disks) {
		d = dmm_list_entry(pos, struct dmm_disk, node);
		pthread_mutex_lock(&d->lock);
		superseded = d != new && d->state == DMM_DISK_FINISHED && dest_same(&d->dest, &new->dest);
		pthread_mutex_unlock(&d->lock);
		if (!superseded)
			continue;
		dmm_notice(&d->log_id, "forgotten: its destination %s is prepared again", new->dest.path);
		dmm_registry_unlist_locked(reg, d, &dead);
	}
	pthread_mutex_unlock(&reg->lock);
	dmm_registry_bury(&dead);
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

/* An export is the worker's to connect to: one that shall only be checked is given up again. */
static int try_export(struct dmm_registry *reg, const struct dmm_prepare *p, struct dmm_dest *dest, struct dmm_refusal *r)
{
	struct dmm_disk *d = dmm_disk_create(p);
	int ret;

	if (!d)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	ret = dmm_workers_give(reg->workers, d, r);
	if (!ret)
		ret = d->ops->open(d, dest, r);
	dmm_disk_destroy(d);
	return ret;
}

/* @d: its record, or NULL for a check. */
static int prepare_export(struct dmm_registry *reg, const struct dmm_prepare *p, struct dmm_disk *d,
			  const struct dmm_dest_request *rq, struct dmm_dest *dest, struct dmm_refusal *r)
{
	int ret = dmm_registry_check_export(reg, p, r);

	if (ret)
		return ret;
	if (!reg->workers)
		return dmm_dest_open(reg->allow, rq, dest, r);
	memset(dest, 0, sizeof(*dest));
	dest->fd = -1;
	strncat(dest->path, rq->path, sizeof(dest->path) - 1);
	ret = dmm_dest_allow_export(reg->allow, rq->path, rq->peer, r);
	return ret || d ? ret : try_export(reg, p, dest, r);
}

static int prepare_open(struct dmm_registry *reg, const struct dmm_prepare *p, struct dmm_disk *d,
			const struct dmm_dest_request *rq, struct dmm_dest *dest, struct dmm_dest_made *made,
			struct dmm_refusal *r)
{
	bool check = p->flags & DMM_PREPARE_CHECK, create = p->flags & DMM_PREPARE_CREATE, would = false;
	int ret;

	made->dir_fd = -1;
	if (dmm_is_nbd(p->dest_path))
		return prepare_export(reg, p, d, rq, dest, r);
	if (reg->opener < 0)
		ret = dmm_dest_create_open(reg->allow, rq, create, check, dest, made, &would, r);
	else
		ret = dmm_opener_open(reg->opener, rq, create, check, dest, made, &would, r);
	if (!ret && would && check)
		prepare_would_create(p, dest);
	if (ret && r->code == DMM_WERR_BUSY)
		dmm_registry_explain_busy(reg, p->dest_path, r);
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
	d = dmm_registry_find_locked(reg, &p->name);
	*again = d;
	if (d)
		goto out_ref;
	if (p->flags & DMM_PREPARE_CHECK) {	/* nothing to enter */
		*disk = NULL;
		goto out_unlock;
	}
	if (!dmm_registry_has_room_locked(reg)) {
		ret = prepare_no_room(reg, r);
		goto out_unlock;
	}
	d = dmm_disk_create(p);
	if (!d) {
		ret = dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
		goto out_unlock;
	}
	ret = reg->workers ? dmm_workers_give(reg->workers, d, r) : 0;
	if (ret) {
		dmm_disk_destroy(d);
		goto out_unlock;
	}
	d->listed = true;
	dmm_list_add_tail(&reg->disks, &d->node);
	reg->nr_disks++;
out_ref:
	dmm_registry_ref_locked(d);
	*disk = d;
out_unlock:
	pthread_mutex_unlock(&reg->lock);
	return ret;
}

/* *disk was prepared before: gives up the reference where the answer is no. */
static int prepare_known(struct dmm_registry *reg, const struct dmm_prepare *p, struct dmm_wire_prepared *prepared,
			 struct dmm_disk *d, struct dmm_disk **disk, struct dmm_refusal *r)
{
	struct dmm_disk_status st;
	int ret = prepare_again(d, p, &st, r);

	if (ret) {
		dmm_registry_put(reg, d);
		return ret;
	}
	prepared_fill(prepared, &d->dest);
	if (st.has_data)
		prepared->flags &= cpu_to_le32(~DMM_PREPARED_EMPTY);
	prepared->conn_epoch = cpu_to_le64(st.conn_epoch);
	*disk = d;
	return 0;
}

/* The opened destination comes to its record. */
static int prepare_take(struct dmm_registry *reg, struct dmm_disk *d, struct dmm_dest *dest, struct dmm_refusal *r)
{
	int ret;

	if (!dmm_registry_make_room(reg)) {
		dmm_dest_close(dest);
		return prepare_no_room(reg, r);
	}
	ret = d->ops->open(d, dest, r);
	if (!ret)
		registry_drop_superseded(reg, d);
	return ret;
}

int dmm_registry_prepare(struct dmm_registry *reg, const struct dmm_prepare *p,
			 struct dmm_wire_prepared *prepared, struct dmm_disk **disk,
			 struct dmm_refusal *r)
{
	char gate[DMM_DM_UUID_BYTES];
	struct dmm_dest_request rq;
	struct dmm_disk *d = NULL;
	struct dmm_dest_made made;
	struct dmm_dest dest;
	bool again;
	int ret;

	dmm_gate_uuid_format(p->name.migration, p->name.disk, gate);
	rq = dmm_prepare_request(p, gate);
	ret = registry_enter(reg, p, &d, &again, r);
	if (ret)
		return ret;
	if (again)
		return prepare_known(reg, p, prepared, d, disk, r);
	ret = prepare_open(reg, p, d, &rq, &dest, &made, r);
	if (!ret && d) {
		ret = prepare_take(reg, d, &dest, r);
		if (ret)
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
	prepared_fill(prepared, d ? &d->dest : &dest);
	if (!d)
		dmm_dest_close(&dest);
	*disk = d;
	return 0;
}
