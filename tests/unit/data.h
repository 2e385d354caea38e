/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For unit tests: what other programs once printed, in tests/unit/data.
 */
#ifndef UNIT_DATA_H
#define UNIT_DATA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file's text; the caller frees it. */
static inline char *data_read(const char *name)
{
	char path[512], *text;
	size_t n;
	FILE *f;

	/* not __FILE__, which ccache makes relative to wherever the compiler ran */
	snprintf(path, sizeof(path), UNIT_DATA "/%s", name);
	f = fopen(path, "re");
	text = f ? calloc(1, 65536) : NULL;
	if (!text) {
		fprintf(stderr, "%s is not there\n", path);
		abort();
	}
	n = fread(text, 1, 65535, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

#endif
