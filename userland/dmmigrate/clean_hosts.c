// SPDX-License-Identifier: GPL-2.0
/*
 * What the daemons of this host and of its peers know of leftovers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "clean.h"
#include "cleanup.h"
#include "journal.h"
#include "manifest.h"
#include "owners.h"
#include "status_json.h"

#define MAX_HOSTS	32u

/* One that a migration of this host's journals is with, or --peer. */
struct host {
	struct dmm_target to;
	char name[DMM_HOST_MAX + 16];
	bool asked_for;			/* --peer */
	unsigned int nr;
	u8 ids[DMM_MAX_LIST][DMM_ID_BYTES];	/* migrations with it */
};

/* --- taking what was told --- */

static enum dmm_clean_how how_of(const struct dmm_leftovers *from, const struct dmm_leftover *o)
{
	static const enum dmm_clean_how hows[__DMM_LEFTOVER_KIND_MAX] = {
		[DMM_LEFTOVER_PART] = DMM_CLEAN_PART, [DMM_LEFTOVER_JOURNAL] = DMM_CLEAN_JOURNAL,
		[DMM_LEFTOVER_DOMAIN] = DMM_CLEAN_DOMAIN, [DMM_LEFTOVER_DEVICE] = DMM_CLEAN_SETTLED,
	};

	if (dmm_leftover_fate(from, o) != DMM_LEFTOVER_REMOVE)
		return DMM_CLEAN_KEPT;
	return o->fate == DMM_LEFTOVER_GOES ? DMM_CLEAN_GOES : hows[o->kind];
}

/* Does `clean ID`, which @l has, do it as well? */
static bool is_done_with(const struct dmm_clean_list *l, const struct dmm_leftover *o)
{
	unsigned int i;

	if (o->kind != DMM_LEFTOVER_PART || o->role != DMM_HO_SOURCE)
		return false;
	for (i = 0; i < l->nr; i++) {
		if (l->entries[i].how == DMM_CLEAN_DEVICE && !memcmp(l->entries[i].id, o->migration, sizeof(o->migration)))
			return true;
	}
	return false;
}

int dmm_clean_take(struct dmm_clean_list *l, const struct dmm_leftovers *from, const char *host)
{
	const struct dmm_leftover *o;
	struct dmm_clean_entry *e;
	char hex[DMM_ID_HEX];
	u32 i;

	for (i = 0; i < from->nr; i++) {
		o = &from->items[i];
		if (!*host && is_done_with(l, o))
			continue;
		dmm_id_format(o->migration, hex);
		e = dmm_clean_add(l, how_of(from, o), dmm_leftover_kind_name(o->kind), dmm_id_is_zero(o->migration) ? "none" : hex);
		if (!e)
			return -ENOMEM;
		e->role = o->role;
		e->forgotten = o->forgotten;
		snprintf(e->name, sizeof(e->name), "%s", o->name);
		snprintf(e->why, sizeof(e->why), "%s", o->why);
		snprintf(e->action, sizeof(e->action), "%s", o->action);
		snprintf(e->host, sizeof(e->host), "%s", host);
	}
	return 0;
}

/* --- which hosts --- */

static struct host *host_get(struct host *hosts, unsigned int *nr, const char *name, u16 port)
{
	unsigned int i;

	for (i = 0; i < *nr; i++) {
		if (!strcmp(hosts[i].to.host, name) && hosts[i].to.port == port)
			return &hosts[i];
	}
	if (i == MAX_HOSTS)
		return NULL;
	snprintf(hosts[i].to.host, sizeof(hosts[i].to.host), "%s", name);
	hosts[i].to.port = port;
	dmm_hostport_format(name, port, hosts[i].name, sizeof(hosts[i].name));
	++*nr;
	return &hosts[i];
}

static void host_add_id(struct host *h, const u8 id[DMM_ID_BYTES])
{
	if (h && h->nr < DMM_MAX_LIST)
		memcpy(h->ids[h->nr++], id, DMM_ID_BYTES);
}

/* Those of the journals; with --peer all migrations are asked about there, whatever it is called here. */
static void hosts_of(struct dmm_tool *t, const char *dir, struct host *hosts, unsigned int *nr)
{
	dmm_autofree u8 (*ids)[DMM_ID_BYTES] = NULL;
	struct dmm_manifest *m;
	char why[DMM_MANIFEST_WHY];
	unsigned int n = 0, i;

	if (dmm_manifest_list(dir, &ids, &n)) {
		dmm_note(t, "%s cannot be read: who has migrations with this host is not known", dir);
		return;
	}
	for (i = 0; i < n; i++) {
		if (t->args.peer) {
			host_add_id(&hosts[0], ids[i]);
			continue;
		}
		if (dmm_manifest_load(dir, ids[i], &m, why))
			continue;	/* is listed */
		if (m->host[0])
			host_add_id(host_get(hosts, nr, m->host, m->role == DMM_HO_SOURCE ? m->port : DMM_DEFAULT_PORT), m->id);
		free(m);
	}
}

/* --- asking --- */

static int no_memory(struct dmm_tool *t)
{
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "cannot look for leftovers: out of memory");
}

/* Of @here what @h does not know any more may go. */
static int ask_about(struct dmm_remote *r, const struct host *h, struct dmm_leftovers *here, struct dmm_leftovers *there)
{
	struct dmm_leftovers part;
	struct dmm_leftover *o, *p;
	bool plaintext;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < h->nr && !ret; i++) {
		o = dmm_leftovers_part(here, h->ids[i], 0);
		if (!o)
			continue;
		memset(&part, 0, sizeof(part));
		if (r->client.fd < 0 && dmm_remote_open(r, &h->to))
			return -EIO;
		ret = dmm_remote_leftovers(r, h->ids[i], &part, &plaintext);
		if (ret == -EREMOTEIO && r->code == DMM_WERR_NOTFOUND) {
			dmm_leftover_forgotten(here, o);
			ret = 0;	/* the refusal has closed it */
		}
		/* a source's part is told of to who knows it; a destination's was told already */
		p = ret ? NULL : dmm_leftovers_part(&part, h->ids[i], DMM_HO_SOURCE);
		if (p && !dmm_leftovers_part(there, h->ids[i], DMM_HO_SOURCE)) {
			o = dmm_leftovers_add(there, p->kind, p->fate, p->migration);
			if (o)
				*o = *p;
		}
		dmm_leftovers_clear(&part);
	}
	return ret;
}

static void say_host(struct json_object *hosts, const char *name, const char *why, bool cut)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "host", *name ? dmm_json_text(name) : NULL);
	json_object_object_add(o, "asked", json_object_new_boolean(!why));
	json_object_object_add(o, "complete", json_object_new_boolean(!why && !cut));
	json_object_object_add(o, "reason", dmm_json_text(why));
	json_object_array_add(hosts, o);
}

static int ask_host(struct dmm_tool *t, const struct host *h, struct dmm_leftovers *here, struct dmm_clean_list *l, struct json_object *hosts)
{
	struct dmm_leftovers there = { .nr = 0 };
	struct dmm_remote r;
	bool plaintext;
	int ret;

	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_LEFTOVERS;
	ret = dmm_remote_open(&r, &h->to);
	if (!ret)
		ret = dmm_remote_leftovers(&r, NULL, &there, &plaintext);
	if (!ret)
		ret = ask_about(&r, h, here, &there);
	say_host(hosts, h->name, ret ? r.why : NULL, there.cut);
	dmm_remote_close(&r);
	if (ret)
		dmm_note(t, "leftovers at %s are not known: %s", h->name, r.why);
	else if (!ret && there.cut)
		dmm_note(t, "not everything at %s could be looked at: see the log of dmmigrated there", h->name);
	if (!ret && dmm_clean_take(l, &there, h->name))
		ret = no_memory(t);
	else if (ret)
		ret = h->asked_for ? r.exit : 0;
	dmm_leftovers_clear(&there);
	return ret;
}

/* The daemon of this host. Where there is none journals, gates and fences are not looked at. */
static void ask_here(struct dmm_tool *t, struct dmm_leftovers *here, bool *plaintext, struct json_object *hosts)
{
	struct dmm_remote r;
	int ret;

	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_LEFTOVERS;
	ret = dmm_owners_find(t, &r);
	if (!ret)
		ret = dmm_remote_leftovers(&r, NULL, here, plaintext);
	if (ret)
		dmm_note(t, "journals, gates, volumes and domains were not looked at: %s", r.why);
	else if (here->cut)
		dmm_note(t, "not everything here could be looked at: see dmmigrated's log");
	say_host(hosts, "", ret ? r.why : NULL, here->cut);
	dmm_remote_close(&r);
}

int dmm_clean_ask(struct dmm_tool *t, struct dmm_clean_list *l)
{
	dmm_autofree struct host *hosts = calloc(MAX_HOSTS, sizeof(*hosts));
	struct json_object *list = json_object_new_array();
	struct dmm_leftovers here = { .nr = 0 };
	unsigned int nr = 0, i;
	bool plaintext = false;
	int ret = 0, code;

	dmm_result_add(t, "hosts", list);
	if (!hosts)
		return no_memory(t);
	if (t->args.peer) {
		hosts[0].to.port = DMM_DEFAULT_PORT;
		if (dmm_parse_hostport(t->args.peer, hosts[0].to.host, &hosts[0].to.port, NULL))
			return dmm_usage(t, "--peer: '%.200s' is no HOST[:PORT]", t->args.peer);
		dmm_hostport_format(hosts[0].to.host, hosts[0].to.port, hosts[0].name, sizeof(hosts[0].name));
		hosts[0].asked_for = true;
		nr = 1;
	}
	ask_here(t, &here, &plaintext, list);
	hosts_of(t, DMM_JOURNAL_DIR "/source", hosts, &nr);
	hosts_of(t, DMM_JOURNAL_DIR "/destination", hosts, &nr);
	for (i = 0; i < nr; i++) {
		hosts[i].to.plaintext = plaintext;
		code = ask_host(t, &hosts[i], &here, l, list);
		ret = ret ? ret : code;
	}
	/* last: what the others have said decides */
	if (dmm_clean_take(l, &here, ""))
		ret = no_memory(t);
	dmm_leftovers_clear(&here);
	return ret;
}
