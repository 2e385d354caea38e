// SPDX-License-Identifier: GPL-2.0
/*
 * Opening and checking destinations.  The cheap and telling checks come
 * first; the claim (O_EXCL, locks) is taken before size, identity and
 * signature are read, so that they are those of what is written later.  Who uses
 * it is asked before, for a reason that helps, and after.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "dest_priv.h"
#include "fullio.h"
#include "inuse.h"
#include "nbd.h"
#include "nbduri.h"
#include "log.h"
#include "signature.h"

#define FILE_PROBE_BYTES	8192u	/* a file must be this long to be tried for O_DIRECT */

static int dest_check_path(struct dmm_allow *allow, const struct dmm_dest_request *rq, char resolved[PATH_MAX],
			   struct stat *st, struct dmm_refusal *r)
{
	const char *path = rq->path, *peer = rq->peer;
	char buf[96], buf2[96];

	dmm_short_path(path, buf);
	if (path[0] != '/')
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s is not an absolute path: "
				  "name the destination from the root, like /dev/vg0/disk",
				  dmm_short_path(path, buf));
	if (!dmm_path_is_canonical(path))
		return dmm_refuse(r, DMM_WERR_DENIED, "%s: write the path without //, . and ..",
				  dmm_short_path(path, buf));
	if (!rq->made && dmm_allow_empty(allow))
		return dmm_refuse(r, DMM_WERR_DENIED,
				  "no destination is allowed here: add 'allow = %s' to dmmigrated.conf",
				  dmm_short_path(path, buf));
	/* before anything can be learnt about the path, existence included */
	if (!rq->made && !dmm_allow_match(allow, path, peer))
		return dmm_refuse(r, DMM_WERR_DENIED, "%s is not on the allow-list%s%.64s: "
				  "add an 'allow' line to dmmigrated.conf and reload",
				  dmm_short_path(path, buf), peer[0] ? " for " : "", peer);
	if (!realpath(path, resolved) || stat(resolved, st)) {
		if (errno == ENOENT || errno == ENOTDIR)
			return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s does not exist: "
					  "create the destination first",
					  dmm_short_path(path, buf));
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s: %s", dmm_short_path(path, buf),
				  strerror(errno));
	}
	if (!rq->made && !dmm_allow_destination(allow, path, resolved, peer))
		return dmm_refuse(r, DMM_WERR_DENIED,
				  "%s leads to %s, which is not on the allow-list",
				  dmm_short_path(path, buf), dmm_short_path(resolved, buf2));
	if (!S_ISBLK(st->st_mode) && !S_ISREG(st->st_mode))
		return dmm_refuse(r, DMM_WERR_NOTFOUND,
				  "%s is neither a block device nor a regular file",
				  dmm_short_path(path, buf));
	return 0;
}

/*
 * Locks a file in both ways that others (QEMU; flock(1)) would; they go with the descriptor.  A device beneath its gate is claimed by
 * that, and locked (not by flock(2), which udev goes by) against a process of before that was killed: its writes that are in
 * flight still have the lock.
 */
static int dest_lock(int fd, bool file)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (file && flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	return fcntl(fd, F_OFD_SETLK, &whole) ? -errno : 0;
}

/* Is the open file still where @resolved says? A directory may have become a link since. */
static bool fd_is_at(int fd, const char *resolved)
{
	char link[32], opened[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, opened, sizeof(opened) - 1);
	if (n < 0)
		return false;
	opened[n] = '\0';
	return !strcmp(opened, resolved);
}

/*
 * Opens and claims what @st showed, and makes sure that it is that, at that place.  Returns the
 * descriptor, and what it leads to in *st.
 */
static int dest_claim(const char *path, const char *resolved, bool gated, struct stat *st,
		      struct dmm_refusal *r)
{
	bool block = S_ISBLK(st->st_mode);
	struct stat now;
	char buf[96];
	int fd, ret;

	dmm_short_path(path, buf);
	fd = open(resolved, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | (block && !gated ? O_EXCL : 0));
	if (fd < 0) {
		switch (errno) {
		case EBUSY:
			return dmm_refuse(r, DMM_WERR_BUSY, "%s is claimed by the kernel or another "
					  "program (mounted elsewhere, RAID, LVM?): release it first",
					  dmm_short_path(path, buf));
		case EROFS:
		case EACCES:
		case EPERM:
			return dmm_refuse(r, DMM_WERR_DENIED,
					  "%s is read-only: make it writable (blockdev --setrw, "
					  "lvchange -prw) or name another destination",
					  dmm_short_path(path, buf));
		case ENXIO:
		case ENODEV:
		case ENOMEDIUM:
			return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s has no device behind it: %s",
					  dmm_short_path(path, buf), strerror(errno));
		}
		return dmm_refuse(r, DMM_WERR_IO, "cannot open %s: %s", dmm_short_path(path, buf),
				  strerror(errno));
	}
	if (!fd_is_at(fd, resolved) || fstat(fd, &now) || (now.st_mode & S_IFMT) != (st->st_mode & S_IFMT) ||
	    (block ? now.st_rdev != st->st_rdev :
	     now.st_dev != st->st_dev || now.st_ino != st->st_ino)) {
		ret = dmm_refuse(r, DMM_WERR_BUSY, "%s changed while it was looked at: try again",
				 dmm_short_path(path, buf));
		goto err_close;
	}
	if ((!block || gated) && dest_lock(fd, !block)) {
		ret = dmm_refuse(r, DMM_WERR_BUSY, "%s is %s", dmm_short_path(path, buf), block ?
				 "being written still by a process of before: try again" :
				 "locked by another program: stop that first");
		goto err_close;
	}
	*st = now;
	return fd;

err_close:
	close(fd);
	return ret;
}

/* Is there nothing but a hole where the source goes? */
static bool file_is_empty(int fd, u64 size_bytes)
{
	off_t data = lseek(fd, 0, SEEK_DATA);

	return data < 0 ? errno == ENXIO : (u64)data >= size_bytes;
}

static int dest_geometry(struct dmm_dest *d, const struct dmm_dest_request *rq,
			 const struct stat *st, struct dmm_refusal *r)
{
	char buf[96];
	int lbs = 512, ro = 0;

	if (S_ISBLK(st->st_mode)) {
		if (ioctl(d->fd, BLKGETSIZE64, &d->size_bytes) || ioctl(d->fd, BLKSSZGET, &lbs))
			return dmm_refuse(r, DMM_WERR_IO, "cannot ask %s for its size: %s",
					  dmm_short_path(d->path, buf), strerror(errno));
		if (!ioctl(d->fd, BLKROGET, &ro) && ro)
			return dmm_refuse(r, DMM_WERR_DENIED, "%s is read-only: make it writable "
					  "(blockdev --setrw) or name another destination",
					  dmm_short_path(d->path, buf));
	} else {
		d->size_bytes = st->st_size;
		d->flags |= DMM_PREPARED_FILE;
		if (file_is_empty(d->fd, rq->size_bytes))
			d->flags |= DMM_PREPARED_EMPTY;
	}
	d->lbs_bytes = lbs;
	return dmm_dest_check_geometry(d, rq, r);
}

int dmm_dest_check_geometry(const struct dmm_dest *d, const struct dmm_dest_request *rq,
			    struct dmm_refusal *r)
{
	char buf[96];

	if (d->size_bytes < rq->size_bytes)
		return dmm_refuse(r, DMM_WERR_TOOSMALL,
				  "%s has %llu bytes, the source %llu: enlarge it by %llu bytes",
				  dmm_short_path(d->path, buf), d->size_bytes, rq->size_bytes,
				  rq->size_bytes - d->size_bytes);
	/*
	 * A guest that was told of 512-byte blocks would fail on a disk with larger ones, so
	 * there is no use in rewriting partial blocks here.
	 */
	if (d->lbs_bytes > rq->lbs_bytes)
		return dmm_refuse(r, DMM_WERR_UNSUPPORTED,
				  "%s has logical blocks of %u bytes, the source of %u: the guest's "
				  "I/O would fail there; name a destination with smaller blocks",
				  dmm_short_path(d->path, buf), d->lbs_bytes, rq->lbs_bytes);
	return 0;
}

static int dest_check_identity(struct dmm_dest *d, const struct dmm_dest_request *rq,
			       const char *resolved, struct dmm_refusal *r)
{
	char all[DMM_IDENTITY_ALL], which[DMM_IDENTITY_MAX], buf[96];
	unsigned int left_out;

	/* the first few tell later whether it is still the same; for the comparison all count */
	if (dmm_disk_identity(resolved, d->identity, sizeof(d->identity)) < 0)
		d->identity[0] = '\0';
	if (dmm_disk_identity_fit(resolved, all, sizeof(all), &left_out) < 0)
		return 0;
	if (left_out)
		dmm_warn(NULL, "%s lies on too many devices: %u of their identities are not compared with "
			 "the source's", dmm_short_path(d->path, buf), left_out);
	if (!dmm_identity_same(all, rq->source_identity, which, sizeof(which)))
		return 0;
	return dmm_refuse(r, DMM_WERR_SAMEDISK,
			  "%s is the source itself or shares storage with it (%.64s): "
			  "name another destination", dmm_short_path(d->path, buf), which);
}

/* The allow-list is about names: another one, of anybody's choice, must not lead round it. */
static int dest_check_names(const char *path, const struct stat *st, struct dmm_refusal *r)
{
	char buf[96];

	if (!S_ISREG(st->st_mode) || st->st_nlink == 1)
		return 0;
	return dmm_refuse(r, DMM_WERR_DENIED, "%s has %lu names (hard links): "
			  "remove the others, or name another destination",
			  dmm_short_path(path, buf), (unsigned long)st->st_nlink);
}

int dmm_dest_check_signature(struct dmm_dest *d, int fd, const struct dmm_dest_request *rq,
			     struct dmm_refusal *r)
{
	char buf[96];
	int ret = dmm_signature(fd, d->signature, sizeof(d->signature));

	if (ret)
		return dmm_refuse(r, DMM_WERR_IO, "cannot read %s to look for a signature: %s",
				  dmm_short_path(d->path, buf), strerror(-ret));
	if (d->signature[0] && !rq->overwrite && !rq->made)
		return dmm_refuse(r, DMM_WERR_SIGNATURE, "%s carries a signature (%s): "
				  "confirm that it may be overwritten, or name another destination",
				  dmm_short_path(d->path, buf), d->signature);
	return 0;
}

/* Logical blocks of the device that the filesystem @dev is on; 0 where that cannot be said. */
static u32 filesystem_lbs(dev_t dev)
{
	static const char *const queues[] = { "queue", "../queue" };	/* of a disk, of a partition */
	char path[96], text[16];
	size_t i;

	for (i = 0; i < sizeof(queues) / sizeof(queues[0]); i++) {
		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s/logical_block_size", major(dev),
			 minor(dev), queues[i]);
		if (dmm_read_text(path, text, sizeof(text)) > 0)
			return strtoul(text, NULL, 10);
	}
	return 0;
}

/*
 * Direct I/O where it works with the source's alignment.  Files on some filesystems take
 * O_DIRECT and then insist on more than the source's blocks, or refuse it altogether.
 */
static void dest_set_direct(struct dmm_dest *d, const struct dmm_dest_request *rq)
{
	int flags = fcntl(d->fd, F_GETFL);
	void *probe;

	d->align_bytes = d->lbs_bytes;
	if (fcntl(d->fd, F_SETFL, flags | O_DIRECT))
		goto buffered;
	if (!(d->flags & DMM_PREPARED_FILE))
		return;
	/* a hole is read at any alignment, and then cannot be written */
	if (filesystem_lbs(d->dev) <= rq->lbs_bytes && d->size_bytes >= FILE_PROBE_BYTES &&
	    !posix_memalign(&probe, 4096, 4096)) {
		int ret = dmm_pread_full(d->fd, probe, rq->lbs_bytes > 4096 ? 4096 : rq->lbs_bytes,
					 rq->lbs_bytes > 4096 ? 4096 : rq->lbs_bytes);

		free(probe);
		if (!ret) {
			d->align_bytes = rq->lbs_bytes > 4096 ? 4096 : rq->lbs_bytes;
			return;
		}
	}
	fcntl(d->fd, F_SETFL, flags);
buffered:
	d->align_bytes = 1;
	d->flags |= DMM_PREPARED_BUFFERED;
}

/*
 * What a volume that was made for it has behind the source's end, where it was rounded up: the guest sees that one day,
 * and what lies there is somebody else's.
 */
static int dest_zero_rest(const struct dmm_dest *d, const struct dmm_dest_request *rq, struct dmm_refusal *r)
{
	u64 range[2] = { rq->size_bytes, d->size_bytes - rq->size_bytes };
	char buf[96];

	if (d->flags & DMM_PREPARED_FILE || !range[1])
		return 0;
	while (ioctl(d->fd, BLKZEROOUT, range)) {
		if (errno != EINTR)
			return dmm_refuse(r, DMM_WERR_IO, "cannot zero the last %llu bytes of %s: %s", range[1],
					  dmm_short_path(rq->path, buf), strerror(errno));
	}
	return 0;
}

int dmm_dest_open(struct dmm_allow *allow, const struct dmm_dest_request *rq, struct dmm_dest *d,
		  struct dmm_refusal *r)
{
	char resolved[PATH_MAX], buf[96];
	bool gated, still_gated = false;
	struct stat st;
	int ret;

	memset(d, 0, sizeof(*d));
	d->fd = -1;
	strncat(d->path, rq->path, sizeof(d->path) - 1);
	if (dmm_is_nbd(rq->path))
		return dmm_dest_open_nbd(allow, rq, d, r);
	ret = dest_check_path(allow, rq, resolved, &st, r);
	if (ret)
		return ret;
	ret = dmm_inuse_check_beneath("", &st, rq->path, rq->gate, &gated, r);
	if (ret)
		return ret;
	d->fd = dest_claim(rq->path, resolved, gated, &st, r);
	if (d->fd < 0) {
		ret = d->fd;
		d->fd = -1;
		return ret;
	}
	d->dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	d->ino = S_ISBLK(st.st_mode) ? 0 : st.st_ino;
	/* again: whoever came before the claim did not know of it */
	ret = dmm_inuse_check_beneath("", &st, rq->path, rq->gate, &still_gated, r);
	if (!ret && gated && !still_gated)
		ret = dmm_refuse(r, DMM_WERR_BUSY, "the gate above %s went away: try again",
				 dmm_short_path(rq->path, buf));
	if (!ret)
		ret = dest_geometry(d, rq, &st, r);
	if (!ret)
		ret = dest_check_identity(d, rq, resolved, r);
	if (!ret)
		ret = dest_check_names(rq->path, &st, r);
	if (!ret)
		ret = dmm_dest_check_signature(d, d->fd, rq, r);
	if (!ret && rq->made)
		ret = dest_zero_rest(d, rq, r);
	if (ret) {
		dmm_dest_close(d);
		return ret;
	}
	dest_set_direct(d, rq);
	return 0;
}

void dmm_dest_close(struct dmm_dest *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	dmm_nbd_put(d->nbd);
	d->nbd = NULL;
}

void dmm_dest_take(struct dmm_dest *d, struct dmm_dest *taken)
{
	taken->fd = dmm_take_fd(d->fd);
	taken->nbd = d->nbd;
	d->nbd = NULL;
}

int dmm_dest_flush(const struct dmm_dest *d)
{
	if (d->nbd)
		return dmm_nbd_flush(d->nbd);
	return fdatasync(d->fd) ? -errno : 0;
}

static bool dest_is_what_it_was(const struct dmm_dest *d, const struct stat *st)
{
	if (d->flags & DMM_PREPARED_FILE)
		return S_ISREG(st->st_mode) && st->st_dev == d->dev && st->st_ino == d->ino;
	return S_ISBLK(st->st_mode) && st->st_rdev == d->dev;
}

int dmm_dest_still_there(const struct dmm_dest *d, u64 size_bytes, struct dmm_refusal *r)
{
	struct stat st;
	char buf[96];

	if (!(d->flags & DMM_PREPARED_FILE) || d->nameless)
		return 0;
	if (stat(d->path, &st) || !dest_is_what_it_was(d, &st))
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s was removed, renamed or replaced while it "
				  "was written: what the source sent is not there",
				  dmm_short_path(d->path, buf));
	if ((u64)st.st_size < size_bytes)
		return dmm_refuse(r, DMM_WERR_TOOSMALL, "%s was cut to %llu bytes while it was written: "
				  "what the source sent behind that is gone",
				  dmm_short_path(d->path, buf), (unsigned long long)st.st_size);
	return 0;
}

int dmm_dest_reopen(const struct dmm_dest *d, struct dmm_nbd **nbd, struct dmm_refusal *r)
{
	char identity[DMM_IDENTITY_MAX], buf[96];
	struct stat st;
	int fd = -1;

	*nbd = NULL;
	if (dmm_is_nbd(d->path))
		return dmm_dest_reopen_nbd(d, nbd, r);
	/* before opening it: of some things that is not without effect */
	if (!stat(d->path, &st) && !dest_is_what_it_was(d, &st))
		goto err_changed;
	fd = open(d->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
		  (d->flags & DMM_PREPARED_BUFFERED ? 0 : O_DIRECT));
	if (fd < 0)
		return dmm_refuse(r, errno == ENOENT ? DMM_WERR_NOTFOUND : DMM_WERR_IO,
				  "cannot open %s again: %s", dmm_short_path(d->path, buf),
				  strerror(errno));
	if (fstat(fd, &st) || !dest_is_what_it_was(d, &st))
		goto err_changed;
	/* The number of a removed device is soon another's: its first identity tells. */
	if (!(d->flags & DMM_PREPARED_FILE) && d->identity[0] &&
	    dmm_disk_identity(d->path, identity, sizeof(identity)) > 0 &&
	    (strcspn(identity, " ") != strcspn(d->identity, " ") ||
	     strncmp(identity, d->identity, strcspn(identity, " "))))
		goto err_changed;
	return fd;

err_changed:
	if (fd >= 0)
		close(fd);
	return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s is not the device any more that was written: "
			  "it was replaced since", dmm_short_path(d->path, buf));
}
