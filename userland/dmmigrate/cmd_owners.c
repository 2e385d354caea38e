// SPDX-License-Identifier: GPL-2.0
/*
 * acquire, run, return, release: the hand-over, step by step, on the host where it is to be done.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd_owners.h"
#include "fullio.h"
#include "source.h"

#define ACQUIRE_DEFAULT_MS	30000u
#define AGAIN_MS		15000u	/* asking anew freezes the guest anew; the question may have been lost */

static const struct dmm_option plain_options[] = {
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* --- asking --- */

int dmm_own_no_answer(struct dmm_own *o)
{
	enum dmm_exit code = o->here.exit == DMM_EXIT_TRANSPORT ? DMM_EXIT_LOCAL : o->here.exit;

	if (o->here.code)
		dmm_next(o->t, "dmmigrate recover %s, on the other host", o->hex);
	else
		dmm_next(o->t, "systemctl status dmmigrated");
	return dmm_fail(o->t, code, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "%s", o->here.why);
}

int dmm_own_ask(struct dmm_own *o, enum dmm_wire_group_verb verb, u32 await, u32 await_ms)
{
	return dmm_owners_ask_here(o->t, &o->here, o->id, o->role, verb, await, await_ms, &o->ok);
}

/* As the answer says, or what the other host may still have to say. */
static const char *reason(const struct dmm_own *o)
{
	if (o->ok.why[0])
		return (const char *)o->ok.why;
	/* whose reasons do not come by the hand-over's messages */
	return le32_to_cpu(o->ok.flags) & DMM_GROUP_LINKED ? "the other host is connected, and has not done its part: dmmigrate status there says why" :
							      "the other host is not connected";
}

int dmm_own_failed(struct dmm_own *o, enum dmm_exit code, const char *fmt, ...)
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

int dmm_own_done(struct dmm_own *o, const char *text)
{
	char state[96];

	dmm_owners_describe(&o->ok, state, sizeof(state));
	dmm_result_text(o->t, "migration", o->hex);
	dmm_result_text(o->t, "role", le32_to_cpu(o->ok.role) == DMM_HO_SOURCE ? "source" : "destination");
	dmm_result_text(o->t, "state", dmm_ho_state_name(dmm_owners_state(&o->ok)));
	dmm_result_u64(o->t, "epoch", le64_to_cpu(o->ok.epoch));
	dmm_result_text(o->t, "owner", dmm_owner_name(dmm_owners_of(&o->ok)));
	dmm_say(o->t, "%s: %s (%s).", o->hex, text, state);
	if (le32_to_cpu(o->ok.flags) & (DMM_GROUP_UNMARKED | DMM_GROUP_UNPLACED) && o->ok.why[0])
		dmm_note(o->t, "%s", (const char *)o->ok.why);
	return DMM_EXIT_OK;
}

/* What the other side's journal may hold, and where to look. */
static const char *what_may_be(const struct dmm_own *o)
{
	bool lost = dmm_own_is(o, DMM_STATES(DMM_HO_LOST));

	if (le32_to_cpu(o->ok.role) == DMM_HO_SOURCE)
		return lost ? "this host has lost its journal: the writer may have run at the destination, or the source never gave up; look "
			      "at the destination's dmmigrate status first" :
			      "this host has given the disks up: the destination's journal may say that the writer ran there and has written, "
			      "or that it never got them; look at dmmigrate status there";
	return lost ? "this host has lost its journal: the writer may have run here, or never; look at the source's dmmigrate status first" :
		      "the writer ran here, and the source may have been forced back meanwhile; look at dmmigrate status there";
}

int dmm_own_ambiguous(struct dmm_own *o)
{
	bool source = le32_to_cpu(o->ok.role) == DMM_HO_SOURCE;

	dmm_next(o->t, "make %s reachable, then this again%s", o->ok.peer[0] ? (const char *)o->ok.peer :
		 "the other host", source && dmm_own_is(o, DMM_STATES(DMM_HO_RELINQUISHED)) ?
		 "; is it off for good: --force-owner, see dmmigrate recover --help" : "");
	return dmm_own_failed(o, DMM_EXIT_AMBIGUOUS, "nobody can know who owns the disks unless the other host answers: "
			      "start the writer on neither; %s", what_may_be(o));
}

int dmm_own_with_id(struct dmm_tool *t, int (*verb)(struct dmm_own *o))
{
	struct dmm_own o = { .t = t };
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
static int acquire_give_up(struct dmm_own *o, u64 timeout_ms)
{
	const u32 taken = DMM_STATES(DMM_HO_RUNNING) | DMM_STATES(DMM_HO_SETTLED);
	const u32 refused = DMM_STATES(DMM_HO_RECEIVING) | DMM_STATES(DMM_HO_REFUSED);
	u64 until_ms = dmm_now_ms() + DMM_OWN_ANSWER_MS;

	do {	/* its journal cannot be written, or so */
		if (dmm_own_ask(o, DMM_GROUP_RETURN, refused, DMM_OWN_SLICE_MS))
			return dmm_own_no_answer(o);
	} while (!dmm_own_is(o, taken | refused) && dmm_now_ms() < until_ms);
	dmm_next(o->t, dmm_own_is(o, taken) ? "dmmigrate status %s" :
		 "dmmigrate acquire %s (again), or dmmigrate status on the source's host", o->hex);
	return dmm_own_failed(o, le32_to_cpu(o->ok.flags) & DMM_GROUP_LINKED ? DMM_EXIT_ABORTED : DMM_EXIT_TRANSPORT,
			      dmm_signal_seen() ? "interrupted" : "not handed over within %llu ms", timeout_ms);
}

static int do_acquire(struct dmm_own *o)
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
		if (dmm_own_ask(o, again ? DMM_GROUP_ACQUIRE : DMM_GROUP_STATUS, owned,
				now_ms < until_ms ? (u32)dmm_min_u64(until_ms - now_ms, DMM_OWN_SLICE_MS) : 0))
			return dmm_own_no_answer(o);
		dmm_stop_at("acquire-asked");
		if (dmm_own_is(o, owned))
			dmm_stop_at("acquire-owned");
		if (dmm_own_is(o, owned) && !(le32_to_cpu(o->ok.flags) & DMM_GROUP_OWES))
			return dmm_own_done(o, "this host owns the disks");
		if (le32_to_cpu(o->ok.result) == DMM_GROUP_OVER) {
			dmm_next(o->t, "dmmigrate cancel, on the source's host, and begin a new migration");
			return dmm_own_failed(o, DMM_EXIT_ABORTED, "this migration cannot be handed over any more");
		}
		if (dmm_signal_seen() || dmm_now_ms() >= until_ms)
			return acquire_give_up(o, timeout_ms);
	}
}

static int cmd_acquire(struct dmm_tool *t)
{
	return dmm_own_with_id(t, do_acquire);
}

static const struct dmm_option acquire_options[] = {
	DMM_OPTION("timeout", TIME, timeout_ms, "TIME",
		   "give up after so long (default 30): what is under way then is refused, and the\n"
		   "source goes on"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
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

static int do_run(struct dmm_own *o)
{
	if (dmm_own_ask(o, DMM_GROUP_RUN, 0, 0))
		return dmm_own_no_answer(o);
	dmm_stop_at("run-opened");
	if (!dmm_own_is(o, DMM_STATES(DMM_HO_RUNNING) | DMM_STATES(DMM_HO_SETTLED)) ||
	    le32_to_cpu(o->ok.gate) != DMM_HO_GATE_OPEN || le32_to_cpu(o->ok.flags) & DMM_GROUP_OWES) {
		dmm_next(o->t, "dmmigrate recover %s", o->hex);
		return dmm_own_failed(o, dmm_owners_of(&o->ok) == DMM_OWNER_UNKNOWN ? DMM_EXIT_AMBIGUOUS : DMM_EXIT_PREFLIGHT,
				      "the disks are not to be written here");
	}
	if (o->t->args.unconfirmed)
		return dmm_own_done(o, "the gates are open; once the writer runs: dmmigrate run, again");
	if (dmm_own_ask(o, DMM_GROUP_RUNS, 0, 0))
		return dmm_own_no_answer(o);
	dmm_stop_at("run-confirmed");
	return dmm_own_done(o, "the writer runs here");
}

static int cmd_run(struct dmm_tool *t)
{
	return dmm_own_with_id(t, do_run);
}

static const struct dmm_option run_options[] = {
	DMM_OPTION("unconfirmed", FLAG, unconfirmed, NULL,
		   "only open the gates: the writer may still turn out not to run, see return"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
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

static int do_return(struct dmm_own *o)
{
	if (dmm_own_ask(o, DMM_GROUP_RETURN, DMM_STATES(DMM_HO_REFUSED), DMM_OWN_SLICE_MS))
		return dmm_own_no_answer(o);
	dmm_stop_at("return-asked");
	if (dmm_own_is(o, DMM_STATES(DMM_HO_REFUSED)))
		return dmm_own_done(o, "the source has the disks again");
	if (le32_to_cpu(o->ok.flags) & DMM_GROUP_NEEDS_PEER)
		return dmm_own_ambiguous(o);
	if (dmm_owners_kept(&o->ok)) {
		/* what would tell otherwise, a write through a gate, there is none of */
		if (!o->ok.disks) {
			dmm_next(o->t, "xl list, here: where %s runs, or has run, or nobody can tell, dmmigrate run %s; while xl migrate-receive "
				 "is there, dmmigrate return %s (again)", (const char *)o->ok.device, o->hex, o->hex);
			return dmm_own_failed(o, DMM_EXIT_AMBIGUOUS, "%s was not given back", (const char *)o->ok.device);
		}
		dmm_next(o->t, "dmmigrate return %s (again)", o->hex);
		return dmm_own_failed(o, DMM_EXIT_LOCAL, "it could not be given back");
	}
	if (dmm_own_is(o, DMM_STATES(DMM_HO_RUNNING) | DMM_STATES(DMM_HO_SETTLED))) {
		dmm_next(o->t, "dmmigrate run %s", o->hex);
		return dmm_own_failed(o, DMM_EXIT_PREFLIGHT, "there is no way back: the writer runs here, or has written");
	}
	dmm_next(o->t, "dmmigrate recover %s", o->hex);
	return dmm_own_failed(o, DMM_EXIT_PREFLIGHT, "there is nothing to return");
}

static int cmd_return(struct dmm_tool *t)
{
	return dmm_own_with_id(t, do_return);
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

/* --- release --- */

static int release_not_gone(struct dmm_own *o, bool useless, const char *device)
{
	if (useless)
		return dmm_usage(o->t, "--source-gone is for a destination whose hand-over was refused");
	return dmm_usage(o->t, "--source-gone names the device here, '%.128s', to be sure that this migration is meant", device);
}

static int do_release(struct dmm_own *o)
{
	char device[sizeof(o->ok.device)];
	bool attached, source, unused;
	u64 origins;

	if (dmm_own_ask(o, DMM_GROUP_STATUS, 0, 0))
		return dmm_own_no_answer(o);
	dmm_stop_at("release-asked");
	/* where that cannot be found out it counts as attached */
	attached = dmm_source_origins(o->id, &origins) || origins;
	/* what was never handed over may go, too, where nothing is attached to it any more */
	unused = dmm_own_is(o, DMM_STATES(DMM_HO_RECEIVING) | DMM_STATES(DMM_HO_REFUSED)) ||
		 (dmm_own_is(o, DMM_STATES(DMM_HO_ACTIVE)) && !attached) ||
		 (le32_to_cpu(o->ok.role) == DMM_HO_DEST && le32_to_cpu(o->ok.flags) & DMM_GROUP_NOT_BEGUN);
	if (!unused && !dmm_own_is(o, DMM_STATES(DMM_HO_RELEASED) | DMM_STATES(DMM_HO_SETTLED))) {
		dmm_next(o->t, dmm_own_is(o, DMM_STATES(DMM_HO_ACTIVE)) ? "dmmigrate cancel %s" : "dmmigrate recover %s", o->hex);
		return dmm_own_failed(o, DMM_EXIT_PREFLIGHT, "its hand-over has not come to its end");
	}
	if (dmm_own_is(o, DMM_STATES(DMM_HO_RELEASED)) && attached) {
		o->t->args.yes = true;
		return dmm_clean_operand(o->t);
	}
	if (dmm_own_is(o, DMM_STATES(DMM_HO_RELEASED)) && dmm_owners_need_settled(o->t, o->id, &o->ok))
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
	dmm_stop_at("release-dropped");
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

/* Of a disk that has moved on this host no daemon knows. */
static int cmd_release(struct dmm_tool *t)
{
	struct dmm_source s;
	struct dmm_vdi v;
	u8 id[DMM_ID_BYTES];
	int ret;

	if (dmm_id_parse(t->args.operands[0], id) || dmm_vdi_load(DMM_VDI_DIR, id, &v))
		return dmm_own_with_id(t, do_release);
	dmm_signals_block();
	ret = dmm_source_open(t, t->args.operands[0], &s);
	if (!ret)
		ret = dmm_source_lock(t, &s);
	if (!ret)
		ret = dmm_vdi_release(t, &s);
	dmm_source_clear(&s);
	return ret;
}

static const struct dmm_option release_options[] = {
	DMM_OPTION("source-gone", TEXT, source_gone, "NAME",
		   "the source's host is gone for good, or has cancelled: its guest waits for no answer of this\n"
		   "host, whose device is called NAME"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
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
