// SPDX-License-Identifier: GPL-2.0
/*
 * Is a peer with this certificate trusted now?
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "keys_peers.h"
#include "keys_priv.h"

#define MAX_CHAIN	8u

/* One question. */
struct check {
	const char *dir, *host;	/* host: NULL for any */
	struct dmm_peers peers;
	gnutls_x509_crt_t chain[MAX_CHAIN];
	unsigned int nr;
	struct dmm_pin pin;
	char text[DMM_PIN_TEXT];	/* the pin's */
	char *why;
};

/* Not trusted: says why. */
__attribute__((format(printf, 2, 3)))
static int refuse(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, DMM_KEYS_WHY, fmt, ap);
	va_end(ap);
	return -EACCES;
}

static void time_text(time_t t, char buf[32])
{
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(buf, 32, "%F %T UTC", &tm))
		snprintf(buf, 32, "the end of time");
}

/* 0, or -EACCES with why. */
static int check_times(struct check *c, const char *name)
{
	time_t from = gnutls_x509_crt_get_activation_time(c->chain[0]);
	time_t until = gnutls_x509_crt_get_expiration_time(c->chain[0]), now = time(NULL);
	char when[32];

	if (from == (time_t)-1 || until == (time_t)-1)
		return refuse(c, "the certificate of %.200s does not say when it is valid", name);
	time_text(now < from ? from : until, when);
	if (now < from)
		return refuse(c, "the certificate of %.200s is not valid before %s: are the clocks right?", name, when);
	if (now > until)
		return refuse(c, "the certificate of %.200s has expired on %s: it needs a new one (there: dmmigrate keys "
			      "renew), or the clock of this host is wrong", name, when);
	return 0;
}

/* The name itself, no wildcard, no common name: one certificate is one host. */
static bool crt_is_for(gnutls_x509_crt_t crt, const char *name)
{
	char san[DMM_PEER_NAME];
	unsigned int i;
	size_t bytes;
	int type;

	for (i = 0;; i++) {
		bytes = sizeof(san) - 1;
		type = gnutls_x509_crt_get_subject_alt_name(crt, i, san, &bytes, NULL);
		if (type == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;	/* longer than any of ours */
		if (type < 0)
			return false;	/* there are no more */
		if (type != GNUTLS_SAN_DNSNAME || bytes >= sizeof(san))
			continue;
		san[bytes] = '\0';
		if (strlen(san) == bytes && !strcasecmp(san, name))
			return true;
	}
}

static bool crt_revoked(const struct check *c, gnutls_x509_crt_t crt, struct dmm_pin *pin)
{
	return dmm_keys_pin_of(crt, pin) || dmm_peers_revoked(&c->peers, pin);
}

/* Those of ca.crt that are not revoked. How many; -EBADMSG, -ENOMEM with why. */
static int ca_load(struct check *c, const gnutls_datum_t *pem, gnutls_x509_trust_list_t list)
{
	gnutls_x509_crt_t *crts = NULL;
	unsigned int nr = 0, i;
	struct dmm_pin pin;
	int err, trusted = 0;

	err = gnutls_x509_crt_list_import2(&crts, &nr, pem, GNUTLS_X509_FMT_PEM, 0);
	if (err < 0 || !nr)
		return dmm_keys_wrong(c->dir, DMM_KEYS_CA, -EBADMSG, c->why, "damaged, or no certificates in PEM: %s",
				      err < 0 ? gnutls_strerror(err) : "it is empty");
	for (i = 0; i < nr; i++) {
		if (crt_revoked(c, crts[i], &pin) || gnutls_x509_trust_list_add_cas(list, &crts[i], 1, 0) != 1)
			gnutls_x509_crt_deinit(crts[i]);
		else
			trusted++;	/* the list's */
	}
	gnutls_free(crts);
	return trusted;
}

/* Has one of ca.crt signed it, and is all of that valid now, and nothing of it revoked? 0; -EACCES or -errno with why. */
static int check_ca(struct check *c, const char *name)
{
	gnutls_datum_t pem = { 0 }, text = { 0 };
	gnutls_x509_trust_list_t list;
	unsigned int status = ~0u, i;
	char signer[DMM_PIN_TEXT];
	struct dmm_pin pin;
	int ret, err;

	for (i = 1; i < c->nr; i++) {
		if (!crt_revoked(c, c->chain[i], &pin))
			continue;
		dmm_pin_format(&pin, signer);
		return refuse(c, "the certificate of %.100s (key %s) is by an authority whose key %s is revoked here", name, c->text,
			      signer);
	}
	ret = dmm_keys_read(c->dir, DMM_KEYS_CA, DMM_KEYS_OURS, &pem, c->why);
	if (ret == -ENOENT)
		return dmm_keys_wrong(c->dir, DMM_KEYS_CA, -EACCES, c->why, "it is missing, and the certificate of %s would "
				      "have to be by one of it: dmmigrate keys ca FILE", name);
	if (ret)
		return ret;
	err = gnutls_x509_trust_list_init(&list, 0);
	if (err < 0) {
		dmm_keys_wipe(&pem);
		return dmm_keys_wrong(c->dir, DMM_KEYS_CA, -ENOMEM, c->why, "%s", gnutls_strerror(err));
	}
	ret = ca_load(c, &pem, list);
	dmm_keys_wipe(&pem);
	if (ret < 0)
		goto out;
	if (!ret) {
		ret = refuse(c, "the certificate of %.100s is not valid: all of %.100s/" DMM_KEYS_CA " are revoked here", name, c->dir);
		goto out;
	}
	ret = 0;
	err = gnutls_x509_trust_list_verify_crt2(list, c->chain, c->nr, NULL, 0, 0, &status, NULL);
	if (!err && !status)
		goto out;
	if (!err)
		gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
	ret = refuse(c, "the certificate of %.100s (key %s) is not valid by %.100s/" DMM_KEYS_CA ": %.150s", name, c->text, c->dir,
		     text.data ? (char *)text.data : gnutls_strerror(err));
	gnutls_free(text.data);
out:
	gnutls_x509_trust_list_deinit(list, 1);
	return ret;
}

/* Nobody's key, or not that of the host we asked for. @l: its entry, if there is one. */
static int check_refuse(struct check *c, const struct dmm_peer_line *l)
{
	const char *other = NULL;
	char trusted[DMM_PIN_TEXT];
	unsigned int i;

	for (i = 0; i < c->peers.nr && !other; i++) {
		if (c->peers.lines[i].kind == DMM_PEER_PIN && dmm_pin_equal(&c->peers.lines[i].pin, &c->pin))
			other = c->peers.lines[i].name;
	}
	if (!c->host)
		return refuse(c, "its key %s is no peer's: compare that with what 'dmmigrate keys show' prints there, then: "
			      "dmmigrate keys trust NAME %s", c->text, c->text);
	if (other)
		return refuse(c, "%.100s was asked for, and %.100s answers, by its key %s: is the address right?  If so, add it "
			      "to the line of %.100s", c->host, other, c->text, other);
	if (!l)
		return refuse(c, "no peer is called %.100s; its key is %s: compare that with what 'dmmigrate keys show' prints "
			      "there, then: dmmigrate keys trust NAME %s %.100s", c->host, c->text, c->text, c->host);
	if (l->kind == DMM_PEER_CA)
		return refuse(c, "the certificate that answers as %.100s (key %s) is not for the DNS name %.100s", c->host,
			      c->text, l->name);
	dmm_pin_format(&l->pin, trusted);
	return refuse(c, "THE KEY OF %.80s IS ANOTHER ONE THAN TRUSTED: %s, not %s. Somebody may be in between, right now! Only "
		      "if its admin says that it has a new key: dmmigrate keys trust --yes %.80s %s", l->name, c->text, trusted,
		      l->name, c->text);
}

/* The line that is about this peer, and not about another host than the one that we asked for. */
static const struct dmm_peer_line *find_peer(const struct check *c, enum dmm_peer_kind kind)
{
	const struct dmm_peer_line *l;
	unsigned int i;

	for (i = 0; i < c->peers.nr; i++) {
		l = &c->peers.lines[i];
		if (l->kind != kind || (c->host && !dmm_peer_has_host(l, c->host)))
			continue;
		if (kind == DMM_PEER_PIN ? dmm_pin_equal(&l->pin, &c->pin) : crt_is_for(c->chain[0], l->name))
			return l;
	}
	return NULL;
}

/* The first line about the host that we asked for. */
static const struct dmm_peer_line *find_host(const struct check *c)
{
	unsigned int i;

	for (i = 0; i < c->peers.nr && c->host; i++) {
		if (dmm_peer_has_host(&c->peers.lines[i], c->host))
			return &c->peers.lines[i];
	}
	return NULL;
}

/* With the peers and the certificate at hand. */
static int check_peers(struct check *c, struct dmm_peer_id *who)
{
	const struct dmm_peer_line *l;
	int ret;

	if (dmm_peers_revoked(&c->peers, &c->pin))
		return refuse(c, "its key %s is revoked", c->text);
	l = find_peer(c, DMM_PEER_PIN);	/* first: it needs nobody's word */
	if (!l)
		l = find_peer(c, DMM_PEER_CA);
	if (!l)
		return check_refuse(c, find_host(c));
	ret = l->kind == DMM_PEER_PIN ? check_times(c, l->name) : check_ca(c, l->name);
	if (ret)
		return ret;
	memcpy(who->name, l->name, sizeof(who->name));
	who->pin = c->pin;
	return 0;
}

int dmm_keys_check(const struct dmm_keys *k, const gnutls_datum_t *chain, unsigned int nr, const char *host,
		   struct dmm_peer_id *who, char why[DMM_KEYS_WHY])
{
	struct check c = { .dir = k->dir, .host = host, .why = why };
	int ret = -EACCES;

	if (!nr || nr > MAX_CHAIN)
		return refuse(&c, nr ? "it shows too many certificates" : "it shows no certificate");
	for (; c.nr < nr; c.nr++) {
		if (gnutls_x509_crt_init(&c.chain[c.nr])) {
			snprintf(why, DMM_KEYS_WHY, "out of memory");
			ret = -ENOMEM;
			goto out;
		}
		if (gnutls_x509_crt_import(c.chain[c.nr], &chain[c.nr], GNUTLS_X509_FMT_DER)) {
			c.nr++;
			snprintf(why, DMM_KEYS_WHY, "the certificate that it shows is none");
			goto out;
		}
	}
	if (dmm_keys_pin_of(c.chain[0], &c.pin)) {
		snprintf(why, DMM_KEYS_WHY, "its certificate is of a kind of key that is not known here");
		goto out;
	}
	dmm_pin_format(&c.pin, c.text);
	ret = dmm_peers_load(k->dir, &c.peers, why);
	if (!ret)
		ret = check_peers(&c, who);
	dmm_peers_clear(&c.peers);
out:
	while (c.nr)
		gnutls_x509_crt_deinit(c.chain[--c.nr]);
	return ret;
}

int dmm_keys_check_again(const struct dmm_keys *k, const struct dmm_peer_id *who, char why[DMM_KEYS_WHY])
{
	const struct dmm_peer_line *l;
	struct dmm_peers peers;
	int ret = dmm_peers_load(k->dir, &peers, why);

	if (ret)
		return ret;
	l = dmm_peers_find(&peers, who->name);
	if (!l || dmm_peers_revoked(&peers, &who->pin) ||
	    (l->kind == DMM_PEER_PIN && !dmm_pin_equal(&l->pin, &who->pin))) {
		snprintf(why, DMM_KEYS_WHY, "%.100s is not trusted any more", who->name);
		ret = -EACCES;
	}
	dmm_peers_clear(&peers);
	return ret;
}
