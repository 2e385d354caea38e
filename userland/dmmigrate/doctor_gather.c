// SPDX-License-Identifier: GPL-2.0
/*
 * Finding out how things are, on this host and on the other.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "clean.h"
#include "cleanup.h"
#include "doctor.h"
#include "facts_host.h"
#include "nl.h"
#include "owners.h"
#include "remote.h"
#include "tls.h"

/* A daemon's answer, or why there is none. */
static void host_ask(struct dmm_remote *r, struct dmm_host *h, int opened, s64 *offset_ns, u64 *error_ns)
{
	struct dmm_facts told;
	int ret = opened;

	dmm_facts_init(&told);
	if (!ret) {
		h->features = r->client.features;
		if (h->features & DMM_FEATURE_FACTS)
			ret = dmm_remote_facts(r, &told, offset_ns, error_ns);
	}
	h->answers = !ret;
	if (ret) {
		snprintf(h->why, sizeof(h->why), "%s", r->why);
		h->err = r->err;
	}
	dmm_facts_merge(&h->facts, &told);
	dmm_remote_close(r);
}

static void gather_daemon(struct dmm_tool *t, struct dmm_checkup *c)
{
	struct dmm_remote r;
	u64 error_ns;
	s64 offset_ns;

	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_FACTS;
	host_ask(&r, &c->here, dmm_owners_find(t, &r), &offset_ns, &error_ns);
}

static void gather_keys(struct dmm_tool *t, struct dmm_checkup *c)
{
	char dir[DMM_PATH_MAX];
	struct dmm_keys *k;
	time_t end;

	c->keys_err = t->args.keys ? 0 : dmm_keys_default_dir(dir, sizeof(dir));
	if (c->keys_err) {
		snprintf(c->keys_why, sizeof(c->keys_why), "where are this user's keys? Neither HOME nor XDG_CONFIG_HOME is set");
		return;
	}
	c->keys_err = dmm_keys_load(t->args.keys ? t->args.keys : dir, &k, c->keys_why);
	if (c->keys_err)
		return;
	end = dmm_keys_valid_until(k);
	c->keys_end = end != -1;
	c->keys_left_s = end - time(NULL);
	dmm_keys_free(k);
}

/* What `dmmigrate clean` lists of this host without asking a daemon. */
static void gather_leftovers(struct dmm_tool *t, struct dmm_checkup *c)
{
	struct json_object *result = t->result;
	struct dmm_clean_list l = { .nr = 0 };
	int err = 0;

	t->result = json_object_new_object();	/* what cannot be looked at is a finding, and no failure of ours */
	c->leftovers_known = !dmm_clean_find(t, &l, &err) && !err;
	json_object_put(t->result);
	t->result = result;
	t->source[0] = '\0';
	t->next[0] = '\0';
	c->leftovers = l.nr;
	if (l.nr) {
		snprintf(c->leftover, sizeof(c->leftover), "%s %.220s", l.entries[0].kind, l.entries[0].name);
		snprintf(c->leftover_mend, sizeof(c->leftover_mend), "%.250s", l.entries[0].action);
	}
	dmm_clean_clear(&l);
}

/* --- the way to the other host --- */

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (!a || a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 &&
	       !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, 16);
}

/* Ours on the way to @ai: a datagram socket that is connected, and sends nothing. */
static int local_address(const struct addrinfo *ai, struct sockaddr_storage *own)
{
	socklen_t len = sizeof(*own);
	dmm_autoclose int fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen) || getsockname(fd, (struct sockaddr *)own, &len))
		return -errno;
	return 0;
}

/* "IFACE 00000000 GATEWAY ... MASK" of /proc/net/route, "0...0 00 ... IFACE" of ipv6_route. */
bool dmm_default_route(const char *iface)
{
	char line[512], name[64], dest[64], mask[64];
	dmm_autofclose FILE *v4 = fopen("/proc/net/route", "re");
	dmm_autofclose FILE *v6 = fopen("/proc/net/ipv6_route", "re");

	while (v4 && fgets(line, sizeof(line), v4)) {
		if (sscanf(line, "%63s %63s %*s %*s %*s %*s %*s %63s", name, dest, mask) == 3 && !strcmp(name, iface) &&
		    !strcmp(dest, "00000000") && !strcmp(mask, "00000000"))
			return true;
	}
	while (v6 && fgets(line, sizeof(line), v6)) {
		if (sscanf(line, "%63s %63s %*s %*s %*s %*s %*s %*s %*s %63s", dest, mask, name) == 3 && !strcmp(name, iface) &&
		    strspn(dest, "0") == 32 && !strcmp(mask, "00"))
			return true;
	}
	return false;
}

static void gather_way(const struct dmm_target *to, struct dmm_checkup *c)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list, *ai;
	struct ifaddrs *ifs = NULL, *i;
	struct sockaddr_storage own;
	char service[8];

	snprintf(service, sizeof(service), "%u", to->port);
	if (getaddrinfo(to->host, service, &hints, &list))
		return;
	for (ai = list; ai && local_address(ai, &own); ai = ai->ai_next)
		;
	if (ai && !same_address(ai->ai_addr, (struct sockaddr *)&own) && !getifaddrs(&ifs)) {
		for (i = ifs; i && !*c->iface; i = i->ifa_next) {
			if (same_address(i->ifa_addr, (struct sockaddr *)&own))
				snprintf(c->iface, sizeof(c->iface), "%s", i->ifa_name);
		}
		freeifaddrs(ifs);
	}
	freeaddrinfo(list);
	if (!strcmp(c->iface, "lo"))
		*c->iface = '\0';
	c->iface_default = *c->iface && dmm_default_route(c->iface);
}

static void gather_peer(const struct dmm_target *to, struct dmm_checkup *c)
{
	struct dmm_remote r;

	c->peer = true;
	c->plaintext = to->plaintext;
	c->there.other = true;
	dmm_hostport_format(to->host, to->port, c->there.name, sizeof(c->there.name));
	gather_way(to, c);
	dmm_remote_init(&r);
	r.offer = DMM_FEATURE_ZERO | DMM_FEATURE_HASHES | DMM_FEATURE_CREATE | DMM_FEATURE_GROUP | DMM_FEATURE_PROVE |
		  DMM_FEATURE_GUEST | DMM_FEATURE_FACTS | DMM_FEATURE_GUEST_CONFIG | DMM_FEATURE_IDENTITY |
		  DMM_FEATURE_VOLUME | DMM_FEATURE_LEFTOVERS | DMM_FEATURE_PROBE | DMM_FEATURE_POLY32;
	host_ask(&r, &c->there, dmm_remote_open(&r, to), &c->offset_ns, &c->error_ns);
}

void dmm_doctor_gather(struct dmm_tool *t, const struct dmm_target *to, const char *domain, struct dmm_checkup *c)
{
	struct dmm_facts volumes;

	memset(c, 0, sizeof(*c));
	c->root = !geteuid();
	strcpy(c->here.name, "this host");
	dmm_facts_init(&volumes);
	dmm_facts_host(&c->here.facts, &volumes, "", -1);
	dmm_facts_merge(&c->here.facts, &volumes);
	gather_daemon(t, c);
	if (!dmm_tool_nl(t))
		c->netlink = dmm_nl_version(t->nl);
	gather_keys(t, c);
	if (c->root)
		gather_leftovers(t, c);
	if (to)
		gather_peer(to, c);
	c->domain_name = domain;
	if (domain)
		dmm_domain_find(domain, &c->domain);
}
