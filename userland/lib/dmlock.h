/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libdevmapper is not thread safe: whoever uses dm.h with more than one thread holds this. It is held while udev is waited
 * for (bounded) and a swap drains (10 s at most).
 */
#ifndef DMM_LIB_DMLOCK_H
#define DMM_LIB_DMLOCK_H

void dmm_dm_lock(void);
void dmm_dm_unlock(void);

/* What went wrong, in device-mapper's words or errno's. */
const char *dmm_dm_text_locked(int err);

#endif
