/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stop points of debug builds: where a test cuts the daemon.  It kills itself at the one that DMM_DAEMON_STOP_AT names; it runs the command
 * DMM_DAEMON_TELL with the name of each, and waits for that.  All of them are in the table of stop_points.c, which DMM_DAEMON_STOP_AT=list
 * prints: a point that is not in it ends the daemon.  daemon-killed-at-every-step.sh and restore-killed-at-every-step.sh go by it, and fail where
 * one is not reached.
 */
#ifndef DMM_STOP_POINTS_H
#define DMM_STOP_POINTS_H

#ifdef DMM_DEBUG
/* "before-" or "after-", and a name of the table. */
void dmm_stop_point(const char *here);
/*
 * The same in a worker, whose sandbox leaves it no programs and no signals but to itself: it is told to nobody, and the daemon ends as soon as
 * it sees that the worker has.
 */
void dmm_stop_point_of_worker(const char *here);
/* The daemon's, when a worker that has disks has ended. */
void dmm_stop_point_worker_ended(void);
/* Prints the table, and ends the program, where that was asked for. */
void dmm_stop_points_list(void);
#else
static inline void dmm_stop_point(const char *here)
{
	(void)here;
}

static inline void dmm_stop_point_of_worker(const char *here)
{
	(void)here;
}

static inline void dmm_stop_point_worker_ended(void)
{
}

static inline void dmm_stop_points_list(void)
{
}
#endif

#endif
