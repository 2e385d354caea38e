/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For test_tool_doctor: two hosts and a VM in which nothing is in the way, by what Xen 4.17's tools have printed.
 */
#ifndef TOOL_DOCTOR_H
#define TOOL_DOCTOR_H

#include <dmmigrate/uapi.h>

#include "dmmigrate/doctor.h"
#include "data.h"
#include "facts_host.h"

#define VG_A	"0Fy5kJ9ZtCWuXlm7zFkKcy1Z5wQfGaVB"
#define VG_B	"1Fy5kJ9ZtCWuXlm7zFkKcy1Z5wQfGaVB"
#define ALL	(DMM_FEATURE_ZERO | DMM_FEATURE_HASHES | DMM_FEATURE_CREATE | DMM_FEATURE_GROUP | DMM_FEATURE_PROVE | \
	 DMM_FEATURE_GUEST | DMM_FEATURE_FACTS | DMM_FEATURE_GUEST_CONFIG | DMM_FEATURE_IDENTITY | DMM_FEATURE_VOLUME | DMM_FEATURE_LEFTOVERS | \
	 DMM_FEATURE_PROBE | DMM_FEATURE_POLY32)

/* As facts of a host, unless @but says otherwise: "key=value\n", or "key\n" for none of it. */
static inline void host_facts(struct dmm_facts *f, const char *info, const char *vg, const char *but)
{
	static const char *const plain[][2] = {
		{ "kernel", "6.1.0-56-amd64" }, { "module", DMM_TOOL_VERSION }, { "module-installed", "yes" }, { "device-mapper", "yes" },
		{ "lvm", "yes" }, { "udev", "yes" }, { "udev-rules", "yes" }, { "daemon", DMM_TOOL_VERSION }, { "journals", "yes" },
		{ "memlock", "unlimited" }, { "clock-synchronised", "yes" }, { "cpu-vendor", "GenuineIntel" }, { "xen", "dom0" },
		{ "allow", "/dev/vg0/*" }, { "allow", "/srv/images/*.img" }, { "dir", "/srv/images 4294967296 1073741824" }, { "you", "xen-a" },
		{ "guests", "yes" },
	};
	struct dmm_facts all, given;
	char *text = data_read(info), line[300], *eq;
	const char *at;
	size_t i, n;

	dmm_facts_init(&all);
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		dmm_facts_add(&all, plain[i][0], "%s", plain[i][1]);
	assert_int_equal(dmm_facts_xl_info(&all, text), 0);
	dmm_facts_add(&all, "vg", "vg0 %s 107374182400 53687091200", vg);
	free(text);
	/* those given come first; what is there without a value is left out again */
	dmm_facts_init(&given);
	for (at = but; at && *at; at += n + 1) {
		n = strcspn(at, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, at);
		eq = strchr(line, '=');
		if (eq)
			*eq = '\0';
		dmm_facts_add(&given, line, "%s", eq ? eq + 1 : "\x01");
	}
	dmm_facts_merge(&given, &all);
	dmm_facts_init(f);
	for (at = given.text; *at; at += n + 1) {
		n = strcspn(at, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)n, at);
		eq = strchr(line, '=');
		*eq = '\0';
		if (strcmp(eq + 1, "?"))	/* what \x01 was made into */
			dmm_facts_add(f, line, "%s", eq + 1);
	}
}

/* The PVH domU that was recorded, with its disks as they lay. */
static inline void domain_of(struct dmm_domain *d)
{
	char *text = data_read("xen-4.17/list-all.json"), *store = data_read("xen-4.17/xenstore-pvh.txt");
	struct dmm_vbd *v;
	unsigned int i;

	assert_true(dmm_domain_parse(text, "pvh", d));
	dmm_domain_store(store, d);
	for (i = 0; i < d->nr_disks; i++) {
		v = &d->disks[i];
		v->kind = DMM_VBD_DM;
		v->size_bytes = 8ull << 20;
		v->writable = true;
		strcpy(v->name, i ? "gdata" : "gdisk");
		strcpy(v->vg, VG_A);
	}
	free(text);
	free(store);
}

static struct dmm_checkup c;

static inline void healthy(const char *here_but, const char *there_but)
{
	memset(&c, 0, sizeof(c));
	c.root = true;
	c.netlink = DMM_GENL_VERSION;
	c.keys_end = true;
	c.keys_left_s = 3000ll * 86400;
	c.leftovers_known = true;
	strcpy(c.here.name, "this host");
	c.here.answers = true;
	c.here.features = ALL;
	host_facts(&c.here.facts, "xen-4.17/info-a.txt", VG_A, here_but);
	c.peer = true;
	c.there.other = true;
	strcpy(c.there.name, "xen-b:7790");
	c.there.answers = true;
	c.there.features = ALL;
	host_facts(&c.there.facts, "xen-4.17/info-a.txt", VG_B, there_but);
	c.offset_ns = -3000000;
	c.error_ns = 1000000;
	strcpy(c.iface, "storage0");
	c.domain_name = "pvh";
	domain_of(&c.domain);
}

static inline void print_all(const struct dmm_findings *o)
{
	unsigned int i;

	for (i = 0; i < o->nr; i++)
		print_message("%s %s %s: %s -> %s\n", dmm_level_name(o->list[i].level), o->list[i].where, o->list[i].rule, o->list[i].text,
			      o->list[i].mend);
}

#endif
