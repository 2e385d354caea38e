/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comparison of both disks by digests, range by range, each side reading its own.  Nothing may be written on either
 * side meanwhile, which the caller ensures.
 */
#ifndef DMM_VERIFY_H
#define DMM_VERIFY_H

#include "remote.h"
#include "group.h"
#include "tool.h"

#define DMM_VERIFY_RANGE_BYTES	(64u << 20)
#define DMM_VERIFY_FINE_BYTES	(1u << 20)
#define DMM_VERIFY_LISTED	8

struct dmm_verify_disk {
	int fd;				/* the origin device, O_DIRECT, read only */
	u32 disk;			/* its number in the migration */
	u64 size_bytes;
	char name[DMM_DM_NAME_BYTES];
};

/* Zeroed is valid.  All disks of a migration, one after the other; bytes are counted over all of them. */
struct dmm_verify {
	struct dmm_verify_disk *disks;	/* owned */
	u32 nr;
	u8 id[DMM_ID_BYTES];
	u64 size_bytes;
	u64 done_bytes;			/* compared so far */
	u64 diff_ranges;		/* of DMM_VERIFY_FINE_BYTES that differ */
	u64 diff_offset[DMM_VERIFY_LISTED];	/* the first ones, on the disk of */
	u32 diff_disk[DMM_VERIFY_LISTED];	/* this place in @disks */
	bool local_failed;		/* after an error: it was this side's disk */
};

/* The origin device of one disk, O_DIRECT, to read; the descriptor is the caller's. Or -errno. */
int dmm_verify_origin(const struct dmm_source *s, u64 *size_bytes);

/* Opens the origin devices of all disks; t->source is the one that could not be opened. 0 or -errno. */
int dmm_verify_open(struct dmm_tool *t, struct dmm_verify *v, const struct dmm_group *g);
void dmm_verify_clear(struct dmm_verify *v);

/*
 * To the end of the disks or, between ranges, Ctrl-C.  Returns 0 when everything was compared (diff_ranges says how it
 * went), -ECANCELED; else an error: of this side (local_failed) or of the receiver (r->why).
 */
int dmm_verify_run(struct dmm_tool *t, struct dmm_verify *v, struct dmm_remote *r);

/* The digest of a range of an open device. @buf: DMM_VERIFY_FINE_BYTES, aligned to 4096. */
int dmm_verify_digest(int fd, u64 offset_bytes, u64 length_bytes, void *buf, u8 digest[16]);

/* Adds "verify" to the result and, when something differs, prints the first ranges. */
void dmm_verify_result(struct dmm_tool *t, const struct dmm_verify *v);

#endif
