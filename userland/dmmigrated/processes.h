/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The processes of the daemon.
 *
 *	daemon		main.c: journals, netlink, device-mapper; control and hand-over connections, once their peer is known
 *	  prober	prober.h: looks at what lies on disks, in a process for each
 *	  nursery	processes.c: begins the others.  One thread and no secrets, so that they begin with nothing but what it had
 *			when the daemon was started: its configuration
 *	    acceptor	acceptor.h: listens, shakes hands, and encrypts where the kernel cannot
 *	    opener	opener.h: opens destinations
 *	    worker	worker.h: the destinations of one migration, and its data connections
 *	    xl		receives a guest's memory: root's own program, outside of our sandbox, and of systemd's of our unit
 *
 * Each but xl ends when the daemon does, however that ends.
 */
#ifndef DMM_PROCESSES_H
#define DMM_PROCESSES_H

#include "options.h"

struct dmm_processes {
	int sock;	/* the nursery's; -1: none was begun */
	char xl[DMM_LOCAL_PATH];	/* what it has for that, to be asked */
};

/*
 * Begins the nursery, with @c as it is now, which is copied by that.  0 or -errno.
 * Context: before there is any other thread, secret or lock.
 */
int dmm_processes_start(struct dmm_processes *p, struct dmm_config *c);
void dmm_processes_end(struct dmm_processes *p);

/*
 * Begins a worker: the socket to ask it by, or -errno.  @slot is which of the workers' user ids it has; @export: it connects to
 * servers of NBD; @lock_fd (-1: none) is held open by it as long as it lives.  *pidfd: becomes readable once
 * it has ended and closed all that it had; -1: the kernel has none.  Any thread.
 */
int dmm_processes_worker(struct dmm_processes *p, u32 slot, bool export, int lock_fd, int *pidfd);
/*
 * Begins the receiver of a guest's memory: *stream is its standard input and output, *words what it says on standard error, both the
 * caller's to close, as is *pidfd, as above.  -ENOENT: there is no such program.
 */
int dmm_processes_guest(struct dmm_processes *p, enum dmm_wire_platform platform, int *stream, int *words, int *pidfd);

/* The same for an acceptor; the socket is to be served (acceptor.h). */
int dmm_processes_acceptor(struct dmm_processes *p, int lock_fd);
/* The same for the opener (opener.h). */
int dmm_processes_opener(struct dmm_processes *p, int lock_fd);

#endif
