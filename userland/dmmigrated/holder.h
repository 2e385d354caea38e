/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who has the lock of a state directory that we do not get.
 */
#ifndef DMM_HOLDER_H
#define DMM_HOLDER_H

#include <stdbool.h>

struct dmm_holder {
	char pid[12];
	char thread[12];		/* the one of it that was looked at */
	char comm[20];
	char state;			/* as in /proc/PID/stat */
	bool stuck;			/* was killed, and cannot die before a disk answers */
};

/*
 * The process that has flock(2)ed @path, by @proc ("/proc"); of a daemon and its children one that is stuck, or the daemon.
 * false: none can be seen.
 */
bool dmm_holder_find(const char *proc, const char *path, struct dmm_holder *h);

/* Logs that another one has @dir, whose lock is @fd, and what to do. */
void dmm_holder_complain(int fd, const char *dir);

#endif
