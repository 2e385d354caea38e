// SPDX-License-Identifier: GPL-2.0
/*
 * Is the tracker awake?
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "awake.h"
#include "cleanup.h"

#define CANARY_NAME		"dmmigrate-canary"
#define CANARY_SECTORS		64
#define CANARY_BLOCK_BYTES	4096u
#define CANARY_LOCK_MS		10000

/* Other starts do the same; whoever was killed at it left devices. */
static int canary_lock(void)
{
	struct timespec nap = { .tv_nsec = 20000000 };
	int fd, waited_ms;

	for (waited_ms = 0; waited_ms < CANARY_LOCK_MS; waited_ms += 20) {
		fd = dmm_record_lock(DMM_RUN_DIR, "canary");
		if (fd != -EWOULDBLOCK)
			return fd;
		nanosleep(&nap, NULL);
	}
	return -EBUSY;
}

static int canary_remove(void)
{
	struct dmm_dm_dev dev;
	int ret = 0;

	if (!dmm_dm_find_uuid(DMM_CANARY_UUID, &dev))
		ret = dmm_dm_remove(&dev);
	if (!ret && !dmm_dm_find_uuid(DMM_CANARY_UUID "-origin", &dev))
		ret = dmm_dm_remove(&dev);
	return ret;
}

static int canary_make(struct dmm_dm_dev *dev)
{
	struct dmm_dm_table error = { 0 }, migrate = { 0 };
	struct dmm_dm_dev origin;
	int ret;

	ret = dmm_dm_table_add(&error, 0, CANARY_SECTORS, "error", "");
	if (!ret)
		ret = dmm_dm_create(CANARY_NAME "-origin", DMM_CANARY_UUID "-origin", &error, false,
				    &origin);
	if (!ret)
		ret = dmm_attach_table(CANARY_SECTORS, origin.major, origin.minor,
				       CANARY_BLOCK_BYTES, NULL, &migrate);
	if (!ret)
		ret = dmm_dm_create(CANARY_NAME, DMM_CANARY_UUID, &migrate, false, dev);
	dmm_dm_table_clear(&error);
	dmm_dm_table_clear(&migrate);
	return ret;
}

/* One block, which fails below. The counts of before and after. */
static int canary_write(struct dmm_tool *t, const struct dmm_dm_dev *dev,
			struct dmm_nl_info *before, struct dmm_nl_info *after)
{
	u64 number = (u64)dev->major << 20 | dev->minor;
	dmm_autoclose int fd = -1;
	void *buf = NULL;
	char node[160];
	int ret;

	ret = dmm_dm_node(dev, node, sizeof(node));
	if (!ret) {
		fd = open(node, O_WRONLY | O_DIRECT | O_CLOEXEC);
		ret = fd < 0 ? -errno : dmm_tool_nl(t);
	}
	if (!ret)
		ret = dmm_nl_get(t->nl, number, before);
	if (!ret)
		ret = -posix_memalign(&buf, CANARY_BLOCK_BYTES, CANARY_BLOCK_BYTES);
	if (ret)
		return ret;
	memset(buf, 0, CANARY_BLOCK_BYTES);
	if (pwrite(fd, buf, CANARY_BLOCK_BYTES, CANARY_BLOCK_BYTES) >= 0 || errno != EIO)
		ret = -EUCLEAN;		/* it did not come to the device below */
	free(buf);
	return ret ? ret : dmm_nl_get(t->nl, number, after);
}

int dmm_awake_canary(struct dmm_tool *t, char *why, size_t why_bytes)
{
	struct dmm_nl_info before = { 0 }, after = { 0 };
	dmm_autoclose int lock = canary_lock();
	struct dmm_dm_dev dev;
	int ret, left;

	ret = lock < 0 ? lock : canary_remove();
	if (!ret)
		ret = canary_make(&dev);
	if (!ret) {
		dmm_stop_at("canary");
		ret = canary_write(t, &dev, &before, &after);
	}
	if (ret)
		snprintf(why, why_bytes, "cannot try the target on a scratch device: %s",
			 ret == -EUCLEAN || !*dmm_dm_reason() ? strerror(-ret) : dmm_dm_reason());
	left = lock < 0 ? 0 : canary_remove();
	if (ret)
		return DMM_EXIT_LOCAL;
	if (left)
		dmm_note(t, "the scratch device " CANARY_NAME " stays: dmsetup remove " CANARY_NAME);
	if (DMM_MUTANT == 213)	/* hazard 13 */
		return 0;
	if (after.writes_submitted == before.writes_submitted + 1 &&
	    after.writes_completed == before.writes_completed + 1)
		return 0;
	snprintf(why, why_bytes, "the migrate target does not see writes: this kernel goes round it");
	return DMM_EXIT_LOCAL;
}

int dmm_awake_live(struct dmm_tool *t, const struct dmm_source *s, char *why, size_t why_bytes)
{
	struct dmm_nl_info before, after;
	dmm_autoclose int fd = -1;
	void *buf = NULL;
	char node[160];
	int ret;

	ret = dmm_dm_node(&s->live, node, sizeof(node));
	if (!ret) {
		fd = open(node, O_RDONLY | O_DIRECT | O_CLOEXEC);
		ret = fd < 0 ? -errno : dmm_tool_nl(t);
	}
	if (!ret)
		ret = -posix_memalign(&buf, 4096, 4096);
	if (!ret)
		ret = dmm_nl_get(t->nl, dmm_source_dev(s), &before);
	if (!ret) {
		/* an error of the disk is the disk's: the target saw the read all the same */
		if (pread(fd, buf, 4096, 0) < 0 && errno == EINVAL)
			ret = -EINVAL;
		else
			ret = dmm_nl_get(t->nl, dmm_source_dev(s), &after);
	}
	free(buf);
	if (ret) {
		snprintf(why, why_bytes, "cannot read %s to see whether the target is awake: %s",
			 t->source, strerror(-ret));
		return DMM_EXIT_LOCAL;
	}
	if (after.reads > before.reads || DMM_MUTANT == 313)	/* hazard 13 */
		return 0;
	snprintf(why, why_bytes, "the migrate target does not see the I/O of %s: this kernel goes "
		 "round it", t->source);
	return DMM_EXIT_LOCAL;
}
