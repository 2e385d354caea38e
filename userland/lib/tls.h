/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The channel (doc/security.rst): TLS 1.3 and nothing else, from the first byte on, both sides proven.  A
 * handshake turns a connected socket into a descriptor that is read and written like the socket before: the
 * same one where the kernel has TLS (kTLS), else one end of a socketpair, behind which a relay encrypts.
 *
 * Who proves what: a certificate (keys.h), or a secret for one connection that was handed out over such a
 * connection (DMM_MSG_KEY).  When the server is content it says so by one byte; until then the client says nothing.
 */
#ifndef DMM_LIB_TLS_H
#define DMM_LIB_TLS_H

#include "keys.h"
#include <dmmigrate/wire.h>

enum dmm_tls_carrier {
	DMM_TLS_AUTO,		/* the kernel where it can, else a relay */
	DMM_TLS_KERNEL,		/* or fail */
	DMM_TLS_RELAY,
};

/* For one connection. */
struct dmm_tls_key {
	u8 identity[DMM_KEY_IDENTITY_BYTES];
	u8 secret[DMM_KEY_SECRET_BYTES];
};

/* What a handshake has found. */
struct dmm_tls_end {
	bool kernel;				/* else a relay's */
	bool by_key;				/* else by certificate */
	u8 identity[DMM_KEY_IDENTITY_BYTES];	/* by_key */
	struct dmm_peer_id who;			/* else */
};

struct dmm_tls_client {
	const struct dmm_keys *keys;		/* borrowed; may be NULL with @key */
	const struct dmm_tls_key *key;		/* NULL: by certificate */
	const char *host;			/* whose certificate it has to be */
	enum dmm_tls_carrier carrier;
	bool outlives;				/* a relay is a process of its own, which stays when the caller ends */
};

struct dmm_tls_server {
	const struct dmm_keys *keys;
	enum dmm_tls_carrier carrier;
	void *ctx;
	/* The secret of an identity that may be used now, without using it up. -ENOENT. */
	int (*find)(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES], u8 secret[DMM_KEY_SECRET_BYTES]);
	/* The peer has proven that it knows it: use it up. -ENOENT: somebody else has. */
	int (*use)(void *ctx, const u8 identity[DMM_KEY_IDENTITY_BYTES]);
	/* It has proven who it is, or that it knows a secret; before the socket becomes another one. May be NULL. */
	void (*known)(void *ctx);
};

/*
 * On the connected TCP socket *@fd, until @deadline_ms (CLOCK_MONOTONIC), or @stop_fd (-1: none) is readable.
 * 0: *@fd is what to use instead, which the caller closes; what the socket was belongs to a relay, maybe.
 * Else *@fd is as it was, of no more use, and the caller's to close; @why is one line: -EACCES (this side does not trust
 * that one), -EPERM (it does not trust us), -EPROTO (no TLS, damaged), -EOPNOTSUPP (not by this carrier), -ETIMEDOUT,
 * -ECANCELED, -errno.
 * Context: any thread; @outlives begins a process, see dmm_tls_main().
 */
int dmm_tls_connect(int *fd, const struct dmm_tls_client *c, u64 deadline_ms, int stop_fd, struct dmm_tls_end *end,
		    char why[DMM_KEYS_WHY]);
int dmm_tls_accept(int *fd, const struct dmm_tls_server *s, u64 deadline_ms, int stop_fd, struct dmm_tls_end *end,
		   char why[DMM_KEYS_WHY]);

/*
 * An option of IPPROTO_TCP for the connection behind @fd, be that the socket itself or what a relay of this process (not one that
 * outlives it) is for.  0 or -errno; -EOPNOTSUPP: there is no TCP behind it.
 */
int dmm_tls_setsockopt(int fd, int name, int value);

/*
 * To be called first in main() of a program that connects with @outlives: a relay's process is that program once more, and then
 * this does not return.
 */
void dmm_tls_main(int argc, char **argv);

const char *dmm_tls_carrier_name(enum dmm_tls_carrier carrier);
/* "auto", "kernel", "relay"; -EINVAL. */
int dmm_tls_carrier_parse(const char *text, enum dmm_tls_carrier *carrier);

#endif
