/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Options as tables: one entry says how an option is called, what it takes, where
 * the value goes and what the help says.  Parsing has no side effects but stderr's.
 */
#ifndef DMM_OPTIONS_H
#define DMM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/env.h"
#include "keys.h"
#include "local.h"

#define DMM_SOURCE_BYTES	256
#define DMM_MAX_OPERANDS	128	/* start: a pair for each disk */
#define DMM_MAX_LIST	64
#define DMM_UNSET		(~0ull)

enum dmm_option_type {
	DMM_OPT_FLAG,
	DMM_OPT_TEXT,
	DMM_OPT_RATE,		/* bytes per second, 0 = unlimited */
	DMM_OPT_BLOCK,		/* power of two, 4K to 1M */
	DMM_OPT_CONNS,		/* 1 to DMM_MAX_CONNS */
	DMM_OPT_SIZE,		/* bytes, not 0 */
	DMM_OPT_PERIOD,		/* as TIME, 1 ms to 2^32 - 1 ms */
	DMM_OPT_TIME,		/* a bare number is seconds; stored as ms */
	DMM_OPT_MS,		/* a bare number is milliseconds */
	DMM_OPT_FREEZE_MS,	/* the same, 1 to DMM_MAX_FREEZE_MS */
	DMM_OPT_LIST,		/* a text each time, in their order: args.maps */
	DMM_OPT_VERIFY,		/* --verify or --verify=full: args.verify or verify_full */
};

struct dmm_option {
	const char *name;		/* NULL ends a table */
	enum dmm_option_type type;
	size_t offset;			/* in struct dmm_args */
	const char *value;		/* "RATE", NULL for a flag; of VERIFY the word that may follow "=" */
	const char *help;
};

#define DMM_OPTION(_name, _type, _member, _value, _help) \
	{ _name, DMM_OPT_##_type, offsetof(struct dmm_args, _member), _value, _help }
#define DMM_OPTION_JSON	DMM_OPTION("json", FLAG, json, NULL, "print JSON (schema_version 1)")
#define DMM_OPTION_BANDWIDTH(_more) \
	DMM_OPTION("bandwidth", RATE, bandwidth, "RATE", \
		   "ship at most so many bytes per second (100M; default: unlimited" _more ")")
#define DMM_OPTION_CONNECTIONS \
	DMM_OPTION("connections", CONNS, conns, "N", \
		   "ship over so many TCP connections, 1 to 16 (default 4)")
#define DMM_OPTION_OVERWRITE \
	DMM_OPTION("yes", FLAG, yes, NULL, \
		   "overwrite a destination that carries a signature, without asking")
#define DMM_OPTION_CONTROL \
	DMM_OPTION("control", TEXT, control, "PATH", \
		   "socket of this host's dmmigrated (default " DMM_CONTROL_PATH ")")
#define DMM_OPTION_KEYS \
	DMM_OPTION("keys", TEXT, keys, "DIR", \
		   "directory of this host's key and its peers (root's default " DMM_KEYS_DIR ", else\n" \
		   "~/.config/dmmigrate)")
#define DMM_OPTION_PLAINTEXT \
	DMM_OPTION("insecure-plaintext", FLAG, insecure_plaintext, NULL, \
		   "no TLS: for a dmmigrated that was started like that.  Anybody on the way may\n" \
		   "read what is sent, and write the destination")
#define DMM_OPTION_TLS \
	DMM_OPTION("tls", TEXT, tls, "WHERE", \
		   "who encrypts: kernel, relay, or auto, the kernel where it can (default auto)")
#define DMM_OPTION_END	{ NULL, DMM_OPT_FLAG, 0, NULL, NULL }

/* The union of all verbs' options; each verb's table lists its own. Strings are argv's. */
struct dmm_args {
	bool help;
	bool json;
	bool yes;
	bool dry_run;
	bool again;
	bool wait;
	bool verify;
	bool verify_full;
	bool no_verify;
	bool no_compare;
	bool create;
	bool insecure_plaintext;
	const char *tls;
	u64 bandwidth;		/* DMM_UNSET: not given */
	u64 block_bytes;	/* DMM_UNSET: not given */
	u64 conns;		/* DMM_UNSET: not given */
	u64 barrier_bytes;	/* DMM_UNSET: not given */
	u64 barrier_ms;		/* DMM_UNSET: not given */
	u64 timeout_ms;		/* DMM_UNSET: not given */
	u64 max_pause_ms;	/* DMM_UNSET: not given */
	u64 patience_ms;	/* DMM_UNSET: not given */
	u64 interval_ms;	/* DMM_UNSET: not given */
	const char *resume;	/* a migration's id */
	const char *engine;
	const char *gate;
	bool no_gate;
	const char *control;
	const char *keys;
	const char *domain;
	const char *source_gone;	/* the gate's name, typed */
	const char *force_owner;
	bool unconfirmed;
	bool all;
	const char *peer;	/* HOST[:PORT] */
	const char *host;	/* a rate */
	const char *hook_stop;
	const char *hook_start;
	const char *hook_abort;
	const char *to;		/* a host, or another disk of this one */
	const char *config;
	const char *to_sr;
	const char *network;
	const char *maps[DMM_MAX_LIST];
	unsigned int nr_maps;
	const char *operands[DMM_MAX_OPERANDS];
	unsigned int nr_operands;
};

/*
 * Parses argv[1..] by @options (--help is always known).  Options and operands may mix;
 * "--" ends the options.
 * Returns 0; -EINVAL with one line in @why.
 */
int dmm_options_parse(const struct dmm_option *options, int argc, char **argv,
		      struct dmm_args *args, char *why, size_t why_bytes);

/* "  --bandwidth RATE   ship at most..." one line per option. */
void dmm_options_help(FILE *f, const struct dmm_option *options);

#endif
