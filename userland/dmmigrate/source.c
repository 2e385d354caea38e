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
#include "sysfs.h"
#include "wireio.h"

static void source_set_id(struct dmm_source *s, const u8 id[DMM_ID_BYTES], u32 disk)
{
	memcpy(s->id, id, DMM_ID_BYTES);
	s->disk = disk;
	dmm_id_format(id, s->hex);
	s->has_id = true;
}

/* Takes @dev as our origin when its UUID says so. */
static bool source_take_origin(struct dmm_source *s, const struct dmm_dm_dev *dev)
{
	u8 id[DMM_ID_BYTES];
	u32 disk;

	if (dmm_origin_uuid_parse(dev->uuid, id, &disk))
		return false;
	s->origin = *dev;
	s->has_origin = true;
	source_set_id(s, id, disk);
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
		dmm_origin_uuid_format(s->id, s->disk, uuid);
		if (!dmm_dm_find_uuid(uuid, &dev))
			source_take_origin(s, &dev);
		return;
	}
	dmm_origin_name(s->live.name, none, 0, name);
	if (!dmm_dm_find_name(name, &dev))
		source_take_origin(s, &dev);
}

static int source_read_live(struct dmm_source *s)
{
	struct dmm_dm_table inactive = { 0 };
	unsigned int major, minor;
	bool migrate;
	int ret;

	if (s->live.live_table) {
		ret = dmm_dm_table(&s->live, false, &s->table);
		if (ret)
			return ret;
		s->ours = source_take_migrate(s, &s->table, &s->migrate);
		s->sink = !dmm_dm_table_sink(&s->table, &major, &minor);
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
	source_set_id(s, s->record.id, s->record.disk);
}

int dmm_source_origins(const u8 id[DMM_ID_BYTES], u64 *disks)
{
	dmm_autofree struct dmm_dm_dev *devs = NULL;
	u8 other[DMM_ID_BYTES];
	unsigned int nr, i;
	u32 disk;
	int ret;

	*disks = 0;
	ret = dmm_dm_list(&devs, &nr);
	for (i = 0; !ret && i < nr; i++) {
		if (!dmm_origin_uuid_parse(devs[i].uuid, other, &disk) && !memcmp(other, id, DMM_ID_BYTES))
			*disks |= 1ull << disk;
	}
	return ret;
}

int dmm_source_disks(const u8 id[DMM_ID_BYTES], u64 *disks)
{
	dmm_autofree struct dmm_record_key *keys = NULL;
	unsigned int nr, i;
	int ret;

	ret = dmm_source_origins(id, disks);
	if (!ret)
		ret = dmm_record_list(DMM_RUN_DIR, &keys, &nr);
	for (i = 0; !ret && i < nr; i++) {
		if (!memcmp(keys[i].id, id, DMM_ID_BYTES))
			*disks |= 1ull << keys[i].disk;
	}
	return ret;
}

/* "ID", which means the first disk that there is of it, or "ID.DISK". */
static int source_parse_id(const char *spec, u8 id[DMM_ID_BYTES], u32 *disk)
{
	char hex[DMM_ID_HEX];
	u64 value = 0;

	if (strlen(spec) < DMM_ID_HEX - 1)
		return -EINVAL;
	snprintf(hex, sizeof(hex), "%s", spec);
	spec += DMM_ID_HEX - 1;
	if (dmm_id_parse(hex, id) || (*spec && *spec != '.'))
		return -EINVAL;
	if (*spec && dmm_parse_u64(spec + 1, 0, DMM_MAX_GROUP - 1, &value))
		return -EINVAL;
	if (!*spec && !dmm_source_disks(id, &value) && value)
		value = __builtin_ctzll(value);
	*disk = (u32)value;
	return 0;
}

/* A migration id that no device name hides: its origin, or only its record. */
static int source_lookup_id(struct dmm_tool *t, const char *spec, struct dmm_source *s)
{
	u8 id[DMM_ID_BYTES];
	u32 disk;
	int ret;

	if (source_parse_id(spec, id, &disk))
		return -ENODEV;
	source_set_id(s, id, disk);
	source_find_origin(s);
	if (s->has_origin)
		return source_live_of_origin(s);
	if (!dmm_vdi_load(DMM_VDI_DIR, id, &s->vdi)) {
		s->has_live = !dmm_dm_find_name(s->vdi.source, &s->live) && !strcmp(s->live.uuid, s->vdi.uuid);
		return 0;
	}
	ret = dmm_record_load(DMM_RUN_DIR, id, disk, &s->record);
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
	if (!dmm_vdi_find(DMM_VDI_DIR, spec, NULL, &s->vdi)) {
		source_set_id(s, s->vdi.id, 0);
		return 0;
	}
	if (dmm_record_find(DMM_RUN_DIR, spec, NULL, &s->record, &partly))
		return -ENODEV;
	s->has_record = true;
	source_set_id(s, s->record.id, s->record.disk);
	source_find_origin(s);
	return 0;
}

/* Its record is the journal of such a migration: no daemon has one. */
static void source_find_vdi(struct dmm_source *s)
{
	s->has_vdi = (s->has_id && !dmm_vdi_load(DMM_VDI_DIR, s->id, &s->vdi)) ||
		     (!s->has_id && s->has_live && !dmm_vdi_find(DMM_VDI_DIR, s->live.name, s->live.uuid, &s->vdi));
	if (!s->has_vdi)
		return;
	source_set_id(s, s->vdi.id, 0);
	s->journal = s->vdi.moved ? DMM_JOURNAL_DEST : DMM_JOURNAL_SOURCE;
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
	source_find_vdi(s);
	if (s->has_id && !s->has_record) {
		ret = dmm_record_load(DMM_RUN_DIR, s->id, s->disk, &s->record);
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
	if (s->has_record)
		dmm_client_from_before(s->record.to.from);
	dmm_source_speak_of(t, s);
	return 0;
}

void dmm_source_speak_of(struct dmm_tool *t, const struct dmm_source *s)
{
	snprintf(t->source, sizeof(t->source), "%s",
		 s->has_live ? s->live.name : s->has_record ? s->record.source : s->has_vdi ? s->vdi.source : s->spec);
}

void dmm_source_clear(struct dmm_source *s)
{
	dmm_dm_table_clear(&s->table);
	dmm_dm_table_clear(&s->origin_table);
	dmm_record_clear(&s->record);
}

int dmm_source_open_migration(struct dmm_tool *t, const char *spec, struct dmm_source *s)
{
	int ret = dmm_source_open(t, spec, s);

	return ret ? ret : dmm_source_need_migration(t, s);
}

/* It had our target once, and somebody has put another table in its place than the one of before. */
static bool source_table_changed(const struct dmm_source *s)
{
	dmm_autofree char *now = s->has_live ? dmm_dm_table_format(&s->table, false) : NULL;

	return now && s->has_record && s->record.table && strcmp(now, s->record.table);
}

int dmm_source_need_migration(struct dmm_tool *t, struct dmm_source *s)
{
	int ret = dmm_source_commit_lost(t, s);

	if (ret)
		return ret;
	if (s->has_live && s->migrate)
		return 0;
	if (s->has_vdi)
		return dmm_vdi_elsewhere(t, s);
	if (source_table_changed(s)) {
		dmm_next(t, "dmmigrate cancel %s, then start anew", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"%s is not being migrated any more: somebody has changed its table (lvextend, pvmove, dmsetup?), by which "
				"the migration has ended", t->source);
	}
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
	unsigned int nr = 0, i;
	int ret;

	if (t->args.nr_operands)
		return t->args.operands[0];
	ret = dmm_tool_nl(t);
	if (!ret)
		ret = dmm_source_migrations(t, &list, &nr);
	for (i = 1; i < nr && !memcmp(list[i].migration, list[0].migration, DMM_ID_BYTES); i++)
		;
	if (nr && i == nr)	/* disks of one */
		nr = 1;
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
