/* SPDX-License-Identifier: GPL-2.0 */
/* In place of kmod/dmm.h, for kmod/args.c alone in userland. */
#ifndef DMM_FUZZ_DMM_H
#define DMM_FUZZ_DMM_H

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "core/env.h"
#include <dmmigrate/wire.h>

extern unsigned int dmm_max_bitmap_mib;
u64 dmm_tracker_bytes(u64 size_bytes, unsigned int block_shift);

/* As the kernel's: digits only (one '+' and one newline are taken), and no overflow. */
static inline int kstrtou32(const char *s, unsigned int base, u32 *v)
{
	unsigned long long n;
	char *end;

	s += *s == '+';
	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	n = strtoull(s, &end, base);
	if (*end == '\n')
		end++;
	if (*end)
		return -EINVAL;
	if (errno || n > ~0u)
		return -ERANGE;
	*v = n;
	return 0;
}
#define kstrtouint kstrtou32

#endif
