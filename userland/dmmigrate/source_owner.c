// SPDX-License-Identifier: GPL-2.0
/*
 * Who owns the data of a source: by the kernel's state, and the journal of this host.
 */
#include <stdio.h>
#include <string.h>

#include "owners.h"
#include "source.h"
#include "standing.h"

enum dmm_journal_says dmm_source_journal(struct dmm_tool *t, struct dmm_source *s)
{
	if (!s->has_id)
		return DMM_JOURNAL_NOTHING;
	if (s->journal == DMM_JOURNAL_UNASKED)
		s->journal = dmm_owners_journal(t, s->id);
	return s->journal;
}

/* After a cutover: nothing reaches the old disk by the source any more. */
static bool source_given_up(struct dmm_tool *t, struct dmm_source *s)
{
	return s->table.nr == 1 && !strcmp(s->table.targets[0].type, "error") &&
	       (s->has_origin || dmm_source_journal(t, s) == DMM_JOURNAL_DEST);
}

int dmm_source_unanswered(struct dmm_tool *t)
{
	dmm_next(t, "systemctl start dmmigrated");
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
			"whether %s was handed over is in the journal of this host, and its daemon does not "
			"answer", t->source);
}

int dmm_source_commit_lost(struct dmm_tool *t, struct dmm_source *s)
{
	char to[DMM_PATH_MAX + 288] = "another host";
	struct dmm_nl_info info;
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	/* its table says all, once it has moved: it lies over the new disk */
	if (!s->has_id || (s->has_vdi && !s->migrate))
		return 0;
	if (s->has_live && s->migrate) {
		ret = dmm_source_info(t, s, &info);
		if (ret || info.state != DMM_STATE_IDLE)
			return ret;	/* nothing passes what is cut over */
	}
	if (s->has_record)
		snprintf(to, sizeof(to), "%.255s:%s", s->record.to.host, s->record.to.path);
	if (s->has_vdi)
		snprintf(to, sizeof(to), "%s", s->vdi.dest);
	switch (dmm_source_journal(t, s)) {
	case DMM_JOURNAL_NOBODY:
	case DMM_JOURNAL_DEST:
		break;
	case DMM_JOURNAL_UNANSWERED:
		return dmm_source_unanswered(t);
	default:
		return 0;
	}
	dmm_source_verdict(t, s, &owner, &use);
	dmm_next(t, "dmmigrate clean %s (removes what is left, once the destination is known to have the data)",
		 s->has_live ? t->source : s->hex);
	if (use == DMM_USE_GIVEN_UP)
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s was cut over to %s", t->source, to);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, owner, use, "%s was cut over to %s, but %s", t->source, to,
			s->has_live ? "its committed table is gone (lvchange, dmsetup): writes reach the "
			"old disk" : "the committed device is gone");
}

void dmm_source_verdict(struct dmm_tool *t, struct dmm_source *s, enum dmm_owner *owner,
			enum dmm_use *use)
{
	struct dmm_nl_info info;

	*owner = DMM_OWNER_SOURCE;
	*use = DMM_USE_UNCHANGED;
	if (source_given_up(t, s)) {
		*owner = DMM_OWNER_DEST;
		*use = DMM_USE_GIVEN_UP;
		return;
	}
	if (!s->migrate && s->has_vdi && s->vdi.moved) {
		*owner = DMM_OWNER_DEST;
		*use = DMM_USE_MOVED;
		return;
	}
	if (!s->migrate) {
		if (!s->has_record)
			return;
		*owner = dmm_standing_owner(DMM_STATE_IDLE, dmm_source_journal(t, s));
		if (*owner != DMM_OWNER_SOURCE)
			*use = DMM_USE_UNKNOWN;
		return;
	}
	if (dmm_tool_nl(t) || dmm_nl_get(t->nl, dmm_source_dev(s), &info)) {
		*owner = DMM_OWNER_UNKNOWN;
		*use = DMM_USE_UNKNOWN;
		return;
	}
	*owner = dmm_source_owner(t, s, info.state);
	*use = dmm_standing_use(info.state);
}

enum dmm_owner dmm_source_owner(struct dmm_tool *t, struct dmm_source *s, u32 state)
{
	return dmm_standing_owner(state, dmm_standing_needs_journal(state) ? dmm_source_journal(t, s) :
				  DMM_JOURNAL_UNASKED);
}
