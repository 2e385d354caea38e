// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fullio.h"
#include "lvm_lock.h"

#define LOOK_NS	5000000

int dmm_lvm_split(const char *name, char group[DMM_DM_NAME_BYTES], char volume[DMM_DM_NAME_BYTES])
{
	char *to = group;
	size_t n = 0;

	if (strlen(name) >= DMM_DM_NAME_BYTES)
		return -ENOENT;
	for (; *name; name++) {
		if (*name == '-' && name[1] == '-') {
			name++;
		} else if (*name == '-' && to == group) {
			group[n] = '\0';
			if (!n)
				return -ENOENT;
			to = volume;
			n = 0;
			continue;
		}
		to[n++] = *name;
	}
	to[n] = '\0';
	return to == volume && n ? 0 : -ENOENT;
}

/* Whoever gives it back may remove the file: what is locked has to be what others will open. */
static bool is_at(int fd, const char *path)
{
	struct stat there, here;

	return !stat(path, &there) && !fstat(fd, &here) && there.st_ino == here.st_ino && there.st_dev == here.st_dev;
}

int dmm_lvm_lock(const char *dir, const char *name, const char *uuid, u32 ms)
{
	const struct timespec nap = { .tv_nsec = LOOK_NS };
	char group[DMM_DM_NAME_BYTES], volume[DMM_DM_NAME_BYTES], path[256];
	u64 until_ms = dmm_now_ms() + ms;
	int fd;

	if (!dmm_dm_uuid_is_lv(uuid) || dmm_lvm_split(name, group, volume))
		return -ENOENT;
	if (snprintf(path, sizeof(path), "%s/V_%s", dir, group) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -errno;
		while (flock(fd, LOCK_EX | LOCK_NB)) {
			if (dmm_now_ms() >= until_ms) {
				close(fd);
				return -ETIMEDOUT;
			}
			nanosleep(&nap, NULL);
		}
		if (is_at(fd, path))
			return fd;
		close(fd);
	}
}
