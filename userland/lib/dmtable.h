/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device-mapper tables as data: parsing, printing, and the rules of which
 * table may be moved to an origin device (design.rst, "dm rules").
 * Pure: no ioctl, no logging.
 */
#ifndef DMM_LIB_DMTABLE_H
#define DMM_LIB_DMTABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/env.h"

#define DMM_DM_NAME_BYTES	128		/* DM_NAME_LEN, with the NUL */
#define DMM_DM_UUID_BYTES	129		/* DM_UUID_LEN, with the NUL */
#define DMM_ORIGIN_SUFFIX	"-dmm-origin"
/*
 * LVM's commands look at every block device by their own filter, not at udev's flags, and would find a
 * guest's volume group on the origin device.  They leave alone what LVM made for itself: UUIDs of "LVM-",
 * 64 characters and a suffix.  So ours has that form; no volume group has an id that begins with DMM000.
 */
#define DMM_UUID_PREFIX		"LVM-DMM00000000000000000000000000000"
#define DMM_TARGET_NAME		"migrate"
#define DMM_LV_UUID_BYTES	69		/* of a logical volume: "LVM-", 32 of its group, 32 of its own */

struct dmm_dm_target {
	u64 start_sectors;
	u64 len_sectors;
	char *type;		/* owned */
	char *params;		/* owned, never NULL */
};

/* Targets in order of their start.  {} is an empty table. */
struct dmm_dm_table {
	struct dmm_dm_target *targets;	/* owned */
	unsigned int nr;
};

/* Appends a copy. -ENOMEM. */
int dmm_dm_table_add(struct dmm_dm_table *t, u64 start_sectors, u64 len_sectors,
		     const char *type, const char *params);

/* Frees what the table owns and empties it. */
void dmm_dm_table_clear(struct dmm_dm_table *t);

/*
 * Reads what `dmsetup table --showkeys` prints for one device, a target per line.
 * Returns 0 with @t filled (must be empty before), -EINVAL, -ENOMEM.
 */
int dmm_dm_table_parse(const char *text, struct dmm_dm_table *t);

/*
 * The table as dmsetup takes it: one "start len type params" line per target, newline
 * between them, none at the end.  Keys of dm-crypt are shown as `dmsetup table` shows
 * them, zeroed, unless @keys.  Returns a string that the caller frees, NULL without memory.
 */
char *dmm_dm_table_format(const struct dmm_dm_table *t, bool keys);

bool dmm_dm_table_equal(const struct dmm_dm_table *a, const struct dmm_dm_table *b);

/* Length of the device in sectors: where the last target ends. */
u64 dmm_dm_table_sectors(const struct dmm_dm_table *t);

/*
 * May this table be moved below the migrate target?  Returns 0; -EOPNOTSUPP or -EINVAL (gaps,
 * empty) with one line in @why that says what is wrong and what to do.
 */
int dmm_dm_table_check(const struct dmm_dm_table *t, char *why, size_t why_bytes);

/* Does the table carry secrets (dm-crypt with its key inline)? */
bool dmm_dm_table_secret(const struct dmm_dm_table *t);

/*
 * Is @t one target `migrate` over the whole device, and no gate?  Then its origin and block size
 * come out.  Returns 0, -ENOENT (not that target), -EINVAL (that target, unreadable parameters).
 */
int dmm_dm_table_migrate(const struct dmm_dm_table *t, unsigned int *major, unsigned int *minor,
			 u32 *block_sectors);

/* Of such a table, the disk of this host that it copies to. 0, -ENOENT: it names none, -EINVAL. */
int dmm_dm_table_sink(const struct dmm_dm_table *t, unsigned int *major, unsigned int *minor);

/* The same of a gate, and its volume. */
int dmm_dm_table_gate(const struct dmm_dm_table *t, unsigned int *major, unsigned int *minor);

/* Of what a gate becomes once its disk is this host's: the whole of one volume. 0 or -ENOENT. */
int dmm_dm_table_linear(const struct dmm_dm_table *t, unsigned int *major, unsigned int *minor);

/*
 * DMM_UUID_PREFIX, 32 hex digits, "-origin", and the disk's number unless that is 0 <-> migration id and disk.
 * -EINVAL: not an origin's UUID.
 */
int dmm_origin_uuid_parse(const char *uuid, u8 id[16], u32 *disk);
void dmm_origin_uuid_format(const u8 id[16], u32 disk, char uuid[DMM_DM_UUID_BYTES]);

/* DMM_UUID_PREFIX, 32 hex digits, "-gate" and the disk's number: of the gate above a destination. */
void dmm_gate_uuid_format(const u8 id[16], u32 disk, char uuid[DMM_DM_UUID_BYTES]);
/* Back to the migration. -EINVAL: not a gate's. */
int dmm_gate_uuid_parse(const char *uuid, u8 id[16]);

/* The same with "-fence": of what keeps the source of a migration shut that it has given up. */
void dmm_fence_uuid_format(const u8 id[16], u32 disk, char uuid[DMM_DM_UUID_BYTES]);

/* Which of these it is, "origin", "gate" or "fence"; NULL: none. */
const char *dmm_dm_uuid_kind(const char *uuid, u8 id[16]);

/* Is it the UUID of a logical volume as people know it: of LVM's, not a part of one, not ours? */
bool dmm_dm_uuid_is_lv(const char *uuid);

/* "<name>-dmm-origin" or, where that would be too long, "dmm-<id>-origin<disk>", without a number for disk 0. */
void dmm_origin_name(const char *live, const u8 id[16], u32 disk, char name[DMM_DM_NAME_BYTES]);

#endif
