/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between dm.c and dm_swap.c: tasks of libdevmapper.
 */
#ifndef DMM_LIB_DM_PRIV_H
#define DMM_LIB_DM_PRIV_H

#include <stdbool.h>
#include <stdint.h>

struct dm_task;
struct dmm_dm_table;

/* Runs the ioctl; on failure collects the reasons. 0 or -errno. Borrows @dmt. */
int dmm_dm_run(struct dm_task *dmt);

/* Keeps the reason of a first failure over the recovery from it. */
void dmm_dm_set_reason(const char *text);

/*
 * Waits for udev to have handled what goes with @cookie, but not for ever: a worker of udev may hang on
 * some disk.  See dmm_dm_udev_late().
 */
void dmm_dm_udev_wait(uint32_t cookie);

/* -ENOMEM. */
int dmm_dm_set_table(struct dm_task *dmt, const struct dmm_dm_table *t, bool read_only);

#endif
