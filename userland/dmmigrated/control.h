/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Control connections: requests about disks, one after the other.
 */
#ifndef DMM_CONTROL_H
#define DMM_CONTROL_H

#include "session.h"

/*
 * Serves the first request (@f with @payload, which is overwritten by later ones and has room for
 * DMM_MAX_CONTROL_BYTES) and all that follow, until the peer closes or is refused.
 */
void dmm_control_run(struct dmm_session *s, struct dmm_frame *f, u8 *payload);

#endif
