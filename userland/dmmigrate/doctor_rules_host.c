// SPDX-License-Identifier: GPL-2.0
/*
 * Rules about a host by itself.  Pure: they know what is in struct dmm_checkup.
 */
#include <stdio.h>
#include <string.h>

#include <dmmigrate/uapi.h>

#include "doctor.h"

#define DAY_S		86400
#define MEMLOCK_BYTES	(72ull << 20)	/* what dmmigrated has io_uring keep, unless its buffers are larger */

/* " on HOST", or nothing for this one. */
static const char *on(const struct dmm_host *h, char buf[DMM_HOST_MAX + 32])
{
	if (!h->other)
		return "";
	snprintf(buf, DMM_HOST_MAX + 32, " (on %s)", h->name);
	return buf;
}

DMM_RULE_FN(root)
{
	(void)h;
	if (c->root)
		return;
	dmm_bad(o, "only root sees device-mapper, the keys, Xen and what migrations left: most of this is not known");
	dmm_mend(o, "sudo dmmigrate doctor");
}

DMM_RULE_FN(kernel)
{
	char release[DMM_FACT_VALUE];
	unsigned int major, minor;

	(void)c;
	if (!dmm_facts_get(&h->facts, "kernel", release) || sscanf(release, "%5u.%5u", &major, &minor) != 2) {
		dmm_odd(o, "the kernel's release '%s' is no version", release);
	} else if (major < 4 || (major == 4 && minor < 19)) {
		dmm_bad(o, "Linux %s: dm-migrate needs 4.19 or newer", release);
		dmm_mend(o, "boot a newer kernel");
	} else {
		dmm_fine(o, "Linux %s", release);
	}
}

DMM_RULE_FN(module)
{
	char version[DMM_FACT_VALUE], where[DMM_HOST_MAX + 32];

	(void)c;
	if (!dmm_facts_get(&h->facts, "module", version)) {
		if (dmm_facts_yes(&h->facts, "module-installed")) {
			dmm_odd(o, "dm-migrate is not loaded; it is installed for this kernel, and is loaded when a migration begins");
			dmm_mend(o, "modprobe dm-migrate%s", on(h, where));
		} else {
			dmm_bad(o, "dm-migrate is neither loaded nor installed for this kernel: no live disk moves %s this host",
				h->other ? "to" : "from");
			dmm_mend(o, "install the module for this kernel, then modprobe dm-migrate%s", on(h, where));
		}
	} else if (strcmp(version, DMM_TOOL_VERSION)) {
		dmm_odd(o, "dm-migrate is %s, this tool %s", version, DMM_TOOL_VERSION);
		dmm_mend(o, "install the module of version %s, then rmmod dm-migrate and modprobe dm-migrate%s", DMM_TOOL_VERSION,
			 on(h, where));
	} else {
		dmm_fine(o, "dm-migrate %s is loaded", version);
	}
}

DMM_RULE_FN(netlink)
{
	(void)h;
	if (!c->netlink)
		return;		/* not loaded, as the rule above says */
	if (c->netlink == DMM_GENL_VERSION) {
		dmm_fine(o, "netlink family version %u", c->netlink);
		return;
	}
	dmm_bad(o, "the module speaks version %u of its netlink family, this tool version %u", c->netlink, DMM_GENL_VERSION);
	dmm_mend(o, c->netlink > DMM_GENL_VERSION ? "upgrade dmmigrate on this host" :
		 "install the module of this version, then rmmod dm-migrate and modprobe dm-migrate");
}

DMM_RULE_FN(dm)
{
	char where[DMM_HOST_MAX + 32];

	(void)c;
	if (dmm_facts_yes(&h->facts, "device-mapper")) {
		dmm_fine(o, "device-mapper is there");
		return;
	}
	dmm_bad(o, "the kernel has no device-mapper");
	dmm_mend(o, "modprobe dm-mod%s", on(h, where));
}

DMM_RULE_FN(lvm)
{
	char why[DMM_FACT_VALUE], where[DMM_HOST_MAX + 32];

	(void)c;
	if (dmm_facts_get(&h->facts, "lvm-failed", why)) {
		dmm_odd(o, "LVM does not answer: %s", why);
		dmm_mend(o, "vgs%s", on(h, where));
	} else if (!dmm_facts_yes(&h->facts, "lvm")) {
		dmm_odd(o, "lvm is not installed: there are no volume groups, and no marks on logical volumes");
		dmm_mend(o, "install lvm2%s, if disks here are logical volumes", on(h, where));
	} else {
		dmm_fine(o, "LVM answers");
	}
}

DMM_RULE_FN(udev)
{
	char where[DMM_HOST_MAX + 32];

	(void)c;
	if (!dmm_facts_yes(&h->facts, "udev"))
		return;
	if (dmm_facts_yes(&h->facts, "udev-rules")) {
		dmm_fine(o, "udev leaves dmmigrate's devices alone");
		return;
	}
	dmm_odd(o, "udev's rules of dmmigrate are not installed: it may scan a guest's disk from below");
	dmm_mend(o, "install 12-dmmigrate.rules into /usr/local/lib/udev/rules.d (make install), then udevadm control --reload%s",
		 on(h, where));
}

DMM_RULE_FN(daemon)
{
	char version[DMM_FACT_VALUE];

	(void)c;
	if (!h->answers) {
		dmm_bad(o, "dmmigrated of this host does not answer: %s", h->why);
		dmm_mend(o, "systemctl enable --now dmmigrated");
	} else if (!dmm_facts_get(&h->facts, "daemon", version)) {
		dmm_odd(o, "dmmigrated of this host is older than this tool (%s)", DMM_TOOL_VERSION);
		dmm_mend(o, "systemctl restart dmmigrated (after an upgrade)");
	} else if (strcmp(version, DMM_TOOL_VERSION)) {
		dmm_odd(o, "dmmigrated of this host is %s, this tool %s", version, DMM_TOOL_VERSION);
		dmm_mend(o, "systemctl restart dmmigrated (after an upgrade)");
	} else if (!dmm_facts_yes(&h->facts, "journals")) {
		dmm_bad(o, "dmmigrated of this host keeps no journals: nothing can be handed over");
		dmm_mend(o, "make /var/lib/dmmigrate writable for it, then systemctl restart dmmigrated");
	} else {
		dmm_fine(o, "dmmigrated %s answers", version);
	}
}

DMM_RULE_FN(keys)
{
	s64 days = c->keys_left_s / DAY_S;

	(void)h;
	if (c->plaintext)	/* trust says what that means; nothing of this is used */
		return;
	if (c->keys_err) {
		dmm_bad(o, "%s", c->keys_why);
		dmm_mend(o, "dmmigrate keys init, if there is no key yet");
	} else if (!c->keys_end) {
		dmm_fine(o, "this host has a key");
	} else if (c->keys_left_s < 0) {
		dmm_bad(o, "this host's certificate has expired %lld days ago", (long long)-days);
		dmm_mend(o, "dmmigrate keys renew");
	} else if (c->keys_left_s < DMM_KEYS_AHEAD_S) {
		dmm_odd(o, "this host's certificate expires in %lld days", (long long)days);
		dmm_mend(o, "dmmigrate keys renew");
	} else {
		dmm_fine(o, "this host has a key, and its certificate is valid for %lld days", (long long)days);
	}
}

DMM_RULE_FN(memlock)
{
	char text[DMM_FACT_VALUE], where[DMM_HOST_MAX + 32];
	u64 bytes;

	(void)c;
	if (!dmm_facts_get(&h->facts, "memlock", text))
		return;		/* its daemon did not say */
	if (!dmm_facts_u64(&h->facts, "memlock", &bytes) || bytes >= MEMLOCK_BYTES) {
		dmm_fine(o, "dmmigrated may lock the memory of its buffers (%s)", text);
		return;
	}
	dmm_odd(o, "dmmigrated may lock %llu KiB of memory, and its buffers are %llu KiB: each write has to pin its own pages",
		bytes >> 10, MEMLOCK_BYTES >> 10);
	dmm_figure(o, "memlock_bytes", bytes);
	dmm_mend(o, "LimitMEMLOCK=infinity in dmmigrated.service, then systemctl daemon-reload and systemctl restart dmmigrated%s",
		 on(h, where));
}

DMM_RULE_FN(clock)
{
	char text[DMM_FACT_VALUE], where[DMM_HOST_MAX + 32];

	(void)c;
	if (!dmm_facts_get(&h->facts, "clock-synchronised", text))
		return;
	if (!strcmp(text, "yes")) {
		dmm_fine(o, "the clock is synchronised");
		return;
	}
	dmm_odd(o, "the clock is not synchronised: journals and logs of the two hosts will not agree on times");
	dmm_mend(o, "timedatectl set-ntp true%s", on(h, where));
}

DMM_RULE_FN(xen)
{
	char version[DMM_FACT_VALUE], why[DMM_FACT_VALUE], where[DMM_HOST_MAX + 32], toolstack[DMM_FACT_VALUE];
	u64 room = 0, all = 0;
	bool wanted = c->domain_name;

	if (dmm_facts_get(&h->facts, "xen-version", version)) {
		dmm_facts_u64(&h->facts, "xen-memory-free", &room);
		dmm_facts_u64(&h->facts, "xen-memory", &all);
		if (dmm_facts_get(&h->facts, "toolstack", toolstack)) {
			dmm_odd(o, "Xen %s, whose VMs belong to %s: what xl does to them that does not know", version, toolstack);
			dmm_mend(o, "move VMs of that toolstack by cutover's hooks, not by vm");
		} else {
			dmm_fine(o, "Xen %s, %llu of %llu MiB are free", version, room >> 20, all >> 20);
		}
		dmm_figure(o, "memory_bytes", all);
		dmm_figure(o, "memory_free_bytes", room);
	} else if (dmm_facts_get(&h->facts, "xl-failed", why)) {
		dmm_found(o, dmm_facts_get(&h->facts, "xen", version) || wanted ? DMM_LEVEL_FAIL : DMM_LEVEL_WARN,
			  "Xen's tools do not answer: %s", why);
		dmm_mend(o, "xl info says why; is xenstored running? (systemctl start xen-init-dom0)%s", on(h, where));
	} else if (dmm_facts_get(&h->facts, "xen", version)) {
		dmm_bad(o, "this is Xen's dom0, but xl is not installed");
		dmm_mend(o, "install xen-utils%s", on(h, where));
	} else if (wanted) {
		dmm_bad(o, "no Xen: a VM runs here neither before nor after");
		dmm_mend(o, "boot Xen, and install xen-utils%s", on(h, where));
	} else {
		dmm_fine(o, "no Xen: disks can move, a whole VM by cutover's hooks");
	}
}

DMM_RULE_FN(ha)
{
	char who[DMM_FACT_VALUE], where[DMM_HOST_MAX + 32];

	(void)c;
	if (dmm_facts_get(&h->facts, "ha", who)) {
		dmm_odd(o, "high availability (%s) is on: it may start the VM elsewhere while it moves", who);
		dmm_mend(o, strcmp(who, "xapi") ? "pcs resource unmanage VM, or crm resource maintenance VM on, until it has moved%s" :
			 "xe pool-ha-disable until it has moved%s", on(h, where));
	}
	if (dmm_facts_yes(&h->facts, "wlb")) {
		dmm_odd(o, "workload balancing is on: it may move the VM meanwhile");
		dmm_mend(o, "xe pool-param-set wlb-enabled=false until it has moved%s", on(h, where));
	}
}

DMM_RULE_FN(leftovers)
{
	(void)h;
	if (!c->leftovers_known) {
		if (c->root) {
			dmm_odd(o, "whether earlier migrations left something cannot be seen");
			dmm_mend(o, "dmmigrate clean");
		}
	} else if (c->leftovers) {
		dmm_odd(o, "%u leftovers of earlier migrations, the first: %s", c->leftovers, c->leftover);
		dmm_figure(o, "leftovers", c->leftovers);
		dmm_mend(o, "%s", c->leftover_mend);
	} else {
		dmm_fine(o, "no leftovers of earlier migrations");
	}
}
