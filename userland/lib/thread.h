/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Threads that nobody joins.
 */
#ifndef DMM_LIB_THREAD_H
#define DMM_LIB_THREAD_H

#include <pthread.h>
#include <stddef.h>
#include <time.h>

#include "core/env.h"

/* For those of which there are many. */
#if defined(__SANITIZE_ADDRESS__)
#define DMM_STACK_BYTES	((size_t)1 << 20)
#else
#define DMM_STACK_BYTES	((size_t)256 << 10)
#endif

/* @stack_bytes: 0 for what is usual.  0 or -errno: then @run is not called. */
int dmm_thread_detached(void *(*run)(void *), void *arg, size_t stack_bytes);

/* In @timeout_ms, for conditions that go by CLOCK_MONOTONIC, as the next makes one. */
void dmm_deadline(u64 timeout_ms, struct timespec *until);
void dmm_cond_init(pthread_cond_t *c);

#endif
