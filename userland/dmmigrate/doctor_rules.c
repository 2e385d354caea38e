// SPDX-License-Identifier: GPL-2.0
/*
 * The table of rules, and who is judged by which.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

const struct dmm_rule dmm_rules[] = {
	{ "root", DMM_RULE_HERE, "only root sees what has to be seen", dmm_rule_root },
	{ "kernel", DMM_RULE_HOST, "Linux 4.19 or newer", dmm_rule_kernel },
	{ "module", DMM_RULE_HOST, "the module dm-migrate is loaded, or installed, and of this version", dmm_rule_module },
	{ "netlink", DMM_RULE_HERE, "tool and module understand each other", dmm_rule_netlink },
	{ "device-mapper", DMM_RULE_HOST, "the kernel has it", dmm_rule_dm },
	{ "lvm", DMM_RULE_HOST, "LVM is installed, and answers", dmm_rule_lvm },
	{ "udev", DMM_RULE_HOST, "the rules of dmmigrate are installed, where it runs", dmm_rule_udev },
	{ "daemon", DMM_RULE_HERE, "the daemon of this host answers, is of this version, and keeps journals", dmm_rule_daemon },
	{ "keys", DMM_RULE_HERE, "the host has a key, whose certificate is valid for another month", dmm_rule_keys },
	{ "memlock", DMM_RULE_HOST, "the daemon may lock the memory of its buffers", dmm_rule_memlock },
	{ "clock", DMM_RULE_HOST, "the clock is synchronised", dmm_rule_clock },
	{ "xen", DMM_RULE_HOST, "the tool xl answers, where this is a Xen host", dmm_rule_xen },
	{ "ha", DMM_RULE_HOST, "nobody else starts and moves VMs: no high availability, no workload balancing", dmm_rule_ha },
	{ "leftovers", DMM_RULE_HERE, "nothing is left of earlier migrations", dmm_rule_leftovers },
	{ "reach", DMM_RULE_BETWEEN, "the other host's dmmigrated answers, and each trusts the other", dmm_rule_reach },
	{ "trust", DMM_RULE_BETWEEN, "under which name, and protected by TLS", dmm_rule_trust },
	{ "protocol", DMM_RULE_BETWEEN, "both speak the same, with all features", dmm_rule_protocol },
	{ "versions", DMM_RULE_BETWEEN, "daemons are of the same version, the other host's Xen not older", dmm_rule_versions },
	{ "offset", DMM_RULE_BETWEEN, "both clocks show the same", dmm_rule_offset },
	{ "cpu", DMM_RULE_BETWEEN, "the same vendor, and no feature less on the other host", dmm_rule_cpu },
	{ "network", DMM_RULE_BETWEEN, "the way is not that of the default route, which carries management", dmm_rule_network },
	{ "allow", DMM_RULE_BETWEEN, "the other host's allow-list has something for this one, or it has storage repositories", dmm_rule_allow },
	{ "room", DMM_RULE_BETWEEN, "volume groups, thin pools and directories there, and what is free", dmm_rule_room },
	{ "domain", DMM_RULE_DOMAIN, "the VM runs here, and is of a type that can move", dmm_rule_domain },
	{ "drivers", DMM_RULE_DOMAIN, "the guest can be suspended, and has PV drivers for its disks", dmm_rule_drivers },
	{ "ipv6", DMM_RULE_DOMAIN, "a Linux guest with IPv6 is newer than 3.0, where its tools tell", dmm_rule_ipv6 },
	{ "cdrom", DMM_RULE_DOMAIN, "its drives are empty", dmm_rule_cdrom },
	{ "pci", DMM_RULE_DOMAIN, "no PCI device is passed through", dmm_rule_pci },
	{ "disks", DMM_RULE_DOMAIN, "its disks are device-mapper devices that can be migrated", dmm_rule_disks },
	{ "guests", DMM_RULE_MOVE, "the other host lets guests of this one come", dmm_rule_guests },
	{ "shared", DMM_RULE_MOVE, "which of them lie on storage that the other host has, too", dmm_rule_shared },
	{ "memory", DMM_RULE_MOVE, "the other host has enough for it", dmm_rule_memory },
	{ "space", DMM_RULE_MOVE, "and for its disks", dmm_rule_space },
	{ NULL, DMM_RULE_HERE, NULL, NULL }
};

void dmm_findings_clear(struct dmm_findings *o)
{
	free(o->list);
	memset(o, 0, sizeof(*o));
}

const char *dmm_level_name(enum dmm_level level)
{
	static const char *const names[] = { "ok", "warn", "fail" };

	return names[level];
}

void dmm_found(struct dmm_findings *o, enum dmm_level level, const char *fmt, ...)
{
	struct dmm_finding *f, *grown = reallocarray(o->list, o->nr + 1, sizeof(*grown));
	va_list ap;

	if (!grown) {	/* what could not be said must not pass for nothing to say */
		fputs("dmmigrate: out of memory\n", stderr);
		abort();
	}
	o->list = grown;
	f = &o->list[o->nr++];
	o->of[level]++;
	memset(f, 0, sizeof(*f));
	f->rule = o->rule;
	f->where = o->where;
	f->level = level;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	dmm_text_clean(f->text);
}

void dmm_mend(struct dmm_findings *o, const char *fmt, ...)
{
	struct dmm_finding *f = &o->list[o->nr - 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->mend, sizeof(f->mend), fmt, ap);
	va_end(ap);
	dmm_text_clean(f->mend);
}

void dmm_figure(struct dmm_findings *o, const char *key, u64 value)
{
	struct dmm_finding *f = &o->list[o->nr - 1];

	if (f->nr_figures == sizeof(f->figures) / sizeof(f->figures[0]))
		return;
	f->figures[f->nr_figures].key = key;
	f->figures[f->nr_figures++].value = value;
}

static bool applies(const struct dmm_rule *r, const struct dmm_checkup *c)
{
	/* what is said of the other host's silence is said once */
	bool told = c->peer && (c->there.answers || r->check == dmm_rule_reach);

	switch (r->scope) {
	case DMM_RULE_BETWEEN:
		return told;
	case DMM_RULE_DOMAIN:
		return c->domain_name && (c->domain.there || r->check == dmm_rule_domain);
	case DMM_RULE_MOVE:
		return told && c->domain_name && c->domain.there;
	default:
		return true;
	}
}

static void judge_host(const struct dmm_checkup *c, const struct dmm_host *h, struct dmm_findings *o)
{
	const struct dmm_rule *r;

	for (r = dmm_rules; r->id; r++) {
		if (r->scope != DMM_RULE_HOST && (r->scope != DMM_RULE_HERE || h->other))
			continue;
		o->rule = r->id;
		o->where = h->other ? "there" : "here";
		r->check(c, h, o);
	}
}

void dmm_doctor_judge(const struct dmm_checkup *c, struct dmm_findings *o)
{
	const struct dmm_rule *r;

	judge_host(c, &c->here, o);
	if (c->peer && c->there.answers && c->there.features & DMM_FEATURE_FACTS)
		judge_host(c, &c->there, o);
	for (r = dmm_rules; r->id; r++) {
		if (r->scope == DMM_RULE_HERE || r->scope == DMM_RULE_HOST || !applies(r, c))
			continue;
		o->rule = r->id;
		o->where = r->scope == DMM_RULE_DOMAIN ? "domain" : "between";
		r->check(c, r->scope == DMM_RULE_BETWEEN || r->scope == DMM_RULE_MOVE ? &c->there : &c->here, o);
	}
}
