/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The prober: the process that looks at what lies on disks (signature.h) in place of the opener and the daemon, which are root.  It
 * has a user id of its own and begins a process for each disk, which has the disk's descriptor and nothing else, and
 * says a name.
 */
#ifndef DMM_PROBER_H
#define DMM_PROBER_H

#include "sandbox.h"

/* --- the process --- */

/* Its whole life: until nobody has the other end of @sock any more, or @daemon has ended. */
__attribute__((noreturn))
void dmm_prober_run(int sock, pid_t daemon);

/* --- those who ask --- */

/* From here on this process, and those that it begins, have @sock's process look.  Context: there are no threads yet. */
void dmm_prober_use(int sock);
/* Not this one, which looks itself, if at all. */
void dmm_prober_leave(void);

#endif
