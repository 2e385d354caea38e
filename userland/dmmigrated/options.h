/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon is told: command line over configuration file over defaults.
 */
#ifndef DMM_OPTIONS_H
#define DMM_OPTIONS_H

#include <stdbool.h>

#include "allow.h"
#include "engine.h"
#include "parse.h"

#define DMM_DEFAULT_CONFIG	"/etc/dmmigrate/dmmigrated.conf"
#define DMM_MAX_LISTEN		16

struct dmm_listen_address {
	char host[DMM_HOST_MAX];
	u16 port;			/* 0: config.port */
};

/* Constant after parsing; the allow-list moves on to struct dmm_allow. */
struct dmm_config {
	const char *path;		/* of the configuration file; borrowed from argv */
	bool path_given;		/* by --config: it must exist */
	bool foreground;
	struct dmm_listen_address listen[DMM_MAX_LISTEN];
	u32 nr_listen;
	u16 port;
	char **allow;			/* owned; of both sources */
	u32 nr_allow;
	const struct dmm_engine_ops *engine;
	u64 buffer_bytes;
	u32 max_sessions;
	u32 max_disks;
	u64 orphan_ms;
	u64 handshake_ms;
	u64 stall_ms;
	u64 ack_ms;
	int log_level;
};

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

/* Frees what is owned; accepts a zeroed one. */
void dmm_config_exit(struct dmm_config *c);

#endif
