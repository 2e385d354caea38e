// SPDX-License-Identifier: GPL-2.0
/*
 * clean: lists what migrations left on this host and its peers; removes what may go, or what is named; after a
 * cutover gives the source up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "attach.h"
#include "awake.h"
#include "clean.h"
#include "cleanup.h"
#include "commands.h"
#include "core/state.h"
#include "group.h"
#include "owners.h"
#include "standing.h"
#include "status_json.h"

static const struct dmm_option clean_options[] = {
	DMM_OPTION("all", FLAG, all, NULL, "remove all leftovers of this host that no disk depends on, and say why the others are kept"),
	DMM_OPTION("peer", TEXT, peer, "HOST[:PORT]",
		   "the other host to list, too (default: those that the journals of this one name)"),
	DMM_OPTION("yes", FLAG, yes, NULL, "give up a cut-over source, or remove all, without asking"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static struct json_object *entry_json(const struct dmm_clean_entry *e)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "host", *e->host ? dmm_json_text(e->host) : NULL);
	json_object_object_add(o, "kind", dmm_json_text(e->kind));
	json_object_object_add(o, "name", dmm_json_text(e->name));
	json_object_object_add(o, "migration", dmm_json_text(e->hex));
	json_object_object_add(o, "reason", *e->why ? dmm_json_text(e->why) : NULL);
	json_object_object_add(o, "action", *e->action ? dmm_json_text(e->action) : NULL);
	json_object_object_add(o, "removable", json_object_new_boolean(e->how != DMM_CLEAN_KEPT));
	json_object_object_add(o, "removed", json_object_new_boolean(e->removed));
	return o;
}

/* A line for each that is found. */
static void say_entry(struct dmm_tool *t, const struct dmm_clean_entry *e)
{
	const char *what = !t->args.all || *e->host ? "" : e->removed ? "removed: " : e->how == DMM_CLEAN_KEPT ? "kept: " : "not removed: ";

	dmm_say(t, "%s%s %s (migration %s)%s%s%s%s%s%s", what, e->kind, e->name, e->hex, *e->host ? " at " : "", e->host,
		*e->why ? ": " : "", e->why, *e->action && !e->removed ? *e->host ? "; there: " : *e->why ? "; " : ": " : "",
		e->removed ? "" : e->action);
}

static int clean_all(struct dmm_tool *t, struct dmm_clean_list *l)
{
	unsigned int i, may = 0;

	for (i = 0; i < l->nr; i++)
		may += l->entries[i].how != DMM_CLEAN_KEPT && !*l->entries[i].host;
	if (!may)
		return 0;
	if (!t->args.yes) {
		for (i = 0; i < l->nr; i++) {
			if (l->entries[i].how != DMM_CLEAN_KEPT && !*l->entries[i].host)
				dmm_say(t, "%s %s (migration %s)", l->entries[i].kind, l->entries[i].name, l->entries[i].hex);
		}
		if (!dmm_confirm(t, "all", "These leftovers of this host are removed.")) {
			dmm_note(t, "nothing was removed: that needs a confirmation; next: dmmigrate clean --all --yes");
			return DMM_EXIT_PREFLIGHT;
		}
	}
	dmm_signals_block();
	return dmm_clean_remove(t, l);
}

static int clean_list(struct dmm_tool *t)
{
	struct json_object *list = json_object_new_array();
	struct dmm_clean_list l = { .nr = 0 };
	int err = 0, code, ret;
	unsigned int i;

	dmm_result_add(t, "leftovers", list);
	code = dmm_clean_find(t, &l, &err);
	t->source[0] = '\0';
	if (err) {
		dmm_clean_clear(&l);
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"cannot look for leftovers: %s%s%s", strerror(-err),
				*dmm_dm_reason() ? ": " : "", dmm_dm_reason());
	}
	ret = dmm_clean_ask(t, &l);
	code = code ? code : ret;
	if (t->args.all) {
		ret = clean_all(t, &l);
		code = code ? code : ret;
		t->source[0] = '\0';
	}
	for (i = 0; i < l.nr; i++) {
		json_object_array_add(list, entry_json(&l.entries[i]));
		say_entry(t, &l.entries[i]);
	}
	if (!l.nr && !code)
		dmm_say(t, "no leftovers");
	dmm_clean_clear(&l);
	return code;
}

/* How to look at the old contents. @table is torn to lines. */
static void say_old_table(struct dmm_tool *t, char *table, bool secret)
{
	char *line, *save = NULL;

	dmm_say(t, "Its old contents are untouched.  To look at them, after 'dmsetup remove %s':",
		t->source);
	dmm_say(t, "  dmsetup create --readonly %s-old <<EOF", t->source);
	for (line = table ? strtok_r(table, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save))
		dmm_say(t, "%s", line);
	dmm_say(t, "EOF");
	if (secret)
		dmm_say(t, "(the key of the crypt target is shown as zeros: put the real one in)");
}

static int clean_release(struct dmm_tool *t, const struct dmm_source *s, u64 epoch)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_RELEASE, .dev = dmm_source_dev(s), .epoch = epoch,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_EPOCH),
	};
	int ret = dmm_nl_do(t->nl, &req);

	if (!ret)
		return 0;
	dmm_next(t, "dmmigrate status %s", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_DEST, DMM_USE_COMMITTED,
			"the kernel does not release it: %s", dmm_nl_text(t, ret));
}

/*
 * By the journals it is the destination's?  *known: they say so; without a journal a person has to. 0 or an exit code.
 */
static int clean_need_released(struct dmm_tool *t, const struct dmm_source *s, bool *known)
{
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;
	int ret;

	ret = dmm_owners_source_status(t, &here, s->id, &ok);
	*known = !ret && dmm_owners_is(&ok, DMM_STATES(DMM_HO_RELEASED));
	if (*known)
		return dmm_owners_need_settled(t, s->id, &ok);
	if (ret && here.code == DMM_WERR_NOTFOUND)
		return 0;
	dmm_next(t, "dmmigrate recover %s", s->hex);
	if (ret)
		return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED, "%s", here.why);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_COMMITTED,
			"the destination is not known to own it: the source is %s",
			dmm_ho_state_name(dmm_owners_state(&ok)));
}

/*
 * After the cutover: the source's table goes, its disk stays.  Where the committed table was
 * loaded anew the target knows nothing of a commit (@info), but the record does.
 */
static int clean_cut_over(struct dmm_tool *t, struct dmm_source *s, const struct dmm_nl_info *info)
{
	dmm_autofree char *table = dmm_dm_table_format(&s->origin_table, false);
	bool secret = dmm_dm_table_secret(&s->origin_table);
	bool known;
	int ret;

	ret = clean_need_released(t, s, &known);
	if (ret)
		return ret;
	if (!t->args.yes &&
	    !dmm_confirm(t, t->source, known ?
			 "The destination owns the data.  Every further read and write of the source\n"
			 "device will fail; its disk is kept as it is." :
			 "It has committed, and the journal of this host knows nothing of it.  Every further read\n"
			 "and write of the source device will fail; its disk is kept as it is.")) {
		dmm_next(t, "dmmigrate clean --yes %s%s", t->source, known ? "" :
			 " (once the destination is known to have the data)");
		return dmm_fail(t, known ? DMM_EXIT_PREFLIGHT : DMM_EXIT_AMBIGUOUS,
				known ? DMM_OWNER_DEST : DMM_OWNER_UNKNOWN,
				dmm_standing_use(info->state),
				"giving up the source needs a confirmation");
	}
	dmm_signals_block();
	if (info->state == DMM_STATE_COMMITTED) {
		ret = clean_release(t, s, info->epoch);
		if (ret)
			return ret;
	}
	ret = dmm_give_up(t, s);
	if (ret)
		return ret;
	dmm_forget(t, s);
	dmm_result_text(t, "source_device", "error");
	dmm_result_text(t, "owner", "destination");
	dmm_result_text(t, "original_table", table);
	dmm_say(t, "The source is given up: %s has the error target now.", t->source);
	say_old_table(t, table, secret);
	return DMM_EXIT_OK;
}

static int clean_source(struct dmm_tool *t, struct dmm_source *s)
{
	struct dmm_nl_info info = { .state = DMM_STATE_IDLE };
	bool restored = false, cut_over = false;
	enum dmm_journal_says says;
	dmm_autofree char *table = NULL;
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	if (!s->migrate && !s->inactive_ours && !s->has_origin && !s->has_record &&
	    !s->record_damaged) {
		dmm_say(t, "no leftovers of %s", t->source);
		return DMM_EXIT_OK;
	}
	ret = dmm_source_lock(t, s);
	if (!ret)
		ret = dmm_vdi_elsewhere(t, s);
	if (!ret && s->migrate)
		ret = dmm_source_info(t, s, &info);
	if (ret)
		return ret;
	if (!s->migrate || info.state == DMM_STATE_IDLE) {
		says = dmm_source_journal(t, s);
		if (says == DMM_JOURNAL_UNANSWERED)	/* the old disk is not put back into use by mistake */
			return dmm_source_unanswered(t);
		cut_over = says == DMM_JOURNAL_DEST || says == DMM_JOURNAL_NOBODY;
	}
	if (s->ours && (dmm_state_is_cut(info.state) || cut_over))
		return clean_cut_over(t, s, &info);
	if (s->migrate && info.state != DMM_STATE_IDLE) {
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
				"that is no leftover but a migration (%s)",
				dmm_state_name(info.state));
	}
	dmm_signals_block();
	dmm_source_verdict(t, s, &owner, &use);
	if (s->origin_table.nr)
		table = dmm_dm_table_format(&s->origin_table, false);
	else if (s->has_record && s->record.table)
		table = strdup(s->record.table);
	ret = dmm_detach(t, s, &restored);
	if (ret)
		return ret;
	dmm_forget(t, s);
	dmm_result_text(t, "source_device", restored ? "restored" : use == DMM_USE_GIVEN_UP ?
			"error" : "unchanged");
	if (use == DMM_USE_GIVEN_UP || cut_over)
		dmm_result_text(t, "original_table", table);
	if (cut_over && use != DMM_USE_GIVEN_UP)
		dmm_note(t, "%s was cut over to %s:%s: do not start the writer here as well", t->source,
			 s->record.to.host, s->record.to.path);
	if (use == DMM_USE_GIVEN_UP) {
		dmm_say(t, "The leftovers of %s are removed; it is given up, the destination owns the "
			"data.", t->source);
		say_old_table(t, table, table && strstr(table, " crypt "));
	} else if (restored)
		dmm_say(t, "%s has its original table again; the leftovers are removed.", t->source);
	else
		dmm_say(t, "The leftovers of %s are removed; its table was not touched.", t->source);
	return DMM_EXIT_OK;
}

int dmm_clean_operand(struct dmm_tool *t)
{
	struct dmm_group g;
	int ret;

	ret = dmm_group_open(t, t->args.operands[0], &g);
	if (!ret)
		ret = dmm_group_each(t, &g, clean_source);
	if (!ret) {
		dmm_result_text(t, "source", t->source);
		dmm_result_text(t, "migration", g.disks[g.named].has_id ? g.disks[g.named].hex : NULL);
	}
	dmm_group_clear(&g);
	return ret;
}

static int cmd_clean(struct dmm_tool *t)
{
	if (t->args.nr_operands && (t->args.all || t->args.peer))
		return dmm_usage(t, "%s is about all migrations: without SOURCE or ID", t->args.all ? "--all" : "--peer");
	return t->args.nr_operands ? dmm_clean_operand(t) : clean_list(t);
}

const struct dmm_verb dmm_verb_clean = {
	.name = "clean",
	.operands = "[SOURCE|ID]",
	.brief = "list what migrations left on this host and its peers, or remove what is named\n\n"
		 "Devices, journals, volumes, configurations and domains: what each is, and which command decides about it.\n"
		 "--all removes here what no disk depends on: never what may be the only good copy, nor the journal, gate or\n"
		 "fence of a hand-over that is open.  What is the other host's is removed there.\n"
		 "What is named goes with all disks of its migration, whichever is named.\n"
		 "After a cutover it gives the source up: its table becomes the error target, so that\n"
		 "nothing can use the old copy by mistake.  The disk's contents stay as they are.",
	.options = clean_options,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_clean,
};
