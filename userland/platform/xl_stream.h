/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `xl migrate` and `xl migrate-receive` say to each other (Xen's tools/xl/xl_migrate.c), carried from one to the other and held
 * back where the disks have to change hands in between:
 *
 *	receiver	banner
 *	sender				memory ...; the domain is suspended before the last of it
 *	receiver	READY
 *	sender				GO
 *	receiver	REPORT, a byte		0: it runs; else its copy is destroyed, and then it says
 *			GO			the sender, too, may go on
 *
 * Between the last of the memory and GO the sender says nothing, so READY is found without looking into memory.
 */
#ifndef DMM_XL_STREAM_H
#define DMM_XL_STREAM_H

#include "core/env.h"

#define DMM_XL_WHY	160

struct dmm_xl_stream {
	int from_sender, to_sender;	/* pipes of xl migrate here; borrowed */
	int receiver;			/* the connection to xl migrate-receive; borrowed */
	int stop_fd;			/* readable: -ECANCELED (-1: none) */
	u64 bytes;			/* of memory, so far */
	u64 last_ns;			/* CLOCK_MONOTONIC: when the last of it came */
	u8 report;			/* the receiver's, after dmm_xl_go() */
	/*
	 * NULL, or asked some times a second until READY: 0: memory goes on; 1: the sender is not listened to meanwhile, so that it, and the
	 * domain with it, does not come to its end; -errno: no more of it
	 */
	int (*pace)(void *arg);
	void *pace_arg;
	char why[DMM_XL_WHY];
};

/* All of these: 0, or -errno with why; -EPIPE: the sender has ended, -ECONNRESET: the receiver. */

/* Carries the banner and memory until READY has come, which is held back. */
int dmm_xl_until_ready(struct dmm_xl_stream *s);
/* Lets READY pass, and waits for GO, which is held back. */
int dmm_xl_ready(struct dmm_xl_stream *s, u64 deadline_ms);
/*
 * Lets GO pass, and waits for the report, which is held back, and where that is not 0 for the end of the receiver's copy. A failure:
 * nobody knows whether the receiver runs.
 */
int dmm_xl_go(struct dmm_xl_stream *s, u64 deadline_ms);
/* Tells the sender that its receiver runs (0), or does not, so that it goes on, in words that it understands once it has said GO. */
int dmm_xl_report(struct dmm_xl_stream *s, u8 report);

#endif
