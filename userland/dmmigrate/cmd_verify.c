// SPDX-License-Identifier: GPL-2.0
/*
 * verify: compares both sides by digests, while nobody writes to either.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "core/state.h"
#include "standing.h"
#include "verify.h"

static const struct dmm_option verify_options[] = {
	DMM_OPTION_CONTROL,
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

static int verify_source(struct dmm_tool *t, struct dmm_source *s, struct dmm_verify *v,
			 struct dmm_remote *r)
{
	struct dmm_nl_info info, after;
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	ret = dmm_source_info(t, s, &info);
	if (ret)
		return ret;
	owner = dmm_source_owner(t, s, info.state);
	use = dmm_standing_use(info.state);
	if (!dmm_state_is_cut(info.state) && info.state != DMM_STATE_FROZEN) {
		dmm_next(t, "dmmigrate cutover --verify %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"%s is %s: while it is being written the sides need not agree",
				t->source, dmm_state_name(info.state));
	}
	if (!s->ours || !s->has_record) {
		dmm_next(t, "dmmigrate status %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
				"the record of the migration is %s: where the destination is, is not "
				"known", s->record_damaged ? "damaged" : "lost");
	}
	ret = dmm_verify_open(v, s);
	if (ret) {
		dmm_next(t, "dmmigrate verify %s", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, owner, use,
				"cannot open the origin device %s: %s", s->origin.name,
				strerror(-ret));
	}
	ret = dmm_remote_open(r, &s->record.to);
	if (!ret)
		ret = dmm_verify_run(t, v, r);
	if (ret)
		return verify_failed(t, s, v, r, info.state, ret);
	/* what was frozen may have thawed meanwhile: then the comparison says nothing */
	ret = dmm_source_info(t, s, &after);
	if (ret)
		return ret;
	if ((!dmm_state_is_cut(after.state) && after.state != DMM_STATE_FROZEN) ||
	    after.epoch != info.epoch) {
		dmm_next(t, "dmmigrate cutover --verify %s", t->source);
		return dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"%s thawed while the sides were compared", t->source);
	}
	dmm_verify_result(t, v);
	if (v->diff_ranges) {
		dmm_next(t, "dmmigrate status %s", t->source);
		owner = dmm_source_owner(t, s, after.state);
		use = dmm_standing_use(after.state);
		if (owner == DMM_OWNER_DEST)
			return dmm_fail(t, DMM_EXIT_DIFFERENCE, owner, use,
					"the sides differ in %llu ranges of 1 MiB, as they do once a writer "
					"writes there (cutover --verify compares before it)",
					v->diff_ranges);
		return dmm_fail(t, DMM_EXIT_DIFFERENCE, owner, use,
				"the sides differ in %llu of %llu ranges of 1 MiB", v->diff_ranges,
				(v->size_bytes + DMM_VERIFY_FINE_BYTES - 1) / DMM_VERIFY_FINE_BYTES);
	}
	dmm_say(t, "Both sides agree in all %llu bytes (xxh3-128).", v->size_bytes);
	return DMM_EXIT_OK;
}

static int cmd_verify(struct dmm_tool *t)
{
	struct dmm_verify v = { .fd = -1 };
	struct dmm_remote r;
	struct dmm_source s;
	int ret;

	dmm_remote_init(&r);
	ret = dmm_source_open_migration(t, t->args.operands[0], &s);
	if (!ret) {
		dmm_signals_block();
		ret = verify_source(t, &s, &v, &r);
	}
	dmm_verify_close(&v);
	dmm_remote_close(&r);
	dmm_source_clear(&s);
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
