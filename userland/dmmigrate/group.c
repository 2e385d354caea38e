// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "record.h"
#include <dmmigrate/wire.h>

void dmm_group_clear(struct dmm_group *g)
{
	u32 i;

	for (i = 0; i < g->nr; i++)
		dmm_source_clear(&g->disks[i]);
	free(g->disks);
	free(g->specs);
	memset(g, 0, sizeof(*g));
}

void dmm_group_speak_of(struct dmm_tool *t, const struct dmm_group *g, u32 i)
{
	const struct dmm_source *s = &g->disks[i == DMM_GROUP_NAMED ? g->named : i];

	dmm_source_speak_of(t, s);
}

int dmm_group_each(struct dmm_tool *t, struct dmm_group *g, int (*fn)(struct dmm_tool *t, struct dmm_source *s))
{
	u32 i;
	int ret;

	for (i = 0; i < g->nr; i++) {
		dmm_group_speak_of(t, g, i);
		ret = fn(t, &g->disks[i]);
		if (ret)
			return ret;
	}
	dmm_group_speak_of(t, g, DMM_GROUP_NAMED);
	return 0;
}

const char *dmm_group_which(const struct dmm_source *s, char buf[32])
{
	buf[0] = '\0';
	if (s->has_record && s->record.disks > 1)
		snprintf(buf, 32, " (disk %u of %u)", s->disk + 1, s->record.disks);
	return buf;
}

bool dmm_group_is_id(const char *spec)
{
	u8 id[DMM_ID_BYTES];

	return !dmm_id_parse(spec, id);
}

static int group_no_memory(struct dmm_tool *t)
{
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
}

/* One of the others.  What vanished since it was seen is left out. */
static int group_add(struct dmm_tool *t, struct dmm_group *g, const u8 id[DMM_ID_BYTES], u32 disk)
{
	struct dmm_source *s = &g->disks[g->nr];
	char hex[DMM_ID_HEX];
	int ret;

	dmm_id_format(id, hex);
	snprintf(g->specs[g->nr], DMM_SPEC_BYTES, "%s.%u", hex, disk);
	ret = dmm_source_open(t, g->specs[g->nr++], s);
	/* by its name it is found again after somebody has cancelled meanwhile */
	if (!ret && s->has_live)
		snprintf(g->specs[g->nr - 1], DMM_SPEC_BYTES, "%s", s->live.name);
	return ret;
}

static int group_open_others(struct dmm_tool *t, struct dmm_group *g, struct dmm_source *named, const char *spec)
{
	u8 id[DMM_ID_BYTES];
	bool mine = false;
	u64 disks;
	u32 i;
	int ret;

	memcpy(id, named->id, sizeof(id));
	ret = named->has_id ? dmm_source_disks(id, &disks) : 0;
	if (ret)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
				"cannot look for the disks of migration %s: %s", named->hex,
				*dmm_dm_reason() ? dmm_dm_reason() : strerror(-ret));
	if (!named->has_id)
		disks = 0;
	for (i = 0; i < DMM_MAX_GROUP && !ret; i++) {
		if (named->has_id ? i == named->disk : !mine) {
			snprintf(g->specs[g->nr], DMM_SPEC_BYTES, "%s", spec);
			g->named = g->nr;
			g->disks[g->nr] = *named;
			g->disks[g->nr].spec = g->specs[g->nr];
			g->nr++;
			mine = true;
		} else if (disks & 1ull << i) {
			ret = group_add(t, g, id, i);
		}
	}
	if (!mine)	/* before its turn came */
		dmm_source_clear(named);
	return ret;
}

int dmm_group_open(struct dmm_tool *t, const char *spec, struct dmm_group *g)
{
	struct dmm_source named;
	int ret;

	memset(g, 0, sizeof(*g));
	ret = dmm_source_open(t, spec, &named);
	if (ret) {
		dmm_source_clear(&named);
		return ret;
	}
	g->disks = calloc(DMM_MAX_GROUP, sizeof(*g->disks));
	g->specs = calloc(DMM_MAX_GROUP, sizeof(*g->specs));
	if (!g->disks || !g->specs) {
		dmm_source_clear(&named);
		return group_no_memory(t);
	}
	ret = group_open_others(t, g, &named, spec);
	if (!ret)
		dmm_group_speak_of(t, g, DMM_GROUP_NAMED);
	return ret;
}

int dmm_group_need_migration(struct dmm_tool *t, struct dmm_group *g)
{
	struct dmm_source *s = &g->disks[g->named];
	int ret = dmm_group_each(t, g, dmm_source_need_migration);

	if (ret || !s->has_record || g->nr == s->record.disks)
		return ret;
	dmm_next(t, "dmmigrate cancel %s", t->source);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
			"of the %u disks of its migration %u are not being migrated: they are handed over as one",
			s->record.disks, s->record.disks - g->nr);
}

int dmm_group_open_migration(struct dmm_tool *t, const char *spec, struct dmm_group *g)
{
	int ret = dmm_group_open(t, spec, g);

	return ret ? ret : dmm_group_need_migration(t, g);
}

int dmm_group_lock(struct dmm_tool *t, struct dmm_group *g)
{
	return dmm_group_each(t, g, dmm_source_lock);
}
