// SPDX-License-Identifier: GPL-2.0
/*
 * cancel: stop, put the original table back, remove everything of ours.
 * Works from wherever a tool was interrupted, and does nothing when there is nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "attach.h"
#include "commands.h"
#include "owners.h"
#include "standing.h"

#define BACK_MS	15000u	/* for the destination to give it back */

static const struct dmm_option cancel_options[] = {
	DMM_OPTION("yes", FLAG, yes, NULL,
		   "the writer does not run at the destination: take a committed source back without asking"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* A cutover that did not end: the source goes on, if the writer runs nowhere else. 0 or an exit code. */
static int cancel_committed(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_nl_info info;
	enum dmm_owner owner;
	int ret;

	ret = dmm_source_info(t, s, &info);
	if (ret || info.state != DMM_STATE_COMMITTED)
		return ret;
	owner = dmm_standing_owner(info.state, s->has_record ? &s->record : NULL);
	if (owner == DMM_OWNER_DEST) {
		dmm_next(t, "dmmigrate cutover %s (again: releases it)", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, DMM_USE_COMMITTED, "the start hook has started the "
				"writer at the destination: that cannot be taken back");
	}
	if (owner == DMM_OWNER_UNKNOWN && !t->args.yes &&
	    !dmm_confirm(t, t->source, "A cutover was interrupted when the writer may have been started at "
			 "the\ndestination.  Make sure that it does not run there, and cannot start there: it "
			 "will run here again.")) {
		dmm_next(t, "look whether the writer runs at the destination: if so, dmmigrate clean %s; if "
			 "not, dmmigrate cancel --yes %s", t->source, t->source);
		return dmm_fail(t, DMM_EXIT_AMBIGUOUS, owner, DMM_USE_COMMITTED,
				"the writer may run at the destination: taking the source back needs a "
				"confirmation");
	}
	ret = dmm_reclaim(t, s, info.epoch);
	if (!ret)
		return 0;
	dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, owner, DMM_USE_COMMITTED,
			"the source cannot be taken back: %s", dmm_nl_text(t, ret));
}

/* The same by the journals. 0: the source owns it, as far as they know of it at all; or an exit code. */
static int cancel_group(struct dmm_tool *t, struct dmm_source *s)
{
	const u32 ends = DMM_STATES(DMM_HO_ACTIVE) | DMM_STATES(DMM_HO_RELEASED);
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;
	struct dmm_nl_info info;
	int ret;

	dmm_remote_init(&here);
	ret = dmm_owners_ask_here(t, &here, s->id, DMM_HO_SOURCE, DMM_GROUP_STATUS, 0, 0, &ok);
	if (!ret && !dmm_owners_is(&ok, ends))
		ret = dmm_owners_ask_here(t, &here, s->id, DMM_HO_SOURCE, DMM_GROUP_ABORT, ends, BACK_MS, &ok);
	dmm_remote_close(&here);
	if (!ret && dmm_owners_is(&ok, ends))	/* released: detaching refuses that */
		return 0;
	if (ret) {
		/* not adopted yet, or no daemon: what is not committed is the source's in any case */
		ret = here.code == DMM_WERR_NOTFOUND ? 0 : dmm_source_info(t, s, &info);
		if (ret || here.code == DMM_WERR_NOTFOUND || !dmm_state_is_cut(info.state))
			return ret;
		dmm_next(t, "systemctl status dmmigrated");
		return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED, "%s", here.why);
	}
	dmm_next(t, "dmmigrate recover %s", s->hex);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED,
			"%s may own it, and does not give it back: %s", s->record.to.host,
			ok.why[0] ? (const char *)ok.why : "no answer yet");
}

static int cancel_source(struct dmm_tool *t, struct dmm_source *s)
{
	bool restored = false;
	int ret;

	if (!s->migrate && !s->inactive_ours && !s->has_origin && !s->has_record &&
	    !s->record_damaged) {
		dmm_result_bool(t, "was_running", false);
		dmm_say(t, "%s is not being migrated; nothing to cancel.", t->source);
		return DMM_EXIT_OK;
	}
	ret = dmm_source_lock(t, s);
	if (!ret)
		ret = dmm_source_commit_lost(t, s);
	if (ret)
		return ret;
	dmm_signals_block();
	if (s->ours)
		ret = s->has_record && s->record.group ? cancel_group(t, s) : cancel_committed(t, s);
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
