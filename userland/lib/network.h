/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The storage network: which address of this host, and which of another one's, lie in it.
 */
#ifndef DMM_LIB_NETWORK_H
#define DMM_LIB_NETWORK_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

#include "parse.h"

#define DMM_NETWORK_WHY	256u
#define DMM_NETWORKS	16u		/* prefixes of one interface */

struct dmm_prefix {
	struct sockaddr_storage own;	/* address of this host in it */
	unsigned int bits;
	char iface[IF_NAMESIZE];
};

/* The prefixes that a storage network has here. */
struct dmm_network {
	struct dmm_prefix prefixes[DMM_NETWORKS];
	unsigned int nr;
};

/* An address in numbers, without port and zone. -EINVAL. */
int dmm_address_parse(const char *s, struct sockaddr_storage *a);
/* Do both begin with the same @bits?  Of the same family. */
bool dmm_address_within(const struct sockaddr_storage *a, const struct sockaddr_storage *net, unsigned int bits);

/*
 * By the name of an interface, or "ADDRESS/BITS", in which this host has an address.  -EINVAL, -ENOENT with @why: what is wrong, one line.
 */
int dmm_network_find(const char *text, struct dmm_network *n, char why[DMM_NETWORK_WHY]);
/* The prefix that @address (in numbers) is in. NULL: none. */
const struct dmm_prefix *dmm_network_has(const struct dmm_network *n, const char *address);

#endif
