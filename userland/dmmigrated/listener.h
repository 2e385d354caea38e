/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Listening sockets.  Used by the main thread only.
 */
#ifndef DMM_LISTENER_H
#define DMM_LISTENER_H

#include "lobby.h"
#include "options.h"
#include "receiver.h"

#define DMM_MAX_SOCKETS	64	/* an address may stand for several */

struct dmm_listener {
	int fds[DMM_MAX_SOCKETS];
	u32 nr;
	u32 local;		/* index of the local socket, if there is one */
	char local_path[DMM_LOCAL_PATH];
};

/*
 * Binds every address of @c; one line is logged for what cannot be bound, or for what is
 * listened on.  0 or -errno, and then nothing stays open.
 */
int dmm_listener_open(struct dmm_listener *l, const struct dmm_config *c);
/* The local socket.  Without it we go on, for who is not root may receive as well. */
void dmm_listener_open_local(struct dmm_listener *l, const char *path);
void dmm_listener_close(struct dmm_listener *l);

/*
 * Accepts what is waiting on socket @i, into @lobby, or, with NULL, as sessions at once. Returns -EMFILE and the like when it
 * should rest a while.
 */
int dmm_listener_accept(struct dmm_listener *l, u32 i, struct dmm_receiver *rc, struct dmm_lobby *lobby);

#endif
