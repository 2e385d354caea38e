/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The daemon as a whole: what all sessions share.  One per process; tests
 * make their own.
 *
 * Threads: main (signals, accepting, timers: main.c, listener.c) and one per
 * connection (session.c), another one per connection where a relay encrypts (lib/tls_relay.c), and one per destination
 * that is an NBD export (nbd.c).  No other that lasts.
 */
#ifndef DMM_RECEIVER_H
#define DMM_RECEIVER_H

#include <pthread.h>

#include "bufpool.h"
#include "complain.h"
#include "list.h"
#include "options.h"
#include "registry.h"

struct dmm_channel;
struct dmm_migrations;
struct dmm_processes;

struct dmm_receiver {
	/* constant after init */
	u32 max_sessions;
	u32 max_silent;			/* of one address */
	u32 max_strangers;		/* of all */
	u64 handshake_ms;
	u64 stall_ms;
	u64 ack_ms;
	char guests[DMM_GUESTS_BYTES];	/* peers whose guests may come */
	const struct dmm_engine_ops *engine;
	bool engine_auto;		/* libaio does where this one does not */
	u8 instance[DMM_ID_BYTES];
	u8 boot[DMM_ID_BYTES];
	int stop_fd;			/* eventfd: readable once the daemon is going down */
	struct dmm_channel *channel;	/* borrowed; NULL: plaintext (tests) */
	bool passes;			/* an acceptor: connections go to the daemon once their peer is known */
	struct dmm_migrations *migrations;	/* borrowed; NULL: none hands over here (tests) */
	struct dmm_processes *processes;	/* borrowed; NULL with migrations */
	/* with locks of their own */
	struct dmm_bufpool *pool;
	struct dmm_allow allow;
	struct dmm_allow srs;		/* "NAME=KIND:PLACE" are its patterns: control_volume.c */
	struct dmm_registry registry;
	struct dmm_complaints complaints;
	/* protected by lock (a leaf) */
	pthread_mutex_t lock;
	pthread_cond_t ended;		/* a session has ended */
	u32 nr_sessions;
	u32 nr_out;			/* of these, told to leave */
	struct dmm_list silent;		/* sessions without a request yet (silent.c) */
};

/* Takes the allow-list, and that of storage repositories, out of @c. 0 or -errno. */
int dmm_receiver_init(struct dmm_receiver *rc, struct dmm_config *c);
/* All sessions have ended. */
void dmm_receiver_exit(struct dmm_receiver *rc);

/* Tells every session to end what it does and close. Any thread, idempotent. */
void dmm_receiver_stop(struct dmm_receiver *rc);
u32 dmm_receiver_sessions(struct dmm_receiver *rc);

/* Waits until all sessions have ended. -ETIMEDOUT. */
int dmm_receiver_wait(struct dmm_receiver *rc, u64 timeout_ms);

#endif
