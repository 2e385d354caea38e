// SPDX-License-Identifier: GPL-2.0
/*
 * Choosing the addresses of both hosts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor.h"
#include "keys_peers.h"
#include "network.h"
#include "storage_network.h"
#include "wireio.h"

/* The first address in numbers that the line of this host has in the network. */
static const struct dmm_prefix *peer_address(const struct dmm_peers *peers, const struct dmm_network *n, const char *host,
					     char word[DMM_PEER_NAME])
{
	const struct dmm_prefix *p;
	const char *at;
	unsigned int i;

	for (i = 0; i < peers->nr; i++) {
		if ((peers->lines[i].kind != DMM_PEER_PIN && peers->lines[i].kind != DMM_PEER_CA) ||
		    !dmm_peer_has_host(&peers->lines[i], host))
			continue;
		at = peers->lines[i].addresses;
		while (at && dmm_peer_address_next(&at, word)) {
			p = dmm_network_has(n, word);
			if (p)
				return p;
		}
	}
	return NULL;
}

/* As it was typed, or as the file of peers has it. NULL: none, @why filled where that is the file's. */
static const struct dmm_prefix *find_address(const struct dmm_tool *t, const struct dmm_network *n, struct dmm_target *to,
					     char why[DMM_KEYS_WHY])
{
	const struct dmm_prefix *p = dmm_network_has(n, to->host);
	char dir[DMM_PATH_MAX], word[DMM_PEER_NAME];
	struct dmm_peers peers;

	why[0] = '\0';
	if (p || t->args.insecure_plaintext)	/* without keys nobody says which addresses are the same host's */
		return p;
	snprintf(dir, sizeof(dir), "%s", t->args.keys ? t->args.keys : "");
	if ((!t->args.keys && dmm_keys_default_dir(dir, sizeof(dir))) || dmm_peers_load(dir, &peers, why))
		return NULL;
	p = peer_address(&peers, n, to->host, word);
	if (p)
		snprintf(to->host, sizeof(to->host), "%s", word);
	dmm_peers_clear(&peers);
	return p;
}

int dmm_network_apply(struct dmm_tool *t, struct dmm_target *to)
{
	char why[DMM_NETWORK_WHY], keys_why[DMM_KEYS_WHY];
	const struct dmm_prefix *p;
	struct dmm_network n;

	if (dmm_network_find(t->args.network, &n, why)) {
		dmm_next(t, "ip address");
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", why);
	}
	p = find_address(t, &n, to, keys_why);
	if (!p && keys_why[0]) {
		dmm_next(t, "dmmigrate keys list");
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED, "%s", keys_why);
	}
	if (!p) {
		dmm_next(t, t->args.insecure_plaintext ? "name the host by its address there" :
			 "dmmigrate keys list, and dmmigrate keys trust NAME FINGERPRINT ADDRESS...");
		return dmm_fail(t, DMM_EXIT_PREFLIGHT, DMM_OWNER_SOURCE, DMM_USE_UNCHANGED,
				"no address of %.128s is known in the network %.64s", to->host, t->args.network);
	}
	dmm_client_from(&p->own);
	if (dmm_default_route(p->iface))
		dmm_note(t, "the interface %s has the default route: is that the management network?", p->iface);
	return 0;
}
