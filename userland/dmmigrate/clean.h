/* SPDX-License-Identifier: GPL-2.0 */
/*
 * clean without an operand: what migrations left on this host and on those that it has migrations with, and removing what is this host's.
 */
#ifndef DMM_CLEAN_H
#define DMM_CLEAN_H

#include "core/handover.h"
#include "leftover.h"
#include "parse.h"
#include "tool.h"

/* By what it is removed; in this order. */
enum dmm_clean_how {
	DMM_CLEAN_KEPT,
	DMM_CLEAN_DOMAIN,		/* xl destroy */
	DMM_CLEAN_DEVICE,		/* as `clean ID` does: original tables, origins, records */
	DMM_CLEAN_SCRATCH,		/* a device that nothing is above */
	DMM_CLEAN_SETTLED,		/* the same that was a gate */
	DMM_CLEAN_PART,			/* the daemon forgets its part */
	DMM_CLEAN_GOES,			/* with its part: nothing more is to be done */
	DMM_CLEAN_JOURNAL,		/* what is left of a damaged one */
	__DMM_CLEAN_HOW_MAX,
};

struct dmm_clean_entry {
	enum dmm_clean_how how;
	const char *kind;		/* constant */
	char name[DMM_SOURCE_BYTES];
	char hex[DMM_ID_HEX];		/* or "none" */
	char why[256];			/* what it is; "" where the kind says so */
	char action[DMM_SOURCE_BYTES + 64];
	char host[DMM_HOST_MAX + 16];	/* "": this one */
	u8 id[DMM_ID_BYTES];
	enum dmm_ho_role role;		/* PART */
	bool forgotten;			/* PART: the other host does not know it any more */
	bool removed;
};

struct dmm_clean_list {
	struct dmm_clean_entry *entries;
	unsigned int nr;
};

void dmm_clean_clear(struct dmm_clean_list *l);
/* A new entry, zeroed but for these, valid until the next. NULL: out of memory. */
struct dmm_clean_entry *dmm_clean_add(struct dmm_clean_list *l, enum dmm_clean_how how, const char *kind, const char *hex);

/*
 * clean_find.c: origin devices, records, scratch devices of this host.  Changes nothing but the name of the source in @t.  0, or the exit
 * code of what could not be looked at, reported; *err: neither device-mapper nor the records answer, which is left to the caller.
 */
int dmm_clean_find(struct dmm_tool *t, struct dmm_clean_list *l, int *err);

/*
 * clean_hosts.c: what the daemon of this host and those of its peers list, in what state their hosts have been asked is in the result.  0, or an
 * exit code: of --peer; who cannot be asked is a note.
 */
int dmm_clean_ask(struct dmm_tool *t, struct dmm_clean_list *l);

/* As that has it: what is @host's ("": this one) is added, but for what @l has already.  -ENOMEM. */
int dmm_clean_take(struct dmm_clean_list *l, const struct dmm_leftovers *from, const char *host);

/* clean_remove.c: removes what is this host's and may go.  0, or the worst exit code of what could not be, whose why says so. */
int dmm_clean_remove(struct dmm_tool *t, struct dmm_clean_list *l);

#endif
