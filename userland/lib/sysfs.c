// SPDX-License-Identifier: GPL-2.0
/*
 * Reading sysfs.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "fullio.h"
#include "parse.h"
#include "sysfs.h"

int dmm_sysfs_read(unsigned int major, unsigned int minor, const char *attribute, char *buf, size_t bytes)
{
	char path[600];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major, minor, attribute);
	return (int)dmm_read_text(path, buf, bytes);
}

u64 dmm_sysfs_sectors(dev_t dev)
{
	char text[32];
	u64 sectors;

	if (dmm_sysfs_read(major(dev), minor(dev), "size", text, sizeof(text)) < 0 || dmm_parse_u64(text, 0, ~0ull >> 10, &sectors))
		return 0;
	return sectors;
}

unsigned int dmm_sysfs_related(unsigned int major, unsigned int minor, const char *dir, dev_t *devs, unsigned int max)
{
	unsigned int nr = 0, maj, min;
	char path[512], text[32];
	struct dirent *de;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major, minor, dir);
	d = opendir(path);
	if (!d)
		return 0;
	while (nr < max && (de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/dev", dir, de->d_name);
		if (dmm_sysfs_read(major, minor, path, text, sizeof(text)) > 0 && sscanf(text, "%u:%u", &maj, &min) == 2)
			devs[nr++] = makedev(maj, min);
	}
	closedir(d);
	return nr;
}
