/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon asks its opener: one binary talks to itself, so these are its own structures.
 */
#ifndef DMM_OPENER_MSG_H
#define DMM_OPENER_MSG_H

#include "dest_create.h"
#include "dmtable.h"
#include "keys.h"

enum opener_op {
	OPENER_OPEN = 1,
	OPENER_REOPEN,
	OPENER_ALLOW,		/* texts, each with its NUL */
};

struct opener_ask {
	bool create, check;
	u64 size_bytes;
	u32 lbs_bytes;
	bool overwrite, made;
	char path[DMM_PATH_MAX];
	char peer[DMM_PEER_NAME];
	char source_identity[DMM_IDENTITY_MAX];
	char gate[DMM_DM_UUID_BYTES];
	struct dmm_dest dest;		/* REOPEN */
};

/* Descriptors: the destination, the directory of what was made. */
struct opener_answer {
	int ret;
	struct dmm_refusal refusal;
	bool would;
	struct dmm_dest dest;
	struct dmm_dest_made made;
};

#endif
