/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Storage repositories (SR): places of a host where destinations are made, by a name that its configuration gives them.  Pure.
 */
#ifndef DMM_LIB_SR_H
#define DMM_LIB_SR_H

#include <stdbool.h>

#include <dmmigrate/wire.h>

#include "core/env.h"

#define DMM_SR_PLACE	256u
#define DMM_VOLUME_NAME	96u
#define DMM_SR_SHARED	"shared"	/* no SR may be called so: of a disk that stays where it is */

enum dmm_sr_kind {
	DMM_SR_NONE,
	DMM_SR_LVM,			/* a volume group */
	DMM_SR_THIN,			/* a thin pool, VG/POOL */
	DMM_SR_DIR,			/* a directory, for sparse files */
	__DMM_SR_KIND_MAX,
};

struct dmm_sr {
	char name[DMM_SR_NAME];
	enum dmm_sr_kind kind;
	char place[DMM_SR_PLACE];
};

const char *dmm_sr_kind_name(enum dmm_sr_kind kind);	/* "lvm", "thin", "dir" */
enum dmm_sr_kind dmm_sr_kind_find(const char *name);	/* DMM_SR_NONE: none of these */

/* A letter, then letters, digits and ".+_-"; not DMM_SR_SHARED. */
bool dmm_sr_name_ok(const char *name);
bool dmm_sr_place_ok(enum dmm_sr_kind kind, const char *place);
/* "NAME KIND:PLACE". NULL, or what is wrong with it; @sr is then undefined. */
const char *dmm_sr_parse(const char *text, struct dmm_sr *sr);

/* The label of a volume: a letter or digit, then letters, digits and ".+-". */
bool dmm_sr_label_ok(const char *label);
/* "dmm-", a label and more of the same: what we call a volume. */
bool dmm_sr_volume_ok(const char *name);
/* Makes a label that reminds of @name. */
void dmm_sr_label(const char *name, char label[DMM_VOLUME_LABEL]);

#endif
