// SPDX-License-Identifier: GPL-2.0
/*
 * Which process has a disk or file open for writing.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"
#include "inuse_priv.h"

/* 1, 0, or -errno. */
static int fd_writes(const char *proc, const char *pid, const char *fd)
{
	char path[800], text[1024];
	unsigned int flags;
	ssize_t n;
	char *p;

	snprintf(path, sizeof(path), "%s/%s/fdinfo/%s", proc, pid, fd);
	n = dmm_read_text(path, text, sizeof(text));
	if (n == -EFBIG)	/* one with many locks: the flags come first */
		text[sizeof(text) - 1] = '\0';
	else if (n < 0)
		return n;
	p = strstr(text, "flags:");
	return p && sscanf(p, "flags: %o", &flags) == 1 && (flags & O_ACCMODE) != O_RDONLY;
}

/*
 * As stat(2) of a process's descriptor, without asking a file server: one that is dead must
 * not hang us because somebody has a file of it open.
 */
static int stat_cached(const char *path, struct stat *st)
{
	struct statx sx;

	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &sx))
		return -errno;
	memset(st, 0, sizeof(*st));
	st->st_mode = sx.stx_mode;
	st->st_ino = sx.stx_ino;
	st->st_dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
	st->st_rdev = makedev(sx.stx_rdev_major, sx.stx_rdev_minor);
	return 0;
}

/* Is descriptor @fd of process @pid the target, open for writing? 1, 0, or -errno: nobody knows. */
static int descriptor_writes(const struct dmm_inuse_target *t, const char *proc, const char *pid,
			     const char *fd)
{
	char path[800], scrap[8];
	struct stat st;
	int ret;

	snprintf(path, sizeof(path), "%s/%s/fd/%s", proc, pid, fd);
	ret = stat_cached(path, &st);
	/*
	 * A file server (FUSE) may not let us look at its files, whose names we see nevertheless:
	 * ours is not among them, it was looked at before.
	 */
	if (ret && ret != -ENOMEM && readlink(path, scrap, sizeof(scrap)) >= 0)
		return 0;
	if (ret)
		return ret;
	return dmm_inuse_is(t, &st) ? fd_writes(proc, pid, fd) : 0;
}

/* Has process @pid the target open for writing? 1, 0, or -errno. */
static int process_writes(const struct dmm_inuse_target *t, const char *proc, const char *pid)
{
	struct dirent *de;
	char dir[520];
	int ret = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/%s/fd", proc, pid);
	d = opendir(dir);
	if (!d)
		return -errno;
	while (ret <= 0) {
		errno = 0;
		de = readdir(d);
		if (!de) {
			ret = -errno;
			break;
		}
		if (de->d_name[0] == '.')
			continue;
		ret = descriptor_writes(t, proc, pid, de->d_name);
		if (ret < 0 && !dmm_inuse_gone(-ret) && !dmm_inuse_may_not_look(t, -ret))
			break;
	}
	closedir(d);
	return ret;
}

/*
 * The client of a network block device has that open as long as it is one, and writes nothing of its own there: the kernel names the
 * thread, of which the process is told by its directory.
 */
static bool process_is_nbd_client(const struct dmm_inuse_target *t, const char *proc, const char *pid)
{
	dev_t dev = t->whole ? t->whole : t->st->st_rdev;
	char path[640], thread[24];

	if (!S_ISBLK(t->st->st_mode) || major(dev) != NBD_MAJOR)
		return false;
	snprintf(path, sizeof(path), "%s/sys/dev/block/%u:%u/pid", t->root, major(dev), minor(dev));
	if (dmm_read_text(path, thread, sizeof(thread)) <= 0)
		return false;
	snprintf(path, sizeof(path), "%s/%s/task/%s", proc, pid, thread);
	return !access(path, F_OK);
}

/* Readers (udev, a backup) come and go and do no harm: only writers count. */
int dmm_inuse_processes(const struct dmm_inuse_target *t)
{
	char proc[256], path[640], comm[64], self[24], buf[96];
	struct dirent *de;
	int ret, writes;
	DIR *d;

	snprintf(proc, sizeof(proc), "%s/proc", t->root);
	snprintf(self, sizeof(self), "%d", getpid());
	d = dmm_inuse_opendir(t, proc, &ret);
	if (!d)
		return ret;
	while (!ret && (de = dmm_inuse_readdir(t, d, &ret))) {
		if (!isdigit(de->d_name[0]) || !strcmp(de->d_name, self))
			continue;
		writes = process_writes(t, proc, de->d_name);
		if (writes < 0 && !dmm_inuse_gone(-writes) && !dmm_inuse_may_not_look(t, -writes))
			ret = dmm_inuse_cannot_look(t, -writes);
		if (writes <= 0 || process_is_nbd_client(t, proc, de->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s/comm", proc, de->d_name);
		if (dmm_read_text(path, comm, sizeof(comm)) <= 0)
			snprintf(comm, sizeof(comm), "?");
		ret = dmm_refuse(t->r, DMM_WERR_BUSY,
				 "%s is open for writing by process %.10s (%s): stop it%s",
				 dmm_short_path(t->path, buf), de->d_name, comm, dmm_inuse_or_else(t));
	}
	closedir(d);
	return ret;
}
