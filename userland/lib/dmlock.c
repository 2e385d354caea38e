// SPDX-License-Identifier: GPL-2.0
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "dm.h"
#include "dmlock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void dmm_dm_lock(void)
{
	static bool ready;

	pthread_mutex_lock(&lock);
	if (!ready)
		dmm_dm_init();
	ready = true;
}

void dmm_dm_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

const char *dmm_dm_text_locked(int err)
{
	return *dmm_dm_reason() ? dmm_dm_reason() : strerror(-err);
}
