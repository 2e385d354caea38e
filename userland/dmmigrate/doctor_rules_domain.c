// SPDX-License-Identifier: GPL-2.0
/*
 * Rules about a domain, and the host that it is to move to (@h).  Pure.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"

#define EXTRA_BYTES	(2048ull << 10)	/* LIBXL_HVM_EXTRA_MEMORY and the like */

DMM_RULE_FN(domain)
{
	const struct dmm_domain *d = &c->domain;
	char caps[DMM_FACT_VALUE];

	(void)h;
	if (!d->there) {
		dmm_bad(o, "domain %s: %s", c->domain_name, d->why);
		dmm_mend(o, "xl list; the disks of a halted VM move with dmmigrate copy");
		return;
	}
	if (!d->id) {
		dmm_bad(o, "%s is this host itself", d->name);
		dmm_mend(o, "xl list");
	} else if (strcmp(d->type, "pv") || !dmm_facts_get(&c->here.facts, "xen-virt-caps", caps) || strstr(caps, "shadow")) {
		dmm_fine(o, "%s runs here as domain %u: %s, %u processors, %llu MiB of memory, %u disks", d->name, d->id, d->type,
			 d->vcpus, d->target_bytes >> 20, d->nr_disks);
	} else {
		dmm_bad(o, "%s is a PV guest, and this Xen has no shadow paging to move it by (virt_caps: %s)", d->name, caps);
		dmm_mend(o, "type = \"pvh\" in its configuration, and start it anew; or halt it, and move its disks with dmmigrate copy");
	}
	dmm_figure(o, "memory_bytes", d->target_bytes);
	dmm_figure(o, "disks", d->nr_disks);
}

DMM_RULE_FN(drivers)
{
	const struct dmm_domain *d = &c->domain;
	bool hvm = !strcmp(d->type, "hvm");

	(void)h;
	if (!d->store)
		return;
	if (!hvm && !d->suspends) {
		dmm_bad(o, "%s does not say that it can be suspended: its kernel has not started, or has no support for it", d->name);
		dmm_mend(o, "wait until it has started; CONFIG_XEN_SAVE_RESTORE in its kernel");
	} else if (d->fronts && d->connected < d->fronts) {
		dmm_found(o, hvm && !d->connected ? DMM_LEVEL_WARN : DMM_LEVEL_FAIL, "%u of %u disks of %s are connected to a PV driver%s",
			  d->connected, d->fronts, d->name, hvm && !d->connected ? ": it has none, and stands still longer" : "");
		dmm_mend(o, hvm && !d->connected ? "install the PV drivers in the guest" : "wait until it has started; see its console");
	} else {
		dmm_fine(o, "%u of %u disks of %s are connected to a PV driver", d->connected, d->fronts, d->name);
	}
	dmm_figure(o, "disks", d->fronts);
	dmm_figure(o, "connected", d->connected);
}

DMM_RULE_FN(ipv6)
{
	const struct dmm_domain *d = &c->domain;
	unsigned int major, minor;

	(void)h;
	if (!d->ipv6 || sscanf(d->os, "%5u.%5u", &major, &minor) != 2 || major > 3 || (major == 3 && minor > 0))
		return;
	dmm_odd(o, "%s uses IPv6 on Linux %s: up to 3.0 it announces its new place by IPv4 only", d->name, d->os);
	dmm_mend(o, "upgrade the guest's kernel, or ping its router over IPv6 from inside after the move");
}

DMM_RULE_FN(cdrom)
{
	const struct dmm_domain *d = &c->domain;
	unsigned int i, drives = 0, full = 0;
	const struct dmm_vbd *v;

	(void)h;
	for (i = 0; i < d->nr_disks; i++) {
		v = &d->disks[i];
		drives += v->cdrom;
		if (!v->cdrom || v->kind == DMM_VBD_EMPTY)
			continue;
		full++;
		dmm_bad(o, "%s is in the drive %s of %s", v->path, v->vdev, d->name);
		dmm_mend(o, "xl cd-eject %s %s", d->name, v->vdev);
	}
	if (!full)
		dmm_fine(o, drives ? "its drives are empty" : "it has no CD drive");
}

DMM_RULE_FN(pci)
{
	const struct dmm_domain *d = &c->domain;
	unsigned int i;

	(void)h;
	for (i = 0; i < d->nr_pci; i++) {
		dmm_bad(o, "PCI device %s is passed through to %s", d->pci[i], d->name);
		dmm_mend(o, "xl pci-detach %s %s", d->name, d->pci[i]);
	}
	if (!d->nr_pci)
		dmm_fine(o, "no PCI device is passed through");
}

static void disk_check(const struct dmm_domain *d, const struct dmm_vbd *v, struct dmm_findings *o)
{
	u64 mib = v->size_bytes >> 20;

	if (v->stays) {
		dmm_fine(o, "%s (%s) stays where it is, and is opened there by the same path", v->vdev, v->path);
		return;
	}
	if (strcmp(v->format, "raw")) {
		dmm_bad(o, "%s (%s) is no raw disk but '%s', which only its toolstack understands", v->vdev, v->path, v->format);
		dmm_mend(o, "halt the VM, and convert it into a volume (qemu-img convert -O raw)");
		return;
	}
	switch (v->kind) {
	case DMM_VBD_MISSING:
		dmm_bad(o, "%s (%s) cannot be looked at: %s", v->vdev, v->path, v->why);
		dmm_mend(o, "ls -l %s", v->path);
		return;
	case DMM_VBD_FILE:
		dmm_bad(o, "%s (%s) is a file of %llu MiB, and no device-mapper device: it cannot move while the VM runs", v->vdev, v->path, mib);
		dmm_mend(o, "halt the VM; dmmigrate copy %s HOST:/PATH", v->path);
		break;
	case DMM_VBD_BLOCK:
		dmm_bad(o, "%s (%s) is a block device of %llu MiB, but none of device-mapper: it cannot move while the VM runs", v->vdev,
			v->path, mib);
		dmm_mend(o, "halt the VM; dmsetup create %s-%s --table '0 %llu linear %s 0', and name /dev/mapper/%s-%s in its configuration",
			 d->name, v->vdev, v->size_bytes / DMM_SECTOR_BYTES, v->path, d->name, v->vdev);
		break;
	default:
		if (*v->why) {
			dmm_bad(o, "%s (%s) cannot be migrated: %s", v->vdev, v->path, v->why);
			dmm_mend(o, "dmsetup table %s", v->name);
		} else if (v->moving) {
			dmm_odd(o, "%s (%s) has the migrate target already: it moves, or has moved", v->vdev, v->path);
			dmm_mend(o, "dmmigrate status %s", v->path);
		} else if (!v->writable) {
			dmm_odd(o, "%s (%s) is read-only, %llu MiB: it is moved once, before the others", v->vdev, v->path, mib);
			dmm_mend(o, "xl block-detach %s %s, if the guest can do without", d->name, v->vdev);
		} else {
			dmm_fine(o, "%s (%s) can move, %llu MiB", v->vdev, v->path, mib);
		}
	}
	dmm_figure(o, "size_bytes", v->size_bytes);
}

DMM_RULE_FN(disks)
{
	const struct dmm_domain *d = &c->domain;
	unsigned int i, nr = 0;

	(void)h;
	for (i = 0; i < d->nr_disks; i++) {
		if (d->disks[i].cdrom)
			continue;
		nr++;
		disk_check(d, &d->disks[i], o);
	}
	if (nr > DMM_MAX_GROUP || d->more_disks) {
		dmm_bad(o, "%s has more than %u disks, which are handed over as one", d->name, DMM_MAX_GROUP);
		dmm_figure(o, "disks", nr);
		dmm_mend(o, "xl block-detach %s VDEV, of those that the guest can do without", d->name);
	} else if (!nr) {
		dmm_odd(o, "%s has no disk", d->name);
	}
}

DMM_RULE_FN(guests)
{
	char you[DMM_FACT_VALUE];

	(void)c;
	if (!(h->features & DMM_FEATURE_FACTS))
		return;
	if (dmm_facts_yes(&h->facts, "guests")) {
		dmm_fine(o, "%s lets guests of this host come", h->name);
		return;
	}
	dmm_bad(o, "%s lets no guest of this host come", h->name);
	dmm_mend(o, "guests = %s in dmmigrated.conf of %s, then systemctl restart dmmigrated", dmm_facts_get(&h->facts, "you", you) ? you :
		 "NAME", h->name);
}

/* Does the disk's volume group show on the other host, too? */
static bool is_shared(const struct dmm_vbd *v, const struct dmm_host *h)
{
	char value[DMM_FACT_VALUE], id[64];
	unsigned int n;

	for (n = 0; *v->vg && dmm_facts_nth(&h->facts, "vg", n, value); n++) {
		if (dmm_fact_word(value, 1, id, sizeof(id)) && !strcmp(id, v->vg))
			return true;
	}
	return false;
}

DMM_RULE_FN(shared)
{
	const struct dmm_domain *d = &c->domain;
	unsigned int i;

	for (i = 0; i < d->nr_disks; i++) {
		if (is_shared(&d->disks[i], h)) {
			dmm_fine(o, "%s (%s) lies in a volume group that %s has, too: shared storage, it stays where it is", d->disks[i].vdev,
				 d->disks[i].path, h->name);
			dmm_figure(o, "size_bytes", d->disks[i].size_bytes);
		}
	}
}

u64 dmm_domain_needs(const struct dmm_domain *d)
{
	/* as libxl has it, of a guest that is not PV: pages to describe its memory by */
	u64 shadow = 4096 * (256 * (u64)d->vcpus + 2 * (d->max_bytes >> 20));

	return d->target_bytes + EXTRA_BYTES + (strcmp(d->type, "pv") ? shadow : 0);
}

DMM_RULE_FN(memory)
{
	const struct dmm_domain *d = &c->domain;
	u64 left, needs = dmm_domain_needs(d), over = needs - d->target_bytes;

	if (!dmm_facts_u64(&h->facts, "xen-memory-free", &left))
		return;
	if (left >= needs) {
		dmm_fine(o, "%s needs %llu MiB, and %llu MiB are free on %s", d->name, needs >> 20, left >> 20, h->name);
	} else {
		dmm_bad(o, "%s needs %llu MiB of memory, and only %llu MiB are free on %s", d->name, needs >> 20, left >> 20, h->name);
		if (left > over + (d->target_bytes / 2))	/* a guest can give back some of it, not most */
			dmm_mend(o, "xl mem-set %s %llum; or free %llu MiB on %s", d->name, (left - over) >> 20,
				 ((needs - left) >> 20) + 1, h->name);
		else
			dmm_mend(o, "free %llu MiB on %s (xl mem-set of other domains, of Domain-0 too)", ((needs - left) >> 20) + 1, h->name);
	}
	dmm_figure(o, "needed_bytes", needs);
	dmm_figure(o, "free_bytes", left);
}

/* May this host write what is made there?  @key: a volume group, or the group of a pool, or a directory; or a storage repository. */
static bool may_write(const struct dmm_host *h, const char *key, const char *name)
{
	char glob[DMM_FACT_VALUE], path[DMM_FACT_VALUE + 16];
	unsigned int n;

	if (!strcmp(key, "dir") || !strcmp(key, "sr"))	/* it is told of because something there is allowed */
		return true;
	snprintf(path, sizeof(path), "/dev/%.*s/x", (int)strcspn(name, "/"), name);
	for (n = 0; dmm_facts_nth(&h->facts, "allow", n, glob); n++) {
		if (!fnmatch(glob, path, FNM_PATHNAME | FNM_PERIOD))
			return true;
	}
	return false;
}

DMM_RULE_FN(space)
{
	static const struct { const char *key; unsigned int left; } kinds[] = {
		{ "sr", 3 }, { "vg", 3 }, { "pool", 2 }, { "dir", 2 },
	};
	char value[DMM_FACT_VALUE], name[128], best[128] = "", elsewhere[128] = "";
	u64 needs = 0, left, most = 0;
	unsigned int i, n;

	for (i = 0; i < c->domain.nr_disks; i++) {
		if (!c->domain.disks[i].cdrom && !c->domain.disks[i].stays && !is_shared(&c->domain.disks[i], h))
			needs += c->domain.disks[i].size_bytes;
	}
	if (!needs || !(h->features & DMM_FEATURE_FACTS))
		return;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (n = 0; dmm_facts_nth(&h->facts, kinds[i].key, n, value); n++) {
			if (!dmm_fact_word(value, 0, name, sizeof(name)) || !dmm_fact_word_u64(value, kinds[i].left, &left))
				continue;
			if (!may_write(h, kinds[i].key, name)) {
				if (left >= needs)
					strcpy(elsewhere, name);
			} else if (left > most) {
				most = left;
				strcpy(best, name);
			}
		}
	}
	if (most >= needs) {
		dmm_fine(o, "its disks need %llu MiB, and %s has %llu MiB", needs >> 20, best, most >> 20);
	} else if (*elsewhere) {
		dmm_bad(o, "its disks need %llu MiB, which %s on %s has, but this host may not write there", needs >> 20, elsewhere, h->name);
		dmm_mend(o, "allow = /dev/%.*s/* in dmmigrated.conf of %s, then systemctl reload dmmigrated", (int)strcspn(elsewhere, "/"),
			 elsewhere, h->name);
	} else {
		dmm_odd(o, "its disks need %llu MiB, and no volume group, pool or directory that this host may write on %s has as much (%s: %llu MiB)",
			needs >> 20, h->name, *best ? best : "none", most >> 20);
		dmm_mend(o, "vgextend on %s; or spread them over several, or name volumes that are there", h->name);
	}
	dmm_figure(o, "needed_bytes", needs);
	dmm_figure(o, "free_bytes", most);
}
