/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Data connections: extents come in, are written in order where they overlap,
 * and are acknowledged when they are written; barriers flush.
 */
#ifndef DMM_DATA_H
#define DMM_DATA_H

#include "session.h"

#define DMM_DATA_DEPTH	32u	/* extents of one connection that are received and not acknowledged */

/*
 * Serves a connection whose first request was ATTACH, with this payload, to its end.
 * When it returns, no write of it is in flight.
 */
void dmm_data_run(struct dmm_session *s, const u8 *attach);

/* The same once it is known that it may have the disk, which is this process's: disk_ops.h. */
struct dmm_disk;
void dmm_data_serve(struct dmm_disk *disk, struct dmm_session *s, const struct dmm_attach *a);

#endif
