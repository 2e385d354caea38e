/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between tls.c, tls_kernel.c and tls_relay.c.
 */
#ifndef DMM_LIB_TLS_PRIV_H
#define DMM_LIB_TLS_PRIV_H

#include "tls.h"

/*
 * Gives the keys of @session, whose handshake has ended and of which nothing is buffered, to the kernel, both ways.
 * -EOPNOTSUPP: it has no TLS, and the socket is as it was; -errno: the socket is of no more use.
 */
int dmm_tls_kernel(gnutls_session_t session, int fd);

/*
 * Starts a relay between @session over @fd and a new socketpair.  Takes both, whatever happens; @outlives: a process,
 * else a thread.  Returns the caller's end or -errno.
 */
int dmm_tls_relay(gnutls_session_t session, int fd, bool outlives);

/* Of a call to GnuTLS: nothing is wrong, it waits for the connection. */
static inline bool dmm_tls_is_again(ssize_t err)
{
	return err == GNUTLS_E_AGAIN || err == GNUTLS_E_INTERRUPTED;
}

/* For GnuTLS to send by: never blocks, never raises SIGPIPE. */
ssize_t dmm_tls_push(int fd, const giovec_t *iov, int parts);

#endif
