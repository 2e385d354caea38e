/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What doctor finds about a domain that is to move now.
 */
#ifndef DMM_VM_DOCTOR_H
#define DMM_VM_DOCTOR_H

#include "doctor.h"

/*
 * `doctor HOST --domain DOMAIN`, of which what is odd or in the way is said; @stay, @nr_stay: disks, by their names in the guest, that both
 * hosts have.  0, or exit code 3, reported: something FAILs.
 */
int dmm_vm_doctor(struct dmm_tool *t, const struct dmm_target *to, const char *domain, const char *const *stay, u32 nr_stay);

/* Just the last. */
int dmm_vm_doctor_say(struct dmm_tool *t, const struct dmm_findings *o);

#endif
