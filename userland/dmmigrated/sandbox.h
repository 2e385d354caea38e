/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a process of the daemon gives up before it hears from the network: its user id and capabilities, new privileges, core
 * dumps, files (Landlock), system calls (seccomp).  What a kernel does not have is done without, and said.
 */
#ifndef DMM_SANDBOX_H
#define DMM_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/env.h"

#define DMM_SANDBOX_WHAT	160

/* User ids that nobody has (between systemd's containers' and foreign ones'): the acceptor's, and one for each worker. */
#define DMM_SANDBOX_UID		1885629696u
#define DMM_SANDBOX_PROBER_UID	(DMM_SANDBOX_UID + 1024)	/* beyond all workers */

enum dmm_sandbox_kind {
	DMM_SANDBOX_ACCEPTOR,	/* takes connections */
	DMM_SANDBOX_OPENER,	/* opens files and devices, and asks who uses them; root */
	DMM_SANDBOX_PROBERS,	/* begins the next: a user id, and no more */
	DMM_SANDBOX_PROBER,	/* looks at what lies on one disk */
	DMM_SANDBOX_WORKER,	/* reads and writes by descriptors that it is given */
	DMM_SANDBOX_EXPORT,	/* the same, but that it connects to servers of NBD, as root where those want that */
};

struct dmm_sandbox {
	enum dmm_sandbox_kind kind;
	pid_t parent;			/* dmm_end_with_parent(); 0: a test's, which may go on */
	u32 uid;			/* of all but OPENER; who is not root stays who he is */
};

/* Whoever has begun us ends: so do we, whatever we are at.  A change of user id undoes it. */
void dmm_end_with_parent(pid_t parent);

/*
 * @what: what has been given up, for the log; or why not all that this kernel could take away.  0, or -EPERM: do not go on.
 * Context: a process with one thread.
 */
int dmm_sandbox_enter(const struct dmm_sandbox *box, char what[DMM_SANDBOX_WHAT]);

#endif
