/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which of the guest's bios pass, which are held, which fail; and letting go what was held.
 */
#ifndef DMM_ADMIT_H
#define DMM_ADMIT_H

#include "dmm.h"

#define DMM_DRAIN_JIFFIES	(10 * HZ)	/* how long a volume is waited for */

/**
 * dmm_admit_bio() - The slow path of map().
 * @m: migration whose .admit was seen to be other than DMM_ADMIT_ALL.
 * @bio: remapped already.
 * @op: what it is about.
 *
 * Context: as map(); takes dmm_migration.lock, sleeps never.
 * Return: DM_MAPIO_SUBMITTED: held; DM_MAPIO_KILL: it fails, and is counted; DM_MAPIO_REQUEUE: a
 * noflush suspend wants it back; DM_MAPIO_REMAPPED: it passes.
 */
int dmm_admit_bio(struct dmm_migration *m, struct bio *bio, enum dmm_op op);

/*
 * From now on map() asks for @admit; a worker passes on, or fails, what may not be held any more.
 * Caller holds dmm_migration.lock.
 */
void dmm_admit_set_locked(struct dmm_migration *m, enum dmm_admit admit);
/* Wait until every bio has been seen by the latest .admit, or is counted.  Context: process, sleeps. */
void dmm_admit_settle(void);
/*
 * Nothing passes any more: wait until, at a gate, what had passed has ended, and with @held until nothing is held: it fails.
 * For 10 s at most: a volume that hangs must not hang who asks, a netlink caller with locks.
 * Context: process, sleeps.  Return: 0, -EINTR when killed, or -ETIMEDOUT; asking again goes on waiting.
 */
int dmm_admit_drain(struct dmm_migration *m, bool held);
/* Give held bios back to dm under a noflush suspend.  Context: presuspend. */
void dmm_admit_requeue(struct dmm_migration *m);

void dmm_admit_init(struct dmm_migration *m);

#endif
