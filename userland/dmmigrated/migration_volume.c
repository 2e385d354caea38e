// SPDX-License-Identifier: GPL-2.0
/*
 * Volumes that are made for a migration's destination.  The manifest names each before it is made, and until after it was removed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "migration_priv.h"
#include "stop_points.h"

static u32 refuse_code(int err)
{
	return err == -ENOSPC ? DMM_WERR_NOSPC : err == -EEXIST ? DMM_WERR_BUSY : err == -ENOENT ? DMM_WERR_NOTFOUND :
	       err == -ECANCELED ? DMM_WERR_SHUTDOWN : DMM_WERR_IO;
}

/* What volumes of one migration, if it is not handed over yet, will still take in that place. Context: may wait for who changes it. */
static u64 still_takes(struct dmm_migration *m, const struct dmm_sr *sr)
{
	struct dmm_group_status st = { .state = DMM_HO_RECEIVING };
	const struct dmm_volume *v;
	u64 taken, bytes = 0;
	u32 i;

	pthread_mutex_lock(&m->change);
	if (m->group)
		dmm_group_status(m->group, &st);
	for (i = 0; i < m->nr_disks && m->listed; i++) {
		v = &m->manifest->disks[i].volume;
		if (v->sr.kind != sr->kind || strcmp(v->sr.place, sr->place) ||
		    (st.state != DMM_HO_RECEIVING && st.state != DMM_HO_COMPLETE && st.state != DMM_HO_REFUSED))
			continue;
		taken = dmm_volume_taken(v);
		bytes += v->size_bytes - dmm_min_u64(taken, v->size_bytes);
	}
	pthread_mutex_unlock(&m->change);
	return bytes;
}

/* The same of all: files and thin volumes have taken little of what they will.  Context: rooms is held. */
static u64 promised(struct dmm_migrations *ms, const struct dmm_sr *sr)
{
	struct dmm_migration *all[DMM_MAX_MIGRATIONS], *m;
	struct dmm_list *pos;
	u32 i, nr = 0;
	u64 bytes = 0;

	pthread_mutex_lock(&ms->lock);
	dmm_list_for_each(pos, &ms->list) {
		m = dmm_list_entry(pos, struct dmm_migration, node);
		if (m->role != DMM_HO_DEST || nr == DMM_MAX_MIGRATIONS)
			continue;
		m->refs++;
		all[nr++] = m;
	}
	pthread_mutex_unlock(&ms->lock);
	for (i = 0; i < nr; i++) {
		bytes += still_takes(all[i], sr);
		dmm_migration_put(all[i]);
	}
	return bytes;
}

/* What was asked for before. 0, or -errno with @r filled. */
static int check_known(const struct dmm_manifest_disk *d, const struct dmm_volume *v, struct dmm_refusal *r)
{
	if (d->volume.sr.kind && !strcmp(d->volume.sr.name, v->sr.name) && d->volume.size_bytes == v->size_bytes)
		return 0;
	if (d->volume.sr.kind)
		return dmm_refuse(r, DMM_WERR_BUSY, "for this disk there is a volume of %llu bytes in the storage repository %s: drop the "
				  "migration first", d->volume.size_bytes, d->volume.sr.name);
	return dmm_refuse(r, DMM_WERR_BUSY, "this disk goes to %.150s: drop the migration first", d->path);
}

/* Has the migration this disk, or a volume for it, already? */
static bool is_known(struct dmm_migrations *ms, const struct dmm_disk_name *name)
{
	struct dmm_migration *m = dmm_migrations_get_part(ms, name->migration, DMM_HO_DEST);
	bool known = false;

	if (!m)
		return false;
	pthread_mutex_lock(&m->lock);
	if (name->disk < m->nr_disks)
		known = m->manifest->disks[name->disk].known || m->manifest->disks[name->disk].volume.sr.kind;
	pthread_mutex_unlock(&m->lock);
	dmm_migration_put(m);
	return known;
}

static int make(struct dmm_migration *m, const struct dmm_volume_request *rq, struct dmm_volume *v, struct dmm_refusal *r)
{
	struct dmm_manifest_disk *d = &m->manifest->disks[rq->name.disk], entered = *d;
	struct dmm_log_id id = m->log_id;
	char why[DMM_LV_WHY] = "";
	int ret;

	id.disk = rq->name.disk;
	if (!d->known && !d->volume.sr.kind) {
		entered.volume = *v;
		dmm_migration_set_host(m, rq->source_host);
		dmm_stop_point("before-volume-entered");
		ret = dmm_migration_save_disk(m, rq->name.disk, &entered, r);
		if (ret)
			return ret;
		dmm_stop_point("after-volume-entered");
	}
	ret = check_known(d, v, r);
	if (ret)
		return ret;
	*v = d->volume;
	if (m->group)	/* it is looked after as a disk */
		return 0;
	ret = dmm_volume_make(v, m->id, m->all->stop_fd, why);
	dmm_stop_point("after-volume-made");
	if (ret)
		return dmm_refuse(r, refuse_code(ret), "storage repository %s: %s", v->sr.name, why);
	if (v->inode != d->volume.inode) {
		entered = *d;
		entered.volume = *v;
		ret = dmm_migration_save_disk(m, rq->name.disk, &entered, r);
		if (ret)
			return ret;
	}
	dmm_notice(&id, "%s was made for it, %llu bytes in the storage repository %s", v->name, v->size_bytes, v->sr.name);
	return 0;
}

/* Context: rooms is held. */
static int check_and_make(struct dmm_migrations *ms, const struct dmm_volume_request *rq, struct dmm_volume *v, u64 *room_bytes,
			  struct dmm_refusal *r)
{
	char why[DMM_LV_WHY] = "";
	struct dmm_migration *m;
	int ret = 0;

	/* before there is a migration that somebody would have to drop */
	if (!is_known(ms, &rq->name))
		ret = dmm_volume_check_new(v, rq->name.migration, promised(ms, &v->sr), room_bytes, ms->stop_fd, why);
	if (ret)
		return dmm_refuse(r, refuse_code(ret), "%s", why);
	if (rq->check)
		return 0;
	m = dmm_migrations_get_or_new(ms, rq->name.migration, DMM_HO_DEST, rq->group_disks, r);
	if (!m)
		return -EBUSY;
	pthread_mutex_lock(&m->change);
	ret = m->listed ? dmm_migration_take_peer(m, rq->peer, r) :
			  dmm_refuse(r, DMM_WERR_BUSY, "the migration is being dropped: try again");
	if (!ret)
		ret = make(m, rq, v, r);
	pthread_mutex_unlock(&m->change);
	dmm_migration_put(m);
	return ret;
}

int dmm_migrations_volume(struct dmm_migrations *ms, const struct dmm_volume_request *rq, const struct dmm_sr *sr,
			  struct dmm_volume *v, u64 *room_bytes, struct dmm_refusal *r)
{
	int ret;

	memset(v, 0, sizeof(*v));
	v->sr = *sr;
	v->size_bytes = rq->size_bytes;
	dmm_volume_call(v, rq->label, rq->name.disk, rq->name.migration);
	*room_bytes = 0;
	pthread_mutex_lock(&ms->rooms);
	ret = check_and_make(ms, rq, v, room_bytes, r);
	pthread_mutex_unlock(&ms->rooms);
	return ret;
}

bool dmm_migrations_made(struct dmm_migrations *ms, const struct dmm_prepare *p)
{
	struct dmm_migration *m = dmm_migrations_get_part(ms, p->name.migration, DMM_HO_DEST);
	char path[DMM_PATH_MAX] = "";
	struct dmm_refusal r;
	bool made = false;

	if (!m)
		return false;
	pthread_mutex_lock(&m->lock);
	if (p->name.disk < m->nr_disks && m->manifest->disks[p->name.disk].volume.sr.kind)
		dmm_volume_path(&m->manifest->disks[p->name.disk].volume, path);
	pthread_mutex_unlock(&m->lock);
	if (!strcmp(path, p->dest_path))
		made = !dmm_migration_check_peer(m, p->peer, &r);
	dmm_migration_put(m);
	return made;
}

int dmm_migration_volumes_remove(struct dmm_migration *m, struct dmm_refusal *r)
{
	struct dmm_log_id id = m->log_id;
	char why[DMM_LV_WHY] = "";
	const struct dmm_volume *v;
	int ret;

	for (id.disk = 0; id.disk < m->nr_disks; id.disk++) {
		v = &m->manifest->disks[id.disk].volume;
		if (!v->sr.kind)
			continue;
		dmm_stop_point("before-volume-removed");
		ret = dmm_volume_remove(v, m->id, m->all->stop_fd, why);
		if (ret)
			return dmm_refuse(r, DMM_WERR_BUSY, "its volume %s cannot be removed from the storage repository %s: %.120s",
					  v->name, v->sr.name, why);
		dmm_notice(&id, "%s was removed from the storage repository %s: it was not handed over", v->name, v->sr.name);
		dmm_stop_point("after-volume-removed");
	}
	return 0;
}

void dmm_migration_files_settle(struct dmm_migration *m)
{
	struct dmm_log_id id = m->log_id;
	char why[DMM_LV_WHY];

	for (id.disk = 0; id.disk < m->nr_disks; id.disk++) {
		if (m->manifest->disks[id.disk].volume.sr.kind == DMM_SR_DIR &&
		    dmm_volume_settle(&m->manifest->disks[id.disk].volume, m->id, m->all->stop_fd, why))
			dmm_warn(&id, "clean will take its file for a leftover: %s", why);
	}
}
