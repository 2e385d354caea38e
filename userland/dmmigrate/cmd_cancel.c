// SPDX-License-Identifier: GPL-2.0
/*
 * cancel: stop, put the original table back, remove everything of ours.
 * Works from wherever a tool was interrupted, and does nothing when there is nothing.
 */
#include <errno.h>
#include <stdlib.h>

#include "attach.h"
#include "commands.h"

static const struct dmm_option cancel_options[] = {
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

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
		ret = dmm_source_fence_lost(t, s);
	if (ret)
		return ret;
	dmm_signals_block();
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
		 "Also after a crash of the tool at any step.  Refused once the cutover has fenced the\n"
		 "source: then the destination owns the data.",
	.options = cancel_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_cancel,
};
