/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making the file that a copy is to fill (the flag CREATE of PREPARE): sparse,
 * where nothing is, and gone again when it is not wanted after all.
 */
#ifndef DMM_DEST_CREATE_H
#define DMM_DEST_CREATE_H

#include "dest.h"

/* What was made, by which it can be removed whatever its directory is called by now. */
struct dmm_dest_made {
	int dir_fd;		/* -1: nothing was made */
	char name[256];
	dev_t dev;
	ino_t ino;
};

/*
 * Where nothing is called @rq->path: makes a sparse file of the source's size there, mode 0600, never
 * through a symbolic link, if the allow-list has both that name and the one that its
 * directory really leads to.  In /dev none is made: what is missing there is a disk.
 * What exists already is left alone, and not looked at.
 * @check: only finds out whether it could be made; *would says whether there would be a need to.
 * Returns 0, and the caller keeps or removes what @made says; or a negative errno with @r filled.
 */
int dmm_dest_create(struct dmm_allow *allow, const struct dmm_dest_request *rq, bool check,
		    bool *would, struct dmm_dest_made *made, struct dmm_refusal *r);

/* It stays. Accepts one that made nothing, as the next does. */
void dmm_dest_made_keep(struct dmm_dest_made *made);
/* Removes it, if it is still there and still the same. */
void dmm_dest_made_remove(struct dmm_dest_made *made);

#endif
