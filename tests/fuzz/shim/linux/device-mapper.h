/* SPDX-License-Identifier: GPL-2.0 */
/* What kmod/args.c needs of the kernel, in userland. */
#ifndef DMM_FUZZ_DEVICE_MAPPER_H
#define DMM_FUZZ_DEVICE_MAPPER_H

#include <errno.h>
#include <stdlib.h>

#include "core/env.h"

struct dm_target {
	u64 len;		/* sectors */
	char *error;
};

#endif
