// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for udev.  libdevmapper's own wait has no end: where a worker of udev hangs on some disk, or
 * udev died with an event in hand, the tool would hang half way through a start.
 */
#include <libdevmapper.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include "dm.h"
#include "dm_priv.h"
#include "fullio.h"

#define UDEV_MS		10000u
#define UDEV_AGAIN_MS	1000u	/* once it was late: every step would take as long */
#define UDEV_LOOK_MS	10u

static bool udev_late;

bool dmm_dm_udev_late(void)
{
	return udev_late;
}

void dmm_dm_udev_wait(uint32_t cookie)
{
	const struct timespec nap = { .tv_nsec = UDEV_LOOK_MS * 1000000 };
	u64 until_ms = dmm_now_ms() + (udev_late ? UDEV_AGAIN_MS : UDEV_MS);
	int ready, id;

	if (!cookie || !dm_udev_get_sync_support()) {
		dm_udev_wait(cookie);
		return;
	}
	/* it also removes the semaphore when it is ready */
	while (dm_udev_wait_immediate(cookie, &ready) && !ready) {
		if (dmm_now_ms() >= until_ms) {
			udev_late = true;
			/* or it stays behind: a late udev finds none, which it takes well */
			id = semget(cookie, 1, 0);
			if (id >= 0)
				semctl(id, 0, IPC_RMID);
			return;
		}
		nanosleep(&nap, NULL);
	}
}
