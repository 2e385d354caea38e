/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between leftovers.c and leftovers_host.c.
 */
#ifndef DMM_LEFTOVERS_PRIV_H
#define DMM_LEFTOVERS_PRIV_H

#include "leftovers.h"

struct dmm_dm_dev;

/* One search. */
struct find {
	const struct dmm_leftovers_who *who;
	struct dmm_leftovers *l;
	struct dmm_leftover_part *parts;	/* all; those that are not for who asks are taken for live ones */
	u32 nr_parts;
	struct dmm_dm_dev *devs;
	unsigned int nr_devs;
	enum dmm_ho_role role;			/* of the directory that is looked at */
};

/* @role 0: whichever.  NULL: none. */
const struct dmm_leftover_part *dmm_leftover_part_find(const struct dmm_leftover_part *parts, u32 nr, const u8 id[DMM_ID_BYTES],
						       enum dmm_ho_role role);

/* What LVM and the toolstack say. */
void dmm_leftovers_ask(struct find *f, int stop_fd);

#endif
