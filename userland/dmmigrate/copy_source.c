// SPDX-License-Identifier: GPL-2.0
/*
 * Opening, claiming and watching the source of an offline copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "copy_source.h"
#include "fullio.h"
#include "inuse.h"

#define DIRECT_ALIGN	4096u	/* units are; the buffers are; only the end of a file is not */

static int source_cannot_open(const char *path, int err, struct dmm_refusal *r)
{
	char buf[96];

	if (err == EBUSY)
		return dmm_refuse(r, DMM_WERR_BUSY, "%s is claimed by the kernel or another program "
				  "(mounted, RAID, LVM, another copy?): release it first",
				  dmm_short_path(path, buf));
	if (err == ENOENT || err == ENOTDIR)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s does not exist", dmm_short_path(path, buf));
	if (err == EACCES || err == EPERM)
		return dmm_refuse(r, DMM_WERR_DENIED, "%s may not be read by this user",
				  dmm_short_path(path, buf));
	return dmm_refuse(r, DMM_WERR_IO, "cannot open %s: %s", dmm_short_path(path, buf),
			  strerror(err));
}

/* Sectors written since the device exists, over all users. */
static bool source_writes(const struct dmm_copy_source *s, u64 *writes)
{
	unsigned long long v;
	char path[64], text[512];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", major(s->st.st_rdev),
		 minor(s->st.st_rdev));
	if (dmm_read_text(path, text, sizeof(text)) <= 0 ||
	    sscanf(text, "%*u %*u %*u %*u %*u %*u %llu", &v) != 1)
		return false;
	*writes = v;
	return true;
}

static int source_geometry(struct dmm_copy_source *s, struct dmm_refusal *r)
{
	char buf[96];
	int lbs = DMM_SECTOR_BYTES;

	if (s->block) {
		if (ioctl(s->fd, BLKGETSIZE64, &s->size_bytes) || ioctl(s->fd, BLKSSZGET, &lbs))
			return dmm_refuse(r, DMM_WERR_IO, "cannot ask %s for its size: %s",
					  dmm_short_path(s->path, buf), strerror(errno));
		s->writes_known = source_writes(s, &s->writes);
	} else {
		s->size_bytes = s->st.st_size;
		s->holes = (u64)s->st.st_blocks * 512 < s->size_bytes;
	}
	s->lbs_bytes = lbs;
	if (!s->size_bytes)
		return dmm_refuse(r, DMM_WERR_RANGE, "%s is empty", dmm_short_path(s->path, buf));
	if (s->size_bytes % s->lbs_bytes)
		return dmm_refuse(r, DMM_WERR_RANGE, "%s has %llu bytes, which are no whole sectors of "
				  "%u: is it the image of a disk? (truncate -s %%%u %s)",
				  dmm_short_path(s->path, buf), s->size_bytes, s->lbs_bytes,
				  s->lbs_bytes, s->path);
	return 0;
}

/*
 * O_DIRECT where it works: nothing else of the host is thrown out of its cache.  On tmpfs it is
 * accepted and means nothing.
 */
static void source_set_direct(struct dmm_copy_source *s)
{
	int flags = fcntl(s->fd, F_GETFL);
	struct statfs fs;
	void *probe;

	if (!s->block && (fstatfs(s->fd, &fs) || fs.f_type == TMPFS_MAGIC))
		return;
	if (posix_memalign(&probe, DIRECT_ALIGN, DIRECT_ALIGN))
		return;
	if (!fcntl(s->fd, F_SETFL, flags | O_DIRECT))
		s->direct = pread(s->fd, probe, DIRECT_ALIGN, 0) >= 0;
	free(probe);
	if (!s->direct)
		fcntl(s->fd, F_SETFL, flags);
}

/* The kernel grants none while somebody has the file open for writing, and tells when somebody wants to. */
int dmm_copy_source_lease(struct dmm_copy_source *s, struct dmm_refusal *r)
{
	char buf[96];

	if (s->block)
		return 0;
	signal(SIGIO, SIG_IGN);	/* how it tells; dmm_copy_source_check() asks */
	if (!fcntl(s->plain_fd, F_SETLEASE, F_RDLCK)) {
		s->leased = true;
		return 0;
	}
	if (errno != EAGAIN && errno != EBUSY)
		return 0;	/* not ours, or a filesystem without leases */
	return dmm_refuse(r, DMM_WERR_BUSY, "%s is open for writing: stop who does, or copy a snapshot "
			  "of it", dmm_short_path(s->path, buf));
}

int dmm_copy_source_open(struct dmm_copy_source *s, const char *root, const char *path,
			 struct dmm_refusal *r)
{
	char buf[96];
	int ret, err;

	memset(s, 0, sizeof(*s));
	s->fd = s->plain_fd = -1;
	if (!realpath(path, s->path) || stat(s->path, &s->st))
		return source_cannot_open(path, errno, r);
	s->block = S_ISBLK(s->st.st_mode);
	if (!s->block && !S_ISREG(s->st.st_mode))
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s is neither a block device nor a regular file",
				  dmm_short_path(path, buf));
	s->fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (s->block ? O_EXCL : 0));
	if (s->fd < 0) {
		err = errno;
		/* for a reason that helps */
		ret = err == EBUSY ? dmm_inuse_check_source(root, &s->st, s->path, r) : 0;
		return ret ? ret : source_cannot_open(path, err, r);
	}
	/* the lease belongs to a description of its own: some filesystems grant none with O_DIRECT */
	s->plain_fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (s->plain_fd < 0) {
		ret = source_cannot_open(path, errno, r);
		goto err_close;
	}
	if (fstat(s->fd, &s->st)) {	/* as it is now that it is held */
		ret = source_cannot_open(path, errno, r);
		goto err_close;
	}
	/* who holds it without having claimed it (of a file: the lease tells) */
	ret = dmm_inuse_check_source(root, &s->st, s->path, r);
	if (!ret)
		ret = source_geometry(s, r);
	if (ret)
		goto err_close;
	source_set_direct(s);
	if (dmm_disk_identity(s->path, s->identity, sizeof(s->identity)) < 0)
		s->identity[0] = '\0';
	return 0;

err_close:
	dmm_copy_source_close(s);
	return ret;
}

int dmm_copy_source_open_origin(struct dmm_copy_source *s, const char *node, u64 size_bytes)
{
	memset(s, 0, sizeof(*s));
	s->plain_fd = -1;
	s->fd = open(node, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (s->fd < 0)
		return -errno;
	snprintf(s->path, sizeof(s->path), "%s", node);
	s->block = s->direct = true;
	s->size_bytes = size_bytes;
	return 0;
}

void dmm_copy_source_close(struct dmm_copy_source *s)
{
	if (s->leased)
		fcntl(s->plain_fd, F_SETLEASE, F_UNLCK);
	s->leased = false;
	if (s->plain_fd >= 0)
		close(s->plain_fd);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = s->plain_fd = -1;
}

static int source_changed(const struct dmm_copy_source *s, const char *what, struct dmm_refusal *r)
{
	char buf[96];

	return dmm_refuse(r, DMM_WERR_BUSY, "%s %s while it was copied: what arrived is of no use",
			  dmm_short_path(s->path, buf), what);
}

int dmm_copy_source_check(const struct dmm_copy_source *s, struct dmm_refusal *r)
{
	u64 size_bytes = 0, writes;
	struct stat st;

	if (fstat(s->fd, &st))
		return source_changed(s, "went away", r);
	if (s->block) {
		if (ioctl(s->fd, BLKGETSIZE64, &size_bytes) || size_bytes != s->size_bytes)
			return source_changed(s, "changed its size", r);
		if (s->writes_known && source_writes(s, &writes) && writes != s->writes)
			return source_changed(s, "was written", r);
		return 0;
	}
	if ((u64)st.st_size != s->size_bytes)
		return source_changed(s, "changed its size", r);
	if (st.st_mtim.tv_sec != s->st.st_mtim.tv_sec || st.st_mtim.tv_nsec != s->st.st_mtim.tv_nsec)
		return source_changed(s, "was written", r);
	/* broken: who wants to write waits for us, up to /proc/sys/fs/lease-break-time */
	if (s->leased && fcntl(s->plain_fd, F_GETLEASE) != F_RDLCK)
		return source_changed(s, "was opened for writing", r);
	return 0;
}
