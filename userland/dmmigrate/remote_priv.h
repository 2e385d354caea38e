/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between remote.c and remote_probe.c.
 */
#ifndef DMM_REMOTE_PRIV_H
#define DMM_REMOTE_PRIV_H

#include "remote.h"

/* Why, exit and code of a failure of @doing ("ask...").  Returns @err. */
int dmm_remote_fail(struct dmm_remote *r, int err, const char *doing);

/* What has answered is not understood: nothing more is asked of it. -EPROTO. */
int dmm_remote_malformed(struct dmm_remote *r, const char *doing);

/* One request and its reply.  After a failure the connection is closed. */
int dmm_remote_request(struct dmm_remote *r, u16 type, const void *payload, u32 bytes, u16 expect, void *reply, u32 reply_bytes,
		       int timeout_ms, const char *doing);

#endif
