// SPDX-License-Identifier: GPL-2.0
/*
 * How a migration begins: its disks become known one by one, and with the last its group begins.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "dm.h"
#include "dmlock.h"
#include "gate.h"
#include "keys_peers.h"
#include "migration_priv.h"
#include "stop_points.h"
#include "sysfs.h"

int dmm_migration_save_disk(struct dmm_migration *m, u32 disk, const struct dmm_manifest_disk *d,
		     struct dmm_refusal *r)
{
	struct dmm_manifest_disk before = m->manifest->disks[disk];
	int ret;

	pthread_mutex_lock(&m->lock);
	m->manifest->disks[disk] = *d;
	pthread_mutex_unlock(&m->lock);
	ret = dmm_manifest_save(dmm_migration_dir(m), m->manifest);
	if (!ret)
		return 0;
	m->manifest->disks[disk] = before;
	return dmm_refuse(r, DMM_WERR_INTERNAL, "cannot write the manifest in %s: %s", dmm_migration_dir(m),
			  strerror(-ret));
}

/* Everything is known: the group begins, unless it has. */
static int begin_if_complete(struct dmm_migration *m, struct dmm_refusal *r)
{
	char why[DMM_GROUP_WHY];
	int ret;

	if (m->group || !dmm_manifest_complete(m->manifest))
		return 0;
	ret = dmm_migration_start(m, why);
	if (ret)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "cannot begin the journal in %s: %s", dmm_migration_dir(m), why);
	return 0;
}

void dmm_migration_set_host(struct dmm_migration *m, const char *host)
{
	pthread_mutex_lock(&m->lock);
	snprintf(m->manifest->host, sizeof(m->manifest->host), "%s", host);
	pthread_mutex_unlock(&m->lock);
}

/* The gate of a disk that is a block device; @p says how it is called. */
static int make_gate(struct dmm_migration *m, u32 disk, struct dmm_refusal *r)
{
	return m->manifest->disks[disk].name[0] ? dmm_gate_make(m->manifest, disk, r) : 0;
}

/* States of a destination whose disks the source may write. */
static bool receives(enum dmm_ho_state s)
{
	return s == DMM_HO_RECEIVING || s == DMM_HO_COMPLETE || s == DMM_HO_REFUSED;
}

int dmm_migration_check_peer(struct dmm_migration *m, const char *peer, struct dmm_refusal *r)
{
	char whose[sizeof(m->manifest->peer)];

	if (m->role != DMM_HO_DEST || !m->manifest)	/* a test's has none */
		return 0;
	pthread_mutex_lock(&m->lock);
	snprintf(whose, sizeof(whose), "%s", m->manifest->peer);
	pthread_mutex_unlock(&m->lock);
	if (!*whose || dmm_peer_host_equal(whose, peer))
		return 0;
	dmm_warn(&m->log_id, "it is %s's, and asked for by %s: was one called otherwise in the file of peers?", whose, peer);
	return dmm_refuse(r, DMM_WERR_DENIED, "this migration is another peer's");
}

int dmm_migration_take_peer(struct dmm_migration *m, const char *peer, struct dmm_refusal *r)
{
	bool known = m->manifest->guest[0];
	u32 i;

	for (i = 0; i < m->nr_disks; i++)
		known |= m->manifest->disks[i].known || m->manifest->disks[i].volume.sr.kind;
	/* or who comes first to one that is older than TLS */
	if (!known || !*m->manifest->peer) {
		pthread_mutex_lock(&m->lock);
		snprintf(m->manifest->peer, sizeof(m->manifest->peer), "%s", peer);
		pthread_mutex_unlock(&m->lock);
		if (known && *peer && dmm_manifest_save(dmm_migration_dir(m), m->manifest))
			dmm_warn(&m->log_id, "cannot write in the manifest that it is %s's", peer);
	}
	return dmm_migration_check_peer(m, peer, r);
}

static int prepare_disk(struct dmm_migration *m, const struct dmm_prepare *p, bool gate,
			struct dmm_refusal *r)
{
	struct dmm_manifest_disk *known = &m->manifest->disks[p->name.disk], d = { .known = true };
	struct dmm_group_status st;
	int ret;

	ret = dmm_migration_take_peer(m, p->peer, r);
	if (ret)
		return ret;
	snprintf(d.name, sizeof(d.name), "%s", gate ? p->gate : "");
	snprintf(d.path, sizeof(d.path), "%s", p->dest_path);
	d.size_bytes = p->size_bytes;
	d.block_bytes = p->block_bytes;
	d.volume = known->volume;
	dmm_lv_of_path(p->dest_path, d.lv);
	if (gate)
		dmm_gate_identity(p->dest_path, d.identity);
	if (known->known && (strcmp(known->name, d.name) || strcmp(known->path, d.path) ||
			     known->size_bytes != d.size_bytes))
		return dmm_refuse(r, DMM_WERR_BUSY, "disk %u of this migration goes to %s with the gate '%s': "
				  "drop the migration first", p->name.disk, known->path, known->name);
	if (m->group) {
		dmm_group_status(m->group, &st);
		if (!receives(st.state))
			return dmm_refuse(r, DMM_WERR_BUSY, "the migration is %s here: its disks are not written "
					  "any more", dmm_ho_state_name(st.state));
	}
	if (!known->known) {
		dmm_migration_set_host(m, p->source_host);
		ret = dmm_migration_save_disk(m, p->name.disk, &d, r);
		if (ret)
			return ret;
	}
	ret = make_gate(m, p->name.disk, r);
	return ret ? ret : begin_if_complete(m, r);
}

int dmm_migrations_prepare(struct dmm_migrations *ms, const struct dmm_prepare *p, bool gate,
			   struct dmm_refusal *r)
{
	struct dmm_migration *m = dmm_migrations_get_or_new(ms, p->name.migration, DMM_HO_DEST, p->group_disks, r);
	int ret;

	if (!m)
		return -EBUSY;
	dmm_stop_point("before-prepare");
	pthread_mutex_lock(&m->change);
	ret = m->listed ? prepare_disk(m, p, gate, r) :
			  dmm_refuse(r, DMM_WERR_BUSY, "the migration is being dropped: try again");
	pthread_mutex_unlock(&m->change);
	dmm_stop_point("after-prepare");
	dmm_migration_put(m);
	return ret;
}

/* Which guest it is, of a migration without disks: it begins with that.  @host and @port are set. */
static int begin_guest(struct dmm_migration *m, const char *name, const char *host, u16 port, struct dmm_refusal *r)
{
	struct dmm_manifest *mf = m->manifest;
	int ret;

	if (mf->guest[0] && (strcmp(mf->guest, name) || strcmp(mf->host, host) || mf->port != port))
		return dmm_refuse(r, DMM_WERR_BUSY, "this migration is one of the guest %s", mf->guest);
	if (mf->guest[0])
		return begin_if_complete(m, r);
	dmm_migration_set_host(m, host);
	mf->port = port;
	pthread_mutex_lock(&m->lock);
	snprintf(mf->guest, sizeof(mf->guest), "%s", name);
	pthread_mutex_unlock(&m->lock);
	ret = dmm_manifest_save(dmm_migration_dir(m), mf);
	if (!ret)
		return begin_if_complete(m, r);
	pthread_mutex_lock(&m->lock);
	mf->guest[0] = '\0';
	pthread_mutex_unlock(&m->lock);
	return dmm_refuse(r, DMM_WERR_INTERNAL, "cannot write the manifest in %s: %s", dmm_migration_dir(m), strerror(-ret));
}

int dmm_migrations_prepare_guest(struct dmm_migrations *ms, const struct dmm_prepare *p, struct dmm_refusal *r)
{
	struct dmm_migration *m = dmm_migrations_get_or_new(ms, p->name.migration, DMM_HO_DEST, 0, r);
	int ret;

	if (!m)
		return -EBUSY;
	pthread_mutex_lock(&m->change);
	ret = m->listed ? dmm_migration_take_peer(m, p->peer, r) :
			  dmm_refuse(r, DMM_WERR_BUSY, "the migration is being dropped: try again");
	if (!ret)
		ret = begin_guest(m, p->dest_path, p->source_host, 0, r);
	pthread_mutex_unlock(&m->change);
	dmm_migration_put(m);
	return ret;
}

/* Is it the gate of a migration that has a part here? */
static bool is_our_gate(struct dmm_migrations *ms, unsigned int major, unsigned int minor, u8 id[DMM_ID_BYTES])
{
	char uuid[DMM_DM_UUID_BYTES];
	struct dmm_migration *m;

	if (dmm_sysfs_read(major, minor, "dm/uuid", uuid, sizeof(uuid)) <= 0 || dmm_gate_uuid_parse(uuid, id))
		return false;
	m = dmm_migrations_get_part(ms, id, DMM_HO_DEST);
	if (!m)
		return false;
	dmm_migration_put(m);
	return true;
}

/*
 * A disk that came here through a gate goes on from that gate's device, or from the volume beneath.  Until its migration is released a
 * reboot makes the gate again, and opens it: above the old copy, once that has gone on.
 */
static int adopt_gate(struct dmm_migrations *ms, const char *source, struct dmm_refusal *r)
{
	char hex[DMM_ID_HEX];
	struct dmm_dm_dev dev;
	unsigned int nr, i;
	u8 id[DMM_ID_BYTES];
	dev_t above[16];
	bool ours;
	int ret;

	dmm_dm_lock();
	ret = dmm_dm_find_name(source, &dev);
	dmm_dm_unlock();
	if (ret)
		return 0;
	ours = is_our_gate(ms, dev.major, dev.minor, id);
	nr = dmm_sysfs_related(dev.major, dev.minor, "holders", above, 16);
	for (i = 0; i < nr && !ours; i++)
		ours = is_our_gate(ms, major(above[i]), minor(above[i]), id);
	if (!ours)
		return 0;
	dmm_id_format(id, hex);
	return dmm_refuse(r, DMM_WERR_BUSY, "%s came here by the migration %s, which is not released: dmmigrate release %s first, "
			  "on this host", source, hex, hex);
}

/* Is saved with what is adopted. */
static void adopt_from(struct dmm_migration *m, const char *from)
{
	snprintf(m->manifest->from, sizeof(m->manifest->from), "%s", from);
	if (m->link)
		dmm_link_from(m->link, from);
}

static int adopt_disk(struct dmm_migration *m, const struct dmm_adopt *a, struct dmm_refusal *r)
{
	struct dmm_manifest_disk *known, d = { .known = true };
	int ret;

	if (!m->nr_disks) {
		if (!m->manifest->guest[0])
			adopt_from(m, a->from);
		return begin_guest(m, a->source, a->host, a->port, r);
	}
	known = &m->manifest->disks[a->name.disk];
	ret = known->known ? 0 : adopt_gate(m->all, a->source, r);
	if (ret)
		return ret;
	snprintf(d.name, sizeof(d.name), "%s", a->source);
	snprintf(d.path, sizeof(d.path), "%s", a->dest_path);
	d.size_bytes = a->size_bytes;
	d.has_witness = a->has_witness;
	d.witness = a->witness;
	if (known->known)
		memcpy(d.lv, known->lv, sizeof(d.lv));
	else
		dmm_lv_of_name(a->source, d.lv);
	if (known->known && (strcmp(known->name, d.name) || strcmp(known->path, d.path) ||
			     strcmp(m->manifest->host, a->host) || m->manifest->port != a->port))
		return dmm_refuse(r, DMM_WERR_BUSY, "disk %u of this migration is %s and goes to %s at %s: cancel "
				  "it first", a->name.disk, known->name, known->path, m->manifest->host);
	if (m->group && d.has_witness)
		dmm_freezer_witness(m->freezer, a->name.disk, &d.witness);
	dmm_migration_set_host(m, a->host);
	m->manifest->port = a->port;
	adopt_from(m, a->from);
	ret = dmm_migration_save_disk(m, a->name.disk, &d, r);
	return ret ? ret : begin_if_complete(m, r);
}

int dmm_migrations_adopt(struct dmm_migrations *ms, const struct dmm_adopt *a, struct dmm_refusal *r)
{
	struct dmm_migration *m = dmm_migrations_get_or_new(ms, a->name.migration, DMM_HO_SOURCE, a->group_disks, r);
	int ret;

	if (!m)
		return -EBUSY;
	dmm_stop_point("before-adopt");
	pthread_mutex_lock(&m->change);
	ret = m->listed ? adopt_disk(m, a, r) :
			  dmm_refuse(r, DMM_WERR_BUSY, "the migration is being dropped: try again");
	pthread_mutex_unlock(&m->change);
	dmm_stop_point("after-adopt");
	dmm_migration_put(m);
	return ret;
}

int dmm_migrations_refuse_known(struct dmm_migrations *ms, const u8 id[DMM_ID_BYTES], struct dmm_refusal *r)
{
	struct dmm_migration *m = dmm_migrations_get_part(ms, id, DMM_HO_DEST);

	if (!m)
		return 0;
	dmm_migration_put(m);
	return dmm_refuse(r, DMM_WERR_BUSY, "this migration is known here as one of a group");
}

int dmm_migrations_may_attach(struct dmm_migrations *ms, const struct dmm_disk_name *name,
			      struct dmm_refusal *r)
{
	struct dmm_migration *m = dmm_migrations_get_part(ms, name->migration, DMM_HO_DEST);
	struct dmm_group_status st;
	struct dmm_group *g;

	if (!m)
		return 0;
	g = dmm_migration_group(m);
	if (g)
		dmm_group_status(g, &st);
	dmm_migration_put(m);
	if (!g)
		return dmm_refuse(r, DMM_WERR_BUSY, "the group is not complete: PREPARE all of its disks first");
	if (receives(st.state))
		return 0;
	return dmm_refuse(r, DMM_WERR_BUSY, "the migration is %s here: its disks are not written any more",
			  dmm_ho_state_name(st.state));
}
