// SPDX-License-Identifier: GPL-2.0
/*
 * Listening and connecting on a Unix socket.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "local.h"

static int local_socket(const char *path, int flags, struct sockaddr_un *sa)
{
	int fd;

	if (strlen(path) >= sizeof(sa->sun_path))
		return -ENAMETOOLONG;
	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	strcpy(sa->sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	return fd < 0 ? -errno : fd;
}

int dmm_local_connect(const char *path)
{
	struct sockaddr_un sa;
	int fd = local_socket(path, 0, &sa), ret;

	if (fd < 0 || !connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int dmm_local_listen(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)], *slash;
	dmm_autoclose int fd = -1;
	struct sockaddr_un sa;
	int ret;

	fd = local_socket(path, SOCK_NONBLOCK, &sa);
	if (fd < 0)
		return fd;
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		if (mkdir(dir, 0700) && errno != EEXIST)
			return -errno;
	}
	ret = dmm_local_connect(path);
	if (ret >= 0) {
		close(ret);
		return -EADDRINUSE;
	}
	if (ret == -ECONNREFUSED && unlink(path))
		return -errno;
	/* before bind, which takes the mode from there */
	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 16))
		return -errno;
	return dmm_take_fd(fd);
}
