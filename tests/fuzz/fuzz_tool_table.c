// SPDX-License-Identifier: GPL-2.0
/*
 * A table as device-mapper shows it: parsed, judged, printed, parsed again.
 */
#include <dmmigrate/wire.h>

#include "dmtable.h"
#include "fuzz.h"

/* All of another device, from its beginning, is what the same device written anew is; and no kind of ours. */
static void judge_linear(const struct dmm_dm_table *t)
{
	unsigned int major, minor, a, b;
	struct dmm_dm_table anew = { 0 };
	const char *end;
	char params[64];
	u32 block;

	if (dmm_dm_table_linear(t, &major, &minor))
		return;
	fuzz_assert(t->nr == 1 && !t->targets[0].start_sectors && !strcmp(t->targets[0].type, "linear"));
	fuzz_assert(dmm_dm_table_gate(t, &a, &b) && dmm_dm_table_sink(t, &a, &b) && dmm_dm_table_migrate(t, &a, &b, &block));
	end = t->targets[0].params + strlen(t->targets[0].params);
	fuzz_assert(end[-1] == '0');
	while (end > t->targets[0].params && end[-1] >= '0' && end[-1] <= '9')
		fuzz_assert(*--end == '0');
	snprintf(params, sizeof(params), "%u:%u 0", major, minor);
	fuzz_assert(!dmm_dm_table_add(&anew, 0, t->targets[0].len_sectors, "linear", params));
	fuzz_assert(!dmm_dm_table_linear(&anew, &a, &b) && a == major && b == minor);
	dmm_dm_table_clear(&anew);
}

static void judge(const struct dmm_dm_table *t)
{
	unsigned int major, minor, i;
	u64 sectors = 0;
	char why[256];
	u32 block;
	int ret;

	memset(why, 0, sizeof(why));
	ret = dmm_dm_table_check(t, why, sizeof(why));
	if (ret) {
		fuzz_assert(why[0] && memchr(why, '\0', sizeof(why)) && !strchr(why, '\n'));
	} else {
		for (i = 0; i < t->nr; i++) {	/* no gap, nothing twice */
			fuzz_assert(t->targets[i].start_sectors == sectors);
			sectors += t->targets[i].len_sectors;
		}
		fuzz_assert(sectors && sectors == dmm_dm_table_sectors(t));
	}
	dmm_dm_table_gate(t, &major, &minor);
	dmm_dm_table_sink(t, &major, &minor);
	if (!dmm_dm_table_migrate(t, &major, &minor, &block))
		fuzz_assert(block);
	judge_linear(t);
}

/* What no text says, and a kernel may: a table of nothing, and a target of nothing. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct dmm_dm_table t = { 0 };

	(void)argc;
	(void)argv;
	judge(&t);
	fuzz_assert(!dmm_dm_table_add(&t, 0, 0, "linear", "8:0 0"));
	judge(&t);
	dmm_dm_table_clear(&t);
	return 0;
}

/* Every device of ours has one kind, and is one of a migration. */
static void uuid_kind(const char *text)
{
	char uuid[DMM_DM_UUID_BYTES];
	u8 id[16], other[16];
	const char *kind, *end;
	u32 disk = 0;

	kind = dmm_dm_uuid_kind(text, id);
	if (kind) {
		end = text + strlen(DMM_UUID_PREFIX) + 32;
		fuzz_assert(!strncmp(text, DMM_UUID_PREFIX, strlen(DMM_UUID_PREFIX)) && *end == '-' && !strncmp(end + 1, kind, strlen(kind)));
		end += 1 + strlen(kind);
		fuzz_assert(strspn(end, "0123456789") == strlen(end));
		fuzz_assert(strcmp(kind, "gate") || !dmm_gate_uuid_parse(text, other));
	}
	if (!dmm_origin_uuid_parse(text, other, &disk)) {
		fuzz_assert(kind && !strcmp(kind, "origin") && !memcmp(id, other, sizeof(id)) && disk < DMM_MAX_GROUP);
		dmm_origin_uuid_format(other, disk, uuid);
		fuzz_assert(!strcasecmp(uuid, text));
	}
	if (!dmm_gate_uuid_parse(text, other)) {
		dmm_gate_uuid_format(other, 0, uuid);
		fuzz_assert(!strncasecmp(uuid, text, strlen(DMM_UUID_PREFIX) + 32 + strlen("-gate")));
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text = fuzz_text(data, size), *shown, *open;
	struct dmm_dm_table t = { 0 }, again = { 0 };
	char name[DMM_DM_NAME_BYTES];
	u8 id[16];
	u32 disk = size % DMM_MAX_GROUP;

	uuid_kind(text);
	if (dmm_dm_uuid_is_lv(text))
		fuzz_assert(!strncmp(text, "LVM-", 4));
	memset(id, 1, sizeof(id));
	if (*text && strlen(text) < DMM_DM_NAME_BYTES) {
		dmm_origin_name(text, id, disk, name);
		fuzz_assert(memchr(name, '\0', sizeof(name)));
	}
	if (!dmm_dm_table_parse(text, &t)) {
		judge(&t);
		open = dmm_dm_table_format(&t, true);
		fuzz_assert(open && !dmm_dm_table_parse(open, &again));
		fuzz_assert(dmm_dm_table_equal(&t, &again));
		shown = dmm_dm_table_format(&t, false);
		/* the same but for keys, which must not be shown */
		fuzz_assert(shown && (dmm_dm_table_secret(&t) || !strcmp(shown, open)));
		free(shown);
		free(open);
	}
	dmm_dm_table_clear(&again);
	dmm_dm_table_clear(&t);
	free(text);
	return 0;
}
