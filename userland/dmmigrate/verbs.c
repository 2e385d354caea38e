// SPDX-License-Identifier: GPL-2.0
/*
 * The table of verbs, and the help that comes out of it.
 */
#include <string.h>

#include "commands.h"

const struct dmm_verb *const dmm_verbs[] = {
	&dmm_verb_doctor,
	&dmm_verb_plan,
	&dmm_verb_vm,
	&dmm_verb_start,
	&dmm_verb_status,
	&dmm_verb_list,
	&dmm_verb_watch,
	&dmm_verb_wait,
	&dmm_verb_pause,
	&dmm_verb_resume,
	&dmm_verb_throttle,
	&dmm_verb_cutover,
	&dmm_verb_acquire,
	&dmm_verb_run,
	&dmm_verb_return,
	&dmm_verb_recover,
	&dmm_verb_release,
	&dmm_verb_verify,
	&dmm_verb_cancel,
	&dmm_verb_clean,
	&dmm_verb_copy,
	&dmm_verb_device,
	&dmm_verb_vdi,
	&dmm_verb_keys,
	&dmm_verb_version,
	NULL
};

const struct dmm_verb *dmm_verb_find(const char *name)
{
	unsigned int i;

	for (i = 0; dmm_verbs[i]; i++) {
		if (!strcmp(dmm_verbs[i]->name, name))
			return dmm_verbs[i];
	}
	return NULL;
}

static void help_exit_codes(FILE *f)
{
	int code;

	fprintf(f, "\nExit codes:\n");
	for (code = 0; code <= DMM_EXIT_DIFFERENCE; code++) {
		if (dmm_exit_text(code))
			fprintf(f, "  %2d  %s\n", code, dmm_exit_text(code));
	}
}

void dmm_verb_help(const struct dmm_verb *v)
{
	printf("Usage: dmmigrate %s [OPTION]... %s\n\n%s\n\nOptions:\n", v->name, v->operands,
	       v->brief);
	dmm_options_help(stdout, v->options);
	help_exit_codes(stdout);
}

void dmm_help(FILE *f)
{
	const char *end;
	unsigned int i;

	fprintf(f, "Usage: dmmigrate VERB [OPTION]... [OPERAND]...\n\n"
		   "Moves a device-mapper device, or a Xen domain, live, to another host.\n\nVerbs:\n");
	for (i = 0; dmm_verbs[i]; i++) {
		end = strchr(dmm_verbs[i]->brief, '\n');
		fprintf(f, "  %-9s %.*s\n", dmm_verbs[i]->name,
			end ? (int)(end - dmm_verbs[i]->brief) : (int)strlen(dmm_verbs[i]->brief),
			dmm_verbs[i]->brief);
	}
	fprintf(f, "\nSOURCE is a device-mapper device (name, /dev/mapper/NAME, /dev/VG/LV, /dev/dm-N)\n"
		   "or the id of a migration.  'dmmigrate VERB --help' tells the rest.\n");
	help_exit_codes(f);
}
