/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the daemon asks a worker: one binary talks to itself, so these are its own structures.
 */
#ifndef DMM_WORKER_MSG_H
#define DMM_WORKER_MSG_H

#include "disk_ops.h"
#include "session.h"

enum dmm_worker_op {
	DMM_WORKER_OPEN = 1,	/* descriptor 0: the destination, unless an export */
	DMM_WORKER_DESTROY,
	DMM_WORKER_SERVE,	/* descriptor 0: the connection */
	DMM_WORKER_STATUS,
	DMM_WORKER_QUERY,
	DMM_WORKER_FINISH,
	DMM_WORKER_RELEASE,
	DMM_WORKER_DIGEST,	/* descriptor 0: the destination, once it is finished */
	DMM_WORKER_HASHES,	/* the same */
	DMM_WORKER_PROVE,
	DMM_WORKER_COMPARE,
	DMM_WORKER_BARRIER,
	DMM_WORKER_SAMPLE,
	DMM_WORKER_SAMPLE_DROP,
	DMM_WORKER_STOP,	/* end what is under way; of no disk */
	DMM_WORKER_LOG,		/* how much to; of no disk */
};

struct dmm_worker_ask {
	struct dmm_disk_name name;
	u64 serial;		/* of the record: one of the same name may be gone already, or be there still */
	union {
		struct {
			struct dmm_prepare prepare;
			struct dmm_dest dest;
		} open;
		struct {
			struct dmm_session session;	/* without rc */
			struct dmm_attach attach;
		} serve;
		bool kick;
		int log_level;
		struct dmm_digest_request digest;
		struct dmm_hashes_request hashes;
		struct dmm_prove_request prove;
		struct dmm_compare_request compare;
		struct {
			u64 conn_epoch;
			u64 barrier;
		} barrier;
	} u;
};

struct dmm_worker_answer {
	int ret;
	struct dmm_refusal refusal;	/* with a negative ret */
	union {
		struct dmm_dest dest;
		bool refused;		/* SERVE: see dmm_session.refused */
		struct dmm_disk_status status;
		struct dmm_wire_query_ok query;
		u8 digest[32];
		struct dmm_proved proved[DMM_MAX_PROVE];
		u32 differ;
		struct {
			bool flushed;
			enum dmm_sample_state sample;
		} barrier;
		char why[160];		/* SAMPLE, with a negative ret */
		u8 hashes[DMM_MAX_HASHES_BYTES];
	} u;
};

#endif
