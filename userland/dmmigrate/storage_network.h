/* SPDX-License-Identifier: GPL-2.0 */
/*
 * --network: the migration goes by the storage network.
 */
#ifndef DMM_STORAGE_NETWORK_H
#define DMM_STORAGE_NETWORK_H

#include "tool.h"

#define DMM_OPTION_NETWORK \
	DMM_OPTION("network", TEXT, network, "NAME|CIDR", \
		   "go by this network: that of an interface here, or ADDRESS/BITS; the other host's\n" \
		   "address in it is one that dmmigrate keys list has for it.  What is connected later\n" \
		   "for the migration comes from the same address of this host")

/*
 * Puts the address that @to has in t->args.network in place of its host, and has all connections of this process come from
 * this host's address there.  Warns where that interface has the default route.  0 or an exit code, reported: one of the two has no address in it.
 */
int dmm_network_apply(struct dmm_tool *t, struct dmm_target *to);

#endif
