// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <libsmartcols.h>

#include "cleanup.h"
#include "dest_part.h"
#include "journal.h"
#include "manifest.h"
#include "status_json.h"

static const char dir[] = DMM_JOURNAL_DIR "/destination";

static void part_ask(struct dmm_tool *t, struct dmm_remote *here, struct dmm_dest_part *p)
{
	dmm_id_format(p->id, p->hex);
	p->answered = !dmm_owners_ask_here(t, here, p->id, DMM_HO_DEST, DMM_GROUP_STATUS, 0, 0, &p->ok);
	if (!p->answered)
		snprintf(p->why, sizeof(p->why), "%.255s", here->why);
}

int dmm_dest_parts(struct dmm_tool *t, struct dmm_dest_part **parts, unsigned int *nr)
{
	dmm_autofree u8 (*ids)[DMM_ID_BYTES] = NULL;
	struct dmm_dest_part *list = NULL;
	struct dmm_remote here;
	unsigned int i;
	int ret;

	ret = dmm_manifest_list(dir, &ids, nr);
	if (!ret && *nr) {
		list = calloc(*nr, sizeof(*list));
		ret = list ? 0 : -ENOMEM;
	}
	if (ret)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_UNKNOWN, DMM_USE_UNKNOWN, "cannot read %s: %s", dir,
				strerror(-ret));
	dmm_remote_init(&here);
	for (i = 0; i < *nr; i++) {
		memcpy(list[i].id, ids[i], sizeof(list[i].id));
		part_ask(t, &here, &list[i]);
	}
	dmm_remote_close(&here);
	*parts = list;
	return 0;
}

bool dmm_dest_part(struct dmm_tool *t, const u8 id[DMM_ID_BYTES], struct dmm_dest_part *p)
{
	dmm_autofree u8 (*ids)[DMM_ID_BYTES] = NULL;
	struct dmm_remote here;
	unsigned int nr = 0, i;
	bool found = false;

	if (dmm_manifest_list(dir, &ids, &nr))
		return false;
	for (i = 0; i < nr && !found; i++)
		found = !memcmp(ids[i], id, DMM_ID_BYTES);
	if (!found)
		return false;
	memset(p, 0, sizeof(*p));
	memcpy(p->id, id, sizeof(p->id));
	dmm_remote_init(&here);
	part_ask(t, &here, p);
	dmm_remote_close(&here);
	return true;
}

static const char *gate_name(const struct dmm_dest_part *p)
{
	static const char *const names[] = {
		[DMM_HO_GATE_SHUT] = "shut", [DMM_HO_GATE_READS] = "reads", [DMM_HO_GATE_OPEN] = "open",
	};
	u32 gate = le32_to_cpu(p->ok.gate);

	return p->answered && gate < sizeof(names) / sizeof(names[0]) ? names[gate] : NULL;
}

static const char *state_name(const struct dmm_dest_part *p)
{
	return p->answered ? dmm_ho_state_name(dmm_owners_state(&p->ok)) : "unknown";
}

const char *dmm_dest_part_status(const struct dmm_dest_part *p, const char **action)
{
	*action = "None.";
	if (!p->answered) {
		*action = "systemctl status dmmigrated";
		return p->why;
	}
	if (le32_to_cpu(p->ok.flags) & DMM_GROUP_NEEDS_PEER) {
		*action = "Make the source's host reachable, then dmmigrate recover; start the writer on neither before.";
		return "This host was restarted; nobody can know who owns the disks unless the source answers.";
	}
	if (le32_to_cpu(p->ok.flags) & DMM_GROUP_NOT_BEGUN) {
		*action = "dmmigrate start on the source's host (again), or dmmigrate release here, which removes what was made for it.";
		return "Its beginning was interrupted: the source owns the data.";
	}
	switch (dmm_owners_state(&p->ok)) {
	case DMM_HO_RECEIVING:
		return "The source copies to it, and owns the data; its gates are shut.";
	case DMM_HO_COMPLETE:	/* the token may be on its way */
		return "A hand-over is under way, and may be given up: until it is here the gates are shut.";
	case DMM_HO_OWNED:
		*action = "dmmigrate run once the writer is to write here, dmmigrate return to give it back.";
		return "This host owns the disks; no writer was let write yet.";
	case DMM_HO_RUNNING:
		*action = "dmmigrate run confirms that the writer runs here, dmmigrate return gives it back while nothing was written.";
		return "The writer may write here; the source has not heard that it runs.";
	case DMM_HO_SETTLED:
		*action = "dmmigrate release forgets the migration.";
		return "Handed over: this host owns the disks.";
	case DMM_HO_REFUSED:
		return "A hand-over was given back, or refused: the source owns the data, and may go on.";
	default:
		*action = "dmmigrate recover";
		return "The journal of this host is lost or damaged.";
	}
}

void dmm_dest_part_say(struct dmm_tool *t, const struct dmm_dest_part *p)
{
	const char *action, *status = dmm_dest_part_status(p, &action);
	const char *gate = gate_name(p);

	dmm_say(t, "migration: %s, to this host%s%s", p->hex, p->answered ? " from " : "",
		p->answered ? (const char *)p->ok.peer : "");
	dmm_say(t, "    state: %s%s%s", state_name(p), gate ? ", gates " : "", gate ? gate : "");
	dmm_say(t, "   status: %s", status);
	dmm_say(t, "   action: %s", action);
	if (!p->answered)
		return;
	if (p->ok.device[0])
		dmm_say(t, "   device: %s%.127s, %u disk%s", gate ? "/dev/mapper/" : "", (const char *)p->ok.device,
			le32_to_cpu(p->ok.disks), le32_to_cpu(p->ok.disks) == 1 ? "" : "s");
	dmm_say(t, "   errors: %.255s", p->ok.why[0] ? (const char *)p->ok.why : "none");
}

struct json_object *dmm_dest_part_json(const struct dmm_dest_part *p)
{
	struct json_object *o = json_object_new_object();
	u32 flags = p->answered ? le32_to_cpu(p->ok.flags) : 0;
	const char *why = p->answered ? (const char *)p->ok.why : p->why;

	json_object_object_add(o, "migration", dmm_json_text(p->hex));
	json_object_object_add(o, "state", dmm_json_text(state_name(p)));
	json_object_object_add(o, "gates", dmm_json_text(gate_name(p)));
	json_object_object_add(o, "epoch", p->answered ? json_object_new_uint64(le64_to_cpu(p->ok.epoch)) : NULL);
	json_object_object_add(o, "owner", dmm_json_text(dmm_owner_name(p->answered ? dmm_owners_of(&p->ok) :
									DMM_OWNER_UNKNOWN)));
	json_object_object_add(o, "disks", p->answered ? json_object_new_int64(le32_to_cpu(p->ok.disks)) : NULL);
	json_object_object_add(o, "peer", dmm_json_text(p->answered ? (const char *)p->ok.peer : NULL));
	json_object_object_add(o, "device", dmm_json_text(p->answered && p->ok.device[0] ?
							  (const char *)p->ok.device : NULL));
	json_object_object_add(o, "connected", json_object_new_boolean(flags & DMM_GROUP_LINKED));
	json_object_object_add(o, "needs_peer", json_object_new_boolean(flags & DMM_GROUP_NEEDS_PEER));
	json_object_object_add(o, "reason", dmm_json_text(*why ? why : NULL));
	return o;
}

enum { COL_MIGRATION, COL_STATE, COL_GATES, COL_DISKS, COL_SOURCE, COL_DEVICE };

int dmm_dest_parts_table(const struct dmm_dest_part *parts, unsigned int nr)
{
	static const char *const cols[] = { "MIGRATION HERE", "STATE", "GATES", "DISKS", "FROM", "DEVICE" };
	struct libscols_table *tb;
	struct libscols_line *ln;
	char number[16];
	unsigned int i;

	if (!nr)
		return 0;
	scols_init_debug(0);
	tb = scols_new_table();
	if (!tb)
		return -ENOMEM;
	for (i = 0; i < sizeof(cols) / sizeof(cols[0]); i++)
		scols_table_new_column(tb, cols[i], 0, i == COL_DISKS ? SCOLS_FL_RIGHT : 0);
	for (i = 0; i < nr; i++) {
		const struct dmm_dest_part *p = &parts[i];

		ln = scols_table_new_line(tb, NULL);
		if (!ln) {
			scols_unref_table(tb);
			return -ENOMEM;
		}
		snprintf(number, sizeof(number), "%u", le32_to_cpu(p->ok.disks));
		scols_line_set_data(ln, COL_MIGRATION, p->hex);
		scols_line_set_data(ln, COL_STATE, state_name(p));
		scols_line_set_data(ln, COL_GATES, gate_name(p) ? gate_name(p) : "-");
		scols_line_set_data(ln, COL_DISKS, p->answered ? number : "?");
		scols_line_set_data(ln, COL_SOURCE, p->answered ? (const char *)p->ok.peer : "?");
		scols_line_set_data(ln, COL_DEVICE, p->answered ? (const char *)p->ok.device : "?");
	}
	scols_print_table(tb);
	scols_unref_table(tb);
	return 0;
}
