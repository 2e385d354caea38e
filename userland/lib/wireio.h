/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control frames over a socket, and the client's half of the conversation
 * (doc/protocol.rst).  Layouts and checks come from kmod/core/wire.[ch];
 * this file only moves bytes.  No locking: a connection has one owner.
 */
#ifndef DMM_LIB_WIREIO_H
#define DMM_LIB_WIREIO_H

#include <sys/socket.h>

#include "core/wire.h"
#include "parse.h"
#include "tls.h"

#define DMM_STOP_GRACE_MS	1000u	/* for a peer to take what is being said when we stop */
#define DMM_CLIENT_TIMEOUT_MS	30000

/*
 * Sends one frame: header, @payload of @bytes (at most DMM_MAX_CONTROL_BYTES; HASHES_OK: DMM_MAX_HASHES_BYTES) and checksum.
 * @seq: the last number used in this direction; incremented.
 * Returns 0, -EMSGSIZE, or as dmm_sock_write().
 */
int dmm_wireio_send(int fd, u16 type, u64 *seq, const void *payload, u32 bytes, int timeout_ms);

/*
 * Receives one frame with a payload of at most @cap bytes and checks all that
 * can be checked without knowing the conversation: header, size, checksum.
 * The caller checks type and sequence number.
 * Returns 0; -EBADMSG (*why, constant text), -EMSGSIZE (payload beyond @cap), or as
 * dmm_sock_read(): -ENODATA means that the peer closed between frames.
 */
int dmm_wireio_recv(int fd, struct dmm_frame *f, void *payload, u32 cap, int timeout_ms,
		    const char **why);

/*
 * The same with an absolute deadline (dmm_now_ms(), or DMM_NO_DEADLINE), and a descriptor that
 * interrupts with -ECANCELED when it becomes readable (-1: none).
 */
int dmm_wireio_send_until(int fd, u16 type, u64 *seq, const void *payload, u32 bytes,
			  u64 deadline_ms, int stop_fd);
int dmm_wireio_recv_until(int fd, struct dmm_frame *f, void *payload, u32 cap, u64 deadline_ms,
			  int stop_fd, const char **why);

/* One connection of the tool to a receiver. Owned by one thread. */
struct dmm_client {
	int fd;			/* -1 when closed; blocking mode, TCP_NODELAY */
	int timeout_ms;		/* for every message; change at will (DIGEST and FINISH take long) */
	u64 tx_seq;
	u64 rx_seq;
	u64 features;		/* DMM_FEATURE_*: to offer in HELLO; afterwards those that both have */
	const char *why;	/* after a failure: text that says more, or NULL; lives as long as this */
	struct dmm_tls_end tls;	/* where it is protected */
	char tls_why[DMM_KEYS_WHY];
};

/*
 * Connects to @host (name, IPv4, IPv6 with optional %zone), trying every address within
 * @timeout_ms altogether, each in its share of it.  Fills @c, whose descriptor the caller
 * closes with dmm_client_close().
 * @tls: how it is protected, its host filled in here; NULL: plaintext.  The handshake has @timeout_ms of its own.
 * Returns 0; -EADDRNOTAVAIL: the name does not resolve (why = gai_strerror); -errno of the last address, or as
 * dmm_tls_connect().
 */
int dmm_client_connect(const char *host, u16 port, int timeout_ms, const struct dmm_tls_client *tls,
		       struct dmm_client *c);

/* Connections of this process come from this address from now on. Context: before there are other threads. */
void dmm_client_from(const struct sockaddr_storage *own);
/* The same, by what dmm_client_own() has said, some time ago, unless it is known already. Anything else, and "", is nothing. */
void dmm_client_from_before(const char *own);
/* Those of the calling thread alone, whatever the process's are; "": like those. Anything but an address in numbers is nothing. */
void dmm_client_from_here(const char *own);
/* Which one that is, in numbers; "": whichever the kernel takes. */
void dmm_client_own(char own[DMM_OWN_ADDRESS]);

/* The same to the daemon of this host, at the local socket @path. -errno. */
int dmm_client_connect_local(const char *path, struct dmm_client *c);

/*
 * HELLO, offering c->features.  Fills @ok.  Returns 0; -EREMOTEIO with @refuse filled when the receiver refused;
 * -EPROTO: it answered something else (why); -errno.
 */
int dmm_client_hello(struct dmm_client *c, const char *program, struct dmm_wire_hello_ok *ok,
		     struct dmm_wire_refuse *refuse);

/*
 * Sends a request and awaits its reply, which must be of type @expect with exactly @reply_bytes.
 * Returns as dmm_client_hello(); @refuse always comes NUL terminated and printable.
 * After any failure, a refusal included, the connection is of no more use: close it.
 */
int dmm_client_request(struct dmm_client *c, u16 type, const void *payload, u32 bytes,
		       u16 expect, void *reply, u32 reply_bytes, struct dmm_wire_refuse *refuse);

/*
 * The two halves of it, for requests that are answered while something else is done: replies come in
 * the order of the requests.
 */
int dmm_client_send(struct dmm_client *c, u16 type, const void *payload, u32 bytes);
int dmm_client_receive(struct dmm_client *c, u16 expect, void *reply, u32 reply_bytes,
		       struct dmm_wire_refuse *refuse);

/* Accepts a client that was never connected. */
void dmm_client_close(struct dmm_client *c);

#endif
