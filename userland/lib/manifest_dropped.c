// SPDX-License-Identifier: GPL-2.0
/*
 * What is kept of migrations that were dropped: damaged journals.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "manifest.h"

#define DAMAGED	"journal.damaged-"

bool dmm_manifest_dropped(const char *name)
{
	const size_t n = DMM_ID_HEX - 1;
	const char *number = name + n + strlen(DMM_MANIFEST_DROPPED);

	return strspn(name, "0123456789abcdef") == n && !strncmp(name + n, DMM_MANIFEST_DROPPED, strlen(DMM_MANIFEST_DROPPED)) &&
	       *number && strspn(number, "0123456789") == strlen(number);
}

int dmm_manifest_remove_dropped(const char *path)
{
	const char *name = strrchr(path, '/');
	struct dirent *e;
	int ret = 0, fd;
	DIR *d;

	if (!name || !dmm_manifest_dropped(name + 1))
		return -EINVAL;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	if (!d) {
		ret = -errno;
		close(fd);
		return ret;
	}
	while (!ret && (e = readdir(d))) {
		if (!strncmp(e->d_name, DAMAGED, strlen(DAMAGED)) && unlinkat(fd, e->d_name, 0))
			ret = -errno;
	}
	closedir(d);
	/* what a person has put there stays */
	if (!ret && rmdir(path))
		ret = -errno;
	return ret;
}
