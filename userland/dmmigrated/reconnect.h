/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Has the disks of one migration go on by themselves at their source: a thread that waits for one to lose its
 * connections, and runs `dmmigrate start --again` then, just as a person would.  The tool connects,
 * introduces and hands in; here is only decided when.
 *
 * When: at once, if the other daemon can be heard, or can be heard again; else, and where that has failed, after pauses
 * that grow.  It never gives up as long as there is the migration.
 */
#ifndef DMM_RECONNECT_H
#define DMM_RECONNECT_H

#include <stdbool.h>

#include "core/handover.h"
#include "dmtable.h"
#include "log.h"
#include "parse.h"
#include "tls.h"

#define DMM_RECONNECT_WHY	256u
#define DMM_RECONNECT_MIN_MS	1000u	/* the first pause; each is twice the one before */
#define DMM_RECONNECT_MAX_MS	30000u
#define DMM_RECONNECT_WELL_MS	30000u	/* who stays connected for so long begins with the first pause again */

/* When to try next, for one disk.  Pure; @now_ms and @random are the caller's. Zeroed at first. */
struct dmm_reconnect_pace {
	bool lost;
	bool heard;		/* the other daemon, ever since the last try */
	u64 since_ms;		/* it is lost, or is not */
	u64 soonest_ms;		/* before that, whoever is heard: the last try was just now */
	u64 next_ms;		/* whether the other daemon is heard or not */
	u32 pause_ms;		/* after the next try */
};

/* What a look at the disk has found. */
void dmm_reconnect_looked(struct dmm_reconnect_pace *p, bool lost, u64 now_ms, u32 random);
/* Is it lost, and to be tried now? */
bool dmm_reconnect_due(struct dmm_reconnect_pace *p, bool heard, u64 now_ms);
/* It was.  @hopeless: somebody has to mend something first. */
void dmm_reconnect_tried(struct dmm_reconnect_pace *p, bool heard, bool hopeless, u64 now_ms, u32 random);

struct dmm_reconnect_config {
	struct dmm_log_id log_id;	/* with the migration; borrowed texts live as long as this */
	u32 nr_disks;
	const char *control;		/* socket of this daemon; borrowed */
	const struct dmm_tls_client *tls;	/* borrowed; NULL: plaintext, as the tool's record says, too */
	/* From the thread: does the source own its disks, with no hand-over under way?  Is the other daemon heard? */
	bool (*active)(void *ctx);
	bool (*heard)(void *ctx);
	/* The tool's operand SOURCE, and its target. */
	void (*where)(void *ctx, u32 disk, char source[DMM_DM_NAME_BYTES], struct dmm_target *to);
	void *ctx;
};

struct dmm_reconnect;
int dmm_reconnect_open(const struct dmm_reconnect_config *c, struct dmm_reconnect **r);	/* 0 or -errno */
/*
 * Does not wait for a tool that runs: that is killed, which it survives as it survives any other end.  Nothing
 * of @c is used afterwards.  Accepts NULL.
 */
void dmm_reconnect_close(struct dmm_reconnect *r);

/* A line on which disk is not connected, and why; empty: none, as far as is known. Any thread; accepts NULL. */
void dmm_reconnect_why(struct dmm_reconnect *r, char why[DMM_RECONNECT_WHY]);

#endif
