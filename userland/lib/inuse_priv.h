/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between inuse.c and inuse_processes.c: what is looked for, and how to look.
 */
#ifndef DMM_INUSE_PRIV_H
#define DMM_INUSE_PRIV_H

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "refusal.h"

#define MAX_DEVS 258	/* a disk and its partitions, or a partition and its disk */

/* What is looked for: a file, or a disk and its partitions. */
struct dmm_inuse_target {
	const char *root;
	const char *path;
	const struct stat *st;
	dev_t devs[MAX_DEVS];
	unsigned int nr_devs;		/* 0 for a file */
	dev_t whole;			/* the disk of which it is a partition, or 0 */
	const char *gate;		/* DM UUID of the one that may be there, or NULL */
	bool *gated;			/* set where it is, and is shut */
	bool source;			/* of a copy, not a destination: for the messages */
	struct dmm_refusal *r;
};

/* What to do instead of ending the use: the end of a message. */
const char *dmm_inuse_or_else(const struct dmm_inuse_target *t);

/* errno @err: it is no more, or unknown to this kernel. */
bool dmm_inuse_gone(int err);
/* A process that may not be looked at, which does not matter for a file. */
bool dmm_inuse_may_not_look(const struct dmm_inuse_target *t, int err);
/* Refuses; returns what the check returns. */
int dmm_inuse_cannot_look(const struct dmm_inuse_target *t, int err);

/* The directory, or NULL: then *ret is what the check returns. */
DIR *dmm_inuse_opendir(const struct dmm_inuse_target *t, const char *dir, int *ret);
/* Its next entry; NULL: the end, or *ret is set. */
struct dirent *dmm_inuse_readdir(const struct dmm_inuse_target *t, DIR *d, int *ret);

/* Refuses: @holder, its directory in sysfs, is above it. @part: of what it is above, "" for all. */
int dmm_inuse_by_holder(const struct dmm_inuse_target *t, const char *holder, const char *part);

bool dmm_inuse_is(const struct dmm_inuse_target *t, const struct stat *st);

/* Does another process have it open for writing?  0 or a refusal. */
int dmm_inuse_processes(const struct dmm_inuse_target *t);

#endif
