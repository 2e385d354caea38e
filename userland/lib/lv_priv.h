/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between lv.c, which runs LVM, and volume.c.
 */
#ifndef DMM_LIB_LV_PRIV_H
#define DMM_LIB_LV_PRIV_H

#include "lv.h"
#include "runner.h"

/* A guest's disk is never looked at for volume groups, whatever the host's configuration says. */
#define DMM_LVM_CONFIG	(char *)"--config", (char *)"devices{scan_lvs=0}"

/* Runs `lvm ...`, of at most 24 words, to its end: 0, -errno with @why.  *@out: what it said, NUL terminated, to be freed. */
int dmm_lvm_run(char *const lvm[], int stop_fd, struct dmm_runner **out, char why[DMM_LV_WHY]);

/* Is @tag one of @tags, with commas between them? */
bool dmm_lv_has_tag(const char *tags, const char *tag);

#endif
