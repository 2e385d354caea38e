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

static int give_one(gnutls_session_t session, int fd, bool receive)
{
	struct tls12_crypto_info_aes_gcm_128 ci = {
		.info = { .version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};
	gnutls_datum_t mac, iv, key;
	unsigned char seq[8];
	int ret;

	ret = gnutls_record_get_state(session, receive, &mac, &iv, &key, seq);
	if (ret || iv.size != sizeof(ci.salt) + sizeof(ci.iv) || key.size != sizeof(ci.key))
		return -EPROTO;
	memcpy(ci.salt, iv.data, sizeof(ci.salt));
	memcpy(ci.iv, iv.data + sizeof(ci.salt), sizeof(ci.iv));
	memcpy(ci.key, key.data, sizeof(ci.key));
	memcpy(ci.rec_seq, seq, sizeof(ci.rec_seq));
	ret = setsockopt(fd, SOL_TLS, receive ? TLS_RX : TLS_TX, &ci, sizeof(ci)) ? -errno : 0;
	gnutls_memset(&ci, 0, sizeof(ci));
	return ret;
}

int dmm_tls_kernel(gnutls_session_t session, int fd)
{
	int ret;

	if (gnutls_record_check_pending(session))
		return -EPROTO;
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		return errno == ENOTCONN ? -ECONNRESET : -EOPNOTSUPP;
	ret = give_one(session, fd, true);
	if (ret)	/* of older kernels that only send; what has no keys is a socket as before */
		return ret == -EPROTO ? ret : -EOPNOTSUPP;
	ret = give_one(session, fd, false);
	return ret == -EOPNOTSUPP ? -EPROTO : ret;	/* what comes is the kernel's already */
}
