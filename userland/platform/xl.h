/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Xen's xl: the writer is a domain, and moves with its memory.
 */
#ifndef DMM_XL_H
#define DMM_XL_H

#include <pthread.h>

#include "dmmigrate/pace.h"
#include "dmmigrate/remote.h"
#include "platform.h"
#include "runner.h"
#include "xl_domain.h"
#include "xl_stream.h"

/* How xl begins the program that connects its pipes with ours: `dmmigrate --xl-transport FD`. */
#define DMM_XL_TRANSPORT	"--xl-transport"

struct dmm_xl {
	struct dmm_platform p;
	const struct dmm_xl_domain *domain;	/* borrowed */
	const char *config;			/* borrowed: path of the domain's configuration there */
	struct dmm_remote remote;		/* GUEST's connection */
	struct dmm_xl_stream stream;
	struct dmm_pace pace;			/* memory's, by the disks */
	bool firm;				/* somebody has named that pause: beyond it the domain goes on here */
	bool suspended;				/* it is, for the last of its memory: nothing has it wait any more */
	u64 said_ms;				/* when it was said last that memory waits; 0: never */
	struct dmm_runner migrate;		/* xl migrate */
	pthread_t reader;			/* of what it says */
	int transport;				/* closed: its end */
	bool runs;				/* reader is there */
	bool has_gone;				/* the sender has said GO */
	bool told;				/* and was told how it ended: it does the rest */
};

/*
 * The domain @name as it is now, by `xl list -l`.  0; -ENOENT: there is none of that name, or xl does not tell; -ENODATA: it is being
 * made; -ENOSYS: no xl; -errno; each with @why (DMM_XL_TEXT).
 */
int dmm_xl_domain_read(const char *name, struct dmm_xl_domain *d, char *why);

/* The same of the domain that has the disk: dmm_xl_domain_with(), and -ENOSYS: no xl; -errno. */
int dmm_xl_domain_read_with(bool (*is_it)(void *arg, const char *path), void *arg, struct dmm_xl_domain *d, u32 *which, char *why);

/* *x is the caller's; dmm_xl_ops.end frees what the rest has made. */
void dmm_xl_init(struct dmm_xl *x, struct dmm_tool *t, const struct dmm_xl_domain *domain, const char *config);

/* The other end of transport, in a process of its own: hands its pipes over and waits. Exit code. */
int dmm_xl_transport(const char *fd);

#endif
