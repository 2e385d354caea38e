// SPDX-License-Identifier: GPL-2.0
/*
 * kTLS: the kernel gets the keys of a session.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "tls_priv.h"

#ifndef TCP_ULP
#define TCP_ULP		31
#endif
#ifndef SOL_TLS
#define SOL_TLS		282
#endif

static int way_of(gnutls_session_t session, bool receive, struct dmm_tls_way *way)
{
	gnutls_datum_t mac, iv, key;

	if (gnutls_record_get_state(session, receive, &mac, &iv, &key, way->seq) || iv.size != sizeof(way->iv) ||
	    key.size != sizeof(way->key))
		return -EPROTO;
	memcpy(way->iv, iv.data, sizeof(way->iv));
	memcpy(way->key, key.data, sizeof(way->key));
	return 0;
}

int dmm_tls_secrets(gnutls_session_t session, struct dmm_tls_secrets *s)
{
	int ret = gnutls_record_check_pending(session) ? -EPROTO : way_of(session, false, &s->tx);

	return ret ? ret : way_of(session, true, &s->rx);
}

static int give_one(const struct dmm_tls_way *way, int fd, bool receive)
{
	struct tls12_crypto_info_aes_gcm_128 ci = {
		.info = { .version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};
	int ret;

	memcpy(ci.salt, way->iv, sizeof(ci.salt));
	memcpy(ci.iv, way->iv + sizeof(ci.salt), sizeof(ci.iv));
	memcpy(ci.key, way->key, sizeof(ci.key));
	memcpy(ci.rec_seq, way->seq, sizeof(ci.rec_seq));
	ret = setsockopt(fd, SOL_TLS, receive ? TLS_RX : TLS_TX, &ci, sizeof(ci)) ? -errno : 0;
	gnutls_memset(&ci, 0, sizeof(ci));
	return ret;
}

int dmm_tls_kernel(const struct dmm_tls_secrets *s, int fd)
{
	int ret;

	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		return errno == ENOTCONN ? -ECONNRESET : -EOPNOTSUPP;
	ret = give_one(&s->rx, fd, true);
	if (ret)	/* of older kernels that only send; what has no keys is a socket as before */
		return -EOPNOTSUPP;
	ret = give_one(&s->tx, fd, false);
	return ret == -EOPNOTSUPP ? -EPROTO : ret;	/* what comes is the kernel's already */
}
