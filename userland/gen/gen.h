/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Manual pages and completion out of templates: text written by hand, in which a
 * line "@key@" stands for what the tables of options say.  One program for the tool and
 * one for the receiver, because each is linked with the tables that it tells about.
 */
#ifndef DMM_GEN_H
#define DMM_GEN_H

#include <stdio.h>

struct dmm_gen_key {
	const char *key;		/* NULL ends a table */
	void (*print)(FILE *f);
};

/*
 * Copies the template argv[1] to stdout; "@version@" is @version anywhere, a line "@key@" what
 * its function prints. A key that nobody knows is an error. Returns an exit code.
 */
int dmm_gen_run(int argc, char **argv, const char *version, const struct dmm_gen_key *keys);

/* @text for scdoc(5): what it would take for markup is escaped, newlines become blanks. */
void dmm_gen_scdoc(FILE *f, const char *text);

/* The same, as a sentence: a capital first, a full stop last. */
void dmm_gen_scdoc_sentence(FILE *f, const char *text);

/* "SOURCE HOST[:PORT]:/DEST" for scdoc(5): names in italics, the rest as it is. */
void dmm_gen_scdoc_operands(FILE *f, const char *operands);

/* @text inside single quotes of a zsh _arguments specification. */
void dmm_gen_zsh(FILE *f, const char *text);

#endif
