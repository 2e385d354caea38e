/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between tls*.c.
 */
#ifndef DMM_LIB_TLS_PRIV_H
#define DMM_LIB_TLS_PRIV_H

#include "tls.h"
#include "tls_record.h"

/* Those of @session, whose handshake has ended and of which nothing is buffered. -EPROTO. */
int dmm_tls_secrets(gnutls_session_t session, struct dmm_tls_secrets *s);

/* Gives them to the kernel, both ways. -EOPNOTSUPP: it has no TLS, and the socket is as it was; -errno: the socket is of no more use. */
int dmm_tls_kernel(const struct dmm_tls_secrets *s, int fd);

/*
 * Starts a relay between @fd and a new socketpair.  Takes @fd, whatever happens; @outlives: a process, else a thread.  Returns
 * the caller's end or -errno.
 */
int dmm_tls_relay(const struct dmm_tls_secrets *s, int fd, bool outlives);

/* Passes on all there is between @net and @local. */
struct dmm_relay;
struct dmm_relay *dmm_relay_create(const struct dmm_tls_secrets *s, int net, int local);	/* NULL: no memory */
void dmm_relay_run(struct dmm_relay *r);	/* until it is over */
void dmm_relay_free(struct dmm_relay *r);	/* closes both */
/* A relay as a process of its own; takes neither descriptor. 0 or -errno. */
int dmm_relay_spawn(const struct dmm_tls_secrets *s, int net, int local);

/* Of a call to GnuTLS: nothing is wrong, it waits for the connection. */
static inline bool dmm_tls_is_again(ssize_t err)
{
	return err == GNUTLS_E_AGAIN || err == GNUTLS_E_INTERRUPTED;
}

#endif
