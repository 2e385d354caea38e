/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The toolstack's receiver of a guest, one of each input, in the world of world.h: what it says is the input's word, and what passes by
 * the daemon has to come out as it went in, up to where a gate was shut.
 */
#ifndef DMM_FUZZ_TOOLSTACK_H
#define DMM_FUZZ_TOOLSTACK_H

#include "dmmigrated/migrations.h"
#include "world.h"

/* Of a new input. @pidfd: does the kernel tell that a process has ended? */
void toolstack_init(bool is_there, bool pidfd);
/* As dmm_processes_guest(). */
int toolstack_begin(int *stream, int *words, int *process);
/*
 * A record of it: a frame's payload is what it says, on standard error or to the source; it reads nothing any more, or closes that, and has
 * ended once it has closed both.  Before it has begun, and after that, nobody says it.  Returns what the record took.
 */
size_t toolstack_record(const u8 *data, size_t size, bool on_stderr, bool deaf, bool end);
/* The input is over: who has not begun ends as soon as it does. */
void toolstack_over(void);
/* What a source, @from, @heard of it in @bytes. */
void toolstack_check(const struct world_sock *from, const u8 *heard, size_t bytes);
/* All that the daemon has is settled; @migrations may be NULL. */
void toolstack_check_gates(struct dmm_migrations *migrations);
/* The daemon has let go of it. */
void toolstack_exit(void);

#endif
