// SPDX-License-Identifier: GPL-2.0
/*
 * What is done about a guest once its disks have changed hands for good: its configuration is put in place at the destination,
 * and the source does not begin it any more.  The journal's last state says when, so that no crash forgets it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "guest_stage.h"
#include "migration_priv.h"

static void pending_set(struct dmm_migration *m, bool pending, const char *why)
{
	pthread_mutex_lock(&m->lock);
	m->guest_pending = pending;
	snprintf(m->guest_why, sizeof(m->guest_why), "%s", why);
	pthread_mutex_unlock(&m->lock);
}

static bool pending_get(struct dmm_migration *m, char why[DMM_GUEST_CONFIG_WHY])
{
	bool pending;

	pthread_mutex_lock(&m->lock);
	pending = m->guest_pending;
	snprintf(why, DMM_GUEST_CONFIG_WHY, "%s", m->guest_why);
	pthread_mutex_unlock(&m->lock);
	return pending;
}

void dmm_migration_guest_open(struct dmm_migration *m)
{
	struct dmm_guest_stage g;
	int ret = dmm_guest_stage_load(dmm_migration_dir(m), m->id, &g);

	/* what cannot be read has yet to be looked at by somebody */
	pending_set(m, ret != -ENOENT && (ret || !g.done), "");
	dmm_guest_stage_clear(&g);
}

static int guest_unreadable(struct dmm_migration *m, int err, char *why)
{
	char path[320];

	dmm_guest_stage_path(dmm_migration_dir(m), m->id, path, sizeof(path));
	snprintf(why, DMM_GUEST_CONFIG_WHY, "%.140s: %s: write the guest's configuration by hand, then remove that", path,
		 err == -EBADMSG ? "damaged" : strerror(-err));
	return err;
}

/* The guest lives there by now. */
static int guest_do(struct dmm_migration *m, struct dmm_guest_stage *g, char *why)
{
	const char *dir = m->all->guest_configs;
	int ret;

	if (m->role == DMM_HO_DEST) {
		ret = dmm_guest_config_place(dir, g->name, m->id, g->text, g->autostart, g->kept, why);
		if (!ret)
			dmm_notice(&m->log_id, "guest %s: its configuration is %s%s%s%s", g->name, g->path,
				   g->autostart ? ", and it is begun when this host boots" : "",
				   g->kept[0] ? "; what was there is " : "", g->kept);
		return ret;
	}
	ret = dmm_guest_config_autostart(dir, g->text, true, g->path, why);
	if (ret > 0)
		dmm_notice(&m->log_id, "guest %s: is not begun any more when this host boots: %s was removed", g->name, g->path);
	return ret < 0 ? ret : 0;
}

static int guest_finish_locked(struct dmm_migration *m, char *why)
{
	struct dmm_guest_stage g;
	int ret = dmm_guest_stage_load(dmm_migration_dir(m), m->id, &g);

	if (ret)	/* somebody has removed it: nothing is to be done */
		return ret == -ENOENT ? 0 : guest_unreadable(m, ret, why);
	ret = g.done ? 0 : guest_do(m, &g, why);
	if (!ret && !g.done) {
		g.done = true;
		ret = dmm_guest_stage_save(dmm_migration_dir(m), m->id, &g);
		if (ret)
			guest_unreadable(m, ret, why);
	}
	dmm_guest_stage_clear(&g);
	return ret;
}

int dmm_migration_guest_finish(struct dmm_migration *m, char why[DMM_GUEST_CONFIG_WHY])
{
	char before[DMM_GUEST_CONFIG_WHY];
	int ret;

	why[0] = '\0';
	if (!pending_get(m, before))
		return 0;
	pthread_mutex_lock(&m->guest);
	ret = guest_finish_locked(m, why);
	pthread_mutex_unlock(&m->guest);
	if (ret && strcmp(before, why))
		dmm_err(&m->log_id, "%s; it is tried again", why);
	pending_set(m, ret, ret ? why : "");
	return ret;
}

void dmm_migration_guest_state(struct dmm_migration *m, enum dmm_ho_state state)
{
	char why[DMM_GUEST_CONFIG_WHY];

	/* nothing is under way any more, and nobody's guest stands still: it may take its time */
	if (!m->all->offline && state == (m->role == DMM_HO_DEST ? DMM_HO_SETTLED : DMM_HO_RELEASED))
		dmm_migration_guest_finish(m, why);
}

bool dmm_migration_unplaced(struct dmm_migration *m, char why[DMM_GUEST_CONFIG_WHY])
{
	return pending_get(m, why) && why[0];
}

static int guest_check_state(struct dmm_migration *m, struct dmm_refusal *r)
{
	struct dmm_group *g = dmm_migration_group(m);
	struct dmm_group_status st;

	if (!g)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "this migration has not begun here: its disks come first");
	dmm_group_status(g, &st);
	if (m->role == DMM_HO_DEST ? st.state == DMM_HO_RECEIVING || st.state == DMM_HO_COMPLETE || st.state == DMM_HO_REFUSED :
				     st.state == DMM_HO_ACTIVE)
		return 0;
	return dmm_refuse(r, DMM_WERR_BUSY, "the disks of this migration have been handed over already (%s)", dmm_ho_state_name(st.state));
}

int dmm_migration_guest_stage(struct dmm_migration *m, const char *name, bool autostart, const char *text, struct dmm_refusal *r)
{
	struct dmm_guest_stage g = { .autostart = autostart, .text = (char *)text };
	const char *dir = m->all->guest_configs;
	char why[DMM_GUEST_CONFIG_WHY];
	int ret = guest_check_state(m, r);

	if (ret)
		return ret;
	snprintf(g.name, sizeof(g.name), "%s", name);
	if (m->role == DMM_HO_DEST) {
		ret = dmm_guest_config_check(dir, name, strlen(text), autostart, why);
		if (!ret)
			ret = dmm_guest_config_path(dir, name, g.path, why);
	} else {
		ret = dmm_guest_config_autostart(dir, text, false, g.path, why);
	}
	if (ret < 0)
		return dmm_refuse(r, DMM_WERR_DENIED, "%s", why);
	pthread_mutex_lock(&m->guest);
	ret = dmm_guest_stage_save(dmm_migration_dir(m), m->id, &g);
	pthread_mutex_unlock(&m->guest);
	if (ret)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "cannot keep the guest's configuration in %s: %s", dmm_migration_dir(m),
				  strerror(-ret));
	pending_set(m, true, "");
	return 0;
}

int dmm_migration_guest_status(struct dmm_migration *m, struct dmm_wire_guest_config_ok *ok, struct dmm_refusal *r)
{
	char why[DMM_GUEST_CONFIG_WHY];
	struct dmm_guest_stage g;
	int ret;

	pthread_mutex_lock(&m->guest);
	ret = dmm_guest_stage_load(dmm_migration_dir(m), m->id, &g);
	pthread_mutex_unlock(&m->guest);
	if (ret == -ENOENT)
		return 0;
	if (ret) {
		guest_unreadable(m, ret, why);
		return dmm_refuse(r, DMM_WERR_INTERNAL, "%s", why);
	}
	pending_get(m, why);
	dmm_text_clean(why);
	ok->state = cpu_to_le32(g.done ? DMM_GUEST_CONFIG_DONE : DMM_GUEST_CONFIG_STAGED);
	dmm_text_put(ok->path, sizeof(ok->path), g.path);
	dmm_text_put(ok->kept, sizeof(ok->kept), g.kept);
	dmm_text_put(ok->why, sizeof(ok->why), g.done ? "" : why);
	dmm_guest_stage_clear(&g);
	return 0;
}
