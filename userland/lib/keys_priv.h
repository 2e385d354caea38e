/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What keys*.c share.
 */
#ifndef DMM_LIB_KEYS_PRIV_H
#define DMM_LIB_KEYS_PRIV_H

#include <gnutls/x509.h>
#include <sys/types.h>

#include "keys.h"

#define DMM_KEYS_KEY	"host.key"
#define DMM_KEYS_CRT	"host.crt"
#define DMM_KEYS_PEERS	"peers"
#define DMM_KEYS_CA	"ca.crt"
#define DMM_KEYS_LOCK	"lock"

/* Bits that a file must not have, besides being another user's. 0: anything goes. */
#define DMM_KEYS_SECRET	0077u
#define DMM_KEYS_OURS	0022u

#define DMM_KEYS_NEW	".new"	/* behind the name of a file that is being replaced */

/* Key and certificate as they were read once. */
struct dmm_keys_pair {
	gnutls_certificate_credentials_t cred;
	struct dmm_pin pin;
	time_t until;		/* the certificate is valid; -1: it does not say */
	unsigned int refs;	/* protected by keys.c's lock */
};

/* Which file it was; zero: none. */
struct dmm_keys_stamp {
	u64 dev, ino, bytes, changed_ns;
};

struct dmm_keys {
	char *dir;
	struct dmm_keys_pair *pair;	/* changed under keys.c's lock, by who refreshes */
	struct dmm_keys_stamp stamps[2];	/* of key and certificate, when they were read; for who refreshes */
};

/* The key, and the certificates, by themselves.  As dmm_keys_load(). */
int dmm_keys_load_key(const char *dir, gnutls_x509_privkey_t *key, char why[DMM_KEYS_WHY]);
int dmm_keys_load_chain(const char *dir, gnutls_x509_crt_t **chain, unsigned int *nr, char why[DMM_KEYS_WHY]);

/*
 * The whole of DIR/NAME, with a NUL behind it, for dmm_keys_wipe(). -EPERM: whose it is, or who may do what with it;
 * -EFBIG, -errno; all with @why.
 */
int dmm_keys_read(const char *dir, const char *name, mode_t forbidden, gnutls_datum_t *data, char why[DMM_KEYS_WHY]);
/* Of the directory @fd, which is @dir: whose it is, and that nobody else may write to it. -EPERM, -errno with @why. */
int dmm_keys_check_dir(int fd, const char *dir, char why[DMM_KEYS_WHY]);
void dmm_keys_wipe(gnutls_datum_t *data);	/* overwrites and frees; an empty one is fine */

/* @why says that DIR/NAME is not what it should be; returns @ret. */
__attribute__((format(printf, 5, 6)))
int dmm_keys_wrong(const char *dir, const char *name, int ret, char why[DMM_KEYS_WHY], const char *fmt, ...);

int dmm_keys_pin_of(gnutls_x509_crt_t crt, struct dmm_pin *pin);	/* -EBADMSG */

/*
 * Opens DIR/NAME for reading, after a look at the directory: a descriptor, or -errno with @why.  A process that has its files opened
 * by another has another function; it is set before there are threads.
 */
extern int (*dmm_keys_open)(const char *dir, const char *name, mode_t forbidden, char why[DMM_KEYS_WHY]);

#endif
