/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between cmd_start.c and start_*.c: what one start works with.
 */
#ifndef DMM_START_H
#define DMM_START_H

#include "nl.h"
#include "preflight.h"
#include "remote.h"
#include "source.h"
#include "tool.h"

/* One SOURCE and where it goes. */
struct dmm_start_disk {
	struct dmm_source s;
	struct dmm_target to;
	struct dmm_preflight pre;
	struct dmm_wire_prepared prepared;
	u32 disk;			/* its number in the migration */
	u64 conn_epoch;
	u32 conns;
	bool again;			/* the same migration, begun before */
	bool attached;			/* its target was live before */
	bool running;			/* and copies: nothing is to be done */
	bool compare;			/* of --resume: both sides have to be compared before anything is shipped */
	bool comparing;			/* running, and the kernel waits for that */
	bool resume;			/* attached, and lost its connections: it goes on where it was */
	bool finished;			/* flushed and closed there: a hand-over has not come to its end */
	bool made;			/* a volume was made for it, or was there already */
	bool known;			/* the receiver has had the disk since it said PREPARED at first */
	char gate[DMM_DM_NAME_BYTES];	/* at the destination; empty: none */
	u8 instance[DMM_ID_BYTES];	/* of the receiver that the kernel knows */
	u8 receiver[DMM_ID_BYTES];	/* and of the one that has the data connections */
};

struct dmm_manifest;

struct dmm_start {
	struct dmm_start_disk *disks;	/* nr, as they were named */
	u32 nr;
	u32 total;			/* of the migration: of one that runs not all need be named */
	u8 id[DMM_ID_BYTES];
	char hex[DMM_ID_HEX];
	struct dmm_remote remote;	/* control */
	struct dmm_manifest *manifest;	/* of --resume; owned */
	u8 instance[DMM_ID_BYTES];	/* of --resume: the receiver's */
	char why[768];			/* of a failure that is reported once it is undone */
};

#define DMM_DEFAULT_CONNS	4

/* "SOURCE HOST:/DEST", as often as it was typed, or as there is room for. Returns @buf. */
const char *dmm_start_words(const struct dmm_tool *t, char *buf, size_t bytes);

/* start_group.c; all of them: 0 or an exit code, reported. */

/* Opens and locks all, and looks at each: is it attached, does it run? */
int dmm_start_open(struct dmm_tool *t, struct dmm_start *c);

/* Whether they are one migration, which one, and which disk of it each is. */
int dmm_start_identify(struct dmm_tool *t, struct dmm_start *c);

/* start_change.c */

/* The daemon of this host keeps the journal of who owns the disks: nothing begins without one. As above. */
int dmm_start_need_daemon(struct dmm_tool *t, struct dmm_start *c);

/* From PREPARED on: records, journal, attach, connections, or the way back. As above. */
int dmm_start_change(struct dmm_tool *t, struct dmm_start *c);

/* cmd_start.c: asks for all that goes on, and PREPAREs what does not run.  As above. */
int dmm_start_prepare_all(struct dmm_tool *t, struct dmm_start *c);

/* Forgets, here and there, what was prepared and is not attached: it is of no use any more. */
void dmm_start_undo(struct dmm_tool *t, struct dmm_start *c);

/* start_prepare.c */

/*
 * A volume, where it goes to a storage repository, and PREPARE; or with @check only the checks of it; a signature at the
 * destination is confirmed by --yes or by typing its path.  0 or an exit code, reported.
 */
int dmm_start_prepare(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d, bool check);
/* A destination without FLUSH is no place for a guest, unless somebody says that it is. As above. */
int dmm_start_confirm_flush(struct dmm_tool *t, const struct dmm_start_disk *d);
/* Reports a failure of the control connection before anything was changed here. */
int dmm_start_remote_failed(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d);

/* start_connect.c */

/*
 * Connects, introduces and hands over all data connections, then has the kernel start.
 * Returns 0 or the exit code, with c->why; what is attached by then is closed by STOP.
 */
int dmm_start_connect(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d);

/*
 * Whether what lost its connections can go on: asks the receiver about the disk.  Sets d->known and d->finished, or
 * drops d->resume where its disk has failed, or may have been written since by another.  0, or a negative errno with the reason in c->remote.
 */
int dmm_start_resume(struct dmm_start *c, struct dmm_start_disk *d);

/* start_resume.c: --resume ID, t->args.resume; all of them: 0 or an exit code, reported. */

/*
 * The migration by its id: by the journals of both hosts it can go on.  Sets the operands as if they had been typed, and c->id,
 * c->manifest, c->instance.
 */
int dmm_start_by_id(struct dmm_tool *t, struct dmm_start *c);
/* One disk whose target is live already, in @state. */
int dmm_start_by_id_attached(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d,
			     const struct dmm_nl_info *info);
/* And one whose target is not: is it the disk that it was? */
int dmm_start_by_id_unattached(struct dmm_tool *t, struct dmm_start *c, struct dmm_start_disk *d);
/* Is there anything to be compared? */
int dmm_start_by_id_check(struct dmm_tool *t, struct dmm_start *c);

/* start_compare_all.c: compares the disks that are to be, one after the other; gets their connections back. As above. */
int dmm_start_by_id_compare(struct dmm_tool *t, struct dmm_start *c);

/* start_dry.c */

/* Prints what a start would do, after both ends agreed. */
void dmm_start_dry_run(struct dmm_tool *t, struct dmm_start *c);

/* The result of a start, for --json. */
void dmm_start_result(struct dmm_tool *t, const struct dmm_start *c);

#endif
