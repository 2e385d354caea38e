/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between disk.c and disk_attach.c.  All of these: the caller holds the disk's lock.
 */
#ifndef DMM_DISK_PRIV_H
#define DMM_DISK_PRIV_H

#include "disk.h"

#define DISK_KICK_MS	10000u	/* for connections that were told to end */
#define DISK_ALL_EPOCHS	(~0ull)	/* the decoder of ATTACH takes none so large */

/* May anything begin on this disk? 0, or a negative errno with @r filled. */
int dmm_disk_check_state_locked(struct dmm_disk *d, struct dmm_refusal *r);

/* Waits for `changed`, in steps so that @stop_fd is noticed. Drops the lock meanwhile. */
int dmm_disk_wait_locked(struct dmm_disk *d, u64 deadline_ms, int stop_fd);

/* Tells the attachments of epochs before @epoch to end. */
void dmm_disk_kick_older_locked(struct dmm_disk *d, u64 epoch);

/* Waits until they are gone: 0, -ETIMEDOUT, -ECANCELED. Drops the lock meanwhile. */
int dmm_disk_wait_older_locked(struct dmm_disk *d, u64 epoch, u32 timeout_ms, int stop_fd);

#endif
