/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon is told: command line over configuration file over defaults.
 */
#ifndef DMM_OPTIONS_H
#define DMM_OPTIONS_H

#include <stdbool.h>

#include "allow.h"
#include "engine.h"
#include "local.h"
#include "parse.h"
#include "tls.h"

#define DMM_DEFAULT_CONFIG	"/etc/dmmigrate/dmmigrated.conf"
#define DMM_MAX_LISTEN		16
#define DMM_LOCAL_PATH		108	/* sun_path */

struct dmm_listen_address {
	char host[DMM_HOST_MAX];
	u16 port;			/* 0: config.port */
};

#define DMM_GUESTS_BYTES	512
#define DMM_GUESTS_ALL		"*"

/* Constant after parsing; the allow-list moves on to struct dmm_allow. */
struct dmm_config {
	const char *path;		/* of the configuration file; borrowed from argv */
	bool path_given;		/* by --config: it must exist */
	bool foreground;
	bool by_hand;			/* lost data connections are made anew by people only */
	bool restore;			/* gates and fences, and nothing else */
	struct dmm_listen_address listen[DMM_MAX_LISTEN];
	u32 nr_listen;
	u16 port;
	char **allow;			/* owned; of both sources */
	u32 nr_allow;
	char **srs;			/* owned; lines "NAME=KIND:PLACE", behind a blank names of peers, for struct dmm_allow as well */
	u32 nr_srs;
	const struct dmm_engine_ops *engine;	/* NULL: main has not chosen yet */
	bool engine_auto;
	u64 buffer_bytes;
	u32 max_sessions;
	u32 max_silent;			/* 0: dmm_config_silent() decides */
	u32 max_disks;
	u64 orphan_ms;
	u64 handshake_ms;
	u64 stall_ms;
	u64 ack_ms;
	int log_level;
	bool insecure_plaintext;	/* no TLS, neither way */
	enum dmm_tls_carrier tls;
	char keys[DMM_LOCAL_PATH];	/* directory: keys.h */
	char state_dir[DMM_LOCAL_PATH];
	char control[DMM_LOCAL_PATH];
	char guests[DMM_GUESTS_BYTES];	/* names of peers, blanks between them */
	char xl[DMM_LOCAL_PATH];	/* the program that receives the memory of guests */
	char guest_configs[DMM_LOCAL_PATH];	/* directory of their configurations */
};

/* One entry of the table that the parsers, --help, manual pages and completion are made from. */
struct dmm_setting {
	const char *name;	/* key, and "--name" unless config_only */
	char letter;		/* short option or 0 */
	const char *arg;	/* what --help calls its argument; NULL: a switch */
	bool config_only;
	bool option_only;
	const char *help;
	/* NULL, or what is wrong with @value */
	const char *(*set)(struct dmm_config *c, const char *value);
};

/* All of them in the order of the help. */
#define DMM_NR_SETTINGS	26
#define DMM_XL_PATH	"/usr/sbin/xl"
extern const struct dmm_setting dmm_settings[DMM_NR_SETTINGS];

/* The same one by one; NULL after the last. */
const struct dmm_setting *dmm_setting_get(unsigned int i);

/* The words that the setting takes, one by one; NULL after the last, or where it takes no word. */
const char *dmm_setting_choice(const struct dmm_setting *s, unsigned int i);

/* How the setting @name is called on the command line: "log_level" is --log-level. */
void dmm_setting_option(const char *name, char buf[32]);

enum dmm_options_result {
	DMM_OPTIONS_RUN,
	DMM_OPTIONS_DONE,		/* --help or --version was printed */
	DMM_OPTIONS_ERROR,		/* one line was printed to stderr */
};

/*
 * Parses the command line and the configuration file into @c.
 * Context: once at start; may be called again with the same arguments for a reload (SIGHUP).
 */
enum dmm_options_result dmm_options_parse(int argc, char **argv, struct dmm_config *c);

/* How many connections of one address may be silent: what was set, or what goes with max_sessions. */
u32 dmm_config_silent(const struct dmm_config *c);

/* Frees what is owned; accepts a zeroed one. */
void dmm_config_exit(struct dmm_config *c);

#endif
