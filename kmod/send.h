/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames: from a slot, or without payload, into the socket.
 * Everything here runs in the send thread.
 */
#ifndef DMM_SEND_H
#define DMM_SEND_H

#include "sender.h"

/* Send the extent of a READY slot: READY -> SENDING -> SENT or FREE.  0 or negative errno. */
int dmm_send_extent(struct dmm_sender *s, struct dmm_slot *slot);
/* Send a frame without payload.  0 or negative errno. */
int dmm_send_plain(struct dmm_sender *s, u16 type, u64 arg);
/* Say END, once, and shut the connection down. */
void dmm_send_end(struct dmm_sender *s);
/* Shut the connection down without a word, once: nothing more is sent on it. */
void dmm_send_break(struct dmm_sender *s);

#endif
