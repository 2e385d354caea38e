// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "lost_commit.h"
#include "owners.h"
#include "record.h"
#include "status_json.h"

static bool given_up(enum dmm_journal_says says)
{
	return says == DMM_JOURNAL_NOBODY || says == DMM_JOURNAL_DEST;
}

static void report_one(struct dmm_tool *t, const struct dmm_record_key *key, const struct dmm_nl_info *infos, unsigned int nr, struct json_object *lost)
{
	struct dmm_record rec = { 0 };
	char hex[DMM_ID_HEX];
	struct json_object *o;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (infos[i].disk == key->disk && !memcmp(infos[i].migration, key->id, DMM_ID_BYTES))
			return;
	dmm_id_format(key->id, hex);
	if (!dmm_record_load(DMM_RUN_DIR, key->id, key->disk, &rec) && given_up(dmm_owners_journal(t, key->id))) {
		dmm_note(t, "%s was being cut over to %s:%s and its target is gone: dmmigrate status %s",
			 rec.source, rec.to.host, rec.to.path, hex);
		o = json_object_new_object();
		json_object_object_add(o, "source", dmm_json_text(rec.source));
		json_object_object_add(o, "migration", json_object_new_string(hex));
		json_object_array_add(lost, o);
	}
	dmm_record_clear(&rec);
}

int dmm_report_lost_commits(struct dmm_tool *t, const struct dmm_nl_info *infos, unsigned int nr)
{
	struct json_object *lost = json_object_new_array();
	struct dmm_record_key *keys = NULL;
	unsigned int nr_keys = 0, i;
	int ret;

	dmm_result_add(t, "lost_commits", lost);
	ret = dmm_record_list(DMM_RUN_DIR, &keys, &nr_keys);
	for (i = 0; i < nr_keys && !ret; i++)
		report_one(t, &keys[i], infos, nr, lost);
	free(keys);
	if (!ret)
		return 0;
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN,
			"cannot read the records in %s: %s", DMM_RUN_DIR, strerror(-ret));
}
