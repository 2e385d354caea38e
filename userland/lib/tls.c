// SPDX-License-Identifier: GPL-2.0
/*
 * Handshakes.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "fullio.h"
#include "parse.h"
#include "tls_heads.h"
#include "tls_priv.h"

/* AES-128-GCM: what kTLS has everywhere, and GnuTLS 3.7 does not spoil with a PSK.  No tickets: one that comes late is no data. */
#if DMM_MUTANT == 131	/* hazard 31 */
#define VERSIONS	"+VERS-TLS1.3:+VERS-TLS1.2"
#else
#define VERSIONS	"+VERS-TLS1.3"
#endif
#define PRIORITY(KX)	"NORMAL:-VERS-ALL:" VERSIONS ":-KX-ALL:" KX ":-CIPHER-ALL:+AES-128-GCM:" \
			"-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1"
#define BY_CERTIFICATE	"+ECDHE-ECDSA:+ECDHE-RSA"
#define BY_KEY		"+ECDHE-PSK"
/* no KeyUpdate either: to a kernel that decrypts it is no data */
#define FLAGS		(GNUTLS_NO_TICKETS | GNUTLS_NO_AUTO_REKEY | GNUTLS_NO_SIGNAL | GNUTLS_NONBLOCK)
#define CONTENT		0x06	/* the server's byte */
/* of a peer that has proven nothing yet: eight large certificates (keys_check.c) and what else there is */
#define HANDSHAKE_BYTES	(64u << 10)

/* One handshake. */
struct hs {
	gnutls_session_t session;
	gnutls_psk_client_credentials_t client_psk;
	gnutls_psk_server_credentials_t server_psk;
	struct dmm_keys_pair *pair;		/* of this host; NULL: none is needed */
	const struct dmm_tls_server *server;	/* NULL: the client's side */
	bool unknown_key;			/* the server's: of the identity that was shown */
	int fd;
	size_t pulled;		/* bytes */
	struct dmm_heads heads;
	u64 deadline_ms;
	int stop_fd;
	struct dmm_tls_end *end;
	char *why;
};

__attribute__((format(printf, 3, 4)))
static int fail(struct hs *h, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(h->why, DMM_KEYS_WHY, fmt, ap);
	va_end(ap);
	return err;
}

/* What GnuTLS or the peer has against it. */
static int fail_gnutls(struct hs *h, int err)
{
	if (h->pulled > HANDSHAKE_BYTES)
		return fail(h, -EPROTO, "the peer says more in the TLS handshake than one takes");
	if (h->unknown_key)
		return fail(h, -EACCES, "the key of this connection is not known: used or expired");
	if (h->heads.wrong && err == GNUTLS_E_PULL_ERROR)
		return fail(h, -EPROTO, "the TLS handshake is altered on the way: a record that is due encrypted says that it is not");
	switch (err) {
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		switch (gnutls_alert_get(h->session)) {
		case GNUTLS_A_ACCESS_DENIED:
			return fail(h, -EPERM, h->end->by_key ? "the peer does not take the key of this connection: used or expired" :
				    "the peer does not trust this host's key: run 'dmmigrate keys show' here, and there what it prints");
		case GNUTLS_A_PROTOCOL_VERSION:
			return fail(h, -EPROTO, "the peer speaks no TLS 1.3");
		default:
			return fail(h, -EPROTO, "the peer refused the TLS handshake: %s",
				    gnutls_alert_get_name(gnutls_alert_get(h->session)));
		}
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
		return fail(h, -ECONNRESET, h->server ? "the peer closed the connection in the TLS handshake" :
			    "the peer closed the connection in the TLS handshake: plaintext, or too many connections there?");
	case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
	case GNUTLS_E_UNEXPECTED_PACKET:
	case GNUTLS_E_RECORD_OVERFLOW:
		return fail(h, -EPROTO, "the peer does not speak TLS: is it a dmmigrated, and was it started with --insecure-plaintext?");
	default:
		return fail(h, -EPROTO, "TLS: %s", gnutls_strerror(err));
	}
}

/* Waits for what GnuTLS waits for. */
static int hs_wait(struct hs *h)
{
	int ret = dmm_wait_fd(h->fd, gnutls_record_get_direction(h->session) ? POLLOUT : POLLIN, h->deadline_ms, h->stop_fd);

	if (ret == -ETIMEDOUT)
		return fail(h, ret, "no answer in the TLS handshake in time");
	return ret ? fail(h, ret, "%s", strerror(-ret)) : 0;
}

/* Tells the peer why it is over; what it knows then is its affair. */
static void hs_alert(struct hs *h, gnutls_alert_description_t alert)
{
	while (gnutls_alert_send(h->session, GNUTLS_AL_FATAL, alert) == GNUTLS_E_AGAIN && !hs_wait(h))
		;
}

/* An alert that GnuTLS itself would send for @err. */
static void hs_alert_for(struct hs *h, int err)
{
	int level, alert = h->unknown_key ? GNUTLS_A_ACCESS_DENIED : gnutls_error_to_alert(err, &level);

	if (err != GNUTLS_E_FATAL_ALERT_RECEIVED && err != GNUTLS_E_PREMATURE_TERMINATION && err != GNUTLS_E_PULL_ERROR &&
	    err != GNUTLS_E_PUSH_ERROR)
		hs_alert(h, (gnutls_alert_description_t)alert);
}

static int hs_shake(struct hs *h)
{
	int err, ret;

	while ((err = gnutls_handshake(h->session)) < 0) {
		if (gnutls_error_is_fatal(err)) {
			hs_alert_for(h, err);
			return fail_gnutls(h, err);
		}
		ret = dmm_tls_is_again(err) ? hs_wait(h) : 0;
		if (ret)
			return ret;
	}
	return 0;
}

/* Whose certificate is it? */
static int hs_check_certificate(struct hs *h, const struct dmm_keys *keys, const char *host)
{
	const gnutls_datum_t *chain;
	char why[DMM_KEYS_WHY];
	unsigned int nr = 0;
	int ret;

	chain = gnutls_certificate_get_peers(h->session, &nr);
	if (!chain || !nr) {
		hs_alert(h, GNUTLS_A_CERTIFICATE_REQUIRED);
		return fail(h, -EACCES, "the peer shows no certificate");
	}
	ret = dmm_keys_check(keys, chain, nr, host, &h->end->who, why);
	if (!ret || DMM_MUTANT == 31)	/* hazard 31 */
		return 0;
	hs_alert(h, ret == -EACCES ? GNUTLS_A_ACCESS_DENIED : GNUTLS_A_INTERNAL_ERROR);
	return fail(h, ret, "%s", why);
}

/* What a record's call said: 0 once it may be called again, or why not. */
static int hs_again(struct hs *h, ssize_t err)
{
	return dmm_tls_is_again(err) ? hs_wait(h) : fail_gnutls(h, (int)err);
}

static int hs_send_content(struct hs *h)
{
	const u8 byte = CONTENT;
	ssize_t n;
	int ret;

	while ((n = gnutls_record_send(h->session, &byte, 1)) != 1) {
		ret = hs_again(h, n);
		if (ret)
			return ret;
	}
	return 0;
}

static int hs_receive_content(struct hs *h)
{
	u8 byte = 0;
	ssize_t n;
	int ret;

	while ((n = gnutls_record_recv(h->session, &byte, 1)) != 1) {
		if (!n)
			return fail(h, -ECONNRESET, "the peer closed the connection");
		ret = hs_again(h, n);
		if (ret)
			return ret;
	}
	return byte == CONTENT ? 0 : fail(h, -EPROTO, "TLS: not what a dmmigrated says first");
}

/* Makes of the session what is used from now on. */
static int hs_carry(struct hs *h, int *fd, enum dmm_tls_carrier carrier, bool outlives)
{
	struct dmm_tls_secrets secrets;
	int ret = dmm_tls_secrets(h->session, &secrets);

	if (ret)
		return fail(h, ret, "TLS: what was agreed on cannot be used");
	if (carrier != DMM_TLS_RELAY)
		ret = dmm_tls_kernel(&secrets, *fd);
	h->end->kernel = carrier != DMM_TLS_RELAY && !ret;
	if (ret && ret != -EOPNOTSUPP) {
		fail(h, ret, "the kernel does not take the keys of TLS: %s; 'tls = relay' does without", strerror(-ret));
	} else if (ret && carrier == DMM_TLS_KERNEL) {
		fail(h, ret, "this kernel has no TLS (CONFIG_TLS, modprobe tls)");
	} else if (!h->end->kernel) {
		ret = dmm_tls_relay(&secrets, *fd, outlives);	/* takes it */
		*fd = ret < 0 ? -1 : ret;
		ret = ret < 0 ? fail(h, ret, "no relay for TLS: %s", strerror(-ret)) : 0;
	}
	gnutls_memset(&secrets, 0, sizeof(secrets));
	return ret;
}

static ssize_t hs_pull(gnutls_transport_ptr_t ptr, void *buf, size_t bytes)
{
	struct hs *h = ptr;
	ssize_t n;

	if (h->pulled > HANDSHAKE_BYTES) {
		errno = EMSGSIZE;
		return -1;
	}
	n = h->heads.wrong ? 0 : recv(h->fd, buf, bytes, MSG_DONTWAIT);
	if (n <= 0 && !h->heads.wrong)
		return n;
	h->pulled += (size_t)n;
	n = (ssize_t)dmm_heads_take(&h->heads, buf, (size_t)n);
	if (n)	/* what is before a wrong one is heeded first: it may say more */
		return n;
	errno = EBADMSG;
	return -1;
}

static ssize_t hs_push(gnutls_transport_ptr_t ptr, const giovec_t *iov, int parts)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)parts };
	const struct hs *h = ptr;

	return sendmsg(h->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int hs_init(struct hs *h, unsigned int side, const char *priority)
{
	int err = gnutls_init(&h->session, side | FLAGS);

	if (!err)
		err = gnutls_priority_set_direct(h->session, priority, NULL);
	if (err)
		return fail(h, -EINVAL, "TLS: %s", gnutls_strerror(err));
	gnutls_transport_set_ptr(h->session, h);
	gnutls_transport_set_pull_function(h->session, hs_pull);
	gnutls_transport_set_vec_push_function(h->session, hs_push);
	gnutls_session_set_ptr(h->session, h);
	return 0;
}

static void hs_exit(struct hs *h)
{
	if (h->session)
		gnutls_deinit(h->session);
	if (h->client_psk)
		gnutls_psk_free_client_credentials(h->client_psk);
	if (h->server_psk)
		gnutls_psk_free_server_credentials(h->server_psk);
	dmm_keys_release(h->pair);
}

/* --- client --- */

static int client_credentials(struct hs *h, const struct dmm_tls_client *c)
{
	gnutls_datum_t secret;
	char hex[DMM_ID_HEX];
	int err;

	if (!c->key)
		h->pair = dmm_keys_hold(c->keys);
	if (!c->key)
		return gnutls_credentials_set(h->session, GNUTLS_CRD_CERTIFICATE, dmm_keys_credentials(h->pair));
	secret.data = (unsigned char *)c->key->secret;
	secret.size = sizeof(c->key->secret);
	dmm_id_format(c->key->identity, hex);
	err = gnutls_psk_allocate_client_credentials(&h->client_psk);
	if (!err)
		err = gnutls_psk_set_client_credentials(h->client_psk, hex, &secret, GNUTLS_PSK_KEY_RAW);
	return err ? err : gnutls_credentials_set(h->session, GNUTLS_CRD_PSK, h->client_psk);
}

int dmm_tls_connect(int *fd, const struct dmm_tls_client *c, u64 deadline_ms, int stop_fd, struct dmm_tls_end *end,
		    char why[DMM_KEYS_WHY])
{
	struct hs h = { .fd = *fd, .deadline_ms = deadline_ms, .stop_fd = stop_fd, .end = end, .why = why };
	int ret, err;

	memset(end, 0, sizeof(*end));
	end->by_key = c->key;
	ret = hs_init(&h, GNUTLS_CLIENT, c->key ? PRIORITY(BY_KEY) : PRIORITY(BY_CERTIFICATE));
	if (ret)
		goto out;
	err = client_credentials(&h, c);
	ret = err ? fail(&h, -EINVAL, "TLS: %s", gnutls_strerror(err)) : hs_shake(&h);
	if (!ret && gnutls_auth_get_type(h.session) != (c->key ? GNUTLS_CRD_PSK : GNUTLS_CRD_CERTIFICATE))
		ret = fail(&h, -EACCES, "the peer proves itself in another way than asked for");
	if (!ret && !c->key)
		ret = hs_check_certificate(&h, c->keys, c->host);
	if (!ret)
		ret = hs_receive_content(&h);
	if (!ret)
		ret = hs_carry(&h, fd, c->carrier, c->outlives);
out:
	hs_exit(&h);
	return ret;
}

/* --- server --- */

static int server_find(gnutls_session_t session, const char *username, gnutls_datum_t *key)
{
	struct hs *h = gnutls_session_get_ptr(session);
	u8 secret[DMM_KEY_SECRET_BYTES];
	int ret = dmm_id_parse(username, h->end->identity);

	if (!ret)
		ret = h->server->find(h->server->ctx, h->end->identity, secret);
	h->unknown_key = ret;
	if (ret)
		return -1;
	key->data = gnutls_malloc(sizeof(secret));
	if (!key->data)
		return -1;
	memcpy(key->data, secret, sizeof(secret));
	key->size = sizeof(secret);
	gnutls_memset(secret, 0, sizeof(secret));
	return 0;
}

static int server_credentials(struct hs *h)
{
	int err;

	h->pair = dmm_keys_hold(h->server->keys);
	err = gnutls_credentials_set(h->session, GNUTLS_CRD_CERTIFICATE, dmm_keys_credentials(h->pair));
	gnutls_certificate_server_set_request(h->session, GNUTLS_CERT_REQUIRE);
	if (!err)
		err = gnutls_psk_allocate_server_credentials(&h->server_psk);
	if (err)
		return err;
	gnutls_psk_set_server_credentials_function(h->server_psk, server_find);
	return gnutls_credentials_set(h->session, GNUTLS_CRD_PSK, h->server_psk);
}

/* The peer has proven something: is that enough? */
static int server_judge(struct hs *h)
{
	int ret;

	h->end->by_key = gnutls_auth_get_type(h->session) == GNUTLS_CRD_PSK;
	ret = h->end->by_key ? 0 : hs_check_certificate(h, h->server->keys, NULL);
	if (!ret && h->server->known)
		h->server->known(h->server->ctx);
	if (!h->end->by_key)
		return ret;
	if (!h->server->use(h->server->ctx, h->end->identity))
		return 0;
	hs_alert(h, GNUTLS_A_ACCESS_DENIED);
	return fail(h, -EACCES, "the key of this connection was used or has expired");
}

int dmm_tls_accept(int *fd, const struct dmm_tls_server *s, u64 deadline_ms, int stop_fd, struct dmm_tls_end *end,
		   char why[DMM_KEYS_WHY])
{
	struct hs h = { .server = s, .fd = *fd, .deadline_ms = deadline_ms, .stop_fd = stop_fd, .end = end, .why = why };
	int ret, err;

	memset(end, 0, sizeof(*end));
	ret = hs_init(&h, GNUTLS_SERVER, PRIORITY(BY_CERTIFICATE ":" BY_KEY));
	if (ret)
		goto out;
	err = server_credentials(&h);
	ret = err ? fail(&h, -EINVAL, "TLS: %s", gnutls_strerror(err)) : hs_shake(&h);
	if (!ret)
		ret = server_judge(&h);
	if (!ret)
		ret = hs_send_content(&h);
	if (!ret)
		ret = hs_carry(&h, fd, s->carrier, false);
out:
	hs_exit(&h);
	return ret;
}

const char *dmm_tls_carrier_name(enum dmm_tls_carrier carrier)
{
	switch (carrier) {
	case DMM_TLS_KERNEL:
		return "kernel";
	case DMM_TLS_RELAY:
		return "relay";
	default:
		return "auto";
	}
}

int dmm_tls_carrier_parse(const char *text, enum dmm_tls_carrier *carrier)
{
	unsigned int i;

	for (i = DMM_TLS_AUTO; i <= DMM_TLS_RELAY; i++) {
		if (strcmp(dmm_tls_carrier_name((enum dmm_tls_carrier)i), text))
			continue;
		*carrier = (enum dmm_tls_carrier)i;
		return 0;
	}
	return -EINVAL;
}
