/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who this host is, and which peers it trusts: the files of one directory.
 *
 *	host.key	private key, PEM, ECDSA P-256; 0600 or refused
 *	host.crt	its certificate, PEM, self-signed or followed by what signed it
 *	peers		text, one peer a line, '#' begins a comment:
 *				NAME SHA256:PIN [ADDRESS...]	that very key
 *				NAME ca [ADDRESS...]		a certificate for NAME by one of ca.crt
 *				revoked SHA256:PIN		never, whoever has signed it
 *	ca.crt		PEM, optional
 *	lock		held by who edits, and for a moment by who reads key and certificate
 *
 * NAME and ADDRESS: letters, digits and . - _ : %; no two lines have the same NAME, and none is called "revoked". Whoever may
 * write to peers, ca.crt or the directory decides whom we trust: they are refused, too, when they are another user's or others
 * may write to them.
 *
 * A pin is the SHA-256 of the SubjectPublicKeyInfo in base64 without padding, as ssh shows a key's.
 * The peers are read anew for every connection: a revocation counts from the next one on.
 */
#ifndef DMM_LIB_KEYS_H
#define DMM_LIB_KEYS_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "core/env.h"

#define DMM_KEYS_DIR	"/etc/dmmigrate"
#define DMM_KEYS_WHY	512
#define DMM_PIN_TEXT	(7 + 43 + 1)	/* "SHA256:", base64, NUL */
#define DMM_PEER_NAME	256		/* with the NUL */

struct dmm_pin {
	u8 sha256[32];
};

/* A peer whose certificate was accepted. */
struct dmm_peer_id {
	char name[DMM_PEER_NAME];	/* as the file of peers has it */
	struct dmm_pin pin;
};

/* Where they are unless somebody says otherwise: root's are the system's. -ENOENT: no home, -ENAMETOOLONG, -errno. */
int dmm_keys_default_dir(char *buf, size_t bytes);

struct dmm_keys;	/* any thread may use it, but one at a time refreshes */
struct dmm_keys_pair;	/* immutable */

/*
 * Reads key and certificate of @dir; @why says what is wrong and what to type.
 * -ENOENT: there is no key yet; -EACCES: not ours to read; -EPERM: others may read the key; -EBADMSG: damaged, or
 * the two do not belong together; -errno.  From then on the process leaves no core dump.
 */
int dmm_keys_load(const char *dir, struct dmm_keys **keys, char why[DMM_KEYS_WHY]);
void dmm_keys_free(struct dmm_keys *k);		/* NULL is fine; overwrites the key's memory as far as GnuTLS does */

/*
 * Reads key and certificate anew if the files are others than were read last. 0: they are not; 1: whoever holds them from now on
 * gets the new ones; -errno as above with @why: those that there were stay, and what a person has to mend is said once.
 */
int dmm_keys_refresh(struct dmm_keys *k, char why[DMM_KEYS_WHY]);

/* Key and certificate for a handshake, until they are released (NULL is fine). Never NULL. */
struct dmm_keys_pair *dmm_keys_hold(const struct dmm_keys *k);
void dmm_keys_release(struct dmm_keys_pair *p);
/* For gnutls_credentials_set(); borrowed, as long as @p is held. */
gnutls_certificate_credentials_t dmm_keys_credentials(const struct dmm_keys_pair *p);

/* These are for who refreshes, or for a process where nobody does. */
const struct dmm_pin *dmm_keys_pin(const struct dmm_keys *k);
#define DMM_KEYS_AHEAD_S	(30 * 86400)	/* how long before its end a certificate is warned of */
time_t dmm_keys_valid_until(const struct dmm_keys *k);	/* -1: it does not say */
const char *dmm_keys_dir(const struct dmm_keys *k);

/*
 * Is the peer with this certificate @chain (DER, its own first) trusted now?
 * @host: what we asked for, whose entry it has to be (as NAME or ADDRESS, in any case of letters); NULL for a peer that came to
 * us, which may be any of them.
 * 0 with @who; -EACCES with @why: unknown, another one's key, revoked, expired, not valid yet, of the wrong CA or name;
 * -errno when the file of peers cannot be read, or has an error, with @why (file:line).
 */
int dmm_keys_check(const struct dmm_keys *k, const gnutls_datum_t *chain, unsigned int nr, const char *host,
		   struct dmm_peer_id *who, char why[DMM_KEYS_WHY]);

/* Is a peer that was accepted still one? As above. */
int dmm_keys_check_again(const struct dmm_keys *k, const struct dmm_peer_id *who, char why[DMM_KEYS_WHY]);

void dmm_pin_format(const struct dmm_pin *pin, char text[DMM_PIN_TEXT]);
int dmm_pin_parse(const char *text, struct dmm_pin *pin);	/* -EINVAL */

#endif
