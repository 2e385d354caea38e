/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Running another program: of one that does something its end and the last line that it says are of interest, of one that
 * is asked something all that it prints.
 */
#ifndef DMM_LIB_RUNNER_H
#define DMM_LIB_RUNNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/env.h"

#define DMM_RUNNER_TEXT	1024u

struct dmm_runner {
	pid_t pid;
	int fd;				/* what it says; its end is the program's */
	char text[DMM_RUNNER_TEXT];	/* the end of it */
	size_t bytes;
	char *out;			/* borrowed; or the beginning, of @cap bytes at most, instead */
	size_t cap;
};

/*
 * Begins it: argv[0] is its path, or a name to be found by PATH.  It has no input, signals as every program expects
 * them, and no descriptor of ours but those without close-on-exec.  0 or -errno.
 */
int dmm_runner_begin(struct dmm_runner *r, char *const argv[]);

/* The same; what it prints goes to @out, what it complains of nowhere, and what does not fit ends it: -EMSGSIZE of dmm_runner_wait(). */
int dmm_runner_begin_asked(struct dmm_runner *r, char *const argv[], char *out, size_t cap);

/*
 * Until it has closed its output: 0.  -ETIMEDOUT, -ECANCELED (@stop_fd can be read): killed.  dmm_runner_end() in any
 * case.
 */
int dmm_runner_wait(struct dmm_runner *r, u64 deadline_ms, int stop_fd);

/*
 * Waits for its end, which after SIGKILL takes as long as the kernel is busy for it.  Its exit code, or 128 and
 * the signal's number.
 */
int dmm_runner_end(struct dmm_runner *r);

/*
 * Asks a program, for @timeout_ms at most: its exit code, with what it has printed in @out, NUL terminated; or -errno.  One
 * that hangs in the kernel is left to itself, and until it has ended nobody is asked anything (-EBUSY).  Any thread.
 */
int dmm_runner_ask(char *const argv[], u32 timeout_ms, int stop_fd, char *out, size_t cap);

/* Its last line that says something, cut to fit and cleaned; "" if there is none. */
void dmm_runner_line(const struct dmm_runner *r, char *line, size_t bytes);

#endif
