/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A world for code that is written for threads, sockets and time, within one thread: its threads are fibers that are
 * switched where they would wait, its sockets and eventfds are memory, its clock stands still until nothing
 * else can happen.  So whatever comes is the input's doing, nothing has to be waited for, and the same input does the same.
 *
 * world*.c take the place of what libc has for these (world_wrap in the Makefile), between world_enter() and
 * world_leave() alone.
 */
#ifndef DMM_FUZZ_WORLD_H
#define DMM_FUZZ_WORLD_H

#include <stdbool.h>

#include "fuzz.h"

struct world_sock;

void world_enter(void);
void world_leave(void);		/* every fiber has ended */

/* The other end of a new socket, whose descriptor is *@fd. */
struct world_sock *world_sock_new(int *fd);
/* After the other side has closed its descriptor. */
void world_sock_free(struct world_sock *s);

/* What the peer says; nothing that was said before is lost. */
void world_say(struct world_sock *s, const void *buf, size_t bytes);
void world_say_end(struct world_sock *s);
/* The peer is no more: nothing can be said to it, either. */
void world_hang_up(struct world_sock *s);
/* From now on the peer reads nothing. */
void world_deafen(struct world_sock *s);
/* What it heard, since the beginning. */
const u8 *world_heard(const struct world_sock *s, size_t *bytes);
/* What was said to the other side, since the beginning. */
const u8 *world_said(const struct world_sock *s, size_t *bytes);
/* Has the other side said something after it had shut down its output? */
bool world_passed_shut(const struct world_sock *s);
bool world_sock_closed(const struct world_sock *s);
/* The peer's end of @fd, or NULL. */
struct world_sock *world_sock_of(int fd);

/* Until all fibers wait. */
void world_settle(void);
/* On to the next moment at which one waits no longer, and until all wait again.  False: there is none. */
bool world_sleep(void);
u64 world_now_ms(void);

#endif
