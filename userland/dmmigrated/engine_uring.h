/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rings that can do no more than what a connection needs.
 */
#ifndef DMM_ENGINE_URING_H
#define DMM_ENGINE_URING_H

#include <liburing.h>

#include "engine.h"

/* Makes one: it writes to the file that is registered, and does nothing else. 0 or -errno. */
int dmm_uring_restricted(struct io_uring *ring);

#endif
