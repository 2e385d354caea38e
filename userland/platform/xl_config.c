// SPDX-License-Identifier: GPL-2.0
/*
 * xl.cfg(5): NAME = VALUE, where a value is a number, a text in quotes, or a list of those in brackets; # begins a comment, and a
 * statement ends with its line, or with ';'.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xl_domain.h"

struct span {
	const char *begin, *end;	/* NULL: there is none */
};

static int not_understood(const char *text, const char *at, char *why)
{
	const char *p;
	u32 line = 1;

	for (p = text; p < at; p++)
		line += *p == '\n';
	snprintf(why, DMM_XL_TEXT, "line %u is not understood", line);
	return -EBADMSG;
}

/* Behind the closing quote of the text that begins at @p, or NULL. xl has no way to quote a quote. */
static const char *skip_text(const char *p)
{
	const char *end = strchr(p + 1, *p);

	return end ? end + 1 : NULL;
}

static const char *skip_comment(const char *p)
{
	return p + strcspn(p, "\n");
}

static const char *skip_blank(const char *p)
{
	return p + strspn(p, " \t\r");
}

/* Behind a list's bracket, or NULL. */
static const char *skip_list(const char *p)
{
	u32 depth = 0;

	while (*p) {
		if (*p == '"' || *p == '\'') {
			p = skip_text(p);
			if (!p)
				return NULL;
			continue;
		}
		if (*p == '#') {
			p = skip_comment(p);
			continue;
		}
		depth += *p == '[';
		depth -= *p == ']';
		p++;
		if (!depth)
			return p;
	}
	return NULL;
}

static const char *skip_value(const char *p)
{
	if (*p == '[')
		return skip_list(p);
	if (*p == '"' || *p == '\'')
		return skip_text(p);
	return p + strcspn(p, " \t\r\n;#\"'");	/* a quote within a word is none of xl's */
}

/* One statement, or none, from @p on; its value if it is @name's. Where it ends, or NULL. */
static const char *statement(const char *p, const char *name, struct span *value)
{
	const char *word = p, *end;

	while (isalnum((unsigned char)*p) || *p == '_')
		p++;
	end = p;
	p = skip_blank(p);
	if (end == word || *p != '=')
		return NULL;
	p = skip_blank(p + 1);
	value->begin = p;
	p = skip_value(p);
	if (!p || p == value->begin)
		return NULL;
	value->end = p;
	if ((size_t)(end - word) != strlen(name) || strncmp(word, name, (size_t)(end - word)))
		value->begin = NULL;
	p = skip_blank(p);
	if (*p == '#')
		p = skip_comment(p);
	return *p == '\n' || *p == ';' || !*p ? p : NULL;
}

/* The value of the last assignment of @name, which is the one that counts. */
static int find_value(const char *text, const char *name, struct span *found, char *why)
{
	const char *p = text, *end;
	struct span value;

	memset(found, 0, sizeof(*found));
	while (*(p += strspn(p, " \t\r\n;"))) {
		if (*p == '#') {
			p = skip_comment(p);
			continue;
		}
		end = statement(p, name, &value);
		if (!end)
			return not_understood(text, p, why);
		if (value.begin)
			*found = value;
		p = end;
	}
	return 0;
}

int dmm_xl_config_disks(const char *text, const char *const *disks, u32 nr, char **out, char *why)
{
	struct span value;
	size_t bytes;
	FILE *f;
	u32 i;
	int ret = find_value(text, "disk", &value, why);

	if (ret)
		return ret;
	if (!value.begin && !nr) {	/* and has none */
		*out = strdup(text);
		snprintf(why, DMM_XL_TEXT, "out of memory");
		return *out ? 0 : -ENOMEM;
	}
	if (!value.begin) {
		snprintf(why, DMM_XL_TEXT, "it names no disk");
		return -ENOENT;
	}
	f = open_memstream(out, &bytes);
	if (!f) {
		snprintf(why, DMM_XL_TEXT, "out of memory");
		return -ENOMEM;
	}
	fwrite(text, 1, (size_t)(value.begin - text), f);
	fputs("[", f);
	for (i = 0; i < nr; i++)
		fprintf(f, "%s\n\t\"%s\"", i ? "," : "", disks[i]);
	fputs(nr ? "\n]" : "]", f);
	fputs(value.end, f);
	if (!fclose(f))
		return 0;
	free(*out);
	snprintf(why, DMM_XL_TEXT, "out of memory");
	return -ENOMEM;
}

/*
 * The next path of a text of @list, from @p on, within *@quote or none: what begins with a slash, behind that or what parts a
 * specification's words. NULL: none.
 */
static const char *next_path(const struct span *list, const char *p, char *quote, const char **end)
{
	for (; p < list->end; p++) {
		if (!*quote && *p == '#') {
			p = skip_comment(p) - 1;
		} else if (*quote && *p == *quote) {
			*quote = '\0';
		} else if (!*quote && (*p == '"' || *p == '\'')) {
			*quote = *p;
		} else if (*quote && *p == '/' && (p[-1] == *quote || strchr(", \t=:", p[-1]))) {
			for (*end = p; **end != *quote && !strchr(", \t", **end); ++*end)
				;
			return p;
		}
	}
	return NULL;
}

int dmm_xl_config_repath(const char *text, bool (*is_it)(void *arg, const char *path), void *arg, const char *to, char **out,
			 char was[DMM_PATH_MAX], char *why)
{
	const char *from = text, *p, *end = NULL;
	char path[DMM_PATH_MAX], quote = '\0';
	struct span list;
	size_t bytes;
	FILE *f;
	int nr = 0, ret = find_value(text, "disk", &list, why);

	if (ret || !list.begin)
		return ret;
	f = open_memstream(out, &bytes);
	for (p = f ? next_path(&list, list.begin, &quote, &end) : NULL; p; p = next_path(&list, end, &quote, &end)) {
		if ((size_t)(end - p) >= sizeof(path))
			continue;
		snprintf(path, sizeof(path), "%.*s", (int)(end - p), p);
		if (!is_it(arg, path))
			continue;
		strcpy(was, path);
		fwrite(from, 1, (size_t)(p - from), f);
		fputs(to, f);
		from = end;
		nr++;
	}
	if (f)
		fputs(from, f);
	if (!f || fclose(f)) {
		if (f)
			free(*out);
		snprintf(why, DMM_XL_TEXT, "out of memory");
		return -ENOMEM;
	}
	if (!nr)
		free(*out);
	return nr;
}
