/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Holding the guest's writes while frozen or fenced, and letting them go.
 */
#ifndef DMM_HOLD_H
#define DMM_HOLD_H

#include "dmm.h"

/**
 * dmm_hold_bio() - The slow path of map() for a bio that modifies data.
 * @m: migration whose .hold was seen set.
 * @bio: remapped already.
 *
 * Context: as map(); takes dmm_migration.lock, sleeps never.
 * Return: DM_MAPIO_SUBMITTED: held; DM_MAPIO_REQUEUE: a noflush suspend
 * wants it back; DM_MAPIO_REMAPPED: the hold has just ended, go on.
 */
int dmm_hold_bio(struct dmm_migration *m, struct bio *bio);

/* From now on map() holds.  Caller holds dmm_migration.lock; then calls dmm_hold_settle(). */
void dmm_hold_begin_locked(struct dmm_migration *m);
/* Wait until every write is either counted or held.  Context: process, sleeps. */
void dmm_hold_settle(void);
/* The hold ends; a worker passes the held bios on.  Caller holds dmm_migration.lock. */
void dmm_hold_end_locked(struct dmm_migration *m);
/* Give held bios back to dm under a noflush suspend.  Context: presuspend. */
void dmm_hold_requeue(struct dmm_migration *m);

void dmm_hold_init(struct dmm_migration *m);

#endif
