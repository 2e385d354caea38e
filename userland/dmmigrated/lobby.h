/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections that have not yet sent enough to be worth a thread: within TLS a whole first record.  A place costs a descriptor
 * and a hundred bytes, so there are many, and whoever floods us with silence or garbage is accepted and put out as fast as he
 * comes, while nobody else waits in the kernel's backlog.  When all places are taken the oldest of the newcomer's address makes
 * way if that address has its share of them, else the oldest of all.
 */
#ifndef DMM_LOBBY_H
#define DMM_LOBBY_H

#include <poll.h>
#include <stdbool.h>

#include "list.h"
#include "receiver.h"
#include "silent.h"

#define DMM_LOBBY_PLACES	1024u
#define DMM_LOBBY_SHARE		(DMM_LOBBY_PLACES / 4)	/* of one address, once all are taken */

struct dmm_guest {
	struct dmm_list node;		/* in guests by age, or in free */
	int fd;				/* owned */
	u64 hello_ms;			/* when it is put out */
	char peer[DMM_PEER_TEXT];
	size_t address_bytes;		/* of peer, without the port */
};

/* Used by one thread. */
struct dmm_lobby {
	struct dmm_receiver *rc;	/* borrowed: where they go on, and who complains */
	bool tls;
	struct dmm_list guests, free;
	u32 nr;
	u8 peek[5 + 16384];		/* a TLS record */
	struct dmm_guest places[DMM_LOBBY_PLACES];
};

/* @tls: a first record is waited for, else a first byte. */
void dmm_lobby_init(struct dmm_lobby *lobby, struct dmm_receiver *rc, bool tls);
/* Closes all of them. */
void dmm_lobby_exit(struct dmm_lobby *lobby);

/* Takes @fd, which may make another one leave. */
void dmm_lobby_enter(struct dmm_lobby *lobby, int fd, const char *peer);

/*
 * What to poll for, in @p with DMM_LOBBY_PLACES elements; their number.  With @rests nobody goes on, and only who leaves is seen.
 * *until_ms is brought forward to when the next one is put out.
 */
u32 dmm_lobby_poll(const struct dmm_lobby *lobby, struct pollfd *p, bool rests, u64 *until_ms);

/*
 * After poll() on what dmm_lobby_poll() has written, with nobody having entered in between: puts out whose time is over, and begins
 * the sessions of who has sent what it takes.  0, or -errno when no thread can be begun for a while: that one is closed.
 */
int dmm_lobby_serve(struct dmm_lobby *lobby, const struct pollfd *p, u32 nr, u64 now_ms);

#endif
