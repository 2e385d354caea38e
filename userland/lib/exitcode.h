/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Exit codes of the tool, and what maps to which.  They are part of its
 * interface: values never change.
 */
#ifndef DMM_LIB_EXITCODE_H
#define DMM_LIB_EXITCODE_H

#include "core/env.h"

enum dmm_exit {
	DMM_EXIT_OK		= 0,
	DMM_EXIT_USAGE		= 2,
	DMM_EXIT_PREFLIGHT	= 3,	/* refused before anything was changed */
	DMM_EXIT_TRANSPORT	= 4,
	DMM_EXIT_LOCAL		= 5,	/* I/O or kernel, this host */
	DMM_EXIT_REMOTE		= 6,	/* I/O at the receiver */
	DMM_EXIT_SLOW		= 7,	/* does not converge */
	DMM_EXIT_ABORTED	= 8,	/* the source is authoritative */
	DMM_EXIT_AMBIGUOUS	= 9,	/* nobody knows: start neither */
	DMM_EXIT_DIFFERENCE	= 10,	/* verification found one */
};

/* "0 done" ... for --help. NULL for a number that is no exit code. */
const char *dmm_exit_text(int code);

/* Which side (enum dmm_side) ended the migration. */
enum dmm_exit dmm_exit_from_side(u32 side);

/* A refusal or negative acknowledgement of the receiver (enum dmm_wire_err). */
enum dmm_exit dmm_exit_from_wire(u32 werr);

#endif
