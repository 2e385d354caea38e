/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a destination has to have: for each MiB of the disk (an extent of this table) the checksum of what was
 * received for it, and which frames came last.  Reading that back, and comparing, is prove.h's.
 *
 * An extent is known when it came whole and in order: by one frame, or by several that follow each other
 * from its first byte on, or as part of a zero run.  Anything else that is written makes it unknown, until it comes whole
 * again or is read from the disk.  Every frame that touches it gives it another generation.
 *
 * Checksums are of the kind that the frame had which came (lib/datasum.h), and what was read back has a crc32c.  Those of parts
 * are joined where they are of one kind.
 *
 * Locking: proof.lock, one a disk, taken once for each frame and never while anything is waited for.  It is
 * taken before the order's: what the table says is what the last write in the order will leave.
 */
#ifndef DMM_PROOF_H
#define DMM_PROOF_H

#include <pthread.h>
#include <stdbool.h>

#include "core/env.h"
#include "datasum.h"
#include "order.h"
#include <dmmigrate/wire.h>

#define DMM_PROOF_BYTES		DMM_PROVE_BYTES	/* of an extent; the last may be shorter */
#define DMM_PROOF_RECENT	64u

/* 16 bytes: 16 MiB of memory for each TiB of the disk that was written. */
struct dmm_proof_extent {
	u32 sum;
	u32 generation;
	u32 source_crc;		/* with DIFFERS: what the source has read, of this generation */
	u16 sectors;		/* sum is of so many of 512 bytes, from its beginning; all: it is known */
	u16 flags;		/* PROOF_* */
};

/* A frame of data that was received, and that none after it overlaps. */
struct dmm_proof_frame {
	u64 number;
	u64 offset_bytes;
	u32 bytes;		/* 0: none */
	u32 sum;
	enum dmm_sum_kind kind;
};

struct dmm_proof {
	/* constant after open */
	u64 size_bytes;
	u64 nr;				/* extents */
	struct dmm_proof_extent *extents;	/* the array; what is in it is protected by lock */
	/* protected by lock */
	pthread_mutex_t lock;
	struct dmm_proof_frame recent[DMM_PROOF_RECENT];
	u64 nr_frames;			/* the next one goes to recent[nr_frames % RECENT] */
	u64 nr_differ;			/* extents with DIFFERS */
};

/* An extent at a moment. */
struct dmm_proof_state {
	u64 offset_bytes;
	u32 bytes;
	u32 generation;
	u32 sum;
	enum dmm_sum_kind kind;
	bool known;
};

void dmm_proof_init(struct dmm_proof *p);
/* 0 or -ENOMEM.  Pages of the table that are never written cost nothing. */
int dmm_proof_open(struct dmm_proof *p, u64 size_bytes);
void dmm_proof_exit(struct dmm_proof *p);

/*
 * A frame goes into the order, @e being its range, and the table says from now on what it brings: @sum of the data,
 * ignored for @zero.  Returns as dmm_order_add() does.
 * Context: a data connection's thread; does not block.
 */
bool dmm_proof_add(struct dmm_proof *p, struct dmm_order *o, struct dmm_extent *e, bool zero, enum dmm_sum_kind kind,
		   u32 sum);

/*
 * What was added for this range may have been written, or not, or in part.  Before it leaves the order.
 * Context: as above.
 */
void dmm_proof_unsure(struct dmm_proof *p, u64 first_bytes, u64 end_bytes);

/* Extent @i, below p->nr. Any thread. */
void dmm_proof_get(struct dmm_proof *p, u64 i, struct dmm_proof_state *s);

/* The disk has this, by its crc32c: it is known unless it was written since @s was got.  Says whether it was not. Any thread. */
bool dmm_proof_read(struct dmm_proof *p, const struct dmm_proof_state *s, u32 crc);

/* Has nothing come for its range since? */
bool dmm_proof_is_last(struct dmm_proof *p, const struct dmm_proof_frame *f);

/* The @n-th of the frames that came last, 0 being the latest. False: there is no such, or it was overwritten. */
bool dmm_proof_recent(struct dmm_proof *p, u32 n, struct dmm_proof_frame *f);

/*
 * The source has read @source_crc (from 0) for extent @i after it had heard of @generation.  If both still are that and
 * the extent is known by a crc32c, as after dmm_proof_read(), it is remembered when it differs, until the extent is written again.  Says whether it was.
 */
bool dmm_proof_differs(struct dmm_proof *p, u64 i, u32 generation, u32 source_crc);

/*
 * Both sides have the same by now, if nothing is wrong: all that the source had not shipped when it read has been.
 * The first extent that differs all the same: true with @s and @source_crc filled.
 */
bool dmm_proof_judge(struct dmm_proof *p, struct dmm_proof_state *s, u32 *source_crc);

#endif
