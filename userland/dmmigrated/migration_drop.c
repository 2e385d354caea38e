// SPDX-License-Identifier: GPL-2.0
/*
 * Forgetting a migration, where nobody's disk depends on it.
 */
#include <errno.h>
#include <string.h>

#include "disk_ops.h"
#include "fence.h"
#include "gate.h"
#include "guest_stage.h"
#include "migration_priv.h"

#define MARKS_MS	5000u	/* for LVM */

/*
 * States in which nobody's disk depends on this host's part.  The source's tool drops its own first, so that it waits for no answer of
 * ours (not @local).
 */
static bool droppable(enum dmm_ho_role role, enum dmm_ho_state s, bool local)
{
	if (role == DMM_HO_SOURCE)
		return s == DMM_HO_ACTIVE || s == DMM_HO_RELEASED;
	return s == DMM_HO_RECEIVING || s == DMM_HO_REFUSED || s == (local ? DMM_HO_SETTLED : DMM_HO_COMPLETE);
}

/* A source that has relinquished goes on only once it has heard of the refusal, which nobody else could tell it. */
static int drop_heard(const struct dmm_group_status *st, struct dmm_refusal *r)
{
	if (st->state != DMM_HO_REFUSED || !st->epoch || st->heard_back)
		return 0;
	return dmm_refuse(r, DMM_WERR_BUSY, "the source has not said yet that it has its disks back, and may stand still until it "
			  "hears so from here: see that its daemon is connected; or, where its host is gone for good or has cancelled, "
			  "--source-gone");
}

/* Nobody writes to the disks any more; @while_received: though there are connections that it comes by. */
static int drop_disks(struct dmm_migration *m, bool while_received, struct dmm_refusal *r)
{
	struct dmm_disk_status st = { 0 };
	struct dmm_disk *d;
	int ret = 0;
	u32 i;

	for (i = 0; i < m->nr_disks && !ret; i++) {
		d = dmm_migration_disk(m, i);
		if (!d)
			continue;
		if (!while_received)
			ret = d->ops->status(d, &st, r);
		if (!ret && !while_received && st.attached)
			ret = dmm_refuse(r, DMM_WERR_BUSY, "disk %u is being received: dmmigrate cancel, on the source's host; "
					 "or, where that is gone for good or has cancelled, --source-gone", i);
		else if (!ret)
			ret = d->ops->release(d, m->all->stop_fd, r);
		if (!ret)
			dmm_registry_forget(m->all->registry, d);
		dmm_registry_put(m->all->registry, d);
	}
	return ret;
}

static int drop_gates(struct dmm_migration *m, struct dmm_refusal *r)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < m->nr_disks && !ret; i++) {
		if (!m->manifest->disks[i].known || !m->manifest->disks[i].name[0])
			continue;
		ret = dmm_gate_remove(m->manifest, i);
		if (ret)
			return dmm_refuse(r, DMM_WERR_BUSY, "the gate %s cannot be removed: %s",
					  m->manifest->disks[i].name, strerror(-ret));
	}
	return 0;
}

/*
 * Of a guest, whose configuration names the volumes: what they were called as gates keeps them in use for nothing.  One that runs has it
 * open: `clean` lists it from then on.
 */
static void drop_settled(struct dmm_migration *m)
{
	struct dmm_guest_stage g;
	struct dmm_log_id id = m->log_id;
	const char *name;
	int ret;

	if (dmm_guest_stage_load(dmm_migration_dir(m), m->id, &g))
		return;
	dmm_guest_stage_clear(&g);
	for (id.disk = 0; id.disk < m->nr_disks; id.disk++) {
		name = m->manifest->disks[id.disk].name;
		ret = m->manifest->disks[id.disk].known && *name ? dmm_gate_settled_remove(m->manifest, id.disk) : 0;
		if (ret)
			dmm_notice(&id, "%s stays above its volume: %s; dmmigrate clean lists it", name, strerror(-ret));
	}
}

/* Ends the group. */
static int drop_group(struct dmm_migration *m, bool local, struct dmm_refusal *r)
{
	struct dmm_group_status st;
	unsigned int states = 0;
	enum dmm_ho_state s;

	if (!m->group && dmm_manifest_complete(m->manifest))
		return dmm_refuse(r, DMM_WERR_BUSY, "its journal cannot be read: see dmmigrate recover");
	for (s = 0; s < __DMM_HO_STATE_MAX; s++)
		states |= droppable(m->role, s, local) ? 1u << s : 0;
	if (!m->group || !dmm_group_retire(m->group, states))
		return 0;
	dmm_group_status(m->group, &st);
	return dmm_refuse(r, DMM_WERR_BUSY, "the migration is %s here: %s", dmm_ho_state_name(st.state),
			  m->role == DMM_HO_SOURCE ? "see dmmigrate recover" :
			  "its disks are, or may be, the only good ones");
}

/* Of a source: one that was given up stays shut. */
static int drop_fences(struct dmm_migration *m, bool released, struct dmm_refusal *r)
{
	char why[DMM_MANIFEST_WHY];
	int ret = 0;
	u32 i;

	for (i = 0; i < m->nr_disks && !ret; i++) {
		if (!m->manifest->disks[i].known)
			continue;
		ret = released ? dmm_fence_forget(m->manifest, i, why) : dmm_fence_take_down(m->manifest, i, why);
		if (ret)
			return dmm_refuse(r, DMM_WERR_BUSY, "%s", why);
	}
	return 0;
}

/*
 * The last that LVM is told: what is somebody's own again has no mark, and it is not forgotten before that.  A source that
 * has given up keeps it: when it is activated next nothing else keeps the old copy from being taken for the disk.
 */
static int drop_marks(struct dmm_migration *m, bool released, struct dmm_refusal *r)
{
	char why[DMM_LV_WHY];
	int ret = dmm_marks_finish(m->marks, released ? DMM_MARK_SET : DMM_MARK_CLEAR, MARKS_MS, why);

	if (ret && released)
		dmm_warn(&m->log_id, "%s", why);
	else if (ret)
		return dmm_refuse(r, DMM_WERR_BUSY, "%s", why);
	return 0;
}

/* By what is forgotten it would never be done. */
static int drop_guest(struct dmm_migration *m, struct dmm_refusal *r)
{
	char why[DMM_GUEST_CONFIG_WHY], path[320];

	if (!dmm_migration_guest_finish(m, why))
		return 0;
	dmm_guest_stage_path(dmm_migration_dir(m), m->id, path, sizeof(path));
	return dmm_refuse(r, DMM_WERR_BUSY, "%.140s; to do without, remove %s", why, path);
}

/* Its group decides nothing any more. */
static int drop_parts(struct dmm_migration *m, bool while_received, struct dmm_refusal *r)
{
	struct dmm_group_status st = { .state = DMM_HO_LOST };
	bool released;
	int ret = 0;

	if (m->group)
		dmm_group_status(m->group, &st);
	released = m->role == DMM_HO_SOURCE && st.state == DMM_HO_RELEASED;
	if (released || st.state == DMM_HO_SETTLED)
		ret = drop_guest(m, r);
	if (ret)
		return ret;
	if (m->role == DMM_HO_SOURCE) {
		ret = drop_fences(m, released, r);
	} else if (st.state != DMM_HO_SETTLED) {
		ret = drop_disks(m, while_received, r);
		if (!ret)
			ret = drop_gates(m, r);
	} else {
		drop_settled(m);
	}
	if (!ret)
		ret = drop_marks(m, released, r);
	if (!ret && m->role == DMM_HO_DEST && st.state != DMM_HO_SETTLED)
		ret = dmm_migration_volumes_remove(m, r);
	if (ret)
		return ret;
	ret = dmm_manifest_remove(dmm_migration_dir(m), m->id);
	if (ret)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "cannot remove it from %s: %s", dmm_migration_dir(m),
				  strerror(-ret));
	return 0;
}

static int drop_it(struct dmm_migration *m, bool local, bool source_gone, struct dmm_refusal *r)
{
	struct dmm_group_status st;
	int ret = 0, err;

	if (m->group && local && !source_gone && m->role == DMM_HO_DEST) {
		dmm_group_status(m->group, &st);
		ret = drop_heard(&st, r);
	}
	if (!ret)
		ret = drop_group(m, local, r);
	if (ret)
		return ret;
	ret = drop_parts(m, !local || source_gone, r);
	if (!ret)
		return 0;
	/* it is not dropped, and has to go on deciding */
	err = dmm_group_revive(m->group);
	if (err)
		dmm_err(&m->log_id, "it decides nothing until dmmigrated is restarted: %s", strerror(-err));
	return ret;
}

int dmm_migration_drop(struct dmm_migration *m, bool local, bool source_gone, struct dmm_refusal *r)
{
	int ret;

	pthread_mutex_lock(&m->change);
	ret = m->listed ? drop_it(m, local, source_gone, r) : 0;
	if (!ret) {
		dmm_migration_unlist(m);
		dmm_notice(&m->log_id, "dropped");
	}
	pthread_mutex_unlock(&m->change);
	return ret;
}
