// SPDX-License-Identifier: GPL-2.0
/*
 * From what the user typed to devices, tables, identifiers and records.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "owners.h"
#include "source.h"
#include "standing.h"

static void source_set_id(struct dmm_source *s, const u8 id[DMM_ID_BYTES])
{
	memcpy(s->id, id, DMM_ID_BYTES);
	dmm_id_format(id, s->hex);
	s->has_id = true;
}

/* Takes @dev as our origin when its UUID says so. */
static bool source_take_origin(struct dmm_source *s, const struct dmm_dm_dev *dev)
{
	u8 id[DMM_ID_BYTES];

	if (dmm_origin_uuid_parse(dev->uuid, id))
		return false;
	s->origin = *dev;
	s->has_origin = true;
	source_set_id(s, id);
	return true;
}

/* Is this table a migrate target above a device of ours?  Then that is the origin. */
static bool source_take_migrate(struct dmm_source *s, const struct dmm_dm_table *table,
				bool *migrate)
{
	unsigned int major, minor;
	struct dmm_dm_dev dev;
	u32 block_sectors;

	*migrate = !dmm_dm_table_migrate(table, &major, &minor, &block_sectors);
	if (!*migrate)
		return false;
	s->block_sectors = block_sectors;
	return !dmm_dm_find_number(major, minor, &dev) && source_take_origin(s, &dev);
}

/* An origin that the live device does not use (any more, or yet). */
static void source_find_origin(struct dmm_source *s)
{
	char uuid[DMM_DM_UUID_BYTES], name[DMM_DM_NAME_BYTES];
	static const u8 none[DMM_ID_BYTES];
	struct dmm_dm_dev dev;

	if (s->has_id) {
		dmm_origin_uuid_format(s->id, uuid);
		if (!dmm_dm_find_uuid(uuid, &dev))
			source_take_origin(s, &dev);
		return;
	}
	dmm_origin_name(s->live.name, none, name);
	if (!dmm_dm_find_name(name, &dev))
		source_take_origin(s, &dev);
}

static int source_read_live(struct dmm_source *s)
{
	struct dmm_dm_table inactive = { 0 };
	bool migrate;
	int ret;

	if (s->live.live_table) {
		ret = dmm_dm_table(&s->live, false, &s->table);
		if (ret)
			return ret;
		s->ours = source_take_migrate(s, &s->table, &s->migrate);
	}
	if (!s->live.inactive_table)
		return 0;
	ret = dmm_dm_table(&s->live, true, &inactive);
	if (ret)
		return ret;
	if (!s->migrate)
		s->inactive_ours = source_take_migrate(s, &inactive, &migrate);
	dmm_dm_table_clear(&inactive);
	return 0;
}

/* The device whose live (or loaded) table lies above the origin, else the one it is named after. */
static int source_live_of_origin(struct dmm_source *s)
{
	size_t suffix = strlen(DMM_ORIGIN_SUFFIX), len = strlen(s->origin.name);
	dmm_autofree struct dmm_dm_dev *list = NULL;
	struct dmm_dm_table table = { 0 };
	unsigned int nr, i, major, minor;
	char name[DMM_DM_NAME_BYTES];
	u32 block_sectors;
	bool found = false;
	int ret;

	ret = dmm_dm_list(&list, &nr);
	if (ret)
		return ret;
	for (i = 0; i < nr && !found; i++) {
		if (!list[i].live_table || dmm_dm_table(&list[i], false, &table))
			continue;
		found = !dmm_dm_table_migrate(&table, &major, &minor, &block_sectors) &&
			major == s->origin.major && minor == s->origin.minor;
		dmm_dm_table_clear(&table);
		if (found)
			s->live = list[i];
	}
	if (!found && len > suffix && !strcmp(s->origin.name + len - suffix, DMM_ORIGIN_SUFFIX)) {
		snprintf(name, sizeof(name), "%.*s", (int)(len - suffix), s->origin.name);
		found = !dmm_dm_find_name(name, &s->live);
	}
	s->has_live = found;
	return 0;
}

/* The dm device that @spec names. 0, -ENODEV, -ENOTBLK (no block device), -EMEDIUMTYPE (not dm). */
static int source_lookup(const char *spec, struct dmm_dm_dev *dev)
{
	char path[512], text[256];
	struct stat st;
	int ret;

	if (!strchr(spec, '/'))
		return dmm_dm_find_name(spec, dev);
	snprintf(path, sizeof(path), "%s%s", *spec == '/' ? "" : "/dev/", spec);
	if (stat(path, &st))
		return errno == ENOENT || errno == ENOTDIR ? -ENODEV : -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	ret = dmm_sysfs_read(major(st.st_rdev), minor(st.st_rdev), "dm/name", text, sizeof(text));
	if (ret < 0)
		return -EMEDIUMTYPE;
	return dmm_dm_find_number(major(st.st_rdev), minor(st.st_rdev), dev);
}

static int source_lookup_failed(struct dmm_tool *t, const char *spec, int err)
{
	t->source[0] = '\0';
	dmm_next(t, "dmsetup ls (names of the devices that there are)");
	switch (err) {
	case -ENODEV:
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"there is no device-mapper device '%.128s'", spec);
	case -ENOTBLK:
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"%.128s is no block device", spec);
	case -EMEDIUMTYPE:
		dmm_next(t, "put a linear device-mapper device above it while nothing uses it, "
			    "and let its user open that one");
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"%.128s is no device-mapper device: there is no table to exchange",
				spec);
	case -ENOSYS:
		dmm_next(t, "modprobe dm-mod");
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"the kernel's device-mapper does not answer: %s", dmm_dm_reason());
	default:
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"cannot look up %.128s: %s%s%s", spec, strerror(-err),
				*dmm_dm_reason() ? ": " : "", dmm_dm_reason());
	}
}

/*
 * The record is about another device, which has only the name or only the number of @s->live, unless the source was
 * given up, or nobody can tell: then it warns.
 */
static bool source_record_warns(struct dmm_tool *t, struct dmm_source *s)
{
	s->journal = dmm_owners_journal(t, s->record.id);
	if (s->journal != DMM_JOURNAL_SOURCE && s->journal != DMM_JOURNAL_NOTHING)
		return true;
	s->journal = DMM_JOURNAL_UNASKED;
	return false;
}

/* A record of a start that came no further is found by its device. */
static void source_find_record(struct dmm_tool *t, struct dmm_source *s)
{
	bool partly;

	if (dmm_record_find(DMM_RUN_DIR, s->live.name, &s->live, &s->record, &partly))
		return;
	if (partly && !source_record_warns(t, s)) {
		dmm_record_clear(&s->record);
		return;
	}
	s->has_record = true;
	source_set_id(s, s->record.id);
}

/* A migration id that no device name hides: its origin, or only its record. */
static int source_lookup_id(struct dmm_tool *t, const char *spec, struct dmm_source *s)
{
	u8 id[DMM_ID_BYTES];
	int ret;

	if (dmm_id_parse(spec, id))
		return -ENODEV;
	source_set_id(s, id);
	source_find_origin(s);
	if (s->has_origin)
		return source_live_of_origin(s);
	ret = dmm_record_load(DMM_RUN_DIR, id, &s->record);
	s->has_record = !ret;
	s->record_damaged = ret == -EBADMSG;
	if (ret && ret != -EBADMSG)
		return -ENODEV;
	if (s->has_record && !dmm_dm_find_name(s->record.source, &s->live))
		s->has_live = (s->live.major == s->record.major && s->live.minor == s->record.minor) ||
			      source_record_warns(t, s);
	return 0;
}

static int source_find(struct dmm_tool *t, const char *spec, struct dmm_source *s)
{
	bool partly;
	int ret = source_lookup(spec, &s->live);

	if (!ret) {
		s->has_live = true;
		if (!source_take_origin(s, &s->live))
			return 0;
		s->named_origin = true;
		s->has_live = false;
		return source_live_of_origin(s);
	}
	if (ret != -ENODEV)
		return ret;
	ret = source_lookup_id(t, spec, s);
	if (ret != -ENODEV)
		return ret;
	/* the device is gone, its record is not */
	if (dmm_record_find(DMM_RUN_DIR, spec, NULL, &s->record, &partly))
		return -ENODEV;
	s->has_record = true;
	source_set_id(s, s->record.id);
	source_find_origin(s);
	return 0;
}

static int source_complete(struct dmm_tool *t, struct dmm_source *s)
{
	int ret;

	if (s->has_live) {
		ret = source_read_live(s);
		if (ret)
			return ret;
	}
	if (!s->has_id && s->has_live)
		source_find_record(t, s);
	if (!s->has_origin && (s->has_id || s->has_live))
		source_find_origin(s);
	if (s->has_origin && s->origin.live_table) {
		ret = dmm_dm_table(&s->origin, false, &s->origin_table);
		if (ret)
			return ret;
	}
	if (s->has_id && !s->has_record) {
		ret = dmm_record_load(DMM_RUN_DIR, s->id, &s->record);
		s->has_record = !ret;
		s->record_damaged = ret == -EBADMSG;
	}
	return 0;
}

int dmm_source_open(struct dmm_tool *t, const char *spec, struct dmm_source *s)
{
	int ret;

	memset(s, 0, sizeof(*s));
	s->spec = spec;
	ret = source_find(t, spec, s);
	if (!ret)
		ret = source_complete(t, s);
	if (ret)
		return source_lookup_failed(t, spec, ret);
	snprintf(t->source, sizeof(t->source), "%s",
		 s->has_live ? s->live.name : s->has_record ? s->record.source : spec);
	return 0;
}

void dmm_source_clear(struct dmm_source *s)
{
	dmm_dm_table_clear(&s->table);
	dmm_dm_table_clear(&s->origin_table);
	dmm_record_clear(&s->record);
}

enum dmm_journal_says dmm_source_journal(struct dmm_tool *t, struct dmm_source *s)
{
	if (!s->has_id)
		return DMM_JOURNAL_NOTHING;
	if (s->journal == DMM_JOURNAL_UNASKED)
		s->journal = dmm_owners_journal(t, s->id);
	return s->journal;
}

/* After a cutover: nothing reaches the old disk by the source any more. */
static bool source_given_up(struct dmm_tool *t, struct dmm_source *s)
{
	return s->table.nr == 1 && !strcmp(s->table.targets[0].type, "error") &&
	       (s->has_origin || dmm_source_journal(t, s) == DMM_JOURNAL_DEST);
}

int dmm_source_unanswered(struct dmm_tool *t)
{
	dmm_next(t, "systemctl start dmmigrated");
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
			"whether %s was handed over is in the journal of this host, and its daemon does not "
			"answer", t->source);
}

int dmm_source_commit_lost(struct dmm_tool *t, struct dmm_source *s)
{
	char to[DMM_PATH_MAX + 288] = "another host";
	struct dmm_nl_info info;
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	if (!s->has_id)
		return 0;
	if (s->has_live && s->migrate) {
		ret = dmm_source_info(t, s, &info);
		if (ret || info.state != DMM_STATE_IDLE)
			return ret;	/* nothing passes what is cut over */
	}
	if (s->has_record)
		snprintf(to, sizeof(to), "%.255s:%s", s->record.to.host, s->record.to.path);
	switch (dmm_source_journal(t, s)) {
	case DMM_JOURNAL_NOBODY:
	case DMM_JOURNAL_DEST:
		break;
	case DMM_JOURNAL_UNANSWERED:
		return dmm_source_unanswered(t);
	default:
		return 0;
	}
	dmm_source_verdict(t, s, &owner, &use);
	dmm_next(t, "dmmigrate clean %s (removes what is left, once the destination is known to have the data)",
		 s->has_live ? t->source : s->hex);
	if (use == DMM_USE_GIVEN_UP)
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s was cut over to %s", t->source, to);
	return dmm_fail(t, DMM_EXIT_AMBIGUOUS, owner, use, "%s was cut over to %s, but %s", t->source, to,
			s->has_live ? "its committed table is gone (lvchange, dmsetup): writes reach the "
			"old disk" : "the committed device is gone");
}

int dmm_source_open_migration(struct dmm_tool *t, const char *spec, struct dmm_source *s)
{
	int ret = dmm_source_open(t, spec, s);

	return ret ? ret : dmm_source_need_migration(t, s);
}

int dmm_source_need_migration(struct dmm_tool *t, struct dmm_source *s)
{
	int ret = dmm_source_commit_lost(t, s);

	if (ret)
		return ret;
	if (s->has_live && s->migrate)
		return 0;
	if (s->has_origin || s->has_record)
		dmm_next(t, "dmmigrate clean %s", t->source);
	else
		dmm_next(t, "dmmigrate list");
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
			"%s is not being migrated%s", t->source,
			s->has_origin || s->has_record ? "; there are leftovers of a migration" :
							 "");
}

int dmm_source_migrations(struct dmm_tool *t, struct dmm_nl_info **list, unsigned int *nr)
{
	unsigned int i, kept = 0;
	int ret = dmm_nl_dump(t->nl, list, nr);

	if (ret)
		return ret;
	for (i = 0; i < *nr; i++) {
		if ((*list)[i].state != DMM_STATE_GATED)
			(*list)[kept++] = (*list)[i];
	}
	*nr = kept;
	return 0;
}

const char *dmm_source_spec(struct dmm_tool *t, int *code)
{
	dmm_autofree struct dmm_nl_info *list = NULL;
	struct dmm_dm_dev dev;
	unsigned int nr = 0;
	int ret;

	if (t->args.nr_operands)
		return t->args.operands[0];
	ret = dmm_tool_nl(t);
	if (!ret)
		ret = dmm_source_migrations(t, &list, &nr);
	if ((ret && ret != -ENOENT) || nr > 1) {
		*code = dmm_usage(t, nr > 1 ? "there are %u migrations: name the source" :
				  "name the source", nr);
		return NULL;
	}
	if (!nr || dmm_dm_find_number(list[0].dev >> 20, list[0].dev & 0xfffff, &dev)) {
		dmm_next(t, "dmmigrate start SOURCE HOST:/DEST");
		*code = dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				 "there is no migration on this host");
		return NULL;
	}
	snprintf(t->only, sizeof(t->only), "%s", dev.name);
	return t->only;
}

int dmm_source_info(struct dmm_tool *t, const struct dmm_source *s, struct dmm_nl_info *info)
{
	int ret = dmm_tool_nl(t);

	if (!ret)
		ret = dmm_nl_get(t->nl, dmm_source_dev(s), info);
	if (!ret)
		return 0;
	dmm_next(t, "dmsetup status %s", t->source);
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
			"cannot ask the kernel about %s: %s", t->source, dmm_nl_text(t, ret));
}

void dmm_source_verdict(struct dmm_tool *t, struct dmm_source *s, enum dmm_owner *owner,
			enum dmm_use *use)
{
	struct dmm_nl_info info;

	*owner = DMM_OWNER_SOURCE;
	*use = DMM_USE_UNCHANGED;
	if (source_given_up(t, s)) {
		*owner = DMM_OWNER_DEST;
		*use = DMM_USE_GIVEN_UP;
		return;
	}
	if (!s->migrate) {
		if (!s->has_record)
			return;
		*owner = dmm_standing_owner(DMM_STATE_IDLE, dmm_source_journal(t, s));
		if (*owner != DMM_OWNER_SOURCE)
			*use = DMM_USE_UNKNOWN;
		return;
	}
	if (dmm_tool_nl(t) || dmm_nl_get(t->nl, dmm_source_dev(s), &info)) {
		*owner = DMM_OWNER_UNKNOWN;
		*use = DMM_USE_UNKNOWN;
		return;
	}
	*owner = dmm_source_owner(t, s, info.state);
	*use = dmm_standing_use(info.state);
}

enum dmm_owner dmm_source_owner(struct dmm_tool *t, struct dmm_source *s, u32 state)
{
	return dmm_standing_owner(state, dmm_standing_needs_journal(state) ? dmm_source_journal(t, s) :
				  DMM_JOURNAL_UNASKED);
}
