/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks of a domain that both hosts have: they stay where they are.
 */
#ifndef DMM_VM_SHARED_H
#define DMM_VM_SHARED_H

#include "identity.h"
#include "parse.h"
#include "tool.h"

/*
 * The admin says that @to has the disk @vdev, which is @path here, by the same path.  What is known must not speak against it; what cannot be
 * known is said.  0 or an exit code, reported.
 */
int dmm_vm_shared_check(struct dmm_tool *t, const struct dmm_target *to, const char *vdev, const char *path);

/* The same disk is there for sure, by the same path: by which name it is known.  False: it is not, or nobody knows. */
bool dmm_vm_shared_is(const struct dmm_target *to, const char *path, char which[DMM_IDENTITY_MAX]);

#endif
