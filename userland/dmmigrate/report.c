// SPDX-License-Identifier: GPL-2.0
/*
 * What the tool says: lines for people, one line for a failure, JSON for machines.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "nl.h"
#include "status_json.h"
#include "tool.h"

const char *dmm_owner_name(enum dmm_owner owner)
{
	switch (owner) {
	case DMM_OWNER_SOURCE:
		return "source";
	case DMM_OWNER_DEST:
		return "destination";
	default:
		return "unknown";
	}
}

static const char *owner_text(enum dmm_owner owner)
{
	switch (owner) {
	case DMM_OWNER_SOURCE:
		return "the source owns the data";
	case DMM_OWNER_DEST:
		return "the destination owns the data";
	default:
		return "nobody knows which side owns the data: start neither";
	}
}

static const char *use_name(enum dmm_use use)
{
	switch (use) {
	case DMM_USE_UNCHANGED:
		return "unchanged";
	case DMM_USE_RESTORED:
		return "restored";
	case DMM_USE_ATTACHED:
		return "attached";
	case DMM_USE_COMMITTED:
		return "committed";
	case DMM_USE_RELEASED:
		return "released";
	case DMM_USE_GIVEN_UP:
		return "error";
	case DMM_USE_MOVED:
		return "moved";
	case DMM_USE_SUSPENDED:
		return "suspended";
	default:
		return "unknown";
	}
}

static const char *use_text(enum dmm_use use)
{
	switch (use) {
	case DMM_USE_UNCHANGED:
		return "is in normal use, nothing was changed";
	case DMM_USE_RESTORED:
		return "is in normal use with the table it had before";
	case DMM_USE_ATTACHED:
		return "is in normal use through the migrate target";
	case DMM_USE_COMMITTED:
		return "is committed: all its I/O is held";
	case DMM_USE_RELEASED:
		return "is released: its I/O fails";
	case DMM_USE_GIVEN_UP:
		return "is given up: its I/O fails";
	case DMM_USE_MOVED:
		return "is in normal use on the new disk";
	case DMM_USE_SUSPENDED:
		return "is SUSPENDED: its I/O hangs";
	default:
		return "is in an unknown state";
	}
}

void dmm_say(struct dmm_tool *t, const char *fmt, ...)
{
	va_list ap;

	if (t->args.json)
		return;
	dmm_progress_end(t);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void dmm_note(struct dmm_tool *t, const char *fmt, ...)
{
	struct json_object *notes;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dmm_progress_end(t);
	fprintf(stderr, "dmmigrate: %s: note: %s\n", t->verb->name, text);
	if (!json_object_object_get_ex(t->result, "notes", &notes)) {
		notes = json_object_new_array();
		dmm_result_add(t, "notes", notes);
	}
	json_object_array_add(notes, dmm_json_text(text));
}

void dmm_next(struct dmm_tool *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->next, sizeof(t->next), fmt, ap);
	va_end(ap);
}

int dmm_fail(struct dmm_tool *t, enum dmm_exit code, enum dmm_owner owner, enum dmm_use use,
	     const char *fmt, ...)
{
	char text[1024], line[2560];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dmm_progress_end(t);
	n = snprintf(line, sizeof(line), "dmmigrate: %s: %s; %s", t->verb->name, text,
		     owner_text(owner));
	if (t->source[0])
		n += snprintf(line + n, sizeof(line) - n, ", %s %s", t->source, use_text(use));
	else if (use == DMM_USE_UNCHANGED)
		n += snprintf(line + n, sizeof(line) - n, ", nothing was changed");
	if (t->next[0])
		snprintf(line + n, sizeof(line) - n, "; next: %s", t->next);
	fprintf(stderr, "%s\n", line);

	dmm_result_text(t, "error", text);
	dmm_result_text(t, "owner", dmm_owner_name(owner));
	dmm_result_text(t, "source_device", use_name(use));
	dmm_result_text(t, "next", t->next[0] ? t->next : NULL);
	return code;
}

int dmm_usage(struct dmm_tool *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "dmmigrate: %s: %s; see dmmigrate %s --help\n", t->verb->name, text,
		t->verb->name);
	dmm_result_text(t, "error", text);
	return DMM_EXIT_USAGE;
}

void dmm_result_add(struct dmm_tool *t, const char *key, struct json_object *value)
{
	json_object_object_add(t->result, key, value);
}

void dmm_result_text(struct dmm_tool *t, const char *key, const char *value)
{
	dmm_result_add(t, key, dmm_json_text(value));
}

void dmm_result_u64(struct dmm_tool *t, const char *key, u64 value)
{
	dmm_result_add(t, key, json_object_new_uint64(value));
}

void dmm_result_bool(struct dmm_tool *t, const char *key, bool value)
{
	dmm_result_add(t, key, json_object_new_boolean(value));
}

void dmm_print_json(struct dmm_tool *t, struct json_object *o)
{
	json_object_object_add(o, "schema_version", json_object_new_int(DMM_SCHEMA_VERSION));
	json_object_object_add(o, "verb", json_object_new_string(t->verb->name));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(o);
}

void dmm_progress_line(struct dmm_tool *t, const char *line)
{
	struct winsize size = { 0 };

	if (t->args.json)
		return;
	if (isatty(STDOUT_FILENO)) {
		/* a line that wraps could not be drawn over */
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || size.ws_col < 2)
			size.ws_col = 80;
		printf("\r%.*s\033[K", size.ws_col - 1, line);
		t->lines = true;
	} else {
		puts(line);
	}
	fflush(stdout);
}

void dmm_progress_end(struct dmm_tool *t)
{
	if (!t->lines)
		return;
	t->lines = false;
	putchar('\n');
	fflush(stdout);
}

int dmm_tool_nl(struct dmm_tool *t)
{
	return t->nl ? 0 : dmm_nl_open(&t->nl);
}

const char *dmm_nl_text(struct dmm_tool *t, int err)
{
	if (err == -ENOENT && !t->nl)
		return "the module dm-migrate is not loaded (modprobe dm-migrate)";
	if (t->nl && *dmm_nl_reason(t->nl))
		return dmm_nl_reason(t->nl);
	return strerror(-err);
}

bool dmm_interactive(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

bool dmm_confirm(struct dmm_tool *t, const char *expect, const char *question)
{
	dmm_autoclose int sigfd = dmm_signals_fd();
	struct pollfd p[2] = {
		{ .fd = STDIN_FILENO, .events = POLLIN }, { .fd = sigfd, .events = POLLIN },
	};
	char line[1100];

	if (!dmm_interactive())
		return false;
	dmm_progress_end(t);
	fprintf(stderr, "%s\nType %s to go on: ", question, expect);
	fflush(stderr);
	/* signals may be blocked: Ctrl-C is an answer, too */
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[1].revents) {
		fputc('\n', stderr);
		return false;
	}
	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return !strcmp(line, expect);
}
