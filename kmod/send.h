/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames: from a slot, or without payload, into the socket.
 * Everything here runs in the send thread of the link.
 */
#ifndef DMM_SEND_H
#define DMM_SEND_H

#include "sender.h"

/*
 * Send the extent of a READY slot: READY -> SENDING -> SENT or FREE; its pages are back in the
 * pool afterwards.  0 or negative errno.
 */
int dmm_send_extent(struct dmm_link *l, struct dmm_slot *slot);
/* Send the barrier that freeze.c asked for.  Link 0 only.  0 or negative errno. */
int dmm_send_barrier(struct dmm_link *l);
/* Say END, once, and shut the connection down. */
void dmm_send_end(struct dmm_link *l);
/* Shut the connection down without a word, once: nothing more is sent on it. */
void dmm_send_break(struct dmm_link *l);

#endif
