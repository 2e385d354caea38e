/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device-mapper target: callbacks and registration.
 */
#ifndef DMM_TARGET_H
#define DMM_TARGET_H

#include "dmm.h"

int dmm_target_init(void);
void dmm_target_exit(void);

/* What a bio is about.  Context: any. */
enum dmm_op dmm_target_op(const struct bio *bio);

/*
 * Count and, where it modifies data, mark a remapped bio that passes.  Context: map() in its
 * RCU section, or dmm_migration.lock held.
 */
void dmm_target_count(struct dmm_migration *m, struct bio *bio, enum dmm_op op);

#endif
