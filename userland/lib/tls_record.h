/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Records of TLS 1.3 with AES-128-GCM, once a handshake is over: what a relay needs of TLS, by nothing but the secrets of one
 * connection.  There is application data and nothing else.
 */
#ifndef DMM_LIB_TLS_RECORD_H
#define DMM_LIB_TLS_RECORD_H

#include <gnutls/crypto.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/env.h"

#define DMM_RECORD_HEADER	5u
#define DMM_RECORD_DATA		16384u				/* at most */
#define DMM_RECORD_SEALED	(DMM_RECORD_HEADER + DMM_RECORD_DATA + 1 + 16)	/* that we send */
#define DMM_RECORD_MAX		(DMM_RECORD_HEADER + DMM_RECORD_DATA + 256)	/* that a peer may send */

/* Of one direction. */
struct dmm_tls_way {
	u8 key[16];
	u8 iv[12];
	u8 seq[8];		/* of the next record */
};

struct dmm_tls_secrets {
	struct dmm_tls_way tx, rx;
};

struct dmm_record {
	gnutls_aead_cipher_hd_t cipher;
	u8 iv[12];
	u64 seq;
};

/* 0 or -EIO: GnuTLS cannot. */
int dmm_record_init(struct dmm_record *r, const struct dmm_tls_way *way);
void dmm_record_exit(struct dmm_record *r);

/* The next record, of @bytes (1 to DMM_RECORD_DATA) of @data, which has room for one more. How long @sealed is, or -EIO. */
ssize_t dmm_record_seal(struct dmm_record *r, u8 *data, size_t bytes, u8 sealed[DMM_RECORD_SEALED]);

/* How long is the record that begins like that? -EPROTO: it is none of application data, or too long. */
ssize_t dmm_record_bytes(const u8 header[DMM_RECORD_HEADER]);
/*
 * Opens the next record, whole, of so many @bytes, into @data (DMM_RECORD_MAX). How much data it has, maybe none; -EPROTO: it was
 * altered, or is no data.
 */
ssize_t dmm_record_open(struct dmm_record *r, const u8 *record, size_t bytes, u8 *data);

#endif
