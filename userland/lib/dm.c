// SPDX-License-Identifier: GPL-2.0
/*
 * libdevmapper: queries, and the making, loading and removing of devices.
 * The swap of a live table is in dm_swap.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <libdevmapper.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "dm.h"
#include "dm_priv.h"
#include "fullio.h"

/*
 * udev and what it starts (blkid, LVM's activation) shall leave an origin alone.  LVM's own
 * commands do not look at this: DMM_UUID_PREFIX keeps them off.
 */
#define ORIGIN_UDEV_FLAGS	(DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG | \
				 DM_UDEV_DISABLE_DISK_RULES_FLAG | \
				 DM_UDEV_DISABLE_OTHER_RULES_FLAG | \
				 DM_UDEV_LOW_PRIORITY_FLAG)

/* owned by the only thread */
static char dm_library_text[512];
static char dm_kernel_text[512];
static int dm_kmsg_fd = -1;

__attribute__((format(printf, 5, 6)))
static void dm_on_log(int level, const char *file, int line, int dm_errno, const char *fmt, ...)
{
	va_list ap;

	(void)file;
	(void)line;
	(void)dm_errno;
	if ((level & 7) > 3)	/* LOG_ERR; the upper bits are flags of the library */
		return;
	va_start(ap, fmt);
	vsnprintf(dm_library_text, sizeof(dm_library_text), fmt, ap);
	va_end(ap);
}

void dmm_dm_init(void)
{
	dm_log_with_errno_init(dm_on_log);
	if (access("/run/udev/control", F_OK)) {
		dm_udev_set_sync_support(0);
		dm_udev_set_checking(0);
	}
	dm_kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

const char *dmm_dm_reason(void)
{
	return *dm_kernel_text ? dm_kernel_text : dm_library_text;
}

void dmm_dm_set_reason(const char *text)
{
	snprintf(dm_kernel_text, sizeof(dm_kernel_text), "%s", text);
}

/* From here on the kernel's messages are about what we ask of it. */
static void kmsg_mark(void)
{
	dm_library_text[0] = '\0';
	dm_kernel_text[0] = '\0';
	if (dm_kmsg_fd >= 0)
		lseek(dm_kmsg_fd, 0, SEEK_END);
}

/*
 * A constructor's ti->error goes to the kernel log only:
 *	6,1234,5678,-;device-mapper: table: 253:3: migrate: Invalid block size (-EINVAL)
 */
static void kmsg_take(void)
{
	static const char prefix[] = "device-mapper: ", table[] = "table: ";
	char rec[1024], *s;
	ssize_t n;

	while (dm_kmsg_fd >= 0 && !*dm_kernel_text) {
		n = read(dm_kmsg_fd, rec, sizeof(rec) - 1);
		if (n < 0 && errno == EPIPE)	/* overtaken by the ring buffer */
			continue;
		if (n <= 0)
			break;
		rec[n] = '\0';
		s = strchr(rec, ';');
		if (!s || strncmp(s + 1, prefix, strlen(prefix)))
			continue;
		s += 1 + strlen(prefix);
		s[strcspn(s, "\n")] = '\0';
		if (!strncmp(s, table, strlen(table)))
			s += strlen(table);
		snprintf(dm_kernel_text, sizeof(dm_kernel_text), "%s", s);
	}
}

int dmm_dm_run(struct dm_task *dmt)
{
	int err;

	kmsg_mark();
	if (dm_task_run(dmt))
		return 0;
	err = dm_task_get_errno(dmt);
	kmsg_take();
	if (err == ENXIO)	/* what the ioctls say for "no such device" */
		err = ENODEV;
	return err ? -err : -EIO;
}

static int dm_take_info(struct dm_task *dmt, struct dmm_dm_dev *dev)
{
	struct dm_info info;
	const char *name, *uuid;

	if (!dm_task_get_info(dmt, &info))
		return -EIO;
	if (!info.exists)
		return -ENODEV;
	name = dm_task_get_name(dmt);
	uuid = dm_task_get_uuid(dmt);
	memset(dev, 0, sizeof(*dev));
	dev->major = info.major;
	dev->minor = info.minor;
	snprintf(dev->name, sizeof(dev->name), "%s", name ? name : "");
	snprintf(dev->uuid, sizeof(dev->uuid), "%s", uuid ? uuid : "");
	dev->suspended = info.suspended;
	dev->live_table = info.live_table;
	dev->inactive_table = info.inactive_table;
	dev->read_only = info.read_only;
	dev->open_count = info.open_count;
	return 0;
}

static int dm_find(struct dm_task *dmt, struct dmm_dm_dev *dev)
{
	int ret;

	if (!dmt)
		return -ENOSYS;
	ret = dmm_dm_run(dmt);
	if (!ret)
		ret = dm_take_info(dmt, dev);
	dm_task_destroy(dmt);
	return ret;
}

int dmm_dm_find_name(const char *name, struct dmm_dm_dev *dev)
{
	struct dm_task *dmt;

	if (strlen(name) >= DMM_DM_NAME_BYTES)
		return -ENODEV;
	dmt = dm_task_create(DM_DEVICE_INFO);
	if (dmt && !dm_task_set_name(dmt, name)) {
		dm_task_destroy(dmt);
		return -ENODEV;	/* a name that no device can have */
	}
	return dm_find(dmt, dev);
}

int dmm_dm_find_uuid(const char *uuid, struct dmm_dm_dev *dev)
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_INFO);

	if (dmt && !dm_task_set_uuid(dmt, uuid)) {
		dm_task_destroy(dmt);
		return -ENOMEM;
	}
	return dm_find(dmt, dev);
}

int dmm_dm_find_number(unsigned int major, unsigned int minor, struct dmm_dm_dev *dev)
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_INFO);

	if (dmt && !dm_task_set_major_minor(dmt, major, minor, 1)) {
		dm_task_destroy(dmt);
		return -ENOMEM;
	}
	return dm_find(dmt, dev);
}

int dmm_dm_list(struct dmm_dm_dev **list, unsigned int *nr)
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_LIST);
	struct dmm_dm_dev *devs = NULL, *grown, dev;
	struct dm_names *names;
	unsigned int count = 0;
	unsigned int next = 0;
	int ret;

	if (!dmt)
		return -ENOSYS;
	ret = dmm_dm_run(dmt);
	if (ret)
		goto out_destroy;
	names = dm_task_get_names(dmt);
	if (!names || !names->dev)
		goto out_empty;
	do {
		names = (struct dm_names *)((char *)names + next);
		next = names->next;
		ret = dmm_dm_find_number(major(names->dev), minor(names->dev), &dev);
		if (ret == -ENODEV)	/* gone since */
			continue;
		if (ret)
			goto out_free;
		grown = reallocarray(devs, count + 1, sizeof(*devs));
		if (!grown) {
			ret = -ENOMEM;
			goto out_free;
		}
		devs = grown;
		devs[count++] = dev;
	} while (next);
out_empty:
	*list = devs;
	*nr = count;
	dm_task_destroy(dmt);
	return 0;

out_free:
	free(devs);
out_destroy:
	dm_task_destroy(dmt);
	return ret;
}

int dmm_dm_table(const struct dmm_dm_dev *dev, bool inactive, struct dmm_dm_table *t)
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_TABLE);
	char *type, *params;
	uint64_t start, len;
	void *next = NULL;
	int ret = -ENOMEM;

	if (!dmt)
		return -ENOSYS;
	if (!dm_task_set_major_minor(dmt, dev->major, dev->minor, 1) ||
	    !dm_task_no_open_count(dmt) || !dm_task_secure_data(dmt) ||
	    (inactive && !dm_task_query_inactive_table(dmt)))
		goto out_destroy;
	ret = dmm_dm_run(dmt);
	if (ret)
		goto out_destroy;
	do {
		next = dm_get_next_target(dmt, next, &start, &len, &type, &params);
		if (!type)
			break;
		ret = dmm_dm_table_add(t, start, len, type, params);
		if (ret) {
			dmm_dm_table_clear(t);
			break;
		}
	} while (next);

out_destroy:
	dm_task_destroy(dmt);
	return ret;
}

int dmm_dm_has_target(const char *name, unsigned int version[3])
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_LIST_VERSIONS);
	struct dm_versions *v;
	unsigned int next = 0;
	int ret;

	if (!dmt)
		return -ENOSYS;
	ret = dmm_dm_run(dmt);
	if (ret)
		goto out_destroy;
	v = dm_task_get_versions(dmt);
	do {
		v = (struct dm_versions *)((char *)v + next);
		next = v->next;
		if (!strcmp(v->name, name)) {
			memcpy(version, v->version, sizeof(v->version));
			ret = 1;
			break;
		}
	} while (next);

out_destroy:
	dm_task_destroy(dmt);
	return ret;
}

int dmm_dm_set_table(struct dm_task *dmt, const struct dmm_dm_table *t, bool read_only)
{
	unsigned int i;

	for (i = 0; i < t->nr; i++) {
		if (!dm_task_add_target(dmt, t->targets[i].start_sectors, t->targets[i].len_sectors,
					t->targets[i].type, t->targets[i].params))
			return -ENOMEM;
	}
	if (read_only && !dm_task_set_ro(dmt))
		return -ENOMEM;
	/* an error of the new table must not make the kernel keep copies of a key */
	if (!dm_task_secure_data(dmt) || !dm_task_no_open_count(dmt))
		return -ENOMEM;
	return 0;
}

int dmm_dm_create(const char *name, const char *uuid, const struct dmm_dm_table *t, bool read_only,
		  struct dmm_dm_dev *dev)
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_CREATE);
	uint32_t cookie = 0;
	int ret = -ENOMEM;

	if (!dmt)
		return -ENOSYS;
	if (!dm_task_set_name(dmt, name) || !dm_task_set_uuid(dmt, uuid) ||
	    dmm_dm_set_table(dmt, t, read_only) ||
	    !dm_task_set_cookie(dmt, &cookie, ORIGIN_UDEV_FLAGS))
		goto out_destroy;
	ret = dmm_dm_run(dmt);
	dmm_dm_udev_wait(cookie);
out_destroy:
	dm_task_destroy(dmt);
	if (ret)
		return ret;
	return dmm_dm_find_uuid(uuid, dev);
}

int dmm_dm_remove(const struct dmm_dm_dev *dev)
{
	struct dmm_dm_dev now;
	struct dm_task *dmt;
	uint32_t cookie = 0;
	int ret;

	/* by name, for the library removes the node of that name, but never another device */
	ret = dmm_dm_find_number(dev->major, dev->minor, &now);
	if (ret)
		return ret;
	if (strcmp(now.uuid, dev->uuid))
		return -ENODEV;
	dmt = dm_task_create(DM_DEVICE_REMOVE);
	if (!dmt)
		return -ENOSYS;
	ret = -ENOMEM;
	if (!dm_task_set_name(dmt, now.name) || !dm_task_retry_remove(dmt) ||
	    !dm_task_set_cookie(dmt, &cookie, 0))
		goto out_destroy;
	ret = dmm_dm_run(dmt);
	dmm_dm_udev_wait(cookie);
out_destroy:
	dm_task_destroy(dmt);
	return ret;
}

int dmm_dm_load(const struct dmm_dm_dev *dev, const struct dmm_dm_table *t, bool read_only)
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_RELOAD);
	int ret = -ENOMEM;

	if (!dmt)
		return -ENOSYS;
	if (dm_task_set_major_minor(dmt, dev->major, dev->minor, 1) &&
	    !dmm_dm_set_table(dmt, t, read_only))
		ret = dmm_dm_run(dmt);
	dm_task_destroy(dmt);
	return ret;
}

int dmm_dm_drop_inactive(const struct dmm_dm_dev *dev)
{
	struct dm_task *dmt = dm_task_create(DM_DEVICE_CLEAR);
	int ret = -ENOMEM;

	if (!dmt)
		return -ENOSYS;
	if (dm_task_set_major_minor(dmt, dev->major, dev->minor, 1))
		ret = dmm_dm_run(dmt);
	dm_task_destroy(dmt);
	return ret;
}

static bool dm_node_is(const char *path, const struct dmm_dm_dev *dev)
{
	struct stat st;

	return !stat(path, &st) && S_ISBLK(st.st_mode) &&
	       st.st_rdev == makedev(dev->major, dev->minor);
}

int dmm_dm_node(const struct dmm_dm_dev *dev, char *path, size_t bytes)
{
	snprintf(path, bytes, "/dev/dm-%u", dev->minor);
	if (dm_node_is(path, dev))
		return 0;
	snprintf(path, bytes, "/dev/mapper/%s", dev->name);
	return dm_node_is(path, dev) ? 0 : -ENXIO;
}
