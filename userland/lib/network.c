// SPDX-License-Identifier: GPL-2.0
/*
 * Finding a network by name or number.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>

#include "network.h"

/* The bytes of an address, 0 of another family. */
static const u8 *address_bytes(const struct sockaddr_storage *a, unsigned int *bits)
{
	*bits = a->ss_family == AF_INET ? 32 : a->ss_family == AF_INET6 ? 128 : 0;
	return a->ss_family == AF_INET ? (const u8 *)&((const struct sockaddr_in *)a)->sin_addr :
	       (const u8 *)&((const struct sockaddr_in6 *)a)->sin6_addr;
}

int dmm_address_parse(const char *s, struct sockaddr_storage *a)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, s, &v4.sin_addr) == 1)
		memcpy(a, &v4, sizeof(v4));
	else if (inet_pton(AF_INET6, s, &v6.sin6_addr) == 1)
		memcpy(a, &v6, sizeof(v6));
	else
		return -EINVAL;
	return 0;
}

bool dmm_address_within(const struct sockaddr_storage *a, const struct sockaddr_storage *net, unsigned int bits)
{
	unsigned int all, other;
	const u8 *x = address_bytes(a, &all), *y = address_bytes(net, &other);

	if (!all || all != other || bits > all || memcmp(x, y, bits / 8))
		return false;
	return !(bits % 8) || !((x[bits / 8] ^ y[bits / 8]) >> (8 - bits % 8));
}

static unsigned int mask_bits(const struct sockaddr *mask)
{
	struct sockaddr_storage m = { 0 };
	unsigned int all, n;
	const u8 *x;

	memcpy(&m, mask, mask->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	x = address_bytes(&m, &all);
	for (n = 0; n < all && x[n / 8] & 0x80 >> n % 8; n++)
		;
	return n;
}

/* An address of this host: is it of the network?  @net NULL: by the interface's name, with its own mask. */
static void take(struct dmm_network *n, const struct ifaddrs *i, const char *iface, const struct sockaddr_storage *net,
		 unsigned int bits)
{
	struct dmm_prefix p = { .bits = bits };

	if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6) || n->nr == DMM_NETWORKS)
		return;
	memcpy(&p.own, i->ifa_addr, i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	/* one that is of a link only would need a zone to go with it */
	if (p.own.ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&((struct sockaddr_in6 *)&p.own)->sin6_addr))
		return;
	if (net ? !dmm_address_within(&p.own, net, bits) : strcmp(i->ifa_name, iface) || !i->ifa_netmask)
		return;
	if (!net)
		p.bits = mask_bits(i->ifa_netmask);
	snprintf(p.iface, sizeof(p.iface), "%s", i->ifa_name);
	n->prefixes[n->nr++] = p;
}

static int parse_cidr(const char *text, struct sockaddr_storage *net, unsigned int *bits)
{
	const char *slash = strchr(text, '/');
	char address[INET6_ADDRSTRLEN];
	unsigned int all;
	u64 v;

	if ((size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	snprintf(address, sizeof(address), "%.*s", (int)(slash - text), text);
	if (dmm_address_parse(address, net))
		return -EINVAL;
	address_bytes(net, &all);
	if (dmm_parse_u64(slash + 1, 0, all, &v))
		return -EINVAL;
	*bits = v;
	return 0;
}

int dmm_network_find(const char *text, struct dmm_network *n, char why[DMM_NETWORK_WHY])
{
	bool cidr = strchr(text, '/');
	struct sockaddr_storage net;
	struct ifaddrs *ifs, *i;
	unsigned int bits = 0;
	int ret;

	memset(n, 0, sizeof(*n));
	if (cidr && parse_cidr(text, &net, &bits)) {
		snprintf(why, DMM_NETWORK_WHY, "'%.64s' is no network: name an interface, or ADDRESS/BITS like 10.9.0.0/24", text);
		return -EINVAL;
	}
	if (!cidr && (!*text || strlen(text) >= IF_NAMESIZE || !if_nametoindex(text))) {
		snprintf(why, DMM_NETWORK_WHY, "this host has no network interface %.64s: see ip address", text);
		return -ENOENT;
	}
	if (getifaddrs(&ifs)) {
		ret = -errno;
		snprintf(why, DMM_NETWORK_WHY, "this host's addresses cannot be listed: %s", strerror(-ret));
		return ret;
	}
	for (i = ifs; i; i = i->ifa_next)
		take(n, i, text, cidr ? &net : NULL, bits);
	freeifaddrs(ifs);
	if (n->nr)
		return 0;
	if (cidr)
		snprintf(why, DMM_NETWORK_WHY, "this host has no address in the network %.64s: see ip address", text);
	else
		snprintf(why, DMM_NETWORK_WHY, "the network interface %.64s has no address: see ip address", text);
	return -ENOENT;
}

const struct dmm_prefix *dmm_network_has(const struct dmm_network *n, const char *address)
{
	struct sockaddr_storage a;
	unsigned int i;

	if (dmm_address_parse(address, &a))
		return NULL;
	for (i = 0; i < n->nr; i++) {
		if (dmm_address_within(&a, &n->prefixes[i].own, n->prefixes[i].bits))
			return &n->prefixes[i];
	}
	return NULL;
}
