// SPDX-License-Identifier: GPL-2.0
/*
 * Upstream: 6.2, de4eda9de2d9 "use less confusing names for iov_iter direction initializers"
 */
#include <linux/uio.h>

int probe(void);
int probe(void)
{
	return ITER_SOURCE + ITER_DEST;
}
