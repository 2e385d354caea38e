/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The opener: the process that opens destinations, and makes files that are to become one.  It may look at everything but what lies on
 * the disks, which another one does (prober.h), and speaks to nobody but the daemon, to which it gives descriptors of what is on the
 * allow-list.
 */
#ifndef DMM_OPENER_H
#define DMM_OPENER_H

#include "dest_create.h"
#include "options.h"
#include "sandbox.h"

/* --- the process --- */

__attribute__((noreturn))
void dmm_opener_run(struct dmm_config *c, int sock, const struct dmm_sandbox *box);

/* --- the daemon; @sock leads to it. 0 (or a descriptor), or a negative errno with @r filled. Any thread --- */

/*
 * dmm_dest_create(), if @create, and dmm_dest_open().  @check: nothing is made; *would says that there would be a need to, and
 * nothing is open then.
 */
int dmm_opener_open(int sock, const struct dmm_dest_request *rq, bool create, bool check, struct dmm_dest *d,
		    struct dmm_dest_made *made, bool *would, struct dmm_refusal *r);
/* dmm_dest_reopen() of what is no export. */
int dmm_opener_reopen(int sock, const struct dmm_dest *d, struct dmm_refusal *r);
/* The allow-list that there is now. */
int dmm_opener_allow(int sock, struct dmm_allow *allow);

/* dmm_opener_open() without an opener: in this process. */
int dmm_dest_create_open(struct dmm_allow *allow, const struct dmm_dest_request *rq, bool create, bool check,
			 struct dmm_dest *d, struct dmm_dest_made *made, bool *would, struct dmm_refusal *r);

#endif
