// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that nobody joins, and what waits for them.
 */
#include "thread.h"

int dmm_thread_detached(void *(*run)(void *), void *arg, size_t stack_bytes)
{
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (stack_bytes)
		pthread_attr_setstacksize(&attr, stack_bytes);
	ret = -pthread_create(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return ret;
}

void dmm_deadline(u64 timeout_ms, struct timespec *until)
{
	clock_gettime(CLOCK_MONOTONIC, until);
	until->tv_sec += (time_t)(timeout_ms / 1000);
	until->tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (until->tv_nsec >= 1000000000) {
		until->tv_nsec -= 1000000000;
		until->tv_sec++;
	}
}

void dmm_cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}
