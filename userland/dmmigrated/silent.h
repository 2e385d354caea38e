/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections that have not asked for anything yet, but have left the lobby (lobby.h).  Each holds a thread, so they are bounded: in all, and of one address.  Who is
 * known (by TLS; in plaintext by HELLO) keeps its place; a stranger makes way for who comes after it, the oldest of the address
 * that has most of them first.  So a flood keeps nobody out who needs less time for a handshake than it takes to fill all places.
 */
#ifndef DMM_SILENT_H
#define DMM_SILENT_H

#include <stdbool.h>
#include <stddef.h>

#include "list.h"
#include "receiver.h"

#define DMM_PEER_TEXT	80

/* Of one connection, owned by its thread; all of it is protected by rc->lock once it was admitted. */
struct dmm_silent {
	struct dmm_list node;		/* in rc->silent until its first request */
	char peer[DMM_PEER_TEXT];
	size_t address_bytes;		/* of peer, without the port */
	int fd;				/* borrowed; -1: it is known, or local, and keeps its place */
	bool out;			/* it had to make way: its socket is shut down */
};

/* How much of the text of a peer is its address, without the port. */
size_t dmm_peer_address_bytes(const char *peer);

/*
 * Counts a new connection and has others make way for it. -EUSERS: its address has too many that are known; -ENOSPC: there are
 * too many in all.  Context: main's thread.
 */
int dmm_silent_admit(struct dmm_receiver *rc, struct dmm_silent *s, int fd, const char *peer, bool local);
/* Do so many have to leave still that nobody should be accepted for a while? */
bool dmm_silent_crowded(struct dmm_receiver *rc);

/* --- on the connection's thread --- */

/* It is known who it is: from here on the caller may do with its descriptor what it likes.  @s may be NULL, as in the rest. */
void dmm_silent_known(struct dmm_receiver *rc, struct dmm_silent *s);
bool dmm_silent_is_out(struct dmm_receiver *rc, struct dmm_silent *s);
/* It has asked for something, or ends, with its descriptor still open. */
void dmm_silent_no_more(struct dmm_receiver *rc, struct dmm_silent *s);
/* It is gone: nothing of @rc may be used afterwards. */
void dmm_silent_end(struct dmm_receiver *rc, struct dmm_silent *s);

#endif
