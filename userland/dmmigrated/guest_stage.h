/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest's configuration that waits for the end of a hand-over, beside its journal: DIR/<id>/guest, JSON.  It goes with the migration.
 */
#ifndef DMM_GUEST_STAGE_H
#define DMM_GUEST_STAGE_H

#include <stdbool.h>

#include "guest_config.h"
#include "parse.h"

struct dmm_guest_stage {
	char name[64];
	bool autostart;
	bool done;
	char path[DMM_GUEST_CONFIG_PATH];	/* as GUEST_CONFIG_OK has them */
	char kept[DMM_GUEST_CONFIG_PATH];
	char *text;			/* owned: the configuration; at the source its path */
};

/* Atomic and durable.  @dir: of journals.  0 or -errno. */
int dmm_guest_stage_save(const char *dir, const u8 id[DMM_ID_BYTES], const struct dmm_guest_stage *g);
/* 0 with @g for the caller to clear; -ENOENT: there is none; -EBADMSG: damaged; -errno. */
int dmm_guest_stage_load(const char *dir, const u8 id[DMM_ID_BYTES], struct dmm_guest_stage *g);
/* Its path, for messages. */
void dmm_guest_stage_path(const char *dir, const u8 id[DMM_ID_BYTES], char *path, size_t bytes);
/* Frees what it owns; accepts a zeroed one. */
void dmm_guest_stage_clear(struct dmm_guest_stage *g);

#endif
