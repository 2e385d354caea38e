// SPDX-License-Identifier: GPL-2.0
/*
 * verify: compares both sides by digests, while nobody writes to either.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "commands.h"
#include "core/state.h"
#include "standing.h"
#include "verify.h"

static const struct dmm_option verify_options[] = {
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static int verify_failed(struct dmm_tool *t, struct dmm_source *s, const struct dmm_verify *v,
			 const struct dmm_remote *r, u32 state, int err)
{
	enum dmm_owner owner = dmm_source_owner(t, s, state);
	enum dmm_use use = dmm_standing_use(state);

	dmm_next(t, "dmmigrate verify %s (again)", t->source);
	if (err == -ECANCELED)	/* 8 would say that the source has the data */
		return dmm_fail(t, owner != DMM_OWNER_SOURCE ? DMM_EXIT_REMOTE :
				DMM_EXIT_ABORTED, owner, use,
				"interrupted after %llu of %llu bytes, which agreed",
				v->done_bytes, v->size_bytes);
	if (v->local_failed)
		return dmm_fail(t, DMM_EXIT_LOCAL, owner, use,
				"cannot read the source's disk at byte %llu: %s", v->done_bytes,
				strerror(-err));
	if (r->code == DMM_WERR_NOTFOUND && dmm_state_is_cut(state)) {
		dmm_next(t, "compare them by hand, or start the writer there, then dmmigrate clean %s",
			 t->source);
		return dmm_fail(t, DMM_EXIT_REMOTE, owner, use,
				"the receiver has the disk no more, it was restarted or the disk there "
				"was exchanged: %s", r->why);
	}
	/* 3 would say that this host has refused before anything was looked at */
	return dmm_fail(t, r->exit == DMM_EXIT_PREFLIGHT && r->code != DMM_WERR_VERSION ?
			DMM_EXIT_REMOTE : r->exit, owner, use, "%s", r->why);
}

/* May they be compared now? 0 or an exit code, reported. */
static int verify_may(struct dmm_tool *t, struct dmm_source *s, const struct dmm_nl_info *info)
{
	if (!dmm_state_is_cut(info->state) && info->state != DMM_STATE_FROZEN) {
		dmm_next(t, "dmmigrate cutover --verify %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"%s is %s: while it is being written the sides need not agree",
				t->source, dmm_state_name(info->state));
	}
	if (s->ours && s->has_record)
		return 0;
	dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, dmm_source_owner(t, s, info->state), dmm_standing_use(info->state),
			"the record of the migration is %s: where the destination is, is not "
			"known", s->record_damaged ? "damaged" : "lost");
}

/* What was frozen may have thawed meanwhile: then the comparison says nothing. 0 or an exit code, reported. */
static int verify_still(struct dmm_tool *t, const struct dmm_group *g, const struct dmm_nl_info *infos)
{
	struct dmm_nl_info after;
	u32 i;
	int ret;

	for (i = 0; i < g->nr; i++) {
		dmm_group_speak_of(t, g, i);
		ret = dmm_source_info(t, &g->disks[i], &after);
		if (ret)
			return ret;
		if ((dmm_state_is_cut(after.state) || after.state == DMM_STATE_FROZEN) &&
		    after.epoch == infos[i].epoch)
			continue;
		dmm_next(t, "dmmigrate cutover --verify %s", t->source);
		return dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"%s thawed while the sides were compared", t->source);
	}
	dmm_group_speak_of(t, g, DMM_GROUP_NAMED);
	return 0;
}

static int verify_differ(struct dmm_tool *t, struct dmm_source *s, const struct dmm_verify *v, u32 state)
{
	enum dmm_owner owner = dmm_source_owner(t, s, state);
	enum dmm_use use = dmm_standing_use(state);

	dmm_next(t, "dmmigrate status %s", t->source);
	if (owner == DMM_OWNER_DEST)
		return dmm_fail(t, DMM_EXIT_DIFFERENCE, owner, use,
				"the sides differ in %llu ranges of 1 MiB, as they do once a writer "
				"writes there (cutover --verify compares before it)",
				v->diff_ranges);
	return dmm_fail(t, DMM_EXIT_DIFFERENCE, owner, use,
			"the sides differ in %llu of %llu ranges of 1 MiB", v->diff_ranges,
			(v->size_bytes + DMM_VERIFY_FINE_BYTES - 1) / DMM_VERIFY_FINE_BYTES);
}

static int verify_group(struct dmm_tool *t, struct dmm_group *g, struct dmm_nl_info *infos, struct dmm_verify *v,
			struct dmm_remote *r)
{
	struct dmm_source *s = &g->disks[g->named];
	u32 i, state;
	int ret;

	for (i = 0; i < g->nr; i++) {
		dmm_group_speak_of(t, g, i);
		ret = dmm_source_info(t, &g->disks[i], &infos[i]);
		if (!ret)
			ret = verify_may(t, &g->disks[i], &infos[i]);
		if (ret)
			return ret;
	}
	dmm_group_speak_of(t, g, DMM_GROUP_NAMED);
	state = infos[g->named].state;
	ret = dmm_verify_open(t, v, g);
	if (ret) {
		dmm_next(t, "dmmigrate verify %s", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, dmm_source_owner(t, s, state), dmm_standing_use(state),
				"cannot open its origin device: %s", strerror(-ret));
	}
	ret = dmm_remote_open(r, &s->record.to);
	if (!ret)
		ret = dmm_verify_run(t, v, r);
	if (ret)
		return verify_failed(t, s, v, r, state, ret);
	ret = verify_still(t, g, infos);
	if (ret)
		return ret;
	dmm_verify_result(t, v);
	if (v->diff_ranges)
		return verify_differ(t, s, v, state);
	dmm_say(t, "Both sides agree in all %llu bytes (xxh3-128).", v->size_bytes);
	return DMM_EXIT_OK;
}

static int cmd_verify(struct dmm_tool *t)
{
	dmm_autofree struct dmm_nl_info *infos = NULL;
	struct dmm_verify v = { 0 };
	struct dmm_remote r;
	struct dmm_group g;
	int ret;

	dmm_remote_init(&r);
	ret = dmm_group_open_migration(t, t->args.operands[0], &g);
	if (!ret) {
		infos = calloc(g.nr, sizeof(*infos));
		if (!infos)
			ret = dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "out of memory");
	}
	if (!ret) {
		dmm_signals_block();
		ret = verify_group(t, &g, infos, &v, &r);
	}
	dmm_verify_clear(&v);
	dmm_remote_close(&r);
	dmm_group_clear(&g);
	return ret;
}

const struct dmm_verb dmm_verb_verify = {
	.name = "verify",
	.operands = "SOURCE",
	.brief = "compare both sides by digests, after the cutover or while frozen\n\n"
		 "Each side reads its own disk.  A difference is exit code 10.",
	.options = verify_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_verify,
};
