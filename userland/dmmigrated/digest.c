// SPDX-License-Identifier: GPL-2.0
/*
 * Reading ranges of a destination back and hashing them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "digest.h"
#include "fullio.h"
#include "nbd.h"
#include "thread.h"

#define DIGEST_WAIT_MS	20000u	/* less than the tool waits for an answer */

void dmm_digester_init(struct dmm_digester *dg)
{

	dg->nr_free = DMM_DIGESTS_AT_ONCE;
	dg->wait_ms = DIGEST_WAIT_MS;
	pthread_mutex_init(&dg->lock, NULL);
	dmm_cond_init(&dg->freed);
}

void dmm_digester_exit(struct dmm_digester *dg)
{
	pthread_cond_destroy(&dg->freed);
	pthread_mutex_destroy(&dg->lock);
}

bool dmm_digester_get(struct dmm_digester *dg, int stop_fd)
{
	u64 deadline_ms = dmm_now_ms() + dg->wait_ms;
	struct timespec until;
	bool got;

	pthread_mutex_lock(&dg->lock);
	while (!dg->nr_free && dmm_now_ms() < deadline_ms &&
	       dmm_wait_fd(-1, 0, 0, stop_fd) != -ECANCELED) {
		dmm_deadline(100, &until);	/* in steps, so that stop_fd is noticed */
		pthread_cond_timedwait(&dg->freed, &dg->lock, &until);
	}
	got = dg->nr_free;
	dg->nr_free -= got;
	pthread_mutex_unlock(&dg->lock);
	return got;
}

void dmm_digester_put(struct dmm_digester *dg)
{
	pthread_mutex_lock(&dg->lock);
	dg->nr_free++;
	pthread_cond_signal(&dg->freed);
	pthread_mutex_unlock(&dg->lock);
}

/* A turn and a buffer for it, which is memory for as long as it is read into. 0 with @r untouched. */
static int digest_begin(struct dmm_digester *dg, int stop_fd, u8 **buf, struct dmm_refusal *r)
{
	if (!dmm_digester_get(dg, stop_fd))
		return dmm_refuse(r, DMM_WERR_BUSY, "%u digests of this disk are being read already: "
				  "try again later, and see whether it hangs", DMM_DIGESTS_AT_ONCE);
	*buf = mmap(NULL, DMM_DIGEST_BUFFER_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*buf != MAP_FAILED)
		return 0;
	dmm_digester_put(dg);
	return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
}

static void digest_end(struct dmm_digester *dg, u8 *buf)
{
	munmap(buf, DMM_DIGEST_BUFFER_BYTES);
	dmm_digester_put(dg);
}

/* A file may end before the aligned end, @want is what it has. */
static int read_at_least(const struct dmm_readable *what, u8 *buf, size_t bytes, size_t want,
			 u64 offset)
{
	if (what->nbd)
		return dmm_nbd_pread(what->nbd, buf, bytes, offset);
	return dmm_pread_at_least(what->fd, buf, bytes, want, offset);
}

static int digest_read(const struct dmm_readable *what, u8 *buf, u64 offset, u64 length, u64 align, int stop_fd,
		       XXH3_state_t *state)
{
	u64 end = offset + length, from, to, last;
	int ret;

	for (from = offset & ~(align - 1); from < end; from = to) {
		if (dmm_wait_fd(-1, 0, 0, stop_fd) == -ECANCELED)
			return -ECANCELED;
		to = from + DMM_DIGEST_BUFFER_BYTES;
		last = to < end ? to : end;
		if (to > end)
			to = (end + align - 1) & ~(align - 1);
		ret = read_at_least(what, buf, to - from, last - from, from);
		if (ret)
			return ret;
		if (from < offset)
			XXH3_128bits_update(state, buf + (offset - from), last - offset);
		else
			XXH3_128bits_update(state, buf, last - from);
	}
	return 0;
}

static int digest_failed(int err, u64 offset_bytes, u64 length_bytes, struct dmm_refusal *r)
{
	if (err == -ECANCELED)
		return dmm_refuse(r, DMM_WERR_SHUTDOWN, "the receiver is going down");
	return dmm_refuse(r, DMM_WERR_IO, "cannot read %llu bytes at %llu back: %s", length_bytes,
			  offset_bytes, strerror(-err));
}

int dmm_digest_range(struct dmm_digester *dg, const struct dmm_readable *from,
		     u64 offset_bytes, u64 length_bytes, u32 align_bytes, int stop_fd, u8 digest[32], struct dmm_refusal *r)
{
	XXH3_state_t *state = XXH3_createState();
	XXH128_canonical_t canonical;
	u8 *buf;
	int ret;

	if (!state)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	XXH3_128bits_reset(state);
	/* dirty pages stay: dmm_disk_digest_begin() has written them, and has their errors */
	if (align_bytes == 1)
		posix_fadvise(from->fd, offset_bytes, length_bytes, POSIX_FADV_DONTNEED);
	ret = digest_begin(dg, stop_fd, &buf, r);
	if (ret) {
		XXH3_freeState(state);
		return ret;
	}
	ret = digest_read(from, buf, offset_bytes, length_bytes, align_bytes, stop_fd, state);
	digest_end(dg, buf);
	if (ret) {
		ret = digest_failed(ret, offset_bytes, length_bytes, r);
	} else {
		XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
		memset(digest, 0, 32);
		memcpy(digest, canonical.digest, sizeof(canonical.digest));
	}
	XXH3_freeState(state);
	return ret;
}

/* Where the next data of a file is, at or behind @at: @at itself where that cannot be said. */
static u64 next_data(int fd, u64 at)
{
	off_t data = lseek(fd, at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? ~0ull : at;	/* ENXIO: a hole to the end */
	return data;
}

static void digest_one(const u8 *buf, u64 bytes, u8 *digest)
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(buf, bytes));
	memcpy(digest, canonical.digest, DMM_HASH_BYTES);
}

/* The granules of [@from, @end), which is in a hole. @zeros: of a whole one, once *@known. */
static u8 *digest_hole(u64 from, u64 end, u64 granule, u8 *buf, u8 *zeros, bool *known, u8 *out)
{
	u64 n;

	if (!*known) {
		memset(buf, 0, granule);
		digest_one(buf, granule, zeros);
		*known = true;
	}
	for (; from < end; from += n, out += DMM_HASH_BYTES) {
		n = end - from < granule ? end - from : granule;
		if (n == granule) {
			memcpy(out, zeros, DMM_HASH_BYTES);
			continue;
		}
		memset(buf, 0, n);
		digest_one(buf, n, out);
	}
	return out;
}

static int digest_read_granules(const struct dmm_readable *what, bool file, u8 *buf, u64 offset, u64 length, u64 granule,
				u64 align, int stop_fd, u8 *out)
{
	u64 end = offset + length, from, to, last, data, at, n;
	u8 zeros[DMM_HASH_BYTES];
	bool known = false;
	int ret;

	for (from = offset; from < end; from = to) {
		if (dmm_wait_fd(-1, 0, 0, stop_fd) == -ECANCELED)
			return -ECANCELED;
		data = file ? next_data(what->fd, from) : from;
		if (data - from >= granule) {
			to = data < end ? data & ~(granule - 1) : end;
			out = digest_hole(from, to, granule, buf, zeros, &known, out);
			continue;
		}
		to = from + DMM_DIGEST_BUFFER_BYTES;
		last = to < end ? to : end;
		if (to > end)
			to = (end + align - 1) & ~(align - 1);
		ret = read_at_least(what, buf, to - from, last - from, from);
		if (ret)
			return ret;
		for (at = from; at < last; at += n, out += DMM_HASH_BYTES) {
			n = last - at < granule ? last - at : granule;
			digest_one(buf + (at - from), n, out);
		}
	}
	return 0;
}

int dmm_digest_granules(struct dmm_digester *dg, const struct dmm_readable *from, bool file,
			u64 offset_bytes, u64 length_bytes, u32 granule_bytes, u32 align_bytes, int stop_fd,
			u8 *digests, struct dmm_refusal *r)
{
	u8 *buf;
	int ret = digest_begin(dg, stop_fd, &buf, r);

	if (ret)
		return ret;
	ret = digest_read_granules(from, file, buf, offset_bytes, length_bytes, granule_bytes,
				   align_bytes, stop_fd, digests);
	digest_end(dg, buf);
	return ret ? digest_failed(ret, offset_bytes, length_bytes, r) : 0;
}

int dmm_digest_read(const struct dmm_readable *from, void *buf, u64 offset_bytes, u32 bytes, u32 align_bytes,
		    const u8 **data)
{
	u64 align = align_bytes, end = offset_bytes + bytes;
	u64 first = offset_bytes & ~(align - 1), last = (end + align - 1) & ~(align - 1);

	if (last - first > DMM_DIGEST_READ_BUFFER)
		return -E2BIG;
	if (align_bytes == 1 && !from->nbd)
		posix_fadvise(from->fd, first, last - first, POSIX_FADV_DONTNEED);
	*data = (u8 *)buf + (offset_bytes - first);
	return read_at_least(from, buf, last - first, end - first, first);
}
