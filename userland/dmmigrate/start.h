/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between cmd_start.c and start_dry.c: what one start works with.
 */
#ifndef DMM_START_H
#define DMM_START_H

#include "preflight.h"
#include "remote.h"
#include "source.h"
#include "tool.h"

struct dmm_start {
	struct dmm_source s;
	struct dmm_target to;
	struct dmm_preflight pre;
	struct dmm_remote remote;	/* control */
	struct dmm_wire_prepared prepared;
	u8 id[DMM_ID_BYTES];
	char hex[DMM_ID_HEX];
	u64 conn_epoch;
	u32 conns;
	bool again;			/* the same migration, begun before */
	bool attached;			/* its target was live before */
	bool resume;			/* and lost its connections: it goes on where it was */
	bool known;			/* the receiver has had the disk since it said PREPARED at first */
	char gate[DMM_DM_NAME_BYTES];	/* at the destination; empty: none */
	u8 instance[DMM_ID_BYTES];	/* of the receiver that the kernel knows */
	char why[768];			/* of a failure that is reported once it is undone */
};

#define DMM_DEFAULT_CONNS	4

/*
 * PREPARE, or with @check only the checks of it; a signature at the destination is confirmed by --yes or by typing its
 * path.  0 or an exit code, reported.
 */
int dmm_start_prepare(struct dmm_tool *t, struct dmm_start *c, bool check);
/* A destination without FLUSH is no place for a guest, unless somebody says that it is. As above. */
int dmm_start_confirm_flush(struct dmm_tool *t, struct dmm_start *c);
/* Reports a failure of the control connection before anything was changed here. */
int dmm_start_remote_failed(struct dmm_tool *t, struct dmm_start *c);

/*
 * Connects, introduces and hands over all data connections, then has the kernel start.
 * Returns 0 or the exit code, with c->why; what is attached by then is closed by STOP.
 */
int dmm_start_connect(struct dmm_tool *t, struct dmm_start *c);

/*
 * Whether what lost its connections can go on: asks the receiver about the disk.  Sets c->known, or drops
 * c->resume where its disk has failed.  0, or a negative errno with the reason in c->remote.
 */
int dmm_start_resume(struct dmm_start *c);

/* Prints what a start would do, after both ends agreed. */
int dmm_start_dry_run(struct dmm_tool *t, struct dmm_start *c);

/* The result of a start, for --json. */
void dmm_start_result(struct dmm_tool *t, const struct dmm_start *c, bool running);

#endif
