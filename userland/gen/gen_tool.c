// SPDX-License-Identifier: GPL-2.0
/*
 * What the tool's tables of verbs and options say, for manual page and completion.
 */
#include <string.h>

#include "dmmigrate/commands.h"
#include "dmmigrate/doctor.h"
#include "gen.h"

/* The kind of value that an option takes: a word that the completions know. */
static const char *option_kind(const struct dmm_option *o)
{
	switch (o->type) {
	case DMM_OPT_RATE:
		return "rate";
	case DMM_OPT_BLOCK:
		return "block";
	case DMM_OPT_TIME:
	case DMM_OPT_PERIOD:
		return "time";
	case DMM_OPT_MS:
	case DMM_OPT_FREEZE_MS:
		return "ms";
	case DMM_OPT_TEXT:
		return o->value && strstr(o->value, "CMD") ? "command" :
		       o->value && (strstr(o->value, "FILE") || strstr(o->value, "DEVICE")) ? "file" :
		       o->value && strstr(o->value, "DIR") ? "directory" :
		       o->value && strstr(o->value, "HOST") ? "host" : "text";
	default:
		return "text";
	}
}

/* What must be one of some words is in small letters: "init|show". */
static bool operand_is_choice(const char *s)
{
	return *s >= 'a' && *s <= 'z';
}

/* The same for the operand that begins at @s, which ends at a blank. */
static const char *operand_kind(const struct dmm_verb *v, const char *s)
{
	size_t n = strcspn(s, " ");

	if (memmem(s, n, "HOST", 4))
		return "target";
	if (memmem(s, n, "RATE", 4))
		return "rate";
	if (memmem(s, n, "FILE", 4))
		return "file";
	if (memmem(s, n, "DEVICE", 6))
		return "device";
	if (memmem(s, n, "SOURCE", 6))	/* where there is a target, the source is not one yet */
		return strstr(v->operands, "HOST") ? "device" : "migration";
	return "text";
}

static const char *operand_next(const char *s)
{
	s += strcspn(s, " ");
	return s + strspn(s, " ");
}

/* --- manual page --- */

static void man_synopsis(FILE *f)
{
	unsigned int i;

	for (i = 0; dmm_verbs[i]; i++) {
		fprintf(f, "*dmmigrate %s* \\[_OPTION_\\]...%s", dmm_verbs[i]->name,
			*dmm_verbs[i]->operands ? " " : "");
		dmm_gen_scdoc_operands(f, dmm_verbs[i]->operands);
		fputs(dmm_verbs[i + 1] ? "++\n" : "\n", f);
	}
}

static void man_option(FILE *f, const struct dmm_option *o)
{
	fprintf(f, "*--%s*", o->name);
	if (o->type == DMM_OPT_VERIFY) {
		fprintf(f, "\\[=*%s*\\]", o->value);
	} else if (o->value) {
		fputc(' ', f);
		dmm_gen_scdoc_operands(f, o->value);
	}
	fputs("\n\t", f);
	dmm_gen_scdoc_sentence(f, o->help);
	fputs("\n\n", f);
}

/* The paragraphs of @text, the first of which is the verb's line in the help. */
static void man_paragraphs(FILE *f, const char *text)
{
	char paragraph[1024];
	const char *end;
	size_t n;

	while (*text) {
		end = strstr(text, "\n\n");
		n = end ? (size_t)(end - text) : strlen(text);
		if (n >= sizeof(paragraph))
			n = sizeof(paragraph) - 1;
		memcpy(paragraph, text, n);
		paragraph[n] = '\0';
		dmm_gen_scdoc_sentence(f, paragraph);
		fputs("\n\n", f);
		text += n + strspn(text + n, "\n");
	}
}

static void man_verbs(FILE *f)
{
	const struct dmm_option *o;
	unsigned int i;

	for (i = 0; dmm_verbs[i]; i++) {
		fprintf(f, "## %s\n\n*dmmigrate %s* \\[_OPTION_\\]...%s", dmm_verbs[i]->name,
			dmm_verbs[i]->name, *dmm_verbs[i]->operands ? " " : "");
		dmm_gen_scdoc_operands(f, dmm_verbs[i]->operands);
		fputs("\n\n", f);
		man_paragraphs(f, dmm_verbs[i]->brief);
		for (o = dmm_verbs[i]->options; o->name; o++)
			man_option(f, o);
	}
}

static void man_exit_codes(FILE *f)
{
	int code;

	for (code = 0; code <= DMM_EXIT_DIFFERENCE; code++) {
		if (!dmm_exit_text(code))
			continue;
		fprintf(f, "*%d*\n\t", code);
		dmm_gen_scdoc_sentence(f, dmm_exit_text(code));
		fputs("\n\n", f);
	}
}

static void man_rules(FILE *f)
{
	const struct dmm_rule *r;

	for (r = dmm_rules; r->id; r++) {
		fprintf(f, "*%s*\n\t", r->id);
		dmm_gen_scdoc_sentence(f, r->says);
		fputs("\n\n", f);
	}
}

/* --- completion --- */

static void bash_verbs(FILE *f)
{
	const struct dmm_option *o;
	const char *s;
	unsigned int i;

	fputs("_dmmigrate_verbs='", f);
	for (i = 0; dmm_verbs[i]; i++)
		fprintf(f, "%s%s", i ? " " : "", dmm_verbs[i]->name);
	fputs("'\n\n# OPTION, or OPTION:KIND when it takes a value\n"
	      "declare -gA _dmmigrate_options=(\n", f);
	for (i = 0; dmm_verbs[i]; i++) {
		fprintf(f, "\t[%s]='", dmm_verbs[i]->name);
		for (o = dmm_verbs[i]->options; o->name; o++)
			fprintf(f, o->value && o->type != DMM_OPT_VERIFY ? "--%s:%s " : "--%s ", o->name,
				option_kind(o));
		fputs("--help'\n", f);
	}
	fputs(")\n\n# kinds of the operands\ndeclare -gA _dmmigrate_operands=(\n", f);
	for (i = 0; dmm_verbs[i]; i++) {
		fprintf(f, "\t[%s]='", dmm_verbs[i]->name);
		for (s = dmm_verbs[i]->operands; *s; s = operand_next(s)) {
			fputs(s == dmm_verbs[i]->operands ? "" : " ", f);
			if (operand_is_choice(s))
				fprintf(f, "=%.*s", (int)strcspn(s, " "), s);
			else
				fputs(operand_kind(dmm_verbs[i], s), f);
		}
		fputs("'\n", f);
	}
	fputs(")\n", f);
}

static void zsh_verbs(FILE *f)
{
	char first[128];
	unsigned int i;

	for (i = 0; dmm_verbs[i]; i++) {
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(dmm_verbs[i]->brief, "\n"),
			 dmm_verbs[i]->brief);
		fprintf(f, "\t\t'%s:", dmm_verbs[i]->name);
		dmm_gen_zsh(f, first);
		fputs("'\n", f);
	}
}

/* "init|show" */
static void zsh_choice(FILE *f, const char *s)
{
	fputs("\t\t\t':word:(", f);
	for (; *s && *s != ' '; s++)
		fputc(*s == '|' ? ' ' : *s, f);
	fputs(")' \\\n", f);
}

static void zsh_cases(FILE *f)
{
	const struct dmm_option *o;
	const char *s, *kind;
	unsigned int i;

	for (i = 0; dmm_verbs[i]; i++) {
		fprintf(f, "\t%s)\n\t\t_arguments \\\n", dmm_verbs[i]->name);
		for (o = dmm_verbs[i]->options; o->name; o++) {
			fprintf(f, o->type == DMM_OPT_VERIFY ? "\t\t\t'--%s=-[" : "\t\t\t'--%s[", o->name);
			dmm_gen_zsh(f, o->help);
			if (o->type == DMM_OPT_VERIFY)
				fprintf(f, "]::how:(%s)' \\\n", o->value);
			else if (o->value)
				fprintf(f, "]:%s:_dmmigrate_%s' \\\n", option_kind(o), option_kind(o));
			else
				fputs("]' \\\n", f);
		}
		for (s = dmm_verbs[i]->operands; *s; s = operand_next(s)) {
			if (operand_is_choice(s)) {
				zsh_choice(f, s);
				continue;
			}
			kind = operand_kind(dmm_verbs[i], s);
			fprintf(f, "\t\t\t':%s:_dmmigrate_%s' \\\n", kind, kind);
		}
		fputs("\t\t\t'--help[print this]'\n\t\t;;\n", f);
	}
}

int main(int argc, char **argv)
{
	static const struct dmm_gen_key keys[] = {
		{ "synopsis", man_synopsis },
		{ "verbs", man_verbs },
		{ "exit-codes", man_exit_codes },
		{ "rules", man_rules },
		{ "bash-verbs", bash_verbs },
		{ "zsh-verbs", zsh_verbs },
		{ "zsh-cases", zsh_cases },
		{ NULL, NULL }
	};

	return dmm_gen_run(argc, argv, DMM_TOOL_VERSION, keys);
}
