// SPDX-License-Identifier: GPL-2.0
/*
 * One table of settings: each is a key of the configuration file, most are
 * long options too, and --help is printed from it.
 */
#include <errno.h>
#include <getopt.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "bufpool.h"
#include "cleanup.h"
#include "journal.h"
#include "options.h"
#include "version.h"

#define MIN_SILENT	32u

/* Where a value comes from, for messages. */
struct origin {
	const char *file;	/* NULL: the command line */
	int line;
};

static const char *set_config(struct dmm_config *c, const char *value)
{
	c->path = value;
	c->path_given = true;
	return NULL;
}

static const char *set_listen(struct dmm_config *c, const char *value)
{
	struct dmm_listen_address *l = &c->listen[c->nr_listen];
	const char *why = "not an address";

	if (c->nr_listen == DMM_MAX_LISTEN)
		return "too many addresses: at most 16";
	l->port = 0;
	if (dmm_parse_hostport(value, l->host, &l->port, &why))
		return why;
	c->nr_listen++;
	return NULL;
}

static const char *set_port(struct dmm_config *c, const char *value)
{
	u64 v;

	if (dmm_parse_u64(value, 1, 65535, &v))
		return "not a number from 1 to 65535";
	c->port = v;
	return NULL;
}

static const char *set_allow(struct dmm_config *c, const char *value)
{
	char **grown;

	if (value[0] != '/' && strncmp(value, "nbd://", 6) && strncmp(value, "nbd+unix://", 11))
		return "a pattern must begin with a slash, like /dev/vg0/*, or with nbd://HOST/ or nbd+unix:///";
	/* "/srv/a*  # note" would be a pattern that matches nothing */
	if (value[strcspn(value, " \t#")])
		return "a pattern takes no blanks and no '#' ('?' matches one; comments have lines of "
		       "their own)";
	if (c->nr_allow == DMM_ALLOW_MAX)
		return "too many patterns: at most 256";
	grown = reallocarray(c->allow, c->nr_allow + 1, sizeof(*grown));
	if (!grown)
		return "out of memory";
	c->allow = grown;
	c->allow[c->nr_allow] = strdup(value);
	if (!c->allow[c->nr_allow])
		return "out of memory";
	c->nr_allow++;
	return NULL;
}

static const char *set_engine(struct dmm_config *c, const char *value)
{
	c->engine = dmm_engine_find(value);
	c->engine_auto = !strcmp(value, DMM_ENGINE_AUTO);
	return c->engine || c->engine_auto ? NULL : "not one of auto, io_uring, libaio, inline";
}

static const char *set_buffers(struct dmm_config *c, const char *value)
{
	u64 v;

	if (dmm_parse_size(value, &v) || v < DMM_BUFPOOL_GUARANTEE * DMM_MAX_EXTENT_BYTES ||
	    v > 1ull << 40)
		return "not a size from 2M to 1T, like 64M";
	c->buffer_bytes = v;
	return NULL;
}

static const char *set_count(u32 *count, const char *value)
{
	u64 v;

	if (dmm_parse_u64(value, 1, 65536, &v))
		return "not a number from 1 to 65536";
	*count = v;
	return NULL;
}

static const char *set_max_sessions(struct dmm_config *c, const char *value)
{
	return set_count(&c->max_sessions, value);
}

static const char *set_max_silent(struct dmm_config *c, const char *value)
{
	return set_count(&c->max_silent, value);
}

static const char *set_max_disks(struct dmm_config *c, const char *value)
{
	return set_count(&c->max_disks, value);
}

static const char *set_duration(u64 *ms, const char *value)
{
	u64 v;

	if (dmm_parse_duration_ms(value, &v) || v < 100 || v > 30ull * 86400 * 1000)
		return "not a time from 100ms to 30d, like 30s";
	*ms = v;
	return NULL;
}

static const char *set_orphan(struct dmm_config *c, const char *value)
{
	return set_duration(&c->orphan_ms, value);
}

static const char *set_handshake(struct dmm_config *c, const char *value)
{
	return set_duration(&c->handshake_ms, value);
}

static const char *set_stall(struct dmm_config *c, const char *value)
{
	return set_duration(&c->stall_ms, value);
}

static const char *set_ack(struct dmm_config *c, const char *value)
{
	return set_duration(&c->ack_ms, value);
}

static const struct { const char *name; int level; } log_levels[] = {
	{ "error", LOG_ERR }, { "warning", LOG_WARNING }, { "notice", LOG_NOTICE },
	{ "info", LOG_INFO }, { "debug", LOG_DEBUG },
};
#define NR_LOG_LEVELS (sizeof(log_levels) / sizeof(log_levels[0]))

static const char *set_log_level(struct dmm_config *c, const char *value)
{
	size_t i;

	for (i = 0; i < NR_LOG_LEVELS; i++) {
		if (!strcmp(log_levels[i].name, value)) {
			c->log_level = log_levels[i].level;
			return NULL;
		}
	}
	return "not one of error, warning, notice, info, debug";
}

static const char *set_path(char path[DMM_LOCAL_PATH], const char *value)
{
	if (value[0] != '/')
		return "not an absolute path";
	if (strlen(value) >= DMM_LOCAL_PATH)
		return "too long: at most 107 characters";
	strcpy(path, value);
	return NULL;
}

static const char *set_state_dir(struct dmm_config *c, const char *value)
{
	return set_path(c->state_dir, value);
}

static const char *set_control(struct dmm_config *c, const char *value)
{
	return set_path(c->control, value);
}

static const char *set_foreground(struct dmm_config *c, const char *value)
{
	(void)value;
	c->foreground = true;
	return NULL;
}

static const struct dmm_setting settings[] = {
	{ "config", 'c', "FILE", false, true, "configuration file (" DMM_DEFAULT_CONFIG ")", set_config },
	{ "listen", 'l', "ADDRESS", false, false,
	  "address to listen on, [:PORT] included; repeatable (127.0.0.1)", set_listen },
	{ "port", 'p', "N", false, false, "port of addresses without one (7790)", set_port },
	{ "allow", 'a', "GLOB", false, false,
	  "destinations that may be written; repeatable (none)", set_allow },
	{ "engine", 'e', "NAME", false, false, "how to write: auto, io_uring, libaio or inline (auto)", set_engine },
	{ "buffers", 'b', "SIZE", false, false, "memory for data of all connections (64M)",
	  set_buffers },
	{ "log_level", 'L', "LEVEL", false, false,
	  "error, warning, notice, info or debug (info)", set_log_level },
	{ "state_dir", 's', "DIR", false, false, "journals of hand-overs (" DMM_JOURNAL_DIR ")", set_state_dir },
	{ "control", 'C', "PATH", false, false, "socket that dmmigrate on this host asks (" DMM_CONTROL_PATH ")",
	  set_control },
	{ "foreground", 'f', NULL, false, true, "log to stderr, not to the journal",
	  set_foreground },
	{ "max_sessions", 0, "N", true, false, "connections at a time (256)", set_max_sessions },
	{ "max_silent", 0, "N", true, false,
	  "of these, of one address, without a request yet (a quarter, at least 32)", set_max_silent },
	{ "max_disks", 0, "N", true, false, "disks prepared at a time (256)", set_max_disks },
	{ "orphan_timeout", 0, "TIME", true, false,
	  "release a disk without any connection after this (1h)", set_orphan },
	{ "handshake_timeout", 0, "TIME", true, false,
	  "for a new connection to say what it is (10s)", set_handshake },
	{ "stall_timeout", 0, "TIME", true, false,
	  "for the rest of a message that has begun (60s)", set_stall },
	{ "ack_timeout", 0, "TIME", true, false,
	  "for a source to take its acknowledgements (30s)", set_ack },
};
#define NR_SETTINGS (sizeof(settings) / sizeof(settings[0]))

const struct dmm_setting *dmm_setting_get(unsigned int i)
{
	return i < NR_SETTINGS ? &settings[i] : NULL;
}

const char *dmm_setting_choice(const struct dmm_setting *s, unsigned int i)
{
	if (s->set == set_log_level)
		return i < NR_LOG_LEVELS ? log_levels[i].name : NULL;
	return s->set == set_engine ? dmm_engine_name(i) : NULL;
}

__attribute__((format(printf, 2, 3)))
static void complain(const struct origin *o, const char *fmt, ...)
{
	va_list ap;

	if (o->file)
		fprintf(stderr, "dmmigrated: %s:%d: ", o->file, o->line);
	else
		fputs("dmmigrated: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void dmm_setting_option(const char *name, char buf[32])
{
	size_t i;

	for (i = 0; name[i] && i < 31; i++)
		buf[i] = name[i] == '_' ? '-' : name[i];
	buf[i] = '\0';
}

static void print_help(void)
{
	char name[32], left[48];
	size_t i;

	puts("Usage: dmmigrated [OPTION]...\n\n"
	     "Receives disks that dmmigrate sends, and writes them to destinations on its\n"
	     "allow-list.  Without an allow-list it refuses everything.\n");
	for (i = 0; i < NR_SETTINGS; i++) {
		if (settings[i].config_only)
			continue;
		dmm_setting_option(settings[i].name, name);
		snprintf(left, sizeof(left), "-%c, --%s%s%s", settings[i].letter, name,
			 settings[i].arg ? " " : "", settings[i].arg ? settings[i].arg : "");
		printf("  %-24s %s\n", left, settings[i].help);
	}
	printf("  %-24s %s\n  %-24s %s\n", "-h, --help", "this text", "-V, --version", "the version");
	puts("\nKeys of the configuration file, section [dmmigrated], besides the long options\n"
	     "(with _ for -):");
	for (i = 0; i < NR_SETTINGS; i++) {
		if (!settings[i].config_only)
			continue;
		snprintf(left, sizeof(left), "%s = %s", settings[i].name, settings[i].arg);
		printf("  %-24s %s\n", left, settings[i].help);
	}
	puts("\nExit codes: 0 stopped by SIGTERM or SIGINT, 2 usage or configuration,\n"
	     "4 cannot listen, 5 out of memory or descriptors, writes that never ended.");
}

static void print_version(void)
{
	char why[DMM_ENGINE_WHY];

	printf("dmmigrated %s\nwrites by %s here", DMM_VERSION, dmm_engine_choose(NULL, why)->name);
	printf("%s%s\n", why[0] ? "; not by io_uring: " : "", why);
}

/* --- configuration file --- */

struct ini_state {
	struct dmm_config *c;
	struct origin origin;
	FILE *f;
	bool failed;
	int read_errno;
	bool own_listen;	/* addresses of the command line replace the file's */
};

/* inih calls this for every line, which gives us the numbers that its handlers lack. */
static char *ini_line(char *buf, int size, void *stream)
{
	struct ini_state *st = stream;
	char *line = fgets(buf, size, st->f);
	size_t n;

	if (!line) {
		if (ferror(st->f))
			st->read_errno = errno;
		return NULL;
	}
	st->origin.line++;
	n = strlen(line);
	if (n + 1 == (size_t)size && line[n - 1] != '\n') {
		complain(&st->origin, "the line is too long: at most %d characters", size - 2);
		st->failed = true;
		return NULL;
	}
	return line;
}

static int ini_setting(void *user, const char *section, const char *name, const char *value)
{
	struct ini_state *st = user;
	const char *wrong;
	size_t i;

	if (*section && strcmp(section, "dmmigrated")) {
		complain(&st->origin, "unknown section [%s]: the only one is [dmmigrated]", section);
		goto err;
	}
	for (i = 0; i < NR_SETTINGS; i++) {
		if (settings[i].option_only || strcmp(settings[i].name, name))
			continue;
		if (settings[i].set == set_listen && st->own_listen)
			return 1;
		wrong = settings[i].set(st->c, value);
		if (!wrong)
			return 1;
		complain(&st->origin, "%s = %s: %s", name, value, wrong);
		goto err;
	}
	complain(&st->origin, "unknown key '%s': see dmmigrated --help", name);
err:
	st->failed = true;
	return 0;
}

static int config_file_parse(struct dmm_config *c, bool own_listen)
{
	struct ini_state st = { .c = c, .origin.file = c->path, .own_listen = own_listen };
	dmm_autofclose FILE *f = fopen(c->path, "re");
	int ret;

	if (!f && errno == ENOENT && !c->path_given)
		return 0;
	if (!f) {
		fprintf(stderr, "dmmigrated: %s: %s\n", c->path, strerror(errno));
		return -EINVAL;
	}
	st.f = f;
	ret = ini_parse_stream(ini_line, &st, ini_setting, &st);
	if (ret > 0 && !st.failed) {
		st.origin.line = ret;
		complain(&st.origin, "neither a section nor KEY = VALUE");
	}
	if (st.read_errno) {
		fprintf(stderr, "dmmigrated: %s: %s\n", c->path, strerror(st.read_errno));
		ret = -EIO;
	}
	return ret || st.failed ? -EINVAL : 0;
}

/* --- command line --- */

static int complain_option(const char *what)
{
	fprintf(stderr, "dmmigrated: %s: see dmmigrated --help\n", what);
	return DMM_OPTIONS_ERROR;
}

/*
 * Goes through the command line.  The file is read between two passes: the first one only
 * looks for --config and --listen, the second has the last word.
 */
static int options_pass(int argc, char **argv, struct dmm_config *c, bool first)
{
	struct option longs[NR_SETTINGS + 3];
	char names[NR_SETTINGS][32], shorts[2 * NR_SETTINGS + 4], what[300];
	const struct origin here = { NULL, 0 };
	size_t i, nl = 0, ns = 0;
	const char *wrong;
	int opt;

	memset(longs, 0, sizeof(longs));
	shorts[ns++] = ':';
	for (i = 0; i < NR_SETTINGS; i++) {
		if (settings[i].config_only)
			continue;
		dmm_setting_option(settings[i].name, names[i]);
		longs[nl].name = names[i];
		longs[nl].has_arg = settings[i].arg ? required_argument : no_argument;
		longs[nl++].val = 256 + i;
		shorts[ns++] = settings[i].letter;
		if (settings[i].arg)
			shorts[ns++] = ':';
	}
	longs[nl++] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[nl++] = (struct option){ "version", no_argument, NULL, 'V' };
	shorts[ns++] = 'h';
	shorts[ns++] = 'V';
	shorts[ns] = '\0';

	optind = 0;	/* glibc: start afresh */
	while ((opt = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		switch (opt) {
		case 'h':
			print_help();
			return DMM_OPTIONS_DONE;
		case 'V':
			print_version();
			return DMM_OPTIONS_DONE;
		case '?':
			snprintf(what, sizeof(what), "unknown option '%.200s'", argv[optind - 1]);
			return complain_option(what);
		case ':':
			snprintf(what, sizeof(what), "option '%.200s' needs an argument",
				 argv[optind - 1]);
			return complain_option(what);
		}
		for (i = 0; i < NR_SETTINGS; i++) {
			if (opt == 256 + (int)i || (settings[i].letter && opt == settings[i].letter))
				break;
		}
		/* each value is taken by one of the passes: lists must not grow twice */
		if (first != (settings[i].set == set_config || settings[i].set == set_listen))
			continue;
		wrong = settings[i].set(c, optarg);
		if (!wrong)
			continue;
		dmm_setting_option(settings[i].name, what);
		complain(&here, "--%s %s: %s", what, optarg, wrong);
		return DMM_OPTIONS_ERROR;
	}
	if (optind < argc) {
		snprintf(what, sizeof(what), "unexpected argument '%.200s'", argv[optind]);
		return complain_option(what);
	}
	return DMM_OPTIONS_RUN;
}

static void config_init(struct dmm_config *c)
{
	memset(c, 0, sizeof(*c));
	c->path = DMM_DEFAULT_CONFIG;
	c->port = DMM_DEFAULT_PORT;
	c->engine_auto = true;
	c->buffer_bytes = 64 << 20;
	c->max_sessions = 256;
	c->max_disks = 256;
	c->orphan_ms = 3600 * 1000;
	c->handshake_ms = 10 * 1000;
	c->stall_ms = 60 * 1000;
	c->ack_ms = 30 * 1000;
	c->log_level = LOG_INFO;
	strcpy(c->state_dir, DMM_JOURNAL_DIR);
	strcpy(c->control, DMM_CONTROL_PATH);
}

enum dmm_options_result dmm_options_parse(int argc, char **argv, struct dmm_config *c)
{
	int ret;

	config_init(c);
	ret = options_pass(argc, argv, c, true);
	if (ret == DMM_OPTIONS_RUN && config_file_parse(c, c->nr_listen))
		ret = DMM_OPTIONS_ERROR;
	if (ret == DMM_OPTIONS_RUN)
		ret = options_pass(argc, argv, c, false);
	if (ret != DMM_OPTIONS_RUN)
		dmm_config_exit(c);
	return ret;
}

u32 dmm_config_silent(const struct dmm_config *c)
{
	if (c->max_silent)
		return c->max_silent;
	return c->max_sessions / 4 > MIN_SILENT ? c->max_sessions / 4 : MIN_SILENT;
}

void dmm_config_exit(struct dmm_config *c)
{
	u32 i;

	for (i = 0; i < c->nr_allow; i++)
		free(c->allow[i]);
	free(c->allow);
	c->allow = NULL;
	c->nr_allow = 0;
}
