// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of the disk that another one is to move to, before anything is changed.  The kernel's claim has the last
 * word, when the table that names it is loaded; this has the reasons.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "identity.h"
#include "inuse.h"
#include "signature.h"
#include "source.h"
#include "vdi.h"

#define refuse(t, ...) \
	dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, __VA_ARGS__)

/* What reads by way of the page cache is to find nothing of before there. */
static int dest_settle(struct dmm_tool *t, const struct dmm_vdi_dest *d, int fd)
{
	if (!fsync(fd) && !ioctl(fd, BLKFLSBUF))
		return 0;
	dmm_next(t, "dmesg");
	return dmm_fail(t, DMM_EXIT_REMOTE, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "cannot flush %s: %s", d->path,
			strerror(errno));
}

static int dest_geometry(struct dmm_tool *t, struct dmm_vdi_dest *d, int fd, u64 size_bytes, u32 lbs_bytes)
{
	u64 bytes = 0;
	int lbs = 0, ro = 0;

	if (ioctl(fd, BLKGETSIZE64, &bytes) || ioctl(fd, BLKSSZGET, &lbs) || ioctl(fd, BLKROGET, &ro)) {
		dmm_next(t, "dmesg");
		return refuse(t, "cannot read the size of %s: %s", d->path, strerror(errno));
	}
	d->size_bytes = bytes;
	if (ro) {
		dmm_next(t, "blockdev --setrw %s", d->path);
		return refuse(t, "%s is read-only", d->path);
	}
	if (bytes < size_bytes) {
		dmm_next(t, "lvextend %s, or name a larger device", d->path);
		return refuse(t, "%s is too small: it has %llu bytes, %s %llu", d->path, bytes, t->source, size_bytes);
	}
	if ((u32)lbs > lbs_bytes) {
		dmm_next(t, "name a device with logical blocks of %u bytes", lbs_bytes);
		return refuse(t, "%s has logical blocks of %d bytes, and those of %s have %u: its user could not go on there",
			      d->path, lbs, t->source, lbs_bytes);
	}
	return 0;
}

static int dest_identity(struct dmm_tool *t, const struct dmm_source *s, const struct dmm_vdi_dest *d)
{
	char ours[DMM_IDENTITY_ALL], theirs[DMM_IDENTITY_ALL], which[128], node[160];

	if (d->major == s->live.major && d->minor == s->live.minor)
		return refuse(t, "%s is %s itself", d->path, t->source);
	if (dmm_dm_node(&s->live, node, sizeof(node)) || dmm_disk_identity(node, ours, sizeof(ours)) < 0 ||
	    dmm_disk_identity(d->path, theirs, sizeof(theirs)) < 0 ||
	    !dmm_identity_same(ours, theirs, which, sizeof(which)))
		return 0;
	dmm_next(t, "lsblk -s %s %s", node, d->path);
	return refuse(t, "%s is the same storage as %s, or lies on it (%s)", d->path, t->source, which);
}

static bool is_zero(unsigned int major, unsigned int minor)
{
	struct dmm_dm_dev dev;

	return !dmm_dm_find_number(major, minor, &dev) && dmm_dm_thin_is_zero(&dev);
}

bool dmm_vdi_sink_is_zero(const struct dmm_source *s)
{
	unsigned int major, minor;

	return !dmm_dm_table_sink(&s->table, &major, &minor) && is_zero(major, minor);
}

static int dest_open(struct dmm_tool *t, const struct dmm_vdi_dest *d)
{
	int fd = open(d->path, O_RDWR | O_EXCL | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		return fd;
	dmm_next(t, "lsblk %s; fuser -v %s", d->path, d->path);
	refuse(t, errno == EBUSY ? "%s is claimed by the kernel or another program (mounted elsewhere, RAID, LVM?): "
	       "release it first" : "cannot open %s: %s", d->path, strerror(errno));
	return -1;
}

int dmm_vdi_dest_check(struct dmm_tool *t, const struct dmm_source *s, const char *path, u64 size_bytes, u32 lbs_bytes,
		       struct dmm_vdi_dest *d)
{
	dmm_autoclose int fd = -1;
	struct dmm_refusal r;
	struct stat st;
	int ret;

	memset(d, 0, sizeof(*d));
	if (strlen(path) >= sizeof(d->path))
		return dmm_usage(t, "the name of the new disk is too long");
	snprintf(d->path, sizeof(d->path), "%s", path);
	if (*path != '/' || stat(path, &st) || !S_ISBLK(st.st_mode)) {
		dmm_next(t, "ls -l %s", path);
		return refuse(t, "--to %s is no block device of this host: name it from the root, like /dev/vg1/disk", path);
	}
	d->major = major(st.st_rdev);
	d->minor = minor(st.st_rdev);
	ret = dest_identity(t, s, d);
	if (ret)
		return ret;
	if (dmm_inuse_check("", &st, path, &r)) {
		dmm_next(t, "lsblk %s", path);
		return refuse(t, "%s", r.text);
	}
	fd = dest_open(t, d);
	if (fd < 0)
		return DMM_EXIT_PREFLIGHT;
	ret = dest_geometry(t, d, fd, size_bytes, lbs_bytes);
	if (!ret && dmm_signature(fd, d->signature, sizeof(d->signature))) {
		dmm_next(t, "dmesg");
		ret = refuse(t, "cannot read %s to look for a signature", path);
	}
	if (!ret)
		ret = dest_settle(t, d, fd);
	if (!ret)
		d->zeroed = is_zero(d->major, d->minor);
	return ret;
}
