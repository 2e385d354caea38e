/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between ctlmsg.c and ctlmsg_guest.c.  0, or -errno with @r filled.
 */
#ifndef DMM_CTLMSG_PRIV_H
#define DMM_CTLMSG_PRIV_H

#include "ctlmsg.h"

int dmm_malformed(struct dmm_refusal *r, const char *what);

/* A disk's name as a request has it. */
int dmm_disk_name_check(const struct dmm_wire_disk *w, struct dmm_refusal *r);
void dmm_disk_name_take(const struct dmm_wire_disk *w, struct dmm_disk_name *n);

/* Is the disk one of a group of @nr? */
int dmm_group_disks_check(u32 nr, const struct dmm_wire_disk *id, struct dmm_refusal *r);

#endif
