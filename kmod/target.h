/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device-mapper target: callbacks and registration.
 */
#ifndef DMM_TARGET_H
#define DMM_TARGET_H

#include "dmm.h"

int dmm_target_init(void);
void dmm_target_exit(void);

/*
 * Count and mark a remapped bio that modifies data.  Context: map() in its
 * RCU section, or dmm_migration.lock held.
 */
void dmm_target_submit_mark(struct dmm_migration *m, struct bio *bio);

#endif
