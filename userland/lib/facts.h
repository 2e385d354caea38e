/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is to be known of a host before something moves there: a bounded list of texts KEY=VALUE, which FACTS_OK carries
 * (doc/protocol.rst has the keys).  A key may be there more than once.  Pure.
 */
#ifndef DMM_LIB_FACTS_H
#define DMM_LIB_FACTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/env.h"
#include <dmmigrate/wire.h>

struct dmm_facts {
	u32 nr;
	u32 bytes;
	bool cut;			/* there was more than fits */
	char text[DMM_FACTS_BYTES + 1];	/* lines, NUL terminated */
};

void dmm_facts_init(struct dmm_facts *f);

/* Appends one; the value is made printable.  One for which there is no room, or only for a part of its value, sets @cut. */
__attribute__((format(printf, 3, 4)))
void dmm_facts_add(struct dmm_facts *f, const char *key, const char *fmt, ...);
/* Those of @from that are not there by their key. */
void dmm_facts_merge(struct dmm_facts *f, const struct dmm_facts *from);

/* The @nth (from 0) of this key. False: there is none, and @value is "". */
bool dmm_facts_nth(const struct dmm_facts *f, const char *key, unsigned int nth, char value[DMM_FACT_VALUE]);
/* The first one, as text, number, or whether it is "yes". */
bool dmm_facts_get(const struct dmm_facts *f, const char *key, char value[DMM_FACT_VALUE]);
bool dmm_facts_u64(const struct dmm_facts *f, const char *key, u64 *value);
bool dmm_facts_yes(const struct dmm_facts *f, const char *key);

/* "NAME ID SIZE FREE" and the like: the @nth (from 0) word of @value, as text (cut to fit), or as a number. */
bool dmm_fact_word(const char *value, unsigned int nth, char *word, size_t bytes);
bool dmm_fact_word_u64(const char *value, unsigned int nth, u64 *n);

/* To and from the message, whose clocks are the caller's.  -EBADMSG with @why, a constant text; @f is then untouched. */
void dmm_facts_encode(const struct dmm_facts *f, struct dmm_wire_facts_ok *w);
int dmm_facts_decode(const struct dmm_wire_facts_ok *w, struct dmm_facts *f, const char **why);

#endif
