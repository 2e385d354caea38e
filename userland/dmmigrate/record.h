/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the verbs remember outside the kernel: where a migration goes.  One JSON
 * file per migration, written atomically.  Losing it loses the address of the
 * receiver; taking down never needs it, device-mapper itself knows everything.
 */
#ifndef DMM_RECORD_H
#define DMM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "dm.h"
#include "parse.h"
#include "witness.h"

struct dmm_record {
	u8 id[DMM_ID_BYTES];
	struct dmm_target to;		/* host, port, path */
	char source[DMM_DM_NAME_BYTES];	/* dm name */
	unsigned int major, minor;
	u64 size_bytes;
	u32 block_bytes;
	u64 started_s;			/* CLOCK_REALTIME */
	u64 conn_epoch;			/* of the last data connections */
	u32 conns;			/* how many they were */
	bool group;			/* the daemons' journals say who owns it */
	bool has_gate;			/* the next is filled */
	char gate[DMM_DM_NAME_BYTES];	/* dm name of the gate at the destination; empty: it has none */
	bool has_witness;		/* the next is filled */
	struct dmm_witness witness;	/* when it began */
	bool committed;			/* COMMIT was asked for: only its target says how it ended */
	bool start_begun;		/* and the start hook was begun: the writer may run there */
	bool handed_over;		/* and has succeeded */
	char *table;			/* owned; original table without keys, may be NULL */
};

/* Frees what it owns. */
void dmm_record_clear(struct dmm_record *r);

/* Makes @dir when it is missing.  Atomic: readers see the old one or the new one. -errno. */
int dmm_record_save(const char *dir, const struct dmm_record *r);

/* -ENOENT; -EBADMSG: damaged, or not a record of this migration. */
int dmm_record_load(const char *dir, const u8 id[DMM_ID_BYTES], struct dmm_record *r);

/* Missing is fine. */
int dmm_record_remove(const char *dir, const u8 id[DMM_ID_BYTES]);

/*
 * Identifiers of all records in @dir, damaged ones too; the caller frees *ids.
 * A directory that is not there holds none.
 */
int dmm_record_list(const char *dir, u8 (**ids)[DMM_ID_BYTES], unsigned int *nr);

/*
 * Is this record about the device that has this name and number?  A name may be another device's
 * by now, and so may a number; a record of a commit counts for both: it warns.
 */
bool dmm_record_is_of(const struct dmm_record *r, const char *name, unsigned int major,
		      unsigned int minor);

/*
 * The record of a migration of @dev or, where there is no such device (NULL), of one that had
 * this dm name. -ENOENT.
 */
int dmm_record_find(const char *dir, const char *name, const struct dmm_dm_dev *dev,
		    struct dmm_record *r);

/*
 * One tool at a time works on a device: takes the lock that goes with @key. Returns a
 * descriptor to keep open, -EWOULDBLOCK when another has it, -errno.
 */
int dmm_record_lock(const char *dir, const char *key);

#endif
