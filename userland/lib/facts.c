// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of facts, and their text.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "facts.h"
#include "parse.h"

void dmm_facts_init(struct dmm_facts *f)
{
	memset(f, 0, sizeof(*f));
}

static void facts_put(struct dmm_facts *f, const char *key, const char *value)
{
	size_t n = strlen(key) + strlen(value) + 2;

	if (f->nr == DMM_MAX_FACTS || n > DMM_FACTS_BYTES - f->bytes) {
		f->cut = true;
		return;
	}
	sprintf(f->text + f->bytes, "%s=%s\n", key, value);
	f->bytes += n;
	f->nr++;
}

void dmm_facts_add(struct dmm_facts *f, const char *key, const char *fmt, ...)
{
	char value[DMM_FACT_VALUE];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(value, sizeof(value), fmt, ap) >= (int)sizeof(value))
		f->cut = true;
	va_end(ap);
	dmm_text_clean(value);
	facts_put(f, key, value);
}

/* The line at @at: its key's length, and its value. What is behind it. */
static const char *line_at(const char *at, size_t *key_bytes, char value[DMM_FACT_VALUE])
{
	const char *end = strchr(at, '\n');

	*key_bytes = strcspn(at, "=");
	snprintf(value, DMM_FACT_VALUE, "%.*s", (int)(end - at - *key_bytes - 1), at + *key_bytes + 1);
	return end + 1;
}

bool dmm_facts_nth(const struct dmm_facts *f, const char *key, unsigned int nth, char value[DMM_FACT_VALUE])
{
	const char *at = f->text, *line;
	size_t n;

	while (*at) {
		line = at;
		at = line_at(at, &n, value);
		if (n == strlen(key) && !memcmp(line, key, n) && !nth--)
			return true;
	}
	value[0] = '\0';
	return false;
}

bool dmm_facts_get(const struct dmm_facts *f, const char *key, char value[DMM_FACT_VALUE])
{
	return dmm_facts_nth(f, key, 0, value);
}

bool dmm_facts_u64(const struct dmm_facts *f, const char *key, u64 *value)
{
	char text[DMM_FACT_VALUE];

	return dmm_facts_get(f, key, text) && !dmm_parse_u64(text, 0, ~0ull, value);
}

bool dmm_facts_yes(const struct dmm_facts *f, const char *key)
{
	char text[DMM_FACT_VALUE];

	return dmm_facts_get(f, key, text) && !strcmp(text, "yes");
}

void dmm_facts_merge(struct dmm_facts *f, const struct dmm_facts *from)
{
	char key[DMM_FACT_KEY], value[DMM_FACT_VALUE], old[DMM_FACT_VALUE];
	struct dmm_facts before = *f;
	const char *at = from->text, *line;
	size_t n;

	while (*at) {
		line = at;
		at = line_at(at, &n, value);
		snprintf(key, sizeof(key), "%.*s", (int)n, line);
		if (!dmm_facts_get(&before, key, old))
			facts_put(f, key, value);
	}
	f->cut |= from->cut;
}

bool dmm_fact_word(const char *value, unsigned int nth, char *word, size_t bytes)
{
	while (nth--) {
		value += strcspn(value, " ");
		value += strspn(value, " ");
	}
	snprintf(word, bytes, "%.*s", (int)strcspn(value, " "), value);
	return *word;
}

bool dmm_fact_word_u64(const char *value, unsigned int nth, u64 *n)
{
	char word[24];

	return dmm_fact_word(value, nth, word, sizeof(word)) && !dmm_parse_u64(word, 0, ~0ull, n);
}

void dmm_facts_encode(const struct dmm_facts *f, struct dmm_wire_facts_ok *w)
{
	memset(w, 0, sizeof(*w));
	w->bytes = cpu_to_le32(f->bytes);
	w->flags = cpu_to_le32(f->cut ? DMM_FACTS_CUT : 0);
	memcpy(w->text, f->text, f->bytes);
}

static bool key_ok(const char *key, size_t n)
{
	size_t i;

	if (!n || n >= DMM_FACT_KEY || key[0] < 'a' || key[0] > 'z')
		return false;
	for (i = 1; i < n; i++) {
		if (!(key[i] >= 'a' && key[i] <= 'z') && !(key[i] >= '0' && key[i] <= '9') && key[i] != '-')
			return false;
	}
	return true;
}

/* What is wrong with the lines of @text, or NULL; *nr of them. */
static const char *text_fault(const char *text, u32 *nr)
{
	u8 value[DMM_FACT_VALUE];
	size_t key, n;

	for (*nr = 0; *text; ++*nr) {
		n = strcspn(text, "\n");
		if (text[n] != '\n')
			return "a fact without its end";
		if (*nr == DMM_MAX_FACTS)
			return "too many facts";
		key = strcspn(text, "=");
		if (key >= n || !key_ok(text, key))
			return "a fact's key is none";
		if (n - key - 1 >= sizeof(value))
			return "a fact's value is too long";
		memset(value, 0, sizeof(value));
		memcpy(value, text + key + 1, n - key - 1);
		if (dmm_text_check(value, sizeof(value)))
			return "a fact's value is not text";
		text += n + 1;
	}
	return NULL;
}

int dmm_facts_decode(const struct dmm_wire_facts_ok *w, struct dmm_facts *f, const char **why)
{
	static const u8 zeros[DMM_FACTS_BYTES];
	u32 bytes = le32_to_cpu(w->bytes);
	char text[DMM_FACTS_BYTES + 1];
	u32 nr;

	*why = NULL;
	if (bytes > DMM_FACTS_BYTES || memcmp(w->text + bytes, zeros, sizeof(zeros) - bytes))
		*why = "facts beyond their number of bytes";
	else if (le32_to_cpu(w->flags) & ~DMM_FACTS_CUT)
		*why = "unknown flags of facts";
	else if (memchr(w->text, '\0', bytes))
		*why = "a zero within the facts";
	if (*why)
		return -EBADMSG;
	memcpy(text, w->text, bytes);
	text[bytes] = '\0';
	*why = text_fault(text, &nr);
	if (*why)
		return -EBADMSG;
	memcpy(f->text, text, bytes + 1);
	f->bytes = bytes;
	f->nr = nr;
	f->cut = le32_to_cpu(w->flags) & DMM_FACTS_CUT;
	return 0;
}
