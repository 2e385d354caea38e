// SPDX-License-Identifier: GPL-2.0
/*
 * Making a destination.  Everything is done by the descriptor of its directory,
 * so that what was checked is what is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "dest_create.h"

/* Where the open directory is, once all links are followed. */
static int dir_name(int fd, char name[PATH_MAX])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	name[n] = '\0';
	return 0;
}

static bool in_dev(const char *path)
{
	return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/shm/", 9);
}

/* Opens the directory of @rq->path; *base is the name in it. */
static int create_open_dir(struct dmm_allow *allow, const struct dmm_dest_request *rq,
			   const char **base, struct dmm_refusal *r)
{
	char dir[DMM_PATH_MAX], real[PATH_MAX], full[PATH_MAX + 256], buf[96];
	const char *slash = strrchr(rq->path, '/');
	int fd, ret;

	if (strlen(slash + 1) >= sizeof(((struct dmm_dest_made *)0)->name))
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s: the name is too long",
				  dmm_short_path(rq->path, buf));
	*base = slash + 1;
	snprintf(dir, sizeof(dir), "%.*s", slash == rq->path ? 1 : (int)(slash - rq->path), rq->path);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "cannot create %s, its directory: %s",
				  dmm_short_path(rq->path, buf), strerror(errno));
	ret = dir_name(fd, real);
	snprintf(full, sizeof(full), "%s/%s", strcmp(real, "/") ? real : "", *base);
	if (ret || !dmm_allow_destination(allow, rq->path, full, rq->peer)) {
		close(fd);
		return dmm_refuse(r, DMM_WERR_DENIED, "%s leads to a directory that is not on the "
				  "allow-list", dmm_short_path(rq->path, buf));
	}
	if (in_dev(rq->path) || in_dev(full)) {
		close(fd);
		return dmm_refuse(r, DMM_WERR_NOTFOUND, "%s does not exist: a disk cannot be created "
				  "here, make the volume first", dmm_short_path(rq->path, buf));
	}
	return fd;
}

static int create_refuse(const struct dmm_dest_request *rq, int err, struct dmm_refusal *r)
{
	char buf[96];
	u32 code = DMM_WERR_IO;

	if (err == EACCES || err == EPERM || err == EROFS)
		code = DMM_WERR_DENIED;
	else if (err == ENOSPC || err == EDQUOT || err == EFBIG)
		code = DMM_WERR_NOSPC;
	return dmm_refuse(r, code, "cannot create %s with %llu bytes: %s",
			  dmm_short_path(rq->path, buf), rq->size_bytes, strerror(err));
}

/* Some filesystems have nothing to sync in a directory, and say EINVAL. */
static int sync_it(int fd)
{
	return fsync(fd) && errno != EINVAL ? -1 : 0;
}

static int create_at(int dir_fd, const char *base, const struct dmm_dest_request *rq,
		     struct dmm_dest_made *made, struct dmm_refusal *r)
{
	dmm_autoclose int fd = openat(dir_fd, base, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
				      O_CLOEXEC | O_NOCTTY, 0600);
	struct stat st;

	if (fd < 0)
		return errno == EEXIST ? 0 : create_refuse(rq, errno, r);	/* somebody was faster */
	/* or a barrier could be acknowledged that covers a file whose name is lost with the power */
	if (fstat(fd, &st) || ftruncate(fd, (off_t)rq->size_bytes) || sync_it(fd) || sync_it(dir_fd)) {
		int err = errno;

		unlinkat(dir_fd, base, 0);
		return create_refuse(rq, err, r);
	}
	made->dir_fd = dir_fd;
	snprintf(made->name, sizeof(made->name), "%s", base);
	made->dev = st.st_dev;
	made->ino = st.st_ino;
	return 0;
}

int dmm_dest_create(struct dmm_allow *allow, const struct dmm_dest_request *rq, bool check,
		    bool *would, struct dmm_dest_made *made, struct dmm_refusal *r)
{
	const char *base;
	struct stat st;
	int fd, ret = 0;

	made->dir_fd = -1;
	*would = false;
	/* who is not allowed to ask is refused by the checks of what exists, and learns nothing */
	if (rq->path[0] != '/' || !dmm_path_is_canonical(rq->path) ||
	    !dmm_allow_match(allow, rq->path, rq->peer))
		return 0;
	/* a dangling link is something, too */
	if (!lstat(rq->path, &st) || errno != ENOENT)
		return 0;
	fd = create_open_dir(allow, rq, &base, r);
	if (fd < 0)
		return fd;
	*would = true;
	if (!check)
		ret = create_at(fd, base, rq, made, r);
	else if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS))
		ret = create_refuse(rq, errno, r);
	if (made->dir_fd < 0)
		close(fd);
	return ret;
}

void dmm_dest_made_keep(struct dmm_dest_made *made)
{
	if (made->dir_fd >= 0)
		close(made->dir_fd);
	made->dir_fd = -1;
}

void dmm_dest_made_remove(struct dmm_dest_made *made)
{
	struct stat st;

	if (made->dir_fd >= 0 && !fstatat(made->dir_fd, made->name, &st, AT_SYMLINK_NOFOLLOW) &&
	    st.st_dev == made->dev && st.st_ino == made->ino)
		unlinkat(made->dir_fd, made->name, 0);
	dmm_dest_made_keep(made);
}
