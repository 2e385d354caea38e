/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the verbs have in common that ask this host's daemon about one migration: cmd_owners.c, cmd_recover.c.
 */
#ifndef DMM_CMD_OWNERS_H
#define DMM_CMD_OWNERS_H

#include "commands.h"
#include "owners.h"

#define DMM_OWN_SLICE_MS	2000u
#define DMM_OWN_ANSWER_MS	10000u	/* of the other host */

struct dmm_own {
	struct dmm_tool *t;
	struct dmm_remote here;
	struct dmm_wire_group_ok ok;	/* the latest answer */
	u8 id[DMM_ID_BYTES];
	char hex[DMM_ID_HEX];
	enum dmm_ho_role role;		/* 0: whichever is here */
};

static inline bool dmm_own_is(const struct dmm_own *o, u32 states)
{
	return dmm_owners_is(&o->ok, states);
}

/* o->ok is the answer. 0 or -errno with o->here. */
int dmm_own_ask(struct dmm_own *o, enum dmm_wire_group_verb verb, u32 await, u32 await_ms);

/* The daemon of this host cannot be asked, or has refused. Exit code, reported; as all that follow. */
int dmm_own_no_answer(struct dmm_own *o);
__attribute__((format(printf, 3, 4)))
int dmm_own_failed(struct dmm_own *o, enum dmm_exit code, const char *fmt, ...);
int dmm_own_ambiguous(struct dmm_own *o);
int dmm_own_done(struct dmm_own *o, const char *text);

/* Parses the operand and runs @verb with what it needs. */
int dmm_own_with_id(struct dmm_tool *t, int (*verb)(struct dmm_own *o));

#endif
