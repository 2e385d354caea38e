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
#include "journal.h"
#include "manifest.h"
#include "owners.h"

#define BACK_MS	15000u	/* for the destination to give it back */

static const struct dmm_option cancel_options[] = {
	DMM_OPTION("yes", FLAG, yes, NULL,
		   "the writer does not run at the destination, and has written nothing there: take the\n"
		   "source back"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* No journal knows of its commit: only a person can tell. 0: taken back; or an exit code. */
static int cancel_unjournalled(struct dmm_tool *t, struct dmm_source *s, u64 epoch)
{
	int ret;

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
	ret = dmm_reclaim(t, s, epoch);
	if (!ret)
		return 0;
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

/* A cutover that did not end. 0: the source owns it, or detaching will refuse; or an exit code. */
static int cancel_cut(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;
	struct dmm_nl_info info;
	int ret;

	dmm_remote_init(&here);
	ret = cancel_ask(t, s, &here, &ok);
	dmm_remote_close(&here);
	if (!ret && dmm_owners_is(&ok, DMM_STATES(DMM_HO_ACTIVE) | DMM_STATES(DMM_HO_RELEASED)))
		return 0;
	if (ret) {
		/* what is not committed is the source's in any case */
		ret = dmm_source_info(t, s, &info);
		if (ret || info.state != DMM_STATE_COMMITTED)
			return ret;
		if (here.code == DMM_WERR_NOTFOUND)
			return cancel_unjournalled(t, s, info.epoch);
		dmm_next(t, "systemctl status dmmigrated");
		return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED, "%s", here.why);
	}
	dmm_next(t, t->args.yes ? "dmmigrate recover %s" : "dmmigrate recover %s, or, where the writer certainly does "
		 "not run there: dmmigrate cancel --yes", s->hex);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED,
			"the other host may own it, and does not give it back: %s",
			ok.why[0] ? (const char *)ok.why : "no answer yet");
}

/*
 * This host was restarted since: device-mapper and /run know nothing any more, the journal does.  Takes from its manifest
 * what telling the other host needs.
 */
static void cancel_find_journal(struct dmm_source *s)
{
	static const char dir[] = DMM_JOURNAL_DIR "/source";
	dmm_autofree u8 (*ids)[DMM_ID_BYTES] = NULL;
	struct dmm_manifest *m;
	char why[DMM_MANIFEST_WHY];
	unsigned int nr = 0, i;

	if (!s->has_live || dmm_manifest_list(dir, &ids, &nr))
		return;
	for (i = 0; i < nr && !s->has_record; i++) {
		if (dmm_manifest_load(dir, ids[i], &m, why))
			continue;
		if (m->disks[0].known && !strcmp(m->disks[0].name, s->live.name)) {
			s->has_record = true;
			s->has_id = true;
			memcpy(s->id, ids[i], sizeof(s->id));
			memcpy(s->record.id, ids[i], sizeof(s->id));
			dmm_id_format(s->id, s->hex);
			snprintf(s->record.to.host, sizeof(s->record.to.host), "%s", m->host);
			snprintf(s->record.to.path, sizeof(s->record.to.path), "%s", m->disks[0].path);
			s->record.to.port = m->port;
		}
		free(m);
	}
}

/* Is anything of ours known of it? */
static bool cancel_known(struct dmm_source *s)
{
	bool known = s->migrate || s->inactive_ours || s->has_origin || s->has_record || s->record_damaged;

	if (!known)
		cancel_find_journal(s);
	return known || s->has_record;
}

static int cancel_source(struct dmm_tool *t, struct dmm_source *s)
{
	bool restored = false;
	int ret;

	if (!cancel_known(s)) {
		dmm_result_bool(t, "was_running", false);
		dmm_say(t, "%s is not being migrated; nothing to cancel.", t->source);
		return DMM_EXIT_OK;
	}
	ret = dmm_source_lock(t, s);
	if (!ret) {
		cancel_known(s);	/* as read under the lock */
		ret = dmm_source_commit_lost(t, s);
	}
	if (ret)
		return ret;
	dmm_signals_block();
	if (s->ours)
		ret = cancel_cut(t, s);
	if (ret)
		return ret;
	ret = dmm_detach(t, s, &restored);
	if (ret)
		return ret;
	dmm_forget(t, s);
	dmm_result_bool(t, "was_running", restored);
	dmm_result_text(t, "source_device", restored ? "restored" : "unchanged");
	if (restored)
		dmm_say(t, "Cancelled: %s has its original table again, the source owns the data.",
			t->source);
	else
		dmm_say(t, "Removed what was left of a migration of %s; its live table was not touched.", t->source);
	return DMM_EXIT_OK;
}

static int cmd_cancel(struct dmm_tool *t)
{
	struct dmm_source s;
	int ret;

	ret = dmm_source_open(t, t->args.operands[0], &s);
	if (!ret)
		ret = cancel_source(t, &s);
	if (!ret) {
		dmm_result_text(t, "source", t->source);
		dmm_result_text(t, "migration", s.has_id ? s.hex : NULL);
	}
	dmm_source_clear(&s);
	return ret;
}

const struct dmm_verb dmm_verb_cancel = {
	.name = "cancel",
	.operands = "SOURCE",
	.brief = "stop a migration and put the original table back\n\n"
		 "Also after a crash of the tool at any step, and of a cutover that has not come to its end, where the\n"
		 "writer does not run at the destination.  Refused once the source is released.",
	.options = cancel_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_cancel,
};
