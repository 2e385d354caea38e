/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Before something moves: what is in the way, and what mends it.
 *
 * First everything that can be known is found out (doctor_gather.c, doctor_domain.c, doctor_disk.c); then the rules of one table
 * (doctor_rules.c) judge it, which are pure functions.  Nothing is changed.
 */
#ifndef DMM_DOCTOR_H
#define DMM_DOCTOR_H

#include "facts.h"
#include "parse.h"
#include "tool.h"

#define DMM_DOMAIN_DISKS	128u	/* that are looked at */
#define DMM_DOMAIN_PCI		16u
#define DMM_DOCTOR_WHY		768u

/* --- what is known --- */

enum dmm_vbd_kind {
	DMM_VBD_EMPTY,		/* a drive without a medium */
	DMM_VBD_DM,		/* a device-mapper device: it can move while the VM runs */
	DMM_VBD_BLOCK,		/* another block device */
	DMM_VBD_FILE,
	DMM_VBD_MISSING,	/* no such device or file, or none that can be looked at */
};

/* A virtual disk: what xl says of it, and what its path leads to. */
struct dmm_vbd {
	char vdev[32];
	char path[DMM_PATH_MAX];
	char format[16];		/* "raw"... */
	bool writable;
	bool cdrom;
	enum dmm_vbd_kind kind;
	char name[128];			/* dm name */
	char vg[33];			/* UUID of its volume group, as LVM's DM UUIDs have it; "": no logical volume */
	u64 size_bytes;
	bool moving;			/* it has the migrate target */
	bool stays;			/* the admin says that the other host has it, too */
	char why[256];			/* "": the migrate target can be put above it */
};

struct dmm_domain {
	bool there;
	char why[DMM_DOCTOR_WHY];	/* unless there */
	char name[128];
	char type[8];			/* "pv", "pvh", "hvm" */
	u32 id;
	u32 vcpus;
	u64 max_bytes, target_bytes;	/* of memory */
	unsigned int nr_pci;
	char pci[DMM_DOMAIN_PCI][16];
	unsigned int nr_disks;
	bool more_disks;		/* than are looked at */
	struct dmm_vbd disks[DMM_DOMAIN_DISKS];
	/* xenstore */
	bool store;			/* it was read: */
	bool suspends;			/* its kernel says that it can be suspended */
	unsigned int fronts, connected;	/* its disks' PV drivers, and those that are connected */
	char os[64];			/* its kernel's release, where guest tools tell it */
	bool ipv6;			/* the same */
};

struct dmm_host {
	bool other;
	char name[DMM_HOST_MAX + 16];	/* for messages */
	bool answers;			/* its daemon did: */
	char why[DMM_DOCTOR_WHY];	/* unless it did */
	int err;			/* the same: -EACCES, it is not trusted here; -EPERM, it does not trust this host */
	u64 features;			/* DMM_FEATURE_* */
	struct dmm_facts facts;
};

struct dmm_checkup {
	bool root;
	struct dmm_host here;
	unsigned int netlink;		/* version of the module's netlink family; 0: not there */
	int keys_err;			/* of reading this host's key: */
	char keys_why[DMM_KEYS_WHY];
	bool keys_end;			/* its certificate has one: */
	s64 keys_left_s;
	bool leftovers_known;
	unsigned int leftovers;
	char leftover[256], leftover_mend[256];	/* the first */
	bool peer;			/* another host was named: */
	bool plaintext;
	struct dmm_host there;
	s64 offset_ns;			/* its clock less ours */
	u64 error_ns;
	char iface[32];			/* by which it is reached; "": not known, or this host itself */
	bool iface_default;		/* the default route is by it, too */
	const char *domain_name;	/* NULL: none was named */
	struct dmm_domain domain;
};

/* --- what is found --- */

enum dmm_level { DMM_LEVEL_OK, DMM_LEVEL_WARN, DMM_LEVEL_FAIL };

struct dmm_finding {
	const char *rule, *where;
	enum dmm_level level;
	char text[512];
	char mend[384];			/* "": nothing to do */
	unsigned int nr_figures;
	struct {
		const char *key;
		u64 value;
	} figures[4];
};

struct dmm_findings {
	struct dmm_finding *list;
	unsigned int nr;
	unsigned int of[DMM_LEVEL_FAIL + 1];
	const char *rule, *where;	/* who is judging */
};

void dmm_findings_clear(struct dmm_findings *o);
const char *dmm_level_name(enum dmm_level level);

/* For the rules: another finding; then, of that, what mends it, and a number with its name (for --json). */
__attribute__((format(printf, 3, 4)))
void dmm_found(struct dmm_findings *o, enum dmm_level level, const char *fmt, ...);
__attribute__((format(printf, 2, 3)))
void dmm_mend(struct dmm_findings *o, const char *fmt, ...);
void dmm_figure(struct dmm_findings *o, const char *key, u64 value);

#define dmm_fine(o, ...)	dmm_found(o, DMM_LEVEL_OK, __VA_ARGS__)
#define dmm_odd(o, ...)		dmm_found(o, DMM_LEVEL_WARN, __VA_ARGS__)
#define dmm_bad(o, ...)		dmm_found(o, DMM_LEVEL_FAIL, __VA_ARGS__)

/* --- the rules --- */

enum dmm_rule_scope {
	DMM_RULE_HERE,		/* this host */
	DMM_RULE_HOST,		/* each host */
	DMM_RULE_BETWEEN,	/* two hosts, the other of which has answered */
	DMM_RULE_DOMAIN,	/* a domain of this host */
	DMM_RULE_MOVE,		/* a domain that is to move to a host that has answered */
};

struct dmm_rule {
	const char *id;
	enum dmm_rule_scope scope;
	const char *says;	/* for the manual page */
	void (*check)(const struct dmm_checkup *c, const struct dmm_host *h, struct dmm_findings *o);
};

extern const struct dmm_rule dmm_rules[];	/* ends with an id of NULL */

/* All rules that apply, in the order of the table, this host's before the other's. */
void dmm_doctor_judge(const struct dmm_checkup *c, struct dmm_findings *o);

/* doctor_rules_host.c, doctor_rules_pair.c, doctor_rules_domain.c: see the table */
#define DMM_RULE_FN(name) void dmm_rule_##name(const struct dmm_checkup *c, const struct dmm_host *h, struct dmm_findings *o)
DMM_RULE_FN(root);
DMM_RULE_FN(kernel);
DMM_RULE_FN(module);
DMM_RULE_FN(netlink);
DMM_RULE_FN(dm);
DMM_RULE_FN(lvm);
DMM_RULE_FN(udev);
DMM_RULE_FN(daemon);
DMM_RULE_FN(keys);
DMM_RULE_FN(memlock);
DMM_RULE_FN(clock);
DMM_RULE_FN(xen);
DMM_RULE_FN(ha);
DMM_RULE_FN(allow);
DMM_RULE_FN(room);
DMM_RULE_FN(leftovers);
DMM_RULE_FN(reach);
DMM_RULE_FN(protocol);
DMM_RULE_FN(trust);
DMM_RULE_FN(versions);
DMM_RULE_FN(offset);
DMM_RULE_FN(cpu);
DMM_RULE_FN(network);
DMM_RULE_FN(domain);
DMM_RULE_FN(drivers);
DMM_RULE_FN(ipv6);
DMM_RULE_FN(cdrom);
DMM_RULE_FN(pci);
DMM_RULE_FN(disks);
DMM_RULE_FN(guests);
DMM_RULE_FN(memory);
DMM_RULE_FN(space);
DMM_RULE_FN(shared);

/*
 * Which features for guests of the @have masks (as xl info prints hw_caps) the @lack ones do not have, with blanks between
 * their names, cut to fit. How many; -EINVAL: these are no masks.
 */
int dmm_cpu_missing(const char *have, const char *lack, char *names, size_t bytes);

/* Memory that a domain needs on a host: what it has, and what Xen's tools set aside for it. */
u64 dmm_domain_needs(const struct dmm_domain *d);

/* --- finding out --- */

/* What `xl list -l` printed: @name (or number) in it.  False: not there; @d is then but zeroed, with a why. */
bool dmm_domain_parse(const char *json, const char *name, struct dmm_domain *d);
/* What `xenstore-ls -f /local/domain/ID` printed. */
void dmm_domain_store(const char *text, struct dmm_domain *d);
/* Asks xl and xenstore, and looks at the disks. */
void dmm_domain_find(const char *name, struct dmm_domain *d);
void dmm_vbd_look(struct dmm_vbd *v);

/* Does the default route, of either family, go by this interface? */
bool dmm_default_route(const char *iface);

/* All of it.  @to: the other host, or NULL; its path is not used.  @c is large. */
void dmm_doctor_gather(struct dmm_tool *t, const struct dmm_target *to, const char *domain, struct dmm_checkup *c);

#endif
