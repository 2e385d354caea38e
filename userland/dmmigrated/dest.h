/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A destination: an existing block device or regular file that passed every
 * check and is held open, exclusively, for as long as it is prepared.
 * Nothing here creates (dest_create.h does), extends or erases anything.
 */
#ifndef DMM_DEST_H
#define DMM_DEST_H

#include <stdbool.h>
#include <sys/types.h>

#include "allow.h"
#include "identity.h"
#include "parse.h"
#include "refusal.h"

struct dmm_nbd;

/* What is asked for; borrowed during the call. */
struct dmm_dest_request {
	const char *path;
	const char *peer;		/* whose list it has to be on; "": nobody's who is known */
	u64 size_bytes;			/* of the source */
	u32 lbs_bytes;			/* of the source */
	bool overwrite;			/* a signature there was confirmed */
	bool made;			/* the daemon made it for this very disk: it is no matter of the allow-list */
	const char *source_identity;	/* dmm_disk_identity() of the source, may be "" */
	const char *gate;		/* DM UUID of the gate that may be above it, or NULL */
};

/* Constant after open but for fd, which finish closes. */
struct dmm_dest {
	int fd;				/* -1: closed; of an NBD export a stand-in, to own like one */
	struct dmm_nbd *nbd;		/* the export, or NULL; goes with fd */
	bool nameless;			/* this process sees no files: who gave it the descriptor does (worker.h) */
	char path[DMM_PATH_MAX];	/* as asked for */
	dev_t dev;			/* block device: its number; file: that of its filesystem */
	ino_t ino;			/* file; 0 for a block device */
	u64 size_bytes;
	u32 lbs_bytes;
	u32 align_bytes;		/* of direct I/O; 1 when buffered */
	u32 flags;			/* DMM_PREPARED_* */
	char signature[40];
	char identity[DMM_IDENTITY_MAX];
};

/*
 * Checks and opens, exclusively but beneath its own gate, which has the claim.  On success the caller owns @d and closes it.
 * Returns 0 or a negative errno with @r filled.
 * Context: any thread; may block as long as the device does.
 */
int dmm_dest_open(struct dmm_allow *allow, const struct dmm_dest_request *rq, struct dmm_dest *d,
		  struct dmm_refusal *r);

/*
 * Is the file that was opened still what its path leads to, and as long as @size_bytes?  Whoever
 * removed, replaced or cut it since may have done so without knowing of us.  Devices always are.
 * 0 or a negative errno with @r filled.
 */
int dmm_dest_still_there(const struct dmm_dest *d, u64 size_bytes, struct dmm_refusal *r);

/* Gives up the claim. Accepts a closed one. */
void dmm_dest_close(struct dmm_dest *d);

/*
 * Moves what has to be closed out of @d into @taken, for somebody who holds a lock, to close
 * without it.
 */
void dmm_dest_take(struct dmm_dest *d, struct dmm_dest *taken);

/* Makes durable what was written. 0 or -errno. Blocks. */
int dmm_dest_flush(const struct dmm_dest *d);

/*
 * Opens a closed destination again for reading only, without claiming it, if the same
 * device is still there.  Returns the descriptor, which the caller closes, and in *nbd the export of a NBD server,
 * which it puts (else NULL), or a negative errno with @r filled.
 */
int dmm_dest_reopen(const struct dmm_dest *d, struct dmm_nbd **nbd, struct dmm_refusal *r);

#endif
