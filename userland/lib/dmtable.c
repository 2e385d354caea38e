// SPDX-License-Identifier: GPL-2.0
/*
 * Device-mapper tables as data.  The list of targets that may be moved is a
 * white list: a target that is not on it is refused, whether we know why or not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "dmtable.h"
#include "parse.h"
#include <dmmigrate/wire.h>

/* reason NULL: may be moved */
static const struct {
	const char *type;
	const char *reason;
} target_rules[] = {
	{ "linear", NULL },
	{ "striped", NULL },
	{ "crypt", NULL },
	{ "thin", NULL },
	{ "delay", NULL },
	{ "flakey", NULL },
	{ "error", NULL },
	{ "migrate", "is being migrated already" },
	{ "multipath", "cannot be replaced while in use: put a linear device above it, and let its "
		       "user open that one" },
	{ "snapshot", "keeps state of its own: merge or remove the snapshot first" },
	{ "snapshot-origin", "has snapshots: remove them first" },
	{ "snapshot-merge", "keeps state of its own: wait for the merge to end" },
	{ "raid", "keeps state of its own: copy it offline" },
	{ "mirror", "keeps state of its own: copy it offline" },
	{ "cache", "keeps state of its own: uncache it first (lvconvert --uncache)" },
	{ "writecache", "keeps state of its own: uncache it first (lvconvert --uncache)" },
	{ "era", "keeps state of its own: copy it offline" },
	{ "clone", "keeps state of its own: wait for the hydration to end, then replace it by linear" },
	{ "integrity", "keeps state of its own: copy it offline" },
	{ "vdo", "keeps state of its own: copy it offline" },
	{ "thin-pool", "is a pool, no volume: migrate the thin volumes in it" },
	{ "zoned", "is zoned" },
	{ "zero", "has no contents" },
};

static int rule_find(const char *type, size_t *rule)
{
	size_t i;

	for (i = 0; i < sizeof(target_rules) / sizeof(target_rules[0]); i++) {
		if (!strcmp(type, target_rules[i].type)) {
			*rule = i;
			return 0;
		}
	}
	return -ENOENT;
}

int dmm_dm_table_add(struct dmm_dm_table *t, u64 start_sectors, u64 len_sectors,
		     const char *type, const char *params)
{
	struct dmm_dm_target *targets;
	char *own_type, *own_params;

	targets = reallocarray(t->targets, t->nr + 1, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	t->targets = targets;
	own_type = strdup(type);
	own_params = strdup(params ? params : "");
	if (!own_type || !own_params) {
		free(own_type);
		free(own_params);
		return -ENOMEM;
	}
	t->targets[t->nr++] = (struct dmm_dm_target) {
		.start_sectors = start_sectors, .len_sectors = len_sectors,
		.type = own_type, .params = own_params,
	};
	return 0;
}

void dmm_dm_table_clear(struct dmm_dm_table *t)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		free(t->targets[i].type);
		/* may hold a key */
		explicit_bzero(t->targets[i].params, strlen(t->targets[i].params));
		free(t->targets[i].params);
	}
	free(t->targets);
	*t = (struct dmm_dm_table) { 0 };
}

/* One line, modified in place. */
static int table_parse_line(char *line, struct dmm_dm_table *t)
{
	char *save = NULL, *start, *len, *type, *params;
	u64 start_sectors, len_sectors;

	start = strtok_r(line, " \t", &save);
	len = strtok_r(NULL, " \t", &save);
	type = strtok_r(NULL, " \t", &save);
	if (!start || !len || !type)
		return -EINVAL;
	if (dmm_parse_u64(start, 0, ~0ull >> 10, &start_sectors) ||
	    dmm_parse_u64(len, 1, ~0ull >> 10, &len_sectors))
		return -EINVAL;
	params = save ? save + strspn(save, " \t") : NULL;
	return dmm_dm_table_add(t, start_sectors, len_sectors, type, params);
}

int dmm_dm_table_parse(const char *text, struct dmm_dm_table *t)
{
	dmm_autofree char *copy = strdup(text);
	char *save = NULL, *line;
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		ret = table_parse_line(line, t);
		if (ret)
			break;
	}
	explicit_bzero(copy, strlen(text));
	if (!ret && !t->nr)
		ret = -EINVAL;
	if (ret)
		dmm_dm_table_clear(t);
	return ret;
}

/* The second word of a crypt line, or "". */
static const char *crypt_key_word(const char *params)
{
	params += strcspn(params, " ");
	return params + strspn(params, " ");
}

/* A key that is given; ":size:type:name" only names one in a keyring. */
static bool crypt_key(const char *params, size_t *at, size_t *bytes)
{
	const char *key = crypt_key_word(params);

	*at = key - params;
	*bytes = strcspn(key, " ");
	return *bytes && *key != ':' && *key != '-';
}

/* cryptsetup's own keyring is gone when it has ended, and with it the way to load the table again. */
static bool crypt_key_in_keyring(const char *params)
{
	return *crypt_key_word(params) == ':';
}

bool dmm_dm_table_secret(const struct dmm_dm_table *t)
{
	unsigned int i;
	size_t at, bytes;

	for (i = 0; i < t->nr; i++) {
		if (!strcmp(t->targets[i].type, "crypt") &&
		    crypt_key(t->targets[i].params, &at, &bytes))
			return true;
	}
	return false;
}

char *dmm_dm_table_format(const struct dmm_dm_table *t, bool keys)
{
	char *text = NULL;
	size_t bytes = 0;
	unsigned int i;
	size_t at, len;
	FILE *f = open_memstream(&text, &bytes);

	if (!f)
		return NULL;
	for (i = 0; i < t->nr; i++) {
		const struct dmm_dm_target *g = &t->targets[i];

		fprintf(f, "%s%llu %llu %s", i ? "\n" : "", g->start_sectors,
			g->len_sectors, g->type);
		if (!*g->params)
			continue;
		if (keys || strcmp(g->type, "crypt") || !crypt_key(g->params, &at, &len)) {
			fprintf(f, " %s", g->params);
			continue;
		}
		fprintf(f, " %.*s", (int)at, g->params);
		for (; len; len--) {
			fputc('0', f);
			at++;
		}
		fputs(g->params + at, f);
	}
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

bool dmm_dm_table_equal(const struct dmm_dm_table *a, const struct dmm_dm_table *b)
{
	unsigned int i;

	if (a->nr != b->nr)
		return false;
	for (i = 0; i < a->nr; i++) {
		if (a->targets[i].start_sectors != b->targets[i].start_sectors ||
		    a->targets[i].len_sectors != b->targets[i].len_sectors ||
		    strcmp(a->targets[i].type, b->targets[i].type) ||
		    strcmp(a->targets[i].params, b->targets[i].params))
			return false;
	}
	return true;
}

u64 dmm_dm_table_sectors(const struct dmm_dm_table *t)
{
	const struct dmm_dm_target *last;

	if (!t->nr)
		return 0;
	last = &t->targets[t->nr - 1];
	return last->start_sectors + last->len_sectors;
}

/* <device> <block size> <number of features> gate */
static bool table_is_gate(const struct dmm_dm_target *g)
{
	const char *last = strrchr(g->params, ' ');

	return !strcmp(g->type, DMM_TARGET_NAME) && last && !strcmp(last, " gate");
}

int dmm_dm_table_check(const struct dmm_dm_table *t, char *why, size_t why_bytes)
{
	u64 expect_sectors = 0;
	unsigned int i;
	size_t rule;

	if (!t->nr) {
		snprintf(why, why_bytes, "its table is empty: load one first");
		return -EINVAL;
	}
	for (i = 0; i < t->nr; i++) {
		const struct dmm_dm_target *g = &t->targets[i];

		if (g->start_sectors != expect_sectors || !g->len_sectors) {
			snprintf(why, why_bytes, "its table has a gap at sector %llu",
				 expect_sectors);
			return -EINVAL;
		}
		expect_sectors += g->len_sectors;
		if (rule_find(g->type, &rule)) {
			snprintf(why, why_bytes, "its target '%s' is not one that can be moved (linear, "
				 "striped, crypt, thin): put a linear device above it, or copy it offline",
				 g->type);
			return -EOPNOTSUPP;
		}
		if (table_is_gate(g)) {
			snprintf(why, why_bytes, "it is the gate of a migration to this host: end that first");
			return -EOPNOTSUPP;
		}
		if (target_rules[rule].reason) {
			snprintf(why, why_bytes, "its target '%s' %s", g->type,
				 target_rules[rule].reason);
			return -EOPNOTSUPP;
		}
		if (!strcmp(g->type, "crypt") && crypt_key_in_keyring(g->params)) {
			snprintf(why, why_bytes, "the key of its target 'crypt' is in a kernel keyring, and its "
				 "table cannot be loaded again without it: open it with cryptsetup "
				 "--disable-keyring");
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

/* <major>:<minor> <block size>, and maybe more */
static int migrate_params(const char *params, unsigned int *major, unsigned int *minor,
			  u32 *block_sectors)
{
	unsigned int a, b, c;
	int end = 0;

	if (sscanf(params, "%u:%u %u%n", &a, &b, &c, &end) != 3 || !c ||
	    (params[end] && params[end] != ' '))
		return -EINVAL;
	*major = a;
	*minor = b;
	*block_sectors = c;
	return 0;
}

int dmm_dm_table_migrate(const struct dmm_dm_table *t, unsigned int *major, unsigned int *minor,
			 u32 *block_sectors)
{
	if (t->nr != 1 || strcmp(t->targets[0].type, DMM_TARGET_NAME) ||
	    t->targets[0].start_sectors || table_is_gate(&t->targets[0]))
		return -ENOENT;
	return migrate_params(t->targets[0].params, major, minor, block_sectors);
}

int dmm_dm_table_sink(const struct dmm_dm_table *t, unsigned int *major, unsigned int *minor)
{
	static const char feature[] = " 2 sink ";
	unsigned int ignored, a, b;
	const char *at;
	u32 block_sectors;
	int end = 0, ret;

	ret = dmm_dm_table_migrate(t, &ignored, &ignored, &block_sectors);
	if (ret)
		return ret;
	at = strstr(t->targets[0].params, feature);
	if (!at)
		return -ENOENT;
	at += strlen(feature);
	if (sscanf(at, "%u:%u%n", &a, &b, &end) != 2 || at[end])
		return -EINVAL;
	*major = a;
	*minor = b;
	return 0;
}

int dmm_dm_table_gate(const struct dmm_dm_table *t, unsigned int *major, unsigned int *minor)
{
	u32 block_sectors;

	if (t->nr != 1 || t->targets[0].start_sectors || !table_is_gate(&t->targets[0]))
		return -ENOENT;
	return migrate_params(t->targets[0].params, major, minor, &block_sectors);
}

int dmm_dm_table_linear(const struct dmm_dm_table *t, unsigned int *major, unsigned int *minor)
{
	unsigned int a, b;
	u64 start;
	int end = 0;

	if (t->nr != 1 || strcmp(t->targets[0].type, "linear") || t->targets[0].start_sectors ||
	    sscanf(t->targets[0].params, "%u:%u %llu%n", &a, &b, &start, &end) != 3 || start || t->targets[0].params[end])
		return -ENOENT;
	*major = a;
	*minor = b;
	return 0;
}

/* What comes behind the id in one of our UUIDs; NULL: it is none. */
static const char *uuid_parse(const char *uuid, u8 id[16])
{
	size_t prefix = strlen(DMM_UUID_PREFIX);
	char hex[DMM_ID_HEX];

	if (strncmp(uuid, DMM_UUID_PREFIX, prefix) || strlen(uuid) < prefix + DMM_ID_HEX - 1)
		return NULL;
	memcpy(hex, uuid + prefix, DMM_ID_HEX - 1);
	hex[DMM_ID_HEX - 1] = '\0';
	return dmm_id_parse(hex, id) ? NULL : uuid + prefix + DMM_ID_HEX - 1;
}

int dmm_origin_uuid_parse(const char *uuid, u8 id[16], u32 *disk)
{
	const char *rest = uuid_parse(uuid, id);
	u64 value = 0;

	if (!rest || strncmp(rest, "-origin", 7) || rest[7] == '0')
		return -EINVAL;
	if (rest[7] && dmm_parse_u64(rest + 7, 1, DMM_MAX_GROUP - 1, &value))
		return -EINVAL;
	*disk = (u32)value;
	return 0;
}

int dmm_gate_uuid_parse(const char *uuid, u8 id[16])
{
	const char *rest = uuid_parse(uuid, id);

	return rest && !strncmp(rest, "-gate", 5) ? 0 : -EINVAL;
}

const char *dmm_dm_uuid_kind(const char *uuid, u8 id[16])
{
	static const char *const kinds[] = { "origin", "gate", "fence" };
	const char *rest = uuid_parse(uuid, id);
	size_t i, n;

	for (i = 0; rest && *rest == '-' && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		n = strlen(kinds[i]);
		if (!strncmp(rest + 1, kinds[i], n) && strspn(rest + 1 + n, "0123456789") == strlen(rest + 1 + n))
			return kinds[i];
	}
	return NULL;
}

/* "", or the number of a disk but the first. */
static const char *disk_suffix(u32 disk, char buf[12])
{
	buf[0] = '\0';
	if (disk)
		snprintf(buf, 12, "%u", disk);
	return buf;
}

void dmm_origin_uuid_format(const u8 id[16], u32 disk, char uuid[DMM_DM_UUID_BYTES])
{
	char hex[DMM_ID_HEX], number[12];

	dmm_id_format(id, hex);
	snprintf(uuid, DMM_DM_UUID_BYTES, "%s%s-origin%s", DMM_UUID_PREFIX, hex, disk_suffix(disk, number));
}

static void disk_uuid_format(const u8 id[16], const char *what, u32 disk, char uuid[DMM_DM_UUID_BYTES])
{
	char hex[DMM_ID_HEX];

	dmm_id_format(id, hex);
	snprintf(uuid, DMM_DM_UUID_BYTES, "%s%s-%s%u", DMM_UUID_PREFIX, hex, what, disk);
}

void dmm_gate_uuid_format(const u8 id[16], u32 disk, char uuid[DMM_DM_UUID_BYTES])
{
	disk_uuid_format(id, "gate", disk, uuid);
}

void dmm_fence_uuid_format(const u8 id[16], u32 disk, char uuid[DMM_DM_UUID_BYTES])
{
	disk_uuid_format(id, "fence", disk, uuid);
}

bool dmm_dm_uuid_is_lv(const char *uuid)
{
	static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#";

	return strlen(uuid) == DMM_LV_UUID_BYTES - 1 && !strncmp(uuid, "LVM-", 4) &&
	       strspn(uuid + 4, letters) == DMM_LV_UUID_BYTES - 5 &&
	       strncmp(uuid, DMM_UUID_PREFIX, strlen(DMM_UUID_PREFIX));
}

void dmm_origin_name(const char *live, const u8 id[16], u32 disk, char name[DMM_DM_NAME_BYTES])
{
	char hex[DMM_ID_HEX], number[12];

	if (strlen(live) + strlen(DMM_ORIGIN_SUFFIX) < DMM_DM_NAME_BYTES) {
		snprintf(name, DMM_DM_NAME_BYTES, "%s%s", live, DMM_ORIGIN_SUFFIX);
		return;
	}
	dmm_id_format(id, hex);
	snprintf(name, DMM_DM_NAME_BYTES, "dmm-%s-origin%s", hex, disk_suffix(disk, number));
}
