// SPDX-License-Identifier: GPL-2.0
/*
 * Records of TLS 1.3 (RFC 8446, 5).
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "tls_record.h"

#define TAG_BYTES	16u
#define TYPE_DATA	23u

int dmm_record_init(struct dmm_record *r, const struct dmm_tls_way *way)
{
	gnutls_datum_t key = { .data = (void *)way->key, .size = sizeof(way->key) };
	unsigned int i;

	memset(r, 0, sizeof(*r));
	memcpy(r->iv, way->iv, sizeof(r->iv));
	for (i = 0; i < sizeof(way->seq); i++)
		r->seq = r->seq << 8 | way->seq[i];
	return gnutls_aead_cipher_init(&r->cipher, GNUTLS_CIPHER_AES_128_GCM, &key) ? -EIO : 0;
}

void dmm_record_exit(struct dmm_record *r)
{
	if (r->cipher)
		gnutls_aead_cipher_deinit(r->cipher);
	gnutls_memset(r, 0, sizeof(*r));
}

/* Of the next record. */
static void next_nonce(struct dmm_record *r, u8 nonce[12])
{
	unsigned int i;

	memcpy(nonce, r->iv, sizeof(r->iv));
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= (u8)(r->seq >> (56 - 8 * i));
	r->seq++;
}

ssize_t dmm_record_seal(struct dmm_record *r, u8 *data, size_t bytes, u8 sealed[DMM_RECORD_SEALED])
{
	size_t inner = bytes + 1, out = inner + TAG_BYTES;
	u8 nonce[12];

	data[bytes] = TYPE_DATA;
	sealed[0] = TYPE_DATA;
	sealed[1] = 3;		/* TLS 1.2, as 1.3 calls itself here */
	sealed[2] = 3;
	sealed[3] = (u8)(out >> 8);
	sealed[4] = (u8)out;
	next_nonce(r, nonce);
	if (gnutls_aead_cipher_encrypt(r->cipher, nonce, sizeof(nonce), sealed, DMM_RECORD_HEADER, TAG_BYTES, data, inner,
				       sealed + DMM_RECORD_HEADER, &out) || out != inner + TAG_BYTES)
		return -EIO;
	return (ssize_t)(DMM_RECORD_HEADER + out);
}

ssize_t dmm_record_bytes(const u8 header[DMM_RECORD_HEADER])
{
	size_t bytes = (size_t)header[3] << 8 | header[4];

	if (header[0] != TYPE_DATA || header[1] != 3 || header[2] != 3 || bytes < 1 + TAG_BYTES ||
	    bytes > DMM_RECORD_MAX - DMM_RECORD_HEADER)
		return -EPROTO;
	return (ssize_t)(DMM_RECORD_HEADER + bytes);
}

ssize_t dmm_record_open(struct dmm_record *r, const u8 *record, size_t bytes, u8 *data)
{
	size_t inner = DMM_RECORD_MAX;
	u8 nonce[12];

	next_nonce(r, nonce);
	if (gnutls_aead_cipher_decrypt(r->cipher, nonce, sizeof(nonce), record, DMM_RECORD_HEADER, TAG_BYTES,
				       record + DMM_RECORD_HEADER, bytes - DMM_RECORD_HEADER, data, &inner))
		return -EPROTO;
	while (inner && !data[inner - 1])	/* padding */
		inner--;
	if (!inner || data[inner - 1] != TYPE_DATA || inner - 1 > DMM_RECORD_DATA)
		return -EPROTO;
	return (ssize_t)inner - 1;
}
