/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One run of the tool: verb, options, and what it says in the end.
 * Everything belongs to the main thread.
 */
#ifndef DMM_TOOL_H
#define DMM_TOOL_H

#include <stdbool.h>

#include "core/env.h"
#include "exitcode.h"
#include "options.h"
#include "parse.h"

#define DMM_TOOL_VERSION	"0.1.0"
#define DMM_RUN_DIR		"/run/dmmigrate"
#define DMM_SCHEMA_VERSION	1

struct json_object;
struct dmm_nl;
struct dmm_tool;

/* One entry of the table that dispatches, prints the help and checks the command line. */
struct dmm_verb {
	const char *name;
	const char *operands;		/* "SOURCE HOST[:PORT]:/DEST" */
	const char *brief;
	const struct dmm_option *options;	/* ends with a name of NULL */
	unsigned int min_operands, max_operands;
	bool needs_root;
	int (*run)(struct dmm_tool *t);	/* returns an exit code */
};

struct dmm_tool {
	const struct dmm_verb *verb;
	struct dmm_args args;
	char source[DMM_SOURCE_BYTES];	/* how messages call the source; "" = not known yet */
	char only[DMM_SOURCE_BYTES];	/* the only migration, where none was named */
	char next[512];			/* the one next command, set by dmm_next() */
	struct json_object *result;	/* owned; with --json it is printed at the end */
	bool result_printed;		/* the verb printed its own JSON lines */
	struct dmm_nl *nl;		/* owned, opened on demand */
	bool leads_on;			/* the verb is a step of another: what comes next is not said */
	const char *label;		/* what volumes that are made for its disks are to remind of; NULL: the source's name */
	bool needs_gate;		/* its disks are of no use there without */
	char (*dests)[DMM_PATH_MAX];	/* NULL, or where `start` puts the path that each disk went to, in the order of operands */
	bool lines;			/* a progress line is on the terminal, unfinished */
};

/* Which side owns the data. */
enum dmm_owner {
	DMM_OWNER_SOURCE,
	DMM_OWNER_DEST,
	DMM_OWNER_UNKNOWN,
};

/* How the source device is. */
enum dmm_use {
	DMM_USE_UNCHANGED,	/* in normal use, nothing was changed */
	DMM_USE_RESTORED,	/* in normal use, the table of before is back */
	DMM_USE_ATTACHED,	/* in normal use, through the migrate target */
	DMM_USE_COMMITTED,	/* everything is held until it is reclaimed or released */
	DMM_USE_RELEASED,	/* everything fails, by the migrate target */
	DMM_USE_GIVEN_UP,	/* the error target: I/O fails */
	DMM_USE_MOVED,		/* in normal use, on another disk of this host */
	DMM_USE_SUSPENDED,	/* I/O hangs */
	DMM_USE_UNKNOWN,
};

/* report.c */

const char *dmm_owner_name(enum dmm_owner owner);	/* "source" ... */

/* A line for people, on stdout; nothing with --json. */
__attribute__((format(printf, 2, 3)))
void dmm_say(struct dmm_tool *t, const char *fmt, ...);

/* A remark that is no failure: on stderr, with --json also in "notes". */
__attribute__((format(printf, 2, 3)))
void dmm_note(struct dmm_tool *t, const char *fmt, ...);

/* Sets the next command, for the dmm_fail() that follows. */
__attribute__((format(printf, 2, 3)))
void dmm_next(struct dmm_tool *t, const char *fmt, ...);

/* The one line of a failure: what, who owns the data, how the device is, what next. Returns @code. */
__attribute__((format(printf, 5, 6)))
int dmm_fail(struct dmm_tool *t, enum dmm_exit code, enum dmm_owner owner, enum dmm_use use,
	     const char *fmt, ...);

/* Exit code 2, pointing to --help. */
__attribute__((format(printf, 2, 3)))
int dmm_usage(struct dmm_tool *t, const char *fmt, ...);

/* The JSON result; always there. */
void dmm_result_text(struct dmm_tool *t, const char *key, const char *value);
void dmm_result_u64(struct dmm_tool *t, const char *key, u64 value);
void dmm_result_bool(struct dmm_tool *t, const char *key, bool value);
void dmm_result_add(struct dmm_tool *t, const char *key, struct json_object *value); /* takes */

/* Prints @o on one line and drops it (streaming verbs). */
void dmm_print_json(struct dmm_tool *t, struct json_object *o);

/* A progress line: redrawn on a terminal, cut to its width, else a line of its own; nothing with --json. */
void dmm_progress_line(struct dmm_tool *t, const char *line);
void dmm_progress_end(struct dmm_tool *t);

/* The netlink dialogue, opened on first use. 0 or -errno (-ENOENT: no module). */
int dmm_tool_nl(struct dmm_tool *t);

/* Text for a failed netlink request: the kernel's reason, or strerror. */
const char *dmm_nl_text(struct dmm_tool *t, int err);

/* Does a person sit there who can be asked? */
bool dmm_interactive(void);

/*
 * Asks @question; true when exactly @expect was typed. False without a terminal.
 */
bool dmm_confirm(struct dmm_tool *t, const char *expect, const char *question);

/* signals.c: Ctrl-C and its kin are blocked while a verb changes things, and looked at between steps. */
void dmm_signals_block(void);
/* Ctrl-Z, too, where nobody owns the writer for a moment. After dmm_signals_block(). */
void dmm_signals_block_stop(void);
/* Did one come since? It stays true. */
bool dmm_signal_seen(void);
/* A descriptor to poll(2) for the same. -errno. */
int dmm_signals_fd(void);
/* Sleeps, until a signal comes at the most. False: one has come. After dmm_signals_block(). */
bool dmm_signal_sleep(u32 ms);
/* In a child, before exec: as if nothing had been blocked. */
void dmm_signals_child(void);

/*
 * stop_at.c.  Debug builds: kill ourselves at the step that DMM_TOOL_STOP_AT names, "STEP", or "STEP:N" for the Nth time; before that, run the
 * command of DMM_TOOL_RUN_AT, "STEP COMMAND", and wait for its end.
 */
#ifdef DMM_DEBUG
void dmm_stop_at(const char *step);
/* DMM_TOOL_STOP_AT=list: prints all of them, with the tests that kill the tool there, and ends. */
void dmm_stop_list(void);
#else
static inline void dmm_stop_list(void)
{
}

static inline void dmm_stop_at(const char *step)
{
	(void)step;
}
#endif

#endif
