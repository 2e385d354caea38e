/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What this host has to tell of itself: kernel, module, device-mapper, LVM, Xen, clock, processor.  The tool asks for its own
 * host, the daemon for FACTS.
 */
#ifndef DMM_LIB_FACTS_HOST_H
#define DMM_LIB_FACTS_HOST_H

#include "facts.h"

/*
 * Adds all that can be found out; what cannot is left out, or says so itself ("xl-failed").  Runs lvm, xl and xe, where they are
 * installed, for some seconds at most each; @stop_fd (-1: none) ends it early.  @root is put before paths ("" but in tests).
 * What there may be any number of goes to @volumes, so that it leaves room for the rest: merge that last.
 * Context: any thread that may wait.
 */
void dmm_facts_host(struct dmm_facts *f, struct dmm_facts *volumes, const char *root, int stop_fd);

/* RLIMIT_MEMLOCK of this process: "unlimited", or bytes. */
void dmm_facts_memlock(struct dmm_facts *f);

/* Size and free space of what @path lies on: "dir". */
void dmm_facts_dir(struct dmm_facts *f, const char *path);

/* Of one volume group, or thin pool of it: "vg" or "pool", if it is there. 0, LVM's exit code, or -errno. */
int dmm_facts_place(struct dmm_facts *f, const char *vg, const char *pool, int stop_fd);

/* What the programs print. The first: -EBADMSG, it is nothing that xl info says. */
int dmm_facts_xl_info(struct dmm_facts *f, const char *text);
void dmm_facts_vgs(struct dmm_facts *f, const char *text);	/* name|uuid|size|free, in bytes */
void dmm_facts_pools(struct dmm_facts *f, const char *text);	/* vg|lv|size|percent */

#endif
