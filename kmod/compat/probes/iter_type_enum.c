// SPDX-License-Identifier: GPL-2.0
/* Upstream: 4.20, aa563d7bca6e "iov_iter: Separate type from direction and use accessor functions" */
#include <linux/uio.h>

enum iter_type probe(void);
enum iter_type probe(void)
{
	return ITER_BVEC;
}
