/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The verb copy: between cmd_copy.c, copy_remote.c and copy_show.c.
 */
#ifndef DMM_COPY_H
#define DMM_COPY_H

#include "copy_job.h"
#include "progress.h"
#include "tool.h"

#define DMM_COPY_SAMPLES	8u

/* Everything belongs to the main thread, but what the job shares with its workers. */
struct dmm_copy {
	struct dmm_tool *t;
	struct dmm_target to;
	struct dmm_copy_source source;
	struct dmm_copy_job job;
	bool job_open;
	struct dmm_remote remote;	/* control */
	struct dmm_wire_prepared prepared;
	u8 id[DMM_ID_BYTES];		/* of the pair of source and destination: the same each time */
	u8 instance[DMM_ID_BYTES];	/* of the receiver */
	u8 boot[DMM_ID_BYTES];
	int lock_fd;
	bool overwrite;			/* a signature was confirmed, or is our own copy's */
	bool begun;			/* something may have been written there */
	u64 start_ns;
	u32 reconnects;
	/* progress */
	u64 shown_ns;
	u32 percent_x10;
	struct { u64 ns, done_bytes; } samples[DMM_COPY_SAMPLES];
	unsigned int nr_samples;
};

/* --- copy_remote.c --- */

/* Who is this copy, and does it run already? 0 or an exit code, said. */
int dmm_copy_identify(struct dmm_copy *c);
/* Connects and PREPAREs (@check: only asks); a signature there is confirmed. 0 or an exit code, said. */
int dmm_copy_prepare(struct dmm_copy *c, bool check);
/* The same after the link was lost, with nobody asked. 0, or -errno with c->remote's reason. */
int dmm_copy_prepare_again(struct dmm_copy *c);
/* Gives the destination up; what lies there stays. */
void dmm_copy_release(struct dmm_copy *c);
/* "dmmigrate copy ..." as the command to go on with. */
void dmm_copy_next_again(struct dmm_copy *c, const char *why);

/* --- copy_show.c --- */

/* A progress line, once a second. */
void dmm_copy_show(struct dmm_copy *c);
void dmm_copy_result(struct dmm_copy *c);
/* What became of the bytes, in words. */
char *dmm_copy_tally(const struct dmm_copy *c, char *buf, size_t size);

#endif
