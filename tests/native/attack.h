/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the attack share.
 */
#ifndef DMM_ATTACK_H
#define DMM_ATTACK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "parse.h"
#include "tls.h"

#define ATTACK_WAIT_MS	10000
#define ATTACK_KEPT_MAX	(1u << 20)

enum fault { NONE, FLIP, DROP, DOUBLE, SWAP, CUT, REPLAY, NR_FAULTS };
extern const char *const attack_fault_names[];

/* How far a fault has come. */
enum attack_state {
	PLAN_WAITS,		/* for its record */
	PLAN_PUTS,		/* that is on its way to the peer */
	PLAN_DONE,		/* all that was to be put was put */
	PLAN_LOST,		/* or it was not: the peer has closed */
};

/* What becomes of one connection that comes to the proxy. */
struct attack_plan {
	atomic_int refs;	/* of who made it, and of the connection */
	enum fault fault;
	bool up;		/* of what the source says; else of what the receiver says */
	bool head;		/* a FLIP of what the record says of itself in the clear */
	bool idle;		/* a FLIP that flips nothing: it has to be found out */
	unsigned int record;	/* which one of that direction */
	unsigned int seed;
	unsigned int patience_ms;	/* then it is cut, should nothing more come after the fault; 0: never */
	atomic_uint *left;	/* NULL, or as many faults may still come to pass */
	bool keep;		/* what the source says, for a later REPLAY */

	/* what it has come to; but for the state, to be looked at from PLAN_PUTS on */
	atomic_int state;
	unsigned int type, bytes, at, bit;	/* of the record; the latter of a FLIP */
};

struct attack_plan *attack_plan_new(void);
void attack_plan_put(struct attack_plan *plan);	/* accepts NULL */

__attribute__((noreturn, format(printf, 1, 2)))
void attack_die(const char *fmt, ...);
void attack_fill(u8 *p, u32 block, u8 version);

#define ATTACK_BLOCK	4096u
#define ATTACK_BLOCKS	64u
#define ATTACK_FRAMES	8u

/* --- the proxy --- */

extern u8 attack_kept[ATTACK_KEPT_MAX];
extern size_t attack_kept_bytes;

/* Whatever passes comes to @to. */
void attack_proxy_to(const struct dmm_target *to);
/* From now on so does whoever connects to the loopback at @port, by what @next says, whose reference it takes. */
void attack_proxy_open(u16 port, struct attack_plan *(*next)(void));
/* And so does one connection, of which @plan becomes true, and of no other.  Returns the port of the loopback where it is to come. */
u16 attack_proxy_once(struct attack_plan *plan);
int attack_connect_receiver(void);	/* past it; -1 */
bool attack_put(int fd, const u8 *p, size_t bytes);

/* --- a source that is the module: @device has a table of it, of ATTACK_BLOCKS --- */

void attack_module_open(const char *device, const u8 migration[DMM_ID_BYTES]);
/* A write of the guest's, which must not fail. */
void attack_module_write(u32 block, u8 version);
/* Ships by @fd, which stays the caller's, from now on; as @ok has said and @security says.  0 or -ENOTCONN. */
int attack_module_begin(int fd, u64 conn_epoch, u32 security, const struct dmm_wire_hello_ok *ok);
/* Has all that was written there, and flushed, within @patience_ms? 0, or -errno: it was lost, or is late. */
int attack_module_arrive(int patience_ms);
/* The connection may go: of one that was lost it goes on later, one that is well is stopped. */
void attack_module_end(void);

#endif
