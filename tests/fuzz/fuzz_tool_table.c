// SPDX-License-Identifier: GPL-2.0
/*
 * A table as device-mapper shows it: parsed, judged, printed, parsed again.
 */
#include "dmtable.h"
#include "fuzz.h"

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
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text = fuzz_text(data, size), *shown, *open;
	struct dmm_dm_table t = { 0 }, again = { 0 };
	char name[DMM_DM_NAME_BYTES], uuid[DMM_DM_UUID_BYTES];
	u8 id[16];
	u32 disk = 0;

	if (!dmm_origin_uuid_parse(text, id, &disk)) {
		dmm_origin_uuid_format(id, disk, uuid);
		fuzz_assert(!strcasecmp(uuid, text));
	}
	if (!dmm_gate_uuid_parse(text, id)) {
		dmm_gate_uuid_format(id, 0, uuid);
		fuzz_assert(!strncasecmp(uuid, text, strchr(uuid + 8, 'g') - uuid));
	}
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
