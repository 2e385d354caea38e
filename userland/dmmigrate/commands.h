/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The verbs: one file each.  All return an exit code (exitcode.h), having said
 * why when it is not 0.
 */
#ifndef DMM_COMMANDS_H
#define DMM_COMMANDS_H

#include "tool.h"

extern const struct dmm_verb dmm_verb_doctor;	/* cmd_doctor.c */
extern const struct dmm_verb dmm_verb_plan;	/* cmd_plan.c */
extern const struct dmm_verb dmm_verb_start;	/* cmd_start.c */
extern const struct dmm_verb dmm_verb_status;	/* cmd_status.c */
extern const struct dmm_verb dmm_verb_list;	/* cmd_list.c */
extern const struct dmm_verb dmm_verb_watch;	/* cmd_watch.c */
extern const struct dmm_verb dmm_verb_wait;	/* cmd_wait.c */
extern const struct dmm_verb dmm_verb_pause;	/* cmd_pause.c */
extern const struct dmm_verb dmm_verb_resume;	/* cmd_pause.c */
extern const struct dmm_verb dmm_verb_throttle;	/* cmd_pause.c */
extern const struct dmm_verb dmm_verb_cutover;	/* cmd_cutover.c */
extern const struct dmm_verb dmm_verb_acquire;	/* cmd_owners.c */
extern const struct dmm_verb dmm_verb_run;	/* cmd_owners.c */
extern const struct dmm_verb dmm_verb_return;	/* cmd_owners.c */
extern const struct dmm_verb dmm_verb_recover;	/* cmd_owners.c */
extern const struct dmm_verb dmm_verb_release;	/* cmd_owners.c */
extern const struct dmm_verb dmm_verb_verify;	/* cmd_verify.c */
extern const struct dmm_verb dmm_verb_cancel;	/* cmd_cancel.c */
extern const struct dmm_verb dmm_verb_clean;	/* cmd_clean.c */
extern const struct dmm_verb dmm_verb_copy;	/* cmd_copy.c */
extern const struct dmm_verb dmm_verb_vdi;	/* cmd_vdi.c */
extern const struct dmm_verb dmm_verb_keys;	/* cmd_keys.c */
extern const struct dmm_verb dmm_verb_vm;	/* cmd_vm.c */
extern const struct dmm_verb dmm_verb_device;	/* cmd_device.c */
extern const struct dmm_verb dmm_verb_version;	/* cmd_version.c */

/* All of them in the order of the help; ends with NULL. */
extern const struct dmm_verb *const dmm_verbs[];	/* verbs.c */

/* What `clean SOURCE` does with the first operand. An exit code, reported. */
int dmm_clean_operand(struct dmm_tool *t);

/* NULL: there is none. */
const struct dmm_verb *dmm_verb_find(const char *name);
void dmm_verb_help(const struct dmm_verb *v);
void dmm_help(FILE *f);

#endif
