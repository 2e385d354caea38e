/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The disks of one migration, which change hands as one, on this host: drives the state machine of
 * core/handover.h by a thread of its own, writes its journal, and does to the world what it says.
 *
 * Locking: group.lock protects the mailbox and what status is told from.  State machine and journal
 * are the thread's.  No lock is held while the world is waited for.
 *
 * An action that fails is owed: it is tried again every second and before any other, so none overtakes
 * it.  Whoever has to answer for one that may have been done or not says what is the safe assumption.
 */
#ifndef DMM_GROUP_H
#define DMM_GROUP_H

#include <stdbool.h>

#include "core/handover.h"
#include <dmmigrate/wire.h>

#define DMM_GROUP_WHY	256u

/* What the thread of a group does; each may block, and is idempotent.  0 or -errno. */
struct dmm_group_ops {
	/* source, all disks; freeze only begins: FROZEN for each disk or THAWED is posted later; @acquired: the peer asked for it */
	int (*freeze)(void *ctx, u64 epoch, bool acquired, char *why);	/* @why, of DMM_GROUP_WHY bytes: which is not, or nothing */
	int (*commit)(void *ctx, u32 disk, u64 epoch);
	int (*reclaim)(void *ctx, u64 epoch);
	int (*thaw)(void *ctx);
	int (*fence)(void *ctx, bool lost);	/* @lost: a writer may be at work, and rightly */
	int (*release)(void *ctx, u64 epoch);
	/*
	 * destination, all disks.  @written, given with SHUT alone: shut those that no write has passed since they
	 * were opened, and say whether one has; NULL: whatever has passed.  @why, of DMM_GROUP_WHY bytes: why not, or nothing
	 */
	int (*gates)(void *ctx, enum dmm_ho_gate gate, bool *written, char *why);
	int (*settle)(void *ctx);
	/* where it is now, again and again; @owes: not all that goes with it was done.  Does not block; may be NULL */
	void (*state)(void *ctx, enum dmm_ho_state state, bool owes);
	/* to the peer; may be lost, is repeated */
	void (*send)(void *ctx, const struct dmm_ho_event *msg);
};

/*
 * What is handed over, as the states have it: disks, or, of a guest all of whose disks stay where they are, one thing that is no disk:
 * frozen, flushed and committed as soon as it is asked to be.
 */
static inline u32 dmm_group_units(u32 nr_disks)
{
	return nr_disks ? nr_disks : 1;
}

struct dmm_group_config {
	const char *dir;		/* of journals; borrowed */
	u8 id[DMM_ID_BYTES];
	enum dmm_ho_role role;
	u32 nr_disks;
	bool begin;			/* a new migration; else there should be a journal */
	struct dmm_ho_id instance;	/* of this daemon */
	u8 boot[16];			/* of this host */
	const struct dmm_group_ops *ops;	/* borrowed, as is the next */
	void *ctx;
};

struct dmm_group_status {
	enum dmm_ho_role role;
	enum dmm_ho_state state;
	enum dmm_ho_gate gate;
	u64 epoch;
	bool needs_peer;		/* only its answer can tell who owns the disks */
	bool acked;			/* destination, RUNNING: the source may have been told: there is no way back */
	bool heard_back;		/* destination, REFUSED: the source has said that it has the disks */
	bool owes;			/* an action has failed: @why */
	char why[DMM_GROUP_WHY];	/* of the last failure; empty: none since */
};

/* Who asks, for the journal. */
struct dmm_group_who {
	u32 uid;
	const char *by;			/* a program, or the person's words */
	bool forced;			/* a person vouches for it, not the peer */
};

struct dmm_group;

/*
 * Reads or begins the journal and starts the thread, which restores first what the journal says (its
 * actions of boot).  0; -EEXIST: begun before; -EINVAL; -errno with @why, of DMM_GROUP_WHY bytes.  A
 * journal that is lost or damaged is no failure: the state is LOST then, and @why says which.
 */
int dmm_group_open(const struct dmm_group_config *c, struct dmm_group **group, char *why);
/* Stops the thread; the state is what it is.  Accepts NULL. */
void dmm_group_close(struct dmm_group *g);

/*
 * From the kernel, the receiver or (@message) the peer.  The latter are dropped when there are many:
 * peers repeat themselves.  0, -ENOBUFS: dropped, -ENOMEM.
 * Context: any thread, the group's own too; does not block.
 */
int dmm_group_post(struct dmm_group *g, const struct dmm_ho_event *ev, bool message);

/*
 * What a person or the toolstack asks for, in its turn.  Returns what dmm_ho_event() said; when it
 * returns, the actions have been done, or are owed.
 * Context: any thread but the group's; blocks as long as the actions do.
 */
int dmm_group_request(struct dmm_group *g, const struct dmm_ho_event *ev,
		      const struct dmm_group_who *who);

/*
 * Ends the group where its state is one of @states (1u << state) and nothing is under way: it decides nothing
 * from then on, and answers everybody -ESHUTDOWN.  0, also when it has ended; -EBUSY, also where the source's disks have yet to be
 * let go of, unless @states is all there are.  Accepts NULL.
 */
int dmm_group_retire(struct dmm_group *g, unsigned int states);

/* Goes on where it was, after a retire; before, nothing was done that it would have to know of.  Accepts NULL. 0 or -errno. */
int dmm_group_revive(struct dmm_group *g);

/* What the status says went wrong, for somebody whose event tells only that it did. Any thread. */
void dmm_group_explain(struct dmm_group *g, const char *why);

void dmm_group_status(struct dmm_group *g, struct dmm_group_status *st);

/* Waits until the state is one of @states (1u << state). 0 or -ETIMEDOUT, with @st in either case. */
int dmm_group_await(struct dmm_group *g, unsigned int states, u64 timeout_ms,
		    struct dmm_group_status *st);

#endif
