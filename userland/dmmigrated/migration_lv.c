// SPDX-License-Identifier: GPL-2.0
/*
 * Disks of a migration that are logical volumes: their marks, and having those there that a mark kept away.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "migration_priv.h"

#define BACK_MS	10000u

void dmm_migration_lv_there(struct dmm_migration *m, u32 disk)
{
	const struct dmm_manifest_disk *d = &m->manifest->disks[disk];
	struct dmm_log_id id = m->log_id;
	char why[DMM_LV_WHY];
	int ret;

	if (!d->lv[0] || dmm_lv_active(d->lv))
		return;
	id.disk = disk;
	ret = dmm_lv_activate(d->lv, m->all->stop_fd, why);
	if (!ret)
		dmm_notice(&id, "its logical volume was activated");
	else if (ret != -ECANCELED)
		dmm_err(&id, "its logical volume cannot be activated: %s", why);
}

void dmm_migration_lvs_back(struct dmm_migration *m)
{
	char why[DMM_LV_WHY];
	u32 i;

	/* there as long as the host was not rebooted: nobody waits for LVM while a guest stands still */
	for (i = 0; i < m->nr_disks; i++) {
		if (m->manifest->disks[i].lv[0] && !dmm_lv_active(m->manifest->disks[i].lv))
			break;
	}
	/* by the one thread that changes marks: it may be about to set this one */
	if (i < m->nr_disks && dmm_marks_finish(m->marks, DMM_MARK_CLEAR, BACK_MS, why))
		dmm_warn(&m->log_id, "not all of its logical volumes are activated: %s", why);
}

void dmm_migration_state(void *ctx, enum dmm_ho_state state, bool owes)
{
	struct dmm_migration *m = ctx;

	dmm_marks_want(m->marks, dmm_mark_for(m->role, state, owes));
	dmm_migration_guest_state(m, state);
}

bool dmm_migration_unmarked(struct dmm_migration *m, char why[DMM_LV_WHY])
{
	return dmm_migration_group(m) && dmm_marks_owe(m->marks, why);
}

void dmm_migration_await_marks(struct dmm_migration *m, u64 timeout_ms)
{
	dmm_marks_wait(m->marks, timeout_ms);
}
