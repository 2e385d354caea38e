// SPDX-License-Identifier: GPL-2.0
/*
 * Templates, and quoting for the languages that are generated.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "gen.h"

#define VERSION_KEY	"@version@"

/* A whole line "@key@"? Cuts the key out. */
static bool line_is_key(char *line, char **key)
{
	size_t n = strcspn(line, "\n");

	if (n < 3 || line[0] != '@' || line[n - 1] != '@' || memchr(line + 1, '@', n - 2))
		return false;
	if (!strncmp(line, VERSION_KEY, n))
		return false;
	line[n - 1] = '\0';
	*key = line + 1;
	return true;
}

static void line_copy(const char *line, const char *version)
{
	const char *at;

	while ((at = strstr(line, VERSION_KEY))) {
		printf("%.*s%s", (int)(at - line), line, version);
		line = at + strlen(VERSION_KEY);
	}
	fputs(line, stdout);
}

int dmm_gen_run(int argc, char **argv, const char *version, const struct dmm_gen_key *keys)
{
	dmm_autofclose FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;
	dmm_autofree char *line = NULL;
	const struct dmm_gen_key *k;
	unsigned int number = 0;
	size_t bytes = 0;
	char *key;

	if (!f) {
		fprintf(stderr, "%s: %s\n", argv[0], argc == 2 ? "cannot read the template" :
			"one operand, the template");
		return 2;
	}
	while (getline(&line, &bytes, f) > 0) {
		number++;
		if (!line_is_key(line, &key)) {
			line_copy(line, version);
			continue;
		}
		for (k = keys; k->key && strcmp(k->key, key);)
			k++;
		if (!k->key) {
			fprintf(stderr, "%s:%u: there is no @%s@\n", argv[1], number, key);
			return 1;
		}
		k->print(stdout);
	}
	return ferror(f) || fflush(stdout) || ferror(stdout);
}

static void scdoc_char(FILE *f, char c)
{
	if (strchr("*_\\<>#[]|", c))
		fputc('\\', f);
	fputc(c == '\n' ? ' ' : c, f);
}

void dmm_gen_scdoc(FILE *f, const char *text)
{
	for (; *text; text++)
		scdoc_char(f, *text);
}

void dmm_gen_scdoc_sentence(FILE *f, const char *text)
{
	size_t n = strlen(text);

	if (!n)
		return;
	scdoc_char(f, (char)toupper((unsigned char)*text));
	dmm_gen_scdoc(f, text + 1);
	if (!strchr(".!?", text[n - 1]))
		fputc('.', f);
}

void dmm_gen_scdoc_operands(FILE *f, const char *operands)
{
	size_t n;

	while (*operands) {
		n = strspn(operands, "ABCDEFGHIJKLMNOPQRSTUVWXYZ|");
		while (n && operands[n - 1] == '|')	/* before a literal word, where no underline could end */
			n--;
		if (n && *operands != '|') {
			fprintf(f, "_%.*s_", (int)n, operands);
			operands += n;
			continue;
		}
		scdoc_char(f, *operands++);
	}
}

void dmm_gen_zsh(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", f);
		else if (*text == '\n')
			fputc(' ', f);
		else if (strchr("[]:\\", *text))
			fprintf(f, "\\%c", *text);
		else
			fputc(*text, f);
	}
}
