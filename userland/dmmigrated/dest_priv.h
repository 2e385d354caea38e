/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between dest*.c, and who opens exports by itself.
 */
#ifndef DMM_DEST_PRIV_H
#define DMM_DEST_PRIV_H

#include "dest.h"

/* Size and logical blocks of @d against what the source needs. 0, or a negative errno with @r filled. */
int dmm_dest_check_geometry(const struct dmm_dest *d, const struct dmm_dest_request *rq,
			    struct dmm_refusal *r);

/* What @fd carries, into d->signature; refused unless that may be overwritten. */
int dmm_dest_check_signature(struct dmm_dest *d, int fd, const struct dmm_dest_request *rq,
			     struct dmm_refusal *r);

/* Is the export of this URI allowed to @peer? 0, or a negative errno with @r filled. */
int dmm_dest_allow_export(struct dmm_allow *allow, const char *uri, const char *peer, struct dmm_refusal *r);
/* Connects to one that is, and checks it; @d is empty but for its path. */
int dmm_dest_connect_export(const struct dmm_dest_request *rq, struct dmm_dest *d, struct dmm_refusal *r);

/* dmm_dest_open() for an NBD export; @d is empty but for its path. */
int dmm_dest_open_nbd(struct dmm_allow *allow, const struct dmm_dest_request *rq,
		      struct dmm_dest *d, struct dmm_refusal *r);

/* dmm_dest_reopen() for one. */
int dmm_dest_reopen_nbd(const struct dmm_dest *d, struct dmm_nbd **nbd, struct dmm_refusal *r);

#endif
