/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The marks on the logical volumes of one migration (lv.h), which outlive a reboot: as the state says, set by a thread of
 * their own, for LVM takes as long as it takes and nobody may wait for it while a guest stands still.
 * What fails is owed, said, and tried again after pauses that grow.
 */
#ifndef DMM_MARKS_H
#define DMM_MARKS_H

#include <stdbool.h>

#include "core/handover.h"
#include "log.h"
#include "lv.h"
#include "manifest.h"

enum dmm_mark {
	DMM_MARK_KEEP,		/* as it is: a hand-over is under way, or nobody knows */
	DMM_MARK_SET,
	DMM_MARK_CLEAR,
};

/* What a state asks for.  @owes: something of it has yet to be done to the disks. Pure. */
enum dmm_mark dmm_mark_for(enum dmm_ho_role role, enum dmm_ho_state state, bool owes);

struct dmm_marks;

/* *@marks stays NULL where no disk is a logical volume, which all of the functions below accept. 0 or -errno. */
int dmm_marks_open(const struct dmm_manifest *m, const struct dmm_log_id *id, struct dmm_marks **marks);
/* Ends the thread, and what it runs. The marks stay as they are. */
void dmm_marks_close(struct dmm_marks *m);

/* From now on; KEEP changes nothing. Any thread, does not block. */
void dmm_marks_want(struct dmm_marks *m, enum dmm_mark want);

/* Tries now, and waits. 0; -EAGAIN, with @why. */
int dmm_marks_finish(struct dmm_marks *m, enum dmm_mark want, u64 timeout_ms, char why[DMM_LV_WHY]);

/* Waits until nothing is owed, or has failed. */
void dmm_marks_wait(struct dmm_marks *m, u64 timeout_ms);

/* Has something failed, or does it take unusually long? Then @why says what. */
bool dmm_marks_owe(struct dmm_marks *m, char why[DMM_LV_WHY]);

#endif
