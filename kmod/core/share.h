/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One limit for many: who wants to send asks, and when the bucket allows it, the one that
 * has had the least so far goes first.  Work conserving: who does not ask is not waited
 * for, and gets nothing in arrears when he comes back.
 *
 * Pure: the caller gives the time, and serialises.
 */
#ifndef DMM_CORE_SHARE_H
#define DMM_CORE_SHARE_H

#include "pacer.h"

/* So late may one be whose turn it is, or he loses it. */
#define DMM_SHARE_PATIENCE_NS	50000000ull

struct dmm_share_user {
	struct dmm_share_user *next;
	u64 served;		/* bytes, on a scale common to all: see share->floor */
	u64 due_ns;		/* when he will ask again; 0: he does not want anything */
};

struct dmm_share {
	struct dmm_pacer pacer;
	struct dmm_share_user *users;
	u64 floor;		/* what the latest one had when he was served */
};

void dmm_share_init(struct dmm_share *sh, u64 now_ns);
/* Who waits should be woken to ask again. */
void dmm_share_set_rate(struct dmm_share *sh, u64 rate, u64 now_ns);

/* @u zeroed, and valid until it is removed; removing it twice, or one never added, is fine. */
void dmm_share_add(struct dmm_share *sh, struct dmm_share_user *u);
void dmm_share_remove(struct dmm_share *sh, struct dmm_share_user *u);

/*
 * @u wants to send.  0: now, and then takes; else how long to wait before asking again.  *@turn: whose
 * turn it is instead, he should be woken; or NULL.
 */
u64 dmm_share_ask(struct dmm_share *sh, struct dmm_share_user *u, u64 now_ns,
		  struct dmm_share_user **turn);
void dmm_share_take(struct dmm_share *sh, struct dmm_share_user *u, u32 bytes, u64 now_ns);
/* @u has nothing to send for now. */
void dmm_share_leave(struct dmm_share_user *u);
/* @bytes that @u took were not sent after all. */
void dmm_share_give_back(struct dmm_share *sh, struct dmm_share_user *u, u64 bytes);

#endif
