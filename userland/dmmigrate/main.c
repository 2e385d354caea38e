// SPDX-License-Identifier: GPL-2.0
/*
 * dmmigrate: finds the verb, checks the command line by its table, runs it,
 * prints its result.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "commands.h"
#include "dm.h"
#include "nl.h"
#include "platform/xl.h"
#include "remote.h"

static int run_verb(struct dmm_tool *t, int argc, char **argv)
{
	char why[256];
	int code;

	if (dmm_options_parse(t->verb->options, argc, argv, &t->args, why, sizeof(why)))
		return dmm_usage(t, "%s", why);
	if (t->args.help) {
		dmm_verb_help(t->verb);
		t->result_printed = true;
		return DMM_EXIT_OK;
	}
	if (t->args.nr_operands < t->verb->min_operands)
		return dmm_usage(t, "%s missing: %s",
				 t->args.nr_operands ? "an operand is" : "operands are",
				 t->verb->operands);
	if (t->args.nr_operands > t->verb->max_operands)
		return dmm_usage(t, "'%.64s' is one operand too many",
				 t->args.operands[t->verb->max_operands]);
	if (dmm_remote_security(t->args.keys, t->args.tls))
		return dmm_usage(t, "--tls '%.64s' is not auto, kernel or relay", t->args.tls);
	if (t->verb->needs_root && geteuid()) {
		dmm_next(t, "sudo dmmigrate %s ...", t->verb->name);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"only root may do this");
	}
	dmm_dm_init();
	code = t->verb->run(t);
	if (dmm_dm_udev_late())
		dmm_note(t, "udev did not answer in time and was not waited for: names in /dev may be late, see "
			 "systemctl status systemd-udevd");
	return code;
}

int main(int argc, char **argv)
{
	struct dmm_tool t = { 0 };
	const char *name = argc > 1 ? argv[1] : NULL;
	bool json = false;
	int code, i;

	dmm_tls_main(argc, argv);
	dmm_stop_list();
	if (argc == 3 && !strcmp(argv[1], DMM_XL_TRANSPORT))
		return dmm_xl_transport(argv[2]);
	if (!name || !strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		t.verb = argc > 2 ? dmm_verb_find(argv[2]) : NULL;
		if (t.verb)
			dmm_verb_help(t.verb);
		else
			dmm_help(name ? stdout : stderr);
		return name ? DMM_EXIT_OK : DMM_EXIT_USAGE;
	}
	t.verb = dmm_verb_find(!strcmp(name, "--version") ? "version" : name);
	if (!t.verb) {
		fprintf(stderr, "dmmigrate: there is no verb '%.64s'; see dmmigrate --help\n", name);
		return DMM_EXIT_USAGE;
	}
	t.result = json_object_new_object();
	for (i = 2; i < argc; i++)	/* also for an error before the option is reached */
		json |= !strcmp(argv[i], "--json");
	code = run_verb(&t, argc - 1, argv + 1);
	dmm_progress_end(&t);
	if ((t.args.json || (json && code == DMM_EXIT_USAGE)) && !t.result_printed) {
		dmm_result_u64(&t, "exit_code", code);
		dmm_print_json(&t, json_object_get(t.result));
	}
	json_object_put(t.result);
	dmm_nl_close(t.nl);
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "dmmigrate: %s: cannot write the output\n", t.verb->name);
		/* a script that takes a cutover for failed would start the writer here again */
		return code || t.verb == &dmm_verb_cutover ? code : DMM_EXIT_LOCAL;
	}
	return code;
}
