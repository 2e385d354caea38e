/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dmm-nlfuzz: messages, right and wrong (nlfuzz_msg.c), and descriptors of every
 * kind for DMM_A_FD, with peers at the other end of the good ones (nlfuzz_fds.c).
 */
#ifndef TESTS_TOOLS_NLFUZZ_H
#define TESTS_TOOLS_NLFUZZ_H

#include <pthread.h>

#include "util.h"

#define NLFUZZ_MSG_BYTES	16384

struct nlfuzz {		/* constant once threads run, but for epoch */
	uint64_t dev;
	bool no_commit;
	bool release_often;
	uint16_t family;
	_Atomic uint64_t epoch;		/* of the latest FREEZE asked for */
};
extern struct nlfuzz fuzz;

/* One thread and its netlink socket. */
struct nlfuzz_worker {
	pthread_t thread;
	struct rng r;
	uint64_t todo;
	uint64_t migrations;
	int fd;			/* netlink */
	uint32_t seq;
	uint32_t bytes;		/* of the message being made */
	_Alignas(8) uint8_t msg[NLFUZZ_MSG_BYTES];
	_Alignas(8) uint8_t reply[65536];
};

/* 1 in @n */
static inline bool nlfuzz_odds(struct nlfuzz_worker *w, uint64_t n)
{
	return rng_below(&w->r, n) == 0;
}

/* A header in w->msg, with a new sequence number, and asked to be acknowledged. */
void nlfuzz_begin(struct nlfuzz_worker *w, uint8_t cmd, uint16_t flags);
/* An attribute with @bytes of @data, whatever nla_len says; ignored when there is no room. */
void nlfuzz_put(struct nlfuzz_worker *w, uint16_t type, const void *data, size_t bytes,
		uint16_t nla_len);
void nlfuzz_put_right(struct nlfuzz_worker *w, uint16_t type, uint64_t value, size_t bytes);
/* A whole random message.  *@to_close: a descriptor of its to close afterwards, or untouched. */
void nlfuzz_make(struct nlfuzz_worker *w, int *to_close);

/*
 * Opens those that last.  Needs the privileges that --no-cap drops (another network
 * namespace).  Prints what is wrong and exits.
 */
void fds_open(void);

/*
 * A descriptor of any kind, good ones more often: *@mine tells that the caller has to close it
 * (it is a fresh connection, whose peer does what @r says).  May be none at all (-1, closed
 * ones), which is a kind too.
 */
int fds_any(struct rng *r, bool *mine);

/* A fresh connection, whose peer acknowledges as a receiver does; the caller closes it.  -1: errno */
int fds_good(void);

/* Number @i of the bad ones that last; -1 when there are no more. */
int fds_bad(unsigned int i);

/* Ends the peers. */
void fds_close(void);

#endif
