/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What stands before a guest no disk of which moves, as gates do before disks: the streams that its memory comes by, and the word that
 * it may run.  Nothing else can have it run here.
 *
 *	shut, reads	memory passes
 *	open		what passes is the word that it may run: with the first byte it counts as told
 *	shut again	no stream passes anything any more, and whoever would act on what has passed is at an end
 *
 * One lock, a leaf; who waits for streams to end waits with it let go.
 */
#ifndef DMM_GUEST_GATE_H
#define DMM_GUEST_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/handover.h"
#include "list.h"

struct dmm_guest_gate {
	pthread_mutex_t lock;
	pthread_cond_t left;		/* a stream has ended */
	/* protected by lock */
	bool open;
	u32 nr_told;			/* streams, also of the past, by which it was told to run, and has not said that it does not */
	struct dmm_list streams;
};

struct dmm_guest_stream {
	/* protected by the gate's lock */
	struct dmm_list node;
	int receiver;			/* the toolstack's receiver; borrowed from enter to leave */
	bool told, shut;
};

void dmm_guest_gate_init(struct dmm_guest_gate *g);
/* No stream is left. */
void dmm_guest_gate_exit(struct dmm_guest_gate *g);

/* A stream to @receiver begins. */
void dmm_guest_gate_enter(struct dmm_guest_gate *g, struct dmm_guest_stream *s, int receiver);
/* It is over, and so is the receiver's process. */
void dmm_guest_gate_leave(struct dmm_guest_gate *g, struct dmm_guest_stream *s);
/* Before bytes from the source go to the receiver.  False: they may not. */
bool dmm_guest_gate_pass(struct dmm_guest_gate *g, struct dmm_guest_stream *s);
/* The receiver was told, and says that it could not, and that its copy is no more. */
void dmm_guest_gate_failed(struct dmm_guest_gate *g, struct dmm_guest_stream *s);

/*
 * As struct dmm_group_ops.gates has it.  With @written: all streams are at an end when it returns 0; -EBUSY: the guest was told to run,
 * and nothing was done; -ETIMEDOUT: none passes anything any more, but a receiver has not ended; @why of @bytes.  Without: they pass
 * nothing any more.
 */
int dmm_guest_gate_move(struct dmm_guest_gate *g, enum dmm_ho_gate gate, const bool *written, char *why, size_t bytes);

#endif
