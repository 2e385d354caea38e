/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the phony source share: one process, one control and one
 * data connection.
 */
#ifndef DMM_PHONY_H
#define DMM_PHONY_H

#include <stdbool.h>

#include "identity.h"
#include "parse.h"
#include "wireio.h"

#define PHONY_ANSWER_MS	20000

extern struct phony {
	struct dmm_target to;
	struct dmm_wire_disk id;
	struct dmm_client control;
	struct dmm_client data;
	u64 size;
	u32 lbs, block, flags;
	char identity[DMM_IDENTITY_MAX];
	u32 refused;		/* code that the next request must be refused with */
	int model;
	/* data connection */
	u64 seq, barrier;
	u32 in_flight;
	u8 pending[1u << 20];	/* by sequence number, modulo */
	struct dmm_wire_ack ack;
	u32 ack_have;
	u64 acked_barrier;
	u32 nack;
	u32 pause_ms;
	bool eof;
	u64 rng;
	u8 payload[DMM_MAX_EXTENT_BYTES];
} ph;


__attribute__((format(printf, 1, 2), noreturn))
void phony_die(const char *fmt, ...);

/* --- phony.c --- */

/* Connects and says HELLO; dies when that is not answered as expected. */
void phony_open(struct dmm_client *c);
/* Sends a request on @c; dies unless it is answered as expected. False: refused, as expected. */
bool phony_request(struct dmm_client *c, u16 type, const void *payload, u32 bytes, u16 expect,
		   void *reply, u32 reply_bytes);

/* --- phony_data.c, phony_bad.c: see the usage of phony.c --- */

struct dmm_frame;
void phony_attach(const char *epoch);
void phony_seal(struct dmm_wire_hdr *hdr, const struct dmm_frame *f, const void *payload);
void phony_fill_payload(u32 bytes);
/* Sends bytes, reading acknowledgements meanwhile unless @deaf. False: the receiver has hung up. */
bool phony_send(const void *buf, size_t bytes, bool deaf);
/* Awaits acknowledgements until at most @limit frames are in flight. */
void phony_window(u32 limit);
/* Reads acknowledgements that are there; waits for some. */
void phony_receive(void);
void phony_wait(short events);
void phony_frame(u64 offset, u32 bytes, bool one_by_one, bool deaf);
void phony_other(u16 type, u64 arg);
void phony_zero(u64 offset, u64 bytes);
void phony_load(const char *count, const char *span, u32 max, bool zeros);
void phony_bulk(const char *mib, const char *length);
void phony_barrier(void);
void phony_barrier_only(void);
void phony_barrier_behind(void);
void phony_expect_eof(void);
u64 phony_rnd(void);

void phony_nack(const char *code);
void phony_corrupt(const char *kind);
void phony_partial(bool hang_up);
void phony_deaf(const char *ms);
void phony_raw(const char *hex, bool after_hello);
void phony_eof(void);

#endif
