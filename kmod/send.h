/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames: from a slot, or without payload, into the socket (dmm_socket_ops).
 * Everything here runs in the send thread of the link.
 */
#ifndef DMM_SEND_H
#define DMM_SEND_H

#include "sender.h"

/* Does the extent that was read consist of zeros? */
bool dmm_slot_is_zero(const struct dmm_slot *slot);
/* Shut the connection down without a word, once: nothing more is sent on it. */
void dmm_send_break(struct dmm_link *l);

#endif
