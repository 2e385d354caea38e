/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A domain no disk of which moves: both hosts have them all, or it has none.  Its memory goes as ever, and what the daemons hand over, by
 * their journals, is the right to run (doc/handover.rst, "No disks").
 */
#ifndef DMM_VM_ALONE_H
#define DMM_VM_ALONE_H

#include "platform/xl_domain.h"
#include "tool.h"
#include "vm_config.h"

/* Moves @d to @to, with the configuration @sent.  Exit code, reported; *@bytes of memory, where that is 0. */
int dmm_vm_alone(struct dmm_tool *t, const struct dmm_target *to, const struct dmm_xl_domain *d, struct dmm_vm_config *sent, u64 *bytes);

#endif
