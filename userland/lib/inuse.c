// SPDX-License-Identifier: GPL-2.0
/*
 * Finding out who uses a disk, to refuse it with a reason that helps.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"
#include "inuse.h"
#include "inuse_priv.h"

/*
 * What has gone meanwhile, or is unknown to this kernel, uses nothing.  Whatever else keeps us from
 * looking (descriptors or memory run out, permissions) must not pass for "nobody".
 */
bool dmm_inuse_gone(int err)
{
	return err == ENOENT || err == ESRCH || err == ENOTDIR;
}

/*
 * Some processes may not be looked at, in containers even by root.  Disks are refused then; for a
 * file the locks that the receiver takes, or the lease of a copy's source, have to do.
 */
bool dmm_inuse_may_not_look(const struct dmm_inuse_target *t, int err)
{
	return (err == EACCES || err == EPERM) && !t->nr_devs;
}

int dmm_inuse_cannot_look(const struct dmm_inuse_target *t, int err)
{
	char buf[96];

	return dmm_refuse(t->r, DMM_WERR_INTERNAL, "cannot find out who uses %s: %s",
			  dmm_short_path(t->path, buf), strerror(err));
}

const char *dmm_inuse_or_else(const struct dmm_inuse_target *t)
{
	return t->source ? ", or copy a snapshot of it" : ", or name another destination";
}

/* The directory, or NULL: then *ret is what the check returns. */
DIR *dmm_inuse_opendir(const struct dmm_inuse_target *t, const char *dir, int *ret)
{
	DIR *d = opendir(dir);

	*ret = d || dmm_inuse_gone(errno) ? 0 : dmm_inuse_cannot_look(t, errno);
	return d;
}

/* Its next entry; NULL: the end, or *ret is set. */
struct dirent *dmm_inuse_readdir(const struct dmm_inuse_target *t, DIR *d, int *ret)
{
	struct dirent *de;

	errno = 0;
	de = readdir(d);
	if (!de && errno && !dmm_inuse_gone(errno))
		*ret = dmm_inuse_cannot_look(t, errno);
	return de;
}

static bool target_is_dev(const struct dmm_inuse_target *t, dev_t dev)
{
	unsigned int i;

	for (i = 0; i < t->nr_devs; i++) {
		if (t->devs[i] == dev)
			return true;
	}
	return false;
}

bool dmm_inuse_is(const struct dmm_inuse_target *t, const struct stat *st)
{
	if (t->nr_devs)
		return S_ISBLK(st->st_mode) && target_is_dev(t, st->st_rdev);
	return S_ISREG(st->st_mode) && st->st_dev == t->st->st_dev && st->st_ino == t->st->st_ino;
}

static bool target_is_path(const struct dmm_inuse_target *t, const char *path)
{
	struct stat st;

	return !stat(path, &st) && dmm_inuse_is(t, &st);
}

static int read_dev(const char *path, dev_t *dev)
{
	unsigned int maj, min;
	char text[32];
	ssize_t n = dmm_read_text(path, text, sizeof(text));

	if (n < 0)
		return n;
	if (sscanf(text, "%u:%u", &maj, &min) != 2)
		return -ENOENT;
	*dev = makedev(maj, min);
	return 0;
}

/* Who has the disk has its partitions, too. */
static int target_add_disk(struct dmm_inuse_target *t)
{
	char path[256];
	int ret;

	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u/partition", t->root,
		 major(t->st->st_rdev), minor(t->st->st_rdev));
	if (access(path, F_OK))
		return dmm_inuse_gone(errno) ? 0 : dmm_inuse_cannot_look(t, errno);
	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u/../dev", t->root,
		 major(t->st->st_rdev), minor(t->st->st_rdev));
	ret = read_dev(path, &t->whole);
	if (ret)
		return dmm_inuse_cannot_look(t, -ret);
	t->devs[t->nr_devs++] = t->whole;
	return 0;
}

/* Adds the partitions of the disk: directories below it that have a "partition" file. */
static int target_add_partitions(struct dmm_inuse_target *t)
{
	char dir[256], path[640];
	struct dirent *de;
	dev_t dev = 0;
	DIR *d;
	int ret;

	snprintf(dir, sizeof(dir), "%s/sys/dev/block/%u:%u", t->root, major(t->st->st_rdev),
		 minor(t->st->st_rdev));
	d = dmm_inuse_opendir(t, dir, &ret);
	if (!d)
		return ret;
	while (!ret && t->nr_devs < MAX_DEVS && (de = dmm_inuse_readdir(t, d, &ret))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/partition", dir, de->d_name);
		if (access(path, F_OK) && dmm_inuse_gone(errno))
			continue;
		snprintf(path, sizeof(path), "%s/%s/dev", dir, de->d_name);
		ret = read_dev(path, &dev);
		if (!ret)
			t->devs[t->nr_devs++] = dev;
		else
			ret = dmm_inuse_gone(-ret) ? 0 : dmm_inuse_cannot_look(t, -ret);
	}
	closedir(d);
	return ret;
}

static const char *part_of(const struct dmm_inuse_target *t, dev_t dev)
{
	if (!t->nr_devs || dev == t->devs[0])
		return "";
	return dev == t->whole ? " (the disk that it is a partition of)" : " (a partition of it)";
}

/* mountinfo and swaps write blanks as \040 */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && isdigit(s[1]) && isdigit(s[2]) && isdigit(s[3])) {
			*out++ = (s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0');
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

static int check_mountinfo(const struct dmm_inuse_target *t, const char *mountinfo)
{
	dmm_autofree char *line = NULL;
	dmm_autofclose FILE *f = NULL;
	char path[256], where[512], source[512], buf[96], buf2[96];
	unsigned int maj, min;
	size_t size = 0;
	bool by_source;
	char *tail;

	snprintf(path, sizeof(path), "%s%s", t->root, mountinfo);
	f = fopen(path, "re");
	if (!f)
		return dmm_inuse_gone(errno) ? 0 : dmm_inuse_cannot_look(t, errno);
	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "%*u %*u %u:%u %*s %511s", &maj, &min, where) != 3)
			continue;
		/* btrfs shows a device number of its own: look at the source's node as well */
		tail = strstr(line, " - ");
		by_source = tail && sscanf(tail, " - %*s %511s", source) == 1 &&
			    !strncmp(source, "/dev/", 5) && t->nr_devs;
		if (by_source) {
			unescape(source);
			by_source = target_is_path(t, source);
		}
		if (!by_source && !target_is_dev(t, makedev(maj, min)))
			continue;
		unescape(where);
		return dmm_refuse(t->r, DMM_WERR_BUSY,
				  "%s is mounted on %s%s: unmount it%s",
				  dmm_short_path(t->path, buf), dmm_short_path(where, buf2),
				  part_of(t, makedev(maj, min)), dmm_inuse_or_else(t));
	}
	return feof(f) ? 0 : dmm_inuse_cannot_look(t, errno);
}

/* The host's mounts, and ours when a service manager gave us a namespace of our own. */
static int check_mounts(const struct dmm_inuse_target *t)
{
	int ret = check_mountinfo(t, "/proc/1/mountinfo");

	return ret ? ret : check_mountinfo(t, "/proc/self/mountinfo");
}

static int check_swaps(const struct dmm_inuse_target *t)
{
	dmm_autofree char *line = NULL;
	dmm_autofclose FILE *f = NULL;
	char path[512], buf[96];
	size_t size = 0;

	snprintf(path, sizeof(path), "%s/proc/swaps", t->root);
	f = fopen(path, "re");
	if (!f)
		return dmm_inuse_gone(errno) ? 0 : dmm_inuse_cannot_look(t, errno);
	while (getline(&line, &size, f) > 0) {
		if (sscanf(line, "%511s", path) != 1 || path[0] != '/')
			continue;
		unescape(path);
		if (target_is_path(t, path))
			return dmm_refuse(t->r, DMM_WERR_BUSY,
					  "%s is swap space: swapoff it%s",
					  dmm_short_path(t->path, buf), dmm_inuse_or_else(t));
	}
	return feof(f) ? 0 : dmm_inuse_cannot_look(t, errno);
}

/*
 * A gate that is shut fails a read; whatever lets one pass may have a guest above it by now.
 * 0 or a refusal.
 */
static int check_gate(const struct dmm_inuse_target *t, const char *node)
{
	dmm_autofree void *block = NULL;
	dmm_autoclose int fd = -1;
	char path[300], buf[96];
	ssize_t n = -1;

	snprintf(path, sizeof(path), "%s/dev/%s", t->root, node);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECT);
	if (fd < 0)
		return dmm_inuse_cannot_look(t, errno);
	if (posix_memalign(&block, 4096, 4096))
		return dmm_inuse_cannot_look(t, ENOMEM);
	n = pread(fd, block, 4096, 0);
	if (n < 0 && errno != EIO)
		return dmm_inuse_cannot_look(t, errno);
	if (n >= 0)
		return dmm_refuse(t->r, DMM_WERR_BUSY, "%s has a gate above it that is open: shut it first",
				  dmm_short_path(t->path, buf));
	*t->gated = true;
	return 0;
}

static bool holder_is_gate(const struct dmm_inuse_target *t, const char *holder)
{
	char path[640], uuid[160];

	snprintf(path, sizeof(path), "%s/dm/uuid", holder);
	return t->gate && dmm_read_text(path, uuid, sizeof(uuid)) > 0 && !strcmp(uuid, t->gate);
}

static int check_holders(const struct dmm_inuse_target *t)
{
	char dir[256], holder[560];
	struct dirent *de;
	unsigned int i;
	DIR *d;
	int ret = 0;

	for (i = 0; i < t->nr_devs && !ret; i++) {
		snprintf(dir, sizeof(dir), "%s/sys/dev/block/%u:%u/holders", t->root,
			 major(t->devs[i]), minor(t->devs[i]));
		d = dmm_inuse_opendir(t, dir, &ret);
		if (!d)
			continue;
		while (!ret && (de = dmm_inuse_readdir(t, d, &ret))) {
			if (de->d_name[0] == '.')
				continue;
			snprintf(holder, sizeof(holder), "%s/%s", dir, de->d_name);
			if (!i && holder_is_gate(t, holder)) {
				ret = check_gate(t, de->d_name);
				continue;
			}
			ret = dmm_inuse_by_holder(t, holder, part_of(t, t->devs[i]));
		}
		closedir(d);
	}
	return ret;
}

/* 1, 0, or -errno: it could not be asked. */
static int loop_uses(const struct dmm_inuse_target *t, const char *name)
{
	dmm_autoclose int fd = -1;
	struct loop_info64 info;
	char path[300];

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info))
		return errno == ENXIO || errno == ENODEV ? 0 : -errno;	/* it has let go meanwhile */
	if (t->nr_devs)
		return info.lo_rdevice && target_is_dev(t, info.lo_rdevice);
	return info.lo_device == t->st->st_dev && info.lo_inode == t->st->st_ino;
}

static int check_loops(const struct dmm_inuse_target *t)
{
	char path[512], buf[96];
	struct dirent *de;
	DIR *d;
	int ret, used;

	snprintf(path, sizeof(path), "%s/sys/block", t->root);
	d = dmm_inuse_opendir(t, path, &ret);
	if (!d)
		return ret;
	while (!ret && (de = dmm_inuse_readdir(t, d, &ret))) {
		if (strncmp(de->d_name, "loop", 4))
			continue;
		snprintf(path, sizeof(path), "%s/sys/block/%s/loop/backing_file", t->root, de->d_name);
		if (access(path, F_OK) && dmm_inuse_gone(errno))
			continue;
		used = loop_uses(t, de->d_name);
		if (used < 0 && !dmm_inuse_gone(-used) && !dmm_inuse_may_not_look(t, -used))
			ret = dmm_inuse_cannot_look(t, -used);
		if (used <= 0)
			continue;
		ret = dmm_refuse(t->r, DMM_WERR_BUSY,
				 "%s is in use by /dev/%.32s: losetup -d it%s",
				 dmm_short_path(t->path, buf), de->d_name, dmm_inuse_or_else(t));
	}
	closedir(d);
	return ret;
}

/* A guest's disk: blkback opens it without claiming it, so O_EXCL would not notice. */
static int check_xen(const struct dmm_inuse_target *t)
{
	char dir[256], path[640], text[32], buf[96];
	struct dirent *de;
	unsigned int maj, min;
	ssize_t n;
	DIR *d;
	int ret;

	snprintf(dir, sizeof(dir), "%s/sys/bus/xen-backend/devices", t->root);
	d = dmm_inuse_opendir(t, dir, &ret);
	if (!d)
		return ret;
	while (!ret && (de = dmm_inuse_readdir(t, d, &ret))) {
		if (strncmp(de->d_name, "vbd-", 4))
			continue;
		snprintf(path, sizeof(path), "%s/%s/physical_device", dir, de->d_name);
		n = dmm_read_text(path, text, sizeof(text));
		if (n < 0 && !dmm_inuse_gone(-n)) {
			ret = dmm_inuse_cannot_look(t, -n);
			break;
		}
		if (n <= 0 || sscanf(text, "%x:%x", &maj, &min) != 2 ||
		    !target_is_dev(t, makedev(maj, min)))
			continue;
		ret = dmm_refuse(t->r, DMM_WERR_BUSY,
				 "%s is a running guest's disk (%.64s): shut it down%s",
				 dmm_short_path(t->path, buf), de->d_name, dmm_inuse_or_else(t));
	}
	closedir(d);
	return ret;
}

/* One subsystem's namespaces. */
static int nvmet_exports(const struct dmm_inuse_target *t, const char *subsystem)
{
	char dir[640], path[800], text[512], buf[96];
	struct dirent *de;
	DIR *d;
	int ret;

	snprintf(dir, sizeof(dir), "%s/namespaces", subsystem);
	d = dmm_inuse_opendir(t, dir, &ret);
	if (!d)
		return ret;
	while (!ret && (de = dmm_inuse_readdir(t, d, &ret))) {
		snprintf(path, sizeof(path), "%s/%.64s/enable", dir, de->d_name);
		if (de->d_name[0] == '.' || dmm_read_text(path, text, sizeof(text)) <= 0 ||
		    strcmp(text, "1"))
			continue;
		snprintf(path, sizeof(path), "%s/%.64s/device_path", dir, de->d_name);
		if (dmm_read_text(path, text, sizeof(text)) > 0 && target_is_path(t, text))
			ret = dmm_refuse(t->r, DMM_WERR_BUSY, "%s is exported by NVMe over fabrics (%.128s): "
					 "end that%s", dmm_short_path(t->path, buf),
					 strrchr(subsystem, '/') + 1, dmm_inuse_or_else(t));
	}
	closedir(d);
	return ret;
}

/* The kernel's NVMe target opens its devices without claiming them, in no process. */
static int check_nvmet(const struct dmm_inuse_target *t)
{
	char dir[256], path[512];
	struct dirent *de;
	DIR *d;
	int ret;

	snprintf(dir, sizeof(dir), "%s/sys/kernel/config/nvmet/subsystems", t->root);
	d = dmm_inuse_opendir(t, dir, &ret);
	if (!d)
		return ret;
	while (!ret && (de = dmm_inuse_readdir(t, d, &ret))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%.223s", dir, de->d_name);
		ret = nvmet_exports(t, path);
	}
	closedir(d);
	return ret;
}

/* @base: what is asked for; the devices are found out about. */
static int inuse_check(const struct dmm_inuse_target *base)
{
	static int (* const checks[])(const struct dmm_inuse_target *) = {
		check_mounts, check_swaps, check_holders, check_xen, check_loops, check_nvmet,
		dmm_inuse_processes,
	};
	struct dmm_inuse_target t = *base;
	size_t i;
	int ret = 0;

	if (S_ISBLK(t.st->st_mode)) {
		t.devs[t.nr_devs++] = t.st->st_rdev;
		ret = target_add_disk(&t);
		if (!ret)
			ret = target_add_partitions(&t);
	}
	if (ret)
		return ret;
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		ret = checks[i](&t);
		if (ret)
			return ret;
	}
	return 0;
}

int dmm_inuse_check(const char *root, const struct stat *st, const char *path,
		    struct dmm_refusal *r)
{
	return inuse_check(&(struct dmm_inuse_target) { .root = root, .path = path, .st = st,
							.r = r });
}

int dmm_inuse_check_beneath(const char *root, const struct stat *st, const char *path,
			    const char *gate, bool *gated, struct dmm_refusal *r)
{
	*gated = false;
	return inuse_check(&(struct dmm_inuse_target) { .root = root, .path = path, .st = st, .r = r,
							.gate = gate, .gated = gated });
}

int dmm_inuse_check_source(const char *root, const struct stat *st, const char *path,
			   struct dmm_refusal *r)
{
	return inuse_check(&(struct dmm_inuse_target) { .root = root, .path = path, .st = st,
							.source = true, .r = r });
}
