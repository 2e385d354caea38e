/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What migrations have left on a host: a bounded list, which LEFTOVERS_OK carries in pages, and what may become of each.  Pure.
 */
#ifndef DMM_LIB_LEFTOVER_H
#define DMM_LIB_LEFTOVER_H

#include <stdbool.h>

#include "core/env.h"
#include <dmmigrate/wire.h>

struct dmm_leftover {
	enum dmm_wire_leftover_kind kind;
	enum dmm_wire_leftover_fate fate;
	u32 role;			/* of a PART: enum dmm_ho_role; else 0 */
	bool forgotten;			/* the other host does not know its migration any more; not told to others */
	u8 migration[DMM_ID_BYTES];	/* zero: none is known */
	char name[128];
	char why[160];			/* what it is */
	char action[128];		/* the command that decides; "": none */
};

struct dmm_leftovers {
	struct dmm_leftover *items;
	u32 nr;
	bool cut;			/* not everything could be looked at, or kept */
};

/* Frees what it owns; accepts a zeroed one. */
void dmm_leftovers_clear(struct dmm_leftovers *l);

/* A new one, zeroed but for these; it is valid until the next.  NULL: there is no room, and @l is cut. */
struct dmm_leftover *dmm_leftovers_add(struct dmm_leftovers *l, enum dmm_wire_leftover_kind kind,
				       enum dmm_wire_leftover_fate fate, const u8 migration[DMM_ID_BYTES]);

/* Texts of one, cut to fit and made printable.  Accepts NULL. */
__attribute__((format(printf, 2, 3)))
void dmm_leftover_name(struct dmm_leftover *o, const char *fmt, ...);
__attribute__((format(printf, 2, 3)))
void dmm_leftover_why(struct dmm_leftover *o, const char *fmt, ...);
/* A command that would not fit whole is left out. */
__attribute__((format(printf, 2, 3)))
void dmm_leftover_action(struct dmm_leftover *o, const char *fmt, ...);

/* The part of a migration, if one is listed.  @role 0: whichever. */
struct dmm_leftover *dmm_leftovers_part(const struct dmm_leftovers *l, const u8 migration[DMM_ID_BYTES], u32 role);

/* The other host knows the migration of this part no more: what has waited for that may go. */
void dmm_leftover_forgotten(struct dmm_leftovers *l, struct dmm_leftover *part);

/* What becomes of what goes with another, too: REMOVE or KEEP. */
enum dmm_wire_leftover_fate dmm_leftover_fate(const struct dmm_leftovers *l, const struct dmm_leftover *o);

/* "journal", "device", ...: for people and machines. */
const char *dmm_leftover_kind_name(enum dmm_wire_leftover_kind kind);

/* Those from @first on, as many as fit. */
void dmm_leftovers_encode(const struct dmm_leftovers *l, u32 first, struct dmm_wire_leftovers_ok *w);
/*
 * Adds a page to those that are there.  1: there is more; 0: that was the last.  -EBADMSG with @why, a constant text; -ENOMEM.
 */
int dmm_leftovers_decode(struct dmm_leftovers *l, const struct dmm_wire_leftovers_ok *w, const char **why);

#endif
