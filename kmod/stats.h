/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A snapshot of a migration for people and programs.
 */
#ifndef DMM_STATS_H
#define DMM_STATS_H

#include "dmm.h"

struct dmm_stats {
	enum dmm_state state;
	int error;
	enum dmm_side error_side;
	const char *reason;		/* constant text or NULL */
	u32 remote_status;
	u8 id[DMM_ID_BYTES];
	u32 disk;
	u64 conn_epoch;
	u32 conns;
	u64 features;
	u32 security;
	u64 rate;
	u64 dirty_blocks;
	unsigned int nr_held;
	enum dmm_gate gate;
	struct dmm_freeze_info freeze;
	struct dmm_ship_stats ship;
	u64 unflushed_bytes;
	u8 instance[DMM_ID_BYTES];
	struct dmm_tracker_counts counts;
	struct dmm_latency latency;
};

/* Context: any; takes dmm_migration.lock. */
void dmm_stats_get(struct dmm_migration *m, struct dmm_stats *st);
/* The STATUSTYPE_INFO line.  Fields are only ever appended; doc/dm-migrate.rst lists them. */
void dmm_stats_emit(struct dmm_migration *m, char *result, unsigned int maxlen);

#endif
