// SPDX-License-Identifier: GPL-2.0
/*
 * Journals on disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"
#include "journal.h"
#include "parse.h"

#define JOURNAL_NAME	"journal"
#define JOURNAL_NEW	"journal.new"
#define JOURNAL_ROOM	(64u << 10)	/* reserved when it is made, so that a full disk shows then */

struct dmm_journal {
	const struct dmm_journal_io *io;
	int fd;				/* the file, which the lock is on */
	int dir_fd;
	bool locked;
	bool settled;			/* @view's last record was synced through this handle */
	struct dmm_journal_view view;
	u8 last[DMM_JOURNAL_RECORD_BYTES];	/* @view's last record as it is in the file */
	bool tried;			/* an append whose end is unknown: of this record */
	u8 tried_bytes[DMM_JOURNAL_RECORD_BYTES];
};

static const struct dmm_journal_io journal_io = { pwrite, fsync, ftruncate };

static int journal_sync(const struct dmm_journal_io *io, int fd)
{
	return io->fsync(fd) ? -errno : 0;
}

/* As the record was given: 0, or the -errno of a write that may have done part of it. */
static int journal_write(const struct dmm_journal_io *io, int fd, const u8 *buf, size_t offset)
{
	size_t done = 0;
	ssize_t n;

	while (done < DMM_JOURNAL_RECORD_BYTES) {
		n = io->pwrite(fd, buf + done, DMM_JOURNAL_RECORD_BYTES - done,
			       (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int dmm_journal_sync_dir(const char *path, const struct dmm_journal_io *io)
{
	dmm_autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : journal_sync(io ? io : &journal_io, fd);
}

int dmm_journal_mkdirs(const char *path, const struct dmm_journal_io *io)
{
	dmm_autofree char *above = strdup(path);
	char *slash;
	int ret;

	if (!above)
		return -ENOMEM;
	slash = strrchr(above, '/');
	if (slash == above)
		slash[1] = '\0';
	else if (slash)
		*slash = '\0';
	if (!mkdir(path, 0700))
		return dmm_journal_sync_dir(slash ? above : ".", io);
	if (errno == EEXIST)
		return 0;
	if (errno != ENOENT || !slash || slash == above)
		return -errno;
	ret = dmm_journal_mkdirs(above, io);
	if (ret)
		return ret;
	return mkdir(path, 0700) ? -errno : dmm_journal_sync_dir(above, io);
}

static void journal_path(char path[512], const char *dir, const u8 id[DMM_ID_BYTES])
{
	char hex[DMM_ID_HEX];

	dmm_id_format(id, hex);
	snprintf(path, 512, "%s/%s", dir, hex);
}

int dmm_journal_mkdir(const char *dir, const u8 id[DMM_ID_BYTES], const struct dmm_journal_io *io)
{
	char path[512];
	int ret;

	io = io ? io : &journal_io;
	journal_path(path, dir, id);
	ret = dmm_journal_mkdirs(path, io);
	if (ret)
		return ret;
	/* it may have been made by one that died before it synced */
	ret = dmm_journal_sync_dir(dir, io);
	if (ret)
		return ret;
	ret = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

static struct dmm_journal *journal_alloc(const struct dmm_journal_io *io)
{
	struct dmm_journal *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->io = io ? io : &journal_io;
	j->fd = -1;
	j->dir_fd = -1;
	return j;
}

void dmm_journal_close(struct dmm_journal *j)
{
	if (!j)
		return;
	dmm_close_fd(&j->fd);	/* which unlocks */
	dmm_close_fd(&j->dir_fd);
	free(j);
}

const struct dmm_journal_record *dmm_journal_last(const struct dmm_journal *j)
{
	return &j->view.last;
}

/* A file of its own until it is whole: an empty journal is a damaged one. */
static int journal_begin(struct dmm_journal *j)
{
	int ret;

	unlinkat(j->dir_fd, JOURNAL_NEW, 0);
	j->fd = openat(j->dir_fd, JOURNAL_NEW, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return -errno;
	if (fallocate(j->fd, FALLOC_FL_KEEP_SIZE, 0, JOURNAL_ROOM) && errno != EOPNOTSUPP && errno != ENOSYS)
		return -errno;
	ret = journal_write(j->io, j->fd, j->last, 0);
	if (!ret)
		ret = journal_sync(j->io, j->fd);
	if (!ret && linkat(j->dir_fd, JOURNAL_NEW, j->dir_fd, JOURNAL_NAME, 0))
		ret = -errno;
	if (unlinkat(j->dir_fd, JOURNAL_NEW, 0) && !ret)
		ret = -errno;
	return ret ? ret : journal_sync(j->io, j->dir_fd);
}

int dmm_journal_create(const char *dir, const struct dmm_journal_record *first,
		       const struct dmm_journal_io *io, struct dmm_journal **result)
{
	struct dmm_journal *j = journal_alloc(io);
	char why[DMM_JOURNAL_WHY];
	struct dmm_journal_record r = *first;
	int ret;

	if (!j)
		return -ENOMEM;
	r.seq = 1;
	dmm_journal_encode(&r, j->last);
	ret = dmm_journal_scan(j->last, sizeof(j->last), r.id, &j->view, why);
	if (ret) {
		ret = -EINVAL;
		goto err_close;
	}
	ret = dmm_journal_mkdir(dir, r.id, j->io);
	if (ret < 0)
		goto err_close;
	j->dir_fd = ret;
	ret = journal_begin(j);
	if (ret)
		goto err_close;
	j->settled = true;
	*result = j;
	return 0;

err_close:
	dmm_journal_close(j);
	return ret;
}

/* -errno, or as dmm_journal_scan(). @last: the bytes of the last record. */
static int journal_read(int fd, const u8 id[DMM_ID_BYTES], struct dmm_journal_view *view,
			u8 last[DMM_JOURNAL_RECORD_BYTES], char *why)
{
	dmm_autofree void *buf = NULL;
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size > (off_t)DMM_JOURNAL_MAX_BYTES)
		return -EFBIG;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	ret = dmm_pread_full(fd, buf, (size_t)st.st_size, 0);
	if (!ret)
		ret = dmm_journal_scan(buf, (size_t)st.st_size, id, view, why);
	if (!ret)
		memcpy(last, (u8 *)buf + view->whole_bytes - DMM_JOURNAL_RECORD_BYTES,
		       DMM_JOURNAL_RECORD_BYTES);
	return ret;
}

/*
 * Writes the last record once more, as it is, and syncs.  What a failed sync left in the page cache is clean
 * and would never be written otherwise, nor be missed until the next boot.
 */
static int journal_settle(struct dmm_journal *j)
{
	int ret = journal_write(j->io, j->fd, j->last, j->view.whole_bytes - DMM_JOURNAL_RECORD_BYTES);

	if (!ret)
		ret = journal_sync(j->io, j->fd);
	if (!ret)
		ret = journal_sync(j->io, j->dir_fd);
	j->settled = !ret;
	return ret;
}

int dmm_journal_open(const char *dir, const u8 id[DMM_ID_BYTES], const struct dmm_journal_io *io,
		     struct dmm_journal **result, char *why)
{
	struct dmm_journal *j = journal_alloc(io);
	char path[512], said[DMM_JOURNAL_WHY] = "";
	int ret;

	if (!j)
		return -ENOMEM;
	journal_path(path, dir, id);
	j->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (j->dir_fd >= 0)
		j->fd = openat(j->dir_fd, JOURNAL_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	ret = j->fd < 0 ? -errno : 0;
	if (!ret && flock(j->fd, LOCK_EX | LOCK_NB))
		ret = -errno;
	if (!ret)
		ret = journal_read(j->fd, id, &j->view, j->last, said);
	if (!ret)
		ret = journal_settle(j);
	if (ret) {
		snprintf(why, DMM_JOURNAL_WHY, "%.100s/" JOURNAL_NAME ": %.90s%s", path,
			 *said ? said : strerror(-ret), ret == -ENOENT || ret == -EWOULDBLOCK ? "" :
			 ": start the VM on neither host, see exit code 9");
		dmm_journal_close(j);
		return ret;
	}
	flock(j->fd, LOCK_UN);
	*result = j;
	return 0;
}

/* Locked: is it still what this handle goes by?  What came of an append in doubt is taken over. */
static int journal_refresh(struct dmm_journal *j)
{
	struct dmm_journal_view view;
	u8 last[DMM_JOURNAL_RECORD_BYTES];
	char why[DMM_JOURNAL_WHY];
	struct stat st, now;
	int ret;

	/* removed, or another one in its place */
	if (fstat(j->fd, &st))
		return -errno;
	if (fstatat(j->dir_fd, JOURNAL_NAME, &now, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? -ESTALE : -errno;
	if (st.st_ino != now.st_ino)
		return -ESTALE;
	ret = journal_read(j->fd, j->view.last.id, &view, last, why);
	if (ret)
		return ret;
	if (memcmp(last, j->last, sizeof(last)) &&
	    !(j->tried && view.nr == j->view.nr + 1 && !memcmp(last, j->tried_bytes, sizeof(last))))
		return -ESTALE;
	j->view = view;
	memcpy(j->last, last, sizeof(last));
	if (!j->settled)
		ret = journal_settle(j);
	if (!ret)
		j->tried = false;
	return ret;
}

int dmm_journal_lock(struct dmm_journal *j)
{
	int ret;

	if (flock(j->fd, LOCK_EX | LOCK_NB))
		return -errno;
	ret = journal_refresh(j);
	if (ret)
		flock(j->fd, LOCK_UN);
	j->locked = !ret;
	return ret;
}

void dmm_journal_unlock(struct dmm_journal *j)
{
	if (j->locked)
		flock(j->fd, LOCK_UN);
	j->locked = false;
}

static enum dmm_ho_event_type journal_append_locked(struct dmm_journal *j,
						    struct dmm_journal_record *r, int *err)
{
	size_t at = j->view.whole_bytes;
	u8 buf[DMM_JOURNAL_RECORD_BYTES];

	r->seq = j->view.last.seq + 1;
	memcpy(r->id, j->view.last.id, sizeof(r->id));
	r->role = j->view.last.role;
	r->nr_disks = j->view.last.nr_disks;
	*err = -EINVAL;
	if (r->epoch < j->view.last.epoch || !dmm_ho_state_durable(r->state, r->role))
		return DMM_HO_EV_APPEND_NOTHING;
	*err = -EFBIG;
	if (at + sizeof(buf) > DMM_JOURNAL_MAX_BYTES)
		return DMM_HO_EV_APPEND_NOTHING;
	dmm_journal_encode(r, buf);
	if (j->view.torn_bytes && j->io->ftruncate(j->fd, (off_t)at)) {
		*err = -errno;
		return DMM_HO_EV_APPEND_NOTHING;
	}
	j->view.torn_bytes = 0;
	*err = journal_write(j->io, j->fd, buf, at);
	if (!*err && DMM_MUTANT == 124)
		goto out;
	if (!*err)
		*err = journal_sync(j->io, j->fd);
	if (!*err)
		*err = journal_sync(j->io, j->dir_fd);
	if (*err) {
		j->settled = false;
		j->tried = true;
		memcpy(j->tried_bytes, buf, sizeof(buf));
		return DMM_HO_EV_APPEND_UNSURE;
	}
out:
	memcpy(j->last, buf, sizeof(buf));
	j->view.nr++;
	j->view.whole_bytes += sizeof(buf);
	j->view.last = *r;
	return DMM_HO_EV_APPENDED;
}

enum dmm_ho_event_type dmm_journal_append(struct dmm_journal *j,
					  const struct dmm_journal_record *r, int *err)
{
	struct dmm_journal_record copy = *r;
	enum dmm_ho_event_type event;
	bool was_locked = j->locked;

	*err = was_locked ? journal_refresh(j) : dmm_journal_lock(j);
	if (*err == -ESTALE)
		return DMM_HO_EV_APPEND_STALE;
	if (*err)
		return DMM_HO_EV_APPEND_NOTHING;
	event = journal_append_locked(j, &copy, err);
	if (!was_locked)
		dmm_journal_unlock(j);
	return event;
}
