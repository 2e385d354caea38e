// SPDX-License-Identifier: GPL-2.0
/*
 * Filling in refusals.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/wire.h"
#include "parse.h"
#include "refusal.h"

int dmm_refuse(struct dmm_refusal *r, u32 code, const char *fmt, ...)
{
	va_list ap;

	r->code = code;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	/* names of files may be any bytes, and a cut may leave half a character */
	dmm_text_clean(r->text);
	return dmm_wire_err_to_errno(code);
}

int dmm_refusal_heard(struct dmm_refusal *r)
{
	if (!r->code || r->code >= DMM_WERR_COUNT)
		r->code = DMM_WERR_INTERNAL;
	r->text[sizeof(r->text) - 1] = '\0';
	dmm_text_clean(r->text);
	return dmm_wire_err_to_errno(r->code);
}

const char *dmm_short_path(const char *path, char buf[96])
{
	size_t n = strlen(path);

	if (n < 96)
		return path;
	snprintf(buf, 96, "%.40s...%s", path, path + n - 50);
	return buf;
}
