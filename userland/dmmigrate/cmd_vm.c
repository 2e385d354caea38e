// SPDX-License-Identifier: GPL-2.0
/*
 * vm: a running domain moves to another host, with its disks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "commands.h"
#include "cutover.h"
#include "fullio.h"
#include "gate_above.h"
#include "platform/xl.h"
#include "platform/xl_home.h"
#include "sr.h"
#include "storage_network.h"
#include "vm_alone.h"
#include "vm_config.h"
#include "vm_doctor.h"
#include "vm_shared.h"

#define CONFIG_BYTES	(256u << 10)	/* xl's own limit is far below */
#define REBOOT_MS	20000u		/* one that reboots is gone meanwhile */
#define PATIENCE_MS	120000u	/* with a guest that writes too much */
#define SHARED		DMM_SR_SHARED
#define BLOCK_SCRIPT	"block-dmmigrate"

struct vm {
	struct dmm_tool *t;
	struct dmm_target to;			/* without a path */
	char where[DMM_HOST_MAX + 16];		/* the same, for an operand of start */
	struct dmm_xl_domain domain;
	const char *dest[DMM_MAX_GROUP];	/* by disk of the domain, what --map says; borrowed; NULL: an empty drive */
	const char *from[DMM_MAX_GROUP];	/* what of this host is opened for it */
	char gates[DMM_MAX_GROUP][DMM_GATE_NODE];
	char (*operands)[DMM_HOST_MAX + DMM_PATH_MAX + 16];	/* owned */
	char (*made)[DMM_PATH_MAX];	/* owned: where each that moves went to, in their order, once that is known */
	bool moved;			/* it is */
	char config[256];		/* path of what is for there */
	struct dmm_vm_config sent;	/* the same, to there */
	char why[DMM_XL_TEXT];
};

static const struct dmm_option vm_options[] = {
	DMM_OPTION("to", TEXT, to, "HOST[:PORT]", "where it goes"),
	DMM_OPTION("map", LIST, maps, "DISK=/DEVICE",
		   "where a disk goes there, by its name in the guest (xvda); for each of them.\n"
		   "DISK=SR: to a volume that is made in that storage repository (a name without slash).\n"
		   "DISK=shared: both hosts have it, by the same path, and it stays where it is; refused\n"
		   "where it is known to be another one there, by its size, its WWN or LVM's UUID"),
	DMM_OPTION("to-sr", TEXT, to_sr, "SR", "and where those go that no --map names"),
	DMM_OPTION("config", TEXT, config, "FILE", "the domain's xl.cfg(5) (default /etc/xen/DOMAIN.cfg)"),
	DMM_OPTION_NETWORK,
	DMM_OPTION_BANDWIDTH(""),
	DMM_OPTION_CONNECTIONS,
	DMM_OPTION("max-pause", MS, max_pause_ms, "MS",
		   "its memory is copied only while what is left of the disks would ship in so long\n"
		   "(default 1000); with this option, it also stays here where that is more once it is\n"
		   "suspended, exit code 7"),
	DMM_OPTION("patience", TIME, patience_ms, "TIME",
		   "how long it may be more, after the first sweep and while memory is copied, before\n"
		   "it is given up, exit code 7 (default 120); the disks go on being copied"),
	DMM_OPTION("timeout", FREEZE_MS, timeout_ms, "MS",
		   "the freeze of the disks ends by itself after so long (default 5000, at most 15000)"),
	DMM_OPTION("verify", VERIFY, verify, "full",
		   "compare both sides before it runs there; =full: before, while it is copied, the\n"
		   "destination's disk with what it received, and with the source's"),
	DMM_OPTION("dry-run", FLAG, dry_run, NULL, "check both ends, print every table and step, do none"),
	DMM_OPTION_CONTROL,
	DMM_OPTION_KEYS,
	DMM_OPTION_OVERWRITE,
	DMM_OPTION_TLS,
	DMM_OPTION_PLAINTEXT,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

/* Nothing was changed, or the disks go on being copied. Exit code 3, reported. */
__attribute__((format(printf, 2, 3)))
static int refuse(struct vm *v, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return dmm_fail(v->t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, v->moved ? DMM_USE_ATTACHED : DMM_USE_UNCHANGED, "%s", text);
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && !strcmp(name + n - m, end);
}

/* What an earlier move has left has the domain's disks open, or is the domain. 0 or an exit code, reported. */
static int vm_left_over(struct vm *v, const char *name, bool here)
{
	struct dmm_xl_here h;

	if (ends_with(name, DMM_XL_AWAY) || ends_with(name, DMM_XL_INCOMING)) {
		dmm_next(v->t, "dmmigrate recover; then, where the VM runs on the other host: xl destroy %s", name);
		return refuse(v, "%s is what a move that was interrupted has left", name);
	}
	if (dmm_xl_look(name, &h, v->why) || (!h.twice && !h.away))
		return 0;
	if (!here) {
		dmm_next(v->t, "dmmigrate recover; then, where the VM runs on the other host: xl destroy %s" DMM_XL_AWAY, name);
		return refuse(v, "there is no domain %s on this host, but %s" DMM_XL_AWAY " (%llu), which a move that was interrupted has left",
			      name, name, h.domid);
	}
	dmm_next(v->t, "xl destroy %s" DMM_XL_AWAY, name);
	return refuse(v, "%s" DMM_XL_AWAY " is here, too, which an earlier move has left", name);
}

static int vm_read_to(struct vm *v)
{
	const char *why = NULL;
	int ret = 0;

	if (!v->t->args.to)
		return dmm_usage(v->t, "--to HOST is missing");
	v->to.port = DMM_DEFAULT_PORT;
	v->to.plaintext = v->t->args.insecure_plaintext;
	if (dmm_parse_hostport(v->t->args.to, v->to.host, &v->to.port, &why))
		return dmm_usage(v->t, "--to '%.64s' is not HOST[:PORT]: %s", v->t->args.to, why);
	if (v->t->args.network)
		ret = dmm_network_apply(v->t, &v->to);
	v->t->args.network = NULL;	/* all that follows goes by it */
	dmm_hostport_format(v->to.host, v->to.port, v->where, sizeof(v->where));
	return ret;
}

static int vm_read_domain(struct vm *v)
{
	const char *name = v->t->args.operands[0];
	int ret = dmm_xl_domain_read(name, &v->domain, v->why), left;

	left = !ret || ret == -ENOENT ? vm_left_over(v, ret ? name : v->domain.name, !ret) : 0;
	if (left)
		return left;
	if (!ret) {
		snprintf(v->t->source, sizeof(v->t->source), "%s", v->domain.name);
		return 0;
	}
	dmm_next(v->t, "xl list");
	return refuse(v, "%s", v->why);
}

/* Which disk of the domain a DISK=/DEVICE is of. 0 or an exit code, reported. */
static int vm_take_map(struct vm *v, const char *map)
{
	const char *device = strchr(map, '=');
	u32 i;

	if (!device || (device[1] != '/' && strcmp(device + 1, SHARED) && !dmm_sr_name_ok(device + 1)))
		return dmm_usage(v->t, "--map '%.128s' is none of DISK=/DEVICE, DISK=SR and DISK=" SHARED, map);
	for (i = 0; i < v->domain.nr; i++) {
		if (strlen(v->domain.disks[i].vdev) != (size_t)(device - map) ||
		    strncmp(v->domain.disks[i].vdev, map, (size_t)(device - map)))
			continue;
		if (v->dest[i])
			return dmm_usage(v->t, "--map names the disk %.32s twice", v->domain.disks[i].vdev);
		v->dest[i] = device + 1;
		return 0;
	}
	return dmm_usage(v->t, "--map '%.128s': %.64s has no such disk", map, v->domain.name);
}

static bool is_shared(const struct vm *v, u32 i)
{
	return v->dest[i] && !strcmp(v->dest[i], SHARED);
}

/* Can this disk go along? 0 or an exit code, reported. */
static int vm_check_disk(struct vm *v, u32 i)
{
	const struct dmm_xl_disk *d = &v->domain.disks[i];
	char which[DMM_IDENTITY_MAX];
	struct stat st;

	if (d->cdrom)	/* which is empty, or the doctor says no */
		return 0;
	if (!d->readwrite && (!v->dest[i] || !is_shared(v, i))) {
		dmm_next(v->t, "xl block-detach %s %s", v->domain.name, d->vdev);
		return refuse(v, "the disk %s (%.200s) is read-only, and does not move: detach it, or have a copy there by the same path "
			      "and say --map %s=" SHARED, d->vdev, d->path, d->vdev);
	}
	if (!v->dest[i] && dmm_vm_shared_is(&v->to, d->path, which)) {
		dmm_next(v->t, "dmmigrate vm %s --to %s --map %s=" SHARED " ...", v->domain.name, v->t->args.to, d->vdev);
		return refuse(v, "where the disk %s (%.200s) goes is not said; %.64s has it, too (%.96s)", d->vdev, d->path, v->t->args.to,
			      which);
	}
	if (!v->dest[i]) {
		dmm_next(v->t, "dmmigrate vm %s --to %s --map %s=/DEVICE ...", v->domain.name, v->t->args.to, d->vdev);
		return refuse(v, "where the disk %s (%.200s) goes is not said", d->vdev, d->path);
	}
	if (!stat(d->path, &st) && S_ISBLK(st.st_mode) && dmm_gate_above(st.st_rdev, v->gates[i]))
		v->from[i] = v->gates[i];	/* as the hotplug script has connected it */
	else
		v->from[i] = d->path;
	return 0;
}

/* What doctor has to say: of the domain, this host and the other. 0 or an exit code, reported. */
static int vm_doctor(struct vm *v)
{
	const char *stay[DMM_MAX_GROUP];
	u32 i, nr = 0;

	for (i = 0; i < v->domain.nr; i++) {
		if (is_shared(v, i))
			stay[nr++] = v->domain.disks[i].vdev;
	}
	return dmm_vm_doctor(v->t, &v->to, v->domain.name, stay, nr);
}

static int vm_check(struct vm *v)
{
	u32 i;
	int ret = 0;

	for (i = 0; i < v->t->args.nr_maps && !ret; i++)
		ret = vm_take_map(v, v->t->args.maps[i]);
	if (!ret && v->t->args.to_sr && !dmm_sr_name_ok(v->t->args.to_sr))
		ret = dmm_usage(v->t, "--to-sr '%.128s' is no name of a storage repository: those have no slash", v->t->args.to_sr);
	if (ret)
		return ret;
	for (i = 0; i < v->domain.nr; i++) {
		if (!v->dest[i] && !v->domain.disks[i].cdrom && v->domain.disks[i].readwrite)
			v->dest[i] = v->t->args.to_sr;
	}
	for (i = 0; i < v->domain.nr && !ret; i++)
		ret = vm_check_disk(v, i);
	if (!ret)
		ret = vm_doctor(v);
	for (i = 0; i < v->domain.nr && !ret; i++) {
		if (is_shared(v, i))
			ret = dmm_vm_shared_check(v->t, &v->to, v->domain.disks[i].vdev, v->domain.disks[i].path);
	}
	if (ret || !v->domain.passthrough)
		return ret;
	/* of PCI, doctor has spoken */
	dmm_next(v->t, "xl usbdev-detach %s ...", v->domain.name);
	return refuse(v, "a USB device of this host is passed through to %s, and cannot move", v->domain.name);
}

/* What `start` is asked for. 0 or an exit code, reported. */
static int vm_operands(struct vm *v)
{
	struct dmm_args *a = &v->t->args;
	u32 i;

	v->operands = calloc(DMM_MAX_GROUP, sizeof(*v->operands));
	if (!v->operands)
		return dmm_fail(v->t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	a->nr_operands = 0;
	for (i = 0; i < v->domain.nr; i++) {
		if (!v->dest[i] || is_shared(v, i))
			continue;
		snprintf(v->operands[i], sizeof(v->operands[i]), "%s:%s", v->where, v->dest[i]);
		a->operands[a->nr_operands++] = v->from[i];
		a->operands[a->nr_operands++] = v->operands[i];
	}
	if (!a->nr_operands && a->verify)
		return dmm_usage(v->t, "--verify compares disks that move, and none of %.64s does", v->domain.name);
	return 0;
}

/* The file that xl there makes the domain by: the admin's, with the disks of there. 0, or -errno with v->why. */
static int vm_write_config(struct vm *v, const char *text)
{
	dmm_autofree char *specs = calloc(DMM_MAX_GROUP, DMM_PATH_MAX + 128);
	const char *disks[DMM_MAX_GROUP];
	dmm_autofree char *out = NULL;
	dmm_autoclose int fd = -1;
	u32 i, nr = 0, moves = 0;
	ssize_t n;
	int ret;

	if (!specs)
		return -ENOMEM;
	for (i = 0; i < v->domain.nr; i++) {
		char *spec = specs + (size_t)nr * (DMM_PATH_MAX + 128);

		if (is_shared(v, i))
			snprintf(spec, DMM_PATH_MAX + 128, "format=raw,vdev=%s,access=%s,target=%s", v->domain.disks[i].vdev,
				 v->domain.disks[i].readwrite ? "rw" : "ro", v->domain.disks[i].path);
		else if (v->dest[i])
			snprintf(spec, DMM_PATH_MAX + 128, "format=raw,vdev=%s,access=rw,script=" BLOCK_SCRIPT ",target=%s",
				 v->domain.disks[i].vdev, v->moved ? v->made[moves++] : v->dest[i]);
		else
			snprintf(spec, DMM_PATH_MAX + 128, "vdev=%s,devtype=cdrom,format=empty,target=", v->domain.disks[i].vdev);
		disks[nr++] = spec;
	}
	ret = dmm_xl_config_disks(text, disks, nr, &out, v->why);
	if (ret)
		return ret;
	mkdir(DMM_RUN_DIR, 0755);
	snprintf(v->config, sizeof(v->config), DMM_RUN_DIR "/vm-%s.cfg", v->domain.name);
	fd = open(v->config, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	n = fd < 0 ? -1 : write(fd, out, strlen(out));
	ret = n == (ssize_t)strlen(out) ? 0 : n < 0 ? -errno : -ENOSPC;
	if (ret)
		snprintf(v->why, sizeof(v->why), "cannot write %.128s: %s", v->config, strerror(-ret));
	return ret;
}

static int vm_config(struct vm *v)
{
	dmm_autofree char *text = malloc(CONFIG_BYTES);
	char path[256];
	ssize_t n;

	if (v->t->args.config)
		snprintf(path, sizeof(path), "%.255s", v->t->args.config);
	else
		snprintf(path, sizeof(path), "/etc/xen/%s.cfg", v->domain.name);
	n = text ? dmm_read_text(path, text, CONFIG_BYTES) : -ENOMEM;
	if (n < 0) {
		dmm_next(v->t, "dmmigrate vm %s --config FILE ...", v->domain.name);
		return refuse(v, "cannot read the domain's configuration, %.200s: %s", path, strerror((int)-n));
	}
	if (!vm_write_config(v, text)) {
		if (v->moved)	/* and it was asked for */
			return 0;
		dmm_vm_config_init(&v->sent, v->t, v->domain.name, v->config, path);
		return dmm_vm_config_check(&v->sent, &v->to);
	}
	dmm_next(v->t, "see xl.cfg(5), and %s", path);
	return refuse(v, "%.200s: %s", path, v->why);
}

/* Rebooting costs nothing: the disks are the same. 0 or an exit code, reported. */
static int vm_still_there(struct vm *v)
{
	int ret = dmm_xl_still_there(&v->domain, REBOOT_MS, v->why);

	if (ret == 1)
		dmm_note(v->t, "%s was rebooted while its disks were copied: it moves all the same", v->domain.name);
	if (ret >= 0)
		return 0;
	dmm_next(v->t, "dmmigrate cutover %s (its disks go alone), or xl create and dmmigrate vm %s ... again, or dmmigrate cancel %s",
		 v->t->source, v->domain.name, v->t->source);
	return dmm_fail(v->t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "%s; the disks go on being copied", v->why);
}

static void vm_say_disks(struct vm *v)
{
	u32 i, moves = 0;

	for (i = 0; i < v->domain.nr; i++) {
		if (v->dest[i] && !is_shared(v, i))
			dmm_say(v->t, "%s is %s at %s.", v->domain.disks[i].vdev, v->made[moves++], v->t->args.to);
	}
}

static int vm_move(struct vm *v)
{
	struct dmm_tool *t = v->t;
	struct dmm_xl x;
	int ret;

	t->args.wait = true;
	if (t->args.patience_ms == DMM_UNSET)
		t->args.patience_ms = PATIENCE_MS;
	t->leads_on = true;
	t->label = v->domain.name;
	t->needs_gate = true;
	t->dests = v->made;
	ret = dmm_verb_start.run(t);
	if (ret || t->args.dry_run)
		return ret;
	/* once more, with the paths that volumes got */
	v->moved = true;
	ret = vm_config(v);
	if (ret)
		return ret;
	if (dmm_signal_seen()) {
		dmm_next(t, "dmmigrate vm %s ... (again), or dmmigrate cancel %s", v->domain.name, t->source);
		return dmm_fail(t, DMM_EXIT_ABORTED, DMM_OWNER_SOURCE, DMM_USE_ATTACHED, "interrupted: the disks go on being copied");
	}
	ret = vm_still_there(v);
	if (ret)
		return ret;
	t->args.nr_operands = 1;
	ret = dmm_vm_config_stage(&v->sent, t->args.operands[0]);
	if (ret)
		return ret;
	dmm_xl_init(&x, t, &v->domain, v->config);
	ret = dmm_cutover_run(t, &x.p);
	if (!ret) {
		vm_say_disks(v);
		if (dmm_vm_config_report(&v->sent))
			unlink(v->config);
		dmm_result_u64(t, "memory_bytes", x.stream.bytes);
	}
	return ret;
}

/* No disk of it moves. */
static int vm_alone(struct vm *v)
{
	u64 bytes;
	int ret = dmm_vm_alone(v->t, &v->to, &v->domain, &v->sent, &bytes);

	if (ret || v->t->args.dry_run)
		return ret;
	dmm_result_u64(v->t, "memory_bytes", bytes);
	return 0;
}

static int cmd_vm(struct dmm_tool *t)
{
	struct vm *v = calloc(1, sizeof(*v));
	int ret;

	if (!v)
		return dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	v->t = t;
	v->made = calloc(DMM_MAX_GROUP, sizeof(*v->made));
	ret = v->made ? vm_read_to(v) : dmm_fail(t, DMM_EXIT_LOCAL, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "out of memory");
	if (!ret)
		ret = vm_read_domain(v);
	if (!ret)
		ret = vm_check(v);
	if (!ret)
		ret = vm_operands(v);
	if (!ret)
		ret = vm_config(v);
	if (!ret) {
		dmm_result_text(t, "domain", v->domain.name);
		ret = t->args.nr_operands ? vm_move(v) : vm_alone(v);
	}
	if (ret && v->config[0])
		unlink(v->config);
	free(v->operands);
	free(v->made);
	free(v);
	return ret;
}

const struct dmm_verb dmm_verb_vm = {
	.name = "vm",
	.operands = "DOMAIN",
	.brief = "move a running Xen domain to another host, with its disks\n\n"
		 "The disks are copied while it runs; then its memory, by xl, over the same authenticated channel; the\n"
		 "disks change hands when it is suspended here and has not run there yet.  Before that everything that\n"
		 "dmmigrate doctor HOST --domain DOMAIN looks at is looked at, and what FAILs refuses the move (exit\n"
		 "code 3).  Until it may run there every failure leaves it, and its disks, in use here (exit code 8).\n"
		 "One that has no disk to move (DISK=shared, for each) moves by its memory, in the same steps.\n"
		 "The domain there is made by the configuration of here with the disks of there, which the hotplug\n"
		 "script " BLOCK_SCRIPT " connects; once it lives there, dmmigrated there puts that into /etc/xen, for\n"
		 "xl create, and, where /etc/xen/auto of here begins the domain, into /etc/xen/auto: this host does not\n"
		 "begin it any more then, and keeps its own configuration.  The host there names this one in 'guests' of\n"
		 "its dmmigrated.conf.",
	.options = vm_options,
	.min_operands = 1,
	.max_operands = 1,
	.needs_root = true,
	.run = cmd_vm,
};
