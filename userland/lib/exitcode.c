// SPDX-License-Identifier: GPL-2.0
/*
 * Exit codes of the tool.
 */
#include <stddef.h>

#include "exitcode.h"
#include <dmmigrate/uapi.h>
#include <dmmigrate/wire.h>

const char *dmm_exit_text(int code)
{
	switch (code) {
	case DMM_EXIT_OK:
		return "done";
	case DMM_EXIT_USAGE:
		return "usage";
	case DMM_EXIT_PREFLIGHT:
		return "pre-flight: refused, nothing was changed";
	case DMM_EXIT_TRANSPORT:
		return "transport";
	case DMM_EXIT_LOCAL:
		return "local I/O";
	case DMM_EXIT_REMOTE:
		return "remote I/O";
	case DMM_EXIT_SLOW:
		return "not converging";
	case DMM_EXIT_ABORTED:
		return "aborted, the source is authoritative";
	case DMM_EXIT_AMBIGUOUS:
		return "ambiguous: start neither side";
	case DMM_EXIT_DIFFERENCE:
		return "verification found a difference";
	default:
		return NULL;
	}
}

enum dmm_exit dmm_exit_from_side(u32 side)
{
	switch (side) {
	case DMM_SIDE_LINK:
		return DMM_EXIT_TRANSPORT;
	case DMM_SIDE_RECEIVER:
		return DMM_EXIT_REMOTE;
	default:
		return DMM_EXIT_LOCAL;
	}
}

enum dmm_exit dmm_exit_from_wire(u32 werr)
{
	switch (werr) {
	case DMM_WERR_VERSION:
	case DMM_WERR_RANGE:
	case DMM_WERR_NOTFOUND:
	case DMM_WERR_BUSY:
	case DMM_WERR_TOOSMALL:
	case DMM_WERR_DENIED:
	case DMM_WERR_SIGNATURE:
	case DMM_WERR_SAMEDISK:
	case DMM_WERR_LIMIT:
	case DMM_WERR_UNSUPPORTED:
		return DMM_EXIT_PREFLIGHT;
	case DMM_WERR_PROTOCOL:
	case DMM_WERR_CRC:
	case DMM_WERR_SHUTDOWN:
		return DMM_EXIT_TRANSPORT;
	case DMM_WERR_DIFFERS:
		return DMM_EXIT_DIFFERENCE;
	default:
		return DMM_EXIT_REMOTE;
	}
}
