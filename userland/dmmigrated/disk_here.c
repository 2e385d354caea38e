// SPDX-License-Identifier: GPL-2.0
/*
 * What is asked of a disk whose destination this process has.
 */
#include <errno.h>
#include <string.h>

#include "data.h"
#include "disk_ops.h"
#include "disk_priv.h"

static int here_open(struct dmm_disk *d, struct dmm_dest *dest, struct dmm_refusal *r)
{
	/* not before, by what a peer says that it has */
	if (dmm_disk_reserve(d)) {
		dmm_dest_close(dest);
		return dmm_refuse(r, DMM_WERR_LIMIT, "out of memory: a disk of %llu bytes takes 16 MiB a TiB", d->prepare.size_bytes);
	}
	dmm_disk_opened(d, dest);
	return 0;
}

static int here_status(struct dmm_disk *d, struct dmm_disk_status *st, struct dmm_refusal *r)
{
	(void)r;
	pthread_mutex_lock(&d->lock);
	st->closed = d->closed;
	st->attached = d->attached;
	st->has_data = d->received_frames;
	st->state = d->state;
	st->error = d->error;
	st->conn_epoch = d->epoch;
	memcpy(st->error_text, d->error_text, sizeof(st->error_text));
	pthread_mutex_unlock(&d->lock);
	return 0;
}

static int here_finish(struct dmm_disk *d, bool kick, int stop_fd, struct dmm_refusal *r)
{
	return kick ? dmm_disk_quiesce(d, stop_fd, r) : dmm_disk_finish(d, stop_fd, r);
}

static int here_digest(struct dmm_disk *d, const struct dmm_digest_request *rq, int stop_fd, u8 digest[32],
		       struct dmm_refusal *r)
{
	return dmm_disk_digest(d, rq, -1, stop_fd, digest, r);
}

static int here_hashes(struct dmm_disk *d, const struct dmm_hashes_request *rq, int stop_fd, u8 *hashes,
		       struct dmm_refusal *r)
{
	return dmm_disk_hashes(d, rq, -1, stop_fd, hashes, r);
}

static int here_prove(struct dmm_disk *d, const struct dmm_prove_request *rq, int stop_fd, struct dmm_proved *out,
		      struct dmm_refusal *r)
{
	return dmm_disk_prove(d, rq->first, rq->nr, rq->read, stop_fd, out, r);
}

static int here_compare(struct dmm_disk *d, const struct dmm_compare_request *rq, u32 *differ, struct dmm_refusal *r)
{
	u32 i;

	*differ = 0;
	for (i = 0; i < rq->nr; i++)
		*differ += dmm_disk_compare(d, rq->extents[i].number, rq->extents[i].generation, rq->extents[i].crc);
	return rq->judge ? dmm_disk_judge(d, r) : 0;
}

static int here_barrier(struct dmm_disk *d, u64 conn_epoch, u64 barrier, bool *flushed, enum dmm_sample_state *sample)
{
	*flushed = dmm_disk_flushed_to(d, conn_epoch, barrier);
	*sample = *flushed ? dmm_disk_sample_state(d, conn_epoch, barrier) : DMM_SAMPLE_UNDER_WAY;
	return 0;
}

static int here_sample(struct dmm_disk *d, u64 conn_epoch, u64 barrier, int stop_fd, char why[160])
{
	int ret = dmm_disk_sample(d, stop_fd);

	why[0] = '\0';
	if (ret) {
		pthread_mutex_lock(&d->lock);
		memcpy(why, d->error_text, sizeof(d->error_text));
		pthread_mutex_unlock(&d->lock);
		return ret;
	}
	return dmm_disk_flushed_to(d, conn_epoch, barrier) ? 0 : -EAGAIN;
}

const struct dmm_disk_ops dmm_disk_here = {
	.open = here_open,
	.serve = dmm_data_serve,
	.status = here_status,
	.query = dmm_disk_query,
	.finish = here_finish,
	.release = dmm_disk_release,
	.digest = here_digest,
	.hashes = here_hashes,
	.prove = here_prove,
	.compare = here_compare,
	.barrier = here_barrier,
	.sample = here_sample,
	.sample_drop = dmm_disk_sample_drop,
};
