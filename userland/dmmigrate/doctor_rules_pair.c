// SPDX-License-Identifier: GPL-2.0
/*
 * Rules about two hosts, @h being the other one.  Pure.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"

#define OFFSET_ODD_NS	1000000000ull		/* people compare logs by seconds */
#define OFFSET_BAD_NS	(3600 * OFFSET_ODD_NS)	/* a guest's clock follows its host's */

DMM_RULE_FN(reach)
{
	(void)c;
	if (h->answers) {
		dmm_fine(o, "dmmigrated at %s answers", h->name);
		return;
	}
	dmm_bad(o, "%s", h->why);
	if (h->err == -EACCES)
		dmm_mend(o, "dmmigrate keys trust ... here, with what dmmigrate keys show prints on %s", h->name);
	else if (h->err == -EPERM)
		dmm_mend(o, "dmmigrate keys trust ... on %s, with what dmmigrate keys show prints here", h->name);
	else if (c->keys_err && !c->plaintext)
		dmm_mend(o, "dmmigrate keys init");
	else
		dmm_mend(o, "systemctl status dmmigrated on %s; 'listen' in its dmmigrated.conf; a firewall on the way", h->name);
}

DMM_RULE_FN(trust)
{
	char you[DMM_FACT_VALUE];

	if (c->plaintext) {
		dmm_odd(o, "no TLS: whoever is on the way may read and write the disks");
		dmm_mend(o, "dmmigrate keys init and keys trust on both hosts, and neither with --insecure-plaintext");
	} else if (dmm_facts_get(&h->facts, "you", you)) {
		dmm_fine(o, "each trusts the other; this host is '%s' there", you);
	} else {
		dmm_fine(o, "each trusts the other");
	}
}

DMM_RULE_FN(protocol)
{
	const struct { u64 bit; const char *name; bool needed; } features[] = {
		{ DMM_FEATURE_ZERO, "ZERO", false }, { DMM_FEATURE_HASHES, "HASHES", false }, { DMM_FEATURE_CREATE, "CREATE", false },
		{ DMM_FEATURE_GROUP, "GROUP", true }, { DMM_FEATURE_PROVE, "PROVE", false }, { DMM_FEATURE_GUEST, "GUEST", c->domain_name },
		{ DMM_FEATURE_FACTS, "FACTS", false }, { DMM_FEATURE_GUEST_CONFIG, "GUEST_CONFIG", c->domain_name },
		{ DMM_FEATURE_IDENTITY, "IDENTITY", false }, { DMM_FEATURE_VOLUME, "VOLUME", false },
		{ DMM_FEATURE_LEFTOVERS, "LEFTOVERS", false }, { DMM_FEATURE_PROBE, "PROBE", false },
		{ DMM_FEATURE_POLY32, "POLY32", false },
	};
	char lacks[128] = "";
	bool needed = false;
	size_t i;

	for (i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (h->features & features[i].bit)
			continue;
		snprintf(lacks + strlen(lacks), sizeof(lacks) - strlen(lacks), "%s%s", *lacks ? " " : "", features[i].name);
		needed |= features[i].needed;
	}
	if (!*lacks) {
		dmm_fine(o, "both speak version %u of the protocol, with all features", DMM_WIRE_VERSION);
		return;
	}
	dmm_found(o, needed ? DMM_LEVEL_FAIL : DMM_LEVEL_WARN, "dmmigrated at %s is older: it lacks %s%s", h->name, lacks,
		  needed ? ", and nothing can be handed over" : h->features & DMM_FEATURE_FACTS ? "" :
		  ", and what kind of host it is cannot be asked");
	dmm_mend(o, "upgrade dmmigrate on %s", h->name);
}

/* "4.17.7" against "4.16": of the first @parts numbers, which is larger? */
static int version_compare(const char *a, const char *b, unsigned int parts)
{
	unsigned int x[3] = { 0 }, y[3] = { 0 }, i;

	if (sscanf(a, "%5u.%5u.%5u", &x[0], &x[1], &x[2]) < 1 || sscanf(b, "%5u.%5u.%5u", &y[0], &y[1], &y[2]) < 1)
		return strcmp(a, b);
	for (i = 0; i < parts; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

DMM_RULE_FN(versions)
{
	char here[DMM_FACT_VALUE], there[DMM_FACT_VALUE];
	int ours;

	if (dmm_facts_get(&c->here.facts, "daemon", here) && dmm_facts_get(&h->facts, "daemon", there)) {
		ours = version_compare(here, there, 3);
		if (ours) {
			dmm_odd(o, "dmmigrated is %s here and %s there", here, there);
			dmm_mend(o, "upgrade dmmigrate on %s", ours < 0 ? "this host" : h->name);
		} else {
			dmm_fine(o, "dmmigrated is %s on both", here);
		}
	}
	if (!dmm_facts_get(&c->here.facts, "xen-version", here) || !dmm_facts_get(&h->facts, "xen-version", there))
		return;
	if (version_compare(there, here, 2) < 0) {
		dmm_found(o, c->domain_name ? DMM_LEVEL_FAIL : DMM_LEVEL_WARN, "Xen is %s here and %s there: no VM moves to an older one",
			  here, there);
		dmm_mend(o, "upgrade Xen on %s", h->name);
	} else if (version_compare(there, here, 3) < 0) {
		dmm_odd(o, "Xen is %s here and %s there, older by a fix", here, there);
		dmm_mend(o, "upgrade Xen on %s", h->name);
	} else {
		dmm_fine(o, "Xen is %s here and %s there", here, there);
	}
}

DMM_RULE_FN(offset)
{
	u64 apart = c->offset_ns < 0 ? -(u64)c->offset_ns : (u64)c->offset_ns;
	const char *way = c->offset_ns < 0 ? "behind" : "ahead of";

	if (!(h->features & DMM_FEATURE_FACTS))
		return;
	if (apart <= OFFSET_ODD_NS + c->error_ns) {
		dmm_fine(o, "both clocks show the same (%s by %llu ms, within %llu ms)", c->offset_ns < 0 ? "behind" : "ahead",
			 apart / 1000000, c->error_ns / 1000000);
	} else {
		dmm_found(o, apart > OFFSET_BAD_NS ? DMM_LEVEL_FAIL : DMM_LEVEL_WARN,
			  "the clock of %s is %llu.%03llu s %s this host's: a guest's would jump by as much", h->name,
			  apart / OFFSET_ODD_NS, apart / 1000000 % 1000, way);
		dmm_mend(o, "timedatectl set-ntp true, on both hosts");
	}
	dmm_figure(o, "apart_ns", apart);
	dmm_figure(o, "error_ns", c->error_ns);
}

DMM_RULE_FN(cpu)
{
	char here[DMM_FACT_VALUE], there[DMM_FACT_VALUE], names[256];
	enum dmm_level level = c->domain_name ? DMM_LEVEL_FAIL : DMM_LEVEL_WARN;
	int missing;

	if (!dmm_facts_get(&c->here.facts, "cpu-vendor", here) || !dmm_facts_get(&h->facts, "cpu-vendor", there))
		return;
	if (strcmp(here, there)) {
		dmm_found(o, level, "processors of %s here and %s there: no running VM moves from one to the other", here, there);
		dmm_mend(o, "halt the VM, and move its disks with dmmigrate copy");
		return;
	}
	if (!dmm_facts_get(&c->here.facts, "xen-hw-caps", here) || !dmm_facts_get(&h->facts, "xen-hw-caps", there)) {
		dmm_fine(o, "processors of the same vendor");
		return;
	}
	missing = dmm_cpu_missing(here, there, names, sizeof(names));
	if (missing < 0) {
		dmm_odd(o, "the processors' features cannot be compared: xl info prints '%s' here and '%s' there as hw_caps", here, there);
	} else if (missing) {
		dmm_found(o, level, "the processors of %s lack %d features of this host's: %s", h->name, missing, names);
		dmm_figure(o, "missing", (u64)missing);
		dmm_mend(o, "leave them out in the VM's configuration ('cpuid', see xl.cfg) and start it anew, before it moves");
	} else {
		dmm_fine(o, "processors of the same vendor, with all features of this host's");
	}
}

DMM_RULE_FN(network)
{
	if (!*c->iface)
		return;
	if (!c->iface_default) {
		dmm_fine(o, "%s is reached by %s, a network of its own", h->name, c->iface);
		return;
	}
	dmm_odd(o, "%s is reached by %s, which has the default route: is that the management network?", h->name, c->iface);
	dmm_mend(o, "name the other host by its address on the storage network");
}

DMM_RULE_FN(allow)
{
	char glob[DMM_FACT_VALUE], why[DMM_FACT_VALUE];
	unsigned int nr = 0;

	(void)c;
	if (!(h->features & DMM_FEATURE_FACTS))
		return;
	while (dmm_facts_nth(&h->facts, "allow", nr, glob))
		nr++;
	if (!nr && !dmm_facts_get(&h->facts, "sr", why)) {
		dmm_bad(o, "the allow-list of %s has nothing for this host, nor has it a storage repository: every destination is refused",
			h->name);
		dmm_mend(o, "allow = /dev/VG/* or sr = NAME lvm:VG in dmmigrated.conf of %s, then systemctl reload dmmigrated", h->name);
		return;
	}
	if (nr) {
		dmm_facts_get(&h->facts, "allow", glob);
		dmm_fine(o, "%s lets this host write %s%s", h->name, glob, nr > 1 ? " and more" : "");
		dmm_figure(o, "patterns", nr);
	} else {
		dmm_fine(o, "%s lets this host have volumes made in storage repositories, and write no other", h->name);
	}
	for (nr = 0; dmm_facts_nth(&h->facts, "dir-failed", nr, why); nr++) {
		dmm_odd(o, "a directory of its allow-list cannot be looked at: %s", why);
		dmm_mend(o, "mkdir, or mount it, on %s", h->name);
	}
}

DMM_RULE_FN(room)
{
	static const struct { const char *key, *what; unsigned int size; } kinds[] = {
		{ "sr", "storage repository", 2 }, { "vg", "volume group", 2 }, { "pool", "thin pool", 1 }, { "dir", "directory", 1 },
	};
	char value[DMM_FACT_VALUE], name[128];
	u64 size, left;
	unsigned int n;
	size_t i;

	(void)c;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (n = 0; dmm_facts_nth(&h->facts, kinds[i].key, n, value); n++) {
			if (!dmm_fact_word(value, 0, name, sizeof(name)) || !dmm_fact_word_u64(value, kinds[i].size, &size) ||
			    !dmm_fact_word_u64(value, kinds[i].size + 1, &left))
				continue;
			dmm_fine(o, "%s %s: %llu of %llu MiB are free", kinds[i].what, name, left >> 20, size >> 20);
			dmm_figure(o, "size_bytes", size);
			dmm_figure(o, "free_bytes", left);
		}
	}
	for (n = 0; dmm_facts_nth(&h->facts, "sr-failed", n, value); n++) {
		dmm_odd(o, "a storage repository of %s is not there: %s", h->name, value);
		dmm_mend(o, "vgs, lvs, or mount it, on %s", h->name);
	}
	if (h->facts.cut) {
		dmm_odd(o, "%s has more to tell than fits: not all of its volume groups are known", h->name);
		dmm_mend(o, "vgs on %s", h->name);
	}
}
