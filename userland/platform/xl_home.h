/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A domain whose move came to nothing: it goes on here, under its own name.
 */
#ifndef DMM_XL_HOME_H
#define DMM_XL_HOME_H

#include <stdbool.h>

#include "core/env.h"
#include "xl_domain.h"

/* The program that resumes a domain by libxl, beside ours. */
#define DMM_XL_RESUME	"dmm-xl-resume"

/* What `xl migrate` calls the domain once it has let the other host go on. */
#define DMM_XL_AWAY	"--migratedaway"
/* And xl migrate-receive until then. */
#define DMM_XL_INCOMING	"--incoming"

/* What `xl list` says of @name and @name--migratedaway. */
struct dmm_xl_here {
	u64 domid;			/* 0: there is none */
	bool suspended;
	bool ended;			/* shut down otherwise, and not destroyed yet */
	bool away;			/* it has the other name */
	bool twice;			/* there are both; the rest is of @name */
};

/* What `xl list` prints. 0, or -EBADMSG: it is not understood. */
int dmm_xl_here_parse(const char *text, const char *name, struct dmm_xl_here *h);

/* The same, of now. 0, or -errno with @why (DMM_XL_TEXT). */
int dmm_xl_look(const char *name, struct dmm_xl_here *h, char *why);

/*
 * The disks of @name are this host's, and nobody goes on with its move: the domain is to run here.  Resumes it where xl has left it
 * suspended, and gives it back its name.  0: it runs; 1: and was resumed; -ENOENT: it is not there, after @wait_ms, in which xl may have
 * made it anew; -errno; both with @why (DMM_XL_TEXT).
 */
int dmm_xl_home(const char *name, u32 wait_ms, char *why);

/* The disks of @name are the other host's: is a domain left here that had them?  Then true with @why (DMM_XL_TEXT). */
bool dmm_xl_left(const char *name, char *why);

/*
 * Is the domain that was read a while ago as it was then?  0; 1: it was rebooted, and @d is it now; -ENOENT: it has gone, and has not
 * come back within @wait_ms; -ENODATA: it has, and is being made all the time; -EBUSY: its disks are others; -errno; each with @why
 * (DMM_XL_TEXT).
 */
int dmm_xl_still_there(struct dmm_xl_domain *d, u32 wait_ms, char *why);

#endif
