/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration of a domain that moves: it goes to the destination's daemon, which puts it in place there when the hand-over is over;
 * and the daemon of this host sees to it that the domain is not begun here any more.
 */
#ifndef DMM_VM_CONFIG_H
#define DMM_VM_CONFIG_H

#include "guest_config.h"
#include "parse.h"
#include "tool.h"

struct dmm_vm_config {
	struct dmm_tool *t;
	const char *name;	/* borrowed: the domain's */
	const char *file;	/* borrowed: path of the configuration for there */
	char here[DMM_PATH_MAX];	/* the admin's, which stays */
	u8 id[DMM_ID_BYTES];	/* set by staging, as is the next */
	struct dmm_target to;
	bool alone;		/* no disk goes with it; set by staging */
};

/* @here: the admin's, by whichever path. */
void dmm_vm_config_init(struct dmm_vm_config *c, struct dmm_tool *t, const char *name, const char *file, const char *here);

/* Before anything is copied: could @to take it?  Nothing is changed. 0 or an exit code, reported. */
int dmm_vm_config_check(struct dmm_vm_config *c, const struct dmm_target *to);

/* The disks are being copied, of which @spec names one: both daemons have it from here on. 0 or an exit code, reported. */
int dmm_vm_config_stage(struct dmm_vm_config *c, const char *spec);

/* The same of a domain no disk of which moves, when both daemons know of its migration. */
int dmm_vm_config_stage_alone(struct dmm_vm_config *c, const u8 id[DMM_ID_BYTES], const struct dmm_target *to);

/* What begins the domain here when this host boots, which @first gets; "": nothing. */
const char *dmm_vm_config_begins(const struct dmm_vm_config *c, char first[DMM_GUEST_CONFIG_PATH]);

/* The domain runs there: says where its configuration is.  False: not in place yet, which is said. */
bool dmm_vm_config_report(struct dmm_vm_config *c);

#endif
