/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Changing the files of keys.h.  Each is replaced whole or not at all, and is on the disk when that is reported;
 * of two who edit at the same time one waits.
 */
#ifndef DMM_LIB_KEYS_EDIT_H
#define DMM_LIB_KEYS_EDIT_H

#include "keys_peers.h"

struct dmm_keys_edit {
	int dir_fd, lock_fd;	/* -1 */
};

/*
 * Begins to edit @dir, which is locked until the end, by a file that is nobody else's. @create: it is made (0700), with what is
 * missing above it.  -ENOENT, -EPERM: others may write to it, -errno; all with @why.
 */
int dmm_keys_edit(const char *dir, bool create, struct dmm_keys_edit *e, char why[DMM_KEYS_WHY]);
void dmm_keys_edit_end(struct dmm_keys_edit *e);	/* more than once is fine */

/* What this host is called, as a NAME; "host" when that can't be one. */
void dmm_keys_hostname(char name[DMM_PEER_NAME]);

/*
 * A new key, and its certificate for @host, valid for ten years; what was there is lost. -errno with @why: then nothing was
 * changed, or, where @why says so, one file of the two.
 */
int dmm_keys_create(int dir_fd, const char *host, char why[DMM_KEYS_WHY]);

/* Finishes a dmm_keys_create() that was interrupted. 1: there was one, whose key counts now; 0: none, or it had changed nothing. */
int dmm_keys_mend(const struct dmm_keys_edit *e, const char *dir, char why[DMM_KEYS_WHY]);

/* A new certificate for the key that there is, as above: pins stay valid. -EACCES: an authority has signed the old one. */
int dmm_keys_renew(const struct dmm_keys_edit *e, const char *dir, const char *host, char why[DMM_KEYS_WHY]);

/* Installs the certificates of @file, and nothing else of it. -EBADMSG: none, or one that is no CA's or has expired. */
int dmm_keys_install_ca(int dir_fd, const char *file, unsigned int *nr, char why[DMM_KEYS_WHY]);

/* These change @p only, until it is saved. */
void dmm_peers_remove(struct dmm_peers *p, unsigned int i);
/* All lines of one kind with this pin; how many. */
unsigned int dmm_peers_remove_pin(struct dmm_peers *p, enum dmm_peer_kind kind, const struct dmm_pin *pin);
/*
 * The line of @name, where it stands and with its comment, or a new one at the end: @pin (NULL: ca), @addresses (NULL: as they are). -ENOMEM, or
 * -EINVAL: what can't be written as a line.
 */
int dmm_peers_set(struct dmm_peers *p, const char *name, const struct dmm_pin *pin, const char *addresses);
int dmm_peers_revoke(struct dmm_peers *p, const struct dmm_pin *pin);	/* appended, once. -ENOMEM */
int dmm_peers_save(int dir_fd, const struct dmm_peers *p);

#endif
