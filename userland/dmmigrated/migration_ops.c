// SPDX-License-Identifier: GPL-2.0
/*
 * What a group does to the world: gates and the receiver's disks at the destination; the kernel's
 * migrate targets at the source; and what it says to the other daemon.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "disk_ops.h"
#include "fence.h"
#include "fullio.h"
#include "gate.h"
#include "migration_priv.h"

/* --- destination --- */

struct dmm_disk *dmm_migration_disk(struct dmm_migration *m, u32 disk)
{
	struct dmm_disk_name name = { .disk = disk };
	struct dmm_refusal r;

	memcpy(name.migration, m->id, sizeof(name.migration));
	return dmm_registry_get(m->all->registry, &name, &r);
}

/* Ends writing to all disks that are prepared: what comes now is no part of what was handed over. */
static int dest_quiesce(struct dmm_migration *m)
{
	struct dmm_refusal r;
	struct dmm_disk *d;
	int ret = 0;
	u32 i;

	for (i = 0; i < m->nr_disks && !ret; i++) {
		d = dmm_migration_disk(m, i);
		if (!d)
			continue;
		ret = d->ops->finish(d, true, m->all->stop_fd, &r);
		if (ret)
			dmm_err(&d->log_id, "cannot end writing to it: %s", r.text);
		dmm_registry_put(m->all->registry, d);
	}
	return ret;
}

static bool has_gate(const struct dmm_migration *m, u32 disk)
{
	return m->manifest->disks[disk].name[0];
}

/* There is one: the host may have been rebooted. */
static int dest_make_gate(struct dmm_migration *m, u32 disk)
{
	struct dmm_refusal r;
	int ret;

	dmm_migration_lv_there(m, disk);
	ret = dmm_gate_make(m->manifest, disk, &r);
	if (ret) {
		struct dmm_log_id id = m->log_id;

		id.disk = disk;
		dmm_err(&id, "no gate: %s", r.text);
	}
	return ret;
}

static int dest_gate(struct dmm_migration *m, u32 disk, enum dmm_ho_gate gate, bool *written)
{
	int ret = dmm_gate_set(m->manifest, disk, gate, written);

	if (ret != -ENODEV)
		return ret;
	if (written)	/* what has passed the one that is gone nobody knows */
		*written = true;
	ret = dest_make_gate(m, disk);
	return ret ? ret : dmm_gate_set(m->manifest, disk, gate, written);
}

static int dest_gates(void *ctx, enum dmm_ho_gate gate, bool *written, char *why)
{
	struct dmm_migration *m = ctx;
	bool one;
	int ret = 0, err;
	u32 i;

	if (!m->nr_disks)
		return dmm_guest_gate_move(&m->guest_gate, gate, written, why, DMM_GROUP_WHY);
	if (gate != DMM_HO_GATE_SHUT)
		ret = dest_quiesce(m);
	/* none is shut on a guest that goes on, because it has not written to this one yet */
	for (i = 0; i < m->nr_disks && written && m->nr_disks > 1; i++) {
		err = has_gate(m, i) ? dmm_gate_has_written(m->manifest, i) : 0;
		*written = err > 0;
		if (err)
			return err > 0 ? 0 : err;
	}
	/* shut as many as can be, open them one by one, and give back all or none: who keeps one runs there */
	for (i = 0; i < m->nr_disks && (!ret || (gate == DMM_HO_GATE_SHUT && !written)); i++) {
		if (!has_gate(m, i))
			continue;
		one = false;
		err = dest_gate(m, i, gate, written ? &one : NULL);
		if (err && !ret)
			ret = err;
		if (one) {
			*written = true;
			break;
		}
	}
	return ret;
}

static int dest_settle(void *ctx)
{
	struct dmm_migration *m = ctx;
	int ret = 0;
	u32 i;

	for (i = 0; i < m->nr_disks && !ret; i++) {
		if (!has_gate(m, i))
			continue;
		ret = dest_gate(m, i, DMM_HO_GATE_OPEN, NULL);
		if (!ret)
			ret = dmm_gate_settle(m->manifest, i);
	}
	if (!ret)
		dmm_migration_files_settle(m);
	return ret;
}

static void dest_send(void *ctx, const struct dmm_ho_event *ev)
{
	struct dmm_migration *m = ctx;
	struct dmm_handover_msg msg;

	if (dmm_handover_from_event(m->id, ev, &msg))
		return;
	pthread_mutex_lock(&m->lock);
	if (!dmm_list_empty(&m->outboxes))
		dmm_outbox_put(dmm_outbox_of(m->outboxes.next), &msg);
	pthread_mutex_unlock(&m->lock);
}

void dmm_migration_add_outbox(struct dmm_migration *m, struct dmm_outbox *o)
{
	pthread_mutex_lock(&m->lock);
	dmm_list_add(&m->outboxes, dmm_outbox_node(o));
	pthread_mutex_unlock(&m->lock);
}

void dmm_migration_remove_outbox(struct dmm_migration *m, struct dmm_outbox *o)
{
	pthread_mutex_lock(&m->lock);
	dmm_list_del(dmm_outbox_node(o));
	pthread_mutex_unlock(&m->lock);
}

/* --- source --- */

static int source_freeze(void *ctx, u64 epoch, bool acquired, char *why)
{
	struct dmm_migration *m = ctx;

	/* the guest is not to wait for the pause after a connection that was lost */
	if (m->link)
		dmm_link_poke(m->link);
	return dmm_freezer_freeze(m->freezer, epoch, acquired, why);
}

static int source_commit(void *ctx, u32 disk, u64 epoch)
{
	struct dmm_migration *m = ctx;

	return dmm_freezer_commit(m->freezer, disk, epoch);
}

/* Fences up, of each disk that the kernel does not hold, or down.  @spare: none where somebody is at work. */
static int source_fences(struct dmm_migration *m, bool up, bool spare)
{
	char why[DMM_MANIFEST_WHY];
	struct dmm_log_id id = m->log_id;
	int ret, err = 0;

	for (id.disk = 0; id.disk < m->nr_disks; id.disk++) {
		ret = up ? dmm_freezer_held(m->freezer, id.disk) : -ENODEV;
		if (!ret)
			continue;
		snprintf(why, sizeof(why), "%s", ret == -EBUSY ? "it is in use, though its journal says that it was "
			 "given up, or nothing: stop the writer" : strerror(-ret));
		if (ret == -ENODEV)
			ret = up ? dmm_fence_put_up(m->manifest, id.disk, spare, why) :
				   dmm_fence_take_down(m->manifest, id.disk, why);
		if (ret)
			dmm_err(&id, "%s", why);
		if (ret && !err)
			err = ret;
	}
	return err;
}

static int source_reclaim(void *ctx, u64 epoch)
{
	struct dmm_migration *m = ctx;
	int ret;

	(void)epoch;	/* the kernel's own: whichever it holds */
	ret = dmm_freezer_reclaim(m->freezer);
	if (!ret)
		ret = source_fences(m, false, false);
	if (!ret)
		dmm_migration_lvs_back(m);
	return ret;
}

static int source_thaw(void *ctx)
{
	struct dmm_migration *m = ctx;

	return dmm_freezer_thaw(m->freezer);
}

static int source_fence(void *ctx, bool lost)
{
	return source_fences(ctx, true, lost);
}

static int source_release(void *ctx, u64 epoch)
{
	struct dmm_migration *m = ctx;
	int ret;

	(void)epoch;
	ret = dmm_freezer_release(m->freezer);
	return ret ? ret : source_fences(m, true, false);
}

static void source_send(void *ctx, const struct dmm_ho_event *ev)
{
	struct dmm_migration *m = ctx;
	struct dmm_handover_msg msg;

	if (m->link && !dmm_handover_from_event(m->id, ev, &msg))
		dmm_link_send(m->link, &msg);
}

static void source_frozen(void *ctx, u64 epoch, bool acquired, u32 disk, u64 conn_epoch, u64 barrier)
{
	struct dmm_migration *m = ctx;
	struct dmm_ho_event ev = { .type = DMM_HO_EV_FROZEN, .epoch = epoch, .disk = disk };
	struct dmm_handover_msg msg = {
		.event = DMM_HANDOVER_BARRIER, .epoch = epoch, .disk = disk, .conn_epoch = conn_epoch,
		.barrier = barrier, .flags = acquired ? DMM_BARRIER_ACQUIRED : 0,
	};
	struct dmm_group *g = dmm_migration_group(m);

	memcpy(msg.migration, m->id, sizeof(msg.migration));
	dmm_link_send(m->link, &msg);
	if (g)
		dmm_group_post(g, &ev, true);	/* it is repeated */
}

static void source_thawed(void *ctx, u64 epoch, const char *why)
{
	struct dmm_migration *m = ctx;
	struct dmm_ho_event ev = { .type = DMM_HO_EV_THAWED, .epoch = epoch };
	struct dmm_group *g = dmm_migration_group(m);

	if (!g)
		return;
	dmm_group_explain(g, why);
	while (dmm_group_post(g, &ev, false) == -ENOMEM)
		poll(NULL, 0, 100);	/* not repeated: may not be lost */
}

static bool source_active(void *ctx)
{
	struct dmm_group *g = dmm_migration_group(ctx);
	struct dmm_group_status st;

	if (!g)
		return false;
	dmm_group_status(g, &st);
	return st.state == DMM_HO_ACTIVE;
}

static bool source_heard(void *ctx)
{
	struct dmm_link_status st;

	dmm_migration_link(ctx, &st);
	return st.up;
}

static void source_where(void *ctx, u32 disk, char source[DMM_DM_NAME_BYTES], struct dmm_target *to)
{
	struct dmm_migration *m = ctx;
	const struct dmm_manifest *mf = m->manifest;

	pthread_mutex_lock(&m->lock);
	snprintf(source, DMM_DM_NAME_BYTES, "%s", mf->disks[disk].name);
	snprintf(to->host, sizeof(to->host), "%s", mf->host);
	snprintf(to->path, sizeof(to->path), "%s", mf->disks[disk].path);
	to->port = mf->port;
	pthread_mutex_unlock(&m->lock);
}

static void source_message(void *ctx, const struct dmm_handover_msg *msg)
{
	dmm_migration_message(ctx, msg);
}

/* --- both --- */

void dmm_migration_message(struct dmm_migration *m, const struct dmm_handover_msg *msg)
{
	struct dmm_group *g = dmm_migration_group(m);
	struct dmm_ho_event ev;

	if (!g || memcmp(msg->migration, m->id, sizeof(m->id)))
		return;
	if (m->role == DMM_HO_DEST && msg->event == DMM_HANDOVER_BARRIER) {
		if (msg->disk < dmm_group_units(m->nr_disks))
			dmm_migration_barrier(m, msg);
	} else if (!dmm_handover_to_event(msg, &ev) && (m->nr_disks || ev.type != DMM_HO_EV_ACQUIRE)) {	/* as group_check() */
		dmm_group_post(g, &ev, true);
	}
}

struct dmm_group *dmm_migration_group(struct dmm_migration *m)
{
	struct dmm_group *g;

	pthread_mutex_lock(&m->lock);
	g = m->group;
	pthread_mutex_unlock(&m->lock);
	return g;
}

void dmm_migration_freeze_ms(struct dmm_migration *m, u32 ms)
{
	dmm_freezer_timeout(m->freezer, ms);
}

bool dmm_migration_reaches(struct dmm_migration *m, u64 timeout_ms)
{
	u64 until_ms = dmm_now_ms() + timeout_ms;
	struct dmm_link_status st;

	for (;;) {
		dmm_link_status(m->link, &st);
		if (st.up || dmm_now_ms() >= until_ms)
			return st.up;
		dmm_link_poke(m->link);
		poll(NULL, 0, 100);
	}
}

void dmm_migration_link(struct dmm_migration *m, struct dmm_link_status *st)
{
	dmm_link_status(m->link, st);
}

void dmm_migration_lost(struct dmm_migration *m, char why[DMM_RECONNECT_WHY])
{
	dmm_reconnect_why(m->reconnect, why);
}

static const struct dmm_group_ops dest_ops = {
	.gates = dest_gates,
	.settle = dest_settle,
	.state = dmm_migration_state,
	.send = dest_send,
};

static const struct dmm_group_ops source_ops = {
	.freeze = source_freeze,
	.commit = source_commit,
	.reclaim = source_reclaim,
	.thaw = source_thaw,
	.fence = source_fence,
	.release = source_release,
	.state = dmm_migration_state,
	.send = source_send,
};

static int source_start(struct dmm_migration *m)
{
	struct dmm_link_config lc = { .port = m->manifest->port, .tls = m->all->tls, .message = source_message, .ctx = m };
	struct dmm_freezer_config fc = {
		.log_id = m->log_id, .nr_disks = m->nr_disks, .frozen = source_frozen,
		.thawed = source_thawed, .ctx = m,
	};
	struct dmm_reconnect_config rc = {
		.log_id = m->log_id, .nr_disks = m->nr_disks, .control = m->all->control, .tls = m->all->tls,
		.active = source_active, .heard = source_heard, .where = source_where, .ctx = m,
	};
	int ret;
	u32 i;

	ret = dmm_freezer_open(&fc, &m->freezer);
	if (ret)
		return ret;
	for (i = 0; i < m->nr_disks; i++) {
		if (m->manifest->disks[i].has_witness)
			dmm_freezer_witness(m->freezer, i, &m->manifest->disks[i].witness);
	}
	if (m->all->offline)
		return 0;
	snprintf(lc.host, sizeof(lc.host), "%s", m->manifest->host);
	snprintf(lc.from, sizeof(lc.from), "%s", m->manifest->from);
	memcpy(lc.migration, m->id, sizeof(lc.migration));
	ret = dmm_link_open(&lc, &m->link);
	return ret || m->all->by_hand || !m->nr_disks ? ret : dmm_reconnect_open(&rc, &m->reconnect);
}

/* What has a gate is looked after with that. */
static int dest_start(struct dmm_migration *m)
{
	u32 i;

	for (i = 0; i < m->nr_disks; i++) {
		if (!has_gate(m, i))
			dmm_migration_lv_there(m, i);
	}
	return 0;
}

void dmm_migration_stop(struct dmm_migration *m)
{
	/* it uses the others, and they post to it */
	dmm_group_retire(m->group, ~0u);
	dmm_reconnect_close(m->reconnect);
	dmm_link_close(m->link);
	dmm_freezer_close(m->freezer);
	dmm_group_close(m->group);
	dmm_marks_close(m->marks);
	m->marks = NULL;
	m->reconnect = NULL;
	m->link = NULL;
	m->freezer = NULL;
	m->group = NULL;
}

int dmm_migration_start(struct dmm_migration *m, char *why)
{
	struct dmm_group_config c = {
		.dir = dmm_migration_dir(m), .role = m->role, .nr_disks = m->nr_disks,
		.begin = !m->manifest->begun, .instance = m->all->instance,
		.ops = m->role == DMM_HO_SOURCE ? &source_ops : &dest_ops, .ctx = m,
	};
	struct dmm_group *g;
	int ret;

	memcpy(c.id, m->id, sizeof(c.id));
	memcpy(c.boot, m->all->boot, sizeof(c.boot));
	dmm_migration_guest_open(m);
	/* whoever restores gates and fences has no time to stay */
	ret = m->all->offline ? 0 : dmm_marks_open(m->manifest, &m->log_id, &m->marks);
	if (!ret)
		ret = m->role == DMM_HO_SOURCE ? source_start(m) : dest_start(m);
	if (ret) {
		snprintf(why, DMM_GROUP_WHY, "%s", strerror(-ret));
		goto err_stop;
	}
	ret = dmm_group_open(&c, &g, why);
	if (ret == -EEXIST) {	/* begun, and killed before the manifest said so */
		c.begin = false;
		ret = dmm_group_open(&c, &g, why);
	}
	if (ret)
		goto err_stop;
	if (!m->manifest->begun) {
		m->manifest->begun = true;
		ret = dmm_manifest_save(dmm_migration_dir(m), m->manifest);
		if (ret) {
			m->manifest->begun = false;
			dmm_group_close(g);
			snprintf(why, DMM_GROUP_WHY, "%s", strerror(-ret));
			goto err_stop;
		}
	}
	pthread_mutex_lock(&m->lock);
	m->group = g;
	pthread_mutex_unlock(&m->lock);
	return 0;

err_stop:
	dmm_migration_stop(m);
	return ret;
}
