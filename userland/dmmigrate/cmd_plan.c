// SPDX-License-Identifier: GPL-2.0
/*
 * plan: what would a migration be like?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "commands.h"
#include "doctor.h"
#include "monitor.h"
#include "nbduri.h"
#include "plan.h"
#include "status_json.h"
#include "storage_network.h"

#define PLAN_DEFAULT_MS	10000u
#define PLAN_MAX_MS	3600000u

struct plan {
	struct dmm_plan_disk *disks;	/* owned */
	unsigned int nr;
	struct dmm_target to;		/* its path is not used */
	struct dmm_remote remote;
	u64 max_pause_ms;
	u64 link_bps, rtt_ns;
	u64 size_bytes;			/* of all disks together, as the rest: */
	u64 read_bps, dest_bps;		/* 0: not known of one of them */
	struct dmm_plan_curve curve;
	u64 copy_bps;			/* the least of all that is known */
	const char *bound;		/* what of */
	struct dmm_plan_estimate e;
};

static const struct dmm_option plan_options[] = {
	DMM_OPTION("domain", TEXT, domain, "DOMAIN", "instead of SOURCE: all disks of this VM that can move, to --to"),
	DMM_OPTION("to", TEXT, to, "HOST[:PORT]", "with --domain: where it is to go"),
	DMM_OPTION("time", PERIOD, timeout_ms, "TIME", "watch the guest's writes for so long (default 10 s)"),
	DMM_OPTION("max-pause", MS, max_pause_ms, "MS", "the pause of its disks that you would allow (default 1000)"),
	DMM_OPTION_BANDWIDTH(""),
	DMM_OPTION("block-size", BLOCK, block_bytes, "SIZE", "size of a tracked block, 4K to 1M (default 4K)"),
	DMM_OPTION_NETWORK,
	DMM_OPTION_KEYS,
	DMM_OPTION_PLAINTEXT,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* --- what it is about --- */

static int plan_alloc(struct dmm_tool *t, struct plan *p, unsigned int nr)
{
	p->disks = calloc(nr ? nr : 1, sizeof(*p->disks));
	if (p->disks)
		return 0;
	return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
}

/* "SOURCE HOST:/DEST", as often as there are disks. */
static int plan_pairs(struct dmm_tool *t, struct plan *p)
{
	unsigned int i, nr = t->args.nr_operands / 2;
	struct dmm_plan_disk *d;
	const char *why;
	int ret;

	if (t->args.to)
		return dmm_usage(t, "--to goes with --domain: each SOURCE has its own HOST:/DEST");
	if (!nr || t->args.nr_operands % 2)
		return dmm_usage(t, "SOURCE HOST:/DEST, in pairs, or --domain DOMAIN --to HOST");
	ret = plan_alloc(t, p, nr);
	for (i = 0; i < nr && !ret; i++, p->nr++) {
		d = &p->disks[i];
		snprintf(d->spec, sizeof(d->spec), "%s", t->args.operands[2 * i]);
		if (dmm_parse_destination(t->args.operands[2 * i + 1], &d->to, &why))
			return dmm_usage(t, "'%.128s': %s", t->args.operands[2 * i + 1], why);
		if (strcmp(d->to.host, p->disks[0].to.host) || d->to.port != p->disks[0].to.port)
			return dmm_usage(t, "the disks of one migration go to one host, not to %.128s and %.128s",
					 t->args.operands[1], t->args.operands[2 * i + 1]);
	}
	if (!ret)
		p->to = p->disks[0].to;
	return ret;
}

static int plan_domain(struct dmm_tool *t, struct plan *p)
{
	struct dmm_domain *d = malloc(sizeof(*d));
	const char *why = NULL;
	struct dmm_vbd *v;
	unsigned int i;
	int ret;

	if (t->args.nr_operands || !t->args.to) {
		free(d);
		return dmm_usage(t, "--domain DOMAIN goes with --to HOST, and without SOURCE");
	}
	p->to.port = DMM_DEFAULT_PORT;
	if (dmm_parse_hostport(t->args.to, p->to.host, &p->to.port, &why)) {
		free(d);
		return dmm_usage(t, "'%.64s' is not HOST[:PORT]: %s", t->args.to, why);
	}
	ret = plan_alloc(t, p, DMM_DOMAIN_DISKS);
	if (ret || !d) {
		free(d);
		return ret ? ret : dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	}
	dmm_domain_find(t->args.domain, d);
	if (!d->there) {
		dmm_next(t, "xl list");
		ret = dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", d->why);
	}
	for (i = 0; i < d->nr_disks && !ret; i++) {
		v = &d->disks[i];
		if (v->kind == DMM_VBD_DM && !*v->why && v->writable)
			snprintf(p->disks[p->nr++].spec, sizeof(p->disks[0].spec), "%s", v->name);
		else if (v->kind != DMM_VBD_EMPTY)
			dmm_note(t, "%s (%s) is left out: %s", v->vdev, v->path, *v->why ? v->why : !v->writable ?
				 "it is read only" : "it is no device-mapper device");
	}
	if (!ret && !p->nr) {
		dmm_next(t, "dmmigrate doctor %s --domain %s", t->args.to, t->args.domain);
		ret = dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "no disk of %.64s can move while it runs",
			       t->args.domain);
	}
	free(d);
	return ret;
}

static int plan_open(struct dmm_tool *t, struct plan *p)
{
	struct dmm_plan_disk *d;
	unsigned int i, j;
	int ret;

	for (i = 0; i < p->nr; i++) {
		d = &p->disks[i];
		d->opened = true;
		ret = dmm_source_open(t, d->spec, &d->s);
		if (ret)
			return ret;
		if (d->s.migrate || d->s.has_origin) {
			dmm_next(t, "dmmigrate status %s", t->source);
			return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_ATTACHED,
					"%s is attached to a migration already, whose own figures tell what is written", t->source);
		}
		for (j = 0; j < i; j++) {
			if (dmm_source_dev(&p->disks[j].s) == dmm_source_dev(&d->s))
				return dmm_usage(t, "%.128s is named twice", t->source);
		}
		ret = dmm_preflight_source(t, &d->s, &d->pre);
		if (!ret)
			ret = dmm_source_lock(t, &d->s);
		if (ret)
			return ret;
		p->size_bytes += d->pre.size_bytes;
	}
	return 0;
}

/* --- measuring --- */

static int plan_remote_failed(struct dmm_tool *t, const struct plan *p)
{
	dmm_next(t, "dmmigrate doctor %s", p->remote.where);
	return dmm_fail(t, p->remote.exit, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", p->remote.why);
}

static int plan_measure(struct dmm_tool *t, struct plan *p)
{
	struct dmm_plan_disk *d;
	u64 bytes, ns;
	int ret;

	if (dmm_plan_link(&p->remote, &p->link_bps, &p->rtt_ns))
		return plan_remote_failed(t, p);
	for (d = p->disks; d < p->disks + p->nr; d++) {
		dmm_source_speak_of(t, &d->s);
		ret = dmm_plan_read(t, d);
		if (ret)
			return ret;
		if (!d->to.path[0] || dmm_is_nbd(d->to.path))
			continue;
		if (dmm_remote_probe_disk(&p->remote, d->to.path, d->pre.size_bytes, &bytes, &ns))
			return plan_remote_failed(t, p);
		d->dest_bps = (u64)((double)bytes * 1e9 / (double)ns);
	}
	return dmm_plan_track(t, p->disks, p->nr, t->args.timeout_ms == DMM_UNSET ? PLAN_DEFAULT_MS : t->args.timeout_ms);
}

/* --- what follows --- */

static void bound_by(struct plan *p, u64 bps, const char *what)
{
	if (bps && (!p->copy_bps || bps < p->copy_bps)) {
		p->copy_bps = bps;
		p->bound = what;
	}
}

/* All disks together, which are copied at once. */
static void plan_sum(struct dmm_tool *t, struct plan *p)
{
	bool read = true, dest = true;
	struct dmm_plan_disk *d;
	unsigned int n;

	for (d = p->disks; d < p->disks + p->nr; d++) {
		read = read && d->read_bps;
		dest = dest && d->dest_bps;
		p->read_bps += d->read_bps;
		p->dest_bps += d->dest_bps;
		for (n = 0; n < d->curve.nr; n++) {
			p->curve.at[n].ms = d->curve.at[n].ms;
			p->curve.at[n].bytes += d->curve.at[n].bytes;
		}
		p->curve.nr = d->curve.nr;
	}
	p->curve.size_bytes = p->size_bytes;
	p->read_bps = read ? p->read_bps : 0;
	p->dest_bps = dest ? p->dest_bps : 0;
	bound_by(p, p->link_bps, "the link");
	bound_by(p, p->read_bps, "reading here");
	bound_by(p, p->dest_bps, "the disk there");
	if (t->args.bandwidth != DMM_UNSET)
		bound_by(p, t->args.bandwidth, "--bandwidth");
	if (!p->copy_bps)	/* of a link that takes no time at all */
		bound_by(p, 1, "the link");
	dmm_plan_estimate(&p->curve, p->size_bytes, p->copy_bps, p->max_pause_ms, &p->e);
}

static char *rate(char *buf, u64 bps)
{
	return bps ? dmm_format_bytes(buf, 32, bps, "/s") : strcpy(buf, "not measured");
}

static char *clock_text(char *buf, size_t bytes, u64 ms)
{
	struct dmm_figures f = { .eta = DMM_ETA_KNOWN, .eta_ms = ms };

	return dmm_format_eta(buf, bytes, &f);
}

static struct json_object *disk_json(const struct dmm_plan_disk *d)
{
	struct json_object *o = json_object_new_object();
	const struct dmm_plan_curve *c = &d->curve;

	json_object_object_add(o, "source", dmm_json_text(d->s.live.name));
	json_object_object_add(o, "dest", dmm_json_text(d->to.path[0] ? d->to.path : NULL));
	json_object_object_add(o, "size_bytes", json_object_new_uint64(d->pre.size_bytes));
	json_object_object_add(o, "tracked_ms", json_object_new_uint64(c->at[c->nr - 1].ms));
	json_object_object_add(o, "written_bytes", json_object_new_uint64(c->at[c->nr - 1].bytes));
	json_object_object_add(o, "write_bps", json_object_new_uint64(dmm_plan_slope(c)));
	json_object_object_add(o, "read_bps", d->read_bps ? json_object_new_uint64(d->read_bps) : NULL);
	json_object_object_add(o, "dest_bps", d->dest_bps ? json_object_new_uint64(d->dest_bps) : NULL);
	return o;
}

static void plan_result(struct dmm_tool *t, const struct plan *p)
{
	struct json_object *list = json_object_new_array();
	const struct dmm_plan_disk *d;

	for (d = p->disks; d < p->disks + p->nr; d++)
		json_object_array_add(list, disk_json(d));
	dmm_result_text(t, "host", p->remote.where);
	dmm_result_add(t, "disks", list);
	dmm_result_u64(t, "link_bps", p->link_bps);
	dmm_result_u64(t, "rtt_ns", p->rtt_ns);
	dmm_result_u64(t, "copy_bps", p->copy_bps);
	dmm_result_text(t, "bound", p->bound);
	dmm_result_u64(t, "write_bps", dmm_plan_slope(&p->curve));
	dmm_result_bool(t, "converges", p->e.converges);
	dmm_result_u64(t, "copy_ms", p->e.copy_ms);
	dmm_result_u64(t, "sent_bytes", p->e.sent_bytes);
	dmm_result_u64(t, "left_bytes", p->e.left_bytes);
	dmm_result_u64(t, "pause_ms", p->e.pause_ms);
	dmm_result_u64(t, "max_pause_ms", p->max_pause_ms);
}

static void plan_say(struct dmm_tool *t, const struct plan *p)
{
	char a[32], b[32], c[32], e[32], when[32];
	const struct dmm_plan_disk *d;

	for (d = p->disks; d < p->disks + p->nr; d++) {
		dmm_say(t, "%s: %s; the guest writes %s of it (%s in %llu s); it is read with %s%s%s", d->s.live.name,
			dmm_format_bytes(a, sizeof(a), d->pre.size_bytes, ""), dmm_format_bytes(b, sizeof(b), dmm_plan_slope(&d->curve), "/s"),
			dmm_format_bytes(c, sizeof(c), d->curve.at[d->curve.nr - 1].bytes, ""),
			(d->curve.at[d->curve.nr - 1].ms + 500) / 1000, rate(e, d->read_bps), d->dest_bps ? ", there with " : "",
			d->dest_bps ? rate(when, d->dest_bps) : "");
	}
	dmm_say(t, "link to %s: %s by one connection, round trip %llu.%03llu ms", p->remote.where, rate(a, p->link_bps),
		p->rtt_ns / 1000000, p->rtt_ns / 1000 % 1000);
	dmm_say(t, "copy: %s (%s is the limit), at most %s in %s; what is zeros costs nothing", rate(a, p->copy_bps), p->bound,
		dmm_format_bytes(b, sizeof(b), p->e.sent_bytes, ""), clock_text(when, sizeof(when), p->e.copy_ms));
	dmm_say(t, "in the end: %s left, a pause of the disks of about %llu ms%s", dmm_format_bytes(a, sizeof(a), p->e.left_bytes, ""),
		p->e.pause_ms, t->args.domain ? ", and that of the VM's memory" : "");
}

static int plan_verdict(struct dmm_tool *t, const struct plan *p)
{
	char a[32], b[32];

	if (p->e.converges)
		return DMM_EXIT_OK;
	dmm_next(t, "when the guest writes less; or with --max-pause %llu%s", p->e.pause_ms, !strcmp(p->bound, "--bandwidth") ?
		 ", or more --bandwidth" : "");
	return dmm_fail(t, DMM_EXIT_SLOW, DMM_OWNER_SOURCE, DMM_USE_RESTORED,
			"it would not converge: the guest writes %s, and %s are copied: the pause would be %llu ms, and %llu are allowed",
			dmm_format_bytes(a, sizeof(a), dmm_plan_slope(&p->curve), "/s"), rate(b, p->copy_bps), p->e.pause_ms, p->max_pause_ms);
}

static int plan_run(struct dmm_tool *t, struct plan *p)
{
	int ret = t->args.domain ? plan_domain(t, p) : plan_pairs(t, p);

	if (!ret && t->args.network)
		ret = dmm_network_apply(t, &p->to);
	if (ret)
		return ret;
	p->to.plaintext = t->args.insecure_plaintext;
	p->remote.offer |= DMM_FEATURE_PROBE;
	ret = plan_open(t, p);
	if (!ret && dmm_remote_open(&p->remote, &p->to))
		ret = plan_remote_failed(t, p);
	if (!ret)
		ret = plan_measure(t, p);
	if (ret)
		return ret;
	plan_sum(t, p);
	plan_result(t, p);
	plan_say(t, p);
	return plan_verdict(t, p);
}

static int cmd_plan(struct dmm_tool *t)
{
	struct plan *p = calloc(1, sizeof(*p));
	unsigned int i;
	int ret;

	if (!p)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	p->max_pause_ms = t->args.max_pause_ms == DMM_UNSET ? DMM_READY_PAUSE_MS : t->args.max_pause_ms;
	dmm_remote_init(&p->remote);
	if (t->args.timeout_ms != DMM_UNSET && t->args.timeout_ms > PLAN_MAX_MS)
		ret = dmm_usage(t, "--time is an hour at most");
	else
		ret = plan_run(t, p);
	dmm_remote_close(&p->remote);
	for (i = 0; i < p->nr; i++) {
		if (p->disks[i].opened)
			dmm_source_clear(&p->disks[i].s);
	}
	free(p->disks);
	free(p);
	return ret;
}

const struct dmm_verb dmm_verb_plan = {
	.name = "plan",
	.operands = "[SOURCE HOST[:PORT]:/DEST]...",
	.brief = "estimate how long a migration takes, whether it converges, and the pause\n\n"
		 "Takes what start takes, or a VM (--domain).  Tries the link out, and how fast the disks are read,\n"
		 "here and there; then it watches for some seconds what the guest writes, with the migrate target\n"
		 "above its disks, which only tracks.  Nothing is copied, and everything is as before in the end.\n"
		 "Exit code 7 when the migration would not converge.",
	.options = plan_options,
	.max_operands = DMM_MAX_OPERANDS,
	.needs_root = true,
	.run = cmd_plan,
};
