// SPDX-License-Identifier: GPL-2.0
/*
 * Pre-flight checks: two hosts and a VM in which nothing is in the way, then one thing at a time that is.  Every rule has to
 * have been seen to speak up.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tool_doctor.h"

static void nothing_in_the_way(void **state)
{
	struct dmm_findings o = { 0 };
	unsigned int i;

	(void)state;
	healthy(NULL, NULL);
	dmm_doctor_judge(&c, &o);
	if (o.of[DMM_LEVEL_WARN] || o.of[DMM_LEVEL_FAIL])
		print_all(&o);
	assert_int_equal(o.of[DMM_LEVEL_WARN] + o.of[DMM_LEVEL_FAIL], 0);
	assert_true(o.of[DMM_LEVEL_OK] > 30 && o.of[DMM_LEVEL_OK] == o.nr);
	for (i = 0; i < o.nr; i++)
		assert_true(o.list[i].text[0] && !o.list[i].mend[0]);
	dmm_findings_clear(&o);
}

/* --- one thing at a time --- */

#define CHANGE(name, ...) \
static void name(void) \
{ \
	(void)(__VA_ARGS__); \
}

CHANGE(no_root, c.root = false, c.leftovers_known = false)
CHANGE(netlink_old, c.netlink = DMM_GENL_VERSION - 1)
CHANGE(netlink_new, c.netlink = DMM_GENL_VERSION + 1)
CHANGE(daemon_silent, c.here.answers = false, strcpy(c.here.why, "No such file or directory"))
CHANGE(no_key, c.keys_err = -ENOENT, strcpy(c.keys_why, "there is no key in /etc/dmmigrate yet"))
CHANGE(key_over, c.keys_left_s = -3 * 86400)
CHANGE(key_ends, c.keys_left_s = 20 * 86400)
CHANGE(leftovers_hidden, c.leftovers_known = false)
CHANGE(leftovers_two, c.leftovers = 2, strcpy(c.leftover, "record of web01"), strcpy(c.leftover_mend, "dmmigrate clean 0123"))
CHANGE(peer_silent, c.there.answers = false, strcpy(c.there.why, "connection refused"), c.there.err = -ECONNREFUSED)
CHANGE(peer_unknown, c.there.answers = false, strcpy(c.there.why, "not trusted"), c.there.err = -EACCES)
CHANGE(peer_does_not_know, c.there.answers = false, strcpy(c.there.why, "not trusted there"), c.there.err = -EPERM)
CHANGE(plaintext, c.plaintext = true)
CHANGE(without_group, c.there.features &= ~DMM_FEATURE_GROUP)
CHANGE(without_guest, c.there.features &= ~DMM_FEATURE_GUEST)
CHANGE(without_prove, c.there.features &= ~DMM_FEATURE_PROVE)
CHANGE(without_volume, c.there.features &= ~DMM_FEATURE_VOLUME)
CHANGE(without_facts, c.there.features &= ~DMM_FEATURE_FACTS, dmm_facts_init(&c.there.facts))
CHANGE(clock_ahead, c.offset_ns = 5ll * 1000000000)
CHANGE(clock_behind, c.offset_ns = -7200ll * 1000000000)
CHANGE(management, c.iface_default = true)
CHANGE(facts_cut, c.there.facts.cut = true)
CHANGE(other_cpu, host_facts(&c.there.facts, "xen-4.17/info-b.txt", VG_B, NULL))
CHANGE(other_cpu_no_domain, other_cpu(), c.domain_name = NULL)
CHANGE(domain_gone, memset(&c.domain, 0, sizeof(c.domain)), strcpy(c.domain.why, "it does not run here"))
CHANGE(domain_zero, c.domain.id = 0)
CHANGE(domain_pv, strcpy(c.domain.type, "pv"))
CHANGE(not_suspendable, c.domain.suspends = false)
CHANGE(half_connected, c.domain.connected = 1)
CHANGE(no_pv_drivers, strcpy(c.domain.type, "hvm"), c.domain.connected = 0)
CHANGE(old_ipv6, strcpy(c.domain.os, "2.6.32-5-xen"), c.domain.ipv6 = true)
CHANGE(disk_file, c.domain.disks[0].kind = DMM_VBD_FILE)
CHANGE(disk_block, c.domain.disks[0].kind = DMM_VBD_BLOCK, strcpy(c.domain.disks[0].path, "/dev/sdc1"))
CHANGE(disk_missing, c.domain.disks[1].kind = DMM_VBD_MISSING, strcpy(c.domain.disks[1].why, "No such file"))
CHANGE(disk_snapshot, strcpy(c.domain.disks[1].why, "it has a target snapshot-origin"))
CHANGE(disk_readonly, c.domain.disks[1].writable = false)
CHANGE(disk_moving, c.domain.disks[1].moving = true)
CHANGE(disk_vhd, strcpy(c.domain.disks[1].format, "vhd"))
CHANGE(disks_none, c.domain.nr_disks = 0)
static void disks_many(void)
{
	while (c.domain.nr_disks < DMM_MAX_GROUP + 1)
		c.domain.disks[c.domain.nr_disks++] = c.domain.disks[0];
}
CHANGE(disks_large, c.domain.disks[0].size_bytes = 100ull << 30)
CHANGE(disk_shared, strcpy(c.domain.disks[1].vg, VG_B))
CHANGE(memory_large, c.domain.target_bytes = c.domain.max_bytes = 400ull << 20)
CHANGE(memory_huge, c.domain.target_bytes = c.domain.max_bytes = 4000ull << 20)

/* The HVM guest that was recorded, which has a CD in its drive and two PCI devices. */
static void hvm(void)
{
	char *config = data_read("xen-4.17/create-n-hvm.json"), *list = malloc(70000);

	sprintf(list, "[{\"domid\": 7, \"config\": %s}]", config);
	assert_true(dmm_domain_parse(list, "win01", &c.domain));
	free(list);
	free(config);
}

static const struct a_case {
	const char *rule, *where;
	enum dmm_level level;
	const char *text, *mend;	/* pieces of them */
	void (*change)(void);
	const char *here, *there;	/* facts */
} cases[] = {
	{ "root", "here", DMM_LEVEL_FAIL, "only root", "sudo", no_root },
	{ "kernel", "here", DMM_LEVEL_FAIL, "4.4.0", "newer kernel", .here = "kernel=4.4.0+10\n" },
	{ "kernel", "there", DMM_LEVEL_WARN, "no version", "", .there = "kernel=weird\n" },
	{ "module", "here", DMM_LEVEL_WARN, "not loaded", "modprobe dm-migrate", .here = "module\n" },
	{ "module", "there", DMM_LEVEL_FAIL, "to this host", "(on xen-b:7790)", .there = "module\nmodule-installed=no\n" },
	{ "module", "here", DMM_LEVEL_WARN, "0.0.9", "rmmod", .here = "module=0.0.9\n" },
	{ "netlink", "here", DMM_LEVEL_FAIL, "netlink", "install the module", netlink_old },
	{ "netlink", "here", DMM_LEVEL_FAIL, "netlink", "upgrade dmmigrate", netlink_new },
	{ "device-mapper", "there", DMM_LEVEL_FAIL, "no device-mapper", "modprobe dm-mod (on xen-b:7790)", .there = "device-mapper=no\n" },
	{ "lvm", "here", DMM_LEVEL_WARN, "not installed", "lvm2", .here = "lvm=no\n" },
	{ "lvm", "there", DMM_LEVEL_WARN, "exit code 5", "vgs", .there = "lvm-failed=vgs: exit code 5\n" },
	{ "udev", "here", DMM_LEVEL_WARN, "not installed", "12-dmmigrate.rules", .here = "udev-rules=no\n" },
	{ "daemon", "here", DMM_LEVEL_FAIL, "No such file", "systemctl enable --now dmmigrated", daemon_silent },
	{ "daemon", "here", DMM_LEVEL_WARN, "older", "restart", .here = "daemon\n" },
	{ "daemon", "here", DMM_LEVEL_WARN, "0.0.9", "restart", .here = "daemon=0.0.9\n" },
	{ "daemon", "here", DMM_LEVEL_FAIL, "no journals", "/var/lib/dmmigrate", .here = "journals=no\n" },
	{ "keys", "here", DMM_LEVEL_FAIL, "no key", "keys init", no_key },
	{ "keys", "here", DMM_LEVEL_FAIL, "expired 3 days", "keys renew", key_over },
	{ "keys", "here", DMM_LEVEL_WARN, "in 20 days", "keys renew", key_ends },
	{ "memlock", "there", DMM_LEVEL_WARN, "8192 KiB", "LimitMEMLOCK", .there = "memlock=8388608\n" },
	{ "clock", "there", DMM_LEVEL_WARN, "not synchronised", "timedatectl", .there = "clock-synchronised=no\n" },
	{ "xen", "here", DMM_LEVEL_WARN, "xapi", "hooks", .here = "toolstack=xapi\n" },
	{ "xen", "there", DMM_LEVEL_FAIL, "exit code 1", "xl info", .there = "xen-version\nxl-failed=xl info: exit code 1\n" },
	{ "xen", "here", DMM_LEVEL_FAIL, "xl is not installed", "xen-utils", .here = "xen-version\n" },
	{ "xen", "there", DMM_LEVEL_FAIL, "no Xen", "boot Xen", .there = "xen-version\nxen\n" },
	{ "ha", "here", DMM_LEVEL_WARN, "pacemaker", "unmanage", .here = "ha=pacemaker\n" },
	{ "ha", "there", DMM_LEVEL_WARN, "xapi", "pool-ha-disable", .there = "ha=xapi\n" },
	{ "ha", "there", DMM_LEVEL_WARN, "workload balancing", "wlb-enabled=false", .there = "wlb=yes\n" },
	{ "leftovers", "here", DMM_LEVEL_WARN, "cannot be seen", "dmmigrate clean", leftovers_hidden },
	{ "leftovers", "here", DMM_LEVEL_WARN, "2 leftovers", "dmmigrate clean 0123", leftovers_two },
	{ "reach", "between", DMM_LEVEL_FAIL, "refused", "systemctl status dmmigrated on xen-b", peer_silent },
	{ "reach", "between", DMM_LEVEL_FAIL, "not trusted", "keys trust ... here", peer_unknown },
	{ "reach", "between", DMM_LEVEL_FAIL, "not trusted there", "keys trust ... on xen-b", peer_does_not_know },
	{ "trust", "between", DMM_LEVEL_WARN, "no TLS", "keys init", plaintext },
	{ "protocol", "between", DMM_LEVEL_FAIL, "lacks GROUP", "upgrade dmmigrate on xen-b", without_group },
	{ "protocol", "between", DMM_LEVEL_FAIL, "lacks GUEST", "upgrade", without_guest },
	{ "protocol", "between", DMM_LEVEL_WARN, "lacks PROVE", "upgrade", without_prove },
	{ "protocol", "between", DMM_LEVEL_WARN, "lacks VOLUME", "upgrade", without_volume },
	{ "protocol", "between", DMM_LEVEL_WARN, "lacks FACTS, and what kind", "upgrade", without_facts },
	{ "versions", "between", DMM_LEVEL_WARN, "0.0.9 there", "on xen-b", .there = "daemon=0.0.9\n" },
	{ "versions", "between", DMM_LEVEL_WARN, "9.0.0 there", "on this host", .there = "daemon=9.0.0\n" },
	{ "versions", "between", DMM_LEVEL_FAIL, "4.16.5 there", "upgrade Xen on xen-b", .there = "xen-version=4.16.5\n" },
	{ "versions", "between", DMM_LEVEL_WARN, "4.17.1 there", "upgrade Xen", .there = "xen-version=4.17.1\n" },
	{ "offset", "between", DMM_LEVEL_WARN, "5.000 s ahead", "timedatectl", clock_ahead },
	{ "offset", "between", DMM_LEVEL_FAIL, "7200.000 s behind", "timedatectl", clock_behind },
	{ "cpu", "between", DMM_LEVEL_FAIL, "AuthenticAMD there", "halt", .there = "cpu-vendor=AuthenticAMD\n" },
	{ "cpu", "between", DMM_LEVEL_FAIL, "lack 4 features of this host's: sse4.2 aes rdrand bmi2", "cpuid", other_cpu },
	{ "cpu", "between", DMM_LEVEL_WARN, "sse4.2 aes rdrand bmi2", "cpuid", other_cpu_no_domain },
	{ "cpu", "between", DMM_LEVEL_WARN, "cannot be compared", "", .there = "xen-hw-caps=1:2\n" },
	{ "network", "between", DMM_LEVEL_WARN, "storage0", "storage network", management },
	{ "allow", "between", DMM_LEVEL_FAIL, "nothing for this host", "systemctl reload", .there = "allow\n" },
	{ "allow", "between", DMM_LEVEL_WARN, "/srv/none", "mkdir", .there = "dir-failed=/srv/none: No such file or directory\n" },
	{ "allow", "between", DMM_LEVEL_OK, "volumes made in storage repositories", "",
	  .there = "allow\nsr=fast lvm:vg0 107374182400 53687091200\n" },
	{ "room", "between", DMM_LEVEL_OK, "storage repository fast: 51200 of 102400 MiB", "",
	  .there = "sr=fast lvm:vg0 107374182400 53687091200\n" },
	{ "room", "between", DMM_LEVEL_WARN, "slow dir:/srv/none", "mount it, on xen-b", .there = "sr-failed=slow dir:/srv/none\n" },
	{ "room", "between", DMM_LEVEL_WARN, "more to tell", "vgs on xen-b", facts_cut },
	{ "domain", "domain", DMM_LEVEL_FAIL, "does not run here", "dmmigrate copy", domain_gone },
	{ "domain", "domain", DMM_LEVEL_FAIL, "this host itself", "xl list", domain_zero },
	{ "domain", "domain", DMM_LEVEL_FAIL, "no shadow paging", "pvh", domain_pv },
	{ "drivers", "domain", DMM_LEVEL_FAIL, "be suspended", "CONFIG_XEN_SAVE_RESTORE", not_suspendable },
	{ "drivers", "domain", DMM_LEVEL_FAIL, "1 of 2 disks", "console", half_connected },
	{ "drivers", "domain", DMM_LEVEL_WARN, "0 of 2 disks", "PV drivers in the guest", no_pv_drivers },
	{ "ipv6", "domain", DMM_LEVEL_WARN, "2.6.32", "kernel", old_ipv6 },
	{ "cdrom", "domain", DMM_LEVEL_FAIL, "/srv/iso/debian-12.iso is in the drive hdc", "xl cd-eject win01 hdc", hvm },
	{ "pci", "domain", DMM_LEVEL_FAIL, "0000:03:00.0", "xl pci-detach win01 0000:03:00.0", hvm },
	{ "pci", "domain", DMM_LEVEL_FAIL, "0000:04:00.1", "xl pci-detach win01 0000:04:00.1", hvm },
	{ "disks", "domain", DMM_LEVEL_FAIL, "is a file of 8 MiB", "dmmigrate copy", disk_file },
	{ "disks", "domain", DMM_LEVEL_FAIL, "none of device-mapper", "'0 16384 linear /dev/sdc1 0'", disk_block },
	{ "disks", "domain", DMM_LEVEL_FAIL, "No such file", "ls -l /dev/mapper/gdata", disk_missing },
	{ "disks", "domain", DMM_LEVEL_FAIL, "snapshot-origin", "dmsetup table gdata", disk_snapshot },
	{ "disks", "domain", DMM_LEVEL_WARN, "read-only", "block-detach pvh xvdb", disk_readonly },
	{ "disks", "domain", DMM_LEVEL_WARN, "migrate target", "dmmigrate status", disk_moving },
	{ "disks", "domain", DMM_LEVEL_FAIL, "'vhd'", "convert", disk_vhd },
	{ "disks", "domain", DMM_LEVEL_FAIL, "more than 64 disks", "block-detach", disks_many },
	{ "disks", "domain", DMM_LEVEL_WARN, "no disk", "", disks_none },
	{ "guests", "between", DMM_LEVEL_FAIL, "no guest of this host", "guests = xen-a", .there = "guests=no\n" },
	{ "shared", "between", DMM_LEVEL_OK, "xvdb (/dev/mapper/gdata) lies in a volume group that xen-b:7790 has", "", disk_shared },
	{ "memory", "between", DMM_LEVEL_FAIL, "only 372 MiB are free", "xl mem-set pvh 365m", memory_large },
	{ "memory", "between", DMM_LEVEL_FAIL, "only 372 MiB are free", "free 3663 MiB on xen-b", memory_huge },
	{ "space", "between", DMM_LEVEL_WARN, "102408 MiB", "vgextend", disks_large },
	{ "space", "between", DMM_LEVEL_FAIL, "may not write there", "allow = /dev/vg0/*", .there = "allow=/dev/other/*\ndir\n" },
};

static void each_rule_speaks_up(void **state)
{
	const struct dmm_rule *r;
	struct dmm_findings o;
	const struct a_case *k;
	bool seen;
	unsigned int i, n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		k = &cases[i];
		memset(&o, 0, sizeof(o));
		healthy(k->here, k->there);
		if (k->change)
			k->change();
		dmm_doctor_judge(&c, &o);
		for (seen = false, n = 0; n < o.nr && !seen; n++)
			seen = !strcmp(o.list[n].rule, k->rule) && !strcmp(o.list[n].where, k->where) && o.list[n].level == k->level &&
			       strstr(o.list[n].text, k->text) && strstr(o.list[n].mend, k->mend) && !*k->mend == !*o.list[n].mend;
		if (!seen) {
			print_all(&o);
			fail_msg("case %u: %s '%s' was not found", i, k->rule, k->text);
		}
		dmm_findings_clear(&o);
	}
	for (r = dmm_rules; r->id; r++) {
		for (seen = false, i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			seen |= !strcmp(cases[i].rule, r->id);
		if (!seen)
			fail_msg("no case makes rule %s speak up", r->id);
		assert_true(r->says && *r->says);
	}
}

/* How many findings there are of a place, or of a rule. */
static unsigned int count(const struct dmm_findings *o, const char *where, const char *rule)
{
	unsigned int i, nr = 0;

	for (i = 0; i < o->nr; i++)
		nr += (!where || !strcmp(o->list[i].where, where)) && (!rule || !strcmp(o->list[i].rule, rule));
	return nr;
}

/* What is not asked for, or not known, is not judged. */
static void only_what_is_asked(void **state)
{
	struct dmm_findings o = { 0 };

	(void)state;
	healthy(NULL, NULL);
	c.peer = false;
	c.domain_name = NULL;
	dmm_doctor_judge(&c, &o);
	assert_true(o.nr > 10 && count(&o, "here", NULL) == o.nr);
	dmm_findings_clear(&o);
	healthy(NULL, NULL);
	peer_silent();
	dmm_doctor_judge(&c, &o);
	assert_int_equal(o.of[DMM_LEVEL_FAIL], 1);	/* not one for each thing that is not known then */
	assert_int_equal(count(&o, "there", NULL), 0);
	assert_int_equal(count(&o, "between", NULL), 1);
	dmm_findings_clear(&o);
	healthy(NULL, NULL);
	domain_gone();
	dmm_doctor_judge(&c, &o);
	assert_int_equal(o.of[DMM_LEVEL_FAIL], 1);
	assert_int_equal(count(&o, "domain", NULL), 1);
	dmm_findings_clear(&o);
	healthy(NULL, NULL);
	hvm();
	dmm_doctor_judge(&c, &o);
	assert_int_equal(count(&o, NULL, "cdrom"), 1);	/* of the drive that has a medium, and not of the other */
	assert_int_equal(count(&o, NULL, "pci"), 2);
	dmm_findings_clear(&o);
}

static void figures(void **state)
{
	struct dmm_findings o = { 0 };
	const struct dmm_finding *f;
	unsigned int i;

	(void)state;
	healthy(NULL, NULL);
	memory_large();
	dmm_doctor_judge(&c, &o);
	for (i = 0; i < o.nr && strcmp(o.list[i].rule, "memory"); i++)
		;
	assert_true(i < o.nr);
	f = &o.list[i];
	assert_int_equal(f->nr_figures, 2);
	assert_string_equal(f->figures[0].key, "needed_bytes");
	assert_int_equal(f->figures[0].value, dmm_domain_needs(&c.domain));
	assert_string_equal(f->figures[1].key, "free_bytes");
	assert_int_equal(f->figures[1].value, 372ull << 20);
	/* 400 MiB, 2 MiB, and as many pages as libxl sets aside for one processor */
	assert_int_equal(f->figures[0].value, (402ull << 20) + 4096ull * (256 + 800));
	dmm_findings_clear(&o);
}

static void domains(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "[1]", "[{}]", "[{\"domid\":1}]", "[{\"domid\":1,\"config\":[]}]",
		"[{\"domid\":1,\"config\":{\"c_info\":{\"name\":\"x\"}}}]", "[{\"domid\":1,\"config\":{\"c_info\":{},\"b_info\":{}}}]",
		"[{\"domid\":\"1\",\"config\":{\"c_info\":{\"name\":\"x\"},\"b_info\":{}}}]", "not JSON",
	};
	char *all = data_read("xen-4.17/list-all.json"), *one = data_read("xen-4.17/list-pvh.json");
	struct dmm_domain *d = malloc(sizeof(*d));
	char path[DMM_PATH_MAX + 1] = "", *text;
	size_t i;

	(void)state;
	assert_true(dmm_domain_parse(all, "Domain-0", d));
	assert_true(!d->id && !strcmp(d->type, "pv"));
	assert_false(dmm_domain_parse(all, "pv", d));
	assert_false(d->there);
	assert_non_null(strstr(d->why, "does not run"));
	assert_true(dmm_domain_parse(all, "1", d));
	assert_string_equal(d->name, "pvh");
	assert_true(dmm_domain_parse(one, "pvh", d));
	assert_int_equal(d->id, 1);
	assert_int_equal(d->vcpus, 1);
	assert_string_equal(d->type, "pvh");
	assert_int_equal(d->max_bytes, 128ull << 20);
	assert_int_equal(d->target_bytes, 96ull << 20);
	assert_int_equal(d->nr_disks, 2);
	assert_string_equal(d->disks[0].vdev, "xvda");
	assert_string_equal(d->disks[0].path, "/dev/mapper/gdisk");
	assert_string_equal(d->disks[0].format, "raw");
	assert_true(d->disks[0].writable && !d->disks[1].writable && !d->disks[0].cdrom);
	assert_int_equal(d->nr_pci, 0);
	hvm();
	assert_int_equal(c.domain.nr_disks, 4);
	assert_true(c.domain.disks[2].cdrom && c.domain.disks[2].kind == DMM_VBD_MISSING);
	assert_true(c.domain.disks[3].cdrom && c.domain.disks[3].kind == DMM_VBD_EMPTY);
	assert_int_equal(c.domain.nr_pci, 2);
	assert_string_equal(c.domain.pci[1], "0000:04:00.1");
	/* a flag as xl has it elsewhere; a path that is too long */
	memset(path, 'p', sizeof(path) - 1);
	assert_true(asprintf(&text, "[{\"domid\":1,\"config\":{\"c_info\":{\"name\":\"x\"},\"b_info\":{},\"disks\":[{\"vdev\":\"xvda\","
			     "\"pdev_path\":\"%s\",\"readwrite\":\"True\",\"is_cdrom\":\"False\"}]}}]", path) > 0);
	assert_true(dmm_domain_parse(text, "x", d));
	assert_true(d->disks[0].writable && !d->disks[0].cdrom);
	assert_string_equal(d->disks[0].path, "(a path that is too long)");
	free(text);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(dmm_domain_parse(bad[i], "x", d));
		assert_true(!d->there && d->why[0] && !d->nr_disks);
	}
	free(d);
	free(all);
	free(one);
}

static void store(void **state)
{
	struct dmm_domain *d = calloc(1, sizeof(*d));
	char *text = data_read("xen-4.17/xenstore-pvh.txt");

	(void)state;
	d->id = 1;
	dmm_domain_store(text, d);
	assert_true(d->store && d->suspends && d->fronts == 2 && d->connected == 2 && !d->ipv6 && !d->os[0]);
	memset(d, 0, sizeof(*d));
	d->id = 11;		/* another one's */
	dmm_domain_store(text, d);
	assert_true(!d->suspends && !d->fronts);
	memset(d, 0, sizeof(*d));
	d->id = 1;
	dmm_domain_store("/local/domain/1/device/vbd/768/state = \"1\"\n/local/domain/1/attr/os/uname = \"2.6.32-5-xen\"\n"
			 "/local/domain/1/attr/eth0/ipv6/0/addr = \"fe80::1\"\n/local/domain/1/control/feature-suspend = \"0\"\n", d);
	assert_true(d->fronts == 1 && !d->connected && d->ipv6 && !strcmp(d->os, "2.6.32-5-xen") && !d->suspends);
	free(text);
	free(d);
}

static void features(void **state)
{
	static const char all[] = "ffffffff:ffffffff:ffffffff:ffffffff:ffffffff:ffffffff:ffffffff:ffffffff";
	static const char none[] = "00000000:00000000:00000000:00000000:00000000:00000000:00000000:00000000";
	char names[64], many[4096];

	(void)state;
	assert_int_equal(dmm_cpu_missing(all, all, names, sizeof(names)), 0);
	assert_string_equal(names, "");
	assert_int_equal(dmm_cpu_missing(none, all, names, sizeof(names)), 0);
	assert_true(dmm_cpu_missing(all, none, many, sizeof(many)) > 100);
	assert_non_null(strstr(many, "avx512f"));
	assert_true(dmm_cpu_missing(all, none, names, sizeof(names)) > 100 && strlen(names) == sizeof(names) - 1);
	/* what no guest sees: debug store, thermal monitor, the hypervisor bit */
	assert_int_equal(dmm_cpu_missing("20200000:80000000:00000000:00000000:00000000:00000000:00000000:00000500", none, names,
					 sizeof(names)), 0);
	/* a longer list, of a newer Xen */
	assert_int_equal(dmm_cpu_missing("00000001:00000000:00000000:00000000:00000000:00000000:00000000:00000000:12345678", none, names,
					 sizeof(names)), 1);
	assert_string_equal(names, "fpu");
	assert_int_equal(dmm_cpu_missing("", none, names, sizeof(names)), -EINVAL);
	assert_int_equal(dmm_cpu_missing(all, "1:2", names, sizeof(names)), -EINVAL);
	assert_int_equal(dmm_cpu_missing(all, "ffffffff,ffffffff", names, sizeof(names)), -EINVAL);
}

/* Files and what is not there; devices are looked at in a virtual machine. */
static void disks(void **state)
{
	struct dmm_vbd v = { .path = "/nowhere/at/all" };
	char path[] = "/tmp/dmm-unit.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && !ftruncate(fd, 12345));
	dmm_vbd_look(&v);
	assert_true(v.kind == DMM_VBD_MISSING && v.why[0]);
	memset(&v, 0, sizeof(v));
	strcpy(v.path, path);
	dmm_vbd_look(&v);
	assert_true(v.kind == DMM_VBD_FILE && v.size_bytes == 12345);
	memset(&v, 0, sizeof(v));
	strcpy(v.path, "/dev/null");
	dmm_vbd_look(&v);
	assert_true(v.kind == DMM_VBD_MISSING && v.why[0]);
	memset(&v, 0, sizeof(v));
	dmm_vbd_look(&v);
	assert_int_equal(v.kind, DMM_VBD_EMPTY);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_in_the_way),
		cmocka_unit_test(each_rule_speaks_up),
		cmocka_unit_test(only_what_is_asked),
		cmocka_unit_test(figures),
		cmocka_unit_test(domains),
		cmocka_unit_test(store),
		cmocka_unit_test(features),
		cmocka_unit_test(disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
