/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A worker: the process that has the destinations of one migration, and its data connections.  It reads what an
 * authenticated but otherwise unknown host sends, and so it has nothing else: a user id of its own, no capability, no file but
 * by descriptors that it was given (sandbox.h).
 */
#ifndef DMM_WORKER_H
#define DMM_WORKER_H

#include "options.h"
#include "sandbox.h"

/*
 * The whole life of the process: answers what comes by @sock (worker_msg.h) until whoever asks has gone, and nothing is in
 * flight any more.
 */
__attribute__((noreturn))
void dmm_worker_run(struct dmm_config *c, int sock, const struct dmm_sandbox *box);

#endif
