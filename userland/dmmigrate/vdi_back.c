// SPDX-License-Identifier: GPL-2.0
/*
 * What other verbs do with a disk that moves, or has moved, on the same host.
 */
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "source.h"
#include "vdi.h"

int dmm_vdi_elsewhere(struct dmm_tool *t, struct dmm_source *s)
{
	enum dmm_owner owner;
	enum dmm_use use;

	if (!s->sink && !s->has_vdi)
		return 0;
	dmm_source_verdict(t, s, &owner, &use);
	if (s->has_vdi && s->vdi.moved && !s->sink) {
		dmm_next(t, "dmmigrate release %s", s->hex);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s has moved to %s, and that is not released yet", t->source,
				s->vdi.dest);
	}
	dmm_next(t, "dmmigrate vdi %s (goes on), or dmmigrate cancel %s", t->source, t->source);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, s->sink ? "%s is being moved to %s on this host" :
			"%s was to move to %s on this host, which has not begun, or was ended by a restart", t->source,
			s->has_vdi ? s->vdi.dest : "another disk");
}

int dmm_vdi_take_back(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_nl_info info;
	int ret;

	if (s->vdi.moved) {
		dmm_next(t, s->sink ? "dmmigrate vdi %s" : "dmmigrate release %s", s->sink ? t->source : s->hex);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_DEST, s->sink ? DMM_USE_COMMITTED : DMM_USE_MOVED,
				"%s has moved to %s: that cannot be taken back, move it again", t->source, s->vdi.dest);
	}
	if (!s->sink)
		return 0;
	dmm_vdi_unload(s);
	ret = dmm_source_info(t, s, &info);
	if (ret || info.state != DMM_STATE_COMMITTED)
		return ret;
	ret = dmm_reclaim(t, s, info.epoch);
	if (!ret)
		return 0;
	dmm_next(t, "dmmigrate cancel %s (again)", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_COMMITTED, "it cannot be taken back: %s",
			dmm_nl_text(t, ret));
}

void dmm_vdi_forget(struct dmm_tool *t, struct dmm_source *s)
{
	char why[DMM_LV_WHY];
	int ret;

	/* the record last: it is what remembers the mark */
	if (s->vdi.lv[0] && dmm_lv_mark(s->vdi.lv, s->id, false, -1, why)) {
		dmm_note(t, "its logical volume may still be marked with activation-skip: %s; dmmigrate cancel %s once that is mended",
			 why, t->source);
		return;
	}
	dmm_stop_at("unmarked");
	if (dmm_vdi_sr_remove(t, s))
		return;
	dmm_stop_at("volume-removed");
	ret = dmm_vdi_remove(DMM_VDI_DIR, s->id);
	if (ret)
		dmm_note(t, "cannot remove the record of %s in %s: %s", t->source, DMM_VDI_DIR, strerror(-ret));
	s->has_vdi = ret;
}

bool dmm_vdi_put_aside(struct dmm_tool *t, const struct dmm_source *s, char name[DMM_LV_NAME])
{
	char suffix[32], why[DMM_LV_WHY];
	int ret;

	if (!s->vdi.lv[0])
		return false;
	snprintf(suffix, sizeof(suffix), ".moved-%.8s", s->hex);
	ret = dmm_lv_put_aside(s->vdi.lv, suffix, -1, name, why);
	if (ret == -EBUSY)
		dmm_note(t, "%s is in use, by the name of its old volume, which therefore keeps it: once it is not, lvchange -an %s, and "
			 "lvrename or lvremove it", t->source, s->live.name);
	else if (ret && ret != -ENOENT)
		dmm_note(t, "its old volume keeps its name: %s", why);
	return !ret;
}

int dmm_vdi_release(struct dmm_tool *t, struct dmm_source *s)
{
	char old[DMM_LV_NAME];
	bool aside;
	int ret;

	if (!s->vdi.moved || s->sink) {
		dmm_next(t, "dmmigrate vdi %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, s->vdi.moved ? DMM_OWNER_DEST : DMM_OWNER_SOURCE,
				s->vdi.moved ? DMM_USE_COMMITTED : DMM_USE_ATTACHED, "it has not moved yet");
	}
	ret = dmm_vdi_sr_settle(t, s);
	if (!ret && s->has_origin)
		ret = dmm_origin_remove(t, s, DMM_OWNER_DEST, DMM_USE_MOVED);
	if (ret)
		return ret;
	aside = dmm_vdi_put_aside(t, s, old);
	dmm_stop_at("put-aside");
	ret = dmm_vdi_remove(DMM_VDI_DIR, s->id);
	if (ret) {
		dmm_next(t, "ls -l %s", DMM_VDI_DIR);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_DEST, DMM_USE_MOVED, "cannot remove the record in %s: %s",
				DMM_VDI_DIR, strerror(-ret));
	}
	dmm_result_text(t, "migration", s->hex);
	dmm_result_text(t, "old_volume", aside ? old : NULL);
	dmm_say(t, "%s is forgotten here; %s is used as before, and its old volume keeps its contents, which are old%s.",
		s->hex, s->vdi.dest, s->vdi.lv[0] ? ", and is not activated by itself (activation-skip): remove it once "
		"nothing has it open" : "");
	if (aside)
		dmm_say(t, "The old volume is called %s now.", old);
	return DMM_EXIT_OK;
}
