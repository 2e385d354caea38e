/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of keys and peers: a directory with a key of a known pin, and certificates of all kinds.
 */
#ifndef DMM_TESTS_LIB_KEYS_H
#define DMM_TESTS_LIB_KEYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "keys_edit.h"

#define DAY	86400

/* openssl req -x509; its pin by openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64 */
static const char vector_key[] =
	"-----BEGIN PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+tA1qvoesb8Dk+Q9\n"
	"vJCY25H4P/Qe9i6dY0NWxnKdfvahRANCAASp667q2WKb7mU6B377sYoBX4ZYSyDB\n"
	"ECM/orB/HpIEYwPg1Te73R5lAuLo2Yqk5j/POPEtSFcQ/hMFyg4dUqC3\n"
	"-----END PRIVATE KEY-----\n";
static const char vector_crt[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBeTCCAR+gAwIBAgIUAMAInMvs1Syh+VseP4OSJJYgZmgwCgYIKoZIzj0EAwIw\n"
	"ETEPMA0GA1UEAwwGdmVjdG9yMCAXDTI2MTEyNzA3MTUxNVoYDzIxMjYxMTAzMDcx\n"
	"NTE1WjARMQ8wDQYDVQQDDAZ2ZWN0b3IwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
	"AASp667q2WKb7mU6B377sYoBX4ZYSyDBECM/orB/HpIEYwPg1Te73R5lAuLo2Yqk\n"
	"5j/POPEtSFcQ/hMFyg4dUqC3o1MwUTAdBgNVHQ4EFgQUci36GXGoZ1Aj3mBWNtuE\n"
	"PZLa3AIwHwYDVR0jBBgwFoAUci36GXGoZ1Aj3mBWNtuEPZLa3AIwDwYDVR0TAQH/\n"
	"BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA7R/NPm6Cyuo9l3J7slnIpbsmyLXQ\n"
	"sIiP3oJ6amryAncCICn3zr3SpWWMMVhyVU+ZaK1pjmIKEG65RnlWq+dxXc8t\n"
	"-----END CERTIFICATE-----\n";

static const char vector_pin[] = "SHA256:qQXLsCqrcenTrVZ/uQ0WBX3YqwqaocUIEruLdcAPVVA";
static const struct dmm_pin vector_sha256 = { {
	0xa9, 0x05, 0xcb, 0xb0, 0x2a, 0xab, 0x71, 0xe9, 0xd3, 0xad, 0x56, 0x7f, 0xb9, 0x0d, 0x16, 0x05,
	0x7d, 0xd8, 0xab, 0x0a, 0x9a, 0xa1, 0xc5, 0x08, 0x12, 0xbb, 0x8b, 0x75, 0xc0, 0x0f, 0x55, 0x50,
} };

/* A key with its certificate, as it would show it. */
struct id {
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;
	gnutls_datum_t der, pem;
	char pin[DMM_PIN_TEXT];
};

static char dir[64], why[DMM_KEYS_WHY];
static struct dmm_keys *keys;
static struct dmm_peer_id who;

/* --- tools --- */

static inline const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static inline void put(const char *name, mode_t mode, const void *text, size_t bytes)
{
	FILE *f;

	unlink(path_of(name));
	f = fopen(path_of(name), "w");
	assert_non_null(f);
	fwrite(text, 1, bytes, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path_of(name), mode), 0);
}

static inline void put_text(const char *name, mode_t mode, const char *text)
{
	put(name, mode, text, strlen(text));
}

/* The file of peers; %s is @pin. */
__attribute__((format(printf, 1, 2)))
static inline void peers(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_text("peers", 0644, text);
}

static inline char *get(const char *name)
{
	static char text[4096];
	FILE *f = fopen(path_of(name), "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* Valid from..until days from now, for @dns, signed by @by or itself. */
static inline struct id id_make(const char *dns, const struct id *by, bool ca, int from, int until)
{
	const char *cn = !ca ? "web01" : dns ? dns : "an authority";
	static u8 serial;
	struct dmm_pin pin;
	size_t bytes = sizeof(pin);
	time_t now = time(NULL);
	struct id id = { 0 };

	serial = serial % 100 + 1;
	assert_int_equal(gnutls_x509_privkey_init(&id.key), 0);
	assert_int_equal(gnutls_x509_privkey_generate(id.key, GNUTLS_PK_ECDSA,
						      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
	assert_int_equal(gnutls_x509_crt_init(&id.crt), 0);
	gnutls_x509_crt_set_version(id.crt, 3);
	gnutls_x509_crt_set_serial(id.crt, &serial, 1);
	gnutls_x509_crt_set_activation_time(id.crt, now + (time_t)from * DAY);
	gnutls_x509_crt_set_expiration_time(id.crt, now + (time_t)until * DAY);
	gnutls_x509_crt_set_key(id.crt, id.key);
	gnutls_x509_crt_set_dn_by_oid(id.crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn, strlen(cn));
	if (dns)
		gnutls_x509_crt_set_subject_alt_name(id.crt, GNUTLS_SAN_DNSNAME, dns, strlen(dns), GNUTLS_FSAN_SET);
	gnutls_x509_crt_set_basic_constraints(id.crt, ca, -1);
	gnutls_x509_crt_set_key_usage(id.crt, ca ? GNUTLS_KEY_KEY_CERT_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE);
	assert_int_equal(gnutls_x509_crt_sign2(id.crt, by ? by->crt : id.crt, by ? by->key : id.key, GNUTLS_DIG_SHA256, 0), 0);
	assert_int_equal(gnutls_x509_crt_export2(id.crt, GNUTLS_X509_FMT_DER, &id.der), 0);
	assert_int_equal(gnutls_x509_crt_export2(id.crt, GNUTLS_X509_FMT_PEM, &id.pem), 0);
	assert_int_equal(gnutls_x509_crt_get_key_id(id.crt, GNUTLS_KEYID_USE_SHA256, pin.sha256, &bytes), 0);
	dmm_pin_format(&pin, id.pin);
	return id;
}

static inline void id_free(struct id *id)
{
	gnutls_free(id->der.data);
	gnutls_free(id->pem.data);
	gnutls_x509_crt_deinit(id->crt);
	gnutls_x509_privkey_deinit(id->key);
}

static inline int check(const struct id *id, const char *host)
{
	memset(&who, 0, sizeof(who));
	*why = '\0';
	return dmm_keys_check(keys, &id->der, 1, host, &who, why);
}

static inline void accepted(const struct id *id, const char *host, const char *name)
{
	char pin[DMM_PIN_TEXT];

	if (check(id, host))
		fail_msg("%s: refused: %s", host ? host : "anybody", why);
	assert_string_equal(who.name, name);
	dmm_pin_format(&who.pin, pin);
	assert_string_equal(pin, id->pin);
}

/* With the error, and a line that has @text. */
static inline void refused_with(int err, const struct id *id, const char *host, const char *text)
{
	assert_int_equal(check(id, host), err);
	if (!strstr(why, text))
		fail_msg("'%s' is not in '%s'", text, why);
	assert_string_equal(who.name, "");
}

static inline void refused(const struct id *id, const char *host, const char *text)
{
	refused_with(-EACCES, id, host, text);
}

static inline int setup_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/dmm-test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	put_text("host.key", 0600, vector_key);
	put_text("host.crt", 0644, vector_crt);
	return dmm_keys_load(dir, &keys, why);
}

static inline int teardown_dir(void **state)
{
	char cmd[128];

	(void)state;
	dmm_keys_free(keys);
	keys = NULL;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

#endif
