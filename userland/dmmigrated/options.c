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

#include "cleanup.h"
#include "guest_config.h"
#include "journal.h"
#include "options.h"
#include "version.h"

#define MIN_SILENT	32u

/* Where a value comes from, for messages. */
struct origin {
	const char *file;	/* NULL: the command line */
	int line;
};

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

static void print_help(void)
{
	char name[32], left[48];
	size_t i;

	puts("Usage: dmmigrated [OPTION]...\n\n"
	     "Receives disks that dmmigrate sends, and writes them to destinations on its\n"
	     "allow-list.  Without an allow-list it refuses everything.\n");
	for (i = 0; i < DMM_NR_SETTINGS; i++) {
		if (dmm_settings[i].config_only)
			continue;
		dmm_setting_option(dmm_settings[i].name, name);
		snprintf(left, sizeof(left), "-%c, --%s%s%s", dmm_settings[i].letter, name,
			 dmm_settings[i].arg ? " " : "", dmm_settings[i].arg ? dmm_settings[i].arg : "");
		printf("  %-24s %s\n", left, dmm_settings[i].help);
	}
	printf("  %-24s %s\n  %-24s %s\n", "-h, --help", "this text", "-V, --version", "the version");
	puts("\nKeys of the configuration file, section [dmmigrated], besides the long options\n"
	     "(with _ for -):");
	for (i = 0; i < DMM_NR_SETTINGS; i++) {
		if (!dmm_settings[i].config_only)
			continue;
		snprintf(left, sizeof(left), "%s = %s", dmm_settings[i].name, dmm_settings[i].arg);
		printf("  %-24s %s\n", left, dmm_settings[i].help);
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
	for (i = 0; i < DMM_NR_SETTINGS; i++) {
		if (dmm_settings[i].option_only || strcmp(dmm_settings[i].name, name))
			continue;
		if (!strcmp(dmm_settings[i].name, "listen") && st->own_listen)
			return 1;
		wrong = dmm_settings[i].set(st->c, value);
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

/* Taken by the first pass. */
static bool is_early(const struct dmm_setting *s)
{
	return !strcmp(s->name, "config") || !strcmp(s->name, "listen");
}

/*
 * Goes through the command line.  The file is read between two passes: the first one only
 * looks for --config and --listen, the second has the last word.
 */
static int options_pass(int argc, char **argv, struct dmm_config *c, bool first)
{
	struct option longs[DMM_NR_SETTINGS + 3];
	char names[DMM_NR_SETTINGS][32], shorts[2 * DMM_NR_SETTINGS + 4], what[300];
	const struct origin here = { NULL, 0 };
	size_t i, nl = 0, ns = 0;
	const char *wrong;
	int opt;

	memset(longs, 0, sizeof(longs));
	shorts[ns++] = ':';
	for (i = 0; i < DMM_NR_SETTINGS; i++) {
		if (dmm_settings[i].config_only)
			continue;
		dmm_setting_option(dmm_settings[i].name, names[i]);
		longs[nl].name = names[i];
		longs[nl].has_arg = dmm_settings[i].arg ? required_argument : no_argument;
		longs[nl++].val = 256 + i;
		shorts[ns++] = dmm_settings[i].letter;
		if (dmm_settings[i].arg)
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
		for (i = 0; i < DMM_NR_SETTINGS; i++) {
			if (opt == 256 + (int)i || (dmm_settings[i].letter && opt == dmm_settings[i].letter))
				break;
		}
		/* each value is taken by one of the passes: lists must not grow twice */
		if (first != is_early(&dmm_settings[i]))
			continue;
		wrong = dmm_settings[i].set(c, optarg);
		if (!wrong)
			continue;
		dmm_setting_option(dmm_settings[i].name, what);
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
	c->handshake_ms = 5 * 1000;
	c->stall_ms = 60 * 1000;
	c->ack_ms = 30 * 1000;
	c->log_level = LOG_INFO;
	strcpy(c->keys, DMM_KEYS_DIR);
	strcpy(c->state_dir, DMM_JOURNAL_DIR);
	strcpy(c->control, DMM_CONTROL_PATH);
	strcpy(c->xl, DMM_XL_PATH);
	strcpy(c->guest_configs, DMM_GUEST_CONFIG_DIR);
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

static void lines_free(char ***lines, u32 *nr)
{
	while (*nr)
		free((*lines)[--*nr]);
	free(*lines);
	*lines = NULL;
}

void dmm_config_exit(struct dmm_config *c)
{
	lines_free(&c->allow, &c->nr_allow);
	lines_free(&c->srs, &c->nr_srs);
}
