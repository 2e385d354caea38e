// SPDX-License-Identifier: GPL-2.0
/*
 * The table of settings, and what each of them takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "bufpool.h"
#include "guest_config.h"
#include "journal.h"
#include "keys_peers.h"
#include "options.h"
#include "sr.h"

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

/* Words that are names of peers. */
static bool names_ok(const char *names)
{
	char word[DMM_PEER_NAME];

	while (dmm_peer_address_next(&names, word)) {
		if (!dmm_peer_name_ok(word))
			return false;
	}
	return true;
}

/* Appends a copy. NULL, or what is wrong. */
static const char *line_add(char ***lines, u32 *nr, const char *line)
{
	char **grown = reallocarray(*lines, *nr + 1, sizeof(*grown));

	if (!grown)
		return "out of memory";
	*lines = grown;
	grown[*nr] = strdup(line);
	if (!grown[*nr])
		return "out of memory";
	++*nr;
	return NULL;
}

static const char *set_allow(struct dmm_config *c, const char *value)
{
	if (value[0] != '/' && strncmp(value, "nbd://", 6) && strncmp(value, "nbd+unix://", 11))
		return "a pattern must begin with a slash, like /dev/vg0/*, or with nbd://HOST/ or nbd+unix:///";
	/* "/srv/a*# note" would be a pattern that matches nothing */
	if (strchr(value, '#') || strchr(value, '\t'))
		return "a pattern takes no '#' and no tab ('?' matches one; comments have lines of their own)";
	if (!names_ok(value + strcspn(value, " \t")))
		return "behind a pattern come names of peers, as in dmmigrate keys list ('?' matches a blank)";
	if (c->nr_allow == DMM_ALLOW_MAX)
		return "too many patterns: at most 256";
	return line_add(&c->allow, &c->nr_allow, value);
}

/* Kept as a line of the allow-list is: what peers ask for, a blank, whom it is for. */
static const char *set_sr(struct dmm_config *c, const char *value)
{
	size_t n = strcspn(value, " \t"), place, i;
	char text[DMM_SR_NAME + DMM_SR_PLACE + 8], *line;
	const char *wrong;
	struct dmm_sr sr;

	place = n + strspn(value + n, " \t");
	i = place + strcspn(value + place, " \t");
	if (i >= sizeof(text))
		return "too long";
	snprintf(text, sizeof(text), "%.*s", (int)i, value);
	wrong = dmm_sr_parse(text, &sr);
	if (wrong)
		return wrong;
	if (!names_ok(value + i))
		return "behind the place come names of peers, as in dmmigrate keys list";
	n = strlen(sr.name);
	for (place = 0; place < c->nr_srs; place++) {
		if (!strncmp(c->srs[place], sr.name, n) && c->srs[place][n] == '=')
			return "there is one of this name already";
	}
	if (c->nr_srs == DMM_ALLOW_MAX)
		return "too many storage repositories: at most 256";
	if (asprintf(&line, "%s=%s:%s%s", sr.name, dmm_sr_kind_name(sr.kind), sr.place, value + i) < 0)
		return "out of memory";
	wrong = line_add(&c->srs, &c->nr_srs, line);
	free(line);
	return wrong;
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

static const char *set_keys(struct dmm_config *c, const char *value)
{
	return set_path(c->keys, value);
}

/* One more word or several. */
static const char *set_guests(struct dmm_config *c, const char *value)
{
	const char *names = value;
	char word[DMM_PEER_NAME];

	while (dmm_peer_address_next(&names, word)) {
		if (strcmp(word, DMM_GUESTS_ALL) && !dmm_peer_name_ok(word))
			return "not names of peers, as in dmmigrate keys list, or *";
		if (strlen(c->guests) + strlen(word) + 2 > sizeof(c->guests))
			return "too many names: at most 510 characters";
		strcat(strcat(c->guests, " "), word);
	}
	return NULL;
}

static const char *set_xl(struct dmm_config *c, const char *value)
{
	return set_path(c->xl, value);
}

static const char *set_guest_configs(struct dmm_config *c, const char *value)
{
	return set_path(c->guest_configs, value);
}

static const char *set_tls(struct dmm_config *c, const char *value)
{
	return dmm_tls_carrier_parse(value, &c->tls) ? "not one of auto, kernel, relay" : NULL;
}

/* A switch on the command line, yes or no in the file. */
static const char *set_plaintext(struct dmm_config *c, const char *value)
{
	c->insecure_plaintext = !value || !strcmp(value, "yes");
	return c->insecure_plaintext || !strcmp(value, "no") ? NULL : "not one of yes, no";
}

static const char *set_reconnect(struct dmm_config *c, const char *value)
{
	c->by_hand = !strcmp(value, "manual");
	return c->by_hand || !strcmp(value, "auto") ? NULL : "not one of auto, manual";
}

static const char *set_restore(struct dmm_config *c, const char *value)
{
	(void)value;
	c->restore = true;
	return NULL;
}

static const char *set_foreground(struct dmm_config *c, const char *value)
{
	(void)value;
	c->foreground = true;
	return NULL;
}

const struct dmm_setting dmm_settings[DMM_NR_SETTINGS] = {
	{ "config", 'c', "FILE", false, true, "configuration file (" DMM_DEFAULT_CONFIG ")", set_config },
	{ "listen", 'l', "ADDRESS", false, false,
	  "address to listen on, [:PORT] included; repeatable (127.0.0.1)", set_listen },
	{ "port", 'p', "N", false, false, "port of addresses without one (7790)", set_port },
	{ "allow", 'a', "GLOB", false, false,
	  "destinations that may be written; repeatable (none)", set_allow },
	{ "engine", 'e', "NAME", false, false, "how to write: auto, io_uring, libaio or inline (auto)", set_engine },
	{ "buffers", 'b', "SIZE", false, false, "memory for data of one migration (64M)",
	  set_buffers },
	{ "log_level", 'L', "LEVEL", false, false,
	  "error, warning, notice, info or debug (info)", set_log_level },
	{ "state_dir", 's', "DIR", false, false, "journals of hand-overs (" DMM_JOURNAL_DIR ")", set_state_dir },
	{ "control", 'C', "PATH", false, false, "socket that dmmigrate on this host asks (" DMM_CONTROL_PATH ")",
	  set_control },
	{ "keys", 'k', "DIR", false, false, "this host's key, and the peers that it trusts (" DMM_KEYS_DIR ")", set_keys },
	{ "tls", 't', "WHERE", false, false,
	  "who encrypts data connections: the kernel, a relay, or auto, which takes the kernel where it can (auto)", set_tls },
	{ "insecure_plaintext", 'P', NULL, false, false, "no TLS: anybody may write the destinations, and read what is sent (no)",
	  set_plaintext },
	{ "reconnect", 'R', "WHEN", false, false,
	  "lost connections of sources here are made anew: auto, or manual by dmmigrate start (auto)", set_reconnect },
	{ "restore", 'r', NULL, false, true,
	  "put up again the gates and fences that journals tell of, and end: before anybody may use a disk",
	  set_restore },
	{ "foreground", 'f', NULL, false, true, "log to stderr, not to the journal",
	  set_foreground },
	{ "max_sessions", 0, "N", true, false, "connections at a time (256)", set_max_sessions },
	{ "max_silent", 0, "N", true, false,
	  "of these, of one address, without a request yet (a quarter, at least 32)", set_max_silent },
	{ "max_disks", 0, "N", true, false, "disks prepared at a time (256)", set_max_disks },
	{ "orphan_timeout", 0, "TIME", true, false,
	  "release a disk without any connection after this (1h)", set_orphan },
	{ "handshake_timeout", 0, "TIME", true, false,
	  "for a new connection to say what it is (5s)", set_handshake },
	{ "stall_timeout", 0, "TIME", true, false,
	  "for the rest of a message that has begun (60s)", set_stall },
	{ "ack_timeout", 0, "TIME", true, false,
	  "for a source to take its acknowledgements (30s)", set_ack },
	{ "sr", 0, "NAME KIND:PLACE", true, false,
	  "storage repository, in which volumes are made for disks that come: lvm:VG, thin:VG/POOL or dir:/DIRECTORY; repeatable (none)",
	  set_sr },
	{ "guests", 0, "PEER", true, false,
	  "hosts whose guests may come, * for all: who begins a guest is as good as root here; repeatable (none)", set_guests },
	{ "xl", 0, "PATH", true, false, "Xen's xl, which receives the memory of guests (" DMM_XL_PATH ")", set_xl },
	{ "guest_configs", 0, "DIR", true, false,
	  "where configurations of guests that have come are put, for xl create; what DIR/auto has begins with the host ("
	  DMM_GUEST_CONFIG_DIR ")", set_guest_configs },
};

const struct dmm_setting *dmm_setting_get(unsigned int i)
{
	return i < DMM_NR_SETTINGS ? &dmm_settings[i] : NULL;
}

const char *dmm_setting_choice(const struct dmm_setting *s, unsigned int i)
{
	if (s->set == set_log_level)
		return i < NR_LOG_LEVELS ? log_levels[i].name : NULL;
	if (s->set == set_reconnect)
		return i < 2 ? (i ? "manual" : "auto") : NULL;
	if (s->set == set_tls)
		return i <= DMM_TLS_RELAY ? dmm_tls_carrier_name((enum dmm_tls_carrier)i) : NULL;
	return s->set == set_engine ? dmm_engine_name(i) : NULL;
}

void dmm_setting_option(const char *name, char buf[32])
{
	size_t i;

	for (i = 0; name[i] && i < 31; i++)
		buf[i] = name[i] == '_' ? '-' : name[i];
	buf[i] = '\0';
}
