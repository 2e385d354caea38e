// SPDX-License-Identifier: GPL-2.0
/*
 * doctor: can disks, or a whole VM, move from here, to that host?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "commands.h"
#include "doctor.h"
#include "status_json.h"

static const struct dmm_option doctor_options[] = {
	DMM_OPTION("domain", TEXT, domain, "DOMAIN", "whether this VM, a domain of xl's by name or number, can move"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_PLAINTEXT,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

static struct json_object *finding_json(const struct dmm_finding *f)
{
	struct json_object *o = json_object_new_object(), *figures = json_object_new_object();
	unsigned int i;

	json_object_object_add(o, "rule", dmm_json_text(f->rule));
	json_object_object_add(o, "where", dmm_json_text(f->where));
	json_object_object_add(o, "level", dmm_json_text(dmm_level_name(f->level)));
	json_object_object_add(o, "text", dmm_json_text(f->text));
	json_object_object_add(o, "mend", dmm_json_text(*f->mend ? f->mend : NULL));
	for (i = 0; i < f->nr_figures; i++)
		json_object_object_add(figures, f->figures[i].key, json_object_new_uint64(f->figures[i].value));
	json_object_object_add(o, "figures", figures);
	return o;
}

static void show(struct dmm_tool *t, const struct dmm_findings *o)
{
	static const char *const words[] = { "OK", "WARN", "FAIL" };
	struct json_object *list = json_object_new_array();
	const struct dmm_finding *f;
	unsigned int i;

	dmm_result_add(t, "findings", list);
	for (i = 0; i < o->nr; i++) {
		f = &o->list[i];
		json_object_array_add(list, finding_json(f));
		dmm_say(t, "%-4s  %-7s  %-13s  %s", words[f->level], f->where, f->rule, f->text);
		if (*f->mend)
			dmm_say(t, "%30s-> %s", "", f->mend);
	}
	dmm_result_u64(t, "ok", o->of[DMM_LEVEL_OK]);
	dmm_result_u64(t, "warn", o->of[DMM_LEVEL_WARN]);
	dmm_result_u64(t, "fail", o->of[DMM_LEVEL_FAIL]);
	dmm_say(t, "%u OK, %u WARN, %u FAIL", o->of[DMM_LEVEL_OK], o->of[DMM_LEVEL_WARN], o->of[DMM_LEVEL_FAIL]);
}

static int cmd_doctor(struct dmm_tool *t)
{
	dmm_autofree struct dmm_checkup *c = malloc(sizeof(*c));
	struct dmm_target to = { .port = DMM_DEFAULT_PORT, .plaintext = t->args.insecure_plaintext };
	bool peer = t->args.nr_operands;
	struct dmm_findings found = { 0 };
	const char *why = NULL;
	int code;

	if (peer && dmm_parse_hostport(t->args.operands[0], to.host, &to.port, &why))
		return dmm_usage(t, "'%.64s' is not HOST[:PORT]: %s", t->args.operands[0], why);
	if (!c)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	dmm_doctor_gather(t, peer ? &to : NULL, t->args.domain, c);
	dmm_doctor_judge(c, &found);
	dmm_result_text(t, "host", peer ? c->there.name : NULL);
	dmm_result_text(t, "domain", t->args.domain);
	show(t, &found);
	code = found.of[DMM_LEVEL_FAIL] ? DMM_EXIT_PREFLIGHT : DMM_EXIT_OK;
	dmm_findings_clear(&found);
	return code;
}

const struct dmm_verb dmm_verb_doctor = {
	.name = "doctor",
	.operands = "[HOST[:PORT]]",
	.brief = "say what is in the way of a migration, and what mends it\n\n"
		 "Looks at this host, at HOST, whose daemon is asked, and at a VM (--domain), and changes\n"
		 "nothing.  Each finding is a line: OK, WARN or FAIL, where, by which rule, what was found;\n"
		 "below it what to do about it.  Exit code 3 when something FAILs.",
	.options = doctor_options,
	.max_operands = 1,
	.run = cmd_doctor,
};
