// SPDX-License-Identifier: GPL-2.0
/*
 * The table of migrations, and taking up what is on disk.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "migration_priv.h"
#include "thread.h"

/* --- references --- */

static struct dmm_migration *migration_new(struct dmm_migrations *ms, struct dmm_manifest *manifest)
{
	struct dmm_migration *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->all = ms;
	memcpy(m->id, manifest->id, sizeof(m->id));
	m->role = manifest->role;
	m->nr_disks = manifest->nr_disks;
	memcpy(m->log_id.migration, m->id, sizeof(m->id));
	m->log_id.disk = DMM_LOG_NO_DISK;
	m->refs = 1;
	m->manifest = manifest;
	dmm_list_init(&m->outboxes);
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->change, NULL);
	pthread_mutex_init(&m->guest, NULL);
	dmm_guest_gate_init(&m->guest_gate);
	return m;
}

/* Nobody refers to it. */
static void migration_free(struct dmm_migration *m)
{
	dmm_migration_stop(m);
	dmm_guest_gate_exit(&m->guest_gate);
	pthread_mutex_destroy(&m->guest);
	pthread_mutex_destroy(&m->change);
	pthread_mutex_destroy(&m->lock);
	free(m->manifest);
	free(m);
}

static struct dmm_migration *find_locked(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES],
					 enum dmm_ho_role role)
{
	struct dmm_migration *m;
	struct dmm_list *pos;

	dmm_list_for_each(pos, &ms->list) {
		m = dmm_list_entry(pos, struct dmm_migration, node);
		if (!memcmp(m->id, id, sizeof(m->id)) && m->role == role)
			return m;
	}
	return NULL;
}

struct dmm_migration *dmm_migrations_get(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES])
{
	return dmm_migrations_get_part(ms, id, 0);
}

struct dmm_migration *dmm_migrations_get_part(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES],
					      enum dmm_ho_role role)
{
	struct dmm_migration *m;

	pthread_mutex_lock(&ms->lock);
	m = find_locked(ms, id, role ? role : DMM_HO_DEST);
	if (!m && !role)
		m = find_locked(ms, id, DMM_HO_SOURCE);
	if (m)
		m->refs++;
	pthread_mutex_unlock(&ms->lock);
	return m;
}

void dmm_migration_put(struct dmm_migration *m)
{
	struct dmm_migrations *ms;
	bool last;

	if (!m)
		return;
	ms = m->all;
	pthread_mutex_lock(&ms->lock);
	last = !--m->refs;
	pthread_mutex_unlock(&ms->lock);
	if (last)
		migration_free(m);
}

int dmm_migrations_get_all(struct dmm_migrations *ms, struct dmm_migration ***list, u32 *nr)
{
	struct dmm_migration **all;
	struct dmm_list *pos;

	*nr = 0;
	pthread_mutex_lock(&ms->lock);
	all = calloc(ms->nr + 1, sizeof(*all));
	if (all) {
		dmm_list_for_each(pos, &ms->list) {
			all[*nr] = dmm_list_entry(pos, struct dmm_migration, node);
			all[(*nr)++]->refs++;
		}
	}
	pthread_mutex_unlock(&ms->lock);
	*list = all;
	return all ? 0 : -ENOMEM;
}

void dmm_migrations_put_all(struct dmm_migration **list, u32 nr)
{
	while (nr)
		dmm_migration_put(list[--nr]);
	free(list);
}

static void list_locked(struct dmm_migrations *ms, struct dmm_migration *m)
{
	m->listed = true;
	dmm_list_add_tail(&ms->list, &m->node);
	ms->nr++;
}

bool dmm_migration_listed(struct dmm_migration *m)
{
	bool listed;

	pthread_mutex_lock(&m->all->lock);
	listed = m->listed;
	pthread_mutex_unlock(&m->all->lock);
	return listed;
}

void dmm_migration_unlist(struct dmm_migration *m)
{
	struct dmm_migrations *ms = m->all;
	bool was;

	pthread_mutex_lock(&ms->lock);
	was = m->listed;
	if (was) {
		m->listed = false;
		dmm_list_del(&m->node);
		ms->nr--;
	}
	pthread_mutex_unlock(&ms->lock);
	if (was)
		dmm_migration_put(m);
}

struct dmm_migration *dmm_migrations_get_or_new(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES],
						enum dmm_ho_role role, u32 nr_disks, struct dmm_refusal *r)
{
	struct dmm_manifest *manifest = dmm_manifest_new(id, role, nr_disks);
	struct dmm_migration *fresh = manifest ? migration_new(ms, manifest) : NULL, *m;

	if (!fresh) {
		free(manifest);
		dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
		return NULL;
	}
	pthread_mutex_lock(&ms->lock);
	m = find_locked(ms, id, role);
	if (!m && ms->nr < DMM_MAX_MIGRATIONS) {
		m = fresh;
		fresh = NULL;
		list_locked(ms, m);
	}
	if (m)
		m->refs++;
	pthread_mutex_unlock(&ms->lock);
	dmm_migration_put(fresh);
	if (!m) {
		dmm_refuse(r, DMM_WERR_LIMIT, "%u migrations have a part here: see dmmigrate clean",
			   DMM_MAX_MIGRATIONS);
	} else if (m->nr_disks != nr_disks) {
		dmm_refuse(r, DMM_WERR_BUSY, "this migration is known here as one of %u disks", m->nr_disks);
		dmm_migration_put(m);
		m = NULL;
	}
	return m;
}

/* --- what is told of it --- */

bool dmm_migration_incomplete(struct dmm_migration *m)
{
	bool incomplete;

	pthread_mutex_lock(&m->lock);
	incomplete = !m->group && !dmm_manifest_complete(m->manifest);
	pthread_mutex_unlock(&m->lock);
	return incomplete;
}

static void text_cut(u8 *field, size_t cap, const char *s)
{
	char text[DMM_HOST_MAX + 16];

	snprintf(text, cap < sizeof(text) ? cap : sizeof(text), "%s", s);
	dmm_text_clean(text);
	dmm_text_put(field, cap, text);
}

bool dmm_migration_heard(struct dmm_migration *m)
{
	bool heard;

	pthread_mutex_lock(&m->lock);
	heard = !dmm_list_empty(&m->outboxes);
	pthread_mutex_unlock(&m->lock);
	return heard;
}

void dmm_migration_names(struct dmm_migration *m, u8 *peer, size_t peer_cap, u8 *device, size_t device_cap)
{
	char host[DMM_HOST_MAX + 16];

	pthread_mutex_lock(&m->lock);
	dmm_hostport_format(m->manifest->host, m->manifest->port, host, sizeof(host));
	text_cut(peer, peer_cap, m->role == DMM_HO_SOURCE ? host : m->manifest->host);
	text_cut(device, device_cap, m->nr_disks ? m->manifest->disks[0].name : m->manifest->guest);
	pthread_mutex_unlock(&m->lock);
}

/* --- the daemon's life --- */

static void take_up(struct dmm_migrations *ms, enum dmm_ho_role role, const u8 id[DMM_ID_BYTES])
{
	struct dmm_log_id log_id = { .disk = DMM_LOG_NO_DISK };
	struct dmm_manifest *manifest;
	char why[DMM_MANIFEST_WHY];
	struct dmm_migration *m;

	memcpy(log_id.migration, id, sizeof(log_id.migration));
	if (dmm_manifest_sweep(ms->dirs[role], id)) {
		dmm_notice(&log_id, "it was interrupted before it was begun, or as it was dropped: nothing depends on it");
		return;
	}
	if (dmm_manifest_load(ms->dirs[role], id, &manifest, why)) {
		dmm_err(&log_id, "%s; its disks are not looked after", why);
		ms->nr_unreadable++;
		return;
	}
	if (manifest->role != role) {
		dmm_err(&log_id, "the manifest in %s is of another role; its disks are not looked after",
			ms->dirs[role]);
		ms->nr_unreadable++;
		free(manifest);
		return;
	}
	m = migration_new(ms, manifest);
	if (!m) {
		free(manifest);
		dmm_err(NULL, "out of memory");
		return;
	}
	pthread_mutex_lock(&ms->lock);
	list_locked(ms, m);
	pthread_mutex_unlock(&ms->lock);
	if (!dmm_manifest_complete(manifest))
		dmm_notice(&m->log_id, "its beginning was interrupted");
	else
		m->retry = dmm_migration_start(m, why);
	if (m->retry)
		dmm_err(&m->log_id, "cannot be taken up: %s; it is tried again", why);
}

static int take_up_all(struct dmm_migrations *ms, enum dmm_ho_role role)
{
	u8 (*ids)[DMM_ID_BYTES];
	unsigned int nr, i;
	int ret = dmm_manifest_list(ms->dirs[role], &ids, &nr);

	if (ret)
		return ret;
	for (i = 0; i < nr; i++)
		take_up(ms, role, ids[i]);
	free(ids);
	return 0;
}

u32 dmm_migrations_owing(struct dmm_migrations *ms)
{
	struct dmm_group_status st;
	struct dmm_migration *m;
	struct dmm_list *pos;
	struct dmm_group *g;
	u32 nr = ms->nr_unreadable;

	pthread_mutex_lock(&ms->lock);
	dmm_list_for_each(pos, &ms->list) {
		m = dmm_list_entry(pos, struct dmm_migration, node);
		g = dmm_migration_group(m);
		if (g)
			dmm_group_status(g, &st);
		nr += g ? st.owes : m->retry;
	}
	pthread_mutex_unlock(&ms->lock);
	return nr;
}

void dmm_migrations_tick(struct dmm_migrations *ms)
{
	struct dmm_migration *m = NULL;
	char why[DMM_GROUP_WHY];
	struct dmm_list *pos;
	bool retry;

	/* one at a time: there is hardly ever any */
	pthread_mutex_lock(&ms->lock);
	dmm_list_for_each(pos, &ms->list) {
		m = dmm_list_entry(pos, struct dmm_migration, node);
		if (m->retry) {
			m->refs++;
			break;
		}
		m = NULL;
	}
	pthread_mutex_unlock(&ms->lock);
	if (!m)
		return;
	/* whoever has it may be at it for long, and this is the thread that accepts and stops */
	if (!pthread_mutex_trylock(&m->change)) {
		retry = m->listed && !m->group && dmm_migration_start(m, why);
		pthread_mutex_unlock(&m->change);
		pthread_mutex_lock(&ms->lock);
		m->retry = retry;
		pthread_mutex_unlock(&ms->lock);
	}
	dmm_migration_put(m);
}

int dmm_migrations_init(struct dmm_migrations *ms, const char *dir, struct dmm_registry *registry,
			const u8 instance[DMM_ID_BYTES], const u8 boot[DMM_ID_BYTES], int stop_fd,
			const struct dmm_tls_client *tls, const char *control, bool by_hand, const char *guest_configs)
{
	enum dmm_ho_role role;
	int ret = 0;

	memset(ms, 0, sizeof(*ms));
	snprintf(ms->dirs[DMM_HO_SOURCE], sizeof(ms->dirs[0]), "%s/source", dir);
	snprintf(ms->dirs[DMM_HO_DEST], sizeof(ms->dirs[0]), "%s/destination", dir);
	ms->registry = registry;
	memcpy(ms->instance.b, instance, sizeof(ms->instance.b));
	memcpy(ms->boot, boot, sizeof(ms->boot));
	ms->stop_fd = stop_fd;
	ms->tls = tls;
	ms->offline = !control;
	ms->by_hand = by_hand;
	ms->guest_configs = guest_configs;
	snprintf(ms->control, sizeof(ms->control), "%s", control ? control : "");
	pthread_mutex_init(&ms->lock, NULL);
	pthread_mutex_init(&ms->rooms, NULL);
	dmm_cond_init(&ms->proved);
	dmm_list_init(&ms->list);
	for (role = DMM_HO_SOURCE; role <= DMM_HO_DEST && !ret; role++)
		ret = take_up_all(ms, role);
	if (ret)
		dmm_migrations_exit(ms);
	return ret;
}

void dmm_migrations_exit(struct dmm_migrations *ms)
{
	while (!dmm_list_empty(&ms->list))
		dmm_migration_unlist(dmm_list_entry(ms->list.next, struct dmm_migration, node));
	pthread_cond_destroy(&ms->proved);
	pthread_mutex_destroy(&ms->rooms);
	pthread_mutex_destroy(&ms->lock);
}
