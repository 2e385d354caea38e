/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the verbs of `keys` share.  They return an exit code, having said why when it is not 0.
 */
#ifndef DMM_CMD_KEYS_H
#define DMM_CMD_KEYS_H

#include "keys_edit.h"
#include "tool.h"

#define DMM_KEYS_WORDS	4096	/* the addresses of one line */

struct json_object;

struct dmm_keys_cmd {
	struct dmm_tool *t;
	char dir[1024];
	char option[1040];	/* " --keys DIR" where it was given, for the commands that we name */
	struct dmm_keys_edit edit;
	struct dmm_peers peers;
};

/* As dmm_fail(), but no migration is concerned: no side owns anything. */
__attribute__((format(printf, 3, 4)))
int dmm_keys_cmd_fail(struct dmm_keys_cmd *k, enum dmm_exit code, const char *fmt, ...);
/* By @err and @why of reading: what a person has to mend first, or what this host can't do. */
int dmm_keys_cmd_unread(struct dmm_keys_cmd *k, int err, const char *why);

/* Locks the directory, which is made if need be. 0 or an exit code, reported. */
int dmm_keys_cmd_edit(struct dmm_keys_cmd *k);

/* Puts a word behind the others, once; what does not fit is left out. */
void dmm_keys_words_add(char *words, size_t bytes, const char *word);
struct json_object *dmm_keys_words_json(const char *words);

/* cmd_keys_peers.c */
int dmm_keys_cmd_trust(struct dmm_keys_cmd *k);
int dmm_keys_cmd_list(struct dmm_keys_cmd *k);
int dmm_keys_cmd_revoke(struct dmm_keys_cmd *k);

#endif
