// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of the source before it is attached.  Each refusal is one line: what
 * is in the way, and what to do about it.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "identity.h"
#include "preflight.h"
#include "nl.h"
#include "sysfs.h"
#include <dmmigrate/uapi.h>
#include <dmmigrate/wire.h>

extern char **environ;

#define refuse(t, ...) \
	dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, __VA_ARGS__)

/* modprobe, quietly; whether it helped is seen from the target being there. */
static void module_load(void)
{
	char *argv[] = { (char *)"modprobe", (char *)"-q", (char *)"dm-migrate", NULL };
	posix_spawn_file_actions_t fa;
	int status;
	pid_t pid;

	if (posix_spawn_file_actions_init(&fa))
		return;
	posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ)) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	posix_spawn_file_actions_destroy(&fa);
}

/* Before anything is attached: tool and module that do not understand each other. */
static int preflight_version(struct dmm_tool *t)
{
	unsigned int version;

	if (dmm_tool_nl(t))
		return 0;	/* whoever needs it says why there is none */
	version = dmm_nl_version(t->nl);
	if (version == DMM_GENL_VERSION)
		return 0;
	if (version > DMM_GENL_VERSION)
		dmm_next(t, "upgrade dmmigrate on this host to the module's version");
	else
		dmm_next(t, "install the module of this version, then rmmod dm-migrate and modprobe dm-migrate");
	return refuse(t, "the module dm-migrate speaks version %u of its netlink family, this tool version %u: "
		      "upgrade the %s", version, DMM_GENL_VERSION,
		      version > DMM_GENL_VERSION ? "tool" : "module");
}

int dmm_preflight_module(struct dmm_tool *t, bool look_only, bool *loaded)
{
	unsigned int version[3];
	int ret = dmm_dm_has_target(DMM_TARGET_NAME, version);

	if (!ret && !look_only) {
		module_load();
		ret = dmm_dm_has_target(DMM_TARGET_NAME, version);
	}
	*loaded = ret == 1;
	if (ret < 0) {
		dmm_next(t, "modprobe dm-mod");
		return refuse(t, "device-mapper does not answer: %s", dmm_dm_reason());
	}
	if (!ret && !look_only) {
		dmm_next(t, "modprobe dm-migrate (or insmod .../dm-migrate.ko)");
		return refuse(t, "the kernel module dm-migrate is not loaded, and modprobe does not "
			      "find it for this kernel");
	}
	return *loaded ? preflight_version(t) : 0;
}

static int sysfs_number(const struct dmm_dm_dev *dev, const char *attr, u64 *value)
{
	char text[64];
	int ret = dmm_sysfs_read(dev->major, dev->minor, attr, text, sizeof(text));

	if (ret < 0)
		return ret;
	return dmm_parse_u64(text, 0, ~0ull, value);
}

int dmm_preflight_sizes(struct dmm_tool *t, const struct dmm_source *s, struct dmm_preflight *p)
{
	u64 sectors, lbs, table_sectors = dmm_dm_table_sectors(&s->table);
	unsigned int left_out = 0;
	char node[160];

	if (sysfs_number(&s->live, "size", &sectors) ||
	    sysfs_number(&s->live, "queue/logical_block_size", &lbs)) {
		dmm_next(t, "mount -t sysfs none /sys");
		return refuse(t, "cannot read the size of %s from /sys", t->source);
	}
	if (!sectors || sectors != table_sectors) {
		dmm_next(t, "dmsetup info %s", t->source);
		return refuse(t, "the size of %s (%llu sectors) is not that of its table (%llu): "
			      "somebody is changing it", t->source, sectors, table_sectors);
	}
	p->size_bytes = sectors * DMM_SECTOR_BYTES;
	p->lbs_bytes = (u32)lbs;
	p->block_bytes = DMM_MIN_BLOCK_BYTES;
	if (t->args.block_bytes != DMM_UNSET)
		p->block_bytes = (u32)t->args.block_bytes;
	if (s->migrate)
		p->block_bytes = s->block_sectors * DMM_SECTOR_BYTES;
	if (p->block_bytes < p->lbs_bytes) {
		dmm_next(t, "dmmigrate start --block-size %u ...", p->lbs_bytes);
		return refuse(t, "blocks of %u bytes are smaller than the logical blocks of %s, %u",
			      p->block_bytes, t->source, p->lbs_bytes);
	}
	p->identity[0] = '\0';
	if (!dmm_dm_node(&s->live, node, sizeof(node)) &&
	    dmm_disk_identity_fit(node, p->identity, sizeof(p->identity), &left_out) < 0)
		p->identity[0] = '\0';
	if (left_out)
		dmm_note(t, "%s lies on so many devices that %u of their identities are not told to the "
			 "receiver: make sure yourself that the destination does not lie on one of them",
			 t->source, left_out);
	return 0;
}

/* Queues that the target cannot stand in for. */
static int preflight_queue(struct dmm_tool *t, const struct dmm_source *s)
{
	char zoned[32];
	u64 dax = 0;

	if (dmm_sysfs_read(s->live.major, s->live.minor, "queue/zoned", zoned, sizeof(zoned)) > 0 &&
	    strcmp(zoned, "none")) {
		dmm_next(t, "copy it offline, or migrate a device above it that is not zoned");
		return refuse(t, "%s is a zoned device (%s): these cannot be migrated", t->source,
			      zoned);
	}
	if (!sysfs_number(&s->live, "queue/dax", &dax) && dax) {
		dmm_next(t, "copy it offline, or put it into sector mode (ndctl create-namespace "
			    "--mode=sector)");
		return refuse(t, "%s is a DAX device, whose writes nobody can see: these cannot be "
			      "migrated", t->source);
	}
	return 0;
}

static int preflight_state(struct dmm_tool *t, const struct dmm_source *s)
{
	if (s->named_origin) {
		dmm_next(t, "dmmigrate status %s", t->source);
		return refuse(t, "%s is the origin device of migration %s: name the device above it",
			      t->args.operands[0], s->hex);
	}
	if (!s->live.live_table) {
		dmm_next(t, "dmsetup table %s", t->source);
		return refuse(t, "%s has no table", t->source);
	}
	if (s->inactive_ours || (s->has_origin && !s->migrate)) {
		dmm_next(t, "dmmigrate cancel %s", t->source);
		return refuse(t, "an interrupted start left its origin device %s behind",
			      s->origin.name);
	}
	if (s->live.inactive_table) {
		dmm_next(t, "dmsetup clear %s (if nobody is changing it)", t->source);
		return refuse(t, "a table is loaded into %s but not live: somebody is changing it",
			      t->source);
	}
	if (s->live.suspended) {
		dmm_next(t, "dmsetup resume %s (if nobody is changing it)", t->source);
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_SUSPENDED,
				"%s is suspended, not by dmmigrate", t->source);
	}
	return 0;
}

/* The name of the origin device must be free. */
static int preflight_origin_name(struct dmm_tool *t, const struct dmm_source *s)
{
	static const u8 none[DMM_ID_BYTES];
	char name[DMM_DM_NAME_BYTES];
	struct dmm_dm_dev dev;

	dmm_origin_name(s->live.name, none, 0, name);
	if (dmm_dm_find_name(name, &dev) == -ENODEV)
		return 0;
	dmm_next(t, "dmsetup rename %s OTHER-NAME", name);
	return refuse(t, "a device called %s exists, and it is not dmmigrate's", name);
}

int dmm_preflight_source(struct dmm_tool *t, const struct dmm_source *s, struct dmm_preflight *p)
{
	char why[256];
	int ret;

	memset(p, 0, sizeof(*p));
	ret = preflight_state(t, s);
	if (ret)
		return ret;
	if (dmm_dm_table_check(&s->table, why, sizeof(why))) {
		dmm_next(t, "dmsetup table %s", t->source);
		return refuse(t, "%s cannot be attached: %s", t->source, why);
	}
	ret = preflight_queue(t, s);
	if (ret)
		return ret;
	ret = preflight_origin_name(t, s);
	if (ret)
		return ret;
	ret = dmm_preflight_sizes(t, s, p);
	if (ret)
		return ret;
	return dmm_preflight_module(t, t->args.dry_run, &p->module_loaded);
}
