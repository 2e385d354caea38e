// SPDX-License-Identifier: GPL-2.0
/*
 * recover: who owns the disks, after any crash, on either host.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_owners.h"
#include "journal.h"
#include "manifest.h"
#include "platform/xl_home.h"
#include "record.h"
#include "source.h"

#define LOCK_WAIT_MS	15000u	/* the daemon's process that makes a connection anew may have it */

/* The daemon refused: nothing has changed. Or it does not answer. */
static int forced_not(struct dmm_own *o)
{
	if (!o->here.code)
		return dmm_own_no_answer(o);
	dmm_next(o->t, "dmmigrate recover %s", o->hex);
	return dmm_fail(o->t, DMM_EXIT_PREFLIGHT, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "%s", o->here.why);
}

/* The owner by a person's word. */
static int force(struct dmm_own *o)
{
	if (le32_to_cpu(o->ok.role) != DMM_HO_SOURCE || !dmm_own_is(o, DMM_STATES(DMM_HO_RELINQUISHED))) {
		dmm_next(o->t, "dmmigrate recover %s", o->hex);
		return dmm_own_failed(o, DMM_EXIT_PREFLIGHT, "--force-owner is for a source that has given its disks up and "
				      "got no answer");
	}
	if (strcmp((const char *)o->ok.device, o->t->args.force_owner)) {
		dmm_next(o->t, "dmmigrate recover %s --force-owner %s (once %s is certainly off)", o->hex,
			 (const char *)o->ok.device, (const char *)o->ok.peer);
		return dmm_own_failed(o, DMM_EXIT_PREFLIGHT, "'%s' is not the name of this migration's device",
				      o->t->args.force_owner);
	}
	if (dmm_own_ask(o, DMM_GROUP_FORCE, DMM_STATES(DMM_HO_ACTIVE), DMM_OWN_SLICE_MS))
		return forced_not(o);
	if (!dmm_own_is(o, DMM_STATES(DMM_HO_ACTIVE)))
		return dmm_own_failed(o, DMM_EXIT_LOCAL, "it could not be forced");
	return dmm_own_done(o, "the source owns the disks, by your word; what was written at the destination is void");
}

/*
 * The source owns the disks: of a guest whose move was interrupted the memory is here, too, and nowhere else.  @lock_fd, or an error: nobody
 * else works on it.
 */
static void guest_home(struct dmm_own *o, const char *guest, int lock_fd)
{
	char why[DMM_XL_TEXT];
	int ret;

	if (lock_fd < 0) {
		dmm_note(o->t, "whether %s runs here was not looked at: another dmmigrate is working on its disks; once that has ended, "
			 "dmmigrate recover %s", guest, o->hex);
		return;
	}
	ret = dmm_xl_home(guest, 0, why);
	if (ret > 0)
		dmm_note(o->t, "xl had left %s suspended: it was resumed here", guest);
	else if (ret)
		dmm_note(o->t, "%s", why);
}

static int recover_source(struct dmm_own *o)
{
	const u32 ends = DMM_STATES(DMM_HO_ACTIVE) | DMM_STATES(DMM_HO_RELEASED);

	/* given up, and nobody goes on with it: ask for the disks back, or hear that they are in use */
	if (!dmm_own_is(o, ends) && dmm_own_ask(o, DMM_GROUP_ABORT, ends, DMM_OWN_ANSWER_MS))
		return dmm_own_no_answer(o);
	dmm_stop_at("recover-ended");
	if (dmm_own_is(o, DMM_STATES(DMM_HO_ACTIVE))) {
		if (o->ok.why[0] && !(le32_to_cpu(o->ok.flags) & DMM_GROUP_UNMARKED))
			dmm_note(o->t, "%s", (const char *)o->ok.why);
		return dmm_own_done(o, "the source owns the disks");
	}
	if (dmm_own_is(o, DMM_STATES(DMM_HO_RELEASED)))
		return dmm_own_done(o, "the destination owns the disks");
	return dmm_own_ambiguous(o);
}

static int recover_dest(struct dmm_own *o)
{
	const u32 running = DMM_STATES(DMM_HO_RUNNING);

	if (dmm_own_is(o, running) && le32_to_cpu(o->ok.flags) & DMM_GROUP_NEEDS_PEER &&
	    dmm_own_ask(o, DMM_GROUP_STATUS, DMM_STATES(DMM_HO_SETTLED) | DMM_STATES(DMM_HO_REFUSED), DMM_OWN_ANSWER_MS))
		return dmm_own_no_answer(o);
	if (dmm_own_is(o, DMM_STATES(DMM_HO_LOST)) &&
	    dmm_own_ask(o, DMM_GROUP_STATUS, DMM_STATES(DMM_HO_SETTLED) | DMM_STATES(DMM_HO_REFUSED), DMM_OWN_ANSWER_MS))
		return dmm_own_no_answer(o);
	if (le32_to_cpu(o->ok.flags) & DMM_GROUP_NEEDS_PEER)
		return dmm_own_ambiguous(o);
	if (dmm_own_is(o, DMM_STATES(DMM_HO_OWNED))) {
		/* no writer was let write, and nobody goes on with it */
		if (dmm_own_ask(o, DMM_GROUP_RETURN, DMM_STATES(DMM_HO_REFUSED), DMM_OWN_SLICE_MS))
			return dmm_own_no_answer(o);
	}
	if (dmm_own_is(o, running | DMM_STATES(DMM_HO_SETTLED)))
		return dmm_own_done(o, "the destination owns the disks; should the writer not run here, and have written "
				    "nothing: dmmigrate return");
	return dmm_own_done(o, "the source owns the disks");
}

/* As recover_source(), or by force; and the guest is where its disks are. */
static int recover_guest(struct dmm_own *o)
{
	struct dmm_record r;
	char key[64], why[DMM_XL_TEXT];
	int ret, fd = -1;

	if (dmm_record_load(DMM_RUN_DIR, o->id, 0, &r))
		memset(&r, 0, sizeof(r));
	/* before it is asked: the daemon goes on with the copy at once */
	snprintf(key, sizeof(key), "%u:%u", r.major, r.minor);
	if (!o->ok.disks) {	/* no disk of it moves: the daemon knows its name */
		snprintf(r.guest, sizeof(r.guest), "%.63s", (const char *)o->ok.device);
		snprintf(key, sizeof(key), "%s", o->hex);
	}
	if (r.guest[0])
		fd = dmm_source_lock_wait(key, LOCK_WAIT_MS);
	ret = o->t->args.force_owner ? force(o) : recover_source(o);
	if (r.guest[0] && !ret && dmm_own_is(o, DMM_STATES(DMM_HO_ACTIVE)))
		guest_home(o, r.guest, fd);
	else if (r.guest[0] && !ret && fd >= 0 && dmm_xl_left(r.guest, why))
		dmm_note(o->t, "%s", why);
	if (fd >= 0)
		close(fd);
	dmm_record_clear(&r);
	return ret;
}

/*
 * The daemon knows no such migration: it is over, or journal and manifest are lost.  Where something of it is left - a gate, a mark of LVM's - it may
 * be the latter, and nobody here can know.
 */
static int not_known(struct dmm_own *o)
{
	struct dmm_leftovers l = { .nr = 0 };
	const struct dmm_leftover *left = NULL;
	struct dmm_remote r;
	bool plaintext;
	u32 i;
	int ret;

	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_LEFTOVERS;
	if (!dmm_owners_find(o->t, &r) && !dmm_remote_leftovers(&r, NULL, &l, &plaintext)) {
		for (i = 0; i < l.nr && !left; i++)
			left = memcmp(l.items[i].migration, o->id, sizeof(o->id)) || l.items[i].kind == DMM_LEFTOVER_JOURNAL ? NULL :
			       &l.items[i];
	}
	dmm_remote_close(&r);
	if (!left) {
		ret = dmm_own_no_answer(o);
	} else {
		dmm_next(o->t, "dmmigrate recover %s, on the other host", o->hex);
		ret = dmm_fail(o->t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "this host has no journal of the migration any "
			       "more, but %s %s is left of it: start the writer here only if the other host's recover says that the disks are "
			       "this host's", dmm_leftover_kind_name(left->kind), left->name);
	}
	dmm_leftovers_clear(&l);
	return ret;
}

static int do_recover(struct dmm_own *o)
{
	if (dmm_own_ask(o, DMM_GROUP_STATUS, 0, 0))
		return o->here.code == DMM_WERR_NOTFOUND ? not_known(o) : dmm_own_no_answer(o);
	dmm_stop_at("recover-asked");
	if (le32_to_cpu(o->ok.role) == DMM_HO_SOURCE)
		return recover_guest(o);
	return o->t->args.force_owner ? force(o) : recover_dest(o);
}

/* All that have a part here; the worst of their exit codes. */
static int recover_all(struct dmm_tool *t)
{
	static const char *const dirs[] = {
		[DMM_HO_SOURCE] = DMM_JOURNAL_DIR "/source", [DMM_HO_DEST] = DMM_JOURNAL_DIR "/destination",
	};
	struct dmm_own o = { .t = t };
	u8 (*ids)[DMM_ID_BYTES];
	unsigned int nr, i, all = 0;
	int ret, worst = 0;

	if (t->args.force_owner)
		return dmm_usage(t, "--force-owner needs the id of the migration");
	dmm_remote_init(&o.here);
	dmm_signals_block();
	for (o.role = DMM_HO_SOURCE; o.role <= DMM_HO_DEST; o.role++) {
		ret = dmm_manifest_list(dirs[o.role], &ids, &nr);
		if (ret) {
			worst = dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
					 "cannot read %s: %s", dirs[o.role], strerror(-ret));
			break;
		}
		for (i = 0; i < nr; i++) {
			memcpy(o.id, ids[i], sizeof(o.id));
			dmm_id_format(o.id, o.hex);
			snprintf(t->source, sizeof(t->source), "%s", o.hex);
			ret = do_recover(&o);
			worst = ret > worst ? ret : worst;
		}
		all += nr;
		free(ids);
	}
	if (!all && !worst)
		dmm_say(t, "no migration has a part here");
	dmm_remote_close(&o.here);
	return worst;
}

static int cmd_recover(struct dmm_tool *t)
{
	return t->args.nr_operands ? dmm_own_with_id(t, do_recover) : recover_all(t);
}

static const struct dmm_option recover_options[] = {
	DMM_OPTION("force-owner", TEXT, force_owner, "NAME",
		   "the destination is certainly off, and stays so: the source owns the disks, whose\n"
		   "device is called NAME.  What was written at the destination is lost"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

const struct dmm_verb dmm_verb_recover = {
	.name = "recover",
	.operands = "[ID]",
	.brief = "on either host, after any crash: find out who owns the disks, and go there\n\n"
		 "A guest whose move was interrupted goes on here where they are the source's, resumed by dmm-xl-resume.\n"
		 "Without ID: of all migrations.  Exit code 9 where nobody can know unless the other host answers:\n"
		 "see \"Exit code 9\" in handover.rst before anything is forced.",
	.options = recover_options,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_recover,
};
