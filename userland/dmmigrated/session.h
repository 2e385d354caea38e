/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One connection and its thread, from HELLO to close.  The first message
 * after HELLO decides what it is: ATTACH makes it a data connection
 * (data.c), HANDOVER a hand-over connection (handover.c), anything else
 * a control connection (control.c).
 */
#ifndef DMM_SESSION_H
#define DMM_SESSION_H

#include "core/wire.h"
#include "keyring.h"
#include "log.h"
#include "receiver.h"
#include "silent.h"

/* Owned by its thread. */
struct dmm_session {
	struct dmm_receiver *rc;	/* borrowed */
	int fd;
	struct dmm_silent *silent;	/* borrowed; NULL: a test's */
	char peer[DMM_PEER_TEXT];
	struct dmm_log_id log_id;	/* with the peer; the migration once it is known */
	u64 hello_ms;			/* no later: its handshake and HELLO */
	u64 features;			/* common to both; 0 before HELLO_OK */
	u64 tx_seq;
	u64 rx_seq;
	bool tls;			/* the peer is known: */
	char peer_name[DMM_PEER_NAME];	/* as the file of peers has it; zero without TLS */
	struct dmm_pin peer_pin;	/* unless by_key */
	bool by_key;			/* it was given a key for one data connection: */
	struct dmm_key_use key;		/* this one */
	bool local;			/* by the local socket: this host itself */
	u32 uid;			/* of a local peer, else 0 */
	bool refused;			/* nothing more is said to this peer */
};

/*
 * Starts the thread of a connection; takes @fd, whatever happens. -EUSERS: too many sessions
 * (the peer was told); -errno.
 * Context: main thread.
 */
int dmm_session_start(struct dmm_receiver *rc, int fd, const char *peer, bool local, u64 hello_ms);

/* The same for one that an acceptor has brought, with what that has found out; @known is copied. */
int dmm_session_start_known(struct dmm_receiver *rc, int fd, const struct dmm_session *known);

/* The whole life of a connection in the caller's thread; does not close @fd. For tests, in plaintext. */
void dmm_session_run(struct dmm_receiver *rc, int fd, const char *peer, bool local);

/* --- for control.c, data.c and handover.c, on the session's own thread --- */

/*
 * The next frame: waits until @start_ms (absolute, or DMM_NO_DEADLINE) for it to begin, and then
 * for the whole of it no longer than the stall timeout.  Type and payload are left to the caller.
 * Returns 0; -ENODATA: the peer closed or is lost; another negative errno with @r
 * filled: refuse and close.
 */
int dmm_session_recv(struct dmm_session *s, struct dmm_frame *f, void *payload, u32 cap,
		     u64 start_ms, struct dmm_refusal *r);

/* That it ends before HELLO; @what, unless it had to make way. */
void dmm_session_complain(struct dmm_session *s, enum dmm_complaint what, const char *why);

/* 0 or -errno: the connection is lost. */
int dmm_session_reply(struct dmm_session *s, u16 type, const void *payload, u32 bytes);

/* Sends REFUSE, and logs it. Nothing else can be said afterwards. */
void dmm_session_refuse(struct dmm_session *s, const struct dmm_refusal *r);

#endif
