// SPDX-License-Identifier: GPL-2.0
/*
 * Gates.  What is there is told by device-mapper every time, and nothing is remembered: the daemon may have been
 * killed anywhere, and so may the one before it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "dm.h"
#include "dmlock.h"
#include "gate.h"
#include "inuse.h"
#include "log.h"
#include "nl.h"
#include "sysfs.h"

#define NO_MODULE	"load dm-migrate there, or start without a gate"

enum gate_kind {
	GATE_NEW,		/* no live table: who made it was killed half way, nothing has passed */
	GATE_GATE,
	GATE_SETTLED,		/* linear: it was a gate, and is the plain volume */
	GATE_OTHER,		/* somebody has changed it */
};

/* What device-mapper says of a gate. */
struct gate_dev {
	struct dmm_dm_dev dev;
	enum gate_kind kind;
	unsigned int major, minor;	/* of the volume, if GATE or SETTLED */
	u64 sectors;
};

/* 0, -ENODEV, -errno. */
static int gate_find_locked(const struct dmm_manifest *m, u32 disk, struct gate_dev *g)
{
	char uuid[DMM_DM_UUID_BYTES];
	struct dmm_dm_table t = { 0 };
	int ret;

	dmm_gate_uuid_format(m->id, disk, uuid);
	ret = dmm_dm_find_uuid(uuid, &g->dev);
	if (ret)
		return ret;
	g->kind = GATE_NEW;
	if (!g->dev.live_table)
		return 0;
	ret = dmm_dm_table(&g->dev, false, &t);
	if (ret)
		return ret;
	g->kind = !dmm_dm_table_gate(&t, &g->major, &g->minor) ? GATE_GATE :
		  !dmm_dm_table_linear(&t, &g->major, &g->minor) ? GATE_SETTLED : GATE_OTHER;
	g->sectors = dmm_dm_table_sectors(&t);
	dmm_dm_table_clear(&t);
	return 0;
}

static int gate_find(const struct dmm_manifest *m, u32 disk, struct gate_dev *g)
{
	int ret;

	dmm_dm_lock();
	ret = gate_find_locked(m, disk, g);
	dmm_dm_unlock();
	return ret;
}

/* Has the module gates, and a family that we understand?  0 or -errno with @r filled. */
static int gate_possible_locked(struct dmm_refusal *r)
{
	unsigned int version[3] = { 0 }, family;
	struct dmm_nl *nl;
	int ret = dmm_dm_has_target(DMM_TARGET_NAME, version);

	if (ret < 0)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no gate can be made: device-mapper does not answer "
				  "(%s): %s", dmm_dm_text_locked(ret), NO_MODULE);
	if (!ret)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no gate can be made: the kernel module dm-migrate is "
				  "not loaded: %s", NO_MODULE);
	if (!version[0] && version[1] < 2)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no gate can be made: the kernel module dm-migrate, its "
				  "target %u.%u.%u, has none yet: upgrade it there, or start without a gate",
				  version[0], version[1], version[2]);
	ret = dmm_nl_open(&nl);
	if (ret)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no gate can be made: dm-migrate does not answer (%s): %s",
				  strerror(-ret), NO_MODULE);
	family = dmm_nl_version(nl);
	dmm_nl_close(nl);
	if (family == DMM_GENL_VERSION)
		return 0;
	return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no gate can be made: dm-migrate speaks version %u of its netlink "
			  "family, the receiver version %u: upgrade one of them, or start without a gate",
			  family, DMM_GENL_VERSION);
}

int dmm_gate_possible(struct dmm_refusal *r)
{
	int ret;

	dmm_dm_lock();
	ret = gate_possible_locked(r);
	dmm_dm_unlock();
	return ret;
}

/* 0 or the kernel's answer, which is said in @why (or NULL), of 256 bytes. */
static int gate_tell(const struct gate_dev *g, enum dmm_gate gate, bool if_clean, char *why)
{
	struct dmm_nl_req req = {
		.cmd = DMM_CMD_GATE, .dev = dmm_nl_dev(g->dev.major, g->dev.minor), .gate = gate,
		.set = DMM_NL_BIT(DMM_A_DEV) | DMM_NL_BIT(DMM_A_GATE) |
		       (if_clean ? DMM_NL_BIT(DMM_A_IF_CLEAN) : 0),
	};
	struct dmm_nl *nl;
	int ret = dmm_nl_open(&nl);

	if (why)
		snprintf(why, 256, "%s", strerror(-ret));
	if (ret)
		return ret;
	ret = dmm_nl_do(nl, &req);
	if (why)
		snprintf(why, 256, "%s", *dmm_nl_reason(nl) ? dmm_nl_reason(nl) : strerror(-ret));
	dmm_nl_close(nl);
	return ret;
}

void dmm_gate_identity(const char *path, char identity[DMM_IDENTITY_MAX])
{
	if (dmm_disk_identity(path, identity, DMM_IDENTITY_MAX) <= 0)
		identity[0] = '\0';
	identity[strcspn(identity, " ")] = '\0';
	if (strpbrk(identity, "@<="))	/* of this boot only, or not its own */
		identity[0] = '\0';
}

/* Names may lead elsewhere after a reboot. 0, or -errno with @r filled. */
static int volume_check(const struct dmm_manifest_disk *d, u64 sectors, struct dmm_refusal *r)
{
	char buf[96], identity[DMM_IDENTITY_MAX];

	if (sectors < d->size_bytes / DMM_SECTOR_BYTES)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "no gate can be made above %s: it has %llu bytes, and the migration's disk "
				  "%llu: it is another one", dmm_short_path(d->path, buf),
				  sectors * DMM_SECTOR_BYTES, d->size_bytes);
	if (!d->identity[0])
		return 0;
	dmm_gate_identity(d->path, identity);
	if (!strcmp(identity, d->identity))
		return 0;
	return dmm_refuse(r, DMM_WERR_NOTFOUND, "no gate can be made above %s: it is %.80s now, and the migration's disk is %.80s: find "
			  "out which device that is", dmm_short_path(d->path, buf),
			  identity[0] ? identity : "a device without identity", d->identity);
}

/* The volume's device and size. */
static int volume_find(const char *path, struct stat *st, u64 *sectors, struct dmm_refusal *r)
{
	char buf[96];

	if (stat(path, st))
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "no gate can be made above %s: %s",
				  dmm_short_path(path, buf), strerror(errno));
	if (!S_ISBLK(st->st_mode))
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED, "no gate can be made above %s: it is no block device: "
				  "start without a gate", dmm_short_path(path, buf));
	*sectors = dmm_sysfs_sectors(st->st_rdev);
	if (!*sectors)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "no gate can be made above %s: it has no size",
				  dmm_short_path(path, buf));
	return 0;
}

static int gate_create_locked(const struct dmm_manifest_disk *d, const char *uuid, dev_t volume, u64 sectors,
			      struct dmm_refusal *r)
{
	struct dmm_dm_table t = { 0 };
	struct dmm_dm_dev dev;
	char params[64], buf[96];
	int ret;

	ret = dmm_dm_find_name(d->name, &dev);
	if (!ret)
		return dmm_refuse(r, DMM_WERR_BUSY, "the gate's name %s is taken by another device-mapper device: "
				  "remove or rename that, or name the gate otherwise (--gate)", d->name);
	/* it was rounded up to whole extents, of which the guest is to see nothing */
	if (d->volume.sr.kind)
		sectors = d->size_bytes / DMM_SECTOR_BYTES;
	/* by number: what was looked at, whatever the path leads to by now */
	snprintf(params, sizeof(params), "%u:%u %u 1 gate", major(volume), minor(volume),
		 d->block_bytes / DMM_SECTOR_BYTES);
	ret = dmm_dm_table_add(&t, 0, sectors, DMM_TARGET_NAME, params);
	if (!ret)
		ret = dmm_dm_create(d->name, uuid, &t, false, &dev);
	dmm_dm_table_clear(&t);
	if (!ret)
		return 0;
	if (ret == -EBUSY)
		return dmm_refuse(r, DMM_WERR_BUSY, "no gate can be made above %s: it is claimed by the kernel or "
				  "another program (mounted, RAID, LVM?): release it first",
				  dmm_short_path(d->path, buf));
	return dmm_refuse(r, DMM_WERR_INTERNAL, "cannot make the gate %s above %s: %s", d->name,
			  dmm_short_path(d->path, buf), dmm_dm_text_locked(ret));
}

/* There is one of that UUID. 0: it is a gate above @volume; 1: it was none yet, and is removed. */
static int gate_check_locked(const struct gate_dev *g, dev_t volume, struct dmm_refusal *r)
{
	int ret;

	switch (g->kind) {
	case GATE_NEW:
		ret = dmm_dm_remove(&g->dev);
		if (!ret || ret == -ENODEV)
			return 1;
		return dmm_refuse(r, DMM_WERR_BUSY, "the gate %s was left half made, and cannot be removed (%s): "
				  "dmsetup remove %s", g->dev.name, dmm_dm_text_locked(ret), g->dev.name);
	case GATE_GATE:
		if (makedev(g->major, g->minor) == volume)
			return 0;
		return dmm_refuse(r, DMM_WERR_BUSY, "the gate %s is above another volume (%u:%u): drop the migration "
				  "there, or dmsetup remove %s", g->dev.name, g->major, g->minor, g->dev.name);
	case GATE_SETTLED:
		return dmm_refuse(r, DMM_WERR_BUSY, "%s was the gate of this very disk, and is in use since it was "
				  "handed over: begin a new migration", g->dev.name);
	default:
		return dmm_refuse(r, DMM_WERR_BUSY, "the table of the gate %s was changed by somebody: remove it "
				  "(dmsetup remove %s)", g->dev.name, g->dev.name);
	}
}

/* 1: it is there already, and to be shut. */
static int gate_make_locked(const struct dmm_manifest *m, u32 disk, struct gate_dev *g,
			    struct dmm_refusal *r)
{
	const struct dmm_manifest_disk *d = &m->disks[disk];
	char uuid[DMM_DM_UUID_BYTES];
	struct stat st;
	u64 sectors;
	int ret;

	ret = gate_possible_locked(r);
	if (!ret)
		ret = volume_find(d->path, &st, &sectors, r);
	if (!ret)
		ret = volume_check(d, sectors, r);
	if (ret)
		return ret;
	ret = gate_find_locked(m, disk, g);
	if (ret && ret != -ENODEV)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "cannot look for the gate %s: %s", d->name,
				  dmm_dm_text_locked(ret));
	if (!ret) {
		ret = gate_check_locked(g, st.st_rdev, r);
		if (ret <= 0)
			return ret ? ret : 1;
	}
	/* for a reason that helps; device-mapper's claim has the last word */
	ret = dmm_inuse_check("", &st, d->path, r);
	if (ret)
		return ret;
	dmm_gate_uuid_format(m->id, disk, uuid);
	return gate_create_locked(d, uuid, st.st_rdev, sectors, r);
}

int dmm_gate_make(const struct dmm_manifest *m, u32 disk, struct dmm_refusal *r)
{
	struct gate_dev g;
	char why[256];
	int ret;

	dmm_dm_lock();
	ret = gate_make_locked(m, disk, &g, r);
	dmm_dm_unlock();
	if (ret <= 0)
		return ret;
	if (!gate_tell(&g, DMM_GATE_SHUT, false, why))
		return 0;
	return dmm_refuse(r, DMM_WERR_INTERNAL, "the gate %s is there already and cannot be shut: %s",
			  g.dev.name, why);
}

/* What is the plain volume by now is open, for good. */
static int settled_set(enum dmm_ho_gate gate, bool *written)
{
	if (gate == DMM_HO_GATE_OPEN)
		return 0;
	if (gate == DMM_HO_GATE_READS)
		return -EINVAL;		/* as the kernel says of OPEN -> READS */
	if (!written)
		return -EOPNOTSUPP;	/* and here */
	*written = true;		/* nobody has counted */
	return 0;
}

int dmm_gate_set(const struct dmm_manifest *m, u32 disk, enum dmm_ho_gate gate, bool *written)
{
	static const enum dmm_gate gates[] = {
		[DMM_HO_GATE_SHUT] = DMM_GATE_SHUT, [DMM_HO_GATE_READS] = DMM_GATE_READS,
		[DMM_HO_GATE_OPEN] = DMM_GATE_OPEN,
	};
	bool if_clean = written && gate == DMM_HO_GATE_SHUT;
	struct gate_dev g;
	int ret = gate_find(m, disk, &g);

	if (ret)
		return ret;
	if (g.kind == GATE_SETTLED)
		return settled_set(gate, written);
	if (g.kind == GATE_NEW)		/* dmm_gate_make() does away with it */
		return -ENODEV;
	if (gate == DMM_HO_GATE_SHUT && DMM_MUTANT == 223)	/* hazard 23 */
		return 0;
	ret = gate_tell(&g, gates[gate], if_clean, NULL);
	if (ret != -ENOTEMPTY || !if_clean)
		return ret;
	*written = true;
	return 0;
}

static int gate_info(const struct gate_dev *g, struct dmm_nl_info *info)
{
	struct dmm_nl *nl;
	int ret = dmm_nl_open(&nl);

	if (ret)
		return ret;
	ret = dmm_nl_get(nl, dmm_nl_dev(g->dev.major, g->dev.minor), info);
	dmm_nl_close(nl);
	return ret;
}

int dmm_gate_has_written(const struct dmm_manifest *m, u32 disk)
{
	struct gate_dev g;
	int ret = gate_find(m, disk, &g);

	if (ret == -ENODEV || (!ret && g.kind != GATE_GATE))
		return 1;	/* nobody has counted */
	if (!ret)
		ret = gate_tell(&g, DMM_GATE_OPEN, true, NULL);
	/* one that is not open: whoever shuts it will hear */
	return ret == -ENOTEMPTY ? 1 : ret == -EINVAL ? 0 : ret;
}

/* Linear lets everything pass: nothing but an open gate may become that. */
static int gate_is_open(const struct gate_dev *g)
{
	struct dmm_nl_info info;
	int ret = gate_info(g, &info);

	return ret ? ret : info.gate == DMM_GATE_OPEN ? 0 : -EINVAL;
}

static int gate_settle_locked(const struct dmm_manifest *m, u32 disk, const struct gate_dev *g)
{
	struct dmm_log_id id = { .disk = disk };
	enum dmm_swap_end end = DMM_SWAP_UNCHANGED;
	struct dmm_dm_table linear = { 0 };
	char params[64];
	int ret;

	snprintf(params, sizeof(params), "%u:%u 0", g->major, g->minor);
	ret = dmm_dm_table_add(&linear, 0, g->sectors, "linear", params);
	if (!ret)
		ret = dmm_dm_load(&g->dev, &linear, g->dev.read_only);
	/* linear is the way out of a failed resume, too: a gate that is made again is shut */
	if (!ret)
		ret = dmm_dm_swap(&g->dev, &linear, DMM_SWAP_APART, &end);
	dmm_dm_table_clear(&linear);
	memcpy(id.migration, m->id, sizeof(id.migration));
	if (ret)
		dmm_err(&id, "the gate %s has not become the plain volume%s: %s", g->dev.name,
			end == DMM_SWAP_SUSPENDED ? ", and is suspended" : "", dmm_dm_text_locked(ret));
	return ret;
}

int dmm_gate_settle(const struct dmm_manifest *m, u32 disk)
{
	struct gate_dev g;
	int ret;

	dmm_dm_lock();
	ret = gate_find_locked(m, disk, &g);
	if (!ret && g.kind == GATE_NEW)
		ret = -ENODEV;
	else if (!ret && g.kind == GATE_OTHER)
		ret = -EINVAL;
	else if (!ret && g.kind == GATE_GATE)
		ret = gate_is_open(&g);
	if (!ret && g.kind == GATE_GATE)
		ret = gate_settle_locked(m, disk, &g);
	dmm_dm_unlock();
	return ret;
}

int dmm_gate_remove(const struct dmm_manifest *m, u32 disk)
{
	struct gate_dev g;
	int ret;

	dmm_dm_lock();
	ret = gate_find_locked(m, disk, &g);
	if (!ret)
		ret = dmm_dm_remove(&g.dev);
	dmm_dm_unlock();
	return ret == -ENODEV ? 0 : ret;
}

int dmm_gate_settled_remove(const struct dmm_manifest *m, u32 disk)
{
	struct gate_dev g;
	int ret;

	dmm_dm_lock();
	ret = gate_find_locked(m, disk, &g);
	if (!ret && g.kind != GATE_SETTLED)
		ret = -EINVAL;
	else if (!ret && g.dev.open_count)
		ret = -EBUSY;	/* whoever has it has it for long */
	else if (!ret)
		ret = dmm_dm_remove(&g.dev);
	dmm_dm_unlock();
	return ret == -ENODEV ? 0 : ret;
}

bool dmm_gate_is_settled(const struct dmm_dm_dev *dev)
{
	struct dmm_dm_table t = { 0 };
	unsigned int major, minor;
	bool is;

	dmm_dm_lock();
	is = dev->live_table && !dmm_dm_table(dev, false, &t) && !dmm_dm_table_linear(&t, &major, &minor);
	dmm_dm_table_clear(&t);
	dmm_dm_unlock();
	return is;
}
