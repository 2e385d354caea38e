/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lines about strangers.  Whoever is turned away comes again, fast perhaps: of each kind a few lines are said in a while, and how
 * many were not.
 */
#ifndef DMM_COMPLAIN_H
#define DMM_COMPLAIN_H

#include <pthread.h>

#include "log.h"

#define DMM_COMPLAIN_MS		10000u	/* a while */
#define DMM_COMPLAIN_LINES	5u	/* a few */

enum dmm_complaint {
	DMM_COMPLAIN_LIMIT,	/* too many connections */
	DMM_COMPLAIN_UNKNOWN,	/* has proven itself to be nobody that we trust */
	DMM_COMPLAIN_HELLO,	/* does not say what it is */
	DMM_NR_COMPLAINTS
};

struct dmm_complaints {
	pthread_mutex_t lock;	/* a leaf */
	struct {
		u64 until_ms;	/* when this while ends */
		u32 said, unsaid;	/* in it */
	} of[DMM_NR_COMPLAINTS];
};

void dmm_complaints_init(struct dmm_complaints *c);
void dmm_complaints_exit(struct dmm_complaints *c);

/* Logs one line, as dmm_log() does, or counts it. Any thread. */
__attribute__((format(printf, 6, 7)))
void dmm_complain(struct dmm_complaints *c, enum dmm_complaint what, u64 now_ms, int priority, const struct dmm_log_id *id,
		  const char *fmt, ...);

/* Says how many were not said in a while that has ended. Called now and then; any thread. */
void dmm_complaints_tick(struct dmm_complaints *c, u64 now_ms);

#endif
