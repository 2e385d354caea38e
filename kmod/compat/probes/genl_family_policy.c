// SPDX-License-Identifier: GPL-2.0
/* Upstream: 5.2, 3b0f31f2b8c9 "genetlink: make policy common to family" */
#include <net/genetlink.h>

void probe(struct genl_family *f, const struct nla_policy *p);
void probe(struct genl_family *f, const struct nla_policy *p)
{
	f->policy = p;
}
