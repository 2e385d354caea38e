/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Digests of what lies on a destination, read from the device and not from
 * memory.  A few at a time of each disk, whoever asks: one that is slow, or hangs, keeps nobody
 * waiting but those who ask for it too.
 */
#ifndef DMM_DIGEST_H
#define DMM_DIGEST_H

#include <pthread.h>
#include <stdbool.h>

#include "refusal.h"

#define DMM_DIGESTS_AT_ONCE	4	/* of a disk */
#define DMM_DIGEST_BUFFER_BYTES	(1u << 20)

struct dmm_nbd;

/* What is read. Borrowed. */
struct dmm_readable {
	int fd;
	struct dmm_nbd *nbd;	/* by this instead, unless NULL */
};

/* The turns of one disk. */
struct dmm_digester {
	pthread_mutex_t lock;	/* a leaf */
	pthread_cond_t freed;
	/* protected by lock */
	u32 nr_free;
	/* constant after init */
	u32 wait_ms;		/* for one's turn; tests shorten it */
};

void dmm_digester_init(struct dmm_digester *dg);
/* Nobody reads any more. */
void dmm_digester_exit(struct dmm_digester *dg);

/* A turn, or false: those before us read from a disk that hangs, perhaps, or @stop_fd says so. */
bool dmm_digester_get(struct dmm_digester *dg, int stop_fd);
void dmm_digester_put(struct dmm_digester *dg);

/*
 * XXH3-128 (seed 0, canonical form) of [@offset_bytes, + @length_bytes) of @from into
 * @digest; waits for its turn (then BUSY).  @align_bytes: of the descriptor's direct I/O, 1 when it is buffered (then the
 * cached copy is dropped first).  Becoming readable, @stop_fd ends it.
 * 0 or a negative errno with @r filled.
 * Context: any thread; takes as long as reading does.
 */
int dmm_digest_range(struct dmm_digester *dg, const struct dmm_readable *from,
		     u64 offset_bytes, u64 length_bytes, u32 align_bytes, int stop_fd, u8 digest[32], struct dmm_refusal *r);

/*
 * One digest for each @granule_bytes of the range (which begins at a multiple of it), the last may be
 * shorter, into @digests, DMM_HASH_BYTES each.  @file: of a regular file, whose holes are not read.  The rest as
 * dmm_digest_range(), but that a cached copy will do.
 */
int dmm_digest_granules(struct dmm_digester *dg, const struct dmm_readable *from, bool file,
			u64 offset_bytes, u64 length_bytes, u32 granule_bytes, u32 align_bytes, int stop_fd,
			u8 *digests, struct dmm_refusal *r);

/*
 * @bytes at @offset_bytes, read into @buf of DMM_DIGEST_READ_BUFFER, which is aligned to a page: *data is where in it.  Past the
 * page cache, as far as it is clean.  0 or -errno; -E2BIG: with that alignment it does not fit.  No turn is waited for.
 */
#define DMM_DIGEST_READ_BUFFER	(DMM_DIGEST_BUFFER_BYTES + (128u << 10))
int dmm_digest_read(const struct dmm_readable *from, void *buf, u64 offset_bytes, u32 bytes, u32 align_bytes,
		    const u8 **data);

#endif
