// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a destination back and comparing it with the table of what it was given.
 *
 * What is read is watched in the order meanwhile: nothing of it was being written when the watch began, and
 * what came until it ended shows.  So a difference is the disk's, never a race's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "datasum.h"
#include "disk_priv.h"
#include "fullio.h"
#include "prove.h"

#define RANDOM_TRIES	512u	/* to hit on an extent that is known */

/* Who reads. */
struct prover {
	struct dmm_disk *d;
	struct dmm_digest_reader rd;
	void *buf;
};

static int prover_open(struct prover *pv, struct dmm_disk *d, struct dmm_refusal *r)
{
	int ret;

	pv->d = d;
	pv->buf = mmap(NULL, DMM_DIGEST_READ_BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	if (pv->buf == MAP_FAILED)
		return dmm_refuse(r, DMM_WERR_INTERNAL, "out of memory");
	ret = dmm_disk_reader_open(d, -1, &pv->rd, r);
	if (!ret && !pv->rd.claims) {
		dmm_disk_reader_close(d, &pv->rd);
		ret = dmm_refuse(r, DMM_WERR_NOTFOUND, "the disk is finished: it is proved before");
	}
	if (ret)
		munmap(pv->buf, DMM_DIGEST_READ_BUFFER);
	return ret;
}

static void prover_close(struct prover *pv)
{
	dmm_disk_reader_close(pv->d, &pv->rd);
	munmap(pv->buf, DMM_DIGEST_READ_BUFFER);
}

/* The disk does not have what it was given. Returns the error for `return`, with @r filled. */
static int prove_lies(struct dmm_disk *d, struct dmm_refusal *r, const char *what)
{
	u32 error = dmm_disk_fail_aloud(d, DMM_WERR_DIFFERS, what);

	return dmm_refuse(r, error, "%s", what);
}

static int prove_unreadable(struct dmm_disk *d, u64 offset, u32 bytes, int err, struct dmm_refusal *r)
{
	char what[128];

	snprintf(what, sizeof(what), "cannot read %u bytes at %llu back: %s", bytes, offset, strerror(-err));
	return dmm_refuse(r, dmm_disk_fail_aloud(d, dmm_disk_io_error(d, err), what), "%s", what);
}

/*
 * Reads what is watched, and ends the watch.  1: *data is what the disk has; 0: it was written meanwhile, or cannot
 * be read by itself; else the disk has failed.
 */
static int prove_read(struct prover *pv, struct dmm_order_watch *watch, u64 offset, u32 bytes, const u8 **data,
		      struct dmm_refusal *r)
{
	int ret = dmm_digest_read(&pv->rd.from, pv->buf, offset, bytes, pv->d->dest.align_bytes, data);

	if (!dmm_order_unwatch(&pv->d->order, watch) || ret == -E2BIG)
		return 0;
	return ret ? prove_unreadable(pv->d, offset, bytes, ret, r) : 1;
}

/* @data was read where what has @received was written. 1, or the error. */
static int prove_same(struct dmm_disk *d, u64 offset, const u8 *data, u32 bytes, enum dmm_sum_kind kind, u32 received,
		      struct dmm_refusal *r)
{
	u32 has = dmm_sum(kind, 0, data, bytes);
	char what[160];

	if (has == received)
		return 1;
	snprintf(what, sizeof(what), "the destination's disk returned other data than was written, at offset %llu "
		 "(%u bytes, %s %08x, not %08x)", offset, bytes, dmm_sum_name(kind), dmm_sum_shown(kind, has, bytes),
		 dmm_sum_shown(kind, received, bytes));
	return prove_lies(d, r, what);
}

/*
 * Extent @i: 1 with @s and *data of what the disk has, which is what was received if that is known; else as prove_read().
 */
static int prove_extent(struct prover *pv, u64 i, struct dmm_proof_state *s, const u8 **data, struct dmm_refusal *r)
{
	struct dmm_disk *d = pv->d;
	struct dmm_order_watch watch;
	u64 first = i * DMM_PROOF_BYTES;
	int ret;

	dmm_proof_get(&d->proof, i, s);
	if (!dmm_order_watch(&d->order, &watch, first, first + s->bytes))
		return 0;
	/* what came before the watch is in the table, and on the disk */
	dmm_proof_get(&d->proof, i, s);
	ret = prove_read(pv, &watch, first, s->bytes, data, r);
	return ret > 0 && s->known ? prove_same(d, first, *data, s->bytes, s->kind, s->sum, r) : ret;
}

/* A frame that came last. 1: it is there; else as prove_read(). */
static int prove_frame(struct prover *pv, const struct dmm_proof_frame *f, struct dmm_refusal *r)
{
	struct dmm_disk *d = pv->d;
	struct dmm_order_watch watch;
	const u8 *data;
	int ret;

	if (!dmm_order_watch(&d->order, &watch, f->offset_bytes, f->offset_bytes + f->bytes))
		return 0;
	if (!dmm_proof_is_last(&d->proof, f)) {
		dmm_order_unwatch(&d->order, &watch);
		return 0;
	}
	ret = prove_read(pv, &watch, f->offset_bytes, f->bytes, &data, r);
	return ret > 0 ? prove_same(d, f->offset_bytes, data, f->bytes, f->kind, f->sum, r) : ret;
}

/* --- the sample --- */

enum dmm_sample_state dmm_disk_sample_state(struct dmm_disk *d, u64 conn_epoch, u64 barrier)
{
	enum dmm_sample_state state = DMM_SAMPLE_MISSING;

	pthread_mutex_lock(&d->lock);
	if (d->sample_epoch == conn_epoch && d->sample_barrier == barrier)
		state = d->sample_taken ? DMM_SAMPLE_TAKEN : DMM_SAMPLE_UNDER_WAY;
	else if (d->sampling)
		state = DMM_SAMPLE_UNDER_WAY;	/* of one before: ask again */
	if (state == DMM_SAMPLE_MISSING) {
		d->sample_epoch = conn_epoch;
		d->sample_barrier = barrier;
		d->sample_taken = false;
		d->sampling = true;
	}
	pthread_mutex_unlock(&d->lock);
	return state;
}

static void sample_end(struct dmm_disk *d, bool taken)
{
	pthread_mutex_lock(&d->lock);
	d->sampling = false;
	d->sample_taken = taken;
	if (!taken)	/* it may be asked for again */
		d->sample_barrier = 0;
	pthread_mutex_unlock(&d->lock);
}

void dmm_disk_sample_drop(struct dmm_disk *d)
{
	sample_end(d, false);
}

/* One is read, however late it has become. */
static bool sample_over(u32 left, u64 until_ms, int stop_fd)
{
	return (left < DMM_SAMPLE_READS && dmm_now_ms() >= until_ms) ||
	       dmm_wait_fd(-1, 0, 0, stop_fd) == -ECANCELED;
}

/* Numbers that nobody has to be unable to guess. */
static u64 next_random(u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 16;
}

static int sample_random(struct prover *pv, u32 left, u64 until_ms, int stop_fd, struct dmm_refusal *r)
{
	struct dmm_proof *p = &pv->d->proof;
	struct dmm_proof_state s;
	u64 i, seed;
	const u8 *data;
	int ret = 0;
	u32 n;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = dmm_now_ms();
	for (n = 0; n < RANDOM_TRIES && left && ret >= 0 && !sample_over(left, until_ms, stop_fd); n++) {
		i = next_random(&seed) % p->nr;
		dmm_proof_get(p, i, &s);
		if (!s.known)
			continue;
		ret = prove_extent(pv, i, &s, &data, r);
		left--;
	}
	return ret;
}

static int sample_take(struct prover *pv, int stop_fd, struct dmm_refusal *r)
{
	u64 until_ms = dmm_now_ms() + DMM_SAMPLE_MS;
	u32 left = DMM_SAMPLE_READS, n;
	struct dmm_proof_frame f;
	int ret = 0;

	for (n = 0; n < DMM_PROOF_RECENT && left > DMM_SAMPLE_READS - DMM_SAMPLE_RECENT &&
	     ret >= 0 && !sample_over(left, until_ms, stop_fd); n++) {
		if (!dmm_proof_recent(&pv->d->proof, n, &f))
			continue;
		ret = prove_frame(pv, &f, r);
		left--;
	}
	if (ret >= 0)
		ret = sample_random(pv, left, until_ms, stop_fd, r);
	return ret < 0 ? ret : 0;
}

int dmm_disk_sample(struct dmm_disk *d, int stop_fd)
{
	struct prover pv;
	struct dmm_refusal r;
	u64 began_ms = dmm_now_ms();
	int ret;

	ret = dmm_disk_judge(d, &r);
	if (!ret)
		ret = prover_open(&pv, d, &r);
	if (!ret) {
		ret = sample_take(&pv, stop_fd, &r);
		prover_close(&pv);
		if (!ret && dmm_wait_fd(-1, 0, 0, stop_fd) == -ECANCELED)
			ret = dmm_refuse(&r, DMM_WERR_SHUTDOWN, "the receiver is going down");
	}
	sample_end(d, !ret);
	if (ret)
		dmm_err(&d->log_id, "not proved: %s", r.text);
	else
		dmm_info(&d->log_id, "a sample was read back, in %llu ms", dmm_now_ms() - began_ms);
	return ret;
}

/* --- all of it --- */

/* Into @o; 0, or -errno. */
static int prove_one(struct prover *pv, u64 i, struct dmm_proved *o, struct dmm_refusal *r)
{
	struct dmm_proof_state s;
	const u8 *data;
	u32 crc;
	int ret = prove_extent(pv, i, &s, &data, r);

	if (ret < 0)
		return ret;
	o->generation = s.generation;
	if (!ret)
		return 0;
	crc = s.sum;
	/* the source compares by crc32c, whatever the frames had */
	if (!s.known || s.kind != DMM_SUM_CRC32C) {
		crc = dmm_crc32c(0, data, s.bytes);
		if (!dmm_proof_read(&pv->d->proof, &s, crc))
			return 0;
	}
	o->state = s.known ? DMM_PROVED_SAME : DMM_PROVED_READ;
	o->crc = dmm_sum_shown(DMM_SUM_CRC32C, crc, s.bytes);
	return 0;
}

int dmm_disk_prove(struct dmm_disk *d, u64 first, u32 nr, bool read, int stop_fd, struct dmm_proved *out,
		   struct dmm_refusal *r)
{
	struct dmm_proof_state s;
	struct prover pv;
	int ret;
	u32 i;

	memset(out, 0, nr * sizeof(*out));
	if (!read) {
		pthread_mutex_lock(&d->lock);
		ret = dmm_disk_check_state_locked(d, r);
		pthread_mutex_unlock(&d->lock);
		if (ret)
			return ret;
		for (i = 0; i < nr; i++) {
			dmm_proof_get(&d->proof, first + i, &s);
			out[i].generation = s.generation;
		}
		return 0;
	}
	ret = prover_open(&pv, d, r);
	if (ret)
		return ret;
	if (!dmm_digester_get(&d->digester, stop_fd)) {
		ret = dmm_refuse(r, DMM_WERR_BUSY, "%u digests of this disk are being read already: try again "
				 "later, and see whether it hangs", DMM_DIGESTS_AT_ONCE);
		goto out_close;
	}
	ret = dmm_disk_flush_for_reading(d, pv.rd.from.fd, r);
	for (i = 0; i < nr && !ret; i++) {
		ret = prove_one(&pv, first + i, &out[i], r);
		if (!ret && dmm_wait_fd(-1, 0, 0, stop_fd) == -ECANCELED)
			ret = dmm_refuse(r, DMM_WERR_SHUTDOWN, "the receiver is going down");
	}
	dmm_digester_put(&d->digester);
out_close:
	prover_close(&pv);
	return ret;
}

/* --- what the source has read --- */

/* Not before its destination has been opened. */
static bool has_table(struct dmm_disk *d)
{
	bool opened;

	pthread_mutex_lock(&d->lock);
	opened = d->state;
	pthread_mutex_unlock(&d->lock);
	return opened;
}

bool dmm_disk_compare(struct dmm_disk *d, u64 i, u32 generation, u32 crc)
{
	struct dmm_proof_state s;

	if (!has_table(d))
		return false;
	dmm_proof_get(&d->proof, i, &s);
	/* from 0, as the table has it */
	return dmm_proof_differs(&d->proof, i, generation, dmm_sum_join(DMM_SUM_CRC32C, ~0u, ~crc, s.bytes));
}

int dmm_disk_judge(struct dmm_disk *d, struct dmm_refusal *r)
{
	struct dmm_proof_state s;
	char what[160];
	u32 source_crc;

	if (!has_table(d) || !dmm_proof_judge(&d->proof, &s, &source_crc))
		return 0;
	snprintf(what, sizeof(what), "the sides differ at offset %llu (%u bytes, crc32c %08x at the source, %08x at "
		 "the destination)", s.offset_bytes, s.bytes,
		 dmm_sum_shown(DMM_SUM_CRC32C, source_crc, s.bytes), dmm_sum_shown(DMM_SUM_CRC32C, s.sum, s.bytes));
	return prove_lies(d, r, what);
}
