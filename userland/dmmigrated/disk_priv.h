/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between disk.c and disk_*.c.
 */
#ifndef DMM_DISK_PRIV_H
#define DMM_DISK_PRIV_H

#include "disk.h"

#define DISK_KICK_MS	10000u	/* for connections that were told to end */
#define DISK_ALL_EPOCHS	(~0ull)	/* the decoder of ATTACH takes none so large */

/* --- the caller holds the disk's lock --- */

/* May anything begin on this disk? 0, or a negative errno with @r filled. */
int dmm_disk_check_state_locked(struct dmm_disk *d, struct dmm_refusal *r);

/* Waits for `changed`, in steps so that @stop_fd is noticed. Drops the lock meanwhile. */
int dmm_disk_wait_locked(struct dmm_disk *d, u64 deadline_ms, int stop_fd);

/* Tells the attachments of epochs before @epoch to end. */
void dmm_disk_kick_older_locked(struct dmm_disk *d, u64 epoch);

/* Waits until they are gone: 0, -ETIMEDOUT, -ECANCELED. Drops the lock meanwhile. */
int dmm_disk_wait_older_locked(struct dmm_disk *d, u64 epoch, u32 timeout_ms, int stop_fd);

/* --- the caller holds flush_lock --- */

/* By @flush(@arg), 0 or -errno, unless the disk has failed. Its error is the disk's. Returns enum dmm_wire_err. */
u32 dmm_disk_flush_locked(struct dmm_disk *d, int (*flush)(void *), void *arg);

/* --- none --- */

int dmm_disk_refuse_unflushed(u32 error, struct dmm_refusal *r);

/* A descriptor to read the destination by, and its end. 0, or a negative errno with @r filled.  @again_fd: as dmm_disk_digest_begin(). */
int dmm_disk_reader_open(struct dmm_disk *d, int again_fd, struct dmm_digest_reader *rd, struct dmm_refusal *r);
void dmm_disk_reader_close(struct dmm_disk *d, struct dmm_digest_reader *rd);
/* So that the page cache of a buffered one can be dropped; an error of it is the disk's. */
int dmm_disk_flush_for_reading(struct dmm_disk *d, int fd, struct dmm_refusal *r);

#endif
