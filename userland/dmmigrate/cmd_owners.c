// SPDX-License-Identifier: GPL-2.0
/*
 * acquire, run, return, recover, release: the hand-over, step by step, on the host where it is to be done.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "fullio.h"
#include "journal.h"
#include "manifest.h"
#include "owners.h"
#include "source.h"

#define ACQUIRE_DEFAULT_MS	30000u
#define SLICE_MS		2000u
#define AGAIN_MS		15000u	/* asking anew freezes the guest anew; the question may have been lost */
#define ANSWER_MS		10000u	/* of the other host, in recover */

struct owners {
	struct dmm_tool *t;
	struct dmm_remote here;
	struct dmm_wire_group_ok ok;	/* the latest answer */
	u8 id[DMM_ID_BYTES];
	char hex[DMM_ID_HEX];
	enum dmm_ho_role role;		/* 0: whichever is here */
};

static const struct dmm_option plain_options[] = {
	DMM_OPTION_CONTROL,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* --- asking --- */

static bool is(const struct owners *o, u32 states)
{
	return dmm_owners_is(&o->ok, states);
}

/* The daemon of this host cannot be asked, or has refused. Exit code, reported. */
static int no_answer(struct owners *o)
{
	enum dmm_exit code = o->here.exit == DMM_EXIT_TRANSPORT ? DMM_EXIT_LOCAL : o->here.exit;

	if (o->here.code)
		dmm_next(o->t, "dmmigrate recover %s, on the other host", o->hex);
	else
		dmm_next(o->t, "systemctl status dmmigrated");
	return dmm_fail(o->t, code, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "%s", o->here.why);
}

static int ask(struct owners *o, enum dmm_wire_group_verb verb, u32 await, u32 await_ms)
{
	return dmm_owners_ask_here(o->t, &o->here, o->id, o->role, verb, await, await_ms, &o->ok);
}

/* As the answer says, or what the other host may still have to say. */
static const char *reason(const struct owners *o)
{
	if (o->ok.why[0])
		return (const char *)o->ok.why;
	return le32_to_cpu(o->ok.flags) & DMM_GROUP_LINKED ? "the other host is connected, and has not answered yet" :
							      "the other host is not connected";
}

__attribute__((format(printf, 3, 4)))
static int failed(struct owners *o, enum dmm_exit code, const char *fmt, ...)
{
	char what[512], state[96];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	dmm_owners_describe(&o->ok, state, sizeof(state));
	return dmm_fail(o->t, code, dmm_owners_of(&o->ok), DMM_USE_UNKNOWN, "%s (here: %s): %s", what, state,
			reason(o));
}

static int done(struct owners *o, const char *text)
{
	char state[96];

	dmm_owners_describe(&o->ok, state, sizeof(state));
	dmm_result_text(o->t, "migration", o->hex);
	dmm_result_text(o->t, "role", le32_to_cpu(o->ok.role) == DMM_HO_SOURCE ? "source" : "destination");
	dmm_result_text(o->t, "state", dmm_ho_state_name(dmm_owners_state(&o->ok)));
	dmm_result_u64(o->t, "epoch", le64_to_cpu(o->ok.epoch));
	dmm_result_text(o->t, "owner", dmm_owner_name(dmm_owners_of(&o->ok)));
	dmm_say(o->t, "%s: %s (%s).", o->hex, text, state);
	if (le32_to_cpu(o->ok.flags) & DMM_GROUP_UNMARKED && o->ok.why[0])
		dmm_note(o->t, "%s", (const char *)o->ok.why);
	return DMM_EXIT_OK;
}

/* What the other side's journal may hold, and where to look. */
static const char *what_may_be(const struct owners *o)
{
	bool lost = is(o, DMM_STATES(DMM_HO_LOST));

	if (le32_to_cpu(o->ok.role) == DMM_HO_SOURCE)
		return lost ? "this host has lost its journal: the writer may have run at the destination, or the source never gave up; look "
			      "at the destination's dmmigrate status first" :
			      "this host has given the disks up: the destination's journal may say that the writer ran there and has written, "
			      "or that it never got them; look at dmmigrate status there";
	return lost ? "this host has lost its journal: the writer may have run here, or never; look at the source's dmmigrate status first" :
		      "the writer ran here, and the source may have been forced back meanwhile; look at dmmigrate status there";
}

static int ambiguous(struct owners *o)
{
	bool source = le32_to_cpu(o->ok.role) == DMM_HO_SOURCE;

	dmm_next(o->t, "make %s reachable, then this again%s", o->ok.peer[0] ? (const char *)o->ok.peer :
		 "the other host", source && is(o, DMM_STATES(DMM_HO_RELINQUISHED)) ?
		 "; is it off for good: --force-owner, see dmmigrate recover --help" : "");
	return failed(o, DMM_EXIT_AMBIGUOUS, "nobody can know who owns the disks unless the other host answers: "
		      "start the writer on neither; %s", what_may_be(o));
}

/* Parses the operand and runs @verb with what it needs. */
static int with_id(struct dmm_tool *t, int (*verb)(struct owners *o))
{
	struct owners o = { .t = t };
	int ret;

	if (dmm_id_parse(t->args.operands[0], o.id))
		return dmm_usage(t, "'%.64s' is not the id of a migration: 32 hexadecimal digits, see dmmigrate list",
				 t->args.operands[0]);
	dmm_id_format(o.id, o.hex);
	snprintf(t->source, sizeof(t->source), "%s", o.hex);
	dmm_remote_init(&o.here);
	dmm_signals_block();
	ret = verb(&o);
	dmm_remote_close(&o.here);
	return ret;
}

/* --- acquire --- */

/*
 * Nobody waits for the disks any more: what is under way is refused, and what was asked for and has yet to begin will
 * be, lest the guest stands still for nobody.  Exit code, reported.
 */
static int acquire_give_up(struct owners *o, u64 timeout_ms)
{
	const u32 taken = DMM_STATES(DMM_HO_RUNNING) | DMM_STATES(DMM_HO_SETTLED);
	const u32 refused = DMM_STATES(DMM_HO_RECEIVING) | DMM_STATES(DMM_HO_REFUSED);
	u64 until_ms = dmm_now_ms() + ANSWER_MS;

	do {	/* its journal cannot be written, or so */
		if (ask(o, DMM_GROUP_RETURN, refused, SLICE_MS))
			return no_answer(o);
	} while (!is(o, taken | refused) && dmm_now_ms() < until_ms);
	dmm_next(o->t, is(o, taken) ? "dmmigrate status %s" :
		 "dmmigrate acquire %s (again), or dmmigrate status on the source's host", o->hex);
	return failed(o, le32_to_cpu(o->ok.flags) & DMM_GROUP_LINKED ? DMM_EXIT_ABORTED : DMM_EXIT_TRANSPORT,
		      dmm_signal_seen() ? "interrupted" : "not handed over within %llu ms", timeout_ms);
}

static int do_acquire(struct owners *o)
{
	const u32 owned = DMM_STATES(DMM_HO_OWNED) | DMM_STATES(DMM_HO_RUNNING) | DMM_STATES(DMM_HO_SETTLED);
	u64 timeout_ms = o->t->args.timeout_ms == DMM_UNSET ? ACQUIRE_DEFAULT_MS : o->t->args.timeout_ms;
	u64 until_ms = dmm_now_ms() + timeout_ms, again_ms = 0, now_ms;
	bool again;

	for (;;) {
		now_ms = dmm_now_ms();
		again = now_ms >= again_ms;
		if (again)
			again_ms = now_ms + AGAIN_MS;
		if (ask(o, again ? DMM_GROUP_ACQUIRE : DMM_GROUP_STATUS, owned,
			now_ms < until_ms ? (u32)dmm_min_u64(until_ms - now_ms, SLICE_MS) : 0))
			return no_answer(o);
		if (is(o, owned) && !(le32_to_cpu(o->ok.flags) & DMM_GROUP_OWES))
			return done(o, "this host owns the disks");
		if (le32_to_cpu(o->ok.result) == DMM_GROUP_OVER) {
			dmm_next(o->t, "dmmigrate cancel, on the source's host, and begin a new migration");
			return failed(o, DMM_EXIT_ABORTED, "this migration cannot be handed over any more");
		}
		if (dmm_signal_seen() || dmm_now_ms() >= until_ms)
			return acquire_give_up(o, timeout_ms);
	}
}

static int cmd_acquire(struct dmm_tool *t)
{
	return with_id(t, do_acquire);
}

static const struct dmm_option acquire_options[] = {
	DMM_OPTION("timeout", TIME, timeout_ms, "TIME",
		   "give up after so long (default 30): what is under way then is refused, and the\n"
		   "source goes on"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

const struct dmm_verb dmm_verb_acquire = {
	.name = "acquire",
	.operands = "ID",
	.brief = "on the destination: have the source hand over, return once this host owns the disks\n\n"
		 "Their gates let reads pass then, and no write before `run`.  For toolstacks, whose writer was\n"
		 "stopped at the source.  Safe to repeat.  One that ends before, by --timeout or Ctrl-C, makes sure that\n"
		 "nothing is handed over behind its back.",
	.options = acquire_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_acquire,
};

/* --- run, return --- */

static int do_run(struct owners *o)
{
	if (ask(o, DMM_GROUP_RUN, 0, 0))
		return no_answer(o);
	if (!is(o, DMM_STATES(DMM_HO_RUNNING) | DMM_STATES(DMM_HO_SETTLED)) ||
	    le32_to_cpu(o->ok.gate) != DMM_HO_GATE_OPEN || le32_to_cpu(o->ok.flags) & DMM_GROUP_OWES) {
		dmm_next(o->t, "dmmigrate recover %s", o->hex);
		return failed(o, dmm_owners_of(&o->ok) == DMM_OWNER_UNKNOWN ? DMM_EXIT_AMBIGUOUS : DMM_EXIT_PREFLIGHT,
			      "the disks are not to be written here");
	}
	if (o->t->args.unconfirmed)
		return done(o, "the gates are open; once the writer runs: dmmigrate run, again");
	if (ask(o, DMM_GROUP_RUNS, 0, 0))
		return no_answer(o);
	return done(o, "the writer runs here");
}

static int cmd_run(struct dmm_tool *t)
{
	return with_id(t, do_run);
}

static const struct dmm_option run_options[] = {
	DMM_OPTION("unconfirmed", FLAG, unconfirmed, NULL,
		   "only open the gates: the writer may still turn out not to run, see return"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

const struct dmm_verb dmm_verb_run = {
	.name = "run",
	.operands = "ID",
	.brief = "on the destination, after acquire: open the gates, the writer runs here\n\n"
		 "There is no way back: the source gives its copy up.",
	.options = run_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_run,
};

static int do_return(struct owners *o)
{
	if (ask(o, DMM_GROUP_RETURN, DMM_STATES(DMM_HO_REFUSED), SLICE_MS))
		return no_answer(o);
	if (is(o, DMM_STATES(DMM_HO_REFUSED)))
		return done(o, "the source has the disks again");
	if (le32_to_cpu(o->ok.flags) & DMM_GROUP_NEEDS_PEER)
		return ambiguous(o);
	if (dmm_owners_kept(&o->ok)) {
		dmm_next(o->t, "dmmigrate return %s (again)", o->hex);
		return failed(o, DMM_EXIT_LOCAL, "it could not be given back");
	}
	if (is(o, DMM_STATES(DMM_HO_RUNNING) | DMM_STATES(DMM_HO_SETTLED))) {
		dmm_next(o->t, "dmmigrate run %s", o->hex);
		return failed(o, DMM_EXIT_PREFLIGHT, "there is no way back: the writer runs here, or has written");
	}
	dmm_next(o->t, "dmmigrate recover %s", o->hex);
	return failed(o, DMM_EXIT_PREFLIGHT, "there is nothing to return");
}

static int cmd_return(struct dmm_tool *t)
{
	return with_id(t, do_return);
}

const struct dmm_verb dmm_verb_return = {
	.name = "return",
	.operands = "ID",
	.brief = "on the destination: give the disks back to the source, as long as nothing was written here",
	.options = plain_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_return,
};

/* --- recover --- */

/* The daemon refused: nothing has changed. Or it does not answer. */
static int forced_not(struct owners *o)
{
	if (!o->here.code)
		return no_answer(o);
	dmm_next(o->t, "dmmigrate recover %s", o->hex);
	return dmm_fail(o->t, DMM_EXIT_PREFLIGHT, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "%s", o->here.why);
}

/* The owner by a person's word. */
static int force(struct owners *o)
{
	if (le32_to_cpu(o->ok.role) != DMM_HO_SOURCE || !is(o, DMM_STATES(DMM_HO_RELINQUISHED))) {
		dmm_next(o->t, "dmmigrate recover %s", o->hex);
		return failed(o, DMM_EXIT_PREFLIGHT, "--force-owner is for a source that has given its disks up and "
			      "got no answer");
	}
	if (strcmp((const char *)o->ok.device, o->t->args.force_owner)) {
		dmm_next(o->t, "dmmigrate recover %s --force-owner %s (once %s is certainly off)", o->hex,
			 (const char *)o->ok.device, (const char *)o->ok.peer);
		return failed(o, DMM_EXIT_PREFLIGHT, "'%s' is not the name of this migration's device",
			      o->t->args.force_owner);
	}
	if (ask(o, DMM_GROUP_FORCE, DMM_STATES(DMM_HO_ACTIVE), SLICE_MS))
		return forced_not(o);
	if (!is(o, DMM_STATES(DMM_HO_ACTIVE)))
		return failed(o, DMM_EXIT_LOCAL, "it could not be forced");
	return done(o, "the source owns the disks, by your word; what was written at the destination is void");
}

static int recover_source(struct owners *o)
{
	const u32 ends = DMM_STATES(DMM_HO_ACTIVE) | DMM_STATES(DMM_HO_RELEASED);

	/* given up, and nobody goes on with it: ask for the disks back, or hear that they are in use */
	if (!is(o, ends) && ask(o, DMM_GROUP_ABORT, ends, ANSWER_MS))
		return no_answer(o);
	if (is(o, DMM_STATES(DMM_HO_ACTIVE))) {
		if (o->ok.why[0] && !(le32_to_cpu(o->ok.flags) & DMM_GROUP_UNMARKED))
			dmm_note(o->t, "%s", (const char *)o->ok.why);
		return done(o, "the source owns the disks");
	}
	if (is(o, DMM_STATES(DMM_HO_RELEASED)))
		return done(o, "the destination owns the disks");
	return ambiguous(o);
}

static int recover_dest(struct owners *o)
{
	const u32 running = DMM_STATES(DMM_HO_RUNNING);

	if (is(o, running) && le32_to_cpu(o->ok.flags) & DMM_GROUP_NEEDS_PEER &&
	    ask(o, DMM_GROUP_STATUS, DMM_STATES(DMM_HO_SETTLED) | DMM_STATES(DMM_HO_REFUSED), ANSWER_MS))
		return no_answer(o);
	if (is(o, DMM_STATES(DMM_HO_LOST)) &&
	    ask(o, DMM_GROUP_STATUS, DMM_STATES(DMM_HO_SETTLED) | DMM_STATES(DMM_HO_REFUSED), ANSWER_MS))
		return no_answer(o);
	if (le32_to_cpu(o->ok.flags) & DMM_GROUP_NEEDS_PEER)
		return ambiguous(o);
	if (is(o, DMM_STATES(DMM_HO_OWNED))) {
		/* no writer was let write, and nobody goes on with it */
		if (ask(o, DMM_GROUP_RETURN, DMM_STATES(DMM_HO_REFUSED), SLICE_MS))
			return no_answer(o);
	}
	if (is(o, running | DMM_STATES(DMM_HO_SETTLED)))
		return done(o, "the destination owns the disks; should the writer not run here, and have written "
			    "nothing: dmmigrate return");
	return done(o, "the source owns the disks");
}

static int do_recover(struct owners *o)
{
	if (ask(o, DMM_GROUP_STATUS, 0, 0))
		return no_answer(o);
	if (o->t->args.force_owner)
		return force(o);
	return le32_to_cpu(o->ok.role) == DMM_HO_SOURCE ? recover_source(o) : recover_dest(o);
}

/* All that have a part here; the worst of their exit codes. */
static int recover_all(struct dmm_tool *t)
{
	static const char *const dirs[] = {
		[DMM_HO_SOURCE] = DMM_JOURNAL_DIR "/source", [DMM_HO_DEST] = DMM_JOURNAL_DIR "/destination",
	};
	struct owners o = { .t = t };
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
	return t->args.nr_operands ? with_id(t, do_recover) : recover_all(t);
}

static const struct dmm_option recover_options[] = {
	DMM_OPTION("force-owner", TEXT, force_owner, "NAME",
		   "the destination is certainly off, and stays so: the source owns the disks, whose\n"
		   "device is called NAME.  What was written at the destination is lost"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

const struct dmm_verb dmm_verb_recover = {
	.name = "recover",
	.operands = "[ID]",
	.brief = "on either host, after any crash: find out who owns the disks, and go there\n\n"
		 "Without ID: of all migrations.  Exit code 9 where nobody can know unless the other host answers:\n"
		 "see \"Exit code 9\" in handover.rst before anything is forced.",
	.options = recover_options,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_recover,
};

/* --- release --- */

static int release_not_gone(struct owners *o, bool useless, const char *device)
{
	if (useless)
		return dmm_usage(o->t, "--source-gone is for a destination whose hand-over was refused");
	return dmm_usage(o->t, "--source-gone names the device here, '%.128s', to be sure that this migration is meant", device);
}

static int do_release(struct owners *o)
{
	char device[sizeof(o->ok.device)];
	bool attached, source, unused;
	u64 origins;

	if (ask(o, DMM_GROUP_STATUS, 0, 0))
		return no_answer(o);
	/* where that cannot be found out it counts as attached */
	attached = dmm_source_origins(o->id, &origins) || origins;
	/* what was never handed over may go, too, where nothing is attached to it any more */
	unused = is(o, DMM_STATES(DMM_HO_RECEIVING) | DMM_STATES(DMM_HO_REFUSED)) ||
		 (is(o, DMM_STATES(DMM_HO_ACTIVE)) && !attached);
	if (!unused && !is(o, DMM_STATES(DMM_HO_RELEASED) | DMM_STATES(DMM_HO_SETTLED))) {
		dmm_next(o->t, is(o, DMM_STATES(DMM_HO_ACTIVE)) ? "dmmigrate cancel %s" : "dmmigrate recover %s", o->hex);
		return failed(o, DMM_EXIT_PREFLIGHT, "its hand-over has not come to its end");
	}
	if (is(o, DMM_STATES(DMM_HO_RELEASED)) && attached) {
		o->t->args.yes = true;
		return dmm_clean_operand(o->t);
	}
	if (is(o, DMM_STATES(DMM_HO_RELEASED)) && dmm_owners_need_settled(o->t, o->id, &o->ok))
		return DMM_EXIT_TRANSPORT;
	snprintf(device, sizeof(device), "%s", (const char *)o->ok.device);
	source = le32_to_cpu(o->ok.role) == DMM_HO_SOURCE;
	if (o->t->args.source_gone && (source || !unused || strcmp(o->t->args.source_gone, device)))
		return release_not_gone(o, source || !unused, device);
	if (dmm_owners_drop(o->t, &o->here, o->id, o->role, o->t->args.source_gone, &o->ok)) {
		if (o->here.code == DMM_WERR_BUSY && unused && !source)
			dmm_next(o->t, "dmmigrate status, on the source's host; or --source-gone %s", *device ? device : o->hex);
		return dmm_fail(o->t, o->here.exit == DMM_EXIT_TRANSPORT ? DMM_EXIT_LOCAL : o->here.exit,
				dmm_owners_of(&o->ok), DMM_USE_UNKNOWN, "%s", o->here.why);
	}
	dmm_result_text(o->t, "migration", o->hex);
	if (unused)
		dmm_say(o->t, "%s is forgotten here, with its gate if it had one; the source owns the data.", o->hex);
	else if (source)	/* rebooted since */
		dmm_say(o->t, "%s is forgotten here; its disk keeps its contents, which are old.", o->hex);
	else
		dmm_say(o->t, "%s is forgotten here; %s stays as it is until the next reboot: have the writer use the "
			"volume itself from then on.", o->hex, *device ? device : "the volume");
	return DMM_EXIT_OK;
}

static int cmd_release(struct dmm_tool *t)
{
	return with_id(t, do_release);
}

static const struct dmm_option release_options[] = {
	DMM_OPTION("source-gone", TEXT, source_gone, "NAME",
		   "the source's host is gone for good, or has cancelled: its guest waits for no answer of this\n"
		   "host, whose device is called NAME"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

const struct dmm_verb dmm_verb_release = {
	.name = "release",
	.operands = "ID",
	.brief = "after a hand-over: give up what is kept of it on this host\n\n"
		 "At the source its device, whose disk keeps its contents; at the destination the journal, and of a\n"
		 "migration that was abandoned the gate.",
	.options = release_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_release,
};
