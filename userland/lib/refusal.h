/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a request is refused: a code for the program at the other end and one
 * line for the person before it, which says what is wrong and what to do.
 */
#ifndef DMM_REFUSAL_H
#define DMM_REFUSAL_H

#include "core/env.h"
#include <dmmigrate/wire.h>

#define DMM_REFUSAL_TEXT	sizeof(((struct dmm_wire_refuse *)0)->text)

struct dmm_refusal {
	u32 code;			/* enum dmm_wire_err */
	char text[DMM_REFUSAL_TEXT];
};

/* Fills @r; too long a text is cut. Returns the negative errno of @code, for `return`. */
__attribute__((format(printf, 3, 4)))
int dmm_refuse(struct dmm_refusal *r, u32 code, const char *fmt, ...);

/*
 * @r as another process has left it in its answer, which may not be ours any more: its text ends and is one, its code is known.
 * Returns the negative errno of the code.
 */
int dmm_refusal_heard(struct dmm_refusal *r);

/* A path for a message: cut in the middle so that a long one leaves room for the reason. */
const char *dmm_short_path(const char *path, char buf[96]);

#endif
