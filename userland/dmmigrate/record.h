/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the verbs remember outside the kernel: where a migration goes.  One JSON
 * file per disk of it, written atomically.  Losing it loses the address of the
 * receiver; taking down never needs it, device-mapper itself knows everything.
 */
#ifndef DMM_RECORD_H
#define DMM_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "dm.h"
#include "parse.h"
#include "witness.h"

#define DMM_RECORD_GUEST	64

struct dmm_record {
	u8 id[DMM_ID_BYTES];
	u32 disk, disks;		/* which one, of how many that hand over as one */
	struct dmm_target to;		/* host, port, path */
	char source[DMM_DM_NAME_BYTES];	/* dm name */
	unsigned int major, minor;
	u64 size_bytes;
	u32 block_bytes;
	u64 started_s;			/* CLOCK_REALTIME */
	u64 conn_epoch;			/* of the last data connections */
	u32 conns;			/* how many they were */
	char gate[DMM_DM_NAME_BYTES];	/* dm name of the gate at the destination; empty: it has none */
	bool has_witness;		/* the next is filled */
	struct dmm_witness witness;	/* when it began */
	bool moves_guest;		/* its last hand-over was a whole guest's: only that, or recover, ends it */
	char guest[DMM_RECORD_GUEST];	/* and what its toolstack calls it; "" */
	bool start_begun;		/* a start hook was begun: the writer may run there */
	char *table;			/* owned; original table without keys, may be NULL */
};

/* Whose record it is; what names its file. */
struct dmm_record_key {
	u8 id[DMM_ID_BYTES];
	u32 disk;
};

/* What the writer is to use at the destination: the gate or, where that is "", @path itself. */
void dmm_dest_device(const char *gate, const char *path, char *buf, size_t bytes);

/* Frees what it owns. */
void dmm_record_clear(struct dmm_record *r);

/* Makes @dir when it is missing.  Atomic: readers see the old one or the new one. -errno. */
int dmm_record_save(const char *dir, const struct dmm_record *r);

/* -ENOENT; -EBADMSG: damaged, or not a record of this disk. */
int dmm_record_load(const char *dir, const u8 id[DMM_ID_BYTES], u32 disk, struct dmm_record *r);

/* Missing is fine. */
int dmm_record_remove(const char *dir, const u8 id[DMM_ID_BYTES], u32 disk);

/*
 * All records in @dir, damaged ones too; the caller frees *keys.
 * A directory that is not there holds none.
 */
int dmm_record_list(const char *dir, struct dmm_record_key **keys, unsigned int *nr);

/*
 * The record of a migration of @dev or, where there is no such device (NULL), of one that had this dm name.
 * A name may be another device's by now, and so may a number: *partly says that only one of them is
 * the record's; what has both is preferred. -ENOENT.
 */
int dmm_record_find(const char *dir, const char *name, const struct dmm_dm_dev *dev,
		    struct dmm_record *r, bool *partly);

/*
 * One tool at a time works on a device: takes the lock that goes with @key. Returns a
 * descriptor to keep open, -EWOULDBLOCK when another has it, -errno.
 */
int dmm_record_lock(const char *dir, const char *key);

#endif
