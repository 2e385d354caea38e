// SPDX-License-Identifier: GPL-2.0
/*
 * Asking daemons about a migration's hand-over.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fullio.h"
#include "local.h"
#include "owners.h"

#define SETTLE_MS	10000u

static const char *control_path(const struct dmm_tool *t)
{
	return t->args.control ? t->args.control : DMM_CONTROL_PATH;
}

/* For the journal: all of us are root there, so it is who has logged in that tells one person from another. */
static void who(char *by, size_t bytes)
{
	char uid[16];

	if (dmm_read_text("/proc/self/loginuid", uid, sizeof(uid)) > 0 && strcmp(uid, "4294967295"))
		snprintf(by, bytes, "dmmigrate " DMM_TOOL_VERSION ", logged in as uid %s", uid);
	else
		snprintf(by, bytes, "dmmigrate " DMM_TOOL_VERSION);
}

static void request(struct dmm_wire_group *w, const u8 id[DMM_ID_BYTES], enum dmm_ho_role role,
		    enum dmm_wire_group_verb verb, u32 await, u32 await_ms)
{
	char by[sizeof(w->by)];

	memset(w, 0, sizeof(*w));
	memcpy(w->migration, id, sizeof(w->migration));
	w->role = cpu_to_le32(role);
	w->verb = cpu_to_le32(verb);
	w->await = cpu_to_le32(await);
	w->await_ms = cpu_to_le32(await_ms);
	who(by, sizeof(by));
	dmm_text_put(w->by, sizeof(w->by), by);
}

/* Here (@to NULL) or there. */
static int ask(struct dmm_tool *t, struct dmm_remote *r, const struct dmm_target *to,
	       const struct dmm_wire_group *w, struct dmm_wire_group_ok *ok)
{
	bool fresh = false;
	int ret;

	r->offer |= DMM_FEATURE_GROUP;
	for (;;) {
		if (r->client.fd < 0) {
			ret = to ? dmm_remote_open(r, to) : dmm_remote_open_local(r, control_path(t));
			if (ret)
				return ret;
			fresh = true;
		}
		ret = dmm_remote_group(r, w, ok);
		/* idle connections get lost; every verb may be said twice */
		if (!ret || ret == -EREMOTEIO || fresh)
			return ret;
	}
}

int dmm_owners_ask_here(struct dmm_tool *t, struct dmm_remote *r, const u8 id[DMM_ID_BYTES],
			enum dmm_ho_role role, enum dmm_wire_group_verb verb, u32 await, u32 await_ms,
			struct dmm_wire_group_ok *ok)
{
	struct dmm_wire_group w;

	request(&w, id, role, verb, await, await_ms);
	return ask(t, r, NULL, &w, ok);
}

int dmm_owners_ask_there(struct dmm_remote *r, const struct dmm_target *to, const u8 id[DMM_ID_BYTES],
			 enum dmm_wire_group_verb verb, u32 await, u32 await_ms,
			 struct dmm_wire_group_ok *ok)
{
	struct dmm_wire_group w;

	request(&w, id, DMM_HO_DEST, verb, await, await_ms);
	return ask(NULL, r, to, &w, ok);
}

int dmm_owners_find(struct dmm_tool *t, struct dmm_remote *r)
{
	return dmm_remote_open_local(r, control_path(t));
}

int dmm_owners_source_status(struct dmm_tool *t, struct dmm_remote *here, const u8 id[DMM_ID_BYTES],
			     struct dmm_wire_group_ok *ok)
{
	int ret;

	dmm_remote_init(here);
	ret = dmm_owners_ask_here(t, here, id, DMM_HO_SOURCE, DMM_GROUP_STATUS, 0, 0, ok);
	dmm_remote_close(here);
	return ret;
}

enum dmm_journal_says dmm_owners_journal(struct dmm_tool *t, const u8 id[DMM_ID_BYTES])
{
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;

	if (dmm_owners_source_status(t, &here, id, &ok))
		return here.code == DMM_WERR_NOTFOUND ? DMM_JOURNAL_NOTHING : DMM_JOURNAL_UNANSWERED;
	switch (dmm_owners_state(&ok)) {
	case DMM_HO_RELEASED:
		return DMM_JOURNAL_DEST;
	case DMM_HO_RELINQUISHED:
	case DMM_HO_LOST:
		return DMM_JOURNAL_NOBODY;
	default:
		return DMM_JOURNAL_SOURCE;
	}
}

enum dmm_owner dmm_owners_owner(struct dmm_tool *t, const u8 id[DMM_ID_BYTES], u32 state)
{
	return dmm_standing_owner(state, dmm_standing_needs_journal(state) ? dmm_owners_journal(t, id) :
				  DMM_JOURNAL_UNASKED);
}

int dmm_owners_drop(struct dmm_tool *t, struct dmm_remote *r, const u8 id[DMM_ID_BYTES], enum dmm_ho_role role,
		    bool source_gone, struct dmm_wire_group_ok *ok)
{
	struct dmm_wire_group w;

	request(&w, id, role, DMM_GROUP_DROP, 0, 0);
	w.flags = cpu_to_le32(source_gone ? DMM_GROUP_SOURCE_GONE : 0);
	return ask(t, r, NULL, &w, ok);
}

int dmm_owners_cutover(struct dmm_tool *t, struct dmm_remote *r, const u8 id[DMM_ID_BYTES], u32 freeze_ms,
		       struct dmm_wire_group_ok *ok)
{
	struct dmm_wire_group w;

	request(&w, id, DMM_HO_SOURCE, DMM_GROUP_CUTOVER, DMM_STATES(DMM_HO_ACTIVE) | DMM_STATES(DMM_HO_RELINQUISHED) |
		DMM_STATES(DMM_HO_RELEASED), DMM_MAX_AWAIT_MS);
	w.freeze_ms = cpu_to_le32(freeze_ms);
	return ask(t, r, NULL, &w, ok);
}

int dmm_owners_adopt(struct dmm_tool *t, struct dmm_remote *r, const struct dmm_record *record)
{
	struct dmm_wire_group_ok ok;
	struct dmm_wire_adopt w;
	int ret;

	memset(&w, 0, sizeof(w));
	memcpy(w.id.migration, record->id, sizeof(w.id.migration));
	w.id.disk = cpu_to_le32(record->disk);
	w.group_disks = cpu_to_le32(record->disks);
	w.port = cpu_to_le16(record->to.port);
	w.size_bytes = cpu_to_le64(record->size_bytes);
	if (record->has_witness) {
		w.flags = DMM_ADOPT_WITNESS;
		w.device_bytes = cpu_to_le64(record->witness.device_bytes);
		w.target_bytes = cpu_to_le64(record->witness.target_bytes);
		w.inflight = cpu_to_le64(record->witness.inflight);
	}
	ret = dmm_text_put(w.host, sizeof(w.host), record->to.host);
	if (!ret)
		ret = dmm_text_put(w.name, sizeof(w.name), record->source);
	if (!ret)
		ret = dmm_text_put(w.dest_path, sizeof(w.dest_path), record->to.path);
	if (ret) {
		snprintf(r->why, sizeof(r->why), "a name is too long for the daemon");
		r->exit = DMM_EXIT_PREFLIGHT;
		return ret;
	}
	r->offer |= DMM_FEATURE_ADOPT_FROM;
	ret = r->client.fd < 0 ? dmm_owners_find(t, r) : 0;
	/* a daemon of before connects from wherever the kernel says */
	if (!ret && record->to.from[0] && r->client.features & DMM_FEATURE_ADOPT_FROM && strlen(record->to.host) < DMM_ADOPT_HOST) {
		w.flags |= DMM_ADOPT_FROM;
		ret = dmm_text_put(w.host + DMM_ADOPT_HOST, sizeof(w.host) - DMM_ADOPT_HOST, record->to.from);
	}
	return ret ? ret : dmm_remote_adopt(r, &w, &ok);
}

void dmm_owners_describe(const struct dmm_wire_group_ok *ok, char *buf, size_t bytes)
{
	static const char *const gates[] = { "shut", "open for reads", "open" };
	u32 gate = le32_to_cpu(ok->gate);

	if (le32_to_cpu(ok->role) == DMM_HO_SOURCE || gate > DMM_HO_GATE_OPEN)
		snprintf(buf, bytes, "%s, epoch %llu", dmm_ho_state_name(dmm_owners_state(ok)),
			 le64_to_cpu(ok->epoch));
	else
		snprintf(buf, bytes, "%s, epoch %llu, gates %s", dmm_ho_state_name(dmm_owners_state(ok)),
			 le64_to_cpu(ok->epoch), gates[gate]);
}

int dmm_owners_need_settled(struct dmm_tool *t, const u8 id[DMM_ID_BYTES], const struct dmm_wire_group_ok *ok)
{
	struct dmm_target to = { .port = DMM_DEFAULT_PORT };
	struct dmm_wire_group_ok there;
	struct dmm_remote r;
	int ret;

	dmm_remote_init(&r);
	to.plaintext = le32_to_cpu(ok->flags) & DMM_GROUP_PLAINTEXT;
	ret = dmm_parse_hostport((const char *)ok->peer, to.host, &to.port, NULL);
	if (!ret)
		ret = dmm_owners_ask_there(&r, &to, id, DMM_GROUP_STATUS, DMM_STATES(DMM_HO_SETTLED), SETTLE_MS,
					   &there);
	dmm_remote_close(&r);
	/* not known: it was released there already */
	if (ret ? r.code == DMM_WERR_NOTFOUND : dmm_owners_is(&there, DMM_STATES(DMM_HO_SETTLED)))
		return 0;
	dmm_next(t, "the same, once %s has heard of it", (const char *)ok->peer);
	return dmm_fail(t, ret ? DMM_EXIT_TRANSPORT : DMM_EXIT_PREFLIGHT, DMM_OWNER_DEST, DMM_USE_RELEASED,
			"the destination has not settled yet, and would wait for this host's answer after a reboot: "
			"%s", ret ? r.why : dmm_ho_state_name(dmm_owners_state(&there)));
}

enum dmm_owner dmm_owners_of(const struct dmm_wire_group_ok *ok)
{
	switch (dmm_owners_state(ok)) {
	case DMM_HO_ACTIVE:
	case DMM_HO_FREEZING:
	case DMM_HO_FROZEN:
	case DMM_HO_FENCED:
	case DMM_HO_RECEIVING:
	case DMM_HO_REFUSED:
		return DMM_OWNER_SOURCE;
	case DMM_HO_RELEASED:
	case DMM_HO_SETTLED:
	case DMM_HO_OWNED:
		return DMM_OWNER_DEST;
	case DMM_HO_RUNNING:
		return le32_to_cpu(ok->flags) & DMM_GROUP_NEEDS_PEER ? DMM_OWNER_UNKNOWN : DMM_OWNER_DEST;
	default:	/* the token may be on its way, or the journal is lost */
		return DMM_OWNER_UNKNOWN;
	}
}
