// SPDX-License-Identifier: GPL-2.0
/* Upstream: 5.10, 48526a0f4ca2 "genetlink: bring back per op policy" */
#include <net/genetlink.h>

void probe(struct genl_ops *op);
void probe(struct genl_ops *op)
{
	op->maxattr = 1;
}
