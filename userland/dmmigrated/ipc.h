/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between the processes of the daemon (processes.h): requests over a SOCK_SEQPACKET socket that is shared by all who ask, each
 * with a socket of its own for the answer.  So requests run beside each other, and whoever dies leaves an end of file, not
 * somebody who waits.
 */
#ifndef DMM_IPC_H
#define DMM_IPC_H

#include <stdbool.h>
#include <string.h>

#include "core/env.h"

#define DMM_IPC_FDS	3u
#define DMM_IPC_BYTES	(128u << 10)	/* of one message */

struct dmm_ipc_msg {
	u32 op;			/* of a request; 0 of an answer */
	u32 bytes;
	void *data;		/* owned; aligned as by malloc() */
	int fds[DMM_IPC_FDS];	/* owned; -1: there is none */
	int reply;		/* of a request: where its answer goes */
};

/* Both ends, close-on-exec. 0 or -errno. */
int dmm_ipc_pair(int fds[2]);

/*
 * Sends a request and waits for its answer, until @deadline_ms (CLOCK_MONOTONIC, or DMM_NO_DEADLINE), or @stop_fd (-1: none) is
 * readable.  @fds (@nr_fds) are lent.  0 with *answer, which the caller frees; -EPIPE: nobody is there, or no more; -ETIMEDOUT;
 * -ECANCELED; -errno.  Any thread.
 */
int dmm_ipc_ask(int sock, u32 op, const void *data, u32 bytes, const int *fds, u32 nr_fds, struct dmm_ipc_msg *answer,
		u64 deadline_ms, int stop_fd);

/* The next request. 1; 0: whoever asks has gone; -errno. */
int dmm_ipc_next(int sock, struct dmm_ipc_msg *request);

/*
 * Answers @request and frees it; who asked may have gone.  @fd (-1: none), @fd2 are given away: by the time that they are used nobody
 * has them but who asked.
 */
void dmm_ipc_answer(struct dmm_ipc_msg *request, const void *data, u32 bytes, int fd, int fd2);

/*
 * Answers all requests, each by @handle on a thread of its own, which frees it (dmm_ipc_answer()), until whoever asks has gone;
 * then calls @gone, and waits @wait_ms for those that are under way.  0 or -ETIMEDOUT.
 */
int dmm_ipc_serve(int sock, void (*handle)(void *ctx, struct dmm_ipc_msg *request), void (*gone)(void *ctx), void *ctx,
		  u64 wait_ms);

/* Takes one of the descriptors out of @m. -1: there is none. */
int dmm_ipc_take(struct dmm_ipc_msg *m, u32 i);
void dmm_ipc_free(struct dmm_ipc_msg *m);

/* A flag of a message: of a process that is not ours any more it may be any byte. */
static inline bool dmm_ipc_flag(const bool *flag)
{
	u8 byte;

	memcpy(&byte, flag, sizeof(byte));
	return byte;
}

#endif
