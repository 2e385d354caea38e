// SPDX-License-Identifier: GPL-2.0
/*
 * What a start finds: devices that are attached or not, and whether they are one migration.
 */
#include <stdio.h>
#include <string.h>

#include "core/state.h"
#include "start.h"

const char *dmm_start_words(const struct dmm_tool *t, char *buf, size_t bytes)
{
	size_t used = 0;
	unsigned int i;
	int n;

	if (t->args.resume) {
		snprintf(buf, bytes, "--resume %.64s", t->args.resume);
		return buf;
	}
	for (i = 0; i + 1 < t->args.nr_operands; i += 2) {
		n = snprintf(buf + used, bytes - used, "%s%s %s", i ? " " : "", t->args.operands[i],
			     t->args.operands[i + 1]);
		if ((size_t)n >= bytes - used) {
			snprintf(buf + used, bytes - used, "...");
			break;
		}
		used += (size_t)n;
	}
	return buf;
}

static bool same_target(const struct dmm_target *a, const struct dmm_target *b)
{
	return !strcmp(a->host, b->host) && a->port == b->port && !strcmp(a->path, b->path);
}

/* Where @d goes is what its record says, which knows the path in a storage repository, too. */
static bool start_same_target(struct dmm_start_disk *d)
{
	const struct dmm_target *known = &d->s.record.to;

	if (d->to.sr[0] && !d->to.path[0] && !strcmp(known->sr, d->to.sr))
		snprintf(d->to.path, sizeof(d->to.path), "%s", known->path);
	if (!same_target(known, &d->to))
		return false;
	snprintf(d->to.sr, sizeof(d->to.sr), "%s", known->sr);
	return true;
}

/* What was begun within TLS does not go on without, nor the other way round unless that is said again. */
static int start_security(struct dmm_tool *t, struct dmm_start_disk *d)
{
	bool plaintext = d->s.record.to.plaintext;

	d->to.plaintext = plaintext;
	if (t->args.again || t->args.resume || plaintext == t->args.insecure_plaintext)
		return 0;
	return dmm_usage(t, plaintext ? "the migration of %s was begun with --insecure-plaintext: say so again, or cancel it" :
			 "the migration of %s was begun within TLS: leave out --insecure-plaintext, or cancel it", t->source);
}

/* The target is live: it is this migration, or another one is in the way. */
static int start_attached(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	struct dmm_source *s = &d->s;
	struct dmm_nl_info info;
	enum dmm_owner owner;
	enum dmm_use use;
	int ret;

	ret = dmm_source_info(t, s, &info);
	if (ret)
		return ret;
	dmm_source_verdict(t, s, &owner, &use);
	if (!s->ours) {
		dmm_next(t, "dmsetup table %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
				"%s has a migrate target that this tool did not attach", t->source);
	}
	if (s->has_record && !start_same_target(d)) {
		dmm_next(t, owner == DMM_OWNER_DEST ? "dmmigrate clean %s" : "dmmigrate cancel %s",
			 t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
				"%s is being migrated to %s:%u:%s already", t->source,
				s->record.to.host, s->record.to.port, s->record.to.path);
	}
	if (s->has_record) {
		ret = start_security(t, d);
		if (ret)
			return ret;
	}
	d->attached = true;
	d->again = true;
	d->conn_epoch = dmm_max_u64(info.conn_epoch, s->record.conn_epoch) + 1;
	switch (info.state) {
	case DMM_STATE_COMMITTED:
		dmm_next(t, "dmmigrate cutover %s", t->source);
		return dmm_fail(t, owner == DMM_OWNER_UNKNOWN ? DMM_EXIT_AMBIGUOUS : DMM_EXIT_PREFLIGHT,
				owner, use, "a cutover of %s has not ended", t->source);
	case DMM_STATE_RELEASED:
		dmm_next(t, "dmmigrate clean %s", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s has been cut over already", t->source);
	case DMM_STATE_STOPPING:
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return dmm_fail(t, DMM_EXIT_LOCAL, owner, use,
				"a stopped migration still waits for the source's disk");
	default:
		break;
	}
	if (t->args.resume)
		return dmm_start_by_id_attached(t, c, d, &info);
	switch (info.state) {
	case DMM_STATE_DISCONNECTED:
		d->resume = s->has_record;
		memcpy(d->instance, info.instance, sizeof(d->instance));
		return 0;
	case DMM_STATE_IDLE:
	case DMM_STATE_FAILED:
	case DMM_STATE_COMPARING:	/* nobody does: we have the lock */
		return 0;	/* begin again */
	default:
		if (!s->has_record) {
			dmm_next(t, "dmmigrate cancel %s", t->source);
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use,
					"%s is being migrated already, where to is not on record",
					t->source);
		}
		d->running = true;
		return 0;
	}
}

/* Not attached: at most a start that came no further left a record. */
static int start_unattached(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	int ret = dmm_preflight_source(t, &d->s, &d->pre);

	d->conn_epoch = 1;
	if (!ret && t->args.resume)
		return dmm_start_by_id_unattached(t, c, d);
	if (ret || !d->s.has_record)
		return ret;
	if (!start_same_target(d)) {
		dmm_next(t, "dmmigrate clean %s", d->s.hex);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"a start to %s:%u:%s was interrupted and left its record",
				d->s.record.to.host, d->s.record.to.port, d->s.record.to.path);
	}
	ret = start_security(t, d);
	if (ret)
		return ret;
	d->conn_epoch = d->s.record.conn_epoch + 1;
	d->again = true;
	return 0;
}

static int start_look(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d)
{
	int ret;

	if (!d->s.has_live) {
		dmm_next(t, "dmmigrate clean %s", d->s.spec);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNKNOWN,
				"there is no such device any more, only leftovers of a migration");
	}
	ret = t->args.dry_run ? 0 :	/* which changes nothing, not even /run */
	      dmm_source_lock(t, &d->s);
	if (!ret)
		ret = dmm_vdi_elsewhere(t, &d->s);
	if (!ret)
		ret = dmm_source_commit_lost(t, &d->s);
	if (ret)
		return ret;
	if (!d->s.migrate || d->s.named_origin)
		return start_unattached(t, c, d);
	ret = start_attached(t, c, d);
	return ret ? ret : dmm_preflight_sizes(t, &d->s, &d->pre);
}

static int start_named_twice(struct dmm_tool *t, const struct dmm_start *c, u32 i)
{
	const struct dmm_start_disk *d = &c->disks[i], *e;
	u32 j;

	for (j = 0; j < i; j++) {
		e = &c->disks[j];
		if (d->s.has_live && e->s.has_live && d->s.live.major == e->s.live.major &&
		    d->s.live.minor == e->s.live.minor)
			return dmm_usage(t, "%.128s is named twice", d->s.spec);
	}
	return 0;
}

int dmm_start_open(struct dmm_tool *t, struct dmm_start *c)
{
	u32 i;
	int ret = 0;

	for (i = 0; i < c->nr && !ret; i++) {
		ret = dmm_source_open(t, t->args.operands[2 * i], &c->disks[i].s);
		if (!ret)
			ret = start_named_twice(t, c, i);
	}
	/* of --network, or of the record of what goes on */
	for (i = 0; i < c->nr; i++)
		dmm_client_own(c->disks[i].to.from);
	/* what was begun without TLS goes on like that */
	if (!ret && t->args.again && c->disks[0].s.has_record)
		c->disks[0].to.plaintext = c->disks[0].s.record.to.plaintext;
	/* nobody's way is barred while a host that is off is waited for */
	if (!ret && t->args.again && dmm_remote_open(&c->remote, &c->disks[0].to))
		return dmm_start_remote_failed(t, c, &c->disks[0]);
	for (i = 0; i < c->nr && !ret; i++) {
		dmm_source_speak_of(t, &c->disks[i].s);
		ret = start_look(t, c, &c->disks[i]);
	}
	return ret;
}

/* The migration that some of them belong to already; NULL: none does. */
static const struct dmm_start_disk *start_first_known(const struct dmm_start *c)
{
	u32 i;

	for (i = 0; i < c->nr; i++) {
		if (c->disks[i].again)
			return &c->disks[i];
	}
	return NULL;
}

static int start_not_one(struct dmm_tool *t, struct dmm_start_disk *d, const char *why)
{
	enum dmm_owner owner;
	enum dmm_use use;

	dmm_source_speak_of(t, &d->s);
	dmm_source_verdict(t, &d->s, &owner, &use);
	dmm_next(t, d->attached ? "dmmigrate status %s" : "dmmigrate clean %s", d->attached ? t->source : d->s.hex);
	return dmm_fail(t, DMM_EXIT_PREFLIGHT, owner, use, "%s", why);
}

/* Each gets the number that it has had, or its place in the order of naming. */
static int start_number(struct dmm_tool *t, struct dmm_start *c, const struct dmm_start_disk *known)
{
	struct dmm_start_disk *d;
	u64 taken = 0;
	char why[256];
	u32 i;

	for (i = 0; i < c->nr; i++) {
		d = &c->disks[i];
		d->disk = d->again ? d->s.disk : i;
		if (d->again && memcmp(d->s.id, known->s.id, sizeof(d->s.id))) {
			snprintf(why, sizeof(why), "%.100s and %.100s belong to two migrations: start them one by one",
				 known->s.live.name, d->s.live.name);
			return start_not_one(t, d, why);
		}
		if (d->s.has_record)
			c->total = d->s.record.disks;
		if (d->disk >= DMM_MAX_GROUP || taken & 1ull << d->disk) {
			snprintf(why, sizeof(why), "%.100s would be disk %u of its migration, which is another one",
				 d->s.live.name, d->disk + 1);
			return start_not_one(t, d, why);
		}
		taken |= 1ull << d->disk;
	}
	for (i = 0; i < c->nr; i++) {
		d = &c->disks[i];
		if (c->nr > c->total) {
			snprintf(why, sizeof(why), "the migration of %.100s has %u disks: no other can join it",
				 known->s.live.name, c->total);
			return start_not_one(t, d->again ? d : &c->disks[c->nr - 1], why);
		}
		if (d->disk >= c->total || (c->nr < c->total && !d->attached)) {
			snprintf(why, sizeof(why), "the migration of %.100s has %u disks: name all of them",
				 d->s.live.name, c->total);
			return start_not_one(t, d, why);
		}
	}
	return 0;
}

int dmm_start_identify(struct dmm_tool *t, struct dmm_start *c)
{
	const struct dmm_start_disk *known = start_first_known(c);
	u32 i;
	int ret;

	c->total = c->nr;
	if (known) {
		memcpy(c->id, known->s.id, sizeof(c->id));
		ret = start_number(t, c, known);
		if (ret)
			return ret;
	} else {
		ret = dmm_id_random(c->id);
		if (ret)
			return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
					"no random numbers: %s", strerror(-ret));
		for (i = 0; i < c->nr; i++)
			c->disks[i].disk = i;
	}
	dmm_id_format(c->id, c->hex);
	return 0;
}
