/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between group.c, which has thread and mailbox, and group_act.c, which does what the state
 * machine says.
 */
#ifndef DMM_GROUP_PRIV_H
#define DMM_GROUP_PRIV_H

#include <pthread.h>

#include "group.h"
#include "journal.h"
#include "list.h"
#include "log.h"

#define DMM_GROUP_OWED	8u	/* one of each kind */

struct dmm_group {
	/* constant after open */
	struct dmm_group_config c;
	char dir[512];
	struct dmm_log_id log_id;
	pthread_t thread;

	/* the thread's */
	struct dmm_ho ho;
	struct dmm_journal *journal;	/* NULL: lost */
	const struct dmm_group_who *who;	/* asks for what is done now; NULL: nobody */
	struct dmm_ho_action owed[DMM_GROUP_OWED];
	u32 nr_owed;
	u64 tick_ms;
	bool dead;			/* no thread any more: it could not be revived */

	/* protected by lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* mail, stop, the status, or a request that is done */
	struct dmm_list mail;
	u32 nr_messages;
	bool stop;
	struct dmm_group_status st;
};

/* --- group.c --- */

/* What went wrong, for the log and the status. */
void dmm_group_said(struct dmm_group *g, const char *why);

/* --- group_act.c, in the thread of the group --- */

/* Tries what is owed, oldest first. 0, or what the first of them failed with. */
int dmm_group_pay(struct dmm_group *g);

/* Is the kernel to let go of disks that it holds, and has not yet? */
bool dmm_group_holds(const struct dmm_group *g);

/* Does one action. True: *answer is to be told to the state machine. */
bool dmm_group_act(struct dmm_group *g, const struct dmm_ho_action *a, struct dmm_ho_event *answer);

#endif
