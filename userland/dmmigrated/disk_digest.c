// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a prepared disk back: descriptors, caches, and what may not happen meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "disk_ops.h"
#include "disk_priv.h"
#include "nbd.h"

static int flush_by_fd(void *fd)
{
	return fdatasync(*(int *)fd) ? -errno : 0;
}

/*
 * Dirty pages cannot be dropped from the cache, so a digest writes them first.  @fd shares its
 * error state with the barriers' descriptor: what it is told, they are not told any more.
 */
int dmm_disk_flush_for_reading(struct dmm_disk *d, int fd, struct dmm_refusal *r)
{
	u32 error;

	if (!(d->dest.flags & DMM_PREPARED_BUFFERED))
		return 0;
	pthread_mutex_lock(&d->flush_lock);
	error = dmm_disk_flush_locked(d, flush_by_fd, &fd);
	pthread_mutex_unlock(&d->flush_lock);
	return error ? dmm_disk_refuse_unflushed(error, r) : 0;
}

/*
 * What a buffered write lost when it was written back is still in the cache, and clean: whoever was told
 * of it may be gone.  So nothing that was there before us is compared by its cached copy.
 */
static int disk_drop_cache(struct dmm_disk *d, int fd, struct dmm_refusal *r)
{
	u32 error = DMM_WERR_OK;

	if (!(d->dest.flags & DMM_PREPARED_BUFFERED))
		return 0;
	pthread_mutex_lock(&d->flush_lock);
	if (!d->cache_dropped) {
		error = dmm_disk_flush_locked(d, flush_by_fd, &fd);
		if (!error)
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		d->cache_dropped = !error;
	}
	pthread_mutex_unlock(&d->flush_lock);
	return error ? dmm_disk_refuse_unflushed(error, r) : 0;
}

void dmm_disk_reader_close(struct dmm_disk *d, struct dmm_digest_reader *rd)
{
	close(rd->from.fd);
	dmm_nbd_put(rd->from.nbd);
	if (!rd->claims)
		return;
	pthread_mutex_lock(&d->lock);
	d->digests--;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

int dmm_disk_reader_open(struct dmm_disk *d, int again_fd, struct dmm_digest_reader *rd, struct dmm_refusal *r)
{
	int ret = 0;

	rd->claims = false;
	pthread_mutex_lock(&d->lock);
	rd->frames = d->received_frames;
	if (d->state != DMM_DISK_FINISHED) {
		ret = dmm_disk_check_state_locked(d, r);
		if (ret)
			goto out_unlock;
		rd->from.fd = fcntl(d->dest.fd, F_DUPFD_CLOEXEC, 0);
		if (rd->from.fd < 0) {
			ret = dmm_refuse(r, DMM_WERR_LIMIT, "out of file descriptors");
			goto out_unlock;
		}
		rd->from.nbd = dmm_nbd_get(d->dest.nbd);
		rd->claims = true;
		d->digests++;
	}
out_unlock:
	pthread_mutex_unlock(&d->lock);
	if (ret || rd->claims) {
		if (again_fd >= 0)
			close(again_fd);
		return ret;
	}
	/* finished, for good: what is read of dest is constant */
	rd->from.nbd = NULL;
	rd->from.fd = again_fd >= 0 ? again_fd : dmm_dest_reopen(&d->dest, &rd->from.nbd, r);
	return rd->from.fd < 0 ? rd->from.fd : 0;
}

int dmm_disk_digest_begin(struct dmm_disk *d, int again_fd, struct dmm_digest_reader *rd, struct dmm_refusal *r)
{
	int ret = dmm_disk_reader_open(d, again_fd, rd, r);

	if (ret || !rd->claims)
		return ret;
	if (dmm_order_idle(&d->order))
		ret = dmm_disk_flush_for_reading(d, rd->from.fd, r);
	else
		ret = dmm_refuse(r, DMM_WERR_BUSY, "writes are in flight: freeze the source first");
	if (ret)
		dmm_disk_reader_close(d, rd);
	return ret;
}

int dmm_disk_digest_end(struct dmm_disk *d, struct dmm_digest_reader *rd, struct dmm_refusal *r)
{
	bool same;

	pthread_mutex_lock(&d->lock);
	same = d->received_frames == rd->frames;
	pthread_mutex_unlock(&d->lock);
	/* data.c adds to the order before it counts: one of the two shows a newcomer */
	same = same && dmm_order_idle(&d->order);
	dmm_disk_reader_close(d, rd);
	if (same)
		return 0;
	return dmm_refuse(r, DMM_WERR_BUSY, "data arrived while the digest was read: "
			  "freeze the source first");
}

int dmm_disk_hashes_begin(struct dmm_disk *d, int again_fd, u64 offset_bytes, u64 length_bytes,
			  struct dmm_digest_reader *rd, struct dmm_refusal *r)
{
	int ret = dmm_disk_reader_open(d, again_fd, rd, r);

	if (ret || !rd->claims)
		return ret;
	ret = disk_drop_cache(d, rd->from.fd, r);
	if (!ret && !dmm_order_watch(&d->order, &rd->watch, offset_bytes, offset_bytes + length_bytes))
		ret = dmm_refuse(r, DMM_WERR_BUSY, "%llu bytes at %llu are being written: ask again once "
				 "they are acknowledged", length_bytes, offset_bytes);
	if (ret)
		dmm_disk_reader_close(d, rd);
	return ret;
}

int dmm_disk_hashes_end(struct dmm_disk *d, struct dmm_digest_reader *rd, struct dmm_refusal *r)
{
	bool alone = !rd->claims || dmm_order_unwatch(&d->order, &rd->watch);

	dmm_disk_reader_close(d, rd);
	if (alone)
		return 0;
	return dmm_refuse(r, DMM_WERR_BUSY, "data arrived for the range while it was hashed");
}

int dmm_disk_digest(struct dmm_disk *d, const struct dmm_digest_request *rq, int again_fd, int stop_fd, u8 digest[32],
		    struct dmm_refusal *r)
{
	struct dmm_digest_reader rd;
	struct dmm_refusal late;
	int ret, end;

	ret = dmm_disk_digest_begin(d, again_fd, &rd, r);
	if (ret)
		return ret;
	ret = dmm_digest_range(&d->digester, &rd.from, rq->offset_bytes, rq->length_bytes, d->dest.align_bytes, stop_fd,
			       digest, r);
	end = dmm_disk_digest_end(d, &rd, &late);
	if (!ret && end)
		*r = late;
	return ret ? ret : end;
}

int dmm_disk_hashes(struct dmm_disk *d, const struct dmm_hashes_request *rq, int again_fd, int stop_fd, u8 *hashes,
		    struct dmm_refusal *r)
{
	struct dmm_digest_reader rd;
	struct dmm_refusal late;
	int ret, end;

	ret = dmm_disk_hashes_begin(d, again_fd, rq->offset_bytes, rq->length_bytes, &rd, r);
	if (ret)
		return ret;
	ret = dmm_digest_granules(&d->digester, &rd.from, d->dest.flags & DMM_PREPARED_FILE, rq->offset_bytes,
				  rq->length_bytes, rq->granule_bytes, d->dest.align_bytes, stop_fd, hashes, r);
	end = dmm_disk_hashes_end(d, &rd, &late);
	if (!ret && end)
		*r = late;
	return ret ? ret : end;
}
