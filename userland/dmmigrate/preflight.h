/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What must hold on this host before a device is attached.  Looks, changes nothing
 * (but for loading the module).
 */
#ifndef DMM_PREFLIGHT_H
#define DMM_PREFLIGHT_H

#include "source.h"
#include "tool.h"

struct dmm_preflight {
	u64 size_bytes;
	u32 lbs_bytes;		/* logical block size */
	u32 block_bytes;	/* of tracking */
	char identity[256];	/* dmm_wire_prepare.source_identity; may be empty */
	bool module_loaded;
};

/* 0 with @p filled, or an exit code, reported. */
int dmm_preflight_source(struct dmm_tool *t, const struct dmm_source *s, struct dmm_preflight *p);

/* Sizes and identity only: of a device that is attached already. */
int dmm_preflight_sizes(struct dmm_tool *t, const struct dmm_source *s, struct dmm_preflight *p);

/* Loads the module if need be; with @look_only nothing is loaded. 0 or an exit code, reported. */
int dmm_preflight_module(struct dmm_tool *t, bool look_only, bool *loaded);

#endif
