/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cutover asked for COMMIT, and the target that knows how it ended is gone: the kernel
 * lists no such migration any more, and nobody may forget it.
 */
#ifndef DMM_LOST_COMMIT_H
#define DMM_LOST_COMMIT_H

#include "nl.h"
#include "tool.h"

/*
 * Notes each of them, and adds "lost_commits" to the result; @infos are the migrations that the
 * kernel knows.  0 or an exit code, reported.
 */
int dmm_report_lost_commits(struct dmm_tool *t, const struct dmm_nl_info *infos, unsigned int nr);

#endif
