// SPDX-License-Identifier: GPL-2.0
/*
 * Looking for leftovers: migrations that have a part here, and what is theirs.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dm.h"
#include "dmlock.h"
#include "fullio.h"
#include "disk_ops.h"
#include "gate.h"
#include "guest_stage.h"
#include "leftovers.h"
#include "leftovers_priv.h"
#include "migration_priv.h"

/* --- parts --- */

static void judge_source(struct dmm_leftover *o, const struct dmm_leftover_part *p, const struct dmm_group_status *st, const char *hex)
{
	switch (p->state) {
	case DMM_HO_RELEASED:
		o->fate = DMM_LEFTOVER_REMOVE;
		dmm_leftover_why(o, p->alone ? "it was handed over, with no disk" :
				 "it was handed over; the disks here are old copies, and stay shut as they are");
		dmm_leftover_action(o, "dmmigrate release %s", hex);
		break;
	case DMM_HO_ACTIVE:
		if (p->alone) {
			o->fate = DMM_LEFTOVER_REMOVE;
			dmm_leftover_why(o, "its guest is this host's, and no disk of it was to move: unless dmmigrate vm is at it, that was interrupted");
			dmm_leftover_action(o, "dmmigrate release %s", hex);
			break;
		}
		o->fate = DMM_LEFTOVER_PEER;
		dmm_leftover_why(o, "nothing is attached to it since a reboot, or a cancel that was interrupted; it may go on, by a comparison");
		dmm_leftover_action(o, "dmmigrate start --resume %s, or dmmigrate release %s", hex, hex);
		break;
	case DMM_HO_LOST:
		dmm_leftover_why(o, "its journal is lost or damaged%s", st->needs_peer ? ": only the other host can tell whose the disks are" : "");
		dmm_leftover_action(o, "dmmigrate recover %s", hex);
		break;
	default:
		dmm_leftover_why(o, "its hand-over is open (%s): unless a cutover is under way, recover decides", dmm_ho_state_name(p->state));
		dmm_leftover_action(o, "dmmigrate recover %s", hex);
	}
}

static void judge_dest(struct dmm_leftover *o, const struct dmm_leftover_part *p, const struct dmm_group_status *st, const char *hex)
{
	switch (p->state) {
	case DMM_HO_SETTLED:
		o->fate = DMM_LEFTOVER_REMOVE;
		dmm_leftover_why(o, "it was handed over: this host owns the disks, and needs its journal no more");
		dmm_leftover_action(o, "dmmigrate release %s", hex);
		break;
	case DMM_HO_RECEIVING:
	case DMM_HO_REFUSED:
		o->fate = DMM_LEFTOVER_PEER;
		dmm_leftover_why(o, "the source owns the disks, is not connected%s, and may come back", p->state == DMM_HO_REFUSED && st->epoch &&
				 !st->heard_back ? ", has not heard of the refusal" : "");
		dmm_leftover_action(o, "dmmigrate release %s", hex);
		break;
	case DMM_HO_OWNED:
		dmm_leftover_why(o, "this host owns the disks, and nobody was let write them yet: unless a cutover is under way, decide");
		dmm_leftover_action(o, "dmmigrate run %s, or dmmigrate return %s", hex, hex);
		break;
	case DMM_HO_RUNNING:
		dmm_leftover_why(o, st->needs_peer ? "its disks may be the only good ones: only the source can tell" :
				 "its disks may be the only good ones: the source has not heard yet that the writer runs");
		dmm_leftover_action(o, st->needs_peer ? "dmmigrate recover %s" : "dmmigrate run %s", hex);
		break;
	default:
		dmm_leftover_why(o, p->state == DMM_HO_LOST ? "its journal is lost or damaged: its disks may be the only good ones" :
				 "its hand-over is open: the token may be on its way");
		dmm_leftover_action(o, "dmmigrate recover %s", hex);
	}
}

void dmm_leftovers_judge(struct dmm_leftovers *l, struct dmm_leftover_part *p, const struct dmm_group_status *st, const char *name)
{
	struct dmm_leftover *o = dmm_leftovers_add(l, DMM_LEFTOVER_PART, DMM_LEFTOVER_KEEP, p->id);
	char hex[DMM_ID_HEX];

	p->fate = DMM_LEFTOVER_KEEP;
	if (!o)
		return;
	o->role = p->role;
	dmm_id_format(p->id, hex);
	dmm_leftover_name(o, "%s", name);
	if (p->role == DMM_HO_SOURCE)
		judge_source(o, p, st, hex);
	else
		judge_dest(o, p, st, hex);
	p->fate = o->fate;
}

/* Not all of its disks are known: it has no journal, and nobody has ever waited for it. */
static void judge_unbegun(struct dmm_leftovers *l, struct dmm_migration *m, struct dmm_leftover_part *p, const char *name)
{
	struct dmm_leftover *o;
	struct dmm_disk *d;
	char hex[DMM_ID_HEX];
	u32 i;

	for (i = 0; i < m->nr_disks && m->role == DMM_HO_DEST && !p->live; i++) {
		d = dmm_migration_disk(m, i);
		p->live = d;	/* a moment ago, or its start is at it */
		dmm_registry_put(m->all->registry, d);
	}
	if (p->live)
		return;
	o = dmm_leftovers_add(l, DMM_LEFTOVER_PART, DMM_LEFTOVER_REMOVE, m->id);
	if (!o)
		return;
	dmm_id_format(m->id, hex);
	o->role = m->role;
	p->fate = o->fate;
	dmm_leftover_name(o, "%s", name);
	dmm_leftover_why(o, "its beginning was interrupted: the source owns the disks");
	dmm_leftover_action(o, "dmmigrate release %s", hex);
}

static bool is_received(struct dmm_migration *m)
{
	struct dmm_disk_status st;
	struct dmm_refusal r;
	struct dmm_disk *d;
	bool attached = false;
	u32 i;

	for (i = 0; i < m->nr_disks && !attached; i++) {
		d = dmm_migration_disk(m, i);
		if (!d)
			continue;
		memset(&st, 0, sizeof(st));
		attached = d->ops->status(d, &st, &r) || st.attached;
		dmm_registry_put(m->all->registry, d);
	}
	return attached;
}

static bool has_origin(const struct find *f, const u8 id[DMM_ID_BYTES])
{
	u8 other[DMM_ID_BYTES];
	const char *kind;
	u32 i;

	for (i = 0; i < f->nr_devs; i++) {
		kind = dmm_dm_uuid_kind(f->devs[i].uuid, other);
		if (kind && !strcmp(kind, "origin") && !memcmp(id, other, sizeof(other)))
			return true;
	}
	return false;
}

/* A copy or a hand-over that somebody is at. */
static bool is_live(const struct find *f, struct dmm_migration *m, const struct dmm_leftover_part *p)
{
	switch (p->state) {
	case DMM_HO_ACTIVE:
	case DMM_HO_FREEZING:
	case DMM_HO_FROZEN:
	case DMM_HO_FENCED:
		return has_origin(f, m->id);
	case DMM_HO_RECEIVING:
	case DMM_HO_COMPLETE:
	case DMM_HO_REFUSED:
		return p->linked || is_received(m);
	default:
		return false;
	}
}

static void find_part(struct find *f, struct dmm_migration *m, struct dmm_leftover_part *p)
{
	struct dmm_group *g = dmm_migration_group(m);
	struct dmm_link_status link = { 0 };
	struct dmm_group_status st = { .state = DMM_HO_LOST };
	char hex[DMM_ID_HEX], name[DMM_DM_NAME_BYTES];
	struct dmm_leftover *o;
	u8 peer[64];

	dmm_id_format(m->id, hex);
	dmm_migration_names(m, peer, sizeof(peer), (u8 *)name, sizeof(name));
	if (!name[0])
		snprintf(name, sizeof(name), "%s", hex);
	if (!g && dmm_migration_incomplete(m)) {
		judge_unbegun(f->l, m, p, name);
		return;
	}
	if (g)
		dmm_group_status(g, &st);
	if (m->role == DMM_HO_SOURCE && g)
		dmm_migration_link(m, &link);
	p->linked = m->role == DMM_HO_SOURCE ? link.up : dmm_migration_heard(m);
	p->state = st.state;
	p->alone = !m->nr_disks;
	p->live = is_live(f, m, p);
	if (p->live)
		return;
	dmm_leftovers_judge(f->l, p, &st, name);
	o = dmm_leftovers_part(f->l, m->id, m->role);
	if (o && link.unknown_there)
		dmm_leftover_forgotten(f->l, o);
	p->fate = o ? o->fate : p->fate;
}

/* --- what is theirs --- */

static void find_guest(struct find *f, struct dmm_migration *m, struct dmm_leftover_part *p)
{
	struct dmm_guest_stage g;
	struct dmm_leftover *o;
	char path[320];

	if (dmm_guest_stage_load(dmm_migration_dir(m), m->id, &g))
		return;
	snprintf(p->guest, sizeof(p->guest), "%s", g.name);
	if (!p->live && !g.done) {
		o = dmm_leftovers_add(f->l, DMM_LEFTOVER_GUEST, DMM_LEFTOVER_GOES, m->id);
		dmm_guest_stage_path(dmm_migration_dir(m), m->id, path, sizeof(path));
		dmm_leftover_name(o, "%s", g.name);
		dmm_leftover_why(o, "it waits for the end of the hand-over, in %s", path);
	}
	dmm_guest_stage_clear(&g);
}

static void find_volumes(struct find *f, struct dmm_migration *m, const struct dmm_leftover_part *p)
{
	const struct dmm_manifest_disk *d;
	char path[DMM_PATH_MAX];
	struct dmm_leftover *o;
	struct stat st;
	bool made;
	u32 i;

	/* from SETTLED on they are their owner's */
	if (m->role != DMM_HO_DEST || p->live || p->state == DMM_HO_SETTLED)
		return;
	for (i = 0; i < m->nr_disks; i++) {
		pthread_mutex_lock(&m->lock);
		d = &m->manifest->disks[i];
		made = d->volume.sr.kind;
		if (made)
			dmm_volume_path(&d->volume, path);
		else
			snprintf(path, sizeof(path), "%s", d->path);
		pthread_mutex_unlock(&m->lock);
		if (made) {
			o = dmm_leftovers_add(f->l, DMM_LEFTOVER_VOLUME, DMM_LEFTOVER_GOES, m->id);
			dmm_leftover_why(o, "it was made for this migration");
		} else if (!stat(path, &st) && S_ISREG(st.st_mode)) {
			o = dmm_leftovers_add(f->l, DMM_LEFTOVER_VOLUME, DMM_LEFTOVER_KEEP, m->id);
			dmm_leftover_why(o, "the destination of this migration: nobody knows any more whether the file was there before it");
			dmm_leftover_action(o, "rm %s, once the migration is released", path);
		} else {
			continue;
		}
		dmm_leftover_name(o, "%s", path);
	}
}

static const struct dmm_leftover_part *find_known(const struct find *f, const u8 id[DMM_ID_BYTES], enum dmm_ho_role role)
{
	return dmm_leftover_part_find(f->parts, f->nr_parts, id, role);
}

/* What was a gate, of a migration that was released: it keeps nothing shut. */
static void find_settled(struct find *f, const struct dmm_dm_dev *dev, const u8 id[DMM_ID_BYTES])
{
	struct dmm_leftover *o;

	o = dmm_leftovers_add(f->l, DMM_LEFTOVER_DEVICE, dev->open_count ? DMM_LEFTOVER_KEEP : DMM_LEFTOVER_REMOVE, id);
	dmm_leftover_name(o, "%s", dev->name);
	dmm_leftover_why(o, "it was the gate of a migration that is over, is the plain volume, and %s", dev->open_count ?
			 "is in use: until that is closed its volume is, too" : "keeps its volume in use for nobody");
	dmm_leftover_action(o, dev->open_count ? "dmmigrate clean --all, once nobody has %.64s open" : "dmsetup remove %.64s", dev->name);
}

/* An origin that nothing lies on, a gate or a fence: whose? */
static void find_device(struct find *f, const struct dmm_dm_dev *dev)
{
	const struct dmm_leftover_part *p, *other;
	struct dmm_leftover *o;
	char hex[DMM_ID_HEX];
	u8 id[DMM_ID_BYTES];
	const char *kind = dmm_dm_uuid_kind(dev->uuid, id);

	if (!kind || (f->who->migration && memcmp(f->who->migration, id, sizeof(id))))
		return;
	p = find_known(f, id, *kind == 'g' ? DMM_HO_DEST : DMM_HO_SOURCE);
	if (*kind == 'o' && (p || f->who->local || dev->open_count))
		return;
	/* one with both its ends on this host is at work; another daemon's journal has the other end */
	other = p ? NULL : find_known(f, id, 0);
	if (other && other->live)
		return;
	/* of what has settled it is the plain volume, and of one that is kept the name that its disk has */
	if (p && (p->live || p->state == DMM_HO_SETTLED))
		return;
	if (*kind == 'g' && !p && !other && dmm_gate_is_settled(dev)) {
		find_settled(f, dev, id);
		return;
	}
	o = dmm_leftovers_add(f->l, DMM_LEFTOVER_DEVICE, p ? DMM_LEFTOVER_GOES : DMM_LEFTOVER_KEEP, id);
	dmm_id_format(id, hex);
	dmm_leftover_name(o, "%s", dev->name);
	if (p)
		dmm_leftover_why(o, "the %s of this migration", kind);
	else if (*kind == 'o')
		dmm_leftover_why(o, "the origin of a migration that nothing is above, and that has no journal here");
	else
		dmm_leftover_why(o, "the %s of a migration that has no journal here: it may be what keeps the disk shut%s", kind,
				 *kind == 'g' ? ", or be the disk that a writer uses" : "");
	if (!p && *kind == 'o')
		dmm_leftover_action(o, "dmmigrate clean %s", hex);
	else if (!p)
		dmm_leftover_action(o, "dmsetup remove %.64s, if the migration is known to be over", dev->name);
}

/* --- journals that are nobody's --- */

static void find_dir(struct find *f, const char *top, const char *name)
{
	struct dmm_leftover *o;
	char hex[DMM_ID_HEX];
	u8 id[DMM_ID_BYTES];

	snprintf(hex, sizeof(hex), "%.32s", name);
	if (dmm_id_parse(hex, id))
		return;
	if (dmm_manifest_dropped(name)) {
		o = dmm_leftovers_add(f->l, DMM_LEFTOVER_JOURNAL, DMM_LEFTOVER_REMOVE, id);
		dmm_leftover_why(o, "what was set aside of a damaged journal, of a migration that is over");
	} else if (strlen(name) == DMM_ID_HEX - 1 && !find_known(f, id, f->role)) {
		o = dmm_leftovers_add(f->l, DMM_LEFTOVER_JOURNAL, DMM_LEFTOVER_KEEP, id);
		dmm_leftover_why(o, "its manifest cannot be read, so that nobody looks after its disks: see dmmigrated's log");
		dmm_leftover_action(o, "dmmigrate recover %s, once the manifest is mended", hex);
	} else {
		return;
	}
	dmm_leftover_name(o, "%s/%s", top, name);
}

static void find_dirs(struct find *f, const char *top)
{
	DIR *d = opendir(top);
	struct dirent *e;

	if (!d) {
		f->l->cut |= errno != ENOENT;
		return;
	}
	while ((e = readdir(d)))
		find_dir(f, top, e->d_name);
	closedir(d);
}

/* --- all of it --- */

/* Is it for who asks? */
static bool is_for(const struct dmm_leftovers_who *who, struct dmm_migration *m)
{
	struct dmm_refusal r;

	if (who->migration && memcmp(who->migration, m->id, DMM_ID_BYTES))
		return false;
	if (who->local)
		return true;
	return m->role == DMM_HO_SOURCE ? !!who->migration : !dmm_migration_check_peer(m, who->peer, &r);
}

static void find_parts(struct find *f, struct dmm_migration **all, u32 nr)
{
	struct dmm_leftover_part *p;
	u32 i;

	for (i = 0; i < nr; i++) {
		p = &f->parts[f->nr_parts++];
		memcpy(p->id, all[i]->id, sizeof(p->id));
		p->role = all[i]->role;
		p->state = DMM_HO_LOST;
		p->live = !is_for(f->who, all[i]);	/* nothing of it is told */
		if (p->live)
			continue;
		find_part(f, all[i], p);
		find_guest(f, all[i], p);
		find_volumes(f, all[i], p);
	}
}

static int find_devs(struct find *f)
{
	int ret;

	dmm_dm_lock();
	ret = dmm_dm_list(&f->devs, &f->nr_devs);
	dmm_dm_unlock();
	return ret == -ENOSYS ? 0 : ret;	/* no device-mapper, no devices */
}

int dmm_leftovers_find(struct dmm_migrations *ms, const struct dmm_leftovers_who *who, struct dmm_leftovers *l)
{
	struct find f = { .who = who, .l = l };
	struct dmm_migration **all = NULL;
	u32 nr = 0, i;
	int ret = find_devs(&f);

	if (!ret)
		ret = dmm_migrations_get_all(ms, &all, &nr);
	if (ret)
		goto out;
	f.parts = calloc(nr + 1, sizeof(*f.parts));
	ret = f.parts ? 0 : -ENOMEM;
	if (ret)
		goto out;
	find_parts(&f, all, nr);
	for (i = 0; i < f.nr_devs; i++)
		find_device(&f, &f.devs[i]);
	if (who->migration)
		goto out;
	for (f.role = DMM_HO_SOURCE; f.role <= DMM_HO_DEST; f.role++)
		find_dirs(&f, ms->dirs[f.role]);
	dmm_leftovers_ask(&f, ms->stop_fd);
out:
	dmm_migrations_put_all(all, nr);
	free(f.parts);
	free(f.devs);
	return ret;
}
