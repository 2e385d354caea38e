// SPDX-License-Identifier: GPL-2.0
/*
 * cancel: stop, put the original table back, remove everything of ours.
 * Works from wherever a tool was interrupted, and does nothing when there is nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach.h"
#include "cleanup.h"
#include "commands.h"
#include "group.h"
#include "journal.h"
#include "manifest.h"
#include "owners.h"

#define BACK_MS	15000u	/* for the destination to give it back */

static const struct dmm_option cancel_options[] = {
	DMM_OPTION("yes", FLAG, yes, NULL,
		   "the writer does not run at the destination, and has written nothing there: take the\n"
		   "source back"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* No journal knows of its commit: only a person can tell. 0: taken back; or an exit code. */
static int cancel_unjournalled(struct dmm_tool *t, struct dmm_group *g)
{
	struct dmm_nl_info info;
	u32 i;
	int ret = 0;

	if (!t->args.yes &&
	    !dmm_confirm(t, t->source, "It has committed, and the journal of this host knows nothing of it.  Make sure "
			 "that the writer\n"
			 "does not run at the destination, and cannot start there: it will run here again.")) {
		dmm_next(t, "look whether the writer runs at the destination: if so, dmmigrate clean %s; if "
			 "not, dmmigrate cancel --yes %s", t->source, t->source);
		return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED,
				"the writer may run at the destination: taking the source back needs a "
				"confirmation");
	}
	for (i = 0; i < g->nr && !ret; i++) {
		dmm_group_speak_of(t, g, i);
		ret = dmm_nl_get(t->nl, dmm_source_dev(&g->disks[i]), &info);
		if (!ret && info.state == DMM_STATE_COMMITTED)
			ret = dmm_reclaim(t, &g->disks[i], info.epoch);
	}
	if (!ret) {
		dmm_group_speak_of(t, g, DMM_GROUP_NAMED);
		return 0;
	}
	dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED,
			"the source cannot be taken back: %s", dmm_nl_text(t, ret));
}

/* By the daemon's journal, which is @ok after this. 0 or -errno with @here. */
static int cancel_ask(struct dmm_tool *t, const struct dmm_source *s, struct dmm_remote *here,
		      struct dmm_wire_group_ok *ok)
{
	const u32 ends = DMM_STATES(DMM_HO_ACTIVE) | DMM_STATES(DMM_HO_RELEASED);
	struct dmm_wire_group_ok there;
	struct dmm_remote r;
	int ret;

	ret = dmm_owners_ask_here(t, here, s->id, DMM_HO_SOURCE, DMM_GROUP_STATUS, 0, 0, ok);
	if (ret || dmm_owners_is(ok, ends))
		return ret;
	if (t->args.yes && s->has_record) {	/* by the person's word the writer does not run there */
		dmm_remote_init(&r);
		dmm_owners_ask_there(&r, &s->record.to, s->id, DMM_GROUP_RETURN, DMM_STATES(DMM_HO_REFUSED),
				     BACK_MS, &there);
		dmm_remote_close(&r);
	}
	return dmm_owners_ask_here(t, here, s->id, DMM_HO_SOURCE, DMM_GROUP_ABORT, ends, BACK_MS, ok);
}

/* Is one of them committed? 0 or an exit code, reported. */
static int cancel_committed(struct dmm_tool *t, const struct dmm_group *g, bool *committed)
{
	struct dmm_nl_info info;
	u32 i;
	int ret;

	*committed = false;
	for (i = 0; i < g->nr; i++) {
		if (!g->disks[i].ours)
			continue;
		ret = dmm_source_info(t, &g->disks[i], &info);
		if (ret)
			return ret;
		*committed = *committed || info.state == DMM_STATE_COMMITTED;
	}
	return 0;
}

/* A cutover that did not end. 0: the source owns it, or detaching will refuse; or an exit code. */
static int cancel_cut(struct dmm_tool *t, struct dmm_group *g, struct dmm_source *s)
{
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;
	bool committed;
	int ret;

	dmm_remote_init(&here);
	ret = cancel_ask(t, s, &here, &ok);
	dmm_remote_close(&here);
	if (!ret && dmm_owners_is(&ok, DMM_STATES(DMM_HO_ACTIVE) | DMM_STATES(DMM_HO_RELEASED)))
		return 0;
	if (ret) {
		/* what is not committed is the source's in any case */
		ret = cancel_committed(t, g, &committed);
		if (ret || !committed)
			return ret;
		if (here.code == DMM_WERR_NOTFOUND)
			return cancel_unjournalled(t, g);
		dmm_next(t, "systemctl status dmmigrated");
		return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED, "%s", here.why);
	}
	dmm_next(t, t->args.yes ? "dmmigrate recover %s" : "dmmigrate recover %s, or, where the writer certainly does "
		 "not run there: dmmigrate cancel --yes", s->hex);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED,
			"the other host may own it, and does not give it back: %s",
			ok.why[0] ? (const char *)ok.why : "no answer yet");
}

/* What telling the other host of a disk needs, from the daemon's manifest. */
static void cancel_from_manifest(struct dmm_source *s, const struct dmm_manifest *m, u32 disk)
{
	s->has_record = true;
	s->has_id = true;
	s->disk = disk;
	memcpy(s->id, m->id, sizeof(s->id));
	dmm_id_format(s->id, s->hex);
	memcpy(s->record.id, m->id, sizeof(s->id));
	s->record.disk = disk;
	s->record.disks = m->nr_disks;
	snprintf(s->record.to.host, sizeof(s->record.to.host), "%s", m->host);
	snprintf(s->record.to.path, sizeof(s->record.to.path), "%s", m->disks[disk].path);
	s->record.to.port = m->port;
}

static bool manifest_names(const struct dmm_manifest *m, const char *name)
{
	u32 i;

	for (i = 0; i < m->nr_disks; i++) {
		if (m->disks[i].known && !strcmp(m->disks[i].name, name))
			return true;
	}
	return false;
}

/* All disks of @m become @g's, in place of what was opened. */
static void cancel_take_manifest(struct dmm_group *g, const struct dmm_manifest *m)
{
	struct dmm_source named = g->disks[g->named], *s;
	u32 i;

	g->nr = 0;
	for (i = 0; i < m->nr_disks; i++) {
		if (!m->disks[i].known)
			continue;
		s = &g->disks[g->nr];
		if (!strcmp(m->disks[i].name, named.live.name)) {
			*s = named;
			g->named = g->nr;
		} else {
			memset(s, 0, sizeof(*s));
		}
		snprintf(g->specs[g->nr], DMM_SPEC_BYTES, "%s", m->disks[i].name);
		s->spec = g->specs[g->nr];
		if (!s->has_live)
			snprintf(s->record.source, sizeof(s->record.source), "%s", m->disks[i].name);
		cancel_from_manifest(s, m, i);
		g->nr++;
	}
}

/* This host was restarted since: device-mapper and /run know nothing any more, the journal does. */
static void cancel_find_journal(struct dmm_group *g)
{
	static const char dir[] = DMM_JOURNAL_DIR "/source";
	const struct dmm_source *s = &g->disks[g->named];
	dmm_autofree u8 (*ids)[DMM_ID_BYTES] = NULL;
	struct dmm_manifest *m;
	char why[DMM_MANIFEST_WHY];
	unsigned int nr = 0, i;
	bool found = false;

	if (!s->has_live || dmm_manifest_list(dir, &ids, &nr))
		return;
	for (i = 0; i < nr && !found; i++) {
		if (dmm_manifest_load(dir, ids[i], &m, why))
			continue;
		found = manifest_names(m, s->live.name);
		if (found)
			cancel_take_manifest(g, m);
		free(m);
	}
}

/* Is anything of ours known of one of them? */
static bool cancel_known(const struct dmm_group *g)
{
	u32 i;

	for (i = 0; i < g->nr; i++) {
		const struct dmm_source *s = &g->disks[i];

		if (s->migrate || s->inactive_ours || s->has_origin || s->has_record || s->record_damaged ||
		    s->has_vdi)
			return true;
	}
	return false;
}

static struct dmm_source *first_ours(const struct dmm_group *g)
{
	u32 i;

	for (i = 0; i < g->nr; i++) {
		if (g->disks[i].ours)
			return &g->disks[i];
	}
	return NULL;
}

/* What a cutover has left is asked for once, for all of them. */
static int cancel_ownership(struct dmm_tool *t, struct dmm_group *g)
{
	struct dmm_source *s;
	int ret = dmm_group_each(t, g, dmm_source_commit_lost);

	if (ret)
		return ret;
	dmm_signals_block();
	if (g->disks[g->named].has_vdi)
		return dmm_vdi_take_back(t, &g->disks[g->named]);
	s = first_ours(g);
	return s ? cancel_cut(t, g, s) : 0;
}

static void cancel_say(struct dmm_tool *t, const struct dmm_group *g, u32 nr_restored)
{
	dmm_result_bool(t, "was_running", nr_restored);
	dmm_result_text(t, "source_device", nr_restored ? "restored" : "unchanged");
	dmm_result_u64(t, "disks", g->nr);
	if (nr_restored && g->nr > 1)
		dmm_say(t, "Cancelled: %s and the other disks of its migration, %u in all, have their original tables "
			"again, the source owns the data.", t->source, g->nr);
	else if (nr_restored)
		dmm_say(t, "Cancelled: %s has its original table again, the source owns the data.",
			t->source);
	else
		dmm_say(t, "Removed what was left of a migration of %s; its live table was not touched.", t->source);
}

static int cancel_group(struct dmm_tool *t, struct dmm_group *g)
{
	bool restored;
	u32 i, nr_restored = 0;
	int ret;

	ret = cancel_known(g) ? dmm_group_lock(t, g) : 0;
	if (ret)
		return ret;
	if (!cancel_known(g))	/* as read under the lock */
		cancel_find_journal(g);
	if (!cancel_known(g)) {
		dmm_result_bool(t, "was_running", false);
		dmm_say(t, "%s is not being migrated; nothing to cancel.", t->source);
		return DMM_EXIT_OK;
	}
	ret = cancel_ownership(t, g);
	for (i = 0; i < g->nr && !ret; i++) {
		dmm_group_speak_of(t, g, i);
		ret = dmm_detach(t, &g->disks[i], &restored);
		nr_restored += restored;
	}
	if (ret)
		return ret;
	for (i = 0; i < g->nr; i++) {
		dmm_group_speak_of(t, g, i);
		dmm_forget(t, &g->disks[i]);
	}
	dmm_group_speak_of(t, g, DMM_GROUP_NAMED);
	cancel_say(t, g, nr_restored);
	return DMM_EXIT_OK;
}

static int cmd_cancel(struct dmm_tool *t)
{
	struct dmm_group g;
	int ret;

	ret = dmm_group_open(t, t->args.operands[0], &g);
	if (!ret)
		ret = cancel_group(t, &g);
	if (!ret) {
		dmm_result_text(t, "source", t->source);
		dmm_result_text(t, "migration", g.disks[g.named].has_id ? g.disks[g.named].hex : NULL);
	}
	dmm_group_clear(&g);
	return ret;
}

const struct dmm_verb dmm_verb_cancel = {
	.name = "cancel",
	.operands = "SOURCE",
	.brief = "stop a migration and put the original table back\n\n"
		 "Of all its disks, whichever is named.\n"
		 "Also after a crash of the tool at any step, and of a cutover that has not come to its end, where the\n"
		 "writer does not run at the destination.  Refused once the source is released.",
	.options = cancel_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_cancel,
};
