/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heads of a peer's records while GnuTLS reads them.  It takes for authenticated what it expects a head to be, not what has
 * come: of a record that is encrypted, somebody on the way could say in the clear that it were something else.
 */
#ifndef DMM_LIB_TLS_HEADS_H
#define DMM_LIB_TLS_HEADS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/env.h"
#include "tls_record.h"

struct dmm_heads {
	u8 head[DMM_RECORD_HEADER];
	size_t have;		/* of it */
	size_t body;		/* bytes, still to come */
	bool hello;		/* of the peer has come: what it says from now on is encrypted */
	bool wrong;		/* nothing counts any more */
};

/* How many of the next @bytes that have come may be read: all, or what comes before a head that no peer would send. */
size_t dmm_heads_take(struct dmm_heads *h, const u8 *p, size_t bytes);

#endif
