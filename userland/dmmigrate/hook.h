/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hooks: commands of the admin that stop the writer here and start it there.
 */
#ifndef DMM_HOOK_H
#define DMM_HOOK_H

#include "group.h"
#include "tool.h"

/*
 * Runs @command by sh -c, with DMM_MIGRATION, DMM_HOST, DMM_PORT, DMM_DISKS and, of each disk, DMM_SOURCE, DMM_DEST and
 * DMM_DEVICE set (of the second one DMM_SOURCE_1 ...), and waits for its end; its output goes to stderr.  Returns 0 when it exited with 0, its exit status (1 to 255; 128 +
 * signal), or -errno when it could not be run.
 */
int dmm_hook_run(struct dmm_tool *t, const struct dmm_group *g, const char *command);

#endif
