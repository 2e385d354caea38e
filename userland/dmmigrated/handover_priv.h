/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between handover.c and link.c, the two ends of a hand-over connection.
 */
#ifndef DMM_HANDOVER_PRIV_H
#define DMM_HANDOVER_PRIV_H

#include "handover.h"

/*
 * Decodes what came on the connection of @migration from the side @from. @join: JOIN is due, else anything
 * but that. 0, or a negative errno with @r filled.
 */
int dmm_handover_take(const void *payload, const u8 migration[DMM_ID_BYTES], enum dmm_ho_role from,
		      bool join, struct dmm_handover_msg *msg, struct dmm_refusal *r);

/* The next to be sent, oldest first; false: there is none. */
bool dmm_outbox_take(struct dmm_outbox *o, struct dmm_handover_msg *msg);

/* Until there is something to take, or (true) @fd or @stop_fd (-1: none) can be read. */
bool dmm_outbox_wait(struct dmm_outbox *o, int fd, int stop_fd);

/* Both ends talk every second when it matters: who is silent longer is gone. */
void dmm_handover_set_options(int fd);

#endif
