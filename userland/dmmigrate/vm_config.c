// SPDX-License-Identifier: GPL-2.0
/*
 * A domain's configuration, on its way.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/handover.h"
#include "fullio.h"
#include "group.h"
#include "owners.h"
#include "remote.h"
#include "vm_config.h"

#define IN_PLACE_MS	15000u	/* for the journals to be at their ends, and two small files */
#define LOOK_MS		100u

void dmm_vm_config_init(struct dmm_vm_config *c, struct dmm_tool *t, const char *name, const char *file, const char *here)
{
	dmm_autofree char *real = realpath(here, NULL);

	memset(c, 0, sizeof(*c));
	c->t = t;
	c->name = name;
	c->file = file;
	snprintf(c->here, sizeof(c->here), "%s", real ? real : here);
}

static int config_text(const struct dmm_vm_config *c, char text[DMM_MAX_GUEST_CONFIG_BYTES + 1])
{
	ssize_t n = dmm_read_text(c->file, text, DMM_MAX_GUEST_CONFIG_BYTES);

	if (n > 0) {
		strcat(text, "\n");	/* which was cut off */
		return 0;
	}
	dmm_next(c->t, "see %s", c->here);
	return dmm_fail(c->t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "the configuration of %s cannot be sent: %s", c->name,
			n == -EFBIG ? "it is longer than 64 KiB" : n ? strerror((int)-n) : "it is empty");
}

static void config_fill(const struct dmm_vm_config *c, enum dmm_wire_guest_config_verb verb, enum dmm_ho_role role, bool autostart,
			struct dmm_wire_guest_config *w)
{
	memset(w, 0, sizeof(*w));
	if (verb != DMM_GUEST_CONFIG_CHECK)
		memcpy(w->migration, c->id, sizeof(w->migration));
	if (verb != DMM_GUEST_CONFIG_STATUS)
		dmm_text_put(w->name, sizeof(w->name), c->name);	/* the domain's was cut to that */
	w->platform = cpu_to_le32(DMM_PLATFORM_XL);
	w->verb = cpu_to_le32(verb);
	w->role = cpu_to_le32(role);
	w->flags = cpu_to_le32(autostart ? DMM_GUEST_CONFIG_AUTOSTART : 0);
}

/* All its pieces. 0 or -errno with @r. */
static int config_send(const struct dmm_vm_config *c, struct dmm_remote *r, enum dmm_ho_role role, const char *text, bool autostart,
		       struct dmm_wire_guest_config_ok *ok)
{
	u32 total = strlen(text), offset, n;
	struct dmm_wire_guest_config w;
	int ret = 0;

	for (offset = 0; offset < total && !ret; offset += n) {
		n = dmm_min_u64(total - offset, sizeof(w.text));
		config_fill(c, DMM_GUEST_CONFIG_STAGE, role, autostart, &w);
		w.total_bytes = cpu_to_le32(total);
		w.offset_bytes = cpu_to_le32(offset);
		w.bytes = cpu_to_le32(n);
		memcpy(w.text, text + offset, n);
		ret = dmm_remote_guest_config(r, &w, ok);
	}
	return ret;
}

const char *dmm_vm_config_begins(const struct dmm_vm_config *c, char first[DMM_GUEST_CONFIG_PATH])
{
	char why[DMM_GUEST_CONFIG_WHY];

	if (dmm_guest_config_autostart(DMM_GUEST_CONFIG_DIR, c->here, false, first, why) < 0)
		first[0] = '\0';	/* the daemon, which is to remove it, says why when it is staged */
	return first;
}

int dmm_vm_config_check(struct dmm_vm_config *c, const struct dmm_target *to)
{
	dmm_autofree char *text = malloc(DMM_MAX_GUEST_CONFIG_BYTES + 1);
	struct dmm_wire_guest_config_ok ok;
	char first[DMM_GUEST_CONFIG_PATH];
	struct dmm_wire_guest_config w;
	struct dmm_remote r;
	int ret;

	ret = text ? config_text(c, text) : dmm_fail(c->t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	if (ret)
		return ret;
	config_fill(c, DMM_GUEST_CONFIG_CHECK, DMM_HO_DEST, *dmm_vm_config_begins(c, first), &w);
	w.total_bytes = cpu_to_le32(strlen(text));
	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_GUEST_CONFIG;
	ret = dmm_remote_open(&r, to);
	if (!ret)
		ret = dmm_remote_guest_config(&r, &w, &ok);
	dmm_remote_close(&r);
	if (ret) {
		dmm_next(c->t, "dmmigrate doctor %s --domain %s", c->t->args.to, c->name);
		return dmm_fail(c->t, r.code || ret == -EPROTO ? DMM_EXIT_PREFLIGHT : r.exit, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"the configuration of %s: %s", c->name, r.why);
	}
	dmm_say(c->t, "The configuration of %s is to be %s at %s, and stays as %s here.%s%s%s", c->name, (const char *)ok.path,
		c->t->args.to, c->here, *first ? "  It is to begin with that host, and with this one no more: " : "", first,
		*first ? " goes." : "");
	return 0;
}

static int stage_failed(struct dmm_vm_config *c, const struct dmm_remote *r)
{
	if (c->alone)
		dmm_next(c->t, "dmmigrate vm %s ... (again)", c->name);
	else
		dmm_next(c->t, "dmmigrate vm %s ... (again), or dmmigrate cancel %s", c->name, c->t->source);
	return dmm_fail(c->t, r->exit, DMM_OWNER_SOURCE, c->alone ? DMM_USE_UNCHANGED : DMM_USE_ATTACHED, "the configuration of %s: %s", c->name, r->why);
}

/* Of the migration c->id, to c->to. 0 or an exit code, reported. */
static int config_stage(struct dmm_vm_config *c)
{
	dmm_autofree char *text = malloc(DMM_MAX_GUEST_CONFIG_BYTES + 1);
	struct dmm_wire_guest_config_ok ok;
	struct dmm_remote r;
	int ret;

	ret = text ? config_text(c, text) : dmm_fail(c->t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "out of memory");
	if (ret)
		return ret;
	/* this host's first: it knows whether it begins the domain */
	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_GUEST_CONFIG;
	ret = dmm_owners_find(c->t, &r);
	if (!ret)
		ret = config_send(c, &r, DMM_HO_SOURCE, c->here, false, &ok);
	dmm_remote_close(&r);
	if (ret)
		return stage_failed(c, &r);
	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_GUEST_CONFIG;
	ret = dmm_remote_open(&r, &c->to);
	if (!ret)
		ret = config_send(c, &r, DMM_HO_DEST, text, ok.path[0], &ok);
	dmm_remote_close(&r);
	return ret ? stage_failed(c, &r) : 0;
}

int dmm_vm_config_stage(struct dmm_vm_config *c, const char *spec)
{
	struct dmm_group g = { 0 };
	int ret = dmm_group_open_migration(c->t, spec, &g);

	if (!ret) {
		memcpy(c->id, g.disks[0].record.id, sizeof(c->id));
		c->to = g.disks[0].record.to;
		ret = config_stage(c);
	}
	dmm_group_clear(&g);
	return ret;
}

int dmm_vm_config_stage_alone(struct dmm_vm_config *c, const u8 id[DMM_ID_BYTES], const struct dmm_target *to)
{
	c->alone = true;
	memcpy(c->id, id, sizeof(c->id));
	c->to = *to;
	return config_stage(c);
}

/* Until it is done there, or here. False: not, and @ok or r->why says why. */
static bool config_await(struct dmm_vm_config *c, struct dmm_remote *r, enum dmm_ho_role role, struct dmm_wire_guest_config_ok *ok)
{
	u64 until_ms = dmm_now_ms() + IN_PLACE_MS;
	struct dmm_wire_guest_config w;
	int ret;

	memset(ok, 0, sizeof(*ok));
	config_fill(c, DMM_GUEST_CONFIG_STATUS, role, false, &w);
	dmm_remote_init(r);
	r->offer = DMM_FEATURE_GUEST_CONFIG;
	ret = role == DMM_HO_DEST ? dmm_remote_open(r, &c->to) : dmm_owners_find(c->t, r);
	while (!ret) {
		ret = dmm_remote_guest_config(r, &w, ok);
		if (ret || le32_to_cpu(ok->state) != DMM_GUEST_CONFIG_STAGED || ok->why[0] || dmm_now_ms() >= until_ms)
			break;
		dmm_signal_sleep(LOOK_MS);
	}
	dmm_remote_close(r);
	return !ret && le32_to_cpu(ok->state) == DMM_GUEST_CONFIG_DONE;
}

static const char *why_not(const struct dmm_remote *r, const struct dmm_wire_guest_config_ok *ok)
{
	return r->err ? r->why : ok->why[0] ? (const char *)ok->why : "the hand-over is not over there yet";
}

bool dmm_vm_config_report(struct dmm_vm_config *c)
{
	struct dmm_wire_guest_config_ok ok;
	struct dmm_remote r;
	bool placed = config_await(c, &r, DMM_HO_DEST, &ok);

	dmm_result_bool(c->t, "config_in_place", placed);
	if (placed) {
		dmm_result_text(c->t, "config", (const char *)ok.path);
		dmm_result_text(c->t, "config_kept", ok.kept[0] ? (const char *)ok.kept : NULL);
		dmm_say(c->t, "%s runs at %s.  Its configuration there is %s%s%s.  Here it stays: %s", c->name, c->t->args.to,
			(const char *)ok.path, ok.kept[0] ? ", and the one that was there " : "", (const char *)ok.kept, c->here);
	} else {
		dmm_result_text(c->t, "config", c->file);
		dmm_note(c->t, "%s runs at %s, but its configuration is not in place there yet: %s.  dmmigrated there goes on trying, and "
			 "dmmigrate recover there says how it is; it is %s here", c->name, c->t->args.to, why_not(&r, &ok), c->file);
	}
	if (!config_await(c, &r, DMM_HO_SOURCE, &ok))
		dmm_note(c->t, "this host may still begin %s when it boots: %s", c->name, why_not(&r, &ok));
	else if (ok.path[0])
		dmm_say(c->t, "%s begins with %s when that boots, and with this host no more: %s was removed.", c->name, c->t->args.to,
			(const char *)ok.path);
	return placed;
}
