// SPDX-License-Identifier: GPL-2.0
/*
 * A domain no disk of which moves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "cleanup.h"
#include "cutover.h"
#include "owners.h"
#include "platform/xl.h"
#include "vm_alone.h"

#define LOCK_MS	3000u

struct alone {
	struct dmm_tool *t;
	struct dmm_cutover c;		/* its disks[0] is for the record only */
	const struct dmm_target *to;
	const struct dmm_xl_domain *domain;
	struct dmm_vm_config *sent;
};

static int alone_fail(struct alone *a, enum dmm_exit code, const char *why)
{
	return dmm_fail(a->t, code, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", why);
}

/* What the hand-over is to know of it. 0 or an exit code, reported. */
static int alone_init(struct alone *a)
{
	struct dmm_cutover *c = &a->c;
	struct dmm_source *s;

	c->g.disks = calloc(1, sizeof(*c->g.disks));
	if (!c->g.disks)
		return alone_fail(a, DMM_EXIT_LOCAL, "out of memory");
	c->s = s = &c->g.disks[0];
	if (dmm_id_random(s->id))
		return alone_fail(a, DMM_EXIT_LOCAL, "no random numbers");
	dmm_id_format(s->id, s->hex);
	s->has_id = s->has_record = true;
	s->spec = s->hex;
	memcpy(s->record.id, s->id, sizeof(s->record.id));
	s->record.to = *a->to;
	dmm_client_own(s->record.to.from);
	snprintf(s->record.to.path, sizeof(s->record.to.path), "%s", a->domain->name);
	snprintf(s->record.source, sizeof(s->record.source), "%s", a->domain->name);
	c->timeout_ms = a->t->args.timeout_ms == DMM_UNSET ? DMM_CUTOVER_FREEZE_MS : (u32)a->t->args.timeout_ms;
	return 0;
}

/*
 * What would begin the domain here, when this host boots, while it runs there: disks that moved were fenced, those that both hosts have
 * are not. 0 or an exit code, reported.
 */
static int alone_autostart(struct alone *a)
{
	char first[DMM_GUEST_CONFIG_PATH];

	if (!*dmm_vm_config_begins(a->sent, first))
		return 0;
	dmm_next(a->t, "rm %s, then this again; and at %s, afterwards, ln -s ../%s.cfg %s/auto/", first, a->to->host, a->domain->name,
		 DMM_GUEST_CONFIG_DIR);
	return dmm_fail(a->t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s begins with this host (%s), and no disk of it "
			"moves: were this host to lose its power in the move, it would be begun here while it may run at %s", a->domain->name,
			first, a->to->host);
}

/* Both daemons have a journal of it. 0 or an exit code, reported. */
static int alone_begin(struct alone *a)
{
	struct dmm_source *s = a->c.s;
	struct dmm_wire_prepared prepared;
	struct dmm_wire_prepare req;
	struct dmm_remote here;
	int ret;

	memset(&req, 0, sizeof(req));
	memcpy(req.id.migration, s->id, sizeof(req.id.migration));
	req.flags = cpu_to_le32(DMM_PREPARE_GUEST);
	if (strlen(a->domain->name) >= DMM_GUEST_NAME || dmm_remote_texts(&req, "", "", a->domain->name))
		return alone_fail(a, DMM_EXIT_PREFLIGHT, "the domain's name is too long");
	a->c.remote.offer = DMM_FEATURE_GROUP;
	ret = dmm_remote_open(&a->c.remote, a->to);
	if (!ret)
		ret = dmm_remote_prepare(&a->c.remote, &req, &prepared);
	if (ret) {
		dmm_next(a->t, "dmmigrate doctor %s --domain %s", a->t->args.to, a->domain->name);
		return alone_fail(a, a->c.remote.exit, a->c.remote.why);
	}
	dmm_remote_init(&here);
	here.offer = DMM_FEATURE_GROUP;
	ret = dmm_owners_adopt(a->t, &here, &s->record);
	dmm_remote_close(&here);
	if (!ret)
		return 0;
	dmm_next(a->t, "systemctl status dmmigrated");
	return alone_fail(a, here.exit, here.why);
}

/* Nobody needs the journals any more, where the source has gone on; or, where it has not, only the destination's until it is released. */
static void alone_forget(struct alone *a, bool over)
{
	struct dmm_wire_group_ok ok;
	struct dmm_remote here;

	if (dmm_owners_source_status(a->t, &here, a->c.s->id, &ok))
		memset(&ok, 0, sizeof(ok));
	if (here.code == DMM_WERR_NOTFOUND || dmm_owners_is(&ok, DMM_STATES(DMM_HO_ACTIVE)) ||
	    (over && dmm_owners_is(&ok, DMM_STATES(DMM_HO_RELEASED))))
		dmm_forget_group(a->t, a->c.s, &a->c.remote);
}

static int alone_hand_over(struct alone *a, u64 *bytes)
{
	struct dmm_xl x;
	int ret;

	dmm_xl_init(&x, a->t, a->domain, a->sent->file);
	dmm_signals_block();
	dmm_signals_block_stop();
	a->c.p = &x.p;
	x.p.g = &a->c.g;
	ret = dmm_cutover_hand_over(a->t, &a->c);
	x.p.ops->end(&x.p);
	*bytes = x.stream.bytes;
	return ret;
}

static int alone_move(struct alone *a, u64 *bytes)
{
	bool placed;
	int ret;

	ret = alone_begin(a);
	if (!ret)
		ret = dmm_vm_config_stage_alone(a->sent, a->c.s->id, a->to);
	if (!ret)
		ret = alone_hand_over(a, bytes);
	placed = !ret && dmm_vm_config_report(a->sent);
	if (placed)
		unlink(a->sent->file);
	/* whose it is then is for a person to find out, by the journals */
	if (ret != DMM_EXIT_AMBIGUOUS)
		alone_forget(a, placed);
	return ret;
}

/* By whoever else is at this domain, and by `recover` and `clean`. A descriptor, or -1 with *@code reported. */
static int alone_lock(struct alone *a, const char *key, int *code)
{
	int fd = dmm_source_lock_wait(key, LOCK_MS);

	if (fd >= 0)
		return fd;
	dmm_next(a->t, "xl list");
	*code = alone_fail(a, DMM_EXIT_PREFLIGHT, fd == -EWOULDBLOCK ? "another dmmigrate is moving this domain: wait for that one to end" :
			   "cannot lock it in " DMM_RUN_DIR);
	return -1;
}

int dmm_vm_alone(struct dmm_tool *t, const struct dmm_target *to, const struct dmm_xl_domain *d, struct dmm_vm_config *sent, u64 *bytes)
{
	dmm_autoclose int by_domain = -1, by_id = -1;
	struct alone a = { .t = t, .to = to, .domain = d, .sent = sent };
	char key[64];
	int ret;

	dmm_remote_init(&a.c.remote);
	ret = alone_autostart(&a);
	if (!ret && t->args.dry_run) {
		dmm_say(t, "No disk of %s moves.  Its memory would: xl migrate here, xl migrate-receive at %s; nothing was done.", d->name,
			t->args.to);
		return 0;
	}
	if (!ret)
		ret = alone_init(&a);
	if (!ret) {
		snprintf(key, sizeof(key), "domain-%llu", d->domid);
		by_domain = alone_lock(&a, key, &ret);
	}
	if (!ret)
		by_id = alone_lock(&a, a.c.s->hex, &ret);
	if (!ret)
		ret = alone_move(&a, bytes);
	dmm_remote_close(&a.c.remote);
	free(a.c.g.disks);
	return ret;
}
