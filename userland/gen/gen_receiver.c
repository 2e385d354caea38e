// SPDX-License-Identifier: GPL-2.0
/*
 * What the receiver's table of settings says, for manual pages and completion.
 */
#include <string.h>

#include "dmmigrated/options.h"
#include "dmmigrated/version.h"
#include "gen.h"

/* "help text (default)": where the default begins, or the end. */
static const char *help_default(const char *help)
{
	size_t n = strlen(help);
	const char *open = strrchr(help, '(');

	return n && help[n - 1] == ')' && open ? open : help + n;
}

static void man_help(FILE *f, const struct dmm_setting *s)
{
	const char *def = help_default(s->help);
	const char *choice;
	char text[512];
	unsigned int i;

	snprintf(text, sizeof(text), "%.*s", (int)(def - s->help), s->help);
	while (*text && text[strlen(text) - 1] == ' ')
		text[strlen(text) - 1] = '\0';
	fputc('\t', f);
	dmm_gen_scdoc_sentence(f, text);
	if (dmm_setting_choice(s, 0)) {
		fputs(" One of", f);
		for (i = 0; (choice = dmm_setting_choice(s, i)); i++)
			fprintf(f, "%s *%s*", i ? "," : "", choice);
		fputs(".", f);
	}
	if (*def) {
		snprintf(text, sizeof(text), "%.*s", (int)strlen(def) - 2, def + 1);
		fputs(" Default: ", f);
		dmm_gen_scdoc(f, text);
		fputs(".", f);
	}
	fputs("\n\n", f);
}

static void man_options(FILE *f)
{
	const struct dmm_setting *s;
	char name[32];
	unsigned int i;

	for (i = 0; (s = dmm_setting_get(i)); i++) {
		if (s->config_only)
			continue;
		dmm_setting_option(s->name, name);
		if (s->letter)
			fprintf(f, "*-%c*, ", s->letter);
		fprintf(f, "*--%s*", name);
		if (s->arg)
			fprintf(f, " _%s_", s->arg);
		fputc('\n', f);
		man_help(f, s);
	}
}

static void man_keys(FILE *f)
{
	const struct dmm_setting *s;
	unsigned int i;

	for (i = 0; (s = dmm_setting_get(i)); i++) {
		if (s->option_only)
			continue;
		fputc('*', f);
		dmm_gen_scdoc(f, s->name);
		fprintf(f, "* = _%s_\n", s->arg);
		man_help(f, s);
	}
}

static const char *setting_kind(const struct dmm_setting *s)
{
	return !strcmp(s->arg, "FILE") || !strcmp(s->arg, "GLOB") ? "file" :
	       !strcmp(s->arg, "ADDRESS") ? "address" : !strcmp(s->arg, "SIZE") ? "size" : "text";
}

static void bash_options(FILE *f)
{
	const struct dmm_setting *s;
	const char *choice;
	unsigned int i, j;
	char name[32];

	fputs("# what an option takes: nothing, a kind of value, or =WORD=WORD\n"
	      "declare -gA _dmmigrated_options=(\n", f);
	for (i = 0; (s = dmm_setting_get(i)); i++) {
		if (s->config_only)
			continue;
		dmm_setting_option(s->name, name);
		for (j = 0; j < (s->letter ? 2 : 1); j++) {
			unsigned int k;

			if (j)
				fprintf(f, "\t[-%c]='", s->letter);
			else
				fprintf(f, "\t[--%s]='", name);
			for (k = 0; (choice = dmm_setting_choice(s, k)); k++)
				fprintf(f, "=%s", choice);
			fprintf(f, "%s'\n", k || !s->arg ? "" : setting_kind(s));
		}
	}
	fputs("\t[--help]='' [-h]='' [--version]='' [-V]=''\n)\n", f);
}

static void zsh_options(FILE *f)
{
	const struct dmm_setting *s;
	const char *choice;
	unsigned int i, k;
	char name[32];

	for (i = 0; (s = dmm_setting_get(i)); i++) {
		if (s->config_only)
			continue;
		dmm_setting_option(s->name, name);
		fprintf(f, "\t'*--%s[", name);
		dmm_gen_zsh(f, s->help);
		fputc(']', f);
		if (dmm_setting_choice(s, 0)) {
			fprintf(f, ":%s:(", s->name);
			for (k = 0; (choice = dmm_setting_choice(s, k)); k++)
				fprintf(f, "%s%s", k ? " " : "", choice);
			fputc(')', f);
		} else if (s->arg) {
			fprintf(f, ":%s:%s", s->name, !strcmp(setting_kind(s), "file") ? "_files" : " ");
		}
		fputs("' \\\n", f);
	}
	fputs("\t'--help[print the help]' \\\n\t'--version[print the version]'\n", f);
}

int main(int argc, char **argv)
{
	static const struct dmm_gen_key keys[] = {
		{ "options", man_options },
		{ "keys", man_keys },
		{ "bash-options", bash_options },
		{ "zsh-options", zsh_options },
		{ NULL, NULL }
	};

	return dmm_gen_run(argc, argv, DMM_VERSION, keys);
}
