// SPDX-License-Identifier: GPL-2.0
/*
 * Configurations of guests, and what begins them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "fullio.h"
#include "guest_config.h"

#define AUTO_DIR	"auto"
#define KEPT_MAX	100u	/* files of one name and migration that are kept */

__attribute__((format(printf, 3, 4)))
static int failed(char *why, int err, const char *fmt, ...)
{
	char text[DMM_GUEST_CONFIG_WHY];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(why, DMM_GUEST_CONFIG_WHY, "%.170s: %s%s", text, strerror(-err), err == -EROFS ?
		 " (ReadWritePaths= of dmmigrated.service; restart it)" : "");
	return err;
}

int dmm_guest_config_path(const char *dir, const char *name, char path[DMM_GUEST_CONFIG_PATH], char *why)
{
	if (!name[0] || name[0] == '.' || strchr(name, '/')) {
		snprintf(why, DMM_GUEST_CONFIG_WHY, "'%.64s' is no name for a file: rename the guest", name);
		return -EINVAL;
	}
	/* with the longest of the names below, it is to be told to others */
	if (strlen(dir) + strlen(name) + sizeof("/.cfg.before-dmmigrate-.99") + DMM_ID_HEX > DMM_GUEST_CONFIG_PATH)
		return failed(why, -ENAMETOOLONG, "%.60s/%.100s.cfg", dir, name);
	snprintf(path, DMM_GUEST_CONFIG_PATH, "%s/%s.cfg", dir, name);
	return 0;
}

static int open_dir(const char *dir, char *why)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? failed(why, -errno, "the directory of guests' configurations, %.100s", dir) : fd;
}

/* The same for DIR/auto, which is made. */
static int open_auto(int dir_fd, const char *dir, char *why)
{
	int fd;

	if (!mkdirat(dir_fd, AUTO_DIR, 0755)) {
		if (fsync(dir_fd))
			return failed(why, -errno, "cannot make %.100s/" AUTO_DIR, dir);
	} else if (errno != EEXIST) {
		return failed(why, -errno, "cannot make %.100s/" AUTO_DIR, dir);
	}
	fd = openat(dir_fd, AUTO_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? failed(why, -errno, "cannot open %.100s/" AUTO_DIR, dir) : fd;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

enum auto_is {
	AUTO_FREE,
	AUTO_DONE,	/* it leads to the configuration */
	AUTO_NOWHERE,	/* a link, to what is not there */
};

/* What is DIR/auto/FILE?  -EEXIST: another guest's. */
static int auto_look(int dir_fd, int auto_fd, const char *file, const char *dir, char *why)
{
	struct stat link, there, target;

	if (fstatat(auto_fd, file, &link, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? AUTO_FREE : failed(why, -errno, "%.64s/" AUTO_DIR "/%.80s", dir, file);
	if (fstatat(auto_fd, file, &there, 0))
		return S_ISLNK(link.st_mode) && errno == ENOENT ? AUTO_NOWHERE :
		       failed(why, -errno, "%.64s/" AUTO_DIR "/%.80s", dir, file);
	if (!fstatat(dir_fd, file, &target, 0) && same_file(&there, &target))
		return AUTO_DONE;
	return failed(why, -EEXIST, "%.64s/" AUTO_DIR "/%.80s begins something else: move it away", dir, file);
}

/* DIR/auto/FILE leads to DIR/FILE. */
static int auto_link(int dir_fd, const char *file, const char *dir, char *why)
{
	char to[DMM_GUEST_CONFIG_PATH];
	dmm_autoclose int auto_fd = open_auto(dir_fd, dir, why);
	int is = auto_fd < 0 ? auto_fd : auto_look(dir_fd, auto_fd, file, dir, why);

	if (is < 0 || is == AUTO_DONE)
		return is < 0 ? is : 0;
	snprintf(to, sizeof(to), "../%.250s", file);
	if ((is == AUTO_NOWHERE && unlinkat(auto_fd, file, 0)) || symlinkat(to, auto_fd, file) || fsync(auto_fd))
		return failed(why, -errno, "cannot make %.64s/" AUTO_DIR "/%.80s", dir, file);
	return 0;
}

/* The name of a file that is nobody's yet: FILE's, while it is written. */
static void temporary(const char *file, const char *id, char name[DMM_GUEST_CONFIG_PATH])
{
	snprintf(name, DMM_GUEST_CONFIG_PATH, ".%.120s.dmmigrate-%.40s", file, id);
}

int dmm_guest_config_check(const char *dir, const char *name, u32 bytes, bool autostart, char *why)
{
	char path[DMM_GUEST_CONFIG_PATH], tmp[DMM_GUEST_CONFIG_PATH];
	dmm_autoclose int dir_fd = -1;
	dmm_autoclose int auto_fd = -1;
	const char *file = path + strlen(dir) + 1;
	struct stat st;
	int ret, fd;

	ret = dmm_guest_config_path(dir, name, path, why);
	if (ret)
		return ret;
	dir_fd = open_dir(dir, why);
	if (dir_fd < 0)
		return dir_fd;
	if (!fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return failed(why, -EEXIST, "%.160s is no file", path);
	temporary(file, "check", tmp);
	fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return failed(why, -errno, "cannot write %.160s", path);
	ret = posix_fallocate(fd, 0, bytes);
	close(fd);
	unlinkat(dir_fd, tmp, 0);
	if (ret)
		return failed(why, -ret, "no room for %.160s", path);
	if (!autostart)
		return 0;
	auto_fd = open_auto(dir_fd, dir, why);
	ret = auto_fd < 0 ? auto_fd : auto_look(dir_fd, auto_fd, file, dir, why);
	return ret < 0 ? ret : 0;
}

/* Has FILE this text?  0; 1: another, or it is no plain file; -ENOENT; -errno. */
static int differs(int dir_fd, const char *file, const char *text)
{
	size_t bytes = strlen(text);
	dmm_autofree char *has = NULL;
	dmm_autoclose int fd = -1;
	struct stat st;
	int ret;

	if (fstatat(dir_fd, file, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISREG(st.st_mode) || (size_t)st.st_size != bytes)
		return 1;
	has = malloc(bytes + 1);
	fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (!has || fd < 0)
		return has ? -errno : -ENOMEM;
	ret = dmm_pread_full(fd, has, bytes, 0);
	return ret ? ret : !!memcmp(has, text, bytes);
}

/* Another name for FILE, should a crash have left none; the file itself stays until another takes its place. */
static int keep(int dir_fd, const char *file, const char *id, char kept[DMM_GUEST_CONFIG_PATH])
{
	struct stat now, there;
	unsigned int n;

	if (fstatat(dir_fd, file, &now, AT_SYMLINK_NOFOLLOW))
		return -errno;
	for (n = 0; n < KEPT_MAX; n++) {
		snprintf(kept, DMM_GUEST_CONFIG_PATH, n ? "%.150s.before-dmmigrate-%.40s.%u" : "%.150s.before-dmmigrate-%.40s",
			 file, id, n);
		if (!linkat(dir_fd, file, dir_fd, kept, 0))
			return 0;
		if (errno != EEXIST)
			return -errno;
		if (!fstatat(dir_fd, kept, &there, AT_SYMLINK_NOFOLLOW) && same_file(&now, &there))
			return 0;
	}
	return -EEXIST;
}

static int write_temporary(int dir_fd, const char *tmp, const char *text)
{
	dmm_autoclose int fd = openat(dir_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int ret;

	if (fd < 0)
		return -errno;
	ret = dmm_pwrite_full(fd, text, strlen(text), 0);
	return ret ? ret : fsync(fd) ? -errno : 0;
}

int dmm_guest_config_place(const char *dir, const char *name, const u8 id[DMM_ID_BYTES], const char *text, bool autostart,
			   char kept[DMM_GUEST_CONFIG_PATH], char *why)
{
	char path[DMM_GUEST_CONFIG_PATH], tmp[DMM_GUEST_CONFIG_PATH], old[DMM_GUEST_CONFIG_PATH], hex[DMM_ID_HEX];
	dmm_autoclose int dir_fd = -1;
	const char *file = path + strlen(dir) + 1;
	int ret;

	kept[0] = '\0';
	ret = dmm_guest_config_path(dir, name, path, why);
	if (ret)
		return ret;
	dir_fd = open_dir(dir, why);
	if (dir_fd < 0)
		return dir_fd;
	dmm_id_format(id, hex);
	temporary(file, hex, tmp);
	ret = differs(dir_fd, file, text);
	if (ret < 0 && ret != -ENOENT)
		return failed(why, ret, "cannot read %.160s", path);
	if (ret) {
		if (ret > 0) {
			ret = keep(dir_fd, file, hex, old);
			if (ret)
				return failed(why, ret, "cannot keep what is in %.160s", path);
			snprintf(kept, DMM_GUEST_CONFIG_PATH, "%.60s/%.190s", dir, old);
		}
		ret = write_temporary(dir_fd, tmp, text);
		if (!ret && (renameat(dir_fd, tmp, dir_fd, file) || fsync(dir_fd)))
			ret = -errno;
		if (ret) {
			unlinkat(dir_fd, tmp, 0);
			return failed(why, ret, "cannot write %.160s", path);
		}
	}
	return autostart ? auto_link(dir_fd, file, dir, why) : 0;
}

/* DIR/auto/ENTRY does not begin the guest any more. */
static int auto_remove(int dir_fd, int auto_fd, const char *entry)
{
	struct stat st;

	if (fstatat(auto_fd, entry, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(st.st_mode) || st.st_nlink > 1)
		return unlinkat(auto_fd, entry, 0) ? -errno : 0;
	/* the configuration itself */
	if (renameat2(auto_fd, entry, dir_fd, entry, RENAME_NOREPLACE) || fsync(dir_fd))
		return -errno;
	return 0;
}

int dmm_guest_config_autostart(const char *dir, const char *file, bool remove, char first[DMM_GUEST_CONFIG_PATH], char *why)
{
	char path[DMM_PATH_MAX];
	struct stat target, st;
	dmm_autoclose int dir_fd = -1;
	int nr = 0, ret = 0;
	struct dirent *e;
	DIR *d;

	first[0] = '\0';
	if (stat(file, &target))
		return errno == ENOENT ? 0 : failed(why, -errno, "%.160s", file);
	snprintf(path, sizeof(path), "%s/" AUTO_DIR, dir);
	d = opendir(path);
	if (!d)
		return errno == ENOENT ? 0 : failed(why, -errno, "cannot read %.160s", path);
	dir_fd = open_dir(dir, why);
	ret = dir_fd < 0 ? dir_fd : 0;
	while (!ret) {
		errno = 0;
		e = readdir(d);
		if (!e) {
			ret = errno ? failed(why, -errno, "cannot read %.160s", path) : 0;
			break;
		}
		if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) || !same_file(&st, &target))
			continue;
		if (!nr++)
			snprintf(first, DMM_GUEST_CONFIG_PATH, "%.80s/%.170s", path, e->d_name);
		ret = remove ? auto_remove(dir_fd, dirfd(d), e->d_name) : 0;
		if (ret)
			failed(why, ret, "%.80s/%.80s still begins the guest here: remove it", path, e->d_name);
	}
	if (!ret && remove && nr && fsync(dirfd(d)))
		ret = failed(why, -errno, "cannot sync %.160s", path);
	closedir(d);
	return ret ? ret : nr;
}
