/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between registry.c and registry_busy.c.
 */
#ifndef DMM_REGISTRY_PRIV_H
#define DMM_REGISTRY_PRIV_H

#include "registry.h"

/* Is @d that device, or file of that device? Never an NBD export. */
bool dmm_dest_is(const struct dmm_dest *d, dev_t dev, ino_t ino);

/* Refuses (BUSY) an NBD export that another disk has. Takes the registry's and the disks' locks. */
int dmm_registry_check_export(struct dmm_registry *reg, const struct dmm_prepare *p,
			      struct dmm_refusal *r);

/* When @path is busy because of another disk of ours, @r says of which migration. Locks as above. */
void dmm_registry_explain_busy(struct dmm_registry *reg, const char *path, struct dmm_refusal *r);

#endif
