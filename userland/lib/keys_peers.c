// SPDX-License-Identifier: GPL-2.0
/*
 * The file of peers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "keys_peers.h"
#include "keys_priv.h"

#define BLANKS	" \t\r\v\f"

/* --- words --- */

bool dmm_peer_word_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%");

	return n && n < DMM_PEER_NAME && !s[n] && *s != '-';
}

bool dmm_peer_name_ok(const char *s)
{
	return dmm_peer_word_ok(s) && strcasecmp(s, "revoked") && strncasecmp(s, "SHA256:", 7);
}

/* One notation for each address; everything else as it is. */
static const char *host_normal(const char *host, char buf[INET6_ADDRSTRLEN])
{
	u8 a[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, a) == 1)
		return inet_ntop(AF_INET, a, buf, INET6_ADDRSTRLEN);
	if (inet_pton(AF_INET6, host, a) == 1)
		return inet_ntop(AF_INET6, a, buf, INET6_ADDRSTRLEN);
	return host;
}

bool dmm_peer_host_equal(const char *a, const char *b)
{
	char buf_a[INET6_ADDRSTRLEN], buf_b[INET6_ADDRSTRLEN];

	return !strcasecmp(host_normal(a, buf_a), host_normal(b, buf_b));
}

bool dmm_peer_address_next(const char **at, char word[DMM_PEER_NAME])
{
	size_t n;

	*at += strspn(*at, " ");
	n = strcspn(*at, " ");
	snprintf(word, DMM_PEER_NAME, "%.*s", (int)n, *at);
	*at += n;
	return n;
}

bool dmm_peer_has_host(const struct dmm_peer_line *l, const char *host)
{
	const char *at = l->addresses;
	char word[DMM_PEER_NAME];

	if (l->kind != DMM_PEER_PIN && l->kind != DMM_PEER_CA)
		return false;
	if (dmm_peer_host_equal(l->name, host))
		return true;
	while (dmm_peer_address_next(&at, word)) {
		if (dmm_peer_host_equal(word, host))
			return true;
	}
	return false;
}

/* --- lines --- */

struct dmm_peer_line *dmm_peers_find(const struct dmm_peers *p, const char *name)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		if ((p->lines[i].kind == DMM_PEER_PIN || p->lines[i].kind == DMM_PEER_CA) &&
		    dmm_peer_host_equal(p->lines[i].name, name))
			return &p->lines[i];
	}
	return NULL;
}

bool dmm_peers_revoked(const struct dmm_peers *p, const struct dmm_pin *pin)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		if (p->lines[i].kind == DMM_PEER_REVOKED && dmm_pin_equal(&p->lines[i].pin, pin))
			return true;
	}
	return false;
}

/* @words is torn to pieces. NULL, or what is wrong. */
static const char *line_parse(char *words, struct dmm_peer_line *l)
{
	char *save, *name, *word, *to = l->addresses;

	words[strcspn(words, "#")] = '\0';
	name = strtok_r(words, BLANKS, &save);
	if (!name)
		return NULL;
	word = strtok_r(NULL, BLANKS, &save);
	if (!strcmp(name, "revoked")) {
		if (!word || dmm_pin_parse(word, &l->pin))
			return "after 'revoked' there must be SHA256:PIN";
		if (strtok_r(NULL, BLANKS, &save))
			return "nothing may follow what is revoked";
		l->kind = DMM_PEER_REVOKED;
		return NULL;
	}
	if (!dmm_peer_name_ok(name))
		return "that is no name of a peer";
	if (!word || (strcmp(word, "ca") && dmm_pin_parse(word, &l->pin)))
		return "after the name there must be SHA256:PIN or 'ca'";
	l->kind = strcmp(word, "ca") ? DMM_PEER_PIN : DMM_PEER_CA;
	snprintf(l->name, sizeof(l->name), "%s", name);
	while ((word = strtok_r(NULL, BLANKS, &save))) {
		if (!dmm_peer_word_ok(word))
			return "one of the addresses is none";
		to += sprintf(to, "%s%s", *l->addresses ? " " : "", word);
	}
	return NULL;
}

int dmm_peers_add(struct dmm_peers *p, const char *text, size_t bytes, const char **wrong)
{
	struct dmm_peer_line l = { 0 }, *grown;
	dmm_autofree char *words = strndup(text, bytes);
	int ret = -ENOMEM;

	l.text = strndup(text, bytes);
	l.addresses = calloc(1, bytes + 1);	/* no longer than the line they come from */
	grown = reallocarray(p->lines, p->nr + 1, sizeof(l));
	if (grown)
		p->lines = grown;
	if (!words || !l.text || !l.addresses || !grown)
		goto err_free;
	ret = -EINVAL;
	*wrong = memchr(text, '\0', bytes) ? "it is no text" : line_parse(words, &l);
	if (!*wrong && *l.name && dmm_peers_find(p, l.name))
		*wrong = "a peer of this name is above already";
	if (*wrong)
		goto err_free;
	p->lines[p->nr++] = l;
	return 0;

err_free:
	free(l.text);
	free(l.addresses);
	return ret;
}

void dmm_peers_clear(struct dmm_peers *p)
{
	unsigned int i;

	for (i = 0; i < p->nr; i++) {
		free(p->lines[i].text);
		free(p->lines[i].addresses);
	}
	free(p->lines);
	memset(p, 0, sizeof(*p));
}

int dmm_peers_load(const char *dir, struct dmm_peers *p, char why[DMM_KEYS_WHY])
{
	gnutls_datum_t text = { 0 };
	const char *at, *end, *eol, *wrong = NULL;
	int ret;

	memset(p, 0, sizeof(*p));
	ret = dmm_keys_read(dir, DMM_KEYS_PEERS, DMM_KEYS_OURS, &text, why);
	if (ret)
		return ret == -ENOENT ? 0 : ret;
	end = (char *)text.data + text.size;
	for (at = (char *)text.data; at < end && !ret; at = eol + 1) {
		eol = memchr(at, '\n', end - at);
		if (!eol)
			eol = end;
		ret = dmm_peers_add(p, at, eol - at, &wrong);
	}
	if (ret) {
		ret = ret == -EINVAL ? -EBADMSG : ret;
		snprintf(why, DMM_KEYS_WHY, "%.200s/" DMM_KEYS_PEERS ":%u: %s", dir, p->nr + 1,
			 wrong ? wrong : strerror(-ret));
		dmm_peers_clear(p);
	}
	dmm_keys_wipe(&text);
	return ret;
}
