/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The acceptor: the process that listens, shakes hands, and, where the kernel has no TLS, encrypts.  It has the host's key and
 * connections of people whom nobody knows yet, and so nothing else: no disk, no file but what the daemon opens for it (keys and
 * peers), no privilege (sandbox.h).  Whoever has proven himself is handed to the daemon, which takes its word for that.
 */
#ifndef DMM_ACCEPTOR_H
#define DMM_ACCEPTOR_H

#include "channel.h"
#include "sandbox.h"
#include "session.h"

/* What it asks the daemon; structures of one binary that talks to itself. */
enum dmm_acceptor_op {
	DMM_ACCEPTOR_READY = 1,	/* an int: 0, or -errno of what cannot be listened on */
	DMM_ACCEPTOR_FIND,	/* an identity; answer: struct dmm_acceptor_key */
	DMM_ACCEPTOR_USE,	/* the same */
	DMM_ACCEPTOR_FILE,	/* struct dmm_acceptor_file, of the directory of keys; answer: the same, and a descriptor */
	DMM_ACCEPTOR_SESSION,	/* struct dmm_session, descriptor 0: the connection; answer: when it was taken */
};

struct dmm_acceptor_file {
	char name[32];
	mode_t forbidden;
	int ret;
	char why[DMM_KEYS_WHY];		/* with a negative ret */
};

struct dmm_acceptor_key {
	int ret;
	u8 secret[DMM_KEY_SECRET_BYTES];	/* FIND */
	struct dmm_key_use use;			/* USE */
};

/* --- the process --- */

/* Its whole life: @up leads to the daemon.  It takes no more connections once that end is shut, and ends when it is closed. */
__attribute__((noreturn))
void dmm_acceptor_run(struct dmm_config *c, int up, const struct dmm_sandbox *box);

/* On a connection's thread: its peer is known, and it is somebody else's from here on. */
void dmm_acceptor_pass(struct dmm_receiver *rc, const struct dmm_session *s);

/* --- the daemon --- */

/*
 * Answers what waits on @up, a socket of an acceptor, and starts the sessions that it brings.  False: it has ended.  *ready is set by
 * READY.  Context: main's thread; does not block for longer than starting a thread takes.
 */
bool dmm_acceptor_serve(struct dmm_receiver *rc, int up, int *ready);

#endif
