// SPDX-License-Identifier: GPL-2.0
/* Upstream: 6.1, 9c5d03d36251 "genetlink: start to validate reserved header bytes" */
#include <net/genetlink.h>

void probe(struct genl_family *f);
void probe(struct genl_family *f)
{
	f->resv_start_op = 1;
}
