/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is asked of a prepared disk by connections and hand-overs.  The daemon's disks are records: whoever reads and
 * writes the destination is a worker (workers.h), and disk_remote.c asks it.  In the worker itself, and where there is none, a disk
 * is what disk.h says (disk_here.c).
 */
#ifndef DMM_DISK_OPS_H
#define DMM_DISK_OPS_H

#include "ctlmsg.h"
#include "dest.h"
#include "prove.h"

struct dmm_disk;
struct dmm_session;

struct dmm_disk_status {
	bool closed;			/* being prepared, finished or forgotten: nothing may begin */
	bool attached;			/* it has data connections */
	bool has_data;			/* some frame was received since PREPARE */
	enum dmm_disk_state state;
	u32 error;			/* enum dmm_wire_err: the first one */
	u64 conn_epoch;			/* the newest connections'; 0: none since PREPARE */
	char error_text[160];		/* what it was */
};

/*
 * All may be called by any thread, and fill @r when they return a negative errno.  What reads or ends something takes
 * as long as the destination does, until @stop_fd is readable.
 */
struct dmm_disk_ops {
	/*
	 * Takes over *dest, in any case: the disk is PREPARED.  It is open, but for an export of a remote disk (dmm_is_nbd()), to
	 * which the worker connects.
	 */
	int (*open)(struct dmm_disk *d, struct dmm_dest *dest, struct dmm_refusal *r);
	/* Nothing refers to it any more: ends what another process has for it.  NULL: there is none. */
	void (*destroy)(struct dmm_disk *d);
	/* A data connection, to its end; a refusal is said to the peer.  s->refused: let it read what was said last. */
	void (*serve)(struct dmm_disk *d, struct dmm_session *s, const struct dmm_attach *a);
	int (*status)(struct dmm_disk *d, struct dmm_disk_status *st, struct dmm_refusal *r);
	int (*query)(struct dmm_disk *d, struct dmm_wire_query_ok *q, struct dmm_refusal *r);
	/* Flushes and closes the destination, repeatably. @kick: data connections are told to end, not waited for. */
	int (*finish)(struct dmm_disk *d, bool kick, int stop_fd, struct dmm_refusal *r);
	/* Ends data connections and closes the destination: nothing can begin on this disk any more. */
	int (*release)(struct dmm_disk *d, int stop_fd, struct dmm_refusal *r);
	int (*digest)(struct dmm_disk *d, const struct dmm_digest_request *rq, int stop_fd, u8 digest[32], struct dmm_refusal *r);
	/* Into @hashes, rq->nr * DMM_HASH_BYTES. */
	int (*hashes)(struct dmm_disk *d, const struct dmm_hashes_request *rq, int stop_fd, u8 *hashes, struct dmm_refusal *r);
	int (*prove)(struct dmm_disk *d, const struct dmm_prove_request *rq, int stop_fd, struct dmm_proved *out,
		     struct dmm_refusal *r);
	/* *differ: how many of the extents; with rq->judge, whether any does is an error. */
	int (*compare)(struct dmm_disk *d, const struct dmm_compare_request *rq, u32 *differ, struct dmm_refusal *r);
	/* Was it flushed to @barrier of @conn_epoch, and what of the sample of that (prove.h)?  Blocks for no disk. */
	int (*barrier)(struct dmm_disk *d, u64 conn_epoch, u64 barrier, bool *flushed, enum dmm_sample_state *sample);
	/* Takes the sample: 0 when nothing differs and @barrier still is the last.  Else why, or nothing, is in @why. */
	int (*sample)(struct dmm_disk *d, u64 conn_epoch, u64 barrier, int stop_fd, char why[160]);
	void (*sample_drop)(struct dmm_disk *d);
};

extern const struct dmm_disk_ops dmm_disk_here;
extern const struct dmm_disk_ops dmm_disk_remote;

/* For who has a descriptor of a finished destination already (@again_fd, which is taken over), or has not (-1). */
int dmm_disk_digest(struct dmm_disk *d, const struct dmm_digest_request *rq, int again_fd, int stop_fd, u8 digest[32],
		    struct dmm_refusal *r);
int dmm_disk_hashes(struct dmm_disk *d, const struct dmm_hashes_request *rq, int again_fd, int stop_fd, u8 *hashes,
		    struct dmm_refusal *r);

#endif
