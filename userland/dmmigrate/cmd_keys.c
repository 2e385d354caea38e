// SPDX-License-Identifier: GPL-2.0
/*
 * keys: who this host is, and which peers it trusts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <gnutls/x509.h>
#include <json-c/json.h>

#include "cleanup.h"
#include "cmd_keys.h"
#include "commands.h"
#include "status_json.h"

static const struct dmm_option keys_options[] = {
	DMM_OPTION("yes", FLAG, yes, NULL, "replace the key that is there (init), or trust another key than is trusted under that\n"
		   "name, or one that is revoked (trust)"),
	DMM_OPTION_KEYS,
	DMM_OPTION_JSON,
	DMM_OPTION_END,
};

int dmm_keys_cmd_fail(struct dmm_keys_cmd *k, enum dmm_exit code, const char *fmt, ...)
{
	struct dmm_tool *t = k->t;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "dmmigrate: %s: %s%s%s%s\n", t->verb->name, text,
		code == DMM_EXIT_PREFLIGHT ? "; nothing was changed" : "", *t->next ? "; next: " : "", t->next);
	dmm_result_text(t, "error", text);
	dmm_result_text(t, "next", *t->next ? t->next : NULL);
	return code;
}

int dmm_keys_cmd_unread(struct dmm_keys_cmd *k, int err, const char *why)
{
	bool person = err == -ENOENT || err == -EACCES || err == -EPERM || err == -EBADMSG || err == -EFBIG;

	return dmm_keys_cmd_fail(k, person ? DMM_EXIT_PREFLIGHT : DMM_EXIT_LOCAL, "%s", why);
}

int dmm_keys_cmd_edit(struct dmm_keys_cmd *k)
{
	char why[DMM_KEYS_WHY];
	int ret = dmm_keys_edit(k->dir, true, &k->edit, why);

	return ret ? dmm_keys_cmd_fail(k, ret == -EPERM ? DMM_EXIT_PREFLIGHT : DMM_EXIT_LOCAL, "%s", why) : 0;
}

void dmm_keys_words_add(char *words, size_t bytes, const char *word)
{
	const char *at = words;
	char known[DMM_PEER_NAME];
	size_t n = strlen(words);

	while (dmm_peer_address_next(&at, known)) {
		if (dmm_peer_host_equal(known, word))
			return;
	}
	if (n + strlen(word) + 2 <= bytes)
		sprintf(words + n, "%s%s", n ? " " : "", word);
}

struct json_object *dmm_keys_words_json(const char *words)
{
	struct json_object *list = json_object_new_array();
	char word[DMM_PEER_NAME];

	while (dmm_peer_address_next(&words, word))
		json_object_array_add(list, dmm_json_text(word));
	return list;
}

/* --- init, show --- */

/* Where others may reach this host: neither loopback nor link-local. */
static void host_addresses(char *words, size_t bytes)
{
	const struct sockaddr_in6 *in6;
	const struct sockaddr_in *in;
	struct ifaddrs *list, *i;
	char text[INET6_ADDRSTRLEN];
	u32 v4;

	*words = '\0';
	if (getifaddrs(&list))
		return;
	for (i = list; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_flags & IFF_LOOPBACK || !(i->ifa_flags & IFF_UP))
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			in = (const void *)i->ifa_addr;
			v4 = ntohl(in->sin_addr.s_addr);
			if (v4 >> 24 == 127 || v4 >> 16 == 0xa9fe || !v4)
				continue;
			inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			in6 = (const void *)i->ifa_addr;
			if (IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
				continue;
			inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		} else {
			continue;
		}
		dmm_keys_words_add(words, bytes, text);
	}
	freeifaddrs(list);
}

/* The fingerprint, and what another host needs. */
static int show(struct dmm_keys_cmd *k)
{
	char addresses[DMM_KEYS_WORDS], name[DMM_PEER_NAME], pin[DMM_PIN_TEXT], why[DMM_KEYS_WHY];
	char command[DMM_KEYS_WORDS + DMM_PEER_NAME + DMM_PIN_TEXT + 32], day[32];
	struct dmm_keys *mine;
	struct tm tm;
	time_t until;
	int ret;

	ret = dmm_keys_load(k->dir, &mine, why);
	if (ret)
		return dmm_keys_cmd_unread(k, ret, why);
	dmm_pin_format(dmm_keys_pin(mine), pin);
	until = dmm_keys_valid_until(mine);
	dmm_keys_free(mine);
	dmm_keys_hostname(name);
	host_addresses(addresses, sizeof(addresses));
	snprintf(command, sizeof(command), "dmmigrate keys trust %s %s%s%s", name, pin, *addresses ? " " : "", addresses);
	dmm_say(k->t, "%s", pin);
	dmm_say(k->t, "To have another host trust this one, type there:");
	dmm_say(k->t, "%s", command);
	if (until == -1 || !gmtime_r(&until, &tm) || !strftime(day, sizeof(day), "%FT%TZ", &tm))
		*day = '\0';
	if (*day && until < time(NULL) + DMM_KEYS_AHEAD_S)
		dmm_note(k->t, "the certificate %s on %s: dmmigrate keys renew%s makes a new one for the same key",
			 until < time(NULL) ? "has expired" : "expires", day, k->option);
	dmm_result_text(k->t, "name", name);
	dmm_result_text(k->t, "pin", pin);
	dmm_result_add(k->t, "addresses", dmm_keys_words_json(addresses));
	dmm_result_text(k->t, "command", command);
	if (*day)
		dmm_result_text(k->t, "valid_until", day);
	return DMM_EXIT_OK;
}

static int keys_init(struct dmm_keys_cmd *k)
{
	char old[DMM_PIN_TEXT] = "", name[DMM_PEER_NAME], why[DMM_KEYS_WHY];
	struct dmm_keys *mine;
	struct stat st;
	bool there;
	int ret;

	ret = dmm_keys_cmd_edit(k);
	if (ret)
		return ret;
	ret = dmm_keys_mend(&k->edit, k->dir, why);
	if (ret < 0)
		return dmm_keys_cmd_unread(k, ret, why);
	if (ret) {
		dmm_note(k->t, "the key is the one of a 'keys init' that was interrupted");
		return show(k);
	}
	there = !fstatat(k->edit.dir_fd, "host.key", &st, AT_SYMLINK_NOFOLLOW);
	if (there && !k->t->args.yes) {
		dmm_next(k->t, "dmmigrate keys show%s", k->option);
		return dmm_keys_cmd_fail(k, DMM_EXIT_PREFLIGHT, "there is a key in %.200s already; with --yes it is replaced, and every "
				 "host that trusts it has to be told", k->dir);
	}
	if (there && !dmm_keys_load(k->dir, &mine, why)) {
		dmm_pin_format(dmm_keys_pin(mine), old);
		dmm_keys_free(mine);
	}
	dmm_keys_hostname(name);
	ret = dmm_keys_create(k->edit.dir_fd, name, why);
	if (ret)
		return dmm_keys_cmd_fail(k, DMM_EXIT_LOCAL, "%.200s: %s", k->dir, why);
	if (*old) {
		dmm_note(k->t, "the old key %s is void: where it is trusted, trust the new one (keys trust --yes). dmmigrated on this "
			 "host uses it within seconds", old);
		dmm_result_text(k->t, "old_pin", old);
	}
	return show(k);
}

static int keys_renew(struct dmm_keys_cmd *k)
{
	char name[DMM_PEER_NAME], why[DMM_KEYS_WHY];
	int ret;

	ret = dmm_keys_cmd_edit(k);
	if (ret)
		return ret;
	dmm_keys_hostname(name);
	ret = dmm_keys_renew(&k->edit, k->dir, name, why);
	return ret ? dmm_keys_cmd_unread(k, ret, why) : show(k);
}

static int keys_show(struct dmm_keys_cmd *k)
{
	return show(k);
}

/* --- ca --- */

static int keys_ca(struct dmm_keys_cmd *k)
{
	char why[DMM_KEYS_WHY];
	unsigned int nr = 0;
	int ret;

	ret = dmm_keys_cmd_edit(k);
	if (ret)
		return ret;
	ret = dmm_keys_install_ca(k->edit.dir_fd, k->t->args.operands[1], &nr, why);
	if (ret)
		return dmm_keys_cmd_unread(k, ret, why);
	dmm_say(k->t, "%s/ca.crt has %u certificate%s. A peer is accepted by it once it is trusted: dmmigrate keys trust NAME ca",
		k->dir, nr, nr == 1 ? "" : "s");
	dmm_result_u64(k->t, "certificates", nr);
	return DMM_EXIT_OK;
}

/* --- which of them --- */

static const struct {
	const char *name, *operands;
	unsigned int min, max;		/* operands, its own name among them */
	int (*run)(struct dmm_keys_cmd *k);
} keys_verbs[] = {
	{ "init", "", 1, 1, keys_init },
	{ "show", "", 1, 1, keys_show },
	{ "renew", "", 1, 1, keys_renew },
	{ "list", "", 1, 1, dmm_keys_cmd_list },
	{ "trust", "NAME SHA256:PIN|ca [ADDRESS...]", 3, DMM_MAX_OPERANDS, dmm_keys_cmd_trust },
	{ "revoke", "NAME|SHA256:PIN", 2, 2, dmm_keys_cmd_revoke },
	{ "ca", "FILE", 2, 2, keys_ca },
};

static int keys_dir(struct dmm_keys_cmd *k)
{
	int ret = 0;

	if (!k->t->args.keys)
		ret = dmm_keys_default_dir(k->dir, sizeof(k->dir));
	else if ((size_t)snprintf(k->dir, sizeof(k->dir), "%s", k->t->args.keys) >= sizeof(k->dir))
		return dmm_usage(k->t, "--keys: the path is too long");
	if (k->t->args.keys)
		snprintf(k->option, sizeof(k->option), " --keys %s", k->dir);
	dmm_result_text(k->t, "keys", ret ? NULL : k->dir);
	return ret ? dmm_usage(k->t, "--keys is needed: nobody says where your home is") : 0;
}

static int cmd_keys(struct dmm_tool *t)
{
	struct dmm_keys_cmd k = { .t = t, .edit = { -1, -1 } };
	const struct dmm_args *a = &t->args;
	unsigned int i;
	int ret;

	for (i = 0; i < sizeof(keys_verbs) / sizeof(keys_verbs[0]); i++) {
		if (!strcmp(keys_verbs[i].name, a->operands[0]))
			break;
	}
	if (i == sizeof(keys_verbs) / sizeof(keys_verbs[0]))
		return dmm_usage(t, "'%.64s' is none of init, show, renew, list, trust, revoke and ca", a->operands[0]);
	if (a->nr_operands < keys_verbs[i].min)
		return dmm_usage(t, "%s needs %s", keys_verbs[i].name, keys_verbs[i].operands);
	if (a->nr_operands > keys_verbs[i].max)
		return dmm_usage(t, "'%.64s' is one operand too many", a->operands[keys_verbs[i].max]);
	ret = keys_dir(&k);
	if (!ret)
		ret = keys_verbs[i].run(&k);
	dmm_peers_clear(&k.peers);
	dmm_keys_edit_end(&k.edit);
	return ret;
}

const struct dmm_verb dmm_verb_keys = {
	.name = "keys",
	.operands = "init|show|renew|list|trust|revoke|ca [NAME|PIN|FILE] [PIN|ca] [ADDRESS...]",
	.brief = "who this host is, and which peers it trusts\n\n"
		 "'init' makes a key and its certificate, and 'show' prints its pin and the line that has another host\n"
		 "trust it: compare the pin by a way that you trust, a telephone or ssh. 'renew' makes a new certificate\n"
		 "for the same key, which peers that trust the key need not be told of.\n\n"
		 "'trust NAME SHA256:PIN [ADDRESS...]' has this host trust a peer by its key, and 'trust NAME ca\n"
		 "[ADDRESS...]' by a certificate for NAME that one of ca.crt has signed. It may be asked for by its\n"
		 "name or one of its addresses. Said again it changes the addresses.\n\n"
		 "'list' shows the peers and what is revoked. 'revoke NAME' or 'revoke SHA256:PIN' removes a peer, and\n"
		 "has its key refused whoever has signed it.\n\n"
		 "'ca FILE' installs the certificates of one's own authority.",
	.options = keys_options,
	.min_operands = 1,
	.max_operands = DMM_MAX_OPERANDS,
	.run = cmd_keys,
};
